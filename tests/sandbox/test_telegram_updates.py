"""How a bot takes its updates in: ``getUpdates`` and the webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.client import SandboxClient
from tests.sandbox.raw_bot import TOKEN, RawBot


@pytest.fixture
def pollers(people: SandboxClient) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads
        # Whoever still polls is let go by an update.
        people.say(people.person("Late"), "go home")


def texts(updates: list[Any]) -> list[str]:
    return [update["message"]["text"] for update in updates]


def wait_until_polling(people: SandboxClient, count: int = 1) -> None:
    """Wait until so many ``getUpdates`` are open."""

    def look() -> bool:
        return sum(entry["done_at"] is None for entry in people.journal(path="(?i)getUpdates")) == count

    people.wait_for(look, what="the poll")


class TestGetUpdates:
    def test_ids_grow_by_one(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        for text in "abc":
            people.say(ada, text)

        ids = [update["update_id"] for update in bot.result("getUpdates")]

        assert ids == [ids[0], ids[0] + 1, ids[0] + 2]

    def test_what_is_not_confirmed_comes_again(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.say(ada, "a")

        assert bot.result("getUpdates") == bot.result("getUpdates") != []

    def test_an_offset_confirms_all_before_it_on_arrival(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        for text in "abc":
            people.say(ada, text)
        first = bot.result("getUpdates")[0]["update_id"]

        assert texts(bot.result("getUpdates", offset=first + 2)) == ["c"]
        assert texts(bot.result("getUpdates")) == ["c"]

    def test_a_negative_offset_keeps_only_the_last(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        for text in "abc":
            people.say(ada, text)

        assert texts(bot.result("getUpdates", offset=-2)) == ["b", "c"]
        assert texts(bot.result("getUpdates")) == ["b", "c"]

    def test_the_limit_holds(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        for text in "abc":
            people.say(ada, text)

        assert texts(bot.result("getUpdates", limit=2)) == ["a", "b"]

    def test_a_long_poll_ends_with_the_first_update(
        self, bot: RawBot, ada: Any, people: SandboxClient, pollers: ThreadPoolExecutor
    ) -> None:
        poll = pollers.submit(bot.result, "getUpdates", timeout=50)
        wait_until_polling(people)

        people.say(ada, "now")

        assert texts(poll.result(timeout=10)) == ["now"]

    def test_the_older_of_two_pollers_is_sent_away(
        self, bot: RawBot, people: SandboxClient, sandbox: Any, pollers: ThreadPoolExecutor
    ) -> None:
        older = pollers.submit(bot.refusal, "getUpdates", timeout=50)
        wait_until_polling(people)
        other = RawBot(sandbox.url)
        newer: Future[Any] = pollers.submit(other, "getUpdates", timeout=50)

        assert older.result(timeout=10) == (
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )

        people.say(people.person("Bea"), "hello")
        assert texts(newer.result(timeout=10)["result"]) == ["hello"]
        other.session.close()

    def test_the_kinds_asked_for_stay_asked_for(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bot.result("getUpdates", allowed_updates=["callback_query"])
        bot.result("getUpdates")
        people.say(ada, "unheard")
        assert bot.result("getUpdates") == []

        bot.result("getUpdates", allowed_updates=[])
        people.say(ada, "heard")

        assert texts(bot.result("getUpdates")) == ["heard"]

    def test_reactions_come_only_when_asked_for(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        message = people.say(ada, "a")
        people.react(ada, message, "👍")
        assert [set(update) for update in bot.result("getUpdates")] == [{"update_id", "message"}]

        bot.result("getUpdates", allowed_updates=["message_reaction"], offset=2**31)
        people.react(ada, message, None)

        [update] = bot.result("getUpdates")
        assert update["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👍"}]
        assert update["message_reaction"]["new_reaction"] == []

    @pytest.mark.parametrize(
        ("kind", "kept_s"), [("message", 24 * 3600), ("callback_query", 150), ("inline_query", 30)]
    )
    def test_updates_are_kept_so_long(
        self, bot: RawBot, ada: Any, people: SandboxClient, kind: str, kept_s: int
    ) -> None:
        people.stop_clock()
        match kind:
            case "message":
                people.say(ada, "hello")
            case "callback_query":
                sent = bot.result("sendMessage", chat_id=ada["id"], text="press")
                people.press(ada, sent, "x")
            case _:
                people.ask_inline(ada, "fox")

        people.advance_clock(kept_s - 5)
        assert [kind in update for update in bot.result("getUpdates")] == [True]

        people.advance_clock(10)
        assert bot.result("getUpdates") == []

    def test_repeated_polls_get_one_update_at_a_time_in_strict_mode(
        self, bot: RawBot, ada: Any, people: SandboxClient
    ) -> None:
        people.set_limits(repeated_polls="strict")
        people.stop_clock()
        for text in "abc":
            people.say(ada, text)

        assert texts(bot.result("getUpdates", offset=5)) == ["a", "b", "c"]
        assert texts(bot.result("getUpdates", offset=5)) == ["a"]

    def test_what_is_said_together_comes_in_one_answer(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        with people.together():
            for text in "abc":
                people.say(ada, text)
            assert bot.result("getUpdates") == []

        assert texts(bot.result("getUpdates")) == ["a", "b", "c"]

    def test_people_may_write_before_any_bot_has_come(self, people: SandboxClient, sandbox: Any) -> None:
        ada = people.person("Ada")
        people.say(ada, "/start")
        group = people.group(ada)
        people.say(ada, "/imagine a fox", chat=group)

        newcomer = RawBot(sandbox.url)
        updates = newcomer.result("getUpdates")

        assert texts([update for update in updates if "message" in update]) == ["/start", "/imagine a fox"]
        assert newcomer.result("sendMessage", chat_id=ada["id"], text="hi")["chat"]["id"] == ada["id"]
        assert newcomer.result("sendMessage", chat_id=group["id"], text="hi")["chat"]["id"] == group["id"]
        newcomer.session.close()


class Receiver:
    """A webhook's far end: keeps what is posted, and answers as it was told to."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], Any]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                receiver.hold.wait(10)
                status, content = receiver.answers.pop(0) if receiver.answers else (200, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def texts(self) -> list[str]:
        return [body["message"]["text"] for _, body in self.posts if "message" in body]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.hold.set()
    running.server.shutdown()
    running.server.server_close()


def wait_until_taken(bot: RawBot, people: SandboxClient) -> None:
    people.wait_for(lambda: bot.result("getWebhookInfo")["pending_update_count"] == 0, what="the delivery")


class TestWebhook:
    def test_updates_are_posted_with_the_secret(
        self, bot: RawBot, ada: Any, people: SandboxClient, receiver: Receiver
    ) -> None:
        bot.result("setWebhook", url=receiver.url, secret_token="open-sesame")

        people.say(ada, "hello")
        wait_until_taken(bot, people)

        [(headers, body)] = receiver.posts
        assert headers["x-telegram-bot-api-secret-token"] == "open-sesame"
        assert headers["content-type"] == "application/json"
        assert body["message"]["text"] == "hello"

    def test_a_failed_delivery_is_repeated(
        self, bot: RawBot, ada: Any, people: SandboxClient, receiver: Receiver
    ) -> None:
        receiver.answers = [(500, b""), (502, b"")]
        bot.result("setWebhook", url=receiver.url)

        people.say(ada, "hello")
        people.wait_for(lambda: "502" in bot.result("getWebhookInfo").get("last_error_message", ""))
        people.advance_clock(3)
        wait_until_taken(bot, people)

        assert receiver.texts() == ["hello"] * 3

    def test_the_order_in_a_chat_is_kept(
        self, bot: RawBot, ada: Any, people: SandboxClient, receiver: Receiver
    ) -> None:
        receiver.answers = [(500, b"")]
        bot.result("setWebhook", url=receiver.url)

        for text in "abcd":
            people.say(ada, text)
        wait_until_taken(bot, people)

        assert receiver.texts() == ["a", "a", "b", "c", "d"]

    def test_chats_do_not_wait_for_one_another(
        self, bot: RawBot, ada: Any, people: SandboxClient, receiver: Receiver
    ) -> None:
        receiver.hold.clear()
        bot.result("setWebhook", url=receiver.url)

        people.say(ada, "from Ada")
        people.say(people.person("Bea"), "from Bea")
        people.wait_for(lambda: len(receiver.posts) == 2 or (bot.result("getMe") and None))

        assert sorted(receiver.texts()) == ["from Ada", "from Bea"]

    def test_the_answer_may_be_a_call(self, bot: RawBot, ada: Any, people: SandboxClient, receiver: Receiver) -> None:
        reply = {"method": "sendMessage", "chat_id": ada["id"], "text": "by reply"}
        receiver.answers = [(200, json.dumps(reply).encode())]
        bot.result("setWebhook", url=receiver.url)

        people.say(ada, "hello")

        assert people.wait_for_message(ada)["text"] == "by reply"

    def test_polling_and_a_webhook_exclude_each_other(self, bot: RawBot, receiver: Receiver) -> None:
        bot.result("setWebhook", url=receiver.url)
        assert bot.refusal("getUpdates") == (
            "Conflict: can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first"
        )

        bot.result("deleteWebhook")

        assert bot.result("getUpdates") == []

    def test_setting_it_ends_a_poll(
        self, bot: RawBot, people: SandboxClient, sandbox: Any, receiver: Receiver, pollers: ThreadPoolExecutor
    ) -> None:
        poller = RawBot(sandbox.url, TOKEN)
        poll = pollers.submit(poller.refusal, "getUpdates", timeout=50)
        wait_until_polling(people)

        bot.result("setWebhook", url=receiver.url)

        assert poll.result(timeout=10) == "Conflict: terminated by setWebhook request"
        poller.session.close()

    def test_its_description_tells_what_happened(self, bot: RawBot, receiver: Receiver) -> None:
        said = [
            bot("setWebhook", url=receiver.url)["description"],
            bot("setWebhook", url=receiver.url)["description"],
            bot("deleteWebhook")["description"],
            bot("deleteWebhook")["description"],
        ]

        assert said == [
            "Webhook was set",
            "Webhook is already set",
            "Webhook was deleted",
            "Webhook is already deleted",
        ]

    def test_its_info(self, bot: RawBot, receiver: Receiver) -> None:
        assert bot.result("getWebhookInfo") == {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": 0,
        }

        bot.result("setWebhook", url=receiver.url, allowed_updates=["message"], max_connections=5)

        info = bot.result("getWebhookInfo")
        assert (info["url"], info["allowed_updates"], info["max_connections"]) == (receiver.url, ["message"], 5)

    @pytest.mark.parametrize(
        ("wish", "why"),
        [
            ({"url": "http://example.com/x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
            (
                {"url": "https://example.com:8080/x"},
                "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
            ),
            (
                {"url": "https://example.com/x", "secret_token": "a b"},
                "secret token contains unallowed characters",
            ),
        ],
    )
    def test_what_it_refuses(self, bot: RawBot, wish: Any, why: str) -> None:
        assert bot.refusal("setWebhook", **wish) == f"Bad Request: {why}"
