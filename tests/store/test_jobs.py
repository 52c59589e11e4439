"""The record of every job."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select

from shared.errors import StoreAway
from shared.jobs import Address, Job, Lineage, Parameters, Prompt, Request, Sender, Stage, State
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import PAUSES_S, Jobs, LostTurn
from shared.store.outbox import Outbox
from tests.builders import (
    ALREADY_OVER,
    BOT,
    FOX_RECIPE,
    RED_FOX,
    UNCAPPED,
    an_attempt,
    claim,
    jpeg_key,
    read,
    show_status,
    submit,
    submit_and_claim,
    submit_and_fail,
    submit_and_finish,
    turns_of,
)
from tests.servers import away


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


class TestSubmit:
    def test_what_was_asked_can_be_read_again(self, jobs: Jobs) -> None:
        request = Request("a red fox", Parameters(model="org/model", seed=2**32 - 1, width=768, guidance=3.5))
        address = Address(BOT, -1001234567890123, 2**40, topic_id=9, private=False)
        sender = Sender(2**45, "pt-br")

        job, is_new = jobs.submit(request, address=address, sender=sender)

        assert is_new
        assert (job.request, job.address, job.sender, job.number) == (request, address, sender, 0)
        assert (job.state, job.stage) == (State.QUEUED, Stage.QUEUED)
        assert jobs.read(job.id) == job

    def test_the_same_message_twice_is_one_job(self, database: Database) -> None:
        first = submit(database, "a red fox", message=5)
        again, is_new = Jobs(database).submit(Request("a red fox"), address=first.address, sender=first.sender)

        assert not is_new
        assert again == first
        assert count(database, tables.jobs) == 1

    def test_the_same_message_twice_does_not_push_its_sender_back(self, database: Database) -> None:
        for _ in range(10):
            submit(database, user=1, message=1)
        submit(database, user=2)
        second = submit(database, user=1, message=2)

        assert [claim(database).address.chat_id for _ in range(3)] == [1, 2, 1]
        assert jobs_left(database) == 0
        assert second.address.message_id == 2

    def test_the_same_message_from_many_threads_is_one_job(self, database: Database) -> None:
        barrier = threading.Barrier(8)

        def ask(_: int) -> int:
            barrier.wait()
            return submit(database, user=1, message=1).id

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(ask, range(8)))

        assert len(ids) == 1
        assert count(database, tables.jobs) == 1

    def test_a_request_for_several_pictures_is_a_job_for_each(self, jobs: Jobs) -> None:
        request = Request("a red fox", Parameters(seed=7), count=4)
        first, _ = jobs.submit(request, address=Address(BOT, 1, 5), sender=Sender(1))

        siblings = jobs.siblings(first)

        assert [job.number for job in siblings] == [0, 1, 2, 3]
        assert [job.request.parameters.seed for job in siblings] == [7, 8, 9, 10]
        assert {job.request.count for job in siblings} == {4}

    def test_each_of_several_pictures_costs_a_turn(self, database: Database) -> None:
        Jobs(database).submit(Request("foxes", count=3), address=Address(BOT, 1, 1), sender=Sender(1))
        submit(database, user=2, message=1)
        submit(database, user=1, message=2)

        assert [claim(database).sender.id for _ in range(5)] == [1, 2, 1, 1, 1]

    def test_a_button_pressed_twice_makes_one_job_while_that_is_under_way(self, database: Database) -> None:
        jobs, parent = Jobs(database), submit(database)
        lineage = Lineage(parent.id, "again", Prompt("a red fox, oil painting", model="gemini"))
        presses = [
            jobs.submit(
                Request("a red fox"), address=Address(BOT, 1, 9, press=press), sender=Sender(1), lineage=lineage
            )
            for press in ("100", "101")
        ]

        (first, first_is_new), (second, second_is_new) = presses

        assert (first_is_new, second_is_new) == (True, False)
        assert second == first
        assert (first.parent_id, first.prompt) == (parent.id, lineage.prompt)

    def test_the_same_button_makes_another_job_once_the_first_has_ended(self, database: Database) -> None:
        jobs, parent = Jobs(database), submit(database)
        claim(database)
        lineage = Lineage(parent.id, "again")
        address = Address(BOT, 1, 9, press="100")
        jobs.submit(Request("a red fox"), address=address, sender=Sender(1), lineage=lineage)
        jobs.give_up(claim(database), "no_credit")

        _, is_new = jobs.submit(
            Request("a red fox"), address=replace(address, press="101"), sender=Sender(1), lineage=lineage
        )

        assert is_new

    def test_a_button_for_several_pictures_pressed_twice_makes_them_once(self, database: Database) -> None:
        jobs, parent = Jobs(database), submit(database)
        request, lineage = Request("a red fox", count=3), Lineage(parent.id, "rest")

        for press in ("100", "101"):
            jobs.submit(request, address=Address(BOT, 1, 9, press=press), sender=Sender(1), lineage=lineage)

        assert count(database, tables.jobs) == 1 + 3

    def test_pictures_may_each_have_parameters_of_their_own(self, database: Database) -> None:
        jobs, parent = Jobs(database), submit(database)
        each = (Parameters(seed=8, ratio=(16, 9)), Parameters(seed=3), Parameters())

        first, _ = jobs.submit(
            Request("a red fox", each[0], count=3),
            address=Address(BOT, 1, 9, press="100"),
            sender=Sender(1),
            lineage=Lineage(parent.id, "rest", RED_FOX, each),
        )

        siblings = jobs.siblings(first)
        assert tuple(one.request.parameters for one in siblings) == each
        assert {one.prompt for one in siblings} == {RED_FOX}

    @pytest.mark.parametrize("other", [{"bot": 43}, {"chat": 8}, {"message": 6}])
    def test_messages_of_other_bots_and_chats_are_other_jobs(self, database: Database, other: dict[str, int]) -> None:
        usual = {"bot": 42, "chat": 7, "message": 5}

        assert submit(database, **usual).id != submit(database, **usual | other).id

    def test_times_are_in_utc(self, database: Database) -> None:
        job = submit(database)

        assert job.created_at.tzinfo is UTC
        assert abs(datetime.now(UTC) - job.created_at) < timedelta(minutes=1)

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(idea=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200))
    def test_every_idea_comes_back_as_it_was(self, database: Database, idea: str) -> None:
        job = submit(database, idea)

        assert read(database, job).request.idea == idea

    def test_unknown_jobs_are_passed_over(self, database: Database) -> None:
        job = submit(database)

        assert Jobs(database).read(job.id + 1) is None
        assert [one.id for one in Jobs(database).read_all([job.id, job.id + 1])] == [job.id]


class TestAPictureInTheChat:
    def test_is_found_by_its_message(self, database: Database) -> None:
        job = submit_and_finish(database, chat=5)
        Outbox(database).delivered(job.id, message_id=17)

        assert [
            found and found.id
            for found in (
                Jobs(database).delivered_as(BOT, 5, 17),
                Jobs(database).delivered_as(BOT, 5, 18),
                Jobs(database).delivered_as(BOT, 6, 17),
                Jobs(database).delivered_as(BOT + 1, 5, 17),
            )
        ] == [job.id, None, None, None]

    def test_is_none_where_an_apology_came(self, database: Database) -> None:
        job = submit_and_fail(database, chat=5)
        Outbox(database).delivered(job.id, message_id=17)

        assert Jobs(database).delivered_as(BOT, 5, 17) is None

    def test_knows_whether_it_follows_up(self, database: Database) -> None:
        parent = submit_and_finish(database)
        made = [
            Jobs(database).submit(
                Request("at night"), address=Address(BOT, 7, number), sender=Sender(7), lineage=lineage
            )[0]
            for number, lineage in enumerate((Lineage.following(parent.id, 900), Lineage(parent.id, "again")), 900)
        ]

        assert [job.is_follow_up for job in (*made, parent)] == [True, False, False]


def jobs_left(database: Database) -> int:
    with database.reading() as connection:
        queued = select(func.count()).select_from(tables.jobs).where(tables.jobs.c.state == State.QUEUED)
        return connection.scalar(queued) or 0


class TestTheSteps:
    def test_a_prompt_that_was_kept_is_there_after_the_next_claim(self, database: Database) -> None:
        job = submit_and_claim(database)

        Jobs(database).keep_prompt(job, RED_FOX)
        turns_of(database).release("worker")

        assert claim(database).prompt == RED_FOX

    def test_own_words_have_no_chat_model(self, database: Database) -> None:
        job = submit_and_claim(database)
        own_words = type(RED_FOX)("a red fox", language="und")

        Jobs(database).keep_prompt(job, own_words)

        assert read(database, job).prompt == own_words

    def test_a_step_that_is_done_forgets_its_failures(self, database: Database) -> None:
        job = submit_and_claim(database)
        Jobs(database).wait(job, seconds=0, stage=Stage.RETRYING, reason="service_busy", failures=3)
        job = claim(database)
        assert job.failures == 3

        Jobs(database).keep_prompt(job, RED_FOX)

        assert read(database, job).failures == 0

    def test_a_finished_job_holds_its_recipe_and_where_its_picture_is(self, database: Database) -> None:
        job = submit_and_finish(database)

        assert (job.state, job.stage) == (State.FINISHED, Stage.SENDING)
        assert (job.recipe, job.image_key, job.media_type) == (FOX_RECIPE, jpeg_key(job.id), "image/jpeg")
        assert job.worker is None
        assert job.ended_at is not None

    @pytest.mark.parametrize("seed", [None, 0, 2**63 - 1, 2**63, 2**64 - 1])
    def test_a_seed_of_any_size_is_kept(self, database: Database, seed: int | None) -> None:
        job = submit_and_claim(database)
        recipe = replace(FOX_RECIPE, seed=seed)

        Jobs(database).finish(job, recipe, image_key="k", media_type="image/png")

        assert read(database, job).recipe == recipe

    def test_a_job_that_was_given_up_says_why(self, database: Database) -> None:
        job = submit_and_fail(database, reason="out_of_time")

        assert (job.state, job.reason) == (State.FAILED, "out_of_time")
        assert job.ended_at is not None

    def test_a_waiting_job_says_why_how_long_and_where_its_order_is(self, database: Database) -> None:
        job = submit_and_claim(database)
        handle = {"order": {"id": "abc", "ä": [1, None]}}

        Jobs(database).wait(
            job, seconds=60, stage=Stage.WAKING, reason="model_loading", failures=1, estimate_s=42.5, handle=handle
        )

        job = read(database, job)
        assert (job.state, job.stage, job.reason) == (State.WAITING, Stage.WAKING, "model_loading")
        assert (job.failures, job.estimate_s, job.handle, job.worker) == (1, 42.5, handle, None)
        assert job.not_before is not None
        assert job.not_before > datetime.now(UTC)

    def test_every_stage_is_recorded_in_order(self, database: Database) -> None:
        job = submit_and_claim(database)
        Jobs(database).keep_prompt(job, RED_FOX)
        Jobs(database).give_up(job, "unexpected")

        with database.reading() as connection:
            stages = connection.execute(select(tables.stages).order_by(tables.stages.c.id)).all()

        assert [row.stage for row in stages] == ["queued", "writing", "painting", "sending"]
        assert all(earlier.at <= later.at for earlier, later in pairwise(stages))


Step = Callable[..., None]
STEPS: dict[str, Step] = {
    "keep_prompt": lambda jobs, job, attempts=(): jobs.keep_prompt(job, RED_FOX, attempts),
    "wait": lambda jobs, job, attempts=(): jobs.wait(
        job, seconds=1, stage=Stage.RETRYING, reason="service_busy", failures=1, attempts=attempts
    ),
    "finish": lambda jobs, job, attempts=(): jobs.finish(
        job, FOX_RECIPE, image_key="k", media_type="image/png", attempts=attempts
    ),
    "give_up": lambda jobs, job, attempts=(): jobs.give_up(job, "unexpected", attempts),
}


def left_to(job: Job, step: Step) -> Job:
    """What a job without a prompt is after somebody who lost it tried a step."""
    return replace(job, prompt=RED_FOX) if step is STEPS["keep_prompt"] else job


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
class TestFencing:
    """Whoever lost a job changes nothing any more, but for leaving a prompt that was paid for where there is none."""

    def test_a_worker_whose_lease_ran_out_has_lost_its_turn(self, database: Database, step: Step) -> None:
        submit(database)
        job = claim(database, lease=ALREADY_OVER)
        turns_of(database).sweep(most_due=10)
        swept = read(database, job)

        with pytest.raises(LostTurn):
            step(Jobs(database), job)

        assert read(database, job) == left_to(swept, step)

    def test_another_worker_has_the_job_now(self, database: Database, step: Step) -> None:
        submit(database)
        job = claim(database, "first", lease=ALREADY_OVER)
        turns_of(database).sweep(most_due=10)
        taken_over = claim(database, "second")

        with pytest.raises(LostTurn):
            step(Jobs(database), job)

        assert read(database, job) == left_to(taken_over, step)
        step(Jobs(database), taken_over)

    def test_the_same_worker_in_another_thread_has_the_job_now(self, database: Database, step: Step) -> None:
        submit(database)
        job = claim(database, "worker", lease=ALREADY_OVER)
        turns_of(database).sweep(most_due=10)
        taken_over = claim(database, "worker")

        with pytest.raises(LostTurn):
            step(Jobs(database), job)

        assert read(database, job) == left_to(taken_over, step)

    def test_a_job_that_ended_stays_as_it_ended(self, database: Database, step: Step) -> None:
        job = submit_and_claim(database)
        Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png")
        finished = read(database, job)

        with pytest.raises(LostTurn):
            step(Jobs(database), job)

        assert read(database, job) == finished


class TestAPromptOfALostTurn:
    def test_it_spares_whoever_claims_the_job_next_the_paying(self, database: Database) -> None:
        job = submit_and_claim(database)
        turns_of(database).release("worker")
        with pytest.raises(LostTurn):
            Jobs(database).keep_prompt(job, RED_FOX)

        taken_over = claim(database, "other")

        assert taken_over.prompt == RED_FOX
        assert taken_over.stage is Stage.PAINTING

    def test_it_does_not_replace_one_that_is_there(self, database: Database) -> None:
        job = submit_and_claim(database)
        turns_of(database).release("worker")
        other = Prompt("another fox", model="gemini-test")
        Jobs(database).keep_prompt(claim(database, "other"), other)

        with pytest.raises(LostTurn):
            Jobs(database).keep_prompt(job, RED_FOX)

        kept = read(database, job)
        assert (kept.prompt, kept.worker) == (other, "other")

    def test_a_job_that_ended_gets_none(self, database: Database) -> None:
        job = submit_and_claim(database)
        Jobs(database).cancel([job.id])

        with pytest.raises(LostTurn):
            Jobs(database).keep_prompt(job, RED_FOX)

        assert read(database, job).prompt is None


@contextmanager
def losing_the_answer_to_a_commit(database: Database) -> Iterator[None]:
    """Let the connection break when the next transaction has been committed and nobody knows it yet."""

    def commit_and_break(connection: Connection) -> None:
        connection.connection.commit()
        connection.connection.dbapi_connection.close()

    event.listen(database.engine, "commit", commit_and_break, once=True)
    yield


@pytest.mark.distributed
class TestAnOutageOfTheDatabase:
    @pytest.mark.parametrize("step", STEPS)
    def test_a_step_is_written_down_as_soon_as_it_is_back(self, postgres: Database, step: str) -> None:
        job = submit_and_claim(postgres)
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                stack.close()

        with ExitStack() as stack:
            stack.enter_context(away(postgres))
            STEPS[step](Jobs(postgres, pause=pause), job, [an_attempt()])

        assert len(pauses) == 3
        assert read(postgres, job) != job
        assert count(postgres, tables.attempts) == 1

    def test_pauses_grow_and_one_that_stays_away_is_told(self, postgres: Database) -> None:
        job = submit_and_claim(postgres)
        pauses: list[float] = []

        with away(postgres), pytest.raises(StoreAway):
            Jobs(postgres, pause=pauses.append).keep_prompt(job, RED_FOX)

        assert len(pauses) == len(PAUSES_S)
        assert all(wished / 2 <= taken <= wished * 1.5 for wished, taken in zip(PAUSES_S, pauses, strict=True))

    @pytest.mark.parametrize("step", STEPS)
    def test_a_commit_whose_answer_got_lost_is_not_made_twice(self, postgres: Database, step: str) -> None:
        job = submit_and_claim(postgres)
        stages = count(postgres, tables.stages)

        with losing_the_answer_to_a_commit(postgres):
            STEPS[step](Jobs(postgres, pause=lambda _: None), job, [an_attempt()])

        assert count(postgres, tables.attempts) == 1
        assert count(postgres, tables.stages) == stages + 1

    def test_nor_are_the_calls_of_a_turn_that_was_lost(self, postgres: Database) -> None:
        job = submit_and_claim(postgres)
        Jobs(postgres).cancel([job.id])

        with losing_the_answer_to_a_commit(postgres), pytest.raises(LostTurn):
            Jobs(postgres, pause=lambda _: None).give_up(job, "unexpected", [an_attempt()])

        assert count(postgres, tables.attempts) == 1


class TestAttempts:
    def test_pairs_that_failed_for_good_are_known(self, database: Database) -> None:
        other = submit_and_claim(database)
        Jobs(database).give_up(other, "no_credit", [an_attempt(service="d", outcome="no_credit")])
        job = submit_and_claim(database)
        attempts = [
            an_attempt(service="a", outcome="no_credit"),
            an_attempt(service="a", outcome="no_credit"),
            an_attempt(service="b", outcome="service_busy"),
            an_attempt(service="c"),
            an_attempt(service="gemini", step="prompt", outcome="no_credit"),
        ]

        Jobs(database).wait(job, seconds=0, stage=Stage.RETRYING, reason="service_busy", failures=1, attempts=attempts)

        assert Jobs(database).tried_in_vain(job.id, frozenset({"no_credit"})) == {("org/model", "a")}
        assert Jobs(database).count_attempts(job.id, "no_credit") == 2
        assert Jobs(database).count_attempts(job.id, "bad_picture") == 0

    @pytest.mark.parametrize("step", ["keep_prompt", "wait", "finish", "give_up"])
    def test_every_step_records_the_calls_that_led_to_it(self, database: Database, step: str) -> None:
        job = submit_and_claim(database)

        STEPS[step](Jobs(database), job, [an_attempt(status=429), an_attempt(status=200)])

        with database.reading() as connection:
            rows = connection.execute(select(tables.attempts).order_by(tables.attempts.c.id)).all()
        assert [(row.job_id, row.status) for row in rows] == [(job.id, 429), (job.id, 200)]

    @pytest.mark.parametrize("step", STEPS)
    def test_calls_that_were_made_are_recorded_also_when_the_turn_was_lost(self, database: Database, step: str) -> None:
        job = submit_and_claim(database)
        turns_of(database).release("worker")

        with pytest.raises(LostTurn):
            STEPS[step](Jobs(database), job, [an_attempt()])

        assert count(database, tables.attempts) == 1

    @pytest.mark.parametrize(
        "oddity",
        [
            {"detail": "a null \x00 and half a pair \ud800"},
            {"detail": "x" * 100_000},
            {"request_id": "r" * 1000},
            {"request_id": "\x00\udfff"},
            {"model": "org/" + "m" * 1000},
        ],
        ids=["detail no database takes", "long detail", "long id", "id no database takes", "long model"],
    )
    def test_a_step_is_recorded_whatever_the_service_said(self, database: Database, oddity: dict[str, str]) -> None:
        job = submit_and_claim(database)

        Jobs(database).keep_prompt(job, RED_FOX, [an_attempt(**oddity)])

        assert read(database, job).prompt == RED_FOX
        assert count(database, tables.attempts) == 1


class TestPlaceInTheLine:
    def test_places_count_from_one_in_the_order_of_turns(self, database: Database) -> None:
        mine, my_second, theirs = submit(database, user=1), submit(database, user=1), submit(database, user=2)

        assert [Jobs(database).position(job.id) for job in (mine, theirs, my_second)] == [1, 2, 3]

    def test_a_job_under_way_has_no_place(self, database: Database) -> None:
        first, second = submit_and_claim(database), submit_and_claim(database)
        Jobs(database).wait(first, seconds=0, stage=Stage.RETRYING, reason="service_busy", failures=1)
        turns_of(database).sweep(most_due=10)

        assert Jobs(database).position(first.id) == 1
        assert Jobs(database).position(second.id) is None

    def test_behind_many_it_is_enough_to_know_that_they_are_many(self, database: Database) -> None:
        jobs = [submit(database, user=number) for number in range(1, 8)]

        assert [Jobs(database).position(job.id, limit=4) for job in jobs] == [1, 2, 3, 4, 5, 6, 6]

    def test_those_who_are_held_stand_in_the_line_at_their_turns(self, database: Database) -> None:
        policy = replace(UNCAPPED, in_flight=1)
        mine = [submit(database, user=1, policy=policy) for _ in range(3)]
        other = submit(database, user=2, policy=policy)

        assert [Jobs(database).position(job.id) for job in (mine[0], other, mine[1], mine[2])] == [1, 2, 3, 4]

    def test_an_ended_or_unknown_job_has_no_place(self, database: Database) -> None:
        ended = submit_and_finish(database)
        submit(database)

        assert Jobs(database).position(ended.id) is None
        assert Jobs(database).position(ended.id + 100) is None

    def test_the_line_shows_this_bots_jobs_at_their_place_among_all(self, database: Database) -> None:
        submit(database, user=1, bot=43)
        mine = submit(database, user=2)
        without_status = submit(database, user=3)
        show_status(database, mine, 100, "queued:2")

        assert [(place, job.id) for place, job in Jobs(database).line(BOT, limit=10)] == [(2, mine.id)]
        assert Jobs(database).line(BOT, limit=1) == []
        assert without_status.status_message_id is None


class TestWhatPeopleAreTold:
    def test_one_of_two_processes_edits_the_status_message(self, database: Database) -> None:
        job = submit_and_claim(database)
        show_status(database, job, 100, "queued:1")
        job = read(database, job)

        assert Jobs(database).change_status(job, "writing")
        assert not Jobs(database).change_status(job, "writing")
        assert read(database, job).status_shown == "writing"

    def test_a_job_that_ended_meanwhile_keeps_its_status(self, database: Database) -> None:
        job = submit_and_claim(database)
        show_status(database, job, 100, "queued:1")
        before = read(database, job)
        Jobs(database).give_up(job, "unexpected")

        assert not Jobs(database).change_status(before, "painting")

    def test_jobs_under_way_are_those_begun_that_have_a_status_message(self, database: Database) -> None:
        submit_and_claim(database)
        working, waiting = submit_and_claim(database, user=1), submit_and_claim(database, user=2)
        elsewhere = submit_and_claim(database, bot=43, user=3)
        jobs = Jobs(database)
        jobs.wait(waiting, seconds=60, stage=Stage.RETRYING, reason="service_busy", failures=1)
        for message_id, job in enumerate((working, waiting, elsewhere, submit(database)), 100):
            show_status(database, job, message_id, "queued:1")

        assert {job.id for job in jobs.under_way(BOT, limit=10)} == {working.id, waiting.id}

    def test_chats_at_work_are_named_once_each(self, database: Database) -> None:
        for chat, topic in [(1, None), (1, None), (2, 5), (2, 6)]:
            submit_and_claim(database, chat=chat, topic=topic)
        submit(database, chat=3)

        assert sorted(Jobs(database).chats_at_work(BOT, limit=10), key=str) == [(1, None), (2, 5), (2, 6)]


def test_virtual_time_never_runs_away(database: Database) -> None:
    """A thousandth picture of the only user is no further away than the first: turns stay finite numbers."""
    turns = []
    for _ in range(20):
        submit_and_finish(database)
        with database.reading() as connection:
            turns.append(connection.scalar(select(func.max(tables.jobs.c.turn))))

    assert all(math.isfinite(turn) for turn in turns)
    assert turns == sorted(turns)


class TestARequestThatIsChanged:
    CHANGED = Request("a dog with a hat", Parameters(seed=7, ratio=(16, 9)), 2)

    def test_is_painted_as_it_is_now_and_keeps_its_turns(self, database: Database) -> None:
        jobs, before = Jobs(database), submit(database, "a dog", count=2)
        turns = [one.id for one in jobs.siblings(before)]

        assert jobs.change(before, self.CHANGED)

        after = jobs.siblings(before)
        assert [one.id for one in after] == turns
        assert {one.request.idea for one in after} == {"a dog with a hat"}
        assert [one.request.parameters.seed for one in after] == [7, 8]
        assert {one.request.parameters.ratio for one in after} == {(16, 9)}

    def test_stays_as_it_was_when_somebody_has_begun_with_a_picture_of_it(self, database: Database) -> None:
        jobs, before = Jobs(database), submit(database, "a dog", count=2)
        claim(database)

        assert not jobs.change(before, self.CHANGED)
        assert {one.request.idea for one in jobs.siblings(before)} == {"a dog"}
