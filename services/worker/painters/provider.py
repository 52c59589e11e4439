"""Interface of provider adapters: build a request, read a response. Pure; ``router`` makes the calls."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from services.worker.painters.http import HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from shared.errors import ServiceBusy, UnexpectedAnswer
from shared.json_types import JsonObject, JsonValue

HUB = "https://huggingface.co"  # as providers reach it, whatever we call the Hub by


@dataclass(frozen=True, slots=True)
class Call:
    """A request to make.

    Attributes:
        path: Below ``{router}/{provider}``, without a query; for a dedicated endpoint, its URL as the owner wrote it.
        query: Ours alone: nothing of it comes from elsewhere.
    """

    method: str
    path: str
    json: JsonValue = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the picture is: in these bytes, or behind this URL."""

    source: bytes | str
    seed: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Underway:
    """The order is in the provider's queue.

    Attributes:
        handle: JSON by which ``look`` finds it again.
        pause: Seconds until a look makes sense; None leaves it to us.
        position: Place in the queue, counted from 1.
    """

    handle: JsonObject
    pause: float | None = None
    position: int | None = None


class ProviderAdapter(Protocol):
    """One provider's language."""

    @property
    def provider(self) -> str:
        """The provider's name in the router's path."""

    def order(self, target: Target, request: GenerationRequest) -> Call:
        """The request that orders a picture."""

    def look(self, handle: JsonObject, /) -> Call:
        """The request that asks how an order stands."""

    def withdraw(self, handle: JsonObject, /) -> Call | None:
        """The request that takes an order back; None where the provider knows of none."""

    def read(self, answer: HttpResponse, handle: JsonObject, /) -> Found | Underway | Call:
        """Read a successful answer to an order (with an empty handle) or to a look; a ``Call`` is to be made next.

        Raises:
            ImagineError: The answer reports a failure, or is not documented.
        """


def parameters(request: GenerationRequest, **names: str) -> JsonObject:
    """What a request fixes besides its prompt, under the names that most providers use.

    Args:
        names: Other names for some of them: ``steps="steps"``.
    """
    known = {
        "negative_prompt": request.negative or None,
        "width": request.width,
        "height": request.height,
        names.get("steps", "num_inference_steps"): request.steps,
        "guidance_scale": request.guidance,
        "seed": request.seed,
        "strength": request.strength,
    }
    return {name: value for name, value in known.items() if value is not None}


def weights_url(target: Target) -> str | None:
    """Where a provider downloads an adapter's weights; None for a model of its own."""
    return f"{HUB}/{target.model}/resolve/main/{quote(target.weights)}" if target.weights else None


def data_url(source: bytes) -> str:
    """A JPEG as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(source).decode()}"


class WithoutWithdrawal:
    """What the providers share that paint whatever was ordered."""

    def withdraw(self, _handle: JsonObject, /) -> None:
        """There is no request for it."""
        return


class WithoutQueue(WithoutWithdrawal):
    """What the providers share that answer each order with its picture."""

    def look(self, _handle: JsonObject, /) -> Call:
        """There is nothing to look into: the handle is another provider's."""
        raise ServiceBusy("a provider without a queue cannot look into it")


def mapping(value: JsonValue, provider: str) -> JsonObject:
    """An answer's JSON as an object.

    Raises:
        ServiceBusy: It is none at all: a gateway's page, or nothing.
        UnexpectedAnswer: It is JSON of another kind.
    """
    if value is None:
        raise ServiceBusy(f"{provider} answered without JSON")
    if not isinstance(value, dict):
        raise UnexpectedAnswer(f"{provider} answered {type(value).__name__} where an object was due")
    return value


def first(value: JsonValue) -> JsonValue:
    """The first item of a list, or the value itself; None for an empty list."""
    if isinstance(value, list):
        return value[0] if value else None
    return value


def text_of(value: JsonValue) -> str | None:
    """``value`` where it is a text; None otherwise."""
    return value if isinstance(value, str) else None


def whole_number(value: JsonValue) -> int | None:
    """``value`` where it is an integer; None otherwise."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
