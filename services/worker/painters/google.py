"""Gemini's own image models: one request, and the picture comes back inside the answer."""

from services.worker.gemini.images import ImageClient, ImageRequest
from services.worker.images.decoder import Decoder
from services.worker.painters.painter import GenerationRequest, Painting, Target
from services.worker.painters.router import painting_of
from shared.errors import ServiceBusy
from shared.json_types import JsonObject


class GooglePainter:
    """Paints, and changes pictures by words, on a Google key."""

    def __init__(self, client: ImageClient, decoder: Decoder) -> None:
        self._client = client
        self._decoder = decoder

    def paint(self, target: Target, request: GenerationRequest, *, timeout_s: float) -> Painting:
        """Have a picture created."""
        wanted = ImageRequest(request.prompt, request.instruction, request.width, request.height, request.source)
        created = self._client.create(target.provider_id, wanted, timeout_s=timeout_s)
        return painting_of(created.data, self._decoder, request_id=created.response_id)

    def look(self, target: Target, handle: JsonObject, *, timeout_s: float) -> Painting:  # noqa: ARG002
        """There is nothing to look into: the handle is another service's."""
        raise ServiceBusy("Gemini has no queue to look into")

    def withdraw(self, handle: JsonObject, *, timeout_s: float) -> bool:  # noqa: ARG002
        """There is nothing to take back."""
        return False
