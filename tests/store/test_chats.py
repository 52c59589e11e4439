"""What waits in one chat: ended where the chat is gone, found again where it could not be delivered."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.batches import BatchState
from shared.errands import ErrandKind, ShownMessages
from shared.jobs import Address, Job, Request, Sender, Stage, State
from shared.status_messages import Work
from shared.store import tables
from shared.store.batches import Batches
from shared.store.chats import CHAT_GONE, OFFERED_FOR, Chats, Ended
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.status_messages import StatusMessages
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT, RED_FOX, claim, claim_errand, read, submit, submit_and_fail, submit_and_finish, turns_of

ADA, BOB, GROUP = 7, 8, -1_001_000_000_001


def ids(requests: list[tuple[Job, ...]]) -> list[list[int]]:
    return [[job.id for job in request] for request in requests]


class TestAChatThatIsGone:
    def test_gets_nothing_painted_that_waits_for_its_turn(self, database: Database) -> None:
        waiting, held = submit(database, user=ADA), submit(database, user=ADA)
        set_state(database, held.id, State.HELD)

        assert Chats(database).end(BOT, ADA) == Ended(jobs=2)

        for job in (waiting, held):
            assert (read(database, job).state, read(database, job).reason) == (State.CANCELLED, CHAT_GONE)

    def test_lets_go_on_what_is_painted_or_ordered_already(self, database: Database) -> None:
        submit(database, user=ADA)
        painting = claim(database)
        Jobs(database).keep_prompt(painting, RED_FOX)
        submit(database, user=ADA)
        ordered = claim(database)
        wait_for(database, ordered, order={"path": "/order"})

        assert Chats(database).end(BOT, ADA) == Ended()

        assert read(database, painting).state is State.WORKING
        assert read(database, ordered).state is State.WAITING

    @pytest.mark.parametrize("is_looked_at", [False, True])
    def test_has_the_orders_withdrawn_that_can_be(self, database: Database, is_looked_at: bool) -> None:
        submit(database, user=ADA)
        ordered = claim(database)
        wait_for(database, ordered, order={"cancel_path": "/order/cancel"}, seconds=0)
        if is_looked_at:
            turns_of(database).sweep(most_due=10)
            assert claim(database).id == ordered.id

        assert Chats(database).end(BOT, ADA) == Ended(jobs=1)

        assert (read(database, ordered).state, read(database, ordered).reason) == (State.CANCELLED, CHAT_GONE)
        withdrawing = claim_errand(database)
        assert (withdrawing.kind, withdrawing.question["job_id"]) == (ErrandKind.CANCEL_ORDER, ordered.id)

    def test_has_no_prompt_written_any_more(self, database: Database) -> None:
        submit(database, user=ADA)
        writing = claim(database)

        assert Chats(database).end(BOT, ADA) == Ended(jobs=1)

        assert read(database, writing).state is State.CANCELLED

    def test_leaves_other_chats_bots_and_people_alone(self, database: Database) -> None:
        here = [submit(database, user=ADA, chat=GROUP), submit(database, user=BOB, chat=GROUP)]
        elsewhere = [
            submit(database, user=ADA),
            submit(database, user=ADA, chat=GROUP - 1),
            submit(database, user=ADA, chat=GROUP, bot=43),
        ]

        assert Chats(database).end(BOT, GROUP) == Ended(jobs=2)

        assert {read(database, job).state for job in here} == {State.CANCELLED}
        assert {read(database, job).state for job in elsewhere} == {State.QUEUED}

    def test_gets_no_more_of_its_batches(self, database: Database) -> None:
        batches = Batches(database)
        batch, _ = batches.ask(
            [Request("a fox"), Request("a boat")], address=Address(BOT, ADA, 1), sender=Sender(ADA), source="telegram"
        )
        batches.start(batch.id)
        batches.fill(batch.id)

        assert Chats(database).end(BOT, ADA) == Ended(jobs=2, batches=1)

        ended = batches.read(batch.id)
        assert ended is not None
        assert ended.state is BatchState.CANCELLED
        assert [job.state for job in batches.jobs(batch.id)] == [State.CANCELLED] * 2

    def test_gets_no_answers_and_its_announcements_are_removed(self, database: Database) -> None:
        errands = Errands(database)
        asked, _ = errands.submit(ErrandKind.CHAT, {"text": "hello"}, address=Address(BOT, ADA, 1), sender=Sender(ADA))
        errands.keep_shown(asked.id, {"messages": [11]})

        assert Chats(database).end(BOT, ADA) == Ended(errands=1)

        ended = errands.read(asked.id)
        assert ended is not None
        assert (ended.state, ended.undelivered_reason) == (State.CANCELLED, CHAT_GONE)
        assert ended.delivered_at is not None
        (removal,) = StatusMessages(database).claim_removals(BOT, limit=10)
        assert (removal.work, removal.message_id) == (Work.ERRAND, 11)

    def test_is_ended_once(self, database: Database) -> None:
        submit(database, user=ADA)

        assert Chats(database).end(BOT, ADA)
        assert not Chats(database).end(BOT, ADA)

    def test_serves_whoever_asks_again(self, database: Database) -> None:
        submit(database, user=ADA)
        Chats(database).end(BOT, ADA)

        again = submit(database, user=ADA)

        assert claim(database).id == again.id


class TestWhatHasEndedButNotArrived:
    def test_is_being_delivered_until_it_is_there(self, database: Database) -> None:
        finished, failed = submit_and_finish(database, user=ADA), submit_and_fail(database, user=ADA)
        submit(database, user=ADA)

        assert ids(Chats(database).arriving(BOT, ADA, ADA)) == [[finished.id], [failed.id]]

        Outbox(database).delivered(finished.id, message_id=500)
        assert ids(Chats(database).arriving(BOT, ADA, ADA)) == [[failed.id]]

    def test_is_offered_when_its_delivery_was_given_up(self, database: Database) -> None:
        job = given_up(database)

        assert ids(Chats(database).undelivered(BOT, ADA, ADA)) == [[job]]
        assert Chats(database).arriving(BOT, ADA, ADA) == []
        assert Chats(database).undelivered(BOT, ADA, BOB) == []
        assert Chats(database).undelivered(BOT, GROUP, ADA) == []

    def test_is_offered_no_more_when_it_is_sent_again(self, database: Database) -> None:
        job = given_up(database)
        chats, outbox = Chats(database), Outbox(database)

        assert outbox.send_again(chats.undelivered(BOT, ADA, ADA)[0][0])

        assert chats.undelivered(BOT, ADA, ADA) == []
        assert ids(chats.arriving(BOT, ADA, ADA)) == [[job]]

    def test_is_offered_for_a_month(self, database: Database) -> None:
        job = given_up(database)
        with database.writing() as connection:
            long_ago = datetime.now(UTC) - OFFERED_FOR - timedelta(hours=1)
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == job).values(ended_at=long_ago))

        assert Chats(database).undelivered(BOT, ADA, ADA) == []

    def test_is_not_offered_where_nothing_was_painted(self, database: Database) -> None:
        job = submit_and_fail(database, user=ADA)
        Outbox(database).give_up(job, CHAT_GONE)
        Outbox(database).delivered(job.id, message_id=None)

        assert Chats(database).undelivered(BOT, ADA, ADA) == []


class TestAnAnswerThatCouldNotBeDelivered:
    def test_is_offered_to_whoever_asked(self, database: Database) -> None:
        errand = answer_given_up(database)
        chats = Chats(database)

        assert [one.id for one in chats.undelivered_answers(BOT, ADA, ADA)] == [errand]
        assert chats.undelivered_answers(BOT, ADA, BOB) == []
        assert chats.undelivered_answers(BOT, GROUP, ADA) == []

    def test_is_sent_again_once_below_what_has_arrived_of_it(self, database: Database) -> None:
        errand = answer_given_up(database, shown={"messages": [500, 501], "said": 1})
        outbox = ErrandOutbox(database)

        assert [outbox.send_again(errand), outbox.send_again(errand)] == [True, False]

        assert Chats(database).undelivered_answers(BOT, ADA, ADA) == []
        [due] = outbox.claim(BOT, limit=10)
        assert (due.id, due.shown, due.undelivered_reason) == (errand, {"messages": [500], "said": 1}, None)

    def test_is_not_offered_where_nothing_was_answered(self, database: Database) -> None:
        answer_given_up(database, answer=None)

        assert Chats(database).undelivered_answers(BOT, ADA, ADA) == []

    def test_is_offered_for_a_month(self, database: Database) -> None:
        errand = answer_given_up(database)
        with database.writing() as connection:
            long_ago = datetime.now(UTC) - OFFERED_FOR - timedelta(hours=1)
            connection.execute(update(tables.errands).where(tables.errands.c.id == errand).values(ended_at=long_ago))

        assert Chats(database).undelivered_answers(BOT, ADA, ADA) == []


def wait_for(database: Database, job: Job, *, order: dict[str, str], seconds: float = 60) -> None:
    """Let a job wait for what was ordered at a provider."""
    handle = {"order": order}
    Jobs(database).wait(job, seconds=seconds, stage=Stage.PAINTING, reason="", failures=0, handle=handle)


def answer_given_up(database: Database, *, answer: str | None = "Hello", shown: ShownMessages | None = None) -> int:
    """An answer of Ada's that could not be delivered; returns its errand's id."""
    errands, outbox = Errands(database), ErrandOutbox(database)
    asked, _ = errands.submit(
        ErrandKind.CHAT, {"text": "hi"}, address=Address(BOT, ADA, 1), sender=Sender(ADA), conversation_id=None
    )
    if shown is not None:
        errands.keep_shown(asked.id, shown)
    errands.finish(claim_errand(database), answer=answer)
    outbox.give_up(asked.id, CHAT_GONE)
    outbox.delivered(asked.id)
    return asked.id


def given_up(database: Database) -> int:
    """A picture of Ada's that could not be delivered; returns its job's id."""
    job = submit_and_finish(database, user=ADA)
    Outbox(database).give_up(job, CHAT_GONE)
    Outbox(database).delivered(job.id, message_id=None)
    return job.id


def set_state(database: Database, job_id: int, state: State) -> None:
    with database.writing() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.id == job_id).values(state=state))


class TestWhetherAQuoteIsNeeded:
    """In a private chat, where a message of ours may quote the one that it answers."""

    def wrote(self, database: Database, message_id: int) -> None:
        Updates(database, BOT).keep([RawUpdate(message_id, "{}", chat_id=ADA, message_id=message_id)])

    def asks(self, database: Database, message_id: int) -> Job:
        self.wrote(database, message_id)
        return submit(database, user=ADA, message=message_id)

    def test_not_for_the_only_request_however_many_pictures_it_has(self, database: Database) -> None:
        self.wrote(database, 1)
        submit(database, user=ADA, message=1, count=3)

        assert Chats(database).is_clear(BOT, ADA, 1)

    def test_for_each_of_two_until_one_has_arrived(self, database: Database) -> None:
        first = self.asks(database, 1)
        self.asks(database, 2)
        assert not Chats(database).is_clear(BOT, ADA, 2)

        Jobs(database).cancel([first.id])
        Outbox(database).delivered(first.id, message_id=None)

        assert Chats(database).is_clear(BOT, ADA, 2)

    def test_for_a_picture_beside_a_question(self, database: Database) -> None:
        self.asks(database, 1)
        Errands(database).submit(ErrandKind.CHAT, {"text": "?"}, address=Address(BOT, ADA, 2), sender=Sender(ADA))

        assert not Chats(database).is_clear(BOT, ADA, 1)

    def test_not_for_a_question_whose_answer_was_a_picture(self, database: Database) -> None:
        self.asks(database, 1)
        Errands(database).submit(ErrandKind.CHAT, {"text": "?"}, address=Address(BOT, ADA, 1), sender=Sender(ADA))

        assert Chats(database).is_clear(BOT, ADA, 1)

    def test_for_a_message_of_ours_whose_button_was_pressed(self, database: Database) -> None:
        assert not Chats(database).is_clear(BOT, ADA, 99)
