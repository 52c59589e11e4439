"""Addresses on the web: URLs that are read once, and lists of hosts. Pure."""

import ipaddress
import re
from dataclasses import dataclass

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

DEFAULT_PORTS = {"https": 443, "http": 80}
_READ_DIFFERENTLY = re.compile(r"[\x00-\x1f\x7f\\]")  # by one library as part of a host, by another as its end
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http(s) URL, read once: what is checked is what is called.

    Attributes:
        host: Lower case: a plain name or IPv4 address, or an IPv6 address in brackets.
        target: Path and query, encoded.
    """

    scheme: str
    host: str
    port: int
    target: str = "/"

    @classmethod
    def read(cls, url: str) -> "WebAddress":
        """Read a URL as urllib3 does, which makes the call; a fragment is left out.

        Raises:
            ValueError: It is no http(s) URL, names a user, or its host is written in a way that two readers may
                read differently.
        """
        if _READ_DIFFERENTLY.search(url):
            raise ValueError("no plain URL")
        try:
            parts = parse_url(url)
        except LocationParseError as error:
            raise ValueError("no URL") from error
        scheme, host = parts.scheme or "", (parts.host or "").lower()
        if parts.auth is not None or scheme not in DEFAULT_PORTS or not (_HOST.fullmatch(host) or _is_ipv6(host)):
            raise ValueError("no plain http(s) URL")
        port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
        return cls(scheme, host, port, parts.request_uri)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        """The URL, put together anew."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"


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
        hosts = {item for item in items if "://" not in item}
        try:
            origins = {WebAddress.read(item).origin for item in items if "://" in item}
        except ValueError:
            origins = None
        if origins is None or not all(_HOST.fullmatch(host.removeprefix(".")) for host in hosts):
            raise ValueError("an image host is neither a host name, nor .suffix, nor http(s)://host:port")
        return cls(frozenset(hosts), frozenset(origins))

    def wrote_out(self, address: WebAddress) -> bool:
        """Whether the address's origin was written out, scheme and port included."""
        return address.origin in self.origins

    def names(self, address: WebAddress) -> bool:
        """Whether the address is https, on its usual port, at a host of the list."""
        if (address.scheme, address.port) != ("https", DEFAULT_PORTS["https"]):
            return False
        return any(address.host.endswith(name) if name.startswith(".") else address.host == name for name in self.hosts)


def is_host(host: str) -> bool:
    """Whether it is the name of a host, in any script, or an address of one, IPv6 without brackets."""
    try:
        return _is_ipv6(f"[{host}]") or _HOST.fullmatch(host.encode("idna").decode().lower()) is not None
    except UnicodeError:
        return False


def _is_ipv6(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True
