"""Text that Postgres refuses: both databases store the same in its place."""

import pytest
from sqlalchemy import select

from shared import redaction
from shared.errands import ErrandKind
from shared.jobs import Address, Attempt, Parameters, Prompt, Sender
from shared.store import tables
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.types import storable
from tests.builders import BOT, claim_errand, submit, submit_and_claim

HALF_PAIR = "\ud83d"
WRITTEN, STORED = f"a\0 fox {HALF_PAIR} 🦊", "a fox ? 🦊"


class TestStorableText:
    @pytest.mark.parametrize("text", ["", "a fox", "лиса", "🦊", "a\tfox\n\x01"])
    def test_stays_as_it_is(self, text: str) -> None:
        assert storable(text) == text

    def test_has_no_null_characters_and_no_halves_of_pairs(self) -> None:
        assert storable(WRITTEN) == STORED


class TestEveryTextOfTheRecord:
    def test_of_a_request(self, database: Database) -> None:
        job = submit(database, WRITTEN, parameters=Parameters(negative=WRITTEN))

        assert (job.request.idea, job.request.parameters.negative) == (STORED, STORED)

    def test_of_a_prompt_and_of_a_call_to_a_service(self, database: Database) -> None:
        job, jobs = submit_and_claim(database), Jobs(database)
        attempt = Attempt("prompt", WRITTEN, "gemini", 12, detail=WRITTEN)

        jobs.keep_prompt(job, Prompt(WRITTEN, negative=WRITTEN, title=WRITTEN, language="en"), [attempt])
        kept = jobs.read(job.id)

        assert kept is not None
        assert kept.prompt == Prompt(STORED, negative=STORED, title=STORED, language="en")

    def test_of_a_question_and_its_answer(self, database: Database) -> None:
        errands = Errands(database)
        question = {"text": WRITTEN, "attachments": [{"name": WRITTEN}]}
        asked, _ = errands.submit(ErrandKind.CHAT, question, address=Address(BOT, 7, 1), sender=Sender(7))
        claimed = claim_errand(database)

        assert claimed.question == {"text": STORED, "attachments": [{"name": STORED}]}

        errands.say_more(claimed, WRITTEN)
        errands.finish(claimed, answer=WRITTEN, result={"prompts": [{"title": WRITTEN}]})
        answered = errands.read(asked.id)

        assert answered is not None
        assert (answered.answer, answered.result) == (STORED, {"prompts": [{"title": STORED}]})

    def test_of_a_summary(self, database: Database) -> None:
        conversations = Conversations(database)
        talk = conversations.of(BOT, 7)

        conversations.keep_summary(talk, WRITTEN, until=1)

        kept = conversations.read(talk.id)
        assert kept is not None
        assert kept.summary == STORED


class TestWhatServicesSayOfFailures:
    def test_is_stored_without_keys_and_tokens(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redaction, "IN_USE", redaction.SecretsInUse())
        redaction.IN_USE.add(["oddly-shaped-08"])
        job, jobs = submit_and_claim(database), Jobs(database)
        said = "Invalid token oddly-shaped-08 / AIzaSyPERSONALpersonalPERSONALpersonalPER"

        jobs.keep_prompt(job, Prompt("a fox"), [Attempt("image", "fal-ai", "org/model", 12, status=401, detail=said)])

        with database.reading() as connection:
            assert connection.scalar(select(tables.attempts.c.detail)) == "Invalid token [secret] / [secret]"
