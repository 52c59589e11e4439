"""Fetches pictures from the providers' file hosts: without our token, and from nowhere else."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from urllib.parse import urljoin

from services.worker.painters.http import Countdown, HttpClient, NotPublic, is_public
from shared.errors import ServiceUnreachable, UnexpectedAnswer
from shared.provider_hosts import usual_host
from shared.web_addresses import ImageHosts, WebAddress

log = logging.getLogger(__name__)

MAX_REDIRECTS = 3
RESOLVE_S = 2.0  # for an answer of the name service
FRESH_S = 300.0  # how long it is believed
SETTING = "HF_IMAGE_HOSTS"

Resolve = Callable[[str], tuple[str, ...]]


def addresses_of(host: str) -> tuple[str, ...]:
    """A host's IP addresses; none where the name service knows none, or takes too long."""
    found: SimpleQueue[tuple[str, ...]] = SimpleQueue()

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
        except OSError:
            answers = []
        found.put(tuple({str(answer[4][0]) for answer in answers}))

    # The system's call has no timeout.
    threading.Thread(target=ask, name="name service", daemon=True).start()
    try:
        return found.get(timeout=RESOLVE_S)
    except Empty:
        return ()


class Downloads:
    """Fetches pictures by URL. Thread-safe."""

    def __init__(self, http: HttpClient, hosts: ImageHosts, *, resolve: Resolve = addresses_of) -> None:
        self._http = http
        self._hosts = hosts
        self._resolve = resolve
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    def check(self, provider: str) -> None:
        """See before anything is paid that a provider's pictures can be fetched, as far as that can be known.

        Raises:
            UnexpectedAnswer: ``HF_IMAGE_HOSTS`` leaves its host out, or this computer's name service knows private
                addresses of it alone.
        """
        host = usual_host(provider)
        if host is None or self._http.network.proxy_for(f"https://{host}") is not None:
            return
        address = WebAddress("https", host, 443)
        if self._hosts.wrote_out(address):
            return
        if not self._hosts.names(address):
            if self._hosts.origins:
                return  # The owner has hosts of their own, which may be those of a stand-in for this provider.
            raise _refused(address, None)
        addresses = self._addresses(host)
        if addresses and not any(map(is_public, addresses)):
            raise _refused(address, addresses[0])

    def fetch(self, url: str, *, timeout_s: float) -> bytes:
        """A picture's bytes, as they came.

        Raises:
            UnexpectedAnswer: The URL, or where it redirects to, is not one we fetch from.
            ServiceUnreachable: The host did not deliver.
        """
        countdown = Countdown(timeout_s)
        for _ in range(MAX_REDIRECTS + 1):
            address = _read(url)
            written_out = self._hosts.wrote_out(address)
            if not (written_out or self._hosts.names(address)):
                raise _refused(address, None)
            try:
                answer = self._http.call("GET", str(address), timeout_s=countdown.left, public_only=not written_out)
            except NotPublic as error:
                raise _refused(address, error.address) from error
            if answer.ok:
                return answer.body
            if not 300 <= answer.status < 400 or "location" not in answer.headers:
                refused = ServiceUnreachable(f"{address.host[:80]} answered {answer.status} to a download")
                refused.status = answer.status
                raise refused
            url = urljoin(str(address), answer.headers["location"])
        raise UnexpectedAnswer("a picture's URL redirects in circles")

    def _addresses(self, host: str) -> tuple[str, ...]:
        until, addresses = self._known.get(host, (0.0, ()))
        if until <= time.monotonic():
            addresses = self._resolve(host)
            self._known[host] = (time.monotonic() + FRESH_S, addresses)
        return addresses


def _refused(place: WebAddress, address: str | None) -> UnexpectedAnswer:
    """Write down that a host is not called, and what would allow it; returns the error to raise.

    Args:
        address: The host's IP address, where that is the reason.
    """
    host, port = place.host[:80], "" if place.port == 443 else f":{place.port}"
    cause = "not among the allowed hosts" if address is None else "its address is not public"
    # A private address is called only where scheme, host and port are written out.
    allow = host if address is None and place.scheme == "https" and not port else f"{place.scheme}://{host}{port}"
    log.warning(
        "picture host refused",
        extra={"host": host, "address": address, "cause": cause, "setting": SETTING, "allow": allow},
    )
    where = f"{host} ({address})" if address else host
    return UnexpectedAnswer(f"a picture lies at a host that is not allowed: {where}; {SETTING} decides")


def _read(url: str) -> WebAddress:
    try:
        return WebAddress.read(url)
    except ValueError as error:
        raise UnexpectedAnswer("a picture's URL is none that we call") from error
