"""together: one request, and the picture comes back in base64."""

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, data_url, parameters
from shared.json_types import JsonObject


class Together(WithoutQueue):
    """``POST /together/v1/images/generations``."""

    provider = "together"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture."""
        body: JsonObject = {"prompt": request.prompt, "model": target.provider_id, "response_format": "base64"}
        if request.source and all(part in target.provider_id.lower() for part in ("kontext", "flux.1")):
            body["image_url"] = data_url(request.source)
        elif request.source:
            body["reference_images"] = [data_url(request.source)]
        return Call("POST", "/v1/images/generations", {**body, **parameters(request, steps="steps")})

    def read(self, answer: HttpResponse, _handle: JsonObject, /) -> Found:
        """The picture of an answer."""
        return read_json_picture(answer, self.provider)
