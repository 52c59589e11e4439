"""By which proxy each service is called, and which certificates are believed there: one rule for all of them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from services.doctor.findings import Finding, bad, good
from shared.network import Network
from shared.settings import SettingsError


def check_telegram(url: str) -> Sequence[Finding]:
    """The bot's way."""
    return about_way("Network to Telegram", url)


def check_gemini(url: str) -> Sequence[Finding]:
    """The prompt writer's way."""
    return about_way("Network to Gemini", url)


def check_huggingface(urls: Sequence[str]) -> Sequence[Finding]:
    """The painter's way."""
    return [one for url in urls for one in about_way("Network to HuggingFace", url)]


def about_way(name: str, url: str) -> Sequence[Finding]:
    """Tell of one way, and what of it can't work."""
    try:
        network = Network.of_environment()
    except SettingsError as error:
        return [bad(name, str(error).splitlines()[-1].strip(), "correct that variable, or leave it out")]
    proxy, parts = network.proxy_for(url), urlsplit(url)
    way = "directly" if proxy is None else f"over the proxy {proxy.address}"
    if parts.scheme == "http":
        return [good(name, f"{parts.hostname} {way}, without TLS")]
    authorities = network.certificates or "of this system and of certifi"
    return [good(name, f"{parts.hostname} {way}, certificates from {authorities}")]
