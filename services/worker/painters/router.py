"""Calls providers through HuggingFace's router: orders, polls, and fetches the picture."""

from http import HTTPStatus

from services.worker.images.decoder import Decoder
from services.worker.painters.downloads import Downloads
from services.worker.painters.errors import ENDPOINT, read_failure
from services.worker.painters.http import Countdown, HttpClient, HttpResponse
from services.worker.painters.painter import GenerationRequest, Painting, Target
from services.worker.painters.paths import checked
from services.worker.painters.provider import Call, Found, ProviderAdapter, Underway, text_of
from services.worker.painters.provider import whole_number as seed_of
from shared.errors import (
    BadCredentials,
    BadPicture,
    ImagineError,
    ModelNotServed,
    PictureNotFetched,
    ServiceBusy,
    ServiceUnreachable,
    StillPainting,
    TransientError,
    UnexpectedAnswer,
)
from shared.jobs import Image
from shared.json_types import JsonObject, JsonValue, whole_number

PROMPTS = ("prompt", "inputs", "negative_prompt")  # the names under which they are sent
BILL_TO = "X-HF-Bill-To"
MAX_STEPS = 3  # calls that one look may take: status, result
# Pauses after looks in a row that told nothing; after the last one an order is given up.
STATUS_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # for an answer on an order under way
HOST_PAUSES_S = (*STATUS_PAUSES_S, *[30.0] * 8)  # for the host of a picture: 5 minutes, and none keeps one for less
FILE_PAUSES_S = (1.0, 2.0, 3.0, 4.0)  # for a picture that its host does not have, or that comes broken
ABSENT = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
TOO_LATE = frozenset({400, 404, 410, 422})  # what is said of an order that is done, or was never one
MIN_PAUSE_S, MAX_PAUSE_S = 0.5, 5.0
PLACE_S = 1.0  # what a place in a queue adds to the pause


class RouterPainter:
    """Paints through one provider of the inference router."""

    def __init__(
        self,
        adapter: ProviderAdapter,
        *,
        http: HttpClient,
        router_url: str,
        token: str,
        downloads: Downloads,
        decoder: Decoder,
        bill_to: str | None = None,
    ) -> None:
        """Call with a token.

        Args:
            bill_to: The organization that pays for what the token orders; None: whom HuggingFace bills for it.
        """
        self._adapter = adapter
        self._http = http
        self._url = f"{router_url.rstrip('/')}/{adapter.provider}"
        self._token = token
        self._bill_to = bill_to
        self._downloads = downloads
        self._decoder = decoder

    def paint(self, target: Target, request: GenerationRequest, *, timeout_s: float) -> Painting:
        """Order a picture."""
        countdown = Countdown(timeout_s)
        self._downloads.check(self._adapter.provider)
        return self._follow(self._adapter.order(target, request), {}, countdown)

    def look(self, target: Target, handle: JsonObject, *, timeout_s: float) -> Painting:
        """See whether an order is done; only ``StillPainting`` leaves it alive."""
        countdown = Countdown(timeout_s)
        if "picture" in handle:
            found = Found(str(handle["picture"]), seed_of(handle.get("seed")), text_of(handle.get("request_id")))
            return self._collect(found, handle, countdown)
        try:
            return self._follow(self._adapter.look(handle), handle, countdown)
        except (StillPainting, BadPicture):
            raise
        except ModelNotServed as error:
            raise ServiceBusy(f"{target.provider} lost an order of {target.model}") from error
        except TransientError as error:
            raise _missed(handle, error, STATUS_PAUSES_S) from error

    def withdraw(self, handle: JsonObject, *, timeout_s: float) -> bool:
        """Take an order back; one that is done, or that nobody knows any more, is left as it is."""
        call = self._adapter.withdraw(handle)
        if call is None:
            return False
        headers = {**self._owners_headers(), **call.headers}
        answer = self._http.call(call.method, self._address(call), timeout_s=timeout_s, headers=headers)
        if not answer.ok and answer.status not in TOO_LATE:
            raise read_failure(answer.status, answer.headers, answer.body, provider=self._adapter.provider)
        return True

    def _follow(self, call: Call, handle: JsonObject, countdown: Countdown) -> Painting:
        for _ in range(MAX_STEPS):
            answer = self._call(call, countdown)
            match self._read(answer, handle):
                case Call() as following:
                    call = following
                case Underway() as underway:
                    raise _still(underway, handle)
                case Found() as found:
                    return self._collect(found, handle, countdown, answer)
        raise UnexpectedAnswer(f"{self._adapter.provider} sends from one answer to the next")

    def _call(self, call: Call, countdown: Countdown) -> HttpResponse:
        headers = {**self._owners_headers(), **call.headers}
        url = self._address(call)
        answer = self._http.call(call.method, url, timeout_s=countdown.left, headers=headers, json=call.json)
        if not answer.ok:
            provider, sent = self._adapter.provider, _words_of(call.json)
            error = read_failure(answer.status, answer.headers, answer.body, provider=provider, sent=sent)
            error.request_id = answer.request_id
            raise error
        return answer

    def _owners_headers(self) -> dict[str, str]:
        headers = {"Authorization": authorization(self._token)}
        # A dedicated endpoint is paid by whom it belongs to.
        if self._bill_to is not None and self._adapter.provider != ENDPOINT:
            headers[BILL_TO] = self._bill_to
        return headers

    def _address(self, call: Call) -> str:
        """The URL of a call: below the router, whatever the Hub or a provider said.

        Raises:
            UnexpectedAnswer: The call's path could lead elsewhere.
        """
        if self._adapter.provider == ENDPOINT:
            return call.path  # A dedicated endpoint: the owner wrote its URL into HF_ENDPOINTS.
        return f"{self._url}{checked(call.path)}{'?' if call.query else ''}{call.query}"

    def _read(self, answer: HttpResponse, handle: JsonObject) -> Found | Underway | Call:
        try:
            return self._adapter.read(answer, handle)
        except ImagineError as error:
            error.status, error.request_id = answer.status, answer.request_id
            raise

    def _collect(
        self, found: Found, handle: JsonObject, countdown: Countdown, answer: HttpResponse | None = None
    ) -> Painting:
        request_id = found.request_id or (answer.request_id if answer else None)
        if isinstance(found.source, bytes):
            return painting_of(found.source, self._decoder, seed=found.seed, request_id=request_id)
        picture = {"picture": found.source, "seed": found.seed, "request_id": request_id}
        try:
            data = self._downloads.fetch(found.source, timeout_s=countdown.left)
            return painting_of(data, self._decoder, seed=found.seed, request_id=request_id)
        except TransientError as error:
            if isinstance(error, BadPicture) and not error.is_broken:
                raise
            # The picture is painted and paid for: fetch it again rather than order another.
            misses = handle.get("misses", 0) if "picture" in handle else 0
            answered = isinstance(error, BadPicture) or error.status in ABSENT
            pauses = FILE_PAUSES_S if answered else HOST_PAUSES_S
            raise _missed({**picture, "misses": misses}, error, pauses) from error


