"""The edge that all providers share: an order goes to the router with our token, a picture that is one comes back."""

from http import HTTPStatus
from typing import Any

from services.worker.images.decoder import Decoder
from services.worker.painters.downloads import Downloads
from services.worker.painters.errors import ENDPOINT, read_failure
from services.worker.painters.http import Countdown, HttpClient, HttpResponse
from services.worker.painters.painter import Brief, Painting, Target
from services.worker.painters.paths import checked
from services.worker.painters.provider import Call, Found, ProviderAdapter, Underway
from shared.errors import (
    BadCredentials,
    BadPicture,
    ImagineError,
    ModelNotServed,
    ServiceBusy,
    StillPainting,
    TransientError,
    UnexpectedAnswer,
)
from shared.jobs import Image

MAX_STEPS = 3  # calls that one look may take: status, result
MAX_MISSES = 4  # looks in a row without an answer, until an order is given up
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
    ) -> None:
        self._adapter = adapter
        self._http = http
        self._url = f"{router_url.rstrip('/')}/{adapter.provider}"
        self._token = token
        self._downloads = downloads
        self._decoder = decoder

    def paint(self, target: Target, brief: Brief, *, seconds: float) -> Painting:
        """Order a picture."""
        countdown = Countdown(seconds)
        return self._follow(self._adapter.order(target, brief), {}, countdown)

    def look(self, target: Target, handle: dict[str, Any], *, seconds: float) -> Painting:
        """See whether an order is done; only ``StillPainting`` leaves it alive."""
        countdown = Countdown(seconds)
        if "picture" in handle:
            found = Found(handle["picture"], handle.get("seed"), handle.get("request_id"))
            return self._collect(found, handle, countdown)
        try:
            return self._follow(self._adapter.look(handle), handle, countdown)
        except (StillPainting, BadPicture):
            raise
        except ModelNotServed as error:
            raise ServiceBusy(f"{target.provider} lost an order of {target.model}") from error
        except TransientError as error:
            raise _missed(handle, error) from error

    def withdraw(self, handle: dict[str, Any], *, seconds: float) -> bool:
        """Take an order back; one that is done, or that nobody knows any more, is left as it is."""
        call = self._adapter.withdraw(handle)
        if call is None:
            return False
        headers = {"Authorization": authorization(self._token), **call.headers}
        answer = self._http.call(call.method, self._address(call), seconds=seconds, headers=headers)
        if not answer.ok and answer.status not in TOO_LATE:
            raise read_failure(answer.status, answer.headers, answer.body, provider=self._adapter.provider)
        return True

    def _follow(self, call: Call, handle: dict[str, Any], countdown: Countdown) -> Painting:
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
        headers = {"Authorization": authorization(self._token), **call.headers}
        url = self._address(call)
        answer = self._http.call(call.method, url, seconds=countdown.left, headers=headers, json=call.json)
        if not answer.ok:
            error = read_failure(answer.status, answer.headers, answer.body, provider=self._adapter.provider)
            error.request_id = answer.request_id
            raise error
        return answer

    def _address(self, call: Call) -> str:
        """The URL of a call: below the router, whatever the Hub or a provider said.

        Raises:
            UnexpectedAnswer: The call's path could lead elsewhere.
        """
        if self._adapter.provider == ENDPOINT:
            return call.path  # A dedicated endpoint: the owner wrote its URL into HF_ENDPOINTS.
        return f"{self._url}{checked(call.path)}{'?' if call.query else ''}{call.query}"

    def _read(self, answer: HttpResponse, handle: dict[str, Any]) -> Found | Underway | Call:
        try:
            return self._adapter.read(answer, handle)
        except ImagineError as error:
            error.status, error.request_id = answer.status, answer.request_id
            raise

    def _collect(
        self, found: Found, handle: dict[str, Any], countdown: Countdown, answer: HttpResponse | None = None
    ) -> Painting:
        request_id = found.request_id or (answer.request_id if answer else None)
        if isinstance(found.source, bytes):
            return self._painting(found.source, found, request_id)
        picture = {"picture": found.source, "seed": found.seed, "request_id": request_id}
        try:
            data = self._downloads.fetch(found.source, seconds=countdown.left)
            return self._painting(data, found, request_id)
        except TransientError as error:
            if isinstance(error, BadPicture) and not error.is_broken:
                raise
            # The picture is painted and paid for: fetch it again rather than order another.
            misses = handle.get("misses", 0) if "picture" in handle else 0
            raise _missed({**picture, "misses": misses}, error) from error

    def _painting(self, data: bytes, found: Found, request_id: str | None) -> Painting:
        try:
            looks = self._decoder.look_at(data)
        except BadPicture as error:
            # The provider answered, and may have charged for it.
            error.status, error.request_id = HTTPStatus.OK, request_id
            raise
        image = Image(looks.converted or data, looks.media_type, looks.width, looks.height)
        return Painting(image, found.seed, request_id, looks.plain)


def authorization(token: str) -> str:
    """The header's value.

    Raises:
        BadCredentials: The token holds what no header can.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadCredentials("the token holds characters that no token has")
    return f"Bearer {token}"


def _still(underway: Underway, handle: dict[str, Any]) -> StillPainting:
    looks = handle.get("looks", -1) + 1
    pause = underway.pause or min(MIN_PAUSE_S * 1.5 ** min(looks, 20), MAX_PAUSE_S)
    if underway.position:
        pause = min(max(pause, underway.position * PLACE_S), 2 * MAX_PAUSE_S)
    return StillPainting({**underway.handle, "looks": looks}, retry_after=pause, position=underway.position)


def _missed(handle: dict[str, Any], error: TransientError) -> TransientError:
    misses = handle.get("misses", 0) + 1
    if misses > MAX_MISSES:
        return error
    pause = min(error.retry_after or misses * 1.0, 2 * MAX_PAUSE_S)
    return StillPainting({**handle, "misses": misses}, retry_after=pause)
