"""together: one request, and the picture comes back in base64."""

from typing import Any

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import Brief, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, data_url, parameters


class Together(WithoutQueue):
    """``POST /together/v1/images/generations``."""

    provider = "together"

    def order(self, target: Target, brief: Brief) -> Call:
        """The request for a picture."""
        body: dict[str, Any] = {"prompt": brief.prompt, "model": target.provider_id, "response_format": "base64"}
        if brief.source and "kontext" in target.provider_id.lower():
            body["image_url"] = data_url(brief.source)
        elif brief.source:
            body["reference_images"] = [data_url(brief.source)]
        return Call("POST", "/v1/images/generations", {**body, **parameters(brief, steps="steps")})

    def read(self, answer: HttpResponse, _handle: dict[str, Any], /) -> Found:
        """The picture of an answer."""
        return read_json_picture(answer, self.provider)
