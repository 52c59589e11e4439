"""Whatever way a request ends, its status message ends too: also where Telegram, the database or the bot fails."""

from contextlib import nullcontext
from io import BytesIO

import PIL.Image
import pytest
from sqlalchemy import delete, select, update

from shared.store import tables
from tests.end_to_end.installation import PAINTING, calls_about, wait_until
from tests.end_to_end.pressing import answer_to, says
from tests.servers import away

ITS_BUTTON = "cancel "  # a status message is known by it
REFUSED = {"ok": False, "error_code": 500, "description": "Internal Server Error"}


def from_bot(sandbox, chat):
    """What the bot's messages in a chat are: ``photo``, or their words."""
    return ["photo" if "photo" in message else message["text"] for message in sandbox.from_bot(chat)]


def wait_for_photos_alone(sandbox, chat, count=1):
    """Wait until a chat holds so many photos, and nothing else of the bot."""
    sandbox.wait_for(lambda: from_bot(sandbox, chat) == ["photo"] * count, chat=chat, what="photos alone")


def place(sandbox, kind):
    """A person, and the private chat or the group in which they ask."""
    ada = sandbox.person("Ada")
    return ada, ada if kind == "private" else sandbox.group(ada)


def imagine(sandbox, ada, chat, idea="a red fox"):
    return sandbox.say(ada, f"/imagine@sandbox_bot {idea}" if chat is not ada else f"/imagine {idea}", chat=chat)


