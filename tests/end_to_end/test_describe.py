"""``/describe``: four prompts for a picture, and the one whose button is pressed is painted."""

from io import BytesIO

import PIL.Image
import pytest
from sqlalchemy import select

from shared.store import tables
from tests.end_to_end.installation import is_fetched, wait_until
from tests.end_to_end.pressing import answer_to, says, warns

STREAM = ":streamGenerateContent"


def a_photo(colour="orange"):
    content = BytesIO()
    PIL.Image.new("RGB", (640, 480), colour).save(content, "JPEG")
    return content.getvalue()


def buttons(message):
    return [row[0]["text"] for row in message.get("reply_markup", {}).get("inline_keyboard", [])]


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def described(sandbox, chat):
    """Wait until there are prompts in a chat; returns their message."""
    return sandbox.wait_for_message(chat, lambda one: any("🎨 1. " in text for text in buttons(one)))


def errand_of(installation, chat):
    """The row of the one description that somebody asked for in a chat."""
    with installation.database.reading() as connection:
        return connection.execute(select(tables.errands).where(tables.errands.c.chat_id == chat["id"])).one()


def prompts_in(message):
    """What a tap on each of the prompts copies."""
    text = message["text"].encode("utf-16-le")
    places = [(one["offset"] * 2, one["length"] * 2) for one in message["entities"] if one["type"] == "code"]
    return [text[at : at + length].decode("utf-16-le") for at, length in places]


def answers(installation, sandbox, presses):
    """What was answered to presses, once all handlers are through."""
    for press in presses:
        answer_to(sandbox, press)
    installation.all_handled()
    return [sandbox.callback(press) for press in presses]


