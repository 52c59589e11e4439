"""zai-org: an order is taken at once, and asked after until it is done."""

from services.worker.painters.errors import read_failure
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.paths import joined
from services.worker.painters.pictures import no_picture, read_item, unknown_state
from services.worker.painters.provider import Call, Found, Underway, WithoutWithdrawal, first, mapping
from shared.errors import PictureRefused
from shared.json_types import JsonObject

HEADERS = {"x-source-channel": "hugging_face", "Accept-Language": "en-US,en"}
PAUSE_S = 3.0


class Zai(WithoutWithdrawal):
    """``POST /zai-org/api/paas/v4/async/images/generations``, then ``GET …/async-result/{id}``."""

    provider = "zai-org"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture, of which only the size can be chosen."""
        body: JsonObject = {"model": target.provider_id, "prompt": request.prompt}
        if request.width and request.height:
            body["size"] = f"{request.width}x{request.height}"
        return Call("POST", "/api/paas/v4/async/images/generations", body, HEADERS)

    def look(self, handle: JsonObject, /) -> Call:
        """The request for the order as it stands."""
        return Call("GET", f"/api/paas/v4/async-result/{handle['id']}", headers=HEADERS)

    def read(self, answer: HttpResponse, handle: JsonObject, /) -> Found | Underway:
        """An order as it stands."""
        content = mapping(answer.json, self.provider)
        order_id = str(content.get("id") or handle.get("id") or "")
        match content.get("task_status"):
            case "SUCCESS":
                found = read_item(first(content.get("image_result")))
                if found is None:
                    raise no_picture(answer, self.provider)
                return Found(found.source, request_id=order_id or None)
            case "PROCESSING" if joined(order_id):
                return Underway({"id": order_id}, pause=PAUSE_S)
            case "FAIL" if content.get("content_filter"):
                raise PictureRefused("zai-org's filter refused the picture")
            case "FAIL":
                raise read_failure(500, {}, answer.body, provider=self.provider)
        raise unknown_state(answer, self.provider, content.get("task_status"))
