"""hf-inference: one request, and the picture's bytes come back."""

import base64
from typing import Any

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import Brief, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, parameters


class HFInference(WithoutQueue):
    """``POST /hf-inference/models/{model}``."""

    provider = "hf-inference"

    def order(self, target: Target, brief: Brief) -> Call:
        """The request for a picture; a cold model answers at once that it is loading."""
        return Call("POST", f"/models/{target.provider_id}", order(brief), {"Accept": "image/jpeg"})

    def read(self, answer: HttpResponse, _handle: dict[str, Any], /) -> Found:
        """The picture of an answer."""
        return read_picture(answer, self.provider)


def order(brief: Brief) -> dict[str, Any]:
    """The body that hf-inference and the dedicated endpoints take."""
    if brief.source:
        return {"inputs": base64.b64encode(brief.source).decode(), "parameters": _parameters_over(brief)}
    return {"inputs": brief.prompt, "parameters": parameters(brief)}


def _parameters_over(brief: Brief) -> dict[str, Any]:
    """What may be said beside a picture to start from: no seed, and the size under a name of its own."""
    said = {"prompt": brief.prompt, **parameters(brief)}
    said.pop("seed", None)
    width, height = said.pop("width", None), said.pop("height", None)
    if width and height:
        said["target_size"] = {"width": width, "height": height}
    return said


def read_picture(answer: HttpResponse, provider: str) -> Found:
    """Raw bytes, or one of the JSON forms that custom handlers answer with.

    Raises:
        ImagineError: A 200 with an error in its JSON, which legacy paths send.
    """
    if answer.json is None:
        # Whether these bytes are a picture is for the inspection to say: headers have been wrong before.
        return Found(answer.body)
    return read_json_picture(answer, provider)
