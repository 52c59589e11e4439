"""The Bot API as bots see it: transport, limits, refusals and what messages become."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

import pytest
import requests

from sandbox.client import SandboxClient, SandboxError
from tests.sandbox.raw_bot import TOKEN, RawBot, picture

BAD = "Bad Request: "


@pytest.fixture
def group(people: SandboxClient, bot: RawBot, ada: Any) -> Any:
    chat = people.group(ada, title="Painters")
    bot.result("getUpdates", offset=2**31)
    return chat


class TestTransport:
    @pytest.mark.parametrize(
        "send",
        [
            lambda url, wish: requests.get(url, params=wish, timeout=5),
            lambda url, wish: requests.post(url, params=wish, timeout=5),
            lambda url, wish: requests.post(url, data=wish, timeout=5),
            lambda url, wish: requests.post(url, json=wish, timeout=5),
            lambda url, wish: requests.post(url, files={k: (None, str(v)) for k, v in wish.items()}, timeout=5),
        ],
        ids=["GET", "query", "urlencoded", "JSON", "multipart"],
    )
    def test_parameters_come_in_every_way(self, bot: RawBot, ada: Any, send: Any) -> None:
        answer = send(f"{bot.root}/bot{TOKEN}/sendMessage", {"chat_id": ada["id"], "text": "hällo"})

        assert answer.json()["result"]["text"] == "hällo"

    def test_a_chunked_body_is_read(self, bot: RawBot, ada: Any) -> None:
        wish = json.dumps({"chat_id": ada["id"], "text": "in pieces"}).encode()
        answer = requests.post(
            f"{bot.root}/bot{TOKEN}/sendMessage",
            data=iter([wish[:10], wish[10:]]),
            headers={"Content-Type": "application/json"},
            timeout=5,
        )

        assert answer.json()["result"]["text"] == "in pieces"

    def test_method_names_have_no_case_and_a_test_server(self, bot: RawBot) -> None:
        assert bot("GETME")["ok"]
        assert bot("test/getMe")["ok"]

    @pytest.mark.parametrize(
        ("token", "status", "description"),
        [
            ("7000000123:AAwrongwrongwrongwrongwrong", 401, "Unauthorized"),
            ("7:short", 401, "Unauthorized: invalid token specified"),
            ("nonsense", 404, "Not Found"),
        ],
    )
    def test_bad_tokens(self, bot: RawBot, token: str, status: int, description: str) -> None:
        answer = requests.get(f"{bot.root}/bot{token}/getMe", timeout=5)

        assert answer.status_code == status
        assert answer.json() == {"ok": False, "error_code": status, "description": description}

    def test_an_unknown_method(self, bot: RawBot) -> None:
        assert bot("paintFox") == {
            "ok": False,
            "error_code": 404,
            "description": "Not Found: method not found",
        }

    def test_ids_are_as_large_as_telegrams(self, ada: Any, group: Any) -> None:
        assert ada["id"] > 2**32
        assert group["id"] < -(10**12)


class TestViolations:
    def test_a_proper_call_has_none(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bot("sendMessage", chat_id=ada["id"], text="hi", reply_parameters={"message_id": 1})
        keyboard = json.dumps({"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]})
        requests.post(
            f"{bot.root}/bot{TOKEN}/sendMessage",
            data={"chat_id": ada["id"], "text": "x", "reply_markup": keyboard, "protect_content": "true"},
            timeout=5,
        )

        assert people.violations() == []

    @pytest.mark.parametrize(
        ("wish", "parameter", "why"),
        [
            ({"txet": "x"}, "txet", "unknown parameter"),
            ({"disable_notification": "maybe"}, "disable_notification", "'maybe' is not Boolean"),
            ({"reply_parameters": {"message": 1}}, "reply_parameters.message", "unknown in ReplyParameters"),
            ({"entities": [{"type": "bold"}]}, "entities[0].offset", "required, but missing"),
        ],
    )
    def test_a_wrong_parameter_is_noted_but_the_call_answered(
        self, bot: RawBot, ada: Any, people: SandboxClient, wish: Any, parameter: str, why: str
    ) -> None:
        bot("sendChatAction", chat_id=ada["id"], action="typing")
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in wish.items()}
        requests.post(
            f"{bot.root}/bot{TOKEN}/sendMessage", data={"chat_id": ada["id"], "text": "hi", **form}, timeout=5
        )

        noted = people.violations()

        assert {"method": "sendMessage", "parameter": parameter, "why": why} in noted

    def test_a_missing_parameter(self, bot: RawBot, people: SandboxClient) -> None:
        bot("sendMessage", text="to nobody")

        assert people.violations() == [
            {"method": "sendMessage", "parameter": "chat_id", "why": "required, but missing"}
        ]

    def test_a_file_that_nobody_refers_to(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bot("sendMessage", chat_id=ada["id"], text="x", files={"lost": b"x"})

        assert [noted["parameter"] for noted in people.violations()] == ["lost"]


class TestTexts:
    @pytest.mark.parametrize(
        ("wish", "why"),
        [
            ({"text": ""}, "message text is empty"),
            ({"text": "  \n "}, "message text is empty"),
            ({"text": "x" * 4097}, "message is too long"),
            (
                {"text": "<b>x", "parse_mode": "HTML"},
                "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
            ),
            (
                {"text": "<x>", "parse_mode": "HTML"},
                'can\'t parse entities: Unsupported start tag "x" at byte offset 0',
            ),
            (
                {"text": "ä</b>", "parse_mode": "HTML"},
                "can't parse entities: Unexpected end tag at byte offset 2",
            ),
            (
                {"text": "<b>ä</i>", "parse_mode": "HTML"},
                'can\'t parse entities: Unmatched end tag at byte offset 5, expected "</b>", found "</i>"',
            ),
            (
                {"text": "1.", "parse_mode": "MarkdownV2"},
                "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'",
            ),
            (
                {"text": "*x", "parse_mode": "MarkdownV2"},
                "can't parse entities: Can't find end of Bold entity at byte offset 0",
            ),
            (
                {"text": "a_b", "parse_mode": "Markdown"},
                "can't parse entities: Can't find end of the entity starting at byte offset 1",
            ),
            ({"text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
            ({"text": "x", "message_thread_id": 99}, "message thread not found"),
            ({"text": "x", "reply_parameters": {"message_id": 999}}, "message to be replied not found"),
            (
                {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "ä" * 33}]]}},
                "BUTTON_DATA_INVALID",
            ),
        ],
    )
    def test_what_is_refused(self, bot: RawBot, ada: Any, wish: Any, why: str) -> None:
        assert bot.refusal("sendMessage", chat_id=ada["id"], **wish) == BAD + why

    def test_the_limit_counts_the_text_without_its_markup(self, bot: RawBot, ada: Any) -> None:
        text = "<b>" + "&lt;" * 4096 + "</b>"

        sent = bot.result("sendMessage", chat_id=ada["id"], text=text, parse_mode="HTML")

        assert sent["text"] == "<" * 4096

    @pytest.mark.parametrize(
        ("parse_mode", "text", "shown", "entities"),
        [
            ("HTML", "🦊 <b>fox</b>", "🦊 fox", [("bold", 3, 3)]),
            ("HTML", "<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
            ("HTML", "<u>a</u><s>b</s><tg-spoiler>c</tg-spoiler>", "abc",
             [("underline", 0, 1), ("strikethrough", 1, 1), ("spoiler", 2, 1)]),
            ("HTML", "<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", 0, 1)]),
            ("HTML", " <code>a&amp;b</code> ", "a&b", [("code", 0, 3)]),
            ("MarkdownV2", "*a _b_*", "a b", [("bold", 0, 3), ("italic", 2, 1)]),
            ("MarkdownV2", "__a__ ~b~ ||c||", "a b c",
             [("underline", 0, 1), ("strikethrough", 2, 1), ("spoiler", 4, 1)]),
            ("MarkdownV2", r"1\. `x*y`", "1. x*y", [("code", 3, 3)]),
            ("MarkdownV2", ">a\n>b\nc", "a\nb\nc", [("blockquote", 0, 3)]),
            ("Markdown", "*a* `b`", "a b", [("bold", 0, 1), ("code", 2, 1)]),
            ("", "/imagine@sandbox_bot @ada #fox", "/imagine@sandbox_bot @ada #fox",
             [("bot_command", 0, 20), ("mention", 21, 4), ("hashtag", 26, 4)]),
        ],
    )  # fmt: skip
    def test_markup_becomes_entities(
        self, bot: RawBot, ada: Any, parse_mode: str, text: str, shown: str, entities: list[Any]
    ) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text=text, parse_mode=parse_mode)

        assert sent["text"] == shown
        assert [(one["type"], one["offset"], one["length"]) for one in sent["entities"]] == entities

    def test_links_and_languages_are_kept(self, bot: RawBot, ada: Any) -> None:
        text = '<a href="https://x.org/?a=1&amp;b=2">a</a><pre><code class="language-python">b</code></pre>'

        link, code = bot.result("sendMessage", chat_id=ada["id"], text=text, parse_mode="HTML")["entities"]

        assert link["url"] == "https://x.org/?a=1&b=2"
        assert (code["type"], code["language"]) == ("pre", "python")

    def test_a_reply_to_a_message_that_is_gone_may_go_out_alone(self, bot: RawBot, ada: Any) -> None:
        reply = {"message_id": 999, "allow_sending_without_reply": True}

        sent = bot.result("sendMessage", chat_id=ada["id"], text="x", reply_parameters=reply)

        assert "reply_to_message" not in sent


class TestChats:
    def test_nobody_is_there(self, bot: RawBot) -> None:
        assert bot.refusal("sendMessage", chat_id=12345, text="x") == BAD + "chat not found"

    def test_a_person_who_never_started_the_bot(self, bot: RawBot, people: SandboxClient) -> None:
        shy = people.person("Shy")

        refusal = bot.refusal("sendMessage", chat_id=shy["id"], text="x")

        assert refusal == "Forbidden: bot can't initiate conversation with a user"

    def test_a_person_who_blocked_the_bot(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.block(ada)
        assert bot("sendMessage", chat_id=ada["id"], text="x") == {
            "ok": False,
            "error_code": 403,
            "description": "Forbidden: bot was blocked by the user",
        }

        people.unblock(ada)

        assert bot("sendMessage", chat_id=ada["id"], text="x")["ok"]
        statuses = [update["my_chat_member"]["new_chat_member"]["status"] for update in bot.result("getUpdates")]
        assert statuses == ["kicked", "member"]

    def test_a_group_that_moved(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        group = people.group(ada, kind="group")
        moved = people.migrate(group)

        answer = bot("sendMessage", chat_id=group["id"], text="x")

        assert answer["description"] == BAD + "group chat was upgraded to a supergroup chat"
        assert answer["parameters"] == {"migrate_to_chat_id": moved["id"]}
        assert bot("sendMessage", chat_id=moved["id"], text="x")["ok"]

    def test_a_group_that_kicked_the_bot(self, bot: RawBot, group: Any, people: SandboxClient) -> None:
        people.call("PUT", f"/chats/{group['id']}/bot", json={"status": "kicked"})

        refusal = bot.refusal("sendMessage", chat_id=group["id"], text="x")

        assert refusal == "Forbidden: bot was kicked from the supergroup chat"

    def test_who_is_in_it(self, bot: RawBot, ada: Any, group: Any) -> None:
        assert bot.result("getChatMember", chat_id=group["id"], user_id=ada["id"])["status"] == "creator"
        assert [one["user"] for one in bot.result("getChatAdministrators", chat_id=group["id"])] == [ada]
        assert bot.result("getChat", chat_id=group["id"])["title"] == "Painters"


class TestTopics:
    @pytest.fixture
    def forum(self, people: SandboxClient, ada: Any) -> Any:
        return people.group(ada, is_forum=True)

    def test_a_message_in_a_topic_says_so(self, bot: RawBot, ada: Any, forum: Any, people: SandboxClient) -> None:
        topic = people.topic(forum, "Foxes")

        asked = people.say(ada, "/imagine", chat=forum, message_thread_id=topic)
        sent = bot.result("sendMessage", chat_id=forum["id"], message_thread_id=topic, text="x")

        for message in (asked, sent):
            assert (message["message_thread_id"], message["is_topic_message"]) == (topic, True)

    def test_general_is_written_to_without_a_topic(
        self, bot: RawBot, ada: Any, forum: Any, people: SandboxClient
    ) -> None:
        assert "message_thread_id" not in people.say(ada, "/imagine", chat=forum)
        assert bot("sendMessage", chat_id=forum["id"], text="x")["ok"]
        refusal = bot.refusal("sendMessage", chat_id=forum["id"], message_thread_id=1, text="x")
        assert refusal == BAD + "message thread not found"

    def test_a_closed_topic(self, bot: RawBot, forum: Any, people: SandboxClient) -> None:
        topic = people.topic(forum, "Foxes")
        bot.result("closeForumTopic", chat_id=forum["id"], message_thread_id=topic)

        refusal = bot.refusal("sendMessage", chat_id=forum["id"], message_thread_id=topic, text="x")

        assert refusal == BAD + "TOPIC_CLOSED"

    def test_the_replies_in_a_plain_supergroup_make_a_thread(
        self, bot: RawBot, ada: Any, group: Any, people: SandboxClient
    ) -> None:
        root = people.say(ada, "/imagine", chat=group)

        reply = people.say(ada, "/again", chat=group, reply_to_message_id=root["message_id"])

        assert reply["message_thread_id"] == root["message_id"]
        assert "is_topic_message" not in reply


class TestPhotos:
    def test_a_photo_comes_in_sizes_from_small_to_large(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        content = picture(1000, 500)

        sizes = bot("sendPhoto", chat_id=ada["id"], files={"photo": content})["result"]["photo"]

        assert [(size["width"], size["height"]) for size in sizes] == [(90, 45), (320, 160), (800, 400), (1000, 500)]
        assert people.file(sizes) == content
        assert len({size["file_unique_id"] for size in sizes}) == len(sizes)

    def test_a_smaller_size_is_a_smaller_picture(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sizes = bot("sendPhoto", chat_id=ada["id"], files={"photo": picture(1000, 500)})["result"]["photo"]

        assert people.file(sizes[0]).startswith(b"\xff\xd8")

    def test_a_file_id_sends_it_again(self, bot: RawBot, ada: Any) -> None:
        first = bot("sendPhoto", chat_id=ada["id"], files={"photo": picture()})["result"]["photo"]

        again = bot.result("sendPhoto", chat_id=ada["id"], photo=first[0]["file_id"])["photo"]

        assert again == first

    def test_it_can_be_downloaded_with_a_quoted_colon_too(self, bot: RawBot, ada: Any) -> None:
        content = picture()
        [size] = bot("sendPhoto", chat_id=ada["id"], files={"photo": content})["result"]["photo"]
        path = bot.result("getFile", file_id=size["file_id"])["file_path"]

        for token in (TOKEN, TOKEN.replace(":", "%3A")):
            answer = requests.get(f"{bot.root}/file/bot{token}/{path}", timeout=5)
            assert (answer.status_code, answer.content) == (200, content)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"no picture at all", "IMAGE_PROCESS_FAILED"),
            (picture(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
            (picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
            (picture() + bytes(10 * 1024 * 1024), "too big file for photo; max size in bytes is 10485760"),
            (b"", "file must be non-empty"),
        ],
        ids=["no picture", "too large", "too narrow", "too many bytes", "empty"],
    )
    def test_what_makes_no_photo(self, bot: RawBot, ada: Any, content: bytes, why: str) -> None:
        answer = bot("sendPhoto", chat_id=ada["id"], files={"photo": ("x.png", content)})

        assert answer["description"] == BAD + why

    @pytest.mark.parametrize(
        ("wish", "why"),
        [
            ({}, "there is no photo in the request"),
            ({"photo": "attach://nothing"}, "there is no photo in the request"),
            ({"photo": "x"}, "wrong file identifier/HTTP URL specified"),
            ({"photo": "A" * 40}, "wrong remote file identifier specified: Wrong padding in the string"),
            ({"photo": "http://127.0.0.1:1/x.png"}, "failed to get HTTP URL content"),
        ],
    )
    def test_what_names_no_photo(self, bot: RawBot, ada: Any, wish: Any, why: str) -> None:
        assert bot.refusal("sendPhoto", chat_id=ada["id"], **wish) == BAD + why

    def test_a_caption_has_its_own_limit(self, bot: RawBot, ada: Any) -> None:
        answer = bot("sendPhoto", chat_id=ada["id"], caption="x" * 1025, files={"photo": picture()})

        assert answer["description"] == BAD + "message caption is too long"

    def test_a_url_is_fetched(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.arm("files", reply_base64=_base64(picture()), headers={"Content-Type": "image/png"})

        sent = bot.result("sendPhoto", chat_id=ada["id"], photo=f"{people.url}/files/fox.png")

        assert sent["photo"][-1]["width"] == 64

    def test_an_attached_file_may_stand_in_any_field(self, bot: RawBot, ada: Any) -> None:
        answer = bot("sendPhoto", chat_id=ada["id"], photo="attach://it", files={"it": picture()})

        assert answer["ok"]

    def test_a_document_keeps_its_name(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        file = ("fox.png", picture(), "image/png")

        document = bot("sendDocument", chat_id=ada["id"], files={"document": file})["result"]["document"]

        assert (document["file_name"], document["mime_type"]) == ("fox.png", "image/png")
        assert people.file(document) == file[1]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class TestAlbums:
    def _send(self, bot: RawBot, ada: Any, kinds: list[str]) -> Any:
        media = [{"type": kind, "media": f"attach://f{place}"} for place, kind in enumerate(kinds)]
        files = {f"f{place}": picture() for place in range(len(kinds))}
        return bot("sendMediaGroup", chat_id=ada["id"], media=json.dumps(media), files=files)

    def test_its_parts_share_a_group(self, bot: RawBot, ada: Any) -> None:
        messages = self._send(bot, ada, ["photo"] * 3)["result"]

        assert len({message["media_group_id"] for message in messages}) == 1
        assert all("photo" in message for message in messages)

    @pytest.mark.parametrize(
        ("kinds", "why"),
        [
            (["photo"] * 11, "Too many messages to send as an album"),
            (["photo"], "there are not enough messages to send as an album"),
            (["photo", "document"], "document and audio can't be mixed with other media types"),
        ],
    )
    def test_what_makes_no_album(
        self, bot: RawBot, ada: Any, people: SandboxClient, kinds: list[str], why: str
    ) -> None:
        assert self._send(bot, ada, kinds)["description"] == BAD + why
        assert people.from_bot(ada) == []


class TestEditing:
    def test_a_changed_text_is_shown_and_marked(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a")

        edited = bot.result("editMessageText", chat_id=ada["id"], message_id=sent["message_id"], text="b")

        assert "edit_date" in edited
        assert [(one["text"], one["edited"]) for one in people.from_bot(ada)] == [("b", True)]

    def test_the_same_again_is_refused(self, bot: RawBot, ada: Any) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a")

        refusal = bot.refusal("editMessageText", chat_id=ada["id"], message_id=sent["message_id"], text="a")

        assert refusal.startswith(BAD + "message is not modified: ")

    def test_editing_without_a_keyboard_removes_it(self, bot: RawBot, ada: Any) -> None:
        keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a", reply_markup=keyboard)

        edited = bot.result("editMessageText", chat_id=ada["id"], message_id=sent["message_id"], text="b")

        assert sent["reply_markup"] == keyboard
        assert "reply_markup" not in edited

    def test_a_photo_takes_the_place_of_another(self, bot: RawBot, ada: Any) -> None:
        sent = bot("sendPhoto", chat_id=ada["id"], files={"photo": picture()})["result"]
        media = json.dumps({"type": "photo", "media": "attach://new", "caption": "new"})

        edited = bot(
            "editMessageMedia",
            chat_id=ada["id"],
            message_id=sent["message_id"],
            media=media,
            files={"new": picture(80, 80)},
        )["result"]

        assert (edited["photo"][-1]["width"], edited["caption"]) == (80, "new")

    def test_what_cannot_be_edited(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        hers = people.say(ada, "mine")["message_id"]
        photo = bot("sendPhoto", chat_id=ada["id"], files={"photo": picture()})["result"]["message_id"]

        def refusal(message_id: int) -> str:
            return bot.refusal("editMessageText", chat_id=ada["id"], message_id=message_id, text="x")

        assert refusal(999) == BAD + "message to edit not found"
        assert refusal(hers) == BAD + "message can't be edited"
        assert refusal(photo) == BAD + "there is no text in the message to edit"

    def test_a_deleted_message_is_marked_for_people_and_gone_for_bots(
        self, bot: RawBot, ada: Any, people: SandboxClient
    ) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a")
        assert bot.result("deleteMessage", chat_id=ada["id"], message_id=sent["message_id"]) is True

        assert people.messages(ada, with_deleted=True)[-1]["deleted"] is True
        refusal = bot.refusal("deleteMessage", chat_id=ada["id"], message_id=sent["message_id"])
        assert refusal == BAD + "message to delete not found"

    def test_after_two_days_nothing_is_deleted(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = bot.result("sendMessage", chat_id=ada["id"], text="a")
        people.advance_clock(48 * 3600 + 1)

        refusal = bot.refusal("deleteMessage", chat_id=ada["id"], message_id=sent["message_id"])

        assert refusal.startswith(BAD + "message can't be deleted")

    def test_a_reaction(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        asked = people.say(ada, "a")
        target = {"chat_id": ada["id"], "message_id": asked["message_id"]}

        bot.result("setMessageReaction", **target, reaction=[{"type": "emoji", "emoji": "👀"}])

        [reactions] = people.messages(ada)[-1]["reactions"].values()
        assert reactions == [{"type": "emoji", "emoji": "👀"}]
        refusal = bot.refusal("setMessageReaction", **target, reaction=[{"type": "emoji", "emoji": "🦊"}])
        assert refusal == BAD + "REACTION_INVALID"


class TestCommands:
    def test_people_see_the_narrowest_menu_in_their_language(
        self, bot: RawBot, ada: Any, group: Any, people: SandboxClient
    ) -> None:
        def menu(name: str) -> list[Any]:
            return [{"command": name, "description": name}]

        dora = people.person("Dora", language_code="de")
        bot.result("setMyCommands", commands=menu("common"))
        bot.result("setMyCommands", commands=menu("deutsch"), language_code="de")
        bot.result("setMyCommands", commands=menu("groups"), scope={"type": "all_group_chats"})
        bot.result("setMyCommands", commands=menu("owner"), scope={"type": "chat", "chat_id": ada["id"]})

        assert people.commands(ada) == menu("owner")
        assert people.commands(dora) == menu("deutsch")
        assert people.commands(ada, group) == menu("groups")

        bot.result("deleteMyCommands", scope={"type": "chat", "chat_id": ada["id"]})
        assert people.commands(ada) == menu("common")
        assert bot.result("getMyCommands", language_code="de") == menu("deutsch")

    @pytest.mark.parametrize(
        ("commands", "why"),
        [
            ([{"command": "Imagine", "description": "x"}], "BOT_COMMAND_INVALID"),
            ([{"command": "imagine", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
            ([{"command": f"c{n}", "description": "x"} for n in range(101)], "BOT_COMMANDS_TOO_MUCH"),
        ],
    )
    def test_what_is_refused(self, bot: RawBot, commands: Any, why: str) -> None:
        assert bot.refusal("setMyCommands", commands=commands) == BAD + why


class TestFloodControl:
    @pytest.fixture(autouse=True)
    def _no_time_passes(self, people: SandboxClient) -> None:
        people.stop_clock()

    def test_it_is_off_unless_switched_on(self, bot: RawBot, ada: Any) -> None:
        assert all(bot("sendMessage", chat_id=ada["id"], text="x")["ok"] for _ in range(10))

    def test_a_person_gets_three_at_once_and_one_a_second(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.set_limits(flood="strict")
        answers = [bot.answer("sendMessage", chat_id=ada["id"], text="x") for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].json()["description"] == "Too Many Requests: retry after 1"
        assert answers[3].json()["parameters"] == {"retry_after": 1}
        assert answers[3].headers["retry-after"] == "1"

        people.advance_clock(1)
        assert bot("sendMessage", chat_id=ada["id"], text="x")["ok"]

    def test_a_group_gets_twenty_a_minute(self, bot: RawBot, group: Any, people: SandboxClient) -> None:
        people.set_limits(flood="strict")

        answers = [bot("sendMessage", chat_id=group["id"], text="x")["ok"] for _ in range(21)]

        assert answers == [True] * 20 + [False]

    def test_an_album_counts_as_its_parts(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.set_limits(flood="strict")
        bot.result("sendMessage", chat_id=ada["id"], text="x")
        media = json.dumps([{"type": "photo", "media": f"attach://f{n}"} for n in range(3)])

        answer = bot("sendMediaGroup", chat_id=ada["id"], media=media, files={f"f{n}": picture() for n in range(3)})

        assert answer["error_code"] == 429

    @pytest.mark.parametrize(
        ("method", "what"),
        [
            ("editMessageText", {"text": "y"}),
            ("sendMessageDraft", {"draft_id": 1, "text": "y"}),
            ("sendChatAction", {"action": "typing"}),
        ],
    )
    def test_whatever_shows_in_the_chat_counts(
        self, bot: RawBot, ada: Any, people: SandboxClient, method: str, what: Any
    ) -> None:
        people.set_limits(flood="strict")
        sent = [bot.result("sendMessage", chat_id=ada["id"], text="x") for _ in range(3)][-1]
        if method == "editMessageText":
            what = what | {"message_id": sent["message_id"]}

        assert bot(method, chat_id=ada["id"], **what)["error_code"] == 429

        people.advance_clock(1)
        assert bot(method, chat_id=ada["id"], **what)["ok"]


class TestDrafts:
    def test_are_for_private_chats_and_have_a_number(self, bot: RawBot, ada: Any, group: Any) -> None:
        assert bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=1, text="so far") is True
        assert not bot("sendMessageDraft", chat_id=group["id"], draft_id=1, text="x")["ok"]
        assert bot.refusal("sendMessageDraft", chat_id=ada["id"], draft_id=0, text="x") == BAD + "DRAFT_ID_INVALID"

    def test_show_for_half_a_minute(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        people.stop_clock()
        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=1)
        people.advance_clock(29)
        assert [draft["text"] for draft in people.drafts(ada)] == [""]

        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=1, text="so far")
        people.advance_clock(29)
        assert [draft["text"] for draft in people.drafts(ada)] == ["so far"]

        people.advance_clock(1)
        assert people.drafts(ada) == []

    def test_give_way_to_the_message(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=1, text="so far")

        bot.result("sendMessage", chat_id=ada["id"], text="so far, and further")

        assert people.drafts(ada) == []

    @pytest.mark.parametrize("keep", [True, False])
    def test_may_be_stopped(self, bot: RawBot, ada: Any, people: SandboxClient, keep: bool) -> None:
        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=7, text="x", can_stop=True, keep_on_stop=keep)
        [draft] = people.drafts(ada)

        people.stop_draft(ada, draft)

        stopped = bot.result("getUpdates")[-1]["stopped_message_generation"]
        assert (stopped["chat"]["id"], stopped["draft_id"]) == (ada["id"], 7)
        assert [one["can_stop"] for one in people.drafts(ada)] == ([False] if keep else [])

    def test_have_a_stop_button_only_when_asked_for(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        bot.result("sendMessageDraft", chat_id=ada["id"], draft_id=7, text="x")

        with pytest.raises(SandboxError):
            people.stop_draft(ada, people.drafts(ada)[0])


class TestPayments:
    INVOICE: ClassVar = {
        "title": "Ten pictures",
        "description": "Credits",
        "payload": "credits-10",
        "currency": "XTR",
        "prices": [{"label": "Credits", "amount": 50}],
    }

    def test_stars_are_paid_and_refunded_once(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        invoice = bot.result("sendInvoice", chat_id=ada["id"], **self.INVOICE)
        query_id = people.pay(ada, invoice)
        [update] = bot.result("getUpdates")
        assert update["pre_checkout_query"]["invoice_payload"] == "credits-10"

        bot.result("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=True)

        paid = bot.result("getUpdates")[-1]["message"]["successful_payment"]
        assert (paid["currency"], paid["total_amount"]) == ("XTR", 50)
        charge = {"user_id": ada["id"], "telegram_payment_charge_id": paid["telegram_payment_charge_id"]}
        assert bot.result("refundStarPayment", **charge) is True
        assert bot.refusal("refundStarPayment", **charge) == BAD + "CHARGE_ALREADY_REFUNDED"
        assert people.payment(query_id)["refunded"] is True

    def test_checkout_waits_ten_seconds(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        query_id = people.pay(ada, bot.result("sendInvoice", chat_id=ada["id"], **self.INVOICE))
        people.advance_clock(11)

        refusal = bot.refusal("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=True)

        assert refusal.startswith(BAD + "query is too old")

    def test_a_link_can_be_paid_too(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        slug = bot.result("createInvoiceLink", **self.INVOICE).rpartition("$")[2]

        query_id = people.call("POST", f"/invoices/{slug}/pay", json={"from": ada["id"]})["id"]

        assert bot.result("getUpdates")[0]["pre_checkout_query"]["id"] == query_id


class TestOtherMethods:
    def test_the_profile(self, bot: RawBot) -> None:
        bot.result("setMyDescription", description="Paints", language_code="en")
        bot.result("setMyName", name="Painter")

        assert bot.result("getMyDescription", language_code="en") == {"description": "Paints"}
        assert bot.result("getMe")["first_name"] == "Painter"
        assert "description is too long" in bot.refusal("setMyDescription", description="x" * 513)

    def test_copies_and_forwards(self, bot: RawBot, ada: Any, group: Any, people: SandboxClient) -> None:
        said = people.say(ada, "hello")
        source = {"from_chat_id": ada["id"], "message_id": said["message_id"]}

        bot.result("copyMessage", chat_id=group["id"], **source)
        forwarded = bot.result("forwardMessage", chat_id=group["id"], **source)

        assert [message["text"] for message in people.from_bot(group)] == ["hello", "hello"]
        assert forwarded["forward_origin"]["sender_user"] == ada

    def test_a_method_that_only_says_yes_does(self, bot: RawBot, people: SandboxClient, group: Any) -> None:
        assert bot.result("setChatDescription", chat_id=group["id"], description="x") is True
        assert people.violations() == []

    def test_a_method_that_is_not_played_is_a_violation(self, bot: RawBot, people: SandboxClient) -> None:
        assert not bot("getAvailableGifts")["ok"]

        assert people.violations()[0]["why"] == "not played by the sandbox"

    def test_a_file_too_large_for_bots_cannot_be_fetched(self, bot: RawBot, ada: Any, people: SandboxClient) -> None:
        sent = people.say(ada, document=bytes(20 * 1024 * 1024 + 1), file_name="long.mov")

        refusal = bot.refusal("getFile", file_id=sent["document"]["file_id"])

        assert refusal == BAD + "file is too big"

    def test_people_are_told_what_is_wrong(self, people: SandboxClient) -> None:
        with pytest.raises(SandboxError, match="there is no chat 5"):
            people.say(5, "hello")
