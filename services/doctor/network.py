"""By which proxy each service is called, and which certificates are believed there: one rule for all of them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from services.doctor.findings import Finding, bad, good
from services.worker.painters.downloads import Downloads, Resolve, addresses_of
from services.worker.painters.http import HttpClient
from shared.errors import UnexpectedAnswer
from shared.network import Network
from shared.provider_hosts import provider_hosts
from shared.settings import SettingsError
from shared.web_addresses import ImageHosts


def check_telegram(url: str) -> Sequence[Finding]:
    """The bot's way to the Bot API."""
    return about_way("Network to Telegram", url)


def check_gemini(url: str) -> Sequence[Finding]:
    """The worker's way to what writes prompts."""
    return about_way("Network to Gemini", url)


def check_huggingface(hub_url: str, router_url: str) -> Sequence[Finding]:
    """The worker's way to the list of models, and to what paints."""
    return [*about_way("Network to HuggingFace's Hub", hub_url), *about_way("Network to its router", router_url)]


def check_pictures(hosts: str, resolve: Resolve = addresses_of) -> Sequence[Finding]:
    """Whether pictures could be fetched from the hosts of all providers."""
    name = "Network to pictures"
    try:
        downloads = Downloads(HttpClient(connections=1), ImageHosts.read(hosts), resolve=resolve)
    except SettingsError:
        return []  # The line on HF_IMAGE_HOSTS names it.
    findings = []
    for provider in provider_hosts():
        try:
            downloads.check(provider.provider)
        except UnexpectedAnswer as error:
            cure = f"add https://{provider.usual} to HF_IMAGE_HOSTS, if you trust it"
            findings.append(bad(name, f"nothing is ordered from {provider.provider}: {error}", cure))
    return findings or [good(name, "the usual hosts of all providers may be called")]


def about_way(name: str, url: str) -> Sequence[Finding]:
    """Say by which proxy and certificates a service is called, or which variable is wrong."""
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
