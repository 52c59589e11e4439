"""The edge around ``requests``, over real HTTP."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.client import SandboxClient, mask
from services.worker.painters.http import Countdown, HttpClient, HttpResponse
from shared.errors import BadPicture, ServiceUnreachable, UnexpectedAnswer
from tests.threads import raise_exit_in


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Serves one connection with a function of the test's own; for what no HTTP server would do."""
    threads: list[threading.Thread] = []

    def serve(talk: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))

        def run() -> None:
            with listener, listener.accept()[0] as connection:
                connection.recv(65_536)
                talk(connection)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield serve
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def drip(connection: socket.socket, piece: bytes) -> None:
    """Send a piece every now and then until the other side hangs up."""
    connection.settimeout(0.05)
    while True:
        try:
            connection.sendall(piece)
            if connection.recv(1) == b"":
                return
        except TimeoutError:
            continue
        except OSError:
            return


class TestAnswer:
    def test_an_answer_has_status_headers_body_and_duration(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=418, headers={"X-Request-Id": "abc"}, reply={"a": 1})

        answer = http.call("GET", f"{sandbox.url}/router/x", timeout_s=5)

        assert (answer.status, answer.headers["x-request-id"], answer.json) == (418, "abc", {"a": 1})
        assert answer.request_id == "abc"
        assert answer.duration_ms >= 0
        assert not answer.ok

    def test_json_of_a_body_that_is_none_is_nothing(self):
        assert HttpResponse(200, {}, b"<html>").json is None
        assert HttpResponse(200, {}, b"[" * 100_000).json is None

    def test_a_request_carries_json_and_headers(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=200, reply="")

        http.call("POST", f"{sandbox.url}/router/x", timeout_s=5, headers={"X-A": "b"}, json={"inputs": "ü"})

        (entry,) = sandbox.journal("router")
        assert entry["headers"]["x-a"] == "b"
        assert entry["body"] == {"inputs": "ü"}


class TestTime:
    def test_a_body_that_drips_ends_with_the_seconds(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=200, reply="x" * 1_000, drip_s=0.05)
        started = time.monotonic()

        with pytest.raises(ServiceUnreachable, match="no whole answer"):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=2)

        # Whole, the body would take 50 seconds; no single pause of it is longer than the time allowed.
        assert time.monotonic() - started < 10

    def test_a_body_of_unknown_length_that_drips_is_not_taken_for_whole(self, raw_server, http: HttpClient):
        def talk(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            drip(connection, b"x")

        with pytest.raises(ServiceUnreachable, match="no whole answer"):
            http.call("GET", raw_server(talk), timeout_s=2)

    def test_headers_that_drip_end_with_the_seconds(self, raw_server, http: HttpClient):
        def talk(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            drip(connection, b"x")

        with pytest.raises(ServiceUnreachable):
            http.call("GET", raw_server(talk), timeout_s=0.3)

    def test_silence_ends_with_the_seconds(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", gate="silence")

        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=0.3)
        sandbox.open_gate("silence")

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_silence_ends_although_the_thread_that_ends_it_has_died(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=200, reply="well")
        http.call("GET", f"{sandbox.url}/router/x", timeout_s=5)
        timekeeper = http._timekeeper
        raise_exit_in(timekeeper._thread)
        while timekeeper._thread.is_alive():
            with timekeeper._earlier:
                timekeeper._earlier.notify()
        sandbox.arm("router", gate="silence")

        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=0.3)
        sandbox.open_gate("silence")

    def test_after_a_call_that_ended_early_the_next_one_works(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=200, reply="x" * 1_000, drip_s=0.05)
        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=0.2)
        sandbox.arm("router", status=200, reply="well")

        assert http.call("GET", f"{sandbox.url}/router/x", timeout_s=5).body == b"well"

    def test_without_time_nothing_is_called(self, sandbox: SandboxClient, http: HttpClient):
        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=0)

        assert sandbox.journal("router") == []

    def test_a_countdown_never_goes_below_zero(self):
        assert Countdown(-5).left == 0
        assert 9 < Countdown(10).left <= 10


class TestTrouble:
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_dropped_connection_is_no_answer(self, sandbox: SandboxClient, http: HttpClient, when: str):
        sandbox.arm("router", drop=when)

        with pytest.raises(ServiceUnreachable):
            http.call("POST", f"{sandbox.url}/router/x", timeout_s=5)

    def test_a_body_shorter_than_announced_is_no_answer(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", truncate=5)

        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"{sandbox.url}/router/unknown/path", timeout_s=5)

    def test_nobody_listening_is_no_answer(self, http: HttpClient, deaf_port: int):
        with pytest.raises(ServiceUnreachable):
            http.call("GET", f"http://127.0.0.1:{deaf_port}/", timeout_s=5)

    @pytest.mark.parametrize("url", ["ftp://example.org/", "http://", "http://[::1", "nonsense", "https://.example/"])
    def test_what_is_no_url_for_us_is_an_unexpected_answer(self, http: HttpClient, url: str):
        with pytest.raises(UnexpectedAnswer):
            http.call("GET", url, timeout_s=5)

    def test_a_body_over_the_limit_is_not_read_to_its_end(self, sandbox: SandboxClient):
        sandbox.arm("router", status=200, reply="x" * 300_000)

        with pytest.raises(BadPicture) as caught:
            HttpClient(max_body_bytes=100_000).call("GET", f"{sandbox.url}/router/x", timeout_s=5)

        assert caught.value.flaw == "too_large"


class TestDiscretion:
    def test_a_redirect_is_an_answer_and_not_followed(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=302, headers={"Location": f"{sandbox.url}/hub/api/models"}, reply="")

        answer = http.call("POST", f"{sandbox.url}/router/x", timeout_s=5)

        assert answer.status == 302
        assert sandbox.journal("hub") == []

    def test_a_netrc_entry_does_not_replace_our_token(
        self, sandbox: SandboxClient, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        sandbox.arm("router", status=200, reply="")

        http.call("GET", f"{sandbox.url}/router/x", timeout_s=5, headers={"Authorization": "Bearer hf_ours"})

        assert sandbox.journal("router")[0]["headers"]["authorization"] == f"Bearer {mask('hf_ours')}"

    def test_cookies_are_not_kept(self, sandbox: SandboxClient, http: HttpClient):
        sandbox.arm("router", status=200, headers={"Set-Cookie": "a=b; Path=/"}, reply="", times=2)

        for _ in range(2):
            http.call("GET", f"{sandbox.url}/router/x", timeout_s=5)

        assert all("cookie" not in entry["headers"] for entry in sandbox.journal("router"))

    def test_a_call_for_the_public_internet_sends_nothing_to_a_private_address(
        self, sandbox: SandboxClient, http: HttpClient
    ):
        with pytest.raises(UnexpectedAnswer, match="not public"):
            http.call("GET", f"{sandbox.url}/files/x/image.png", timeout_s=5, public_only=True)

        assert sandbox.journal("files") == []
