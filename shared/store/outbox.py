"""The outbox: what ended and has not reached its chat yet."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, or_, select, update

from shared.jobs import ENDED, Job
from shared.store import tables
from shared.store.database import Database
from shared.store.rows import read_job

LEASE = timedelta(seconds=90)  # longer than the longest upload we allow (delivery.py)


class Outbox:
    """Deliveries, one transaction a method; any bot process may claim any of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, bot_id: int, *, most: int) -> list[Job]:
        """Take requests whose pictures have all ended and that are to be delivered now, oldest first.

        A request stands here for its first picture's job; its leases and its status message are the request's.

        From here on Telegram may have the photo; a job whose ``sending_before`` is set may have been sent by
        somebody who then fell silent.
        """
        now = datetime.now(UTC)
        jobs = tables.jobs.c
        sibling = tables.jobs.alias()
        under_way = exists().where(
            sibling.c.bot_id == jobs.bot_id,
            sibling.c.chat_id == jobs.chat_id,
            sibling.c.request_key == jobs.request_key,
            sibling.c.state.not_in(ENDED),
        )
        due = (
            select(jobs.id)
            .where(
                jobs.state.in_([str(state) for state in sorted(ENDED)]),
                jobs.delivered_at.is_(None),
                jobs.bot_id == bot_id,
                jobs.number == 0,
                jobs.batch_id.is_(None),  # A batch has its own way home.
                or_(jobs.pictures == 1, ~under_way),
                or_(jobs.delivery_lease_until.is_(None), jobs.delivery_lease_until < now),
                or_(jobs.delivery_not_before.is_(None), jobs.delivery_not_before <= now),
            )
            .order_by(jobs.ended_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as connection:
            rows = connection.execute(
                update(tables.jobs)
                .where(jobs.id.in_(due))
                .values(
                    delivery_lease_until=now + LEASE,
                    delivery_tries=jobs.delivery_tries + 1,
                    sending_before=jobs.sending_since,
                    sending_since=now,
                )
                .returning(tables.jobs)
            ).all()
        return sorted((read_job(row) for row in rows), key=lambda job: (job.ended_at or now, job.id))

    def not_sent(self, job_id: int, *, retry_after_s: float) -> None:
        """Telegram certainly did not take it: try again later."""
        self._set(job_id, sending_since=None, **_again_in(retry_after_s))

    def unsure(self, job_id: int, *, retry_after_s: float) -> None:
        """Telegram may or may not have taken it: look later whether it did."""
        self._set(job_id, **_again_in(retry_after_s))

    def delivered(self, job_id: int, *, message_id: int | None, file_id: str | None = None) -> int | None:
        """It is in the chat; None as message: the chat can't be reached any more, or nothing was to be sent.

        Returns:
            The status message, which is to go now.
        """
        return self._set(
            job_id,
            delivered_at=datetime.now(UTC),
            delivered_message_id=message_id,
            file_id=file_id,
            sending_since=None,
            delivery_lease_until=None,
        )

    def release_all(self, bot_id: int) -> None:
        """Free what a bot process that died had claimed, when no other can be alive."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.jobs)
                .where(tables.jobs.c.bot_id == bot_id, tables.jobs.c.delivered_at.is_(None))
                .where(tables.jobs.c.delivery_lease_until.is_not(None))
                .values(delivery_lease_until=None)
            )

    def _set(self, job_id: int, **values: object) -> int | None:
        with self._database.writing() as connection:
            status_message_id: int | None = connection.scalar(
                update(tables.jobs)
                .where(tables.jobs.c.id == job_id)
                .values(**values)
                .returning(tables.jobs.c.status_message_id)
            )
            return status_message_id


def _again_in(seconds: float) -> dict[str, object]:
    return {
        "delivery_lease_until": None,
        "delivery_not_before": datetime.now(UTC) + timedelta(seconds=seconds),
    }
