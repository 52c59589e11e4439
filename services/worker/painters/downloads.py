"""Fetches pictures from the providers' file hosts: without our token, and from nowhere else."""

from urllib.parse import urljoin

from services.worker.painters.http import Countdown, HttpClient
from shared.errors import ServiceUnreachable, UnexpectedAnswer
from shared.web_addresses import ImageHosts, WebAddress

MAX_REDIRECTS = 3


class Downloads:
    """Fetches pictures by URL."""

    def __init__(self, http: HttpClient, hosts: ImageHosts) -> None:
        self._http = http
        self._hosts = hosts

    def fetch(self, url: str, *, seconds: float) -> bytes:
        """A picture's bytes, as they came.

        Raises:
            UnexpectedAnswer: The URL, or where it redirects to, is not one we fetch from.
            ServiceUnreachable: The host did not deliver.
        """
        countdown = Countdown(seconds)
        for _ in range(MAX_REDIRECTS + 1):
            address = _read(url)
            written_out = self._hosts.wrote_out(address)
            if not (written_out or self._hosts.names(address)):
                raise UnexpectedAnswer(f"a picture lies at a host that is not allowed: {address.host[:80]}")
            answer = self._http.call("GET", str(address), seconds=countdown.left, public_only=not written_out)
            if answer.ok:
                return answer.body
            if not 300 <= answer.status < 400 or "location" not in answer.headers:
                raise ServiceUnreachable(f"{address.host[:80]} answered {answer.status} to a download")
            url = urljoin(str(address), answer.headers["location"])
        raise UnexpectedAnswer("a picture's URL redirects in circles")


def _read(url: str) -> WebAddress:
    try:
        return WebAddress.read(url)
    except ValueError as error:
        raise UnexpectedAnswer("a picture's URL is none that we call") from error
