"""An edited message: what becomes of what its first version asked for."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telegram import Update

from sandbox.telegram import markup
from services.bot.pictures.edits import RECENT, Edits
from services.bot.texts.locales import say
from shared.errands import ErrandKind
from shared.jobs import Address, Job, Parameters, Request, Sender, State
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from tests.bot.handler_rig import ADA, HandlerRig
from tests.bot.stage import BOT
from tests.builders import claim, claim_errand

TAKEN, TOO_LATE = say("edit_taken", "en"), say("edit_too_late", "en")
MESSAGE = 77


def as_text(words: str) -> dict[str, Any]:
    return {"text": words, "entities": markup.detect(words)}


class Rig(HandlerRig):
    """Ada's message, and what its next version comes to."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.as_new: list[Update] = []
        self.updates = Updates(database, BOT)
        self.handler = Edits(self.updates, self.jobs, self.errands, self.batches, self.imagine, self._handle_as_new)
        self.address = Address(BOT, ADA, MESSAGE)

    async def _handle_as_new(self, update: Update) -> None:
        self.as_new.append(update)

    def edit(self, before: str, after: str, *, later: timedelta = timedelta(minutes=1)) -> None:
        """Let the message have been written, and be edited."""
        self.telegram.calls.clear()
        person = self.telegram.world.people[ADA].user
        chat = self._chat(ADA).as_json()
        written: dict[str, Any] = {"message_id": MESSAGE, "date": 1_000_000, "chat": chat, "from": person}
        new = self.update({"edited_message": written | as_text(after) | {"edit_date": 1_000_000 + later.seconds}})
        old = {"update_id": new.update_id - 1, "message": written | as_text(before)}
        bodies = [old, {"update_id": new.update_id, **json.loads(new.to_json())}]
        self.updates.keep(
            [RawUpdate(one["update_id"], json.dumps(one), True, chat_id=ADA, message_id=MESSAGE) for one in bodies]
        )
        self.run(self.handler.handle(new, self.context))

    def asked(self, idea: str = "a red fox", parameters: Parameters | None = None, count: int = 1) -> Job:
        """What the first version asked for."""
        wish = Request(idea, parameters or Parameters(), count)
        return self.jobs.submit(wish, address=self.address, sender=Sender(ADA))[0]


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestOfAPicture:
    def test_that_nobody_has_begun_counts_the_new_words(self, rig: Rig) -> None:
        job = rig.asked(count=2)

        rig.edit("/imagine a red fox --n 2", "/imagine a blue whale --ar 16:9 --n 3")

        now = rig.read(job)
        assert (now.request.idea, now.request.parameters.ratio, now.request.count) == ("a blue whale", (16, 9), 2)
        assert rig.said == [TAKEN]

    def test_that_somebody_has_begun_is_too_late_which_is_said_once(self, rig: Rig) -> None:
        job = rig.asked()
        claim(rig.database)

        rig.edit("/imagine a red fox", "/imagine a blue whale")
        first = rig.said
        rig.edit("/imagine a blue whale", "/imagine a green frog")

        assert (first, rig.said) == ([TOO_LATE], [])
        assert rig.read(job).request.idea == "a red fox"

    def test_that_can_not_be_read_leaves_the_old_words(self, rig: Rig) -> None:
        job = rig.asked()

        rig.edit("/imagine a red fox", "/imagine a blue whale --ar wide")

        assert rig.said[0].startswith(say("parameter_unreadable", "en", name="--ar", value="wide", example="--ar 16:9"))
        assert rig.read(job).request.idea == "a red fox"

    def test_that_is_made_larger_has_no_words_to_change(self, rig: Rig) -> None:
        rig.asked("", Parameters(upscale=2))

        rig.edit("/upscale", "/upscale please")

        assert rig.said == [TOO_LATE]

    def test_of_which_something_else_was_edited_changes_nothing(self, rig: Rig) -> None:
        job = rig.asked()

        rig.edit("/imagine a red fox", "/imagine a red fox")

        assert (rig.read(job), rig.changes) == (job, [])


class TestOfAQuestion:
    def ask(self, rig: Rig, text: str) -> int:
        return rig.errands.submit(ErrandKind.CHAT, {"text": text}, address=rig.address, sender=Sender(ADA))[0].id

    def test_that_nobody_has_begun_asks_the_new_words(self, rig: Rig) -> None:
        question = self.ask(rig, "What is a fox?")

        rig.edit("What is a fox?", "What is a whale?")

        read = rig.errands.read(question)
        assert (read.question["text"] if read else None, rig.said) == ("What is a whale?", [])

    def test_that_somebody_has_begun_is_too_late(self, rig: Rig) -> None:
        self.ask(rig, "What is a fox?")
        claim_errand(rig.database)

        rig.edit("What is a fox?", "What is a whale?")

        assert rig.said == [TOO_LATE]

    def test_that_becomes_a_command_stays_a_question(self, rig: Rig) -> None:
        question = self.ask(rig, "What is a fox?")

        rig.edit("What is a fox?", "/imagine a fox")

        read = rig.errands.read(question)
        assert (read.state if read else None, rig.said) == (State.QUEUED, [TOO_LATE])
        assert rig.ordered() == []


class TestOfWhatCameToNothing:
    def test_is_handled_as_if_it_had_just_been_written(self, rig: Rig) -> None:
        rig.edit("/imagin a red fox", "/imagine a red fox")

        [new] = rig.as_new
        assert new.message is not None
        assert (new.edited_message, new.message.text) == (None, "/imagine a red fox")

    def test_long_ago_is_left_alone(self, rig: Rig) -> None:
        rig.edit("/imagin a red fox", "/imagine a red fox", later=RECENT + timedelta(seconds=1))

        assert (rig.as_new, rig.changes) == ([], [])
