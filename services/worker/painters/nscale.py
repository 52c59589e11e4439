"""nscale: one request, and the picture comes back in base64."""

from typing import Any

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import Brief, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, parameters


class Nscale(WithoutQueue):
    """``POST /nscale/v1/images/generations``."""

    provider = "nscale"

    def order(self, target: Target, brief: Brief) -> Call:
        """The request for a picture; nscale takes a size in words and chooses the steps itself."""
        body = parameters(brief)
        body.pop("num_inference_steps", None)
        width, height = body.pop("width", None), body.pop("height", None)
        if width and height:
            body["size"] = f"{width}x{height}"
        body |= {"prompt": brief.prompt, "model": target.provider_id, "response_format": "b64_json"}
        return Call("POST", "/v1/images/generations", body)

    def read(self, answer: HttpResponse, _handle: dict[str, Any], /) -> Found:
        """The picture of an answer."""
        return read_json_picture(answer, self.provider)
