"""What people are told who send more than is kept."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from sandbox.bodies import Upload
from services.bot.batches.handler import MAX_ASKED
from services.bot.texts.locales import say
from shared.batches import BatchState
from shared.jobs import Sender
from shared.store import tables
from shared.store.sent_files import MEGABYTE, SentFiles
from tests.bot.stage import Outcome, Stage
from tests.bot.updates_scene import ADA, Scene

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_USER_SENT_MB="20")
    yield Scene(stage)
    stage.close()


def a_file(caption: str, data: bytes = PNG, media_type: str = "image/png", name: str = "fox.png") -> dict[str, Any]:
    return {"caption": caption, "uploads": {"document": Upload(name, media_type, data)}}


def texts(outcome: Outcome) -> list[str]:
    return [values["text"] for name, values in outcome.sent if name == "sendMessage"]


COMMANDS = ["what is it?", "/imagine at night", "/describe"]


class TestFiles:
    @pytest.mark.parametrize("words", COMMANDS)
    def test_beyond_the_limit_of_a_day_are_refused_in_words(self, scene: Scene, words: str) -> None:
        SentFiles(scene.stage.database).make_room("sent/101/9", Sender(ADA), 20 * MEGABYTE)

        outcome = scene.send(ADA, ADA, a_file(words))

        assert texts(outcome) == [say("too_much_sent", "en", most=20, time="24 hr")]
        assert not outcome.changed

    @pytest.mark.parametrize("words", COMMANDS)
    def test_of_which_nothing_can_be_made_are_refused_and_count(self, scene: Scene, words: str) -> None:
        outcome = scene.send(ADA, ADA, a_file(words, b"PK\x03\x04\x00"))

        assert texts(outcome) == [say("file_not_understood" if words == COMMANDS[0] else "picture_unreadable", "en")]
        [counted] = [row for (table, _), row in outcome.changed.items() if table == "sent_files"]
        assert (counted["bytes"], counted["is_refused"]) == (5, 1)
        assert {table for table, _ in outcome.changed} <= {"sent_files", "users"}

    @pytest.mark.parametrize("words", ["read this", "/batch"])
    def test_of_kinds_that_nobody_reads_are_not_asked_for(self, scene: Scene, words: str) -> None:
        outcome = scene.send(ADA, ADA, a_file(words, b"PK", "application/zip", "a.zip"))

        assert texts(outcome) == [say("batch_not_text" if words == "/batch" else "file_not_understood", "en")]
        assert "getFile" not in dict(outcome.calls)
        assert not outcome.changed


class TestBatchesThatAreNotStarted:
    def test_give_way_to_newer_ones_and_the_person_reads_it(self, scene: Scene) -> None:
        for number in range(MAX_ASKED + 1):
            outcome = scene.send(ADA, ADA, {"text": f"/batch\nfox {number}\nboat"})
        last = texts(outcome)[-1]

        assert say("batch_oldest_put_away", "en", most=MAX_ASKED) in last
        batches = tables.batches.c
        with scene.stage.database.reading() as connection:
            mine = select(batches.state, batches.pictures).where(batches.user_id == ADA, batches.chat_id == ADA)
            states = [(row.state, row.pictures) for row in connection.execute(mine.order_by(batches.id))]
        assert [state for state, _ in states].count(BatchState.ASKED) == MAX_ASKED
        assert (BatchState.CANCELLED, 0) in states
