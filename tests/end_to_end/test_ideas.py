"""What people type, sensible or not: a picture or a clear answer, and nothing left hanging."""

import base64
import json

import pytest

from services.bot.pictures.captions import MAX_TITLE_UNITS
from services.bot.texts.utf16 import shorten


def answer(installation, sandbox, person):
    """Wait for the bot's answer in words, and make sure that no job came of what was said."""
    message = sandbox.wait_for_message(person, lambda message: "text" in message)
    assert installation.rows(person) == []
    return message["text"]


class TestAnIdeaThatCanBePainted:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("🦊❄️", "🦊❄️"),
            ("👩‍👩‍👧 at the sea", "👩‍👩‍👧 at the sea"),
            ("<b>fat</b> cats & dogs <i", "<b>fat</b> cats & dogs <i"),
            ("ثعلب في الثلج", "ثعلب في الثلج"),
            ("a fox\x00 in the\x07 snow", "a fox in the snow"),
            ("a fox\n\n  in the   snow", "a fox in the snow"),
            ("x" * 1000, "x" * 1000),
            ("'; DROP TABLE jobs; --", "'; DROP TABLE jobs; --"),
        ],
        ids=[
            "only emoji",
            "joined emoji",
            "markup",
            "right to left",
            "control characters",
            "several lines",
            "as long as allowed",
            "SQL",
        ],
    )
    def test_is_painted(self, installation, sandbox, typed, kept):
        ada = sandbox.person("Ada")

        row = installation.delivered(sandbox.say(ada, f"/imagine {typed}"))

        [photo] = sandbox.photos(ada)
        assert row.idea == kept
        assert photo["caption"].startswith(shorten(kept, MAX_TITLE_UNITS))
        assert len(photo["caption"]) <= 1024

    def test_is_painted_with_half_a_surrogate_pair_in_it(self, installation, sandbox):
        """No client can type this, but JSON can say it."""
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        said = sandbox.say(ada, "/help")
        sandbox.wait_for_message(ada)
        message = said | {"message_id": said["message_id"] + 100_000, "text": "/imagine a fox \ud83e in the snow"}
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": len("/imagine")}]
        # Other tests of this installation make updates up, too: the number must be new to it.
        update = {"update_id": message["message_id"], "message": message}
        body = json.dumps({"ok": True, "result": [update]})
        sandbox.arm("telegram", path="/getUpdates$", reply_base64=base64.b64encode(body.encode()).decode())

        sandbox.say(bob, "/help")
        row = installation.delivered(message)

        assert row.idea == "a fox ? in the snow"
        assert len(sandbox.photos(ada)) == 1


class TestAnIdeaThatCanNotBePainted:
    @pytest.mark.parametrize(
        "typed",
        ["", "   ", "\n", " \x00", " \u200b"],
        ids=["nothing", "spaces", "a line break", "a null byte", "no width"],
    )
    def test_because_there_is_none_is_asked_for(self, installation, sandbox, typed):
        ada = sandbox.person("Ada")

        sandbox.say(ada, f"/imagine{typed}")

        assert "What should I create?" in answer(installation, sandbox, ada)

    @pytest.mark.parametrize("length", [1001, 4096 - len("/imagine ")])
    def test_because_it_is_too_long_is_refused_with_the_limit(self, installation, sandbox, length):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine " + "x" * length)

        assert "1,000 characters" in answer(installation, sandbox, ada)

    def test_in_an_overlong_text_that_came_in_parts_is_refused_once(self, installation, sandbox):
        """Telegram's clients cut ten thousand characters into several messages, which belong together."""
        ada = sandbox.person("Ada")
        text = "/imagine " + "fox " * 2500

        with sandbox.together():
            for start in range(0, len(text), 4096):
                sandbox.say(ada, text[start : start + 4096])
        sandbox.wait_for_message(ada, lambda message: "1,000 characters" in message["text"])
        sandbox.say(ada, "/start")
        sandbox.wait_for(lambda: len(sandbox.from_bot(ada)) == 2)

        assert sum("1,000 characters" in message["text"] for message in sandbox.from_bot(ada)) == 1
        assert installation.rows(ada) == []

    @pytest.mark.parametrize("typed", ["…", "?!"])
    def test_because_it_says_nothing_is_answered_with_an_example(self, installation, sandbox, typed):
        ada = sandbox.person("Ada")

        sandbox.say(ada, f"/imagine {typed}")

        assert "/imagine a fox in the snow" in answer(installation, sandbox, ada)


class TestAHundredPeopleAtOnce:
    def test_all_get_their_photo(self, installation, sandbox):
        people = [sandbox.person(f"Person {number}") for number in range(100)]

        requests = [sandbox.say(person, "/imagine a fox in the snow") for person in people]
        for request in requests:
            installation.delivered(request)
        installation.no_status_left(*people)

        assert [len(sandbox.photos(person)) for person in people] == [1] * 100
        assert [len(sandbox.from_bot(person)) for person in people] == [1] * 100
