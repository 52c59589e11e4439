"""Every client reaches the internet by one rule: the environment's proxies and certificates, and no ``.netrc``."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from telegram.error import NetworkError

from services.bot.telegram.transport import Transport
from services.worker.gemini.client import Failure, Gemini
from services.worker.painters.downloads import Downloads
from services.worker.painters.http import HttpClient
from shared.errors import ImagineError
from shared.images import Images
from shared.network import Network, Proxy
from shared.settings import SettingsError
from shared.web_addresses import ImageHosts
from tests.ways_out import Passed, WayOut, way_out

VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
)
LOGIN = "me:se%40cret"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WayOut]:
    with way_out(tmp_path_factory.mktemp("network")) as way:
        yield way


@pytest.fixture
def way(network: WayOut, monkeypatch: pytest.MonkeyPatch) -> WayOut:
    for name in (*VARIABLES, "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    network.passed.clear()
    network.served.clear()
    network.authorizations.clear()
    return network


def telegram(base: str) -> bool:
    async def ask() -> bool:
        transport = Transport(connections=1)
        await transport.initialize()
        try:
            return (await transport.ask(f"{base}/bot1:x/getMe", {}, within_s=5.0))[0] == 200
        except NetworkError:
            return False
        finally:
            await transport.shutdown()

    return asyncio.run(ask())


def gemini(base: str) -> bool:
    client = Gemini(api_key="AIza-x", base_url=base, api_version="v1beta", slots=1)
    try:
        return not isinstance(client.models(timeout_s=5.0), Failure)
    finally:
        client.close()


def huggingface(base: str) -> bool:
    try:
        return HttpClient(connections=1).call("POST", f"{base}/hf", timeout_s=5.0, json={"inputs": "x"}).ok
    except ImagineError:
        return False


def files(base: str) -> bool:
    try:
        # An address that is written out may lie in the own network.
        hosts = ImageHosts.read(".test" if base.endswith(".test") and base.startswith("https") else base)
        return bool(Downloads(HttpClient(connections=1), hosts).fetch(f"{base}/a.png", timeout_s=5.0))
    except ImagineError:
        return False


def s3(base: str) -> bool:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": base,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }.items():
            environment.setenv(name, value)
        images = Images("s3://bucket/pictures")
    try:
        images.keep_sent("sent/1/1", b"x")
    except ImagineError:
        return False
    return True


CLIENTS: dict[str, Callable[[str], bool]] = {
    "telegram": telegram,
    "gemini": gemini,
    "huggingface": huggingface,
    "files": files,
    "s3": s3,
}
each_client = pytest.mark.parametrize("name", CLIENTS)


@each_client
class TestProxies:
    @pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
    def test_a_http_proxy_leads_out(
        self, way: WayOut, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, f"http://{LOGIN}@{way.proxy}")
        monkeypatch.setenv("SSL_CERT_FILE", str(way.authority))

        assert CLIENTS[name](f"https://{name}.company.test")
        assert set(way.passed) == {Passed("CONNECT", f"{name}.company.test", "me:se@cret")}
        assert set(way.served) == {f"{name}.company.test"}

    def test_a_proxy_may_be_spoken_to_in_tls(self, way: WayOut, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{LOGIN}@{way.tls_proxy}")
        monkeypatch.setenv("SSL_CERT_FILE", str(way.authority))

        assert CLIENTS[name](f"https://{name}.company.test")
        assert set(way.passed) == {Passed("CONNECT", f"{name}.company.test", "me:se@cret")}

    def test_a_proxy_of_plain_http_gets_the_whole_address(
        self, way: WayOut, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", f"http://{way.proxy}")

        assert CLIENTS[name](f"http://{name}.company.test")
        assert {passed.host for passed in way.passed} == {f"{name}.company.test"}

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
    def test_a_socks_proxy_leads_out_and_is_asked_for_names(
        self, way: WayOut, name: str, scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{LOGIN}@{way.proxy}")
        monkeypatch.setenv("SSL_CERT_FILE", str(way.authority))

        if name == "s3":
            with pytest.raises(SettingsError, match="SOCKS"):
                s3(f"https://{name}.company.test")
            return
        assert CLIENTS[name](f"https://{name}.company.test")
        assert set(way.passed) == {Passed("SOCKS", f"{name}.company.test", "me:se@cret")}

    def test_what_is_excepted_is_called_directly(self, way: WayOut, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{way.proxy}")
        monkeypatch.setenv("NO_PROXY", "fd07:b51a:cc66:f0::/64,localhost")

        assert CLIENTS[name](f"http://localhost:{way.port}")
        assert way.passed == []


@each_client
class TestCertificates:
    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_an_authority_of_ones_own_is_trusted(
        self, way: WayOut, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, str(way.authority))

        assert CLIENTS[name](f"https://localhost:{way.tls_port}")

    def test_an_authority_that_nobody_named_is_not(self, way: WayOut, name: str) -> None:
        assert not CLIENTS[name](f"https://localhost:{way.tls_port}")
        assert way.served == []


@each_client
def test_a_password_in_netrc_takes_no_keys_place(
    way: WayOut, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (tmp_path / ".netrc", tmp_path / "_netrc"):
        file.write_text("default login somebody password else\n")
        file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert CLIENTS[name](f"http://localhost:{way.port}")
    assert way.authorizations
    assert not [said for said in way.authorizations if said.startswith("Basic")]


class TestTheRule:
    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("proxy.example", "http://proxy.example:80"),
            ("http://proxy.example:3128/", "http://proxy.example:3128"),
            ("https://proxy.example", "https://proxy.example:443"),
            ("http://прокси.example:3128", "http://прокси.example:3128"),
            ("socks://proxy.example/", "socks5h://proxy.example:1080"),
            ("socks5://me:se%40cret@[::1]:9", "socks5h://me:se%40cret@[::1]:9"),  # pragma: allowlist secret
        ],
    )
    def test_a_proxy_is_written_as_elsewhere(self, text: str, url: str) -> None:
        assert Proxy.read(text).url == url
        assert "cret" not in repr(Proxy.read(text))

    @pytest.mark.parametrize(
        ("exception", "url", "excepted"),
        [
            ("*", "https://a.example", True),
            ("a.example", "https://a.example", True),
            ("a.example", "https://b.a.example", True),
            ("a.example", "https://ba.example", False),
            (".a.example", "https://b.a.example", True),
            ("*.a.example", "https://b.a.example", True),
            ("A.EXAMPLE", "https://a.example", True),
            ("a.example:8443", "https://a.example:8443", True),
            ("a.example:8443", "https://a.example", False),
            ("10.0.0.0/8", "http://10.1.2.3:9000", True),
            ("10.0.0.0/8", "http://11.1.2.3", False),
            ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f0::1]:80", True),
            ("[::1]", "http://[::1]:9", True),
            ("[::1]:9", "http://[::1]:8", False),
            ("::1", "http://localhost", False),
            (".", "https://a.example", False),
        ],
    )
    def test_an_exception_names_hosts_domains_addresses_and_networks(
        self, exception: str, url: str, excepted: bool
    ) -> None:
        proxy = Proxy.read("proxy.example")
        network = Network({"http": proxy, "https": proxy}, ("x.example", exception))

        assert (network.proxy_for(url) is None) is excepted

    def test_the_proxy_of_a_scheme_comes_before_that_of_all(self, way: WayOut, monkeypatch: pytest.MonkeyPatch) -> None:
        del way
        monkeypatch.setenv("HTTPS_PROXY", "a.example")
        monkeypatch.setenv("ALL_PROXY", "b.example")
        network = Network.of_environment()

        assert [network.proxies[scheme].host for scheme in ("http", "https")] == ["b.example", "a.example"]

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("ALL_PROXY", "socks4://proxy.example"),
            ("HTTPS_PROXY", "http://"),
            ("HTTP_PROXY", "http://proxy.example:0x50"),
            ("HTTPS_PROXY", "  "),
            ("ALL_PROXY", "socks5://a proxy:1080"),
            ("HTTP_PROXY", "http://proxy_of_ours-.example"),
            ("SSL_CERT_FILE", "/nowhere/ca.pem"),
            ("REQUESTS_CA_BUNDLE", __file__),
        ],
    )
    def test_what_is_none_is_told_by_name(
        self, way: WayOut, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del way
        monkeypatch.setenv(variable, value)

        with pytest.raises(SettingsError, match=variable):
            Network.of_environment()
