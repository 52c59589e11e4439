"""What the providers share: the knobs, the check of the token, cold models, and the shelf of pictures."""

import base64
import binascii
import hashlib
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.to_thread
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.huggingface import replies
from sandbox.huggingface.replies import Fault
from sandbox.pictures import FORMATS, encode, paint, repaint

LARGEST_SIDE = 2048  # pixels
SMALLEST_SIDE = 64
USUAL_STRENGTH = 0.35
_NUMBERS = frozenset({"width", "height", "seed"})
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/tiff": "tiff", "image/bmp": "bmp"}


class Refusal(Exception):
    """Ends a request with one of ``replies``."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault["status"])
        self.fault = fault


@dataclass(frozen=True)
class Order:
    """A picture to be painted, over ``source`` if there is one. A filtered one comes out black, as a safety checker
    leaves it.
    """

    prompt: str
    seed: int
    width: int = 1024
    height: int = 1024
    media_type: str = "image/jpeg"
    source: bytes | None = field(default=None, repr=False)
    strength: float = USUAL_STRENGTH  # how little of ``source`` stays to be seen

    @property
    def is_filtered(self) -> bool:
        return "nsfw" in self.prompt.lower()

    def paint(self) -> bytes:
        """Return the file's bytes; it takes some milliseconds of processor time."""
        if self.is_filtered:
            return encode(Image.new("RGB", (self.width, self.height)), self.media_type)
        if self.source is not None:
            size = self.width, self.height
            return repaint(self.source, self.prompt, self.seed, size, self.strength, self.media_type)
        return paint(self.prompt, self.seed, self.width, self.height, self.media_type)


class Shelf:
    """Where painted pictures can be fetched from; each is painted when somebody comes for it."""

    def __init__(self, public_url: Callable[[], str]) -> None:
        self.public_url = public_url
        self.leaked_tokens = 0
        self._orders: dict[str, Order] = {}

    def put(self, order: Order, extension: str | None = None) -> str:
        """Return the address of the picture."""
        name = hashlib.sha256(repr(order).encode() + (order.source or b"")).hexdigest()[:24]
        self._orders[name] = order
        ending = extension or EXTENSIONS[order.media_type]
        return f"{self.public_url().rstrip('/')}/files/{name}/image.{ending}"

    def get(self, name: str) -> Order | None:
        return self._orders.get(name)


@dataclass
class Knobs:
    """What ``PUT /router/_sandbox`` and ``PUT /endpoint/_sandbox`` can set."""

    latency_s: float = 0.0  # how long a picture takes
    queue_polls: int = 1  # how many polls find a queued picture unfinished
    longest_hold_s: float = 60.0  # how long replicate holds a request at most, whatever it asks for
    same_picture: bool = False  # paint one a size for everybody: for benchmarks, which measure others
    # Model (or endpoint) -> {"seconds": until warm after the first request, "estimated_time": what it says}
    cold: dict[str, dict[str, Any]] = field(default_factory=dict)


class Studio:
    """One service's knobs and what it needs to paint."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.knobs = Knobs()
        # The dictionary that made a model cold, beside the moment of the first request for it.
        self._waking: dict[str, tuple[dict[str, Any], float]] = {}

    async def painted(self, order: Order) -> bytes:
        """Paint off the loop, after the latency."""
        await anyio.sleep(self.knobs.latency_s)
        return await anyio.to_thread.run_sync(self._filled(order).paint)

    def shelved(self, order: Order, extension: str | None = None) -> str:
        """Return the address under which the picture can be fetched."""
        return self.shelf.put(self._filled(order), extension)

    def _filled(self, order: Order) -> Order:
        """Return the order that is carried out for ``order``."""
        if self.knobs.same_picture and not order.is_filtered:
            return replace(order, prompt="a fox in a snowy forest", seed=0)
        return order

    def seconds_until_warm(self, name: str) -> float:
        """Return how long ``name`` still needs; the first question about a cold one wakes it."""
        cold = self.knobs.cold.get(name)
        if cold is None:
            return 0.0
        known, since = self._waking.get(name, (None, 0.0))
        if known is not cold:
            # Cold once more, even if the same numbers were set again.
            since = time.monotonic()
            self._waking[name] = (cold, since)
        return max(0.0, since + float(cold.get("seconds", 20.0)) - time.monotonic())


def check_token(request: Request) -> None:
    """Let in who carries a HuggingFace token.

    Raises:
        Refusal: 401, as the router says it; 403 there for a token without the permission to call it.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("hf_") or "invalid" in token.lower():
        raise Refusal(replies.bad_token())
    if "narrow" in token and request.url.path.startswith("/router/"):
        raise Refusal(replies.no_permission())