def sent_to(sandbox, chat):
    """How many messages the bot has tried to send to a chat."""
    return len(calls_about(sandbox, chat, "/sendMessage$"))


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
        installation.no_status_left(ada)

    def test_goes_after_an_album(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.say(ada, "/imagine a red fox --n 2")

        sandbox.wait_for(lambda: len(sandbox.from_bot(ada)) == 3 and len(sandbox.photos(ada)) == 2, chat=ada)
        installation.no_status_left(ada)

    def test_goes_after_a_failure(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path="generateContent", preset="prompt-blocked")
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.say(ada, "/imagine a red fox")

        sandbox.wait_for(lambda: [text[:1] for text in from_bot(sandbox, ada)] == ["😕"], chat=ada)
        installation.no_status_left(ada)

    def test_goes_after_a_cancel(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.say(ada, "/imagine a red fox")
        status = sandbox.wait_for_message(ada, lambda message: "Creating the picture" in message["text"])
        sandbox.arm("telegram", path="/deleteMessage$", status=500, reply=REFUSED)

        sandbox.press(ada, status, "✖ Cancel")

        sandbox.wait_for(lambda: from_bot(sandbox, ada) == [], chat=ada)
        installation.no_status_left(ada)


@pytest.mark.parametrize("kind", ["private", "group"])
class TestAStatusMessageWhoseNumberWasLost:
    def test_is_found_while_the_picture_is_painted(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")

        imagine(sandbox, ada, chat)
        sandbox.wait_for_message(chat, lambda message: "Creating the picture" in message["text"])
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, chat)
        assert sent_to(sandbox, chat) == 1
        installation.no_status_left(chat)

    def test_is_removed_when_the_picture_comes_first(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")
        # It is not found as long as nobody may edit.
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=2, status=500, reply=REFUSED)

        imagine(sandbox, ada, chat)

        wait_for_photos_alone(sandbox, chat)
        installation.no_status_left(chat)

    def test_is_sent_again_when_it_never_arrived(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="before")

        imagine(sandbox, ada, chat)
        sandbox.wait_for_message(chat, lambda message: "Creating the picture" in message["text"])
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, chat)
        assert sent_to(sandbox, chat) == 2

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
        installation.no_status_left(chat)

    def test_other_messages_are_left_alone(self, installation, sandbox, kind):
        ada, chat = place(sandbox, kind)
        sandbox.say(ada, "/help@sandbox_bot" if chat is not ada else "/help", chat=chat)
        before = sandbox.wait_for_message(chat)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")

        imagine(sandbox, ada, chat)
        asked = sandbox.say(ada, "/help@sandbox_bot" if chat is not ada else "/help", chat=chat)
        sandbox.wait_for_message(
            chat, lambda one: one["message_id"] > asked["message_id"] and one["text"] == before["text"]
        )
        sandbox.wait_for_message(chat, lambda message: "Creating the picture" in message["text"])
        sandbox.open_gate("huggingface")
        sandbox.wait_for(lambda: sandbox.photos(chat) and len(sandbox.from_bot(chat)) == 3, chat=chat)

        first, second = (one for one in sandbox.from_bot(chat) if "photo" not in one)
        assert first["reply_markup"] == second["reply_markup"] == before["reply_markup"]
        assert "edited" not in first.keys() | second.keys()
        installation.no_status_left(chat)


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
        installation.no_status_left(ada)


class TestOtherMessagesThatAnnounce:
    """Lost likewise: of answers in groups, of descriptions, of batches."""

    def test_an_answer_grows_in_the_message_that_was_lost(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        sandbox.arm("telegram", path="/sendMessage$", body="stop ", drop="after")
        sandbox.arm("gemini", path="GenerateContent", gate="gemini")

        sandbox.say(ada, "@sandbox_bot echo: yes", chat=group)
        announced = sandbox.wait_for_message(group)
        wait_until(lambda: shown_in(installation, group) == [announced["message_id"]], what="the number")
        sandbox.open_gate("gemini")

        answered = sandbox.wait_for_message(group, lambda message: "yes" in message["text"])
        assert [one["message_id"] for one in sandbox.from_bot(group)] == [answered["message_id"]]
        assert answered["message_id"] == announced["message_id"]

    def test_prompts_stand_in_the_message_that_was_lost(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendMessage$", body="stop ", drop="after")
        sandbox.arm("gemini", path="GenerateContent", gate="gemini")

        sandbox.say(ada, "/describe", photo=a_photo())
        announced = sandbox.wait_for_message(ada)
        wait_until(lambda: shown_in(installation, ada) == [announced["message_id"]], what="the number")
        sandbox.open_gate("gemini")

        sandbox.wait_for_message(ada, lambda message: "4 prompts" in message["text"])
        assert [one["message_id"] for one in sandbox.from_bot(ada)] == [announced["message_id"]]

    def test_an_announcement_goes_when_the_answer_has_overtaken_it(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        sandbox.arm("telegram", path="/sendMessage$", body="stop ", drop="after")
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=2, status=500, reply=REFUSED)

        sandbox.say(ada, "@sandbox_bot echo: yes", chat=group)

        sandbox.wait_for(lambda: [text.strip() for text in from_bot(sandbox, group)] == ["yes"], chat=group)
        installation.no_status_left(group)

    def test_a_batch_is_asked_about_once(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendMessage$", body="batch ", drop="after")

        sandbox.say(ada, "/batch a fox\na boat")
        summary = sandbox.wait_for_message(ada, lambda message: "Batch" in message["text"])
        wait_until(lambda: batch_of(installation, ada).status_message_id == summary["message_id"], what="the number")

        assert len(sandbox.from_bot(ada)) == 1


class TestAPressOnAButton:
    def test_tells_the_number_of_a_message_that_was_lost(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=None, status=500, reply=REFUSED)

        sandbox.say(ada, "/imagine a red fox")
        status = sandbox.wait_for_message(ada)
        assert says(pressed(sandbox, ada, status, "✖ Cancel"), "Cancelled.")

        sandbox.wait_for(lambda: from_bot(sandbox, ada) == [], chat=ada)
        sandbox.open_gate("huggingface")
        installation.no_status_left(ada)

    def test_of_somebody_else_tells_the_number_and_cancels_nothing(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.arm("router", path=PAINTING, gate="huggingface")
        sandbox.arm("telegram", path="/sendMessage$", body=ITS_BUTTON, drop="after")
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=None, status=500, reply=REFUSED)

        request = imagine(sandbox, ada, group)
        status = sandbox.wait_for_message(group)
        assert says(pressed(sandbox, bob, status, "✖ Cancel"), "Only the person who asked")
        wait_until(lambda: installation.row(request).status_message_id == status["message_id"], what="the number")
        sandbox.open_gate("huggingface")

        wait_for_photos_alone(sandbox, group)

    def test_removes_a_status_message_of_a_request_that_is_over(self, installation, sandbox):
        """As older versions left them: the record knows of nothing to remove."""
        ada, status = with_a_status_message_left(installation, sandbox)

        assert says(pressed(sandbox, ada, status, "✖ Cancel"), "This request is finished")

        wait_for_photos_alone(sandbox, ada)

    def test_removes_a_message_about_something_that_is_not_in_the_record(self, installation, sandbox):
        ada, status = with_a_status_message_left(installation, sandbox)
        forget_jobs_of(installation, ada)

        assert says(pressed(sandbox, ada, status, "✖ Cancel"), "I no longer know this picture.")

        wait_for_photos_alone(sandbox, ada)

    def test_takes_dead_buttons_from_a_picture(self, installation, sandbox):
        ada = sandbox.person("Ada")
        installation.delivered(sandbox.say(ada, "/imagine a red fox"))
        forget_jobs_of(installation, ada)
        [photo] = sandbox.photos(ada)

        assert says(pressed(sandbox, ada, photo, "🔁 Again"), "I no longer know this picture.")

        sandbox.wait_for(lambda: ["reply_markup" in one for one in sandbox.photos(ada)] == [False], chat=ada)

    def test_removes_nothing_that_does_not_show_it(self, installation, sandbox):
        """A changed client sends any data from any message."""
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")
        helped = sandbox.wait_for_message(ada)

        for data in ("cancel 999999", "stop 999999", "batch 999999 start", "nonsense"):
            pressed(sandbox, ada, helped, data)

        assert sandbox.from_bot(ada) == [helped]

    def test_says_of_a_picture_that_is_being_sent_that_it_comes(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", gate="telegram")
        sandbox.say(ada, "/imagine a red fox")
        sandbox.wait_at_gate("telegram")
        status = sandbox.wait_for_message(ada)

        assert says(pressed(sandbox, ada, status, "✖ Cancel"), "The picture is ready and being sent.")

        assert [one["message_id"] for one in sandbox.from_bot(ada)] == [status["message_id"]]
        sandbox.open_gate("telegram")
        wait_for_photos_alone(sandbox, ada)


def pressed(sandbox, person, message, button):
    """Press a button; returns what was answered."""
    return answer_to(sandbox, sandbox.press(person, message, button))


def with_a_status_message_left(installation, sandbox):
    """A person whose picture has come, and whose status message nobody removes any more."""
    ada = sandbox.person("Ada")
    sandbox.arm("router", path=PAINTING, gate="huggingface")
    request = sandbox.say(ada, "/imagine a red fox")
    sandbox.wait_at_gate("huggingface")
    number = wait_until(lambda: installation.row(request).status_message_id, what="the number")
    note_number(installation, request, None)  # So it is not removed with the delivery.
    sandbox.open_gate("huggingface")
    installation.delivered(request)
    note_number(installation, request, number)
    [status] = [message for message in sandbox.from_bot(ada) if "photo" not in message]
    return ada, status


def note_number(installation, request, number):
    """Write down which message is the status message of a request."""
    of_it = tables.jobs.c.id == installation.row(request).id
    with installation.database.writing() as connection:
        connection.execute(update(tables.jobs).where(of_it).values(status_message_id=number))


def forget_jobs_of(installation, person):
    with installation.database.writing() as connection:
        connection.execute(delete(tables.jobs).where(tables.jobs.c.user_id == person["id"]))


def shown_in(installation, chat):
    """The messages that hold the only answer in a chat."""
    with installation.database.reading() as connection:
        shown = connection.scalar(select(tables.errands.c.shown).where(tables.errands.c.chat_id == chat["id"]))
    return shown and shown["messages"]


def batch_of(installation, person):
    with installation.database.reading() as connection:
        return connection.execute(select(tables.batches).where(tables.batches.c.user_id == person["id"])).one()


def a_photo():
    content = BytesIO()
    PIL.Image.new("RGB", (640, 480), "orange").save(content, "JPEG")
    return content.getvalue()