def painting_of(data: bytes, decoder: Decoder, *, seed: int | None = None, request_id: str | None = None) -> Painting:
    """Look at what a service delivered.

    Raises:
        BadPicture: It is no picture that we may show.
    """
    try:
        looks = decoder.look_at(data)
    except BadPicture as error:
        # The service answered, and may have charged for it.
        error.status, error.request_id = HTTPStatus.OK, request_id
        raise
    image = Image(looks.converted or data, looks.media_type, looks.width, looks.height)
    return Painting(image, seed, request_id, looks.plain)


def authorization(token: str) -> str:
    """The header's value.

    Raises:
        BadCredentials: The token holds what no header can.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadCredentials("the token holds characters that no token has")
    return f"Bearer {token}"


def _words_of(order: JsonValue) -> tuple[str, ...]:
    """The prompts in an order's body, wherever its provider has them."""
    if not isinstance(order, dict):
        return ()
    parts = [order, *(order.get(name) for name in ("input", "parameters"))]
    found = (part.get(name) for part in parts if isinstance(part, dict) for name in PROMPTS)
    return tuple(words for words in found if isinstance(words, str))


def _still(underway: Underway, handle: JsonObject) -> StillPainting:
    looks = whole_number(handle.get("looks", -1)) + 1
    pause = underway.pause or min(MIN_PAUSE_S * 1.5 ** min(looks, 20), MAX_PAUSE_S)
    if underway.position:
        pause = min(max(pause, underway.position * PLACE_S), 2 * MAX_PAUSE_S)
    return StillPainting({**underway.handle, "looks": looks}, retry_after=pause, position=underway.position)


def _missed(handle: JsonObject, error: TransientError, pauses: tuple[float, ...]) -> TransientError:
    """What follows a look that told nothing: the order may be paid for, so it is held before another one is made."""
    misses = whole_number(handle.get("misses"))
    if misses < len(pauses):
        pause = max(pauses[misses], min(error.retry_after or 0.0, HOST_PAUSES_S[-1]))
        # A picture that came broken, or that we have no room to look at, says nothing of the provider.
        trouble = error if isinstance(error, ServiceUnreachable) or "picture" not in handle else None
        return StillPainting({**handle, "misses": misses + 1}, retry_after=pause, trouble=trouble)
    if isinstance(error, BadPicture):
        return error
    given_up = PictureNotFetched(str(error))
    given_up.status, given_up.request_id = error.status, error.request_id
    return given_up
