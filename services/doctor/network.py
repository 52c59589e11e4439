"""By which proxy each service is called, and which certificates are believed there.

Three libraries make our calls, and each has rules of its own.
"""

import ssl
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from services.doctor.findings import Finding, bad, good
from services.worker.gemini.transport import proxy_for
from shared.settings import certificates_named


def check_telegram(url: str) -> Sequence[Finding]:
    """The bot's way: aiohttp."""
    return about_way("Network to Telegram", url, _aiohttps_proxy(url), _systems_certificates())


def check_gemini(url: str) -> Sequence[Finding]:
    """The prompt writer's way: httpx2."""
    return about_way("Network to Gemini", url, proxy_for(url), _systems_certificates())


def check_huggingface(urls: Sequence[str]) -> Sequence[Finding]:
    """The painter's way: requests, which reads nothing from the environment."""
    name = "Network to HuggingFace"
    return [one for url in urls for one in about_way(name, url, None, certifi.where(), ignored=proxy_for(url))]


def _aiohttps_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    proxy = None if urllib.request.proxy_bypass(parts.hostname or "") else urllib.request.getproxies().get(parts.scheme)
    return None if proxy is None or urlsplit(proxy).scheme in {"https", "wss"} else proxy


def _systems_certificates() -> str | None:
    if (named := certificates_named()) is not None:
        return str(named)
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def about_way(
    name: str, url: str, proxy: str | None, certificates: str | None, *, ignored: str | None = None
) -> Sequence[Finding]:
    """Tell of one way, and what of it can't work.

    Args:
        ignored: A proxy that the environment names and this way does not take.
    """
    parts = urlsplit(url)
    way = "directly" if proxy is None else f"over the proxy {without_login(proxy)}"
    if proxy is None and ignored is not None:
        way += f", not over the proxy {without_login(ignored)}"
    if parts.scheme == "http":
        return [good(name, f"{parts.hostname} {way}, without TLS")]
    if certificates is None or not Path(certificates).exists():
        named = certificates or "of this system"
        return [
            bad(name, f"the certificates {named} are not there", "install ca-certificates, or correct SSL_CERT_FILE")
        ]
    return [good(name, f"{parts.hostname} {way}, certificates from {certificates}")]


def without_login(proxy: str) -> str:
    """The address of a proxy, without the user and password that may stand in it."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
