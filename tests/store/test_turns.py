"""Whose turn it is: fair, once only, and nothing lost with a worker that died."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shared.clock import present
from shared.jobs import Stage, State
from shared.queue_policy import Flow
from shared.store import tables
from shared.store.database import CONNECTIONS, Database
from shared.store.jobs import Jobs, LostTurn
from shared.store.leases import MAX_LOSSES
from shared.store.locks import AdvisoryLock
from shared.store.outbox import Outbox
from shared.store.turns import ALL, Sweep
from tests.builders import (
    ALREADY_OVER,
    AN_HOUR,
    BOT,
    FOX_RECIPE,
    RED_FOX,
    an_attempt,
    claim,
    empty,
    read,
    submit,
    submit_and_claim,
    turns_of,
    while_somebody_writes,
    while_written_to,
)


class TestFairness:
    def test_without_work_there_is_no_turn(self, database: Database) -> None:
        assert turns_of(database).claim_next("worker") is None

    def test_to_find_no_work_nobody_has_to_wait_for_those_who_write(self, sqlite: Database) -> None:
        assert while_somebody_writes(sqlite, lambda: turns_of(sqlite).claim_next("worker")) is None

    def test_one_persons_jobs_come_in_the_order_of_asking(self, database: Database) -> None:
        asked = [submit(database).id for _ in range(10)]

        assert [claim(database).id for _ in range(10)] == asked

    def test_a_newcomer_comes_next_after_somebody_with_a_hundred_jobs(self, database: Database) -> None:
        for _ in range(100):
            submit(database, user=1)
        for _ in range(10):
            claim(database)

        newcomer = submit(database, user=2)

        assert newcomer.id in {claim(database).id for _ in range(2)}

    def test_whoever_was_away_has_saved_nothing_up(self, database: Database) -> None:
        submit_and_claim(database, user=1)
        for _ in range(50):
            submit(database, user=2)
        for _ in range(20):
            claim(database)

        for _ in range(50):
            submit(database, user=1)

        served = Counter(claim(database).sender.id for _ in range(20))
        assert abs(served[1] - served[2]) <= 2

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=st.lists(st.sampled_from([1, 2, 3, "claim"]), min_size=5, max_size=40))
    def test_two_people_who_both_wait_are_served_equally(self, database: Database, steps: list[int | str]) -> None:
        """While both have jobs queued, the numbers of jobs served to them differ by two at most."""
        empty(database)
        queued: Counter[int] = Counter()
        served: Counter[int] = Counter()
        leads: dict[tuple[int, int], list[int]] = {}

        for step in [*steps, *["claim"] * len(steps)]:
            if isinstance(step, int):
                submit(database, user=step)
                queued[step] += 1
            elif queued.total():
                user = claim(database).sender.id
                queued[user] -= 1
                served[user] += 1
            for one, other in combinations([1, 2, 3], 2):
                both_wait = queued[one] > 0 and queued[other] > 0
                past = leads.setdefault((one, other), []) if both_wait else leads.pop((one, other), [])
                past.append(served[one] - served[other])
                assert max(past) - min(past) <= 2

        assert queued.total() == 0


class TestClaim:
    def test_a_claimed_job_is_leased_counted_and_has_a_deadline(self, database: Database) -> None:
        submit(database)
        before = present()

        job = turns_of(database, deadline=timedelta(seconds=600)).claim_next("worker")

        assert job is not None
        assert (job.state, job.worker, job.claims) == (State.WORKING, "worker", 1)
        assert job.started_at is not None
        assert job.deadline is not None
        assert timedelta(seconds=600) <= job.deadline - before <= timedelta(seconds=660)

    def test_the_deadline_is_the_first_claims(self, database: Database) -> None:
        first = submit_and_claim(database)
        turns_of(database).release("worker")

        again = turns_of(database, deadline=10 * AN_HOUR).claim_next("worker")

        assert again is not None
        assert (again.deadline, again.started_at) == (first.deadline, first.started_at)
        assert again.claims == 2

    @pytest.mark.distributed
    @pytest.mark.parametrize("flows", [ALL, {Flow.PICTURES}])
    def test_a_job_that_somebody_writes_to_is_waited_for(self, postgres: Database, flows: set[Flow]) -> None:
        """Its only ticket comes while the bot notes which status message it has."""
        job = submit(postgres)
        note = {"status_message_id": 5}

        claimed = while_written_to(
            postgres, tables.jobs, job.id, note, lambda: turns_of(postgres).claim_next("worker", flows=flows)
        )

        assert claimed is not None
        assert (claimed.id, claimed.status_message_id) == (job.id, 5)

    @pytest.mark.distributed
    def test_a_job_that_somebody_else_claims_at_this_moment_is_no_turn(self, postgres: Database) -> None:
        job = submit(postgres)
        theirs = {"state": State.WORKING, "worker": "another"}

        assert (
            while_written_to(postgres, tables.jobs, job.id, theirs, lambda: turns_of(postgres).claim_next("us")) is None
        )

    def test_many_threads_never_get_the_same_job(self, database: Database) -> None:
        asked = {submit(database, user=number % 7).id for number in range(60)}
        barrier = threading.Barrier(8)

        def work(number: int) -> list[int]:
            barrier.wait()
            turns, mine = turns_of(database), []
            while job := turns.claim_next(f"worker-{number}"):
                mine.append(job.id)
            return mine

        with ThreadPoolExecutor(8) as pool:
            claimed = [job_id for mine in pool.map(work, range(8)) for job_id in mine]

        assert sorted(claimed) == sorted(asked)

    def test_people_may_ask_while_others_are_served(self, database: Database) -> None:
        everything_asked = threading.Event()

        def ask(user: int) -> set[int]:
            return {submit(database, user=user).id for _ in range(15)}

        def work(number: int) -> set[int]:
            turns, mine = turns_of(database), set()
            while True:
                over = everything_asked.is_set()
                job = turns.claim_next(f"worker-{number}")
                if job is not None:
                    mine.add(job.id)
                elif over:
                    return mine

        with ThreadPoolExecutor(6) as pool:
            workers = [pool.submit(work, number) for number in range(3)]
            asked = [pool.submit(ask, user).result() for user in range(3)]
            everything_asked.set()
            served = [worker.result() for worker in workers]

        assert set.union(*asked) == set.union(*served)
        assert sum(map(len, asked)) == sum(map(len, served))


class TestWaiting:
    def wait(self, database: Database, *, seconds: float) -> int:
        job = submit_and_claim(database)
        Jobs(database).wait(job, seconds=seconds, stage=Stage.RETRYING, reason="service_busy", failures=1)
        return job.id

    def test_a_job_that_waits_is_not_claimed_before_its_time(self, database: Database) -> None:
        self.wait(database, seconds=60)

        assert turns_of(database).claim_next("worker") is None

    def test_a_job_comes_back_when_it_is_due(self, database: Database) -> None:
        job_id = self.wait(database, seconds=0)

        job = claim(database)

        assert (job.id, job.claims, job.not_before) == (job_id, 2, None)

    def test_a_job_that_waited_comes_before_those_that_came_after_it(self, database: Database) -> None:
        job_id = self.wait(database, seconds=0)
        submit(database, user=99)

        assert claim(database).id == job_id

    def test_the_sweep_queues_what_is_due(self, database: Database) -> None:
        self.wait(database, seconds=0)
        self.wait(database, seconds=60)

        assert turns_of(database).sweep(most_due=10) == Sweep(due=1)


class TestLeases:
    def test_a_living_worker_keeps_its_jobs(self, database: Database) -> None:
        submit(database)
        submit(database)
        jobs = [claim(database, "alive", lease=ALREADY_OVER) for _ in range(2)]

        assert turns_of(database).renew("alive", jobs=[job.id for job in jobs]) == 2

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0)
        assert {read(database, job).state for job in jobs} == {State.WORKING}

    def test_a_worker_renews_its_own_jobs_alone(self, database: Database) -> None:
        submit(database)
        job = claim(database, "dead", lease=ALREADY_OVER)

        assert turns_of(database).renew("alive", jobs=[job.id]) == 0
        assert turns_of(database).sweep(most_due=10) == Sweep(due=1, revived=1)

    def test_leases_that_nobody_could_renew_run_anew(self, database: Database) -> None:
        submit(database)
        submit(database)
        jobs = [claim(database, worker, lease=ALREADY_OVER) for worker in ("one", "another")]

        assert turns_of(database).renew_all() == 2

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0)
        assert {read(database, job).state for job in jobs} == {State.WORKING}

    def test_renewals_do_not_wait_for_busy_threads(self, database: Database) -> None:
        """All connections are in use, as when every slot has something to write down."""
        submit(database)
        job = claim(database, "alive", lease=ALREADY_OVER)
        lifeline = database.apart()

        with ExitStack() as busy:
            for _ in range(2 * CONNECTIONS if not database.is_sqlite else 1):
                busy.enter_context(database.reading())
            assert turns_of(lifeline).renew("alive", jobs=[job.id]) == 1
            if lifeline is not database:
                lifeline.close()

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0)

    def test_a_job_that_a_living_worker_let_go_unwritten_is_queued_again(self, database: Database) -> None:
        submit(database)
        submit(database)
        held, dropped = (claim(database, "alive", lease=ALREADY_OVER) for _ in range(2))

        turns_of(database).renew("alive", jobs=[held.id])

        assert turns_of(database).sweep(most_due=10) == Sweep(due=1, revived=1)
        assert read(database, dropped).state is State.QUEUED

    def test_a_dead_workers_job_is_queued_again(self, database: Database) -> None:
        submit(database)
        job = claim(database, "dead", lease=ALREADY_OVER)

        turns_of(database).sweep(most_due=10)

        again = claim(database, "alive")
        assert (again.id, again.claims, again.worker) == (job.id, 2, "alive")

    def test_a_job_that_takes_workers_along_is_given_up_with_an_explanation(self, database: Database) -> None:
        job = submit(database)
        sweeps = []
        for _ in range(MAX_LOSSES):
            claim(database, "doomed", lease=ALREADY_OVER)
            sweeps.append(turns_of(database).sweep(most_due=10))

        assert sweeps == [*[Sweep(due=1, revived=1)] * (MAX_LOSSES - 1), Sweep(due=0, lost=1)]
        job = read(database, job)
        assert (job.state, job.stage, job.reason) == (State.FAILED, Stage.SENDING, "worker_lost")
        assert job.ended_at is not None
        assert turns_of(database).claim_next("worker") is None

    def test_a_loss_between_two_waits_keeps_what_was_done(self, database: Database) -> None:
        job = submit_and_claim(database, worker="dead")
        Jobs(database).keep_prompt(job, RED_FOX)
        turns_of(database, lease=ALREADY_OVER).renew("dead", jobs=[job.id])

        turns_of(database).sweep(most_due=10)

        job = read(database, job)
        assert (job.state, job.stage, job.ended_at) == (State.QUEUED, Stage.PAINTING, None)

    def test_a_worker_that_stops_gives_its_own_jobs_back(self, database: Database) -> None:
        submit(database)
        submit(database)
        mine, theirs = claim(database, "stopping"), claim(database, "other")

        assert turns_of(database).release("stopping") == 1

        assert (read(database, mine).state, read(database, theirs).state) == (State.QUEUED, State.WORKING)

    def test_where_no_other_can_be_alive_all_jobs_come_back(self, database: Database) -> None:
        submit(database)
        submit(database)
        claim(database, "one"), claim(database, "other")

        assert turns_of(database).release(None) == 2

    def test_being_given_back_is_no_loss(self, database: Database) -> None:
        job = submit(database)
        for _ in range(2 * MAX_LOSSES):
            claim(database)
            turns_of(database).release("worker")
        claim(database, lease=ALREADY_OVER)

        turns_of(database).sweep(most_due=10)

        assert read(database, job).state is State.QUEUED

    def test_jobs_that_ended_are_left_alone(self, database: Database) -> None:
        submit(database)
        job = claim(database, lease=ALREADY_OVER)
        Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png")

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0)
        assert turns_of(database).release(None) == 0
        assert read(database, job).state is State.FINISHED


class TestDeadline:
    """A worker that hangs, in a call or in a computation without end, can't hold a job for ever."""

    def test_a_lease_past_the_deadline_is_not_renewed(self, database: Database) -> None:
        submit(database)
        job = claim(database, "hanging", lease=ALREADY_OVER, deadline=ALREADY_OVER)

        assert turns_of(database).renew("hanging", jobs=[job.id]) == 0
        assert turns_of(database).renew_all() == 0

    def test_when_its_lease_has_run_out_the_job_ends_with_an_explanation(self, database: Database) -> None:
        submit(database)
        job = claim(database, "hanging", lease=ALREADY_OVER, deadline=ALREADY_OVER)

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0, late=1)

        ended = read(database, job)
        assert (ended.state, ended.stage, ended.reason) == (State.FAILED, Stage.SENDING, "out_of_time")
        assert Outbox(database).claim(BOT, limit=5) == [replace(read(database, job), delivery_tries=1)]

    def test_a_worker_that_still_has_its_lease_ends_the_job_itself(self, database: Database) -> None:
        submit(database)
        job = claim(database, deadline=ALREADY_OVER)

        assert turns_of(database).sweep(most_due=10) == Sweep(due=0)
        assert read(database, job).state is State.WORKING

    def test_a_result_that_comes_later_is_dropped_but_its_calls_count(self, database: Database) -> None:
        submit(database)
        job = claim(database, lease=ALREADY_OVER, deadline=ALREADY_OVER)
        turns_of(database).sweep(most_due=10)

        with pytest.raises(LostTurn):
            Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png", attempts=[an_attempt()])

        assert read(database, job).state is State.FAILED
        with database.reading() as connection:
            assert connection.scalars(select(tables.attempts.c.job_id)).all() == [job.id]


