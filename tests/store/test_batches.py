"""The record of batches, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared.batches import BatchState, DeliveryFormat, FailedPicture, Problem
from shared.errors import BatchesFull
from shared.jobs import Address, Parameters, Request, Sender, State
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.batches import CHUNK, Batches
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.builders import BOT, FOX_RECIPE, RED_FOX, claim, turns_of

ADDRESS, SENDER = Address(BOT, 7, 1), Sender(7)


def asked(database, *requests, **more):
    batches = Batches(database)
    batch, _ = batches.ask(
        requests or [Request("a fox"), Request("a boat", count=2)],
        **{"address": ADDRESS, "sender": SENDER, "source": "telegram", **more},
    )
    return batches, batch


def started(database, *requests):
    batches, batch = asked(database, *requests)
    assert batches.start(batch.id)
    while batches.fill(batch.id):
        pass
    return batches, batch


def finish_next(database):
    job = claim(database)
    Jobs(database).keep_prompt(job, RED_FOX)
    Jobs(database).finish(job, FOX_RECIPE, image_key=f"000000/{job.id}.jpg", media_type="image/jpeg")
    return job


def states(batches, batch):
    return [job.state for job in batches.jobs(batch.id)]


class TestAsking:
    def test_twice_with_one_message_is_one_batch(self, database):
        batches, first = asked(database)
        second, is_new = batches.ask([Request("a fox")], address=ADDRESS, sender=SENDER, source="telegram")

        assert not is_new
        assert second == first
        assert (first.state, first.pictures) == (BatchState.ASKED, 3)

    def test_keeps_which_lines_were_left_out_and_nothing_of_what_they_said(self, database):
        left_out = Problem(7, "batch_line_csv", {"value": "words"})
        batches, batch = asked(database, skipped=[left_out])

        assert batches.skipped(batch.id) == (Problem(7, "batch_line_csv", {}),)
        assert batches.skipped(asked(database, address=Address(BOT, 7, 2))[1].id) == ()

    def test_paints_nothing(self, database):
        batches, batch = asked(database)

        assert batches.fill(batch.id) == 0
        assert batches.counts(batch.id).made == 0
        assert batches.open(BOT) == []

    def test_the_way_can_be_chosen_until_it_starts(self, database):
        batches, batch = asked(database)

        assert batches.choose(batch.id, DeliveryFormat.ZIP)
        assert batches.start(batch.id)
        assert not batches.choose(batch.id, DeliveryFormat.ALBUMS)
        assert batches.read(batch.id).delivery_format is DeliveryFormat.ZIP


class TestPuttingAway:
    """Of batches that were asked for and not started."""

    def ask(self, database, message, user=7, **more):
        return asked(database, address=Address(BOT, user, message), sender=Sender(user), **more)

    def test_leaves_a_person_s_newest(self, database):
        batches, old = self.ask(database, 1)
        newer = [self.ask(database, number)[1] for number in (2, 3)]
        self.ask(database, 1, user=8)

        assert batches.put_away_oldest(7, keep=2) == 1
        assert batches.put_away_oldest(7, keep=2) == 0

        assert batches.read(old.id).is_put_away
        assert [batches.read(one.id).state for one in newer] == [BatchState.ASKED] * 2

    def test_comes_after_a_day_and_some_at_a_time(self, database):
        batches, _ = self.ask(database, 1)
        for number in (2, 3):
            self.ask(database, number)

        assert batches.put_away_old(timedelta(days=1), limit=2) == 0
        assert batches.put_away_old(timedelta(0), limit=2) == 2
        assert batches.put_away_old(timedelta(0), limit=2) == 1

    def test_forgets_what_was_to_be_painted_and_is_told_in_the_chat(self, database):
        batches, batch = self.ask(database, 1)
        batches.put_away_old(timedelta(0), limit=9)

        with database.reading() as connection:
            assert connection.scalar(select(tables.batches.c.requests)) == []
        assert [one.id for one in batches.open(BOT)] == [batch.id]
        assert not batches.start(batch.id)
        assert batches.retry_failed(batch.id) == 0

    def test_leaves_what_was_started_and_what_a_terminal_asked_for(self, database):
        batches, batch = started(database)
        self.ask(database, 2, source="terminal")

        assert batches.put_away_oldest(7, keep=0) == 0
        assert batches.put_away_old(timedelta(0), limit=9) == 0
        assert not batches.read(batch.id).is_put_away

    @pytest.mark.distributed
    def test_leaves_one_that_is_being_started_at_this_moment(self, postgres):
        batches, _ = self.ask(postgres, 1)

        with postgres.writing() as connection:
            connection.execute(select(tables.batches.c.id).with_for_update())
            assert batches.put_away_old(timedelta(0), limit=9) == 0


class TestStarting:
    def test_makes_a_job_of_every_picture_in_order(self, database):
        batches, batch = started(
            database, Request("a fox", Parameters(ratio=(16, 9))), Request("a boat", Parameters(seed=5), count=2)
        )

        jobs = batches.jobs(batch.id)
        assert [(job.request.idea, job.line, job.number) for job in jobs] == [
            ("a fox", 0, 0), ("a boat", 1, 0), ("a boat", 1, 1),
        ]  # fmt: skip
        assert [job.request.parameters.seed for job in jobs] == [None, 5, 6]
        assert jobs[0].request.parameters.ratio == (16, 9)
        assert {job.batch_id for job in jobs} == {batch.id}

    def test_twice_is_once(self, database):
        batches, batch = started(database)

        assert not batches.start(batch.id)
        assert batches.fill(batch.id) == 0
        assert batches.counts(batch.id).made == 3

    def test_goes_on_where_somebody_stopped(self, database):
        batches, batch = asked(database, *[Request("a fox", count=10)] * (CHUNK // 10 + 1))
        batches.start(batch.id)

        assert batches.fill(batch.id) == CHUNK
        assert Batches(database).fill(batch.id) == 10
        assert Batches(database).fill(batch.id) == 0

    def test_gives_each_picture_a_turn_of_its_own(self, database):
        batches, batch = started(database)

        claimed = [claim(database) for _ in range(3)]
        assert [job.id for job in claimed] == [job.id for job in batches.jobs(batch.id)]
        assert turns_of(database).claim_next("worker") is None

    def test_leaves_the_ordinary_outbox_alone(self, database):
        started(database, Request("a fox"))
        finish_next(database)

        assert Outbox(database).claim(BOT, limit=10) == []


class TestSteering:
    def test_a_pause_holds_what_has_not_begun(self, database):
        batches, batch = started(database)
        working = claim(database)

        assert batches.pause(batch.id)
        assert not batches.pause(batch.id)
        assert turns_of(database).claim_next("worker") is None
        assert states(batches, batch).count(State.HELD) == 2
        assert Jobs(database).read(working.id).state is State.WORKING

        assert batches.resume(batch.id)
        assert not batches.resume(batch.id)
        assert claim(database).batch_id == batch.id

    def test_a_paused_batch_is_not_filled(self, database):
        batches, batch = asked(database)
        batches.start(batch.id)
        batches.pause(batch.id)

        assert batches.fill(batch.id) == 0

    def test_cancelling_keeps_what_is_finished(self, database):
        batches, batch = started(database)
        finish_next(database)

        assert batches.cancel(batch.id)
        assert not batches.cancel(batch.id)
        assert states(batches, batch) == [State.FINISHED, State.CANCELLED, State.CANCELLED]
        assert len(batches.to_send(batch.id)) == 1
        assert not batches.resume(batch.id)

    def test_it_is_finished_when_every_picture_has_ended(self, database):
        batches, batch = started(database, Request("a fox", count=2))
        finish_next(database)
        assert not batches.finish(batch.id)

        Jobs(database).give_up(claim(database), "bad_picture")

        assert batches.finish(batch.id)
        assert batches.read(batch.id).state is BatchState.FINISHED

    def test_what_failed_is_named_by_its_line_in_the_file_once_it_is_over(self, database):
        batches, batch = asked(database, Request("a fox"), Request("a boat"), lines=(1, 7))
        batches.start(batch.id)
        batches.fill(batch.id)
        finish_next(database)
        Jobs(database).give_up(claim(database), "bad_picture")
        assert batches.counts(batch.id).failures == ()
        batches.finish(batch.id)

        assert batches.counts(batch.id).failures == (FailedPicture(7, "a boat", "bad_picture"),)

    def test_what_failed_can_be_tried_again_once(self, database):
        batches, batch = started(database, Request("a fox", count=2))
        finish_next(database)
        Jobs(database).give_up(claim(database), "bad_picture")
        assert batches.retry_failed(batch.id) == 0  # not before it is finished
        batches.finish(batch.id)
        batches.delivered(batch.id)

        assert batches.retry_failed(batch.id) == 1
        assert batches.retry_failed(batch.id) == 0
        assert [one.id for one in batches.open(BOT)] == [batch.id]
        finish_next(database)
        assert batches.finish(batch.id)
        assert batches.counts(batch.id).finished == 2


class TestTheRate:
    def test_is_told_from_what_ended_of_late(self, database):
        batches, batch = started(database)
        finish_next(database)
        Jobs(database).give_up(claim(database), "picture_refused")
        early = finish_next(database)
        with database.writing() as connection:
            long_ago = early.created_at - timedelta(minutes=6)
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == early.id).values(ended_at=long_ago))

        counts = batches.counts(batch.id)

        assert (counts.finished, counts.failed, counts.recent) == (2, 1, 2)
        assert counts.reasons == {"picture_refused": 1}
        assert counts.recent_since >= batch.created_at


class TestTheLimit:
    FEW = QueuePolicy(queued_in_batches=4)

    def ask(self, database, pictures, message, **more):
        batches = Batches(database, self.FEW)
        address = Address(BOT, ADDRESS.chat_id, message)
        batch, _ = batches.ask(
            [Request("a fox", count=pictures)], **{"address": address, "sender": SENDER, "source": "telegram", **more}
        )
        return batches, batch

    def test_of_one_persons_batches_together_holds_when_they_start(self, database):
        batches, first = self.ask(database, 3, 1)
        _, second = self.ask(database, 2, 2)
        batches.start(first.id)

        with pytest.raises(BatchesFull):
            batches.start(second.id)

        assert (batches.read(second.id).state, batches.room(SENDER.id)) == ("asked", 1)

    def test_makes_room_for_what_has_ended(self, database):
        batches, first = self.ask(database, 3, 1)
        _, second = self.ask(database, 2, 2)
        batches.start(first.id)
        batches.fill(first.id)
        finish_next(database)

        assert batches.room(SENDER.id) == 2
        assert batches.start(second.id)

    def test_does_not_hold_for_others_or_for_a_terminal(self, database):
        batches, first = self.ask(database, 4, 1)
        _, theirs = self.ask(database, 4, 2, sender=Sender(SENDER.id + 1))
        _, terminals = self.ask(database, 9, 3, source="terminal")

        assert [batches.start(batch.id) for batch in (first, theirs, terminals)] == [True, True, True]


class TestGoingOn:
    def test_takes_up_what_was_cancelled(self, database):
        batches, batch = started(database)
        finish_next(database)
        batches.cancel(batch.id)

        count = batches.go_on(batch.id)

        now = batches.read(batch.id)
        assert (count, now.state, now.ended_at) == (batch.pictures - 1, "running", None)
        assert batches.counts(batch.id).finished == 1
        while not batches.finish(batch.id):
            finish_next(database)
        assert batches.counts(batch.id).finished == batch.pictures

    def test_takes_up_one_that_was_cancelled_before_all_of_it_was_written_down(self, database):
        batches, batch = asked(database)
        batches.start(batch.id)
        batches.cancel(batch.id)

        assert batches.go_on(batch.id) == 0

        assert batches.fill(batch.id) == batch.pictures

    def test_of_one_that_runs_changes_nothing(self, database):
        batches, batch = started(database)

        assert batches.go_on(batch.id) == 0

        assert batches.read(batch.id).state == "running"


class TestTheWayHome:
    def test_is_taken_by_one_at_a_time(self, database):
        batches, batch = started(database)

        assert batches.claim_home(batch.id)
        assert not batches.claim_home(batch.id)
        batches.let_go(batch.id)
        assert batches.claim_home(batch.id)
        batches.let_go(batch.id, retry_after_s=60)
        assert not batches.claim_home(batch.id)

    def test_what_was_sent_is_not_sent_again(self, database):
        batches, batch = started(database)
        finish_next(database)
        [job] = batches.to_send(batch.id)

        batches.sent(batch.id, [(job.id, 5, "file")])

        assert batches.to_send(batch.id) == []
        assert Jobs(database).read(job.id).delivered_message_id == 5

    def test_what_is_being_sent_is_known_until_it_is_noted(self, database):
        batches, batch = started(database)
        finish_next(database)
        [job] = batches.to_send(batch.id)
        witness = {"text": "so far", "markup": None}

        batches.begin_sending(batch.id, [job.id], witness)
        under_way = batches.read(batch.id)
        batches.sent(batch.id, [(job.id, 5, "file")])
        noted = batches.read(batch.id)

        assert (under_way.sending, under_way.witness) == ((job.id,), witness)
        assert (noted.sending, noted.witness) == ((), None)
        assert batches.counts(batch.id).home == 1

    def test_a_message_that_says_something_else_is_no_witness_any_more(self, database):
        batches, batch = started(database)
        batches.show_status(batch.id, 7, "so far")
        batches.begin_sending(batch.id, [1], {"text": "so far", "markup": None})

        assert batches.change_status(batches.read(batch.id), "paused")

        now = batches.read(batch.id)
        assert (now.sending, now.witness) == ((1,), None)

    def test_ends_when_it_is_noted(self, database):
        batches, batch = started(database)
        batches.delivered(batch.id)  # Somebody else's note comes too late: it runs again.
        assert len(batches.open(BOT)) == 1

        batches.cancel(batch.id)
        batches.delivered(batch.id)

        assert batches.open(BOT) == []
        assert not batches.claim_home(batch.id)
