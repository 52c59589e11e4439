"""Messages that are edited: they count where nothing has come of them, or where nobody has begun with them."""

import pytest

from tests.end_to_end.installation import MODEL, PAINTING, wait_until

# One slot: while a picture is being painted, everything else waits in the line.
SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_WORKER_SLOTS": "1"}
TOO_LATE = "your edit changes nothing"


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def said(sandbox, chat, words):
    return sandbox.wait_for_message(chat, lambda one: words in one.get("text", ""))


def count_of(sandbox, chat, words):
    return len([one for one in sandbox.from_bot(chat) if words in one.get("text", "")])


class TestAMessageOfWhichNothingCame:
    @pytest.mark.parametrize(
        ("typed", "answer", "corrected"),
        [
            ("/imagin a dog", "Did you mean /imagine?", "/imagine a dog"),
            ("/imagine a dog --model nonsense", "I don't know the model", "/imagine a dog --model qwen"),
            ("/imagine", "What should I create?", "/imagine a dog"),
            ("/help", "chat with Gemini", "/imagine a dog"),
        ],
    )
    def test_is_taken_as_it_is_corrected(self, installation, sandbox, ada, typed, answer, corrected):
        message = sandbox.say(ada, typed)
        said(sandbox, ada, answer)

        sandbox.edit(message, corrected)
        row = installation.delivered(message)

        assert row.idea == "a dog"

    def test_is_answered_once_where_its_words_stay(self, installation, sandbox, ada):
        message = sandbox.say(ada, "/imagin a dog")
        said(sandbox, ada, "Did you mean /imagine?")

        sandbox.edit(message, "/imagin a dog")  # As Telegram does when it has found the preview of a link.
        installation.delivered(sandbox.say(ada, "/imagine a cat"))

        assert count_of(sandbox, ada, "Did you mean") == 1


@pytest.fixture
def busy(sandbox):
    """The only slot is taken until the gate ``painter`` is opened."""
    sandbox.arm("router", path=PAINTING, gate="painter")
    sandbox.say(sandbox.person("Eve"), "/imagine a castle")
    sandbox.wait_at_gate("painter")


class TestWhatWaitsInTheLine:
    def test_is_painted_as_it_was_corrected(self, installation, sandbox, ada, busy):
        message = sandbox.say(ada, "/imagine a dog --n 2 --seed 7")
        wait_until(lambda: installation.row(message))

        sandbox.edit(message, "/imagine a dog with a red hat --n 2 --ar 16:9")
        said(sandbox, ada, "Using your edited message")
        sandbox.open_gate("painter")
        rows = installation.wait_for_deliveries(ada, 2)

        assert {row.idea for row in rows} == {"a dog with a red hat"}
        assert {tuple(row.parameters["ratio"]) for row in rows} == {(16, 9)}
        assert {row.parameters["seed"] for row in rows} == {None}

    def test_stays_as_it_was_where_the_correction_can_not_be_read(self, installation, sandbox, ada, busy):
        message = sandbox.say(ada, "/imagine a dog")
        wait_until(lambda: installation.row(message))

        sandbox.edit(message, "/imagine a dog --model nonsense")
        said(sandbox, ada, "I don't know a model")
        sandbox.open_gate("painter")

        assert installation.delivered(message).idea == "a dog"

    def test_may_be_a_question(self, sandbox, ada, busy):
        message = sandbox.say(ada, "echo: the capitol of Frnace")
        sandbox.wait_for(lambda: sandbox.drafts(ada), what="a draft")

        sandbox.edit(message, "echo: the capital of France")
        sandbox.say(ada, "/queue")
        said(sandbox, ada, "You have nothing in progress")
        sandbox.open_gate("painter")

        answer = sandbox.wait_for_message(ada, lambda one: "the capital of France" in one.get("text", ""))
        assert "the capital of France" in answer["text"]
        assert count_of(sandbox, ada, TOO_LATE) == 0


class TestAnIdea:
    def test_that_is_painted_already_is_not_painted_again_and_that_is_said_once(self, installation, sandbox, ada):
        message = sandbox.say(ada, "/imagine a dog")
        installation.delivered(message)

        sandbox.edit(message, "/imagine a dog with a hat")
        said(sandbox, ada, TOO_LATE)
        sandbox.edit(message, "/imagine a dog with two hats")
        installation.delivered(sandbox.say(ada, "/imagine a cat"))

        assert count_of(sandbox, ada, TOO_LATE) == 1
        assert len(installation.rows(ada)) == 2

    def test_that_is_being_painted_stays_as_it_was(self, installation, sandbox, ada):
        sandbox.arm("router", path=PAINTING, gate="painter")
        message = sandbox.say(ada, "/imagine a dog")
        sandbox.wait_at_gate("painter")

        sandbox.edit(message, "/imagine a cat")
        said(sandbox, ada, TOO_LATE)
        sandbox.open_gate("painter")

        assert installation.delivered(message).idea == "a dog"


class TestAQuestion:
    def test_that_is_answered_is_not_answered_again_and_that_is_said(self, sandbox, ada):
        message = sandbox.say(ada, "echo: what is the capitol of Frnace?")
        sandbox.wait_for_message(ada, lambda one: "Frnace" in one.get("text", ""))

        sandbox.edit(message, "echo: what is the capital of France?")

        said(sandbox, ada, TOO_LATE)
        assert len(sandbox.journal("gemini", "streamGenerateContent")) == 1


class TestATalkAmongPeople:
    def test_that_is_edited_is_none_of_the_bot_s_business(self, installation, sandbox, ada):
        group = sandbox.group(ada)
        message = sandbox.say(ada, "a dog", chat=group)
        sandbox.edit(message, "a cat")
        ordered = sandbox.say(ada, "/imagine@sandbox_bot a fox", chat=group)
        installation.delivered(ordered)
        installation.no_status_left(group)

        assert len(sandbox.from_bot(group)) == 1
