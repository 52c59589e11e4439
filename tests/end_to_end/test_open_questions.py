"""Questions of the bot that are answered without a reply: a client has closed the force reply, or never shown it."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import PIL.Image
import pytest
from sqlalchemy import update

from shared.store import tables
from tests.end_to_end.installation import is_fetched

ELEVEN_MINUTES = timedelta(minutes=11)
TOKEN = "hf_WITHOUTAREPLYwithoutareplyWITHOUT"


def a_picture():
    content = BytesIO()
    PIL.Image.new("RGB", (320, 240), "red").save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def said(sandbox, chat, words):
    return sandbox.wait_for_message(chat, lambda one: words in one.get("text", ""))


def asked_what_to_paint(sandbox, ada):
    sandbox.say(ada, "/imagine")
    return said(sandbox, ada, "What should I create?")


def painted(installation, sandbox, ada, text="/imagine a fox", **how):
    return installation.delivered(sandbox.say(ada, text, **how))


class TestWhatToPaint:
    def test_is_answered_by_the_next_message(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)

        row = painted(installation, sandbox, ada, "a fox in the snow --seed 7")

        assert (row.idea, row.parameters["seed"]) == ("a fox in the snow", 7)

    def test_is_answered_by_a_picture(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)

        row = painted(installation, sandbox, ada, "at night", photo=a_picture())

        assert row.prompt.startswith("a red picture, at night, ")

    def test_is_answered_once(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)
        painted(installation, sandbox, ada, "a fox in the snow")

        sandbox.say(ada, "How are you?")

        sandbox.wait_for_message(ada, lambda one: "I read “How are you?”" in one.get("text", ""))
        assert len(installation.rows(ada)) == 1

    def test_survives_a_restart(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)
        installation.kill()
        installation.start()

        assert painted(installation, sandbox, ada, "a fox in the snow").idea == "a fox in the snow"

    def test_is_asked_again_where_the_answer_can_not_be_painted(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)
        sandbox.say(ada, "a fox --model nonsense")
        said(sandbox, ada, "I don't know the model")

        assert painted(installation, sandbox, ada, "a fox --model qwen").idea == "a fox"

    def test_is_open_no_longer_where_a_button_answered(self, installation, sandbox, ada):
        asked_what_to_paint(sandbox, ada)
        idea = sandbox.say(ada, "a fox --model flux-schnel")
        which = said(sandbox, ada, "I don't know the model")
        sandbox.press(ada, which, which["reply_markup"]["inline_keyboard"][0][0]["text"])
        assert installation.delivered(idea).idea == "a fox"

        sandbox.say(ada, "How are you?")

        sandbox.wait_for_message(ada, lambda one: "I read “How are you?”" in one.get("text", ""))
        assert len(installation.rows(ada)) == 1

    @pytest.mark.parametrize("end", ["/queue", "eleven minutes"])
    def test_is_open_no_longer(self, installation, sandbox, ada, end):
        asked_what_to_paint(sandbox, ada)
        if end == "/queue":
            sandbox.say(ada, "/queue")
            said(sandbox, ada, "You have nothing in progress")
        else:
            with installation.database.writing() as connection:
                connection.execute(update(tables.open_questions).values(asked_at=datetime.now(UTC) - ELEVEN_MINUTES))

        sandbox.say(ada, "a fox in the snow")

        sandbox.wait_for_message(ada, lambda one: "“a fox in the snow”" in one.get("text", ""))
        assert installation.rows(ada) == []

    def test_is_answered_by_a_reply_only_in_a_group(self, installation, sandbox, ada):
        group = sandbox.group(ada)
        sandbox.say(ada, "/imagine@sandbox_bot", chat=group)
        question = said(sandbox, group, "What should I create?")

        ignored = sandbox.say(ada, "a whale", chat=group)
        row = painted(installation, sandbox, ada, "a fox", chat=group, reply_to_message_id=question["message_id"])

        assert installation.row(ignored) is None
        assert row.idea == "a fox"


class TestOtherQuestions:
    def test_the_words_of_an_edited_prompt(self, installation, sandbox, ada):
        parent = painted(installation, sandbox, ada)
        sandbox.press(ada, sandbox.photos(ada)[-1], "✏️ Edit")
        said(sandbox, ada, "exactly as you write")

        row = painted(installation, sandbox, ada, "a blue whale")

        assert (row.parent_id, row.prompt) == (parent.id, "a blue whale")

    def test_an_exact_value(self, sandbox, ada):
        sandbox.say(ada, "/settings")
        menu = sandbox.wait_for_message(ada, lambda one: "reply_markup" in one)
        sandbox.press(ada, menu, "Advanced ›")
        menu = sandbox.wait_for_message(ada, lambda one: "Prompt length" in str(one.get("reply_markup")))
        rows = menu["reply_markup"]["inline_keyboard"]
        sandbox.press(ada, menu, next(one["text"] for row in rows for one in row if "Prompt length" in one["text"]))
        page = sandbox.wait_for_message(ada, lambda one: "Exact" in str(one.get("reply_markup")))
        sandbox.press(ada, page, "✏️ Exact value")
        said(sandbox, ada, "10 to 2048")

        sandbox.say(ada, "a lot")
        said(sandbox, ada, "isn't a number")
        sandbox.say(ada, "123")

        said(sandbox, ada, "123")

    def test_a_key_of_one_s_own(self, installation, sandbox, ada):
        sandbox.say(ada, "/keys")
        card = said(sandbox, ada, "Your own keys")
        sandbox.press(ada, card, "Add HuggingFace")
        said(sandbox, ada, "Reply with")

        question = sandbox.say(ada, "Where do I find it?")
        brought = sandbox.say(ada, TOKEN)

        said(sandbox, ada, "works")
        kept = [one["message_id"] for one in sandbox.messages(ada)]
        assert question["message_id"] in kept
        assert brought["message_id"] not in kept
        assert TOKEN not in installation.log

    def test_the_picture_to_describe(self, sandbox, ada):
        sandbox.say(ada, "/describe")
        said(sandbox, ada, "Which picture?")

        sandbox.say(ada, photo=a_picture())

        said(sandbox, ada, "red picture")


class TestATextThatTheClientHasCut:
    LINES = tuple(f"boat number {number} in the harbour of a small town" for number in range(1, 161))

    def parts(self, text, at=4096):
        cut = text[:at].rfind("\n")
        return text[:cut], text[cut + 1 :]

    def test_is_one_batch(self, sandbox, ada):
        first, rest = self.parts("\n".join(["/batch", *self.LINES]))

        with sandbox.together():
            sandbox.say(ada, first)
            sandbox.say(ada, rest)

        said(sandbox, ada, "160 pictures")
        assert len(sandbox.from_bot(ada)) == 1
        assert sandbox.journal("gemini", "enerateContent") == []

    def test_is_one_question(self, installation, sandbox, ada):
        first, rest = self.parts("\n".join(["Which of these is the longest?", *self.LINES]))

        with sandbox.together():
            sandbox.say(ada, first)
            sandbox.say(ada, rest)
        sandbox.wait_for_message(ada, lambda one: "I read “Which" in one.get("text", ""))

        [asked] = sandbox.journal("gemini", "streamGenerateContent")
        assert asked["body"]["contents"][-1]["parts"][-1]["text"].splitlines()[1:] == list(self.LINES)

    def test_is_one_idea_that_is_too_long(self, sandbox, ada):
        first, rest = self.parts("/imagine " + "\n".join(self.LINES))

        with sandbox.together():
            sandbox.say(ada, first)
            sandbox.say(ada, rest)

        said(sandbox, ada, "Your idea is too long")
        sandbox.say(ada, "/queue")
        said(sandbox, ada, "You have nothing in progress")
        assert len(sandbox.from_bot(ada)) == 2

    def test_survives_the_death_of_everybody(self, installation, sandbox, ada):
        first, rest = self.parts("\n".join(["/batch", *self.LINES]))
        sandbox.arm("telegram", path="/sendMessage$", gate="summary", drop="before")
        with sandbox.together():
            sandbox.say(ada, first)
            sandbox.say(ada, rest)
        sandbox.wait_at_gate("summary")

        installation.kill()
        sandbox.clear_faults()
        installation.start()

        said(sandbox, ada, "160 pictures")

    def test_in_a_group_may_go_on_unseen_and_that_is_said(self, sandbox, ada):
        group = sandbox.group(ada)
        first, rest = self.parts("\n".join(["/batch@sandbox_bot", *self.LINES]))

        with sandbox.together():
            sandbox.say(ada, first, chat=group)
            sandbox.say(ada, rest, chat=group)

        said(sandbox, group, "I haven't seen the rest")


class TestAnAlbumWhoseCaptionComesLater:
    def test_is_the_command_s_and_no_question(self, installation, sandbox, ada):
        album = {"media_group_id": "77"}
        first = sandbox.say(ada, photo=a_picture(), **album)
        sandbox.wait_for(lambda: is_fetched(sandbox, first), what="a look at the first picture")

        captioned = sandbox.say(ada, "/imagine in the snow", photo=a_picture(), **album)
        sandbox.say(ada, photo=a_picture(), **album)
        installation.delivered(captioned)
        painted(installation, sandbox, ada)
        installation.no_status_left(ada)

        assert len(sandbox.photos(ada)) == len(sandbox.from_bot(ada)) == 2
        assert sandbox.journal("gemini", "streamGenerateContent") == []