class TestAPictureDescribed:
    def test_in_the_caption_has_four_prompts_in_one_message(self, installation, sandbox, ada):
        sandbox.say(ada, "/describe", photo=a_photo())
        message = described(sandbox, ada)
        installation.no_status_left(ada)

        assert [one["message_id"] for one in sandbox.from_bot(ada)] == [message["message_id"]]
        assert message["text"].startswith("🔎 4 prompts for this picture.")
        assert [prompt.partition(",")[0] for prompt in prompts_in(message)] == ["an orange picture"] * 4
        assert len(set(prompts_in(message))) == len(buttons(message)) == 4

    def test_of_ours_in_reply_is_the_original(self, installation, sandbox, ada):
        row = installation.delivered(sandbox.say(ada, "/imagine a fox"))

        [photo] = sandbox.photos(ada)
        sandbox.say(ada, "/describe", reply_to_message_id=photo["message_id"])
        described(sandbox, ada)

        question = errand_of(installation, ada).question
        assert question == {"picture": {"key": row.image_key, "media_type": row.media_type}}
        assert not is_fetched(sandbox, photo)

    def test_of_somebody_else_is_described_for_the_one_who_asks(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        theirs = sandbox.say(bob, "Look!", chat=group, photo=a_photo("red"))

        sandbox.say(ada, "/describe", chat=group, reply_to_message_id=theirs["message_id"])

        assert prompts_in(described(sandbox, group))[0].startswith("a red picture")

    def test_that_is_missing_is_asked_for(self, installation, sandbox, ada):
        sandbox.say(ada, "/describe")

        assert "Which picture?" in sandbox.wait_for_message(ada)["text"]

    def test_that_is_refused_says_so_in_the_same_message(self, installation, sandbox, ada):
        sandbox.arm("gemini", path=STREAM, preset="prompt-blocked")

        sandbox.say(ada, "/describe", photo=a_photo())
        sandbox.wait_for_message(ada, lambda one: "don't allow describing this picture" in one["text"])
        installation.no_status_left(ada)

        assert len(sandbox.from_bot(ada)) == 1

    def test_waits_while_gemini_is_overloaded(self, installation, sandbox, ada):
        sandbox.arm("gemini", path=STREAM, preset="overloaded")

        sandbox.say(ada, "/describe", photo=a_photo())

        assert len(prompts_in(described(sandbox, ada))) == 4

    def test_survives_a_kill_of_everything(self, installation, sandbox, ada):
        sandbox.arm("gemini", path=STREAM, gate="gemini", drop="before")

        sandbox.say(ada, "/describe", photo=a_photo())
        sandbox.wait_at_gate("gemini")
        wait_until(lambda: errand_of(installation, ada).shown, what="the number of the status message")
        installation.kill()
        sandbox.clear_faults()
        installation.start()
        message = described(sandbox, ada)
        installation.no_status_left(ada)

        assert [one["message_id"] for one in sandbox.from_bot(ada)] == [message["message_id"]]


class TestAPromptsButton:
    @pytest.fixture
    def message(self, sandbox, ada):
        sandbox.say(ada, "/describe", photo=a_photo())
        return described(sandbox, ada)

    def test_paints_exactly_the_prompt(self, installation, sandbox, ada, message):
        sandbox.press(ada, message, buttons(message)[1])
        [photo] = sandbox.wait_for_photo(ada)

        [row] = installation.wait_for_deliveries(ada, 1)
        assert row.prompt == row.idea == prompts_in(message)[1]
        assert photo["reply_to_message"]["message_id"] == message["message_id"]
        assert sandbox.journal("gemini", ":generateContent") == []

    def test_pressed_twice_at_once_paints_once(self, installation, sandbox, ada, message):
        presses = [sandbox.press(ada, message, buttons(message)[0]) for _ in range(2)]

        answers(installation, sandbox, presses)
        installation.wait_for_deliveries(ada, 1)
        installation.no_status_left(ada)

        assert len(installation.rows(ada)) == 1
        assert ["photo" in one for one in sandbox.from_bot(ada)] == [False, True]

    def test_pressed_after_a_restart_is_served(self, installation, sandbox, ada, message):
        installation.kill()
        press = sandbox.press(ada, message, buttons(message)[0])
        installation.start()

        [answer] = answers(installation, sandbox, [press])
        installation.wait_for_deliveries(ada, 1)

        assert says(answer, "Queued.")
        assert len(sandbox.photos(ada)) == 1

    def test_pressed_again_later_says_that_it_is_there(self, installation, sandbox, ada, message):
        sandbox.press(ada, message, buttons(message)[0])
        installation.wait_for_deliveries(ada, 1)

        [answer] = answers(installation, sandbox, [sandbox.press(ada, message, buttons(message)[0])])

        assert says(answer, "Already requested")
        assert len(installation.rows(ada)) == 1

    def test_whose_picture_failed_paints_it_again(self, installation, sandbox, ada, message):
        sandbox.arm("router", preset="bad-token")
        sandbox.press(ada, message, buttons(message)[0])
        [failed] = installation.wait_for_deliveries(ada, 1)

        sandbox.press(ada, message, buttons(message)[0])
        rows = installation.wait_for_deliveries(ada, 2)

        assert (failed.state, [row.state for row in rows]) == ("failed", ["failed", "finished"])

    def test_is_not_for_others(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.say(ada, "/describe", chat=group, photo=a_photo())
        message = described(sandbox, group)

        [answer] = answers(installation, sandbox, [sandbox.press(bob, message, buttons(message)[0])])

        assert warns(answer)
        assert says(answer, "Only the person who asked")
        assert installation.rows(group) == []

    def test_under_a_message_that_is_deleted_meanwhile_is_served(self, installation, sandbox, ada, message):
        sandbox.arm("telegram", path="/answerCallbackQuery$", gate="answer")
        press = sandbox.press(ada, message, buttons(message)[0])
        sandbox.wait_at_gate("answer")
        sandbox.delete(message)
        sandbox.open_gate("answer")

        [answer] = answers(installation, sandbox, [press])

        installation.wait_for_deliveries(ada, 1)
        assert says(answer, "Queued.")
        assert len(sandbox.photos(ada)) == 1

    def test_that_nobody_knows_any_more_says_so(self, installation, sandbox, ada, message):
        with installation.database.writing() as connection:
            connection.execute(tables.errands.delete().where(tables.errands.c.chat_id == ada["id"]))

        [answer] = answers(installation, sandbox, [sandbox.press(ada, message, buttons(message)[0])])

        assert says(answer, "no longer know this prompt")
        assert installation.rows(ada) == []
