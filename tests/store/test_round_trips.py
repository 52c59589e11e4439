"""How often a picture goes to the database. Each time is a wait, and much of what a picture costs in CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import event

from shared.history import Wanted
from shared.store.chats import Chats
from shared.store.database import Database
from shared.store.history import History
from shared.store.inline_ideas import InlineIdeas
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.builders import BOT, FOX_RECIPE, RED_FOX, an_attempt, jpeg_key, submit, submit_and_finish, turns_of


@dataclass
class Trips:
    """What was said to the database. SQLite's transactions begin with a statement."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0

    def count(self, database: Database) -> tuple[int, int]:
        """Statements, the beginnings of transactions apart, and commits."""
        begins = self.statements.count("BEGIN IMMEDIATE") if database.is_sqlite else 0
        return len(self.statements) - begins, self.commits


@contextmanager
def counted(database: Database) -> Iterator[Trips]:
    trips = Trips()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        trips.statements.append(statement)

    def commit(_: object) -> None:
        trips.commits += 1

    event.listen(database.engine, "before_cursor_execute", note)
    event.listen(database.engine, "commit", commit)
    try:
        yield trips
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
        event.remove(database.engine, "commit", commit)


class TestAnInlineQuery:
    """One that somebody types after the bot's name; who it is and what they chose is a statement each."""

    def test_of_what_it_finds(self, database: Database) -> None:
        """By words the index, in Postgres with a look at the nearest, and the rows; without words one."""
        submit_and_finish(database, user=7)
        history = History(database, BOT)

        with counted(database) as by_words:
            assert len(history.previews(Wanted(BOT, 7, "fox"), limit=20)) == 1
        with counted(database) as by_none:
            assert len(history.previews(Wanted(BOT, 7), limit=20)) == 1
        with counted(database) as in_vain:
            assert history.previews(Wanted(BOT, 7, "zeppelin"), limit=20) == []

        assert [one.count(database) for one in (by_words, by_none, in_vain)] == [(2, 0), (1, 0), (1, 0)]

    def test_of_the_idea_that_it_leads_to(self, database: Database) -> None:
        with counted(database) as trips:
            InlineIdeas(database, BOT).keep(7, "a red fox")

        assert trips.count(database) == (1, 1)


class TestAPlaceToAnswer:
    def test_is_told_by_one_statement(self, database: Database) -> None:
        with counted(database) as trips:
            Chats(database).is_clear(BOT, 7, 1)

        assert trips.count(database) == (1, 0)


class TestAPicture:
    """One that somebody new asks for in private, on the owner's keys, by the usual settings."""

    def test_of_a_new_request(self, database: Database) -> None:
        """The person, what they have in the line, virtual time, guest, own keys; job, stage, the person's turn."""
        with counted(database) as trips:
            submit(database)

        assert trips.count(database) == (8, 1)

    def test_of_its_place_in_the_line(self, database: Database) -> None:
        job = submit(database)

        with counted(database) as trips:
            assert Jobs(database).position(job.id) == 1

        assert trips.count(database) == (1, 0)

    def test_of_its_claim(self, database: Database) -> None:
        """A look without a lock; the claim; its stage, with the news of it."""
        submit(database)

        with counted(database) as trips:
            turns_of(database).claim_next("worker")

        assert trips.count(database) == (3, 1)

    def test_of_its_prompt(self, database: Database) -> None:
        """The call, the job, its stage with the news of it, what it cost."""
        submit(database)
        job = turns_of(database).claim_next("worker")

        with counted(database) as trips:
            Jobs(database).keep_prompt(job, RED_FOX, [an_attempt(step="prompt", cost=1)])

        assert trips.count(database) == (4, 1)

    def test_of_its_end(self, database: Database) -> None:
        """The same, the words to find it by, its person's row, and whether anything of theirs was held back."""
        submit(database)
        job = turns_of(database).claim_next("worker")
        Jobs(database).keep_prompt(job, RED_FOX)

        with counted(database) as trips:
            key = jpeg_key(job.id)
            Jobs(database).finish(
                job, FOX_RECIPE, image_key=key, media_type="image/jpeg", attempts=[an_attempt(cost=1)]
            )

        assert trips.count(database) == (7, 1)

    def test_of_its_delivery(self, database: Database) -> None:
        """A look without a lock, the claim; the end."""
        submit(database)
        job = turns_of(database).claim_next("worker")
        Jobs(database).keep_prompt(job, RED_FOX)
        Jobs(database).finish(job, FOX_RECIPE, image_key=jpeg_key(job.id), media_type="image/jpeg")

        with counted(database) as trips:
            [arriving] = Outbox(database).claim(BOT, limit=9)
            Outbox(database).delivered(arriving.id, message_id=8)

        assert trips.count(database) == (3, 2)
