"""The interface of all painters, and the values that pass through it."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from shared.jobs import Image
from shared.json_types import JsonObject

TEXT_TO_IMAGE = "text-to-image"  # what the Hub calls the tasks
IMAGE_TO_IMAGE = "image-to-image"


@dataclass(frozen=True, slots=True)
class Target:
    """Who paints what.

    Attributes:
        model: HuggingFace model id, ``org/name``.
        provider: The provider's name in the router's path, such as ``fal-ai``.
        provider_id: The provider's own name for the model (``fal-ai/flux/dev``).
        task: ``text-to-image`` or ``image-to-image``.
        adapter: What ``model`` is where it is no model of its own but weights on top of one: ``lora``.
        weights: The adapter's file in the model's repository.
    """

    model: str
    provider: str
    provider_id: str
    task: str = TEXT_TO_IMAGE
    adapter: str | None = None
    weights: str | None = None

    @property
    def service(self) -> str:
        """The provider as records and circuits know it: what starts from pictures is a service of its own."""
        return self.provider if self.task == TEXT_TO_IMAGE else f"{self.provider}/{self.task}"


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What shall be painted. Holds only what the target's model can take.

    Attributes:
        width, height: Pixels.
        seed: 0 to 2**32 - 1.
        instruction: What is to be different from the source, as it was typed.
        strength: How far to go from the source, 0 to 1.
        source: A JPEG to start from; for image-to-image, and never in a handle.
    """

    prompt: str
    negative: str | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    instruction: str = ""
    source: bytes | None = field(default=None, repr=False)

    @property
    def megapixels(self) -> float:
        """How large the picture is to be; one where the model decides."""
        return self.width * self.height / 1e6 if self.width and self.height else 1.0


@dataclass(frozen=True, slots=True)
class Painting:
    """What a provider delivered: a picture that was looked at, and what it said beside it.

    Attributes:
        plain: Whether nothing is on it: it is all black, or of one colour.
    """

    image: Image
    seed: int | None = None
    request_id: str | None = None
    plain: Literal["black", "uniform"] | None = None


class Painter(Protocol):
    """Speaks one provider's language.

    All methods raise the errors of ``shared.errors``; ``StillPainting`` says that the order is in the provider's
    queue and carries the handle for ``look``.
    """

    def paint(self, target: Target, request: GenerationRequest, *, timeout_s: float) -> Painting:
        """Order a picture; answers within so many seconds, whatever the network does."""

    def look(self, target: Target, handle: JsonObject, *, timeout_s: float) -> Painting:
        """See whether an order is done, and fetch it."""

    def withdraw(self, handle: JsonObject, *, timeout_s: float) -> bool:
        """Take an order back as far as the provider lets us; whether it was asked to. Twice is harmless."""
