"""The users' side: what people do, what the bot learns of it, and what people see."""

from __future__ import annotations

import hmac
import json
import threading
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest
import requests

from sandbox.client import SandboxClient, SandboxError
from tests.sandbox.raw_bot import RawBot, picture


class TestWriting:
    def test_a_command_is_marked(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        said = people.say(ada, "/imagine a fox")

        [update] = bot.result("getUpdates")

        assert update["message"] == said
        assert said["entities"] == [{"type": "bot_command", "offset": 0, "length": 8}]
        assert said["from"] == ada
        assert said["chat"]["id"] == ada["id"]

    def test_a_photo_reaches_the_bot(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        content = picture(200, 100)

        people.say(ada, "like this", photo=content, file_name="a.png")

        message = bot.result("getUpdates")[0]["message"]
        assert (message["caption"], message["photo"][-1]["width"]) == ("like this", 200)
        assert people.file(message["photo"]) == content

    def test_a_voice_message(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.say(ada, voice=b"OggS...")

        voice = bot.result("getUpdates")[0]["message"]["voice"]
        assert (voice["mime_type"], voice["duration"], voice["file_size"]) == ("audio/ogg", 1, 7)

    def test_an_edit_reaches_the_bot_and_a_deletion_does_not(
        self, bot: RawBot, ada: Any, people: SandboxClient
    ) -> None:
        said = people.say(ada, "a fox")
        people.edit(said, "a red fox")
        people.delete(said)

        kinds = [next(iter(set(update) - {"update_id"})) for update in bot.result("getUpdates")]

        assert kinds == ["message", "edited_message"]

    def test_a_reply_carries_the_message_it_answers(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="which fox?")

        said = people.say(ada, "the red one", reply_to_message_id=sent["message_id"])

        assert said["reply_to_message"] == sent

    def test_whoever_blocked_the_bot_cannot_write(self, ada: Any, people: SandboxClient) -> None:
        people.block(ada)

        with pytest.raises(SandboxError, match="blocked"):
            people.say(ada, "hello")


class TestPrivacyMode:
    @pytest.fixture
    def group(self, people: SandboxClient, ada: Any) -> Any:
        return people.group(ada)

    def heard(self, bot: RawBot) -> list[str]:
        return [update["message"]["text"] for update in bot.result("getUpdates") if "message" in update]

    @pytest.mark.parametrize(
        ("text", "is_heard"),
        [
            ("just talking", False),
            ("/imagine a fox", True),
            ("/imagine@sandbox_bot a fox", True),
            ("/imagine@other_bot a fox", False),
            ("@sandbox_bot a fox", True),
            ("a / b", False),
        ],
    )
    def test_in_groups_the_bot_hears_what_is_meant_for_it(
        self, bot: RawBot, ada: Any, group: Any, people: SandboxClient, text: str, is_heard: bool
    ) -> None:
        people.say(ada, text, chat=group)

        assert self.heard(bot) == ([text] if is_heard else [])

    def test_it_hears_replies_to_itself(self, bot: RawBot, ada: Any, group: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=group["id"], text="which?")

        people.say(ada, "the red one", chat=group, reply_to_message_id=sent["message_id"])

        assert self.heard(bot) == ["the red one"]

    def test_it_hears_all_once_privacy_is_off(self, bot: RawBot, ada: Any, group: Any, people: SandboxClient) -> None:
        people.call("PATCH", "/bot", json={"can_read_all_group_messages": True})

        people.say(ada, "just talking", chat=group)

        assert self.heard(bot) == ["just talking"]


class TestButtons:
    def press(self, bot: RawBot, ada: Any, people: SandboxClient) -> tuple[str, Any]:
        keyboard = {"inline_keyboard": [[{"text": "Again", "callback_data": "again:1"}]]}
        sent = bot.result("sendMessage", chat_id=ada["id"], text="done", reply_markup=keyboard)
        query_id = people.press(ada, sent, "Again")
        return query_id, bot.result("getUpdates")[-1]["callback_query"]

    def test_a_press_is_told_and_answered(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        query_id, query = self.press(bot, ada, people)
        assert (query["id"], query["data"], query["message"]["text"]) == (query_id, "again:1", "done")
        assert people.callback(query_id) == {"answered": False}

        bot.result("answerCallbackQuery", callback_query_id=query_id, text="Once more", show_alert=True)

        answer = people.callback(query_id)
        assert answer.pop("after_s") > 0
        assert answer == {"answered": True, "text": "Once more", "show_alert": True}

    def test_an_answer_may_come_too_late(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        query_id, _ = self.press(bot, ada, people)
        people.advance_clock(200)

        refusal = bot.refusal("answerCallbackQuery", callback_query_id=query_id)

        assert refusal.endswith("query is too old and response timeout expired or query ID is invalid")

    def test_an_old_message_is_inaccessible(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="old")
        people.advance_clock(3 * 24 * 3600)

        people.press(ada, sent, "x")

        assert bot.result("getUpdates")[-1]["callback_query"]["message"]["date"] == 0


class TestMiniApps:
    KEYBOARD: ClassVar = {"inline_keyboard": [[{"text": "Open", "web_app": {"url": "https://app.example/x"}}]]}

    def test_are_opened_with_data_that_the_token_signed(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="look", reply_markup=self.KEYBOARD)

        address, _, given = people.open_web_app(ada, sent, "Open").partition("#")

        assert address == "https://app.example/x"
        fields = dict(parse_qsl(dict(parse_qsl(given))["tgWebAppData"]))
        signed = fields.pop("hash")
        assert json.loads(fields["user"])["id"] == ada["id"]
        key = hmac.new(b"WebAppData", bot.token.encode(), "sha256").digest()
        checked = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
        assert signed == hmac.new(key, checked.encode(), "sha256").hexdigest()

    def test_have_buttons_in_private_chats_alone(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        group = people.group(ada)["id"]

        refusal = bot.refusal("sendMessage", chat_id=group, text="look", reply_markup=self.KEYBOARD)

        assert refusal == "Bad Request: BUTTON_TYPE_INVALID"


class TestInline:
    def test_from_the_query_to_the_edited_message(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        query_id = people.ask_inline(ada, "fox")
        assert bot.result("getUpdates")[-1]["inline_query"]["query"] == "fox"
        result = {
            "type": "article",
            "id": "1",
            "title": "Paint a fox",
            "input_message_content": {"message_text": "<b>painting</b>", "parse_mode": "HTML"},
            "reply_markup": {"inline_keyboard": [[{"text": "wait", "callback_data": "x"}]]},
        }

        bot.result("answerInlineQuery", inline_query_id=query_id, results=[result], cache_time=0)
        assert people.inline_answer(query_id)["results"] == [result]

        sent = people.choose_inline(query_id, "1")
        assert (sent["text"], sent["via_bot"]["username"]) == ("painting", "sandbox_bot")
        inline_message_id = bot.result("getUpdates")[-1]["chosen_inline_result"]["inline_message_id"]
        edited = bot.result("editMessageText", inline_message_id=inline_message_id, text="painted")
        assert edited is True
        assert people.messages(ada)[-1]["text"] == "painted"

    def test_too_many_results(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        query_id = people.ask_inline(ada, "fox")
        content = {"message_text": "x"}
        results = [{"type": "article", "id": str(n), "title": "x", "input_message_content": content} for n in range(51)]

        refusal = bot.refusal("answerInlineQuery", inline_query_id=query_id, results=results)

        assert refusal == "Bad Request: RESULTS_TOO_MUCH"


class TestWhatPeopleSee:
    def test_events_tell_what_happens_in_the_chats_a_person_sees(
        self, bot: RawBot, ada: Any, people: SandboxClient
    ) -> None:
        bea = people.person("Bea")
        people.say(bea, "/start")
        events: list[Any] = []
        is_listening = threading.Event()

        def listen() -> None:
            with requests.get(f"{people.url}/events?user={ada['id']}", stream=True, timeout=20) as stream:
                for line in stream.iter_lines(chunk_size=1):
                    is_listening.set()
                    if line.startswith(b"data: "):
                        events.append(json.loads(line[6:]))
                    if events and events[-1]["type"] == "deleted":
                        return

        listener = threading.Thread(target=listen)
        listener.start()
        assert is_listening.wait(10)

        bot.result("sendMessage", chat_id=bea["id"], text="not for Ada")
        bot.result("sendChatAction", chat_id=ada["id"], action="upload_photo")
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a")
        target = {"chat_id": ada["id"], "message_id": sent["message_id"]}
        bot.result("editMessageText", **target, text="b")
        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=7, text="so far")
        query_id = people.press(ada, sent, "x")
        bot.result("answerCallbackQuery", callback_query_id=query_id, text="yes")
        bot.result("deleteMessage", **target)
        listener.join(timeout=10)

        assert [event["type"] for event in events] == [
            "action",
            "message",
            "edited",
            "draft",
            "callback_answer",
            "deleted",
        ]
        assert {event["chat_id"] for event in events} == {ada["id"]}
        assert events[1]["message"] == sent
        assert (events[4]["callback"], events[4]["text"]) == (query_id, "yes")
        assert events[5]["message_id"] == sent["message_id"]

    def test_a_photo_needs_no_token(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sizes = bot("sendPhoto", chat_id=ada["id"], files={"photo": picture()})["result"]["photo"]

        answer = requests.get(f"{people.url}/photos/{sizes[-1]['file_id']}", timeout=5)

        assert answer.headers["content-type"] == "image/png"

    def test_only_the_chats_one_is_in(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bea = people.person("Bea")
        group = people.group(bea)

        seen = [[chat["id"] for chat in people.call("GET", "/chats", query={"user": who["id"]})] for who in (ada, bea)]

        assert seen == [[ada["id"]], [bea["id"], group["id"]]]

    def test_the_chat_page_is_at_the_root(self, people: SandboxClient) -> None:
        answer = requests.get(f"{people.url}/", timeout=5)

        assert answer.headers["content-type"].startswith("text/html")
        assert requests.get(f"{people.url}/page/page.js", timeout=5).status_code == 200

    def test_two_bots_have_chats_of_their_own(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        other = RawBot(people.url, "8000000001:AAzyxwvutsrqponmlkjihgfedcba")
        other.result("getMe")
        with SandboxClient(people.url, bot=8000000001) as with_other:
            with_other.say(ada, "to the other")
            assert [one["message"]["text"] for one in other.result("getUpdates")] == ["to the other"]
            assert len(with_other.messages(ada)) == 1

        assert bot.result("getUpdates") == []
        other.session.close()

    def test_after_a_reset_nothing_has_happened(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.reset()

        assert people.call("GET", "/people") == []
        assert people.journal() == []


class TestSpeakingForAChat:
    def test_an_anonymous_admin_is_the_group(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        group = people.group(ada)

        people.say(ada, "/imagine a fox", chat=group, as_chat=group["id"])

        message = bot.result("getUpdates")[-1]["message"]
        assert (message["from"]["id"], message["from"]["username"]) == (1087968824, "GroupAnonymousBot")
        assert message["sender_chat"]["id"] == message["chat"]["id"] == group["id"]

    def test_a_channel_comments_in_its_own_name(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        group, channel = people.group(ada), people.group(ada, kind="channel")

        people.say(ada, "/imagine a fox", chat=group, as_chat=channel["id"])

        message = bot.result("getUpdates")[-1]["message"]
        assert (message["from"]["id"], message["sender_chat"]["id"]) == (136817688, channel["id"])

    def test_who_is_no_admin_speaks_for_nobody(self, ada: Any, people: SandboxClient) -> None:
        bob = people.person("Bob")
        group = people.group(ada, bob)

        with pytest.raises(SandboxError, match="only an admin"):
            people.say(bob, "hello", chat=group, as_chat=group["id"])

    def test_a_channels_post_comes_to_its_discussion(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        group, channel = people.group(ada), people.group(ada, kind="channel")
        people.link(channel, group)

        post = people.say(ada, "/imagine a fox", chat=channel)
        [forwarded] = people.messages(group)
        comment = people.say(ada, "/imagine a cat", chat=group, reply_to_message_id=forwarded["message_id"])

        told = [update.get("message") or update.get("channel_post") for update in bot.result("getUpdates")[-3:]]
        assert [one["message_id"] for one in told] == [one["message_id"] for one in (post, forwarded, comment)]
        assert forwarded["is_automatic_forward"]
        assert forwarded["from"]["id"] == 777000
        assert forwarded["sender_chat"]["id"] == channel["id"]
        assert forwarded["forward_origin"]["message_id"] == post["message_id"]
        assert comment["message_thread_id"] == forwarded["message_id"]


class TestMentions:
    def test_a_link_to_a_person_is_one(self, bot: RawBot, ada: Any) -> None:
        text = f'<a href="tg://user?id={ada["id"]}">You</a> there'

        sent = bot.result("sendMessage", chat_id=ada["id"], text=text, parse_mode="HTML")

        assert sent["entities"] == [{"type": "text_mention", "offset": 0, "length": 3, "user": ada}]

    def test_a_link_to_nobody_is_none(self, bot: RawBot, ada: Any) -> None:
        text = '<a href="tg://user?id=1">You</a>'

        assert "entities" not in bot.result("sendMessage", chat_id=ada["id"], text=text, parse_mode="HTML")
