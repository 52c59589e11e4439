"""Dedicated inference endpoints: hf-inference's bodies at a URL of the owner's."""

from services.worker.painters.errors import ENDPOINT
from services.worker.painters.hf_inference import order, read_picture
from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.provider import Call, Found, WithoutQueue
from shared.json_types import JsonObject

HOLD_S = 15  # a scaled-to-zero endpoint needs minutes; a slot isn't held for them


class Endpoint(WithoutQueue):
    """``POST`` to the target's ``provider_id``, which is the endpoint's URL."""

    provider = ENDPOINT

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request for a picture; the proxy may hold it for a while if the endpoint is just starting."""
        headers = {"Accept": "image/jpeg", "X-Scale-Up-Timeout": str(HOLD_S)}
        return Call("POST", target.provider_id, order(request), headers)

    def read(self, answer: HttpResponse, _handle: JsonObject, /) -> Found:
        """The picture of an answer."""
        return read_picture(answer, self.provider)
