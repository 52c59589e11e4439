"""How often a picture goes to the database. Each time is a wait, and much of what a picture costs in CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import event
from sqlalchemy.engine.interfaces import ExecutionContext

from shared.history import Wanted
from shared.jobs import Address, Job, Request, Sender
from shared.status_messages import Work
from shared.store.batches import Batches
from shared.store.chats import Chats
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.history import History
from shared.store.inline_ideas import InlineIdeas
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.questions import Questions
from shared.store.status_messages import StatusMessages
from shared.store.turns import Sweep, Turns
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT, FOX_RECIPE, RED_FOX, an_attempt, jpeg_key, submit, submit_and_finish, turns_of


@dataclass
class Trips:
    """What was said to the database. SQLite's transactions begin with a statement.

    Attributes:
        built: The statements as they were put together, by what they say.
    """

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    built: dict[str, object] = field(default_factory=dict)

    def count(self, database: Database) -> tuple[int, int]:
        """Statements, the beginnings of transactions apart, and commits."""
        begins = self.statements.count("BEGIN IMMEDIATE") if database.is_sqlite else 0
        return len(self.statements) - begins, self.commits


@contextmanager
def counted(database: Database) -> Iterator[Trips]:
    trips = Trips()

    def note(_: object, __: object, statement: str, ___: object, context: ExecutionContext, ____: object) -> None:
        trips.statements.append(statement)
        if context.compiled is not None:
            trips.built[statement] = context.invoked_statement  # type: ignore[attr-defined]

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


class TestASweep:
    def test_that_finds_nothing_is_one_statement(self, database: Database) -> None:
        submit_and_finish(database)
        turns = turns_of(database)

        with counted(database) as trips:
            assert turns.sweep(most_due=10) == Sweep(due=0)

        assert trips.count(database) == (1, 0)


class TestAPlaceToAnswer:
    def test_is_told_by_one_statement(self, database: Database) -> None:
        with counted(database) as trips:
            Chats(database).is_clear(BOT, 7, 1)

        assert trips.count(database) == (1, 0)


class Way:
    """What the bot and a worker say to the database for a picture, step by step."""

    def __init__(self, database: Database) -> None:
        self.jobs, self.outbox, self.people = Jobs(database), Outbox(database), People(database)
        self.questions, self.updates = Questions(database, BOT), Updates(database, BOT)
        self.messages, self.keys, self.chats = StatusMessages(database), Keys(database), Chats(database)
        self.turns: Turns = turns_of(database)

    def take_in(self, person: int) -> None:
        self.questions.open_in([person])
        self.updates.keep([RawUpdate(person, "{}", chat_id=person, message_id=1)])
        self.people.preferences(person)
        job, _ = self.jobs.submit(
            Request("a red fox"), address=Address(BOT, person, 1), sender=Sender(person), status_after=1
        )
        self.jobs.position(job.id)
        self.chats.is_clear(BOT, person, 1)
        self.messages.sent(Work.JOB, job.id, 2, "queued:1")
        self.updates.handled([person])

    def paint(self) -> None:
        job = self.turns.claim_next("worker")
        assert isinstance(job, Job)
        self.keys.of(job.sender.id)
        self.jobs.keep_prompt(job, RED_FOX, [an_attempt(step="prompt", cost=1)])
        key = jpeg_key(job.id)
        self.jobs.finish(job, FOX_RECIPE, image_key=key, media_type="image/jpeg", attempts=[an_attempt(cost=1)])
        self.turns.is_any_due()

    def deliver(self) -> None:
        [job] = self.outbox.claim(BOT, limit=9, is_told=True)
        self.outbox.delivered(job.id, message_id=3, file_id="file", removed=2)


class TestAStatement:
    def test_is_put_together_once(self, database: Database) -> None:
        """Which takes longer than running it. What one picture says is, for the next one, at hand."""
        way = Way(database)
        said = []
        for person in (7, 8):
            with counted(database) as trips:
                way.take_in(person)
                way.paint()
                way.deliver()
            said.append(trips.built)

        first, second = said
        assert len(second) > 20
        assert [words for words, statement in second.items() if first.get(words) is not statement] == []

    def test_that_looks_for_work_is_put_together_once(self, database: Database) -> None:
        """The looks of a bot and a worker that have nothing to do."""
        outboxes = Outbox(database), ErrandOutbox(database)
        errands, batches, keys = Errands(database), Batches(database), Keys(database)
        messages = StatusMessages(database)
        said = []
        for _ in range(2):
            with counted(database) as trips:
                for outbox in outboxes:
                    assert outbox.claim(BOT, limit=9) == []
                assert [*errands.streaming(BOT), *errands.exporting(BOT), *batches.open(BOT)] == []
                assert [*keys.untold(BOT), *messages.claim_removals(BOT, limit=9)] == []
                assert keys.claim_unchecked() is None
            assert trips.count(database) == (8, 0)
            said.append(trips.built)

        first, second = said
        assert [words for words, statement in second.items() if first.get(words) is not statement] == []


class TestAPicture:
    """One that somebody new asks for in private, on the owner's keys, by the usual settings."""

    def test_of_a_new_request(self, database: Database) -> None:
        """The person, what they have in the line, on which terms they ask; job, stage, the person's turn."""
        with counted(database) as trips:
            submit(database)

        assert trips.count(database) == (6, 1)

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
        """The claim; the end. Without news of it there is a look without a lock before."""
        submit(database)
        job = turns_of(database).claim_next("worker")
        Jobs(database).keep_prompt(job, RED_FOX)
        Jobs(database).finish(job, FOX_RECIPE, image_key=jpeg_key(job.id), media_type="image/jpeg")

        with counted(database) as trips:
            [arriving] = Outbox(database).claim(BOT, limit=9, is_told=True)
            Outbox(database).delivered(arriving.id, message_id=8)
        with counted(database) as looks:
            assert Outbox(database).claim(BOT, limit=9) == []

        assert [one.count(database) for one in (trips, looks)] == [(2, 2), (1, 0)]
