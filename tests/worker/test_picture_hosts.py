"""Where pictures are fetched: the shipped hosts are those of the providers' answers, and what is refused is told."""

import json
import logging
from datetime import UTC, date, datetime

import pytest

from sandbox.client import SandboxClient
from services.worker.images.decoder import Decoder
from services.worker.painters.downloads import Downloads, addresses_of
from services.worker.painters.http import HttpClient, HttpResponse
from services.worker.painters.painter import GenerationRequest, Target
from services.worker.painters.provider import Found
from services.worker.painters.registry import ADAPTERS
from services.worker.painters.router import RouterPainter
from shared.errors import UnexpectedAnswer
from shared.network import Network, Proxy
from shared.provider_hosts import provider_hosts
from shared.settings import PROVIDER_FILE_HOSTS
from shared.web_addresses import ImageHosts, WebAddress
from tests.worker.documented_answers import ANSWERS

SHIPPED = ImageHosts.read(PROVIDER_FILE_HOSTS)
BY_PROVIDER = {adapter.provider: adapter for adapter in ADAPTERS}
FAKE, PRIVATE, PUBLIC = "198.18.0.7", "10.0.0.5", "151.101.1.1"


def downloads(hosts: str, *addresses: str, network: Network | None = None) -> Downloads:
    """Downloads on a computer whose name service knows these addresses of every host."""
    http = HttpClient(connections=1, network=network or Network())
    return Downloads(http, ImageHosts.read(hosts), resolve=lambda _: addresses)


class TestTheShippedList:
    @pytest.mark.parametrize(("provider", "answer"), ANSWERS)
    def test_holds_every_host_of_the_documented_answers(self, provider: str, answer: dict[str, object]) -> None:
        found = BY_PROVIDER[provider].read(HttpResponse(200, {}, json.dumps(answer).encode()), {})

        assert isinstance(found, Found)
        if isinstance(found.source, str):
            own = ImageHosts.read(",".join(*[one.hosts for one in provider_hosts() if one.provider == provider]))
            assert own.names(WebAddress.read(found.source))
            assert SHIPPED.names(WebAddress.read(found.source))

    def test_has_each_provider_once_with_a_date_and_a_source(self) -> None:
        named = [one.provider for one in provider_hosts()]

        assert sorted(named) == sorted(set(BY_PROVIDER) - {"endpoint"})
        for one in provider_hosts():
            assert date(2026, 1, 1) <= one.seen <= datetime.now(UTC).date()
            assert one.source.startswith("https://")
            assert one.usual is None or ImageHosts.read(",".join(one.hosts)).names(WebAddress("https", one.usual, 443))

    @pytest.mark.parametrize(
        "url",
        [
            "https://storage.googleapis.com/falserverless/x.png",
            "https://evil.s3.us-west-2.amazonaws.com/x.png",
            "https://evil.cloudfront.net/x.png",
            "https://evil.cn-wlcb.ufileos.com/x.png",
            "https://fal.media.evil.test/x.png",
        ],
    )
    def test_names_nothing_that_anybody_can_rent(self, url: str) -> None:
        assert not SHIPPED.names(WebAddress.read(url))


class TestBeforeAnOrder:
    @pytest.mark.parametrize("address", [FAKE, PRIVATE, "fd00::1", "::ffff:10.0.0.5"])
    def test_a_host_whose_addresses_are_all_private_is_told(
        self, address: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(UnexpectedAnswer, match="not allowed"):
            downloads(PROVIDER_FILE_HOSTS, address).check("fal-ai")

        [line] = caplog.records
        told = {name: getattr(line, name) for name in ("host", "address", "setting", "allow")}
        assert told == {
            "host": "v3.fal.media",
            "address": address,
            "setting": "HF_IMAGE_HOSTS",
            "allow": "https://v3.fal.media",
        }

    @pytest.mark.parametrize("addresses", [(PUBLIC,), (PRIVATE, PUBLIC), ()])
    def test_one_that_may_be_public_is_not(self, addresses: tuple[str, ...]) -> None:
        downloads(PROVIDER_FILE_HOSTS, *addresses).check("fal-ai")

    def test_what_its_line_says_allows_it(self) -> None:
        downloads(f"{PROVIDER_FILE_HOSTS},https://v3.fal.media", FAKE).check("fal-ai")

    def test_a_provider_whose_host_was_left_out_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(UnexpectedAnswer):
            downloads(".fal.media", PUBLIC).check("replicate")

        assert caplog.records[0].__dict__["allow"] == "replicate.delivery"

    @pytest.mark.parametrize("provider", ["together", "nscale", "hf-inference", "endpoint"])
    def test_pictures_inside_answers_need_no_host(self, provider: str) -> None:
        downloads("", PRIVATE).check(provider)

    def test_a_proxy_alone_knows_the_addresses(self) -> None:
        network = Network({"https": Proxy.read("proxy.test:3128")})

        downloads(PROVIDER_FILE_HOSTS, PRIVATE, network=network).check("fal-ai")

    def test_nothing_is_ordered(
        self, sandbox: SandboxClient, decoder: Decoder, caplog: pytest.LogCaptureFixture
    ) -> None:
        painter = RouterPainter(
            BY_PROVIDER["fal-ai"],
            http=HttpClient(connections=1, network=Network()),
            router_url=f"{sandbox.url}/router",
            token="hf_test",
            downloads=downloads(PROVIDER_FILE_HOSTS, FAKE),
            decoder=decoder,
        )

        with caplog.at_level(logging.WARNING), pytest.raises(UnexpectedAnswer):
            painter.paint(Target("a/b", "fal-ai", "fal-ai/flux/dev"), GenerationRequest("a fox"), timeout_s=5)

        assert sandbox.journal("router") == []

    def test_the_name_service_is_asked_with_a_limit(self) -> None:
        assert set(addresses_of("localhost")) <= {"127.0.0.1", "::1"}
        assert addresses_of("no-such-host.invalid") == ()


class TestAtADownload:
    def test_a_private_address_is_told_with_what_allows_it(
        self, sandbox: SandboxClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The list names the host, so that only its address speaks against it.
        monkeypatch.setattr(ImageHosts, "names", lambda *_: True)

        with pytest.raises(UnexpectedAnswer, match=r"127\.0\.0\.1"):
            downloads("").fetch(f"{sandbox.url}/files/x/image.png", timeout_s=5)

        [line] = caplog.records
        assert (line.__dict__["address"], line.__dict__["allow"]) == ("127.0.0.1", sandbox.url)
        assert sandbox.journal("files") == []

    def test_a_host_that_is_not_listed_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(UnexpectedAnswer):
            downloads(PROVIDER_FILE_HOSTS).fetch("https://new.provider.test/a.png", timeout_s=5)

        assert caplog.records[0].__dict__["allow"] == "new.provider.test"
