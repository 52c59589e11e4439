"""The fault switchboard, seen from the client that suffers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.client import SandboxClient, SandboxError
from tests.sandbox.raw_bot import TOKEN, RawBot


@pytest.fixture
def in_background() -> Any:
    """Runs a function in a thread; all threads are joined at the end of the test."""
    threads: list[threading.Thread] = []

    def run(function: Callable[[], Any]) -> None:
        thread = threading.Thread(target=function)
        threads.append(thread)
        thread.start()

    yield run
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


class TestWhichRequestIsHit:
    def test_one_request_unless_told_otherwise(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no")

        assert [bot.answer("getMe").status_code for _ in range(3)] == [500, 200, 200]

    def test_as_many_as_wished(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no", times=2)

        assert [bot.answer("getMe").status_code for _ in range(3)] == [500, 500, 200]

    def test_every_one_until_cleared(self, bot: RawBot, people: SandboxClient) -> None:
        fault = people.arm("telegram", status=500, reply="no", times=None)
        assert [bot.answer("getMe").status_code for _ in range(3)] == [500] * 3

        people.clear_faults(fault["id"])

        assert bot.answer("getMe").status_code == 200

    def test_the_nth_request(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no", skip=2)

        assert [bot.answer("getMe").status_code for _ in range(4)] == [200, 200, 500, 200]

    def test_by_path(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", path="/getMyCommands$", status=500, reply="no")

        assert bot.answer("getMe").status_code == 200
        assert bot.answer("getMyCommands").status_code == 500

    def test_by_words_in_a_json_body(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", body='"text":"füchse"', status=500, reply="no")

        assert bot.answer("sendMessage", chat_id=1, text="wolves").status_code == 400
        assert bot.answer("sendMessage", chat_id=1, text="füchse").status_code == 500

    def test_by_words_in_a_form(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", body="text=a red fox", status=500, reply="no")

        answer = bot.session.post(
            f"{bot.root}/bot{TOKEN}/sendMessage", data={"chat_id": 1, "text": "a red fox"}, timeout=5
        )

        assert answer.status_code == 500

    def test_by_the_size_of_the_body(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", larger_than=1_000, preset="too-large", times=None)

        assert bot.answer("sendMessage", chat_id=1, text="short").status_code == 400
        assert bot.answer("sendMessage", chat_id=1, text="long" * 500).status_code == 413

    @pytest.mark.parametrize(("seconds", "statuses"), [(3_600, [500, 500, 500]), (0, [500, 200, 200])])
    def test_for_a_time_from_its_first_hit(self, bot: RawBot, people: SandboxClient, seconds, statuses) -> None:
        people.arm("telegram", status=500, reply="no", for_s=seconds)

        assert [bot.answer("getMe").status_code for _ in range(3)] == statuses

    def test_only_in_its_own_service(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("gemini", status=500, reply="no")

        assert bot.answer("getMe").status_code == 200

    def test_the_one_armed_first_wins(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no")
        people.arm("telegram", status=502, reply="no")

        assert [bot.answer("getMe").status_code for _ in range(3)] == [500, 502, 200]

    def test_hits_are_counted(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no", times=5)
        bot.answer("getMe")

        assert people.faults()[0]["hits"] == 1


class TestWhatHappensToIt:
    def test_a_json_reply_with_headers(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=418, reply={"a": [1]}, headers={"X-Pot": "short"})

        answer = bot.answer("getMe")

        assert (answer.status_code, answer.json(), answer.headers["x-pot"]) == (418, {"a": [1]}, "short")

    def test_raw_bytes(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", reply_base64="AAEC", headers={"Content-Type": "image/png"})

        answer = bot.answer("getMe")

        assert (answer.content, answer.headers["content-type"]) == (b"\x00\x01\x02", "image/png")

    def test_a_dropped_request_is_not_done(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.arm("telegram", path="sendMessage", drop="before")

        with pytest.raises(requests.ConnectionError):
            bot("sendMessage", chat_id=ada["id"], text="hello")

        assert people.from_bot(ada) == []
        assert people.journal("telegram", path="sendMessage")[0]["status"] is None

    def test_a_dropped_answer_belongs_to_a_request_that_was_done(
        self, bot: RawBot, ada: Any, people: SandboxClient
    ) -> None:
        people.arm("telegram", path="sendMessage", drop="after")

        with pytest.raises(requests.ConnectionError):
            bot("sendMessage", chat_id=ada["id"], text="hello")

        assert [message["text"] for message in people.from_bot(ada)] == ["hello"]

    def test_a_truncated_body_is_noticed_by_its_length(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", truncate=10)

        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            bot.answer("getMe")

    def test_a_truncated_body_without_length_looks_whole(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", truncate=10, no_length=True)

        answer = bot.answer("getMe")

        assert (answer.status_code, answer.content) == (200, b'{"ok":true')
        assert "content-length" not in answer.headers

    def test_a_dripping_body_comes_piece_by_piece(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", drip_s=60, drip_bytes=4, reply="0123456789")
        people.arm("telegram", drip_s=0.01, drip_bytes=4, reply="0123456789")

        with bot.session.get(f"{bot.root}/bot{TOKEN}/getMe", stream=True, timeout=5) as answer:
            assert answer.raw.read1() == b"0123"

        assert bot.answer("getMe").content == b"0123456789"

    def test_a_delayed_answer_outlasts_an_impatient_client(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.arm("telegram", path="sendMessage", delay_s=0.5)
        wish = {"chat_id": ada["id"], "text": "late"}

        with pytest.raises(requests.ReadTimeout):
            bot.session.post(f"{bot.root}/bot{TOKEN}/sendMessage", json=wish, timeout=0.05)

        assert people.wait_for_message(ada)["text"] == "late"

    def test_a_gate_holds_a_request_until_it_is_opened(
        self, bot: RawBot, ada: Any, people: SandboxClient, in_background: Any
    ) -> None:
        people.arm("telegram", path="sendMessage", gate="slow", times=None)
        in_background(lambda: bot("sendMessage", chat_id=ada["id"], text="held"))
        people.wait_at_gate("slow")
        assert people.from_bot(ada) == []
        assert people.gate("slow") == {"waiting": 1, "open": False}

        people.open_gate("slow")

        assert people.wait_for_message(ada)["text"] == "held"
        assert bot("sendMessage", chat_id=ada["id"], text="not held")["ok"]

    def test_a_gate_may_hold_the_rest_of_an_answer(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", gate="rest", gate_at=4, reply="0123456789")

        with bot.session.get(f"{bot.root}/bot{TOKEN}/getMe", stream=True, timeout=5) as answer:
            begun = answer.raw.read1()
            people.wait_at_gate("rest")
            people.open_gate("rest")

            assert (begun, answer.raw.read()) == (b"0123", b"456789")

    def test_clearing_lets_held_requests_go(
        self, bot: RawBot, ada: Any, people: SandboxClient, in_background: Any
    ) -> None:
        people.arm("telegram", path="sendMessage", gate="slow")
        in_background(lambda: bot("sendMessage", chat_id=ada["id"], text="held"))
        people.wait_at_gate("slow")

        people.clear_faults()

        assert people.wait_for_message(ada)["text"] == "held"

    def test_the_connection_is_good_for_the_next_request(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", status=500, reply="no")
        people.arm("telegram", drop="before")
        bot.answer("getMe")
        with pytest.raises(requests.ConnectionError):
            bot.answer("getMe")

        assert bot("getMe")["ok"]


class TestPresets:
    def test_telegrams_own(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", preset="too-many-requests", arguments={"retry_after": 7})

        answer = bot.answer("getMe")

        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "7"
        assert answer.json()["parameters"] == {"retry_after": 7}

    @pytest.mark.parametrize("service", ["telegram", "gemini", "router", "endpoint", "hub", "files"])
    def test_every_preset_of_a_service_can_be_armed(self, people: SandboxClient, service: str) -> None:
        names = people.call("GET", "/faults/presets")[service]

        armed = [people.arm(service, preset=name)["preset"] for name in names]

        assert armed == names
        assert names

    def test_own_fields_come_before_the_presets(self, bot: RawBot, people: SandboxClient) -> None:
        people.arm("telegram", preset="unauthorized", status=403)

        assert bot.answer("getMe").status_code == 403


class TestWhatCannotBeMeant:
    @pytest.mark.parametrize(
        "wish",
        [
            {"service": "fax"},
            {"service": "telegram", "preset": "nonsense"},
            {"service": "telegram", "preset": "unauthorized", "with": {"colour": "red"}},
            {"service": "telegram", "stauts": 500},
            {"service": "telegram", "drop": "sometimes"},
            {"service": "telegram", "path": "("},
            {"service": "telegram", "times": 0},
            {"service": "telegram", "reply_base64": "§"},
            ["service"],
        ],
    )
    def test_it_is_refused(self, people: SandboxClient, wish: Any) -> None:
        with pytest.raises(SandboxError) as refusal:
            people.call("POST", "/faults", json=wish)

        assert refusal.value.status == 400
        assert people.faults() == []