def answer(fault: Fault) -> Response:
    """Make a response of one of ``replies``."""
    reply, status, headers = fault.get("reply", ""), fault["status"], fault.get("headers", {})
    if isinstance(reply, str):
        return Response(reply, status, headers)
    return JSONResponse(reply, status, headers)


async def refuse(_: Request, error: Exception) -> Response:
    """Exception handler of the services: a refusal is an answer."""
    assert isinstance(error, Refusal)  # noqa: S101 -- registered for nothing else.
    return answer(error.fault)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the request's JSON object.

    Raises:
        Refusal: 400 if it isn't one.
    """
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(replies.validation_error("Failed to parse the request body as JSON")) from error
    if not isinstance(body, dict):
        raise Refusal(replies.validation_error("The request body is not a JSON object"))
    return body


def order_from(fields: Mapping[str, Any], order: Order) -> Order:
    """Return ``order`` with the seed and the size that ``fields`` name, if they do.

    Raises:
        ValueError: One isn't a whole number, or a side is too short or too long.
    """
    given = {name: _whole(value, name) for name, value in fields.items() if name in _NUMBERS and value is not None}
    order = replace(
        order,
        width=given.get("width", order.width),
        height=given.get("height", order.height),
        seed=given.get("seed", order.seed),
    )
    for side in (order.width, order.height):
        if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
            raise ValueError(f"width and height must be between {SMALLEST_SIDE} and {LARGEST_SIDE}, got {side}")
    return order


def parse_size(text: object, separator: str) -> dict[str, int]:
    """Read ``1024x768``, or with another separator; nothing from nothing.

    Raises:
        ValueError: It isn't of that form.
    """
    if text is None:
        return {}
    width, found, height = str(text).partition(separator)
    if not (found and width.isdigit() and height.isdigit()):
        raise ValueError(f"size must be like 1024{separator}1024, got {text}")
    return {"width": int(width), "height": int(height)}


def over(order: Order, picture: object) -> Order:
    """Return ``order`` as one that starts from ``picture``, a data URL or bare base64, in that picture's size.

    Raises:
        ValueError: There is none, or it can't be read.
    """
    if not isinstance(picture, str) or not picture:
        raise ValueError("an input image is required")
    try:
        source = base64.b64decode(picture.rpartition(",")[2], validate=True)
        with Image.open(io.BytesIO(source)) as opened:
            width, height = (min(max(side, SMALLEST_SIDE), LARGEST_SIDE) for side in opened.size)
    except (binascii.Error, OSError, Image.DecompressionBombError) as error:
        raise ValueError("the input image can't be read") from error
    return replace(order, source=source, width=width, height=height)


def with_strength(order: Order, fields: Mapping[str, Any]) -> Order:
    """Return ``order`` as one that goes as far from its source as ``fields`` say, if they do.

    Raises:
        ValueError: It isn't a number from 0 to 1.
    """
    strength = fields.get("strength")
    if strength is None:
        return order
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise ValueError(f"strength must be a number between 0 and 1, got {strength!r}")
    return replace(order, strength=float(strength))


def seed_of(prompt: str) -> int:
    """Return the seed of a request that names none: the sandbox doesn't roll dice."""
    return int(hashlib.sha256(prompt.encode()).hexdigest()[:7], 16)


def wanted_type(accept: str) -> str:
    """Return the first known type of picture in an ``Accept`` header; JPEG when there is none."""
    for part in accept.split(","):
        media_type = part.split(";")[0].strip().lower()
        if media_type in FORMATS:
            return media_type
    return "image/jpeg"


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)
