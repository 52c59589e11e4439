"""Whatever way a request ends, its status message ends too: also where Telegram, the database or the bot fails."""

from contextlib import nullcontext

import pytest
from installation import PAINTING, wait_until
from servers import away
from sqlalchemy import func, select

from shared.store import tables

ITS_BUTTON = "cancel "  # a status message is known by it
REFUSED = {"ok": False, "error_code": 500, "description": "Internal Server Error"}


def from_bot(sandbox, chat):
    """What the bot's messages in a chat are: ``photo``, or their words."""
    return ["photo" if "photo" in message else message["text"] for message in sandbox.from_bot(chat)]


def wait_for_photos_alone(sandbox, chat, count=1):
    """Wait until a chat holds so many photos, and nothing else of the bot."""
    sandbox.wait_for(lambda: from_bot(sandbox, chat) == ["photo"] * count, chat=chat, what="photos alone")


def nothing_is_left(installation, chat):
    """Wait until the record knows of nothing to remove from a chat, or to look for there."""
    jobs, removals = tables.jobs.c, tables.removals.c

    def look():
        with installation.database.reading() as connection:
            left = connection.scalar(select(func.count()).where(removals.chat_id == chat["id"]))
            sending = (jobs.chat_id == chat["id"], jobs.status_sending_since.is_not(None))
            return not left and not connection.scalar(select(func.count()).where(*sending))

    wait_until(look, what="the end of all removals")


def place(sandbox, kind):
    """A person, and the private chat or the group in which they ask."""
    ada = sandbox.person("Ada")
    return ada, ada if kind == "private" else sandbox.group(ada)


def imagine(sandbox, ada, chat, idea="a red fox"):
    return sandbox.say(ada, f"/imagine@sandbox_bot {idea}" if chat is not ada else f"/imagine {idea}", chat=chat)


class TestAStatusMessageThatTelegramDoesNotDelete:
    """Once: the next try finds it willing."""

    @pytest.mark.parametrize(
        "fault", [{"status": 500, "reply": REFUSED}, {"drop": "before"}, {"drop": "after"}], ids=str
    )
    def test_goes_all_the_same(self, installation, sandbox, fault):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/deleteMessage$", **fault)

        sandbox.say(ada, "/imagine a red fox")

        wait_for_photos_alone(sandbox, ada)
        nothing_is_left(installation, ada)

    def test_goes_after_an_album(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.say(ada, "/imagine a red fox --n 2")

        sandbox.wait_for(lambda: len(sandbox.from_bot(ada)) == 3 and len(sandbox.photos(ada)) == 2, chat=ada)
        nothing_is_left(installation, ada)

    def test_goes_after_a_failure(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path="generateContent", preset="prompt-blocked")
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.say(ada, "/imagine a red fox")

        sandbox.wait_for(lambda: [text[:1] for text in from_bot(sandbox, ada)] == ["😕"], chat=ada)
        nothing_is_left(installation, ada)

    def test_goes_after_a_cancel(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.say(ada, "/imagine a red fox")
        status = sandbox.wait_for_message(ada, lambda message: "Painting" in message["text"])
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.press(ada, status, "✖ Cancel")

        sandbox.wait_for(lambda: from_bot(sandbox, ada) == [], chat=ada)
        nothing_is_left(installation, ada)


@pytest.mark.parametrize("kind", ["private", "group"])
class TestAStatusMessageWhoseNumberWasLost:
    def test_is_found_while_the_picture_is_painted(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")

        imagine(sandbox, ada, chat)
        sandbox.wait_for_message(chat, lambda message: "Painting" in message["text"])
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, chat)
        assert len(sandbox.journal("telegram", "/sendMessage$")) == 1
        nothing_is_left(installation, chat)

    def test_is_removed_when_the_picture_comes_first(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")
        # It is not found as long as nobody may edit.
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=2, status=500, reply=REFUSED)

        imagine(sandbox, ada, chat)

        wait_for_photos_alone(sandbox, chat)
        nothing_is_left(installation, chat)

    def test_is_sent_again_when_it_never_arrived(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="before")

        imagine(sandbox, ada, chat)
        sandbox.wait_for_message(chat, lambda message: "Painting" in message["text"])
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, chat)
        assert len(sandbox.journal("telegram", "/sendMessage$")) == 2

    def test_is_removed_when_the_bot_was_killed_before_it_knew(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, gate="telegram")

        imagine(sandbox, ada, chat)
        sandbox.wait_at_gate("telegram")
        installation.bot.kill()
        sandbox.open_gate("telegram")
        sandbox.wait_for_message(chat)
        installation.start()

        wait_for_photos_alone(sandbox, chat)
        nothing_is_left(installation, chat)

    def test_other_messages_are_left_alone(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.say(ada, "/help@sandbox_bot" if chat is not ada else "/help", chat=chat)
        before = sandbox.wait_for_message(chat)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")

        imagine(sandbox, ada, chat)
        sandbox.say(ada, "/help@sandbox_bot" if chat is not ada else "/help", chat=chat)
        sandbox.wait_for_message(chat, lambda message: "Painting" in message["text"])
        sandbox.open_gate("huggingface")
        sandbox.wait_for(lambda: sandbox.photos(chat) and len(sandbox.from_bot(chat)) == 3, chat=chat)

        first, second = (one for one in sandbox.from_bot(chat) if "photo" not in one)
        assert first["reply_markup"] == second["reply_markup"] == before["reply_markup"]
        assert "edited" not in first.keys() | second.keys()
        nothing_is_left(installation, chat)


class TestAStatusMessageWhoseNumberTheDatabaseDidNotTake:
    """The bot holds the number, and cannot write it down for a moment; tests/bot has this for SQLite."""

    def test_is_noted_when_the_database_is_back(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, gate="telegram")

        request = sandbox.say(ada, "/imagine a red fox")
        sandbox.wait_at_gate("telegram")
        with nullcontext() if installation.is_embedded else away(installation.database):
            sandbox.open_gate("telegram")
            status = sandbox.wait_for_message(ada)
        installation.database.engine.dispose()  # Our own connections were ended with all others.
        wait_until(lambda: installation.row(request).status_message_id == status["message_id"], what="the number")
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, ada)
        nothing_is_left(installation, ada)
