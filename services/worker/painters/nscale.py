"""nscale: one request, and the picture comes back in base64."""

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, parameters
from shared.json_types import JsonObject


class Nscale(WithoutQueue):
    """``POST /nscale/v1/images/generations``."""

    provider = "nscale"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture; nscale takes a size in words and chooses the steps itself."""
        body = parameters(request)
        body.pop("num_inference_steps", None)
        width, height = body.pop("width", None), body.pop("height", None)
        if width and height:
            body["size"] = f"{width}x{height}"
        body |= {"prompt": request.prompt, "model": target.provider_id, "response_format": "b64_json"}
        return Call("POST", "/v1/images/generations", body)

    def read(self, answer: HttpResponse, _handle: JsonObject, /) -> Found:
        """The picture of an answer."""
        return read_json_picture(answer, self.provider)
