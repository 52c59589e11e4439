"""hf-inference: one request, and the picture's bytes come back."""

import base64

from services.worker.painters.errors import is_page
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.pictures import read_json_picture
from services.worker.painters.provider import Call, Found, WithoutQueue, parameters
from shared.errors import ServiceBusy
from shared.json_types import JsonObject


class HFInference(WithoutQueue):
    """``POST /hf-inference/models/{model}``."""

    provider = "hf-inference"

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture; a cold model answers at once that it is loading."""
        return Call("POST", f"/models/{target.provider_id}", order(request), {"Accept": "image/jpeg"})

    def read(self, answer: HttpResponse, _handle: JsonObject, /) -> Found:
        """The picture of an answer."""
        return read_picture(answer, self.provider)


def order(request: GenerationRequest) -> JsonObject:
    """The body that hf-inference and the dedicated endpoints take."""
    if request.source:
        return {"inputs": base64.b64encode(request.source).decode(), "parameters": _parameters_over(request)}
    return {"inputs": request.prompt, "parameters": parameters(request)}


def _parameters_over(request: GenerationRequest) -> JsonObject:
    """What may be said beside a picture to start from: no seed, and the size under a name of its own."""
    said = {"prompt": request.prompt, **parameters(request)}
    said.pop("seed", None)
    width, height = said.pop("width", None), said.pop("height", None)
    if width and height:
        said["target_size"] = {"width": width, "height": height}
    return said


def read_picture(answer: HttpResponse, provider: str) -> Found:
    """Raw bytes, or one of the JSON forms that custom handlers answer with.

    Raises:
        ServiceBusy: Nothing came, or a page for browsers.
        ImagineError: A 200 with an error in its JSON, which legacy paths send.
    """
    if not answer.body or is_page(answer.body):
        raise ServiceBusy(f"{provider} answered with nothing, or with a page for browsers")
    if answer.json is None:
        # Whether these bytes are a picture is for the inspection to say: headers have been wrong before.
        return Found(answer.body)
    return read_json_picture(answer, provider)
