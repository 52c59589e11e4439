"""Fetches pictures from the providers' file hosts: without our token, and from nowhere else."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from services.worker.painters.http import Countdown, Wire
from shared.errors import ServiceUnreachable, UnexpectedAnswer

MAX_REDIRECTS = 3
_HOST = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*")
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ImageHosts:
    """Where pictures may come from.

    Attributes:
        hosts: Exact host names, and ``.suffix`` for all below it; over https, at public addresses.
        origins: (scheme, host, port) that were written out; these may be private.
    """

    hosts: frozenset[str]
    origins: frozenset[tuple[str, str, int]]

    @classmethod
    def read(cls, text: str) -> "ImageHosts":
        """Read a comma list such as ``.fal.media,replicate.delivery,http://127.0.0.1:8090``.

        Raises:
            ValueError: An item is neither a host nor an origin.
        """
        items = [item.strip().lower() for item in text.split(",") if item.strip()]
        origins = {_origin(urlsplit(item)) for item in items if "://" in item}
        hosts = {item for item in items if "://" not in item}
        if None in origins or not all(_HOST.fullmatch(host) for host in hosts):
            raise ValueError("an image host is neither a host name, nor .suffix, nor http(s)://host:port")
        return cls(frozenset(hosts), frozenset(origin for origin in origins if origin))

    def wrote_out(self, url: SplitResult) -> bool:
        """Whether the URL's origin was written out, scheme and port included."""
        return _origin(url) in self.origins

    def names(self, url: SplitResult) -> bool:
        """Whether the URL is https at a host of the list."""
        origin = _origin(url)
        if origin is None or origin[0] != "https" or origin[2] != 443:
            return False
        host = origin[1]
        return host in self.hosts or any(name[0] == "." and host.endswith(name) for name in self.hosts)


class Downloads:
    """Fetches pictures by URL."""

    def __init__(self, wire: Wire, hosts: ImageHosts) -> None:
        self._wire = wire
        self._hosts = hosts

    def fetch(self, url: str, *, seconds: float) -> bytes:
        """A picture's bytes, as they came.

        Raises:
            UnexpectedAnswer: The URL, or where it redirects to, is not one we fetch from.
            ServiceUnreachable: The host did not deliver.
        """
        countdown = Countdown(seconds)
        for _ in range(MAX_REDIRECTS + 1):
            parts = _split(url)
            written_out = self._hosts.wrote_out(parts)
            if parts.username or not (written_out or self._hosts.names(parts)):
                raise UnexpectedAnswer(f"a picture lies at a host that is not allowed: {_shown(parts)}")
            answer = self._wire.call("GET", url, seconds=countdown.left, public_only=not written_out)
            if answer.ok:
                return answer.body
            if not 300 <= answer.status < 400 or "location" not in answer.headers:
                raise ServiceUnreachable(f"{_shown(parts)} answered {answer.status} to a download")
            url = urljoin(url, answer.headers["location"])
        raise UnexpectedAnswer("a picture's URL redirects in circles")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UnexpectedAnswer("a picture's URL is none") from error


def _origin(url: SplitResult) -> tuple[str, str, int] | None:
    try:
        port = url.port or DEFAULT_PORTS[url.scheme]
    except (ValueError, KeyError):
        return None
    return (url.scheme, url.hostname.lower(), port) if url.hostname else None


def _shown(url: SplitResult) -> str:
    return (url.hostname or "nowhere")[:80]
