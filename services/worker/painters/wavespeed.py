"""wavespeed: an order is taken at once, and its result asked for until it is there."""

from services.worker.painters.errors import read_failure, tells_an_error
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.paths import joined, path_of
from services.worker.painters.pictures import no_picture, read_item, unknown_state
from services.worker.painters.provider import (
    Call,
    Found,
    Underway,
    WithoutWithdrawal,
    data_url,
    first,
    mapping,
    parameters,
    text_of,
)
from shared.errors import PictureRefused
from shared.json_types import JsonObject


class Wavespeed(WithoutWithdrawal):
    """``POST /wavespeed/api/v3/{model}``, then the result where the answer says it is."""

    provider = "wavespeed"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture; sizes go in wavespeed's own words as well as in everybody's."""
        body: JsonObject = {"prompt": request.prompt, **parameters(request)}
        if request.width and request.height:
            body["size"] = f"{request.width}*{request.height}"
        if request.source:
            body["image"] = data_url(request.source)
        if target.adapter is not None:
            body["loras"] = [{"path": target.model, "scale": 1}]
        return Call("POST", f"/api/v3/{target.provider_id}", body)

    def look(self, handle: JsonObject, /) -> Call:
        """The request for the order's result."""
        return Call("GET", str(handle["path"]))

    def read(self, answer: HttpResponse, handle: JsonObject, /) -> Found | Underway:
        """An order as it stands."""
        content = mapping(answer.json, self.provider)
        if content.get("data") is None and tells_an_error(answer.body):
            raise unknown_state(answer, self.provider, None)
        data = mapping(content.get("data"), self.provider)
        match data.get("status"):
            case "completed":
                return self._result(answer, data)
            case "created" | "queued" | "processing":
                if path := _path(data) or handle.get("path"):
                    return Underway({"path": path})
            case "failed":
                raise read_failure(500, {}, str(data.get("error") or "").encode(), provider=self.provider)
        raise unknown_state(answer, self.provider, data.get("status"))

    def _result(self, answer: HttpResponse, data: JsonObject) -> Found:
        if first(data.get("has_nsfw_contents")) is True:
            raise PictureRefused("wavespeed hid the picture")
        found = read_item(first(data.get("outputs")))
        if found is None:
            raise no_picture(answer, self.provider)
        return Found(found.source, request_id=text_of(data.get("id")))


def _path(data: JsonObject) -> str | None:
    """The path of the order's result; None where the answer doesn't tell it."""
    urls = data.get("urls")
    told = path_of(urls.get("get")) if isinstance(urls, dict) else None
    return told or joined("api", "v3", "predictions", data.get("id"), "result")
