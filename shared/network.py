"""The way to the internet, one rule for every client: proxies and certificates as the environment names them.

``docs/operations.md`` has the rule as a table. ``.netrc`` is never read: an entry in it would replace our keys.
"""

import functools
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import certifi

from shared.settings import load_network

# Where packets vanish, a connection is given up after 5 + 3 × 3 s, or with something on its way after 10 s.
PROBES = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
PORTS = {"http": 80, "https": 443, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: ``http``, ``https`` or ``socks5h``: also of a SOCKS proxy the names of hosts are asked.
        login: Name and password.
    """

    scheme: str
    host: str
    port: int
    login: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def read(cls, text: str) -> "Proxy":
        """Read a setting that ``shared.settings`` found to be a proxy."""
        parts = urlsplit(text if "://" in text else f"http://{text}")
        scheme = "socks5h" if parts.scheme.startswith("socks") else parts.scheme
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        return cls(scheme, parts.hostname or "", parts.port or PORTS[scheme], login)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS instead of HTTP."""
        return self.scheme == "socks5h"

    @property
    def address(self) -> str:
        """The URL without name and password."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The URL with name and password."""
        if self.login is None:
            return self.address
        name, password = (quote(part, safe="") for part in self.login)
        return f"{self.scheme}://{name}:{password}@{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Network:
    """The rule, as one environment has it.

    Attributes:
        proxies: By the scheme of what is called.
        exceptions: What is called without a proxy, as in ``NO_PROXY``.
        certificates: A file of the only authorities to trust; None: the system's and those of ``certifi``.
    """

    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    exceptions: tuple[str, ...] = ()
    certificates: Path | None = None

    @classmethod
    def of_environment(cls) -> "Network":
        """Read the environment as it is now.

        Raises:
            SettingsError: A variable names no proxy, or a file that holds no certificates.
        """
        given = load_network()
        named = {"http": given.http_proxy or given.all_proxy, "https": given.https_proxy or given.all_proxy}
        proxies = {scheme: Proxy.read(text) for scheme, text in named.items() if text}
        exceptions = tuple(given.no_proxy.replace(",", " ").split())
        return cls(proxies, exceptions, given.certificates)

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy that leads to a URL; None where it is called without one."""
        parts = urlsplit(url)
        if not parts.hostname or any(_excludes(one, parts.hostname, parts.port) for one in self.exceptions):
            return None
        return self.proxies.get(parts.scheme)

    @property
    def tls(self) -> ssl.SSLContext:
        """What TLS trusts. It is read once: that costs 60 ms and two megabytes."""
        return _tls(self.certificates)


def probed_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """A socket that finds out by itself when the other side is gone, as far as the system can."""
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def _excludes(exception: str, host: str, port: int | None) -> bool:
    """Whether an entry of ``NO_PROXY`` names a host: ``*``, a name, a domain, an address or a network, with a port."""
    if exception == "*":
        return True
    name, only_port = _split(exception)
    if only_port is not None and only_port != port:
        return False
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        domain = name.lower().removeprefix("*").strip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _split(exception: str) -> tuple[str, int | None]:
    name, colon, port = exception.rpartition(":")
    if exception.startswith("["):
        inner, _, rest = exception[1:].partition("]")
        return inner + (rest if rest.startswith("/") else ""), int(rest[1:]) if rest[1:].isdigit() else None
    # More than one colon is an IPv6 address.
    return (name, int(port)) if colon and ":" not in name and port.isdigit() else (exception, None)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@functools.cache
def _tls(certificates: Path | None) -> ssl.SSLContext:
    if certificates is not None:
        return ssl.create_default_context(cafile=certificates)
    context = ssl.create_default_context()
    # A slim image may have no authorities of its own.
    context.load_verify_locations(certifi.where())
    return context
