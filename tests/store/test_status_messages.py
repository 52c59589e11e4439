"""Status messages in the record: being sent, standing, missing, and to be removed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.batches import DeliveryFormat
from shared.clock import present
from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Job, Request, Sender
from shared.status_messages import Removal, Work
from shared.store import tables
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.status_messages import ANSWER_MAY_COME, StatusMessages
from tests.builders import BOT, claim, read, submit, submit_and_claim, submit_and_finish

NOW = timedelta(0)


@pytest.fixture
def record(database: Database) -> StatusMessages:
    return StatusMessages(database)


def announced(database: Database, *, after: int = 10) -> Job:
    """A job whose status message is being sent."""
    job, _ = Jobs(database).submit(
        Request("a red fox"), address=Address(BOT, 7, after), sender=Sender(7, "de"), status_after=after
    )
    return job


def errand_in(database: Database, chat: int = 7, message: int = 1) -> Errand:
    errand, _ = Errands(database).submit(
        ErrandKind.CHAT, {"text": "hello"}, address=Address(BOT, chat, message), sender=Sender(7)
    )
    return errand


def to_remove(record: StatusMessages, database: Database) -> list[Removal]:
    """All that is to be removed, whenever it is due."""
    record.release_removals(BOT)
    return record.claim_removals(BOT, limit=100)


def missing(record: StatusMessages, *, age: timedelta = NOW) -> list[int]:
    return [job.id for job in record.missing(BOT, before=present() - age, limit=10)]


class TestSending:
    def test_a_new_request_is_written_down_together_with_the_sending(self, database: Database) -> None:
        job = announced(database, after=17)

        assert job.status_sending_since is not None
        assert job.status_after == 17

    def test_of_several_pictures_the_first_carries_the_message(self, database: Database) -> None:
        first, _ = Jobs(database).submit(
            Request("a red fox", count=3), address=Address(BOT, 7, 1), sender=Sender(7), status_after=1
        )

        assert [one.status_after for one in Jobs(database).siblings(first)] == [1, None, None]

    def test_it_begins_once(self, database: Database, record: StatusMessages) -> None:
        job = submit(database)

        assert record.begin(Work.JOB, job.id, after=5)
        assert not record.begin(Work.JOB, job.id, after=5)

    def test_what_telegram_did_not_take_may_be_sent_again(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)

        record.not_sent(Work.JOB, job.id)

        assert record.begin(Work.JOB, job.id, after=5)

    def test_its_number_is_written_down_once(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)

        assert record.sent(Work.JOB, job.id, 11, "queued:1")
        assert record.sent(Work.JOB, job.id, 11, "queued:1")
        job = read(database, job)
        assert (job.status_message_id, job.status_shown) == (11, "queued:1")
        assert (job.status_sending_since, job.status_after) == (None, None)

    def test_of_two_messages_the_second_is_to_be_removed(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)
        record.sent(Work.JOB, job.id, 11, "queued:1")

        assert not record.sent(Work.JOB, job.id, 12, "queued:1")

        assert [(one.message_id, one.work_id, one.language) for one in to_remove(record, database)] == [
            (12, job.id, "de")
        ]

    def test_a_message_that_the_picture_has_overtaken_is_to_be_removed(
        self, database: Database, record: StatusMessages
    ) -> None:
        submit_and_finish(database)
        (job,) = Outbox(database).claim(BOT, limit=1)
        Outbox(database).delivered(job.id, message_id=500)

        assert not record.sent(Work.JOB, job.id, 77, "queued:1")

        assert [one.message_id for one in to_remove(record, database)] == [77]

    def test_answers_and_batches_have_theirs(self, database: Database, record: StatusMessages) -> None:
        errand = errand_in(database)
        batch, _ = Batches(database).ask(
            [Request("a fox")],
            address=Address(BOT, 7, 2),
            sender=Sender(7),
            source="telegram",
            delivery_format=DeliveryFormat.ALBUMS,
        )

        for work, work_id in ((Work.ERRAND, errand.id), (Work.BATCH, batch.id)):
            assert record.begin(work, work_id, after=5)
            assert record.sent(work, work_id, 6, "asked")

        kept, asked = Errands(database).read(errand.id), Batches(database).read(batch.id)
        assert kept is not None
        assert kept.shown == {"messages": [6], "said": 0}
        assert asked is not None
        assert (asked.status_message_id, asked.status_shown) == (6, "asked")


class TestAMessageWhoseNumberIsUnknown:
    def test_is_missing_once_its_sender_can_wait_for_no_answer(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database)

        assert missing(record) == [job.id]
        assert missing(record, age=timedelta(minutes=1)) == []

    def test_is_missing_no_longer_when_it_was_found(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)

        record.sent(Work.JOB, job.id, 11, "")

        assert missing(record) == []

    def test_is_looked_for_also_when_another_was_sent_in_its_place(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database, after=10)

        assert record.send_again(Work.JOB, job.id, after=20, may_be_there=True)

        again = read(database, job)
        (lost,) = to_remove(record, database)
        assert again.status_after == 20
        assert (lost.message_id, lost.after, lost.since) == (None, 10, job.status_sending_since)

    def test_is_not_looked_for_when_telegram_certainly_did_not_take_it(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database, after=10)

        assert record.send_again(Work.JOB, job.id, after=20, may_be_there=False)

        assert read(database, job).status_after == 20
        assert to_remove(record, database) == []

    def test_gets_no_second_one_when_it_is_known_by_now(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)
        record.sent(Work.JOB, job.id, 11, "queued:1")

        assert not record.send_again(Work.JOB, job.id, after=20, may_be_there=True)
        assert to_remove(record, database) == []

    def test_is_not_sent_again_once_the_picture_is_painted(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)
        claimed = claim(database)
        Jobs(database).give_up(claimed, "service_busy")

        assert not record.send_again(Work.JOB, job.id, after=20, may_be_there=True)
        assert missing(record) == [job.id]

    def test_is_looked_for_after_the_delivery_but_not_before_its_answer_can_have_come(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database, after=10)

        Outbox(database).delivered(job.id, message_id=500)

        assert record.claim_removals(BOT, limit=1) == []
        with database.reading() as connection:
            due = connection.scalar(select(tables.removals.c.not_before))
        assert due is not None
        assert timedelta(0) < due - present() <= ANSWER_MAY_COME
        assert [(one.message_id, one.after) for one in to_remove(record, database)] == [(None, 10)]

    def test_is_not_looked_for_when_its_answer_comes_after_the_delivery(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database)
        Outbox(database).delivered(job.id, message_id=500)

        assert not record.sent(Work.JOB, job.id, 11, "queued:1")

        assert [one.message_id for one in to_remove(record, database)] == [11]

    def test_is_looked_for_after_an_answer_too(self, database: Database, record: StatusMessages) -> None:
        errand = errand_in(database)
        record.begin(Work.ERRAND, errand.id, after=3)

        ErrandOutbox(database).delivered(errand.id)

        assert [(one.work, one.message_id, one.after) for one in to_remove(record, database)] == [
            (Work.ERRAND, None, 3)
        ]

    def test_is_known_by_the_message_to_which_it_replies(self, database: Database, record: StatusMessages) -> None:
        job = announced(database, after=10)
        standing = submit(database, chat=7, message=12)

        assert record.missing_in_reply_to(BOT, 7, 10) == (Work.JOB, job.id)
        assert record.missing_in_reply_to(BOT, 7, 12) is None
        assert standing.status_sending_since is None

        record.send_again(Work.JOB, job.id, after=20, may_be_there=True)
        record.sent(Work.JOB, job.id, 21, "queued:1")
        assert record.missing_in_reply_to(BOT, 7, 10) == (Work.JOB, job.id)


class TestMessagesThatTheRecordKnows:
    def test_are_status_messages_pictures_and_answers_of_that_chat(
        self, database: Database, record: StatusMessages
    ) -> None:
        job, errand = announced(database), errand_in(database)
        record.sent(Work.JOB, job.id, 11, "queued:1")
        Outbox(database).delivered(job.id, message_id=12)
        Errands(database).keep_shown(errand.id, {"messages": [13, 14]})
        elsewhere = errand_in(database, chat=8)
        Errands(database).keep_shown(elsewhere.id, {"messages": [15]})

        assert record.known(BOT, 7, [10, 11, 12, 13, 14, 15]) == {11, 12, 13, 14}


class TestRemoving:
    def test_an_announcement_whose_number_came_while_the_answer_was_sent_below_it_goes(
        self, database: Database, record: StatusMessages
    ) -> None:
        errand = errand_in(database)
        record.begin(Work.ERRAND, errand.id, after=10)
        assert record.sent(Work.ERRAND, errand.id, 11, "")  # found again after the delivery had read the errand

        Errands(database).keep_shown(errand.id, {"messages": [12], "said": 1})

        assert [one.message_id for one in to_remove(record, database)] == [11]

    def test_what_goes_on_holding_the_answer_stays(self, database: Database, record: StatusMessages) -> None:
        errand = errand_in(database)
        for shown in ([11], [11, 12], [11, 12, 13]):
            Errands(database).keep_shown(errand.id, {"messages": shown, "said": len(shown)})

        assert to_remove(record, database) == []

    def test_a_status_message_that_is_gone_is_not_removed_again(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database)
        record.sent(Work.JOB, job.id, 11, "queued:1")

        Outbox(database).delivered(job.id, message_id=500, removed=11)

        assert to_remove(record, database) == []

    def test_one_of_which_that_is_not_known_is_removed_at_once(
        self, database: Database, record: StatusMessages
    ) -> None:
        job = announced(database)
        record.sent(Work.JOB, job.id, 11, "queued:1")

        Outbox(database).delivered(job.id, message_id=500)

        assert [one.message_id for one in record.claim_removals(BOT, limit=10)] == [11]

    def test_a_try_is_counted_and_keeps_others_away(self, database: Database, record: StatusMessages) -> None:
        record.remove(Work.JOB, submit(database).id, 11)

        assert [one.tries for one in record.claim_removals(BOT, limit=10)] == [1]
        assert record.claim_removals(BOT, limit=10) == []

    def test_a_try_whose_process_fell_silent_comes_again(self, database: Database, record: StatusMessages) -> None:
        record.remove(Work.JOB, submit(database).id, 11)
        record.claim_removals(BOT, limit=10)

        let_time_pass(database)

        assert [one.tries for one in record.claim_removals(BOT, limit=10)] == [2]

    def test_it_is_tried_again_when_its_time_has_come(self, database: Database, record: StatusMessages) -> None:
        record.remove(Work.JOB, submit(database).id, 11)
        (one,) = record.claim_removals(BOT, limit=10)

        record.again(one.id, in_s=30)

        assert record.claim_removals(BOT, limit=10) == []
        let_time_pass(database)
        assert [one.message_id for one in record.claim_removals(BOT, limit=10)] == [11]

    def test_it_ends_when_the_message_is_gone(self, database: Database, record: StatusMessages) -> None:
        record.remove(Work.JOB, submit(database).id, 11)
        (one,) = record.claim_removals(BOT, limit=10)

        record.removed(one.id)

        assert to_remove(record, database) == []

    def test_a_number_that_was_found_is_kept(self, database: Database, record: StatusMessages) -> None:
        job = announced(database)
        Outbox(database).delivered(job.id, message_id=500)
        (lost,) = to_remove(record, database)

        record.found(lost.id, 11)

        assert [one.message_id for one in to_remove(record, database)] == [11]

    def test_a_chat_that_opens_again_is_tried_at_once(self, database: Database, record: StatusMessages) -> None:
        for chat in (7, 8):
            record.remove(Work.JOB, submit(database, chat=chat).id, 11)
        for one in record.claim_removals(BOT, limit=10):
            record.again(one.id, in_s=3600)

        record.release_removals(BOT, 8)

        assert [one.chat_id for one in record.claim_removals(BOT, limit=10)] == [8]

    def test_every_bot_removes_its_own(self, database: Database, record: StatusMessages) -> None:
        record.remove(Work.JOB, submit_and_claim(database, bot=43).id, 11)

        assert record.claim_removals(BOT, limit=10) == []
        assert len(record.claim_removals(43, limit=10)) == 1


def let_time_pass(database: Database) -> None:
    """All that waits has waited long enough."""
    with database.writing() as connection:
        connection.execute(update(tables.removals).values(not_before=datetime.now(UTC) - timedelta(seconds=1)))
