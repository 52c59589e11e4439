"""What the sandbox answers to pages of other sites: nothing."""

import pytest
import requests

from sandbox.client import SandboxClient
from sandbox.same_site import is_private_name
from sandbox.telegram.webhook import is_loopback
from tests.sandbox.raw_bot import RawBot

HTML = b"<script>document.title = 'run'</script>"


def status(people: SandboxClient, method: str, path: str, **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{people.url}{path}", headers=names, data="{}", timeout=5).status_code


class TestHost:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.0.0.1:8090",
            "[::1]:8090",
            "localhost:8090",
            "172.17.0.1:8600",
            "sandbox:8090",
            "host.docker.internal:80",
        ],
    )
    def test_addresses_and_private_names_are_answered(self, host: str) -> None:
        assert is_private_name(host)

    @pytest.mark.parametrize(
        "host",
        [
            "",
            "attacker.example",
            "attacker.example:8090",
            "127.0.0.1.attacker.example",
            "localhost.attacker.example:80",
        ],
    )
    def test_names_of_the_public_dns_are_not(self, host: str) -> None:
        assert not is_private_name(host)

    @pytest.mark.parametrize("path", ["/people", "/", "/page/page.js", "/journal", "/telegram/bot4242:abc/getMe"])
    def test_a_rebound_name_reaches_nothing(self, people: SandboxClient, path: str) -> None:
        assert status(people, "GET", path, Host="attacker.example:8090") == 403


class TestOrigin:
    @pytest.mark.parametrize("path", ["/people", "/reset", "/faults", "/telegram/bot4242:abc/setWebhook"])
    @pytest.mark.parametrize("origin", ["http://attacker.example", "null", "http://127.0.0.1:1"])
    def test_a_page_of_another_origin_changes_nothing(self, people: SandboxClient, path: str, origin: str) -> None:
        assert status(people, "POST", path, Origin=origin) == 403

    def test_its_own_page_may_call_it(self, people: SandboxClient) -> None:
        assert status(people, "GET", "/people", Origin=people.url) == 200

    def test_a_request_without_origin_from_another_site_is_refused(self, people: SandboxClient) -> None:
        assert status(people, "GET", "/people", Sec_Fetch_Site="cross-site") == 403

    def test_a_link_on_another_site_opens_the_chat_page(self, people: SandboxClient) -> None:
        assert status(people, "GET", "/", Sec_Fetch_Site="cross-site") == 200


class TestWhatPeopleUpload:
    @pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xml", "x"])
    def test_it_never_runs_as_a_page_of_the_sandbox(self, bot: RawBot, people: SandboxClient, name: str) -> None:
        bot("getMe")
        person = people.person("Ada")
        sent = people.say(person, document=HTML, file_name=name)

        answer = requests.get(f"{people.url}/photos/{sent['document']['file_id']}", timeout=5)

        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


class TestWebhooks:
    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://localhost/hook", "http://[::1]:80/"])
    def test_they_are_delivered_to_this_machine(self, url: str) -> None:
        assert is_loopback(url)

    @pytest.mark.parametrize(
        "url", ["http://10.0.0.1/", "https://example.com/hook", "http://169.254.169.254/", "http://localhost.example/"]
    )
    def test_and_to_no_other(self, url: str) -> None:
        assert not is_loopback(url)
