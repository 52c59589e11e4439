"""The line: caps, those who are held behind it, weights, and cancelling."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from shared.errors import GroupQueueFull, QueueFull
from shared.jobs import Address, Job, Request, Sender, State
from shared.queue_policy import Flow, QueuePolicy
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import Jobs, LostTurn
from shared.store.leases import MAX_LOSSES
from shared.store.outbox import Outbox
from tests.builders import ALREADY_OVER, BOT, FOX_RECIPE, a_running_batch, claim, read, submit, turns_of

TWO = QueuePolicy(in_flight=2)


def states(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.scalars(select(tables.jobs.c.state).order_by(tables.jobs.c.id)))


def finish(database: Database, job: Job, policy: QueuePolicy = TWO) -> None:
    Jobs(database, policy).finish(job, FOX_RECIPE, image_key="k", media_type="image/png")


def set_state(database: Database, batch_id: int, state: str) -> None:
    with database.writing() as connection:
        connection.execute(update(tables.batches).where(tables.batches.c.id == batch_id).values(state=state))


class TestHeldJobs:
    def test_what_is_over_the_cap_is_held(self, database: Database) -> None:
        for _ in range(4):
            submit(database, policy=TWO)

        assert states(database) == ["queued", "queued", "held", "held"]

    def test_other_people_are_not_held_for_it(self, database: Database) -> None:
        for _ in range(4):
            submit(database, user=1, policy=TWO)

        assert submit(database, user=2, policy=TWO).state is State.QUEUED

    @pytest.mark.parametrize("end", ["finish", "give_up", "cancel", "loss"])
    def test_whatever_ends_a_job_lets_the_next_one_in(self, database: Database, end: str) -> None:
        for _ in range(3):
            submit(database, policy=TWO)
        jobs = Jobs(database, TWO)

        match end:
            case "finish":
                finish(database, claim(database))
            case "give_up":
                jobs.give_up(claim(database), "out_of_time")
            case "cancel":
                jobs.cancel([claim(database).id])
            case "loss":
                for _ in range(MAX_LOSSES):
                    claim(database, lease=ALREADY_OVER)
                    turns_of(database, policy=TWO).sweep(most_due=10)

        assert states(database)[1:] == ["queued", "queued"]

    def test_they_come_in_in_the_order_of_asking(self, database: Database) -> None:
        asked = [submit(database, policy=TWO).id for _ in range(6)]

        served = []
        for _ in asked:
            job = claim(database)
            served.append(job.id)
            finish(database, job)

        assert served == asked

    def test_many_threads_keep_the_cap_and_lose_nobody(self, database: Database) -> None:
        asked = {submit(database, user=number % 3, policy=TWO).id for number in range(30)}
        barrier = threading.Barrier(4)

        def work(number: int) -> set[int]:
            barrier.wait()
            mine = set()
            while (job := turns_of(database).claim_next(f"worker-{number}")) is not None:
                mine.add(job.id)
                with database.reading() as connection:
                    in_flight = connection.scalars(
                        select(tables.jobs.c.id).where(
                            tables.jobs.c.user_id == job.sender.id, tables.jobs.c.state.in_(["queued", "working"])
                        )
                    ).all()
                assert len(in_flight) <= 2
                finish(database, job)
            return mine

        with ThreadPoolExecutor(4) as pool:
            served = list(pool.map(work, range(4)))

        assert set.union(*served) == asked

    def test_the_sweep_lets_in_whom_a_larger_cap_makes_room_for(self, database: Database) -> None:
        for _ in range(5):
            submit(database, policy=TWO)

        turns_of(database, policy=QueuePolicy(in_flight=4)).sweep(most_due=10)

        assert states(database) == ["queued"] * 4 + ["held"]

    def test_whoever_was_held_has_saved_nothing_up(self, database: Database) -> None:
        held = [submit(database, user=1, policy=TWO) for _ in range(4)]
        first, second = claim(database), claim(database)
        others = [submit(database, user=2) for _ in range(10)]
        for _ in range(6):
            claim(database)

        finish(database, first)
        finish(database, second)

        served = [claim(database).id for _ in range(4)]
        assert len({job.id for job in held} & set(served)) <= 3
        assert {job.id for job in others} & set(served)


class TestLimits:
    def test_who_asked_for_too_much_is_refused_whole(self, database: Database) -> None:
        few = QueuePolicy(queued=5)
        submit(database, count=4, policy=few)

        with pytest.raises(QueueFull) as refused:
            submit(database, count=2, policy=few)

        assert refused.value.values == {"n": 5}
        assert len(states(database)) == 4
        assert submit(database, policy=few).state is State.QUEUED

    def test_what_is_known_already_is_not_refused(self, database: Database) -> None:
        few = QueuePolicy(queued=1)
        first = submit(database, message=999_999, policy=few)

        assert submit(database, message=999_999, policy=few).id == first.id

    def test_the_members_of_a_group_share_a_limit(self, database: Database) -> None:
        few = Jobs(database, QueuePolicy(queued_in_group=2))

        def ask(user: int, chat: int = -100, *, private: bool = False) -> None:
            few.submit(Request("fox"), address=Address(BOT, chat, user, private=private), sender=Sender(user))

        ask(1), ask(2)

        with pytest.raises(GroupQueueFull):
            ask(3)
        ask(3, chat=-200)
        ask(4, chat=4, private=True)


class TestWeights:
    def test_a_larger_weight_gets_more_turns(self, database: Database) -> None:
        policy = QueuePolicy(in_flight=100, weights={1: 3.0})
        for user in (1, 2):
            for _ in range(20):
                submit(database, user=user, policy=policy)

        served = [claim(database).sender.id for _ in range(16)]

        assert abs(served.count(1) - 12) <= 1


class TestBatches:
    def test_a_batch_has_a_cap_of_its_own(self, database: Database) -> None:
        a_running_batch(database, 4, policy=TWO)

        assert submit(database, policy=TWO).state is State.QUEUED
        assert states(database) == ["queued", "queued", "held", "held", "queued"]

    def test_of_one_person_single_pictures_go_first(self, database: Database) -> None:
        a_running_batch(database, 5, policy=QueuePolicy(in_flight=5))
        claim(database)
        alone = [submit(database).id for _ in range(3)]

        assert [claim(database).id for _ in range(3)] == alone

    def test_a_newcomer_comes_next(self, database: Database) -> None:
        a_running_batch(database, 1000, user=1, policy=QueuePolicy())
        for _ in range(8):
            claim(database)

        newcomer = submit(database, user=2)

        assert claim(database).id == newcomer.id

    def test_a_worker_may_pass_batches_over(self, database: Database) -> None:
        a_running_batch(database, 3, user=1, policy=TWO)
        alone = submit(database, user=2)

        first = turns_of(database).claim_next("worker", flows={Flow.PICTURES})

        assert first is not None
        assert first.id == alone.id
        assert turns_of(database).claim_next("worker", flows={Flow.PICTURES}) is None
        assert claim(database).batch_id is not None

    def test_a_paused_batch_stands_back_and_comes_again(self, database: Database) -> None:
        batch_id = a_running_batch(database, 4, policy=TWO)
        jobs = Jobs(database, TWO)

        set_state(database, batch_id, "paused")
        with database.writing() as connection:
            jobs.pause_batch(connection, batch_id)
        turns_of(database, policy=TWO).sweep(most_due=10)
        assert states(database) == ["held"] * 4

        set_state(database, batch_id, "running")
        with database.writing() as connection:
            assert jobs.resume_batches(connection, batch_id) == 2
        assert states(database) == ["queued", "queued", "held", "held"]

    def test_a_cancelled_batch_leaves_nothing(self, database: Database) -> None:
        batch_id = a_running_batch(database, 4, policy=TWO)
        set_state(database, batch_id, "cancelled")

        with database.writing() as connection:
            assert len(Jobs(database, TWO).cancel_batch(connection, batch_id)) == 4

        assert states(database) == ["cancelled"] * 4
        assert turns_of(database).claim_next("worker") is None


class TestCancel:
    def test_a_cancelled_job_is_not_finished_by_whoever_works_at_it(self, database: Database) -> None:
        submit(database)
        job = claim(database)

        assert [one.id for one in Jobs(database).cancel([job.id])] == [job.id]

        with pytest.raises(LostTurn):
            finish(database, job)
        job = read(database, job)
        assert (job.state, job.image_key) == (State.CANCELLED, None)
        assert job.ended_at is not None

    def test_what_has_ended_stays_as_it_ended(self, database: Database) -> None:
        submit(database)
        job = claim(database)
        finish(database, job)

        assert Jobs(database).cancel([job.id]) == []

        assert read(database, job).state is State.FINISHED

    def test_twice_is_once(self, database: Database) -> None:
        job = submit(database)

        assert [len(Jobs(database).cancel([job.id])) for _ in range(2)] == [1, 0]

    def test_the_outbox_takes_its_status_message_away(self, database: Database) -> None:
        job = submit(database)
        Jobs(database).cancel([job.id])

        assert [due.state for due in Outbox(database).claim(BOT, limit=10)] == [State.CANCELLED]

    def test_it_gives_its_turns_back(self, database: Database) -> None:
        submit(database, user=1)
        claim(database)
        for _ in range(50):
            submit(database, user=1)
        Jobs(database).cancel([job.id for job in Jobs(database).not_ended(1, bot_id=BOT) if job.state is State.QUEUED])
        others = [submit(database, user=2) for _ in range(5)]

        again = submit(database, user=1)

        assert [claim(database).id for _ in range(3)].index(again.id) >= 0
        assert len(others) == 5

    def test_finishing_and_cancelling_at_once_end_it_once(self, database: Database) -> None:
        for _ in range(10):
            submit(database)
            job = claim(database)
            barrier = threading.Barrier(2)

            def finished(job: Job = job, barrier: threading.Barrier = barrier) -> bool:
                barrier.wait()
                try:
                    finish(database, job)
                except LostTurn:
                    return False
                return True

            def cancelled(job: Job = job, barrier: threading.Barrier = barrier) -> bool:
                barrier.wait()
                return bool(Jobs(database).cancel([job.id]))

            with ThreadPoolExecutor(2) as pool:
                one, other = pool.submit(finished), pool.submit(cancelled)
                assert one.result() != other.result()