class TestSweep:
    def test_due_jobs_are_counted_up_to_a_limit(self, database: Database) -> None:
        for _ in range(5):
            submit(database)

        assert turns_of(database).sweep(most_due=10) == Sweep(due=5)
        assert turns_of(database).sweep(most_due=3) == Sweep(due=3)

    def test_whoever_sees_a_job_lost_is_told(self, database: Database) -> None:
        submit(database)
        for _ in range(MAX_LOSSES):
            claim(database, lease=ALREADY_OVER)
            turns_of(database).sweep(most_due=10)

        with database.reading() as connection:
            stages = list(connection.scalars(select(tables.stages.c.stage).order_by(tables.stages.c.id)))

        assert stages == ["queued", *["writing"] * MAX_LOSSES, "sending"]

    @pytest.mark.distributed
    def test_one_process_sweeps_at_a_time(self, postgres: Database) -> None:
        submit(postgres)
        with postgres.writing() as connection:
            assert postgres.alone(connection, AdvisoryLock.SWEEP)
            assert turns_of(postgres).sweep(most_due=10) is None

        assert turns_of(postgres).sweep(most_due=10) == Sweep(due=1)

    @pytest.mark.distributed
    def test_a_job_that_is_being_claimed_holds_nobody_up(self, postgres: Database) -> None:
        first, second = submit(postgres), submit(postgres)

        with postgres.writing() as connection:
            connection.execute(select(tables.jobs).where(tables.jobs.c.id == first.id).with_for_update())

            assert claim(postgres).id == second.id
