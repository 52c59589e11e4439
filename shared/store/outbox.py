"""Outbox: finished and failed jobs that have not been delivered yet."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import ColumnElement, Update, bindparam, case, exists, or_, select, update

from shared.clock import present
from shared.jobs import ENDED, Job, State
from shared.status_messages import Work
from shared.store import tables
from shared.store.database import retrying
from shared.store.deliveries import ANEW, Deliveries, claims_of, due_for
from shared.store.job_states import state_is
from shared.store.locks import in_order
from shared.store.rows import read_job
from shared.store.status_messages import NOT_SENDING, leave_to_remove, left_by
from shared.store.types import Instant

_jobs, _sibling = tables.jobs.c, tables.jobs.alias()
_siblings_under_way = exists().where(
    _sibling.c.bot_id == _jobs.bot_id,
    _sibling.c.chat_id == _jobs.chat_id,
    _sibling.c.request_key == _jobs.request_key,
    _sibling.c.state.not_in(ENDED),
)


A_WHILE = timedelta(seconds=3)  # most deliveries take less
LEFT = (*left_by(tables.jobs), _jobs.status_message_id)
DELIVERED = update(tables.jobs).where(_jobs.id == bindparam("its_id")).returning(*LEFT)


class Outbox(Deliveries):
    """The deliveries of requests, of one picture or of several."""

    table = tables.jobs
    due = due_for(
        tables.jobs,
        _jobs.number == 0,
        _jobs.batch_id.is_(None),  # A batch has its own way home.
        or_(_jobs.pictures == 1, ~_siblings_under_way),
    ).order_by(_jobs.ended_at)
    claiming = claims_of(
        tables.jobs,
        due,
        sending_before=_jobs.sending_since,
        sending_since=bindparam("at", type_=Instant),
    )

    def claim(self, bot_id: int, *, limit: int, is_told: bool = False) -> list[Job]:
        """Take requests whose pictures have all ended and that are to be delivered now, oldest first.

        A request stands here for its first picture's job; its leases and its status message are the request's.

        From here on Telegram may have the photo; a job whose ``sending_before`` is set may have been sent by
        somebody who then fell silent.

        Args:
            is_told: Somebody said that one has ended.
        """
        rows = self._claim(bot_id, limit, is_told=is_told)
        return [read_job(row) for row in sorted(rows, key=lambda row: (row.ended_at, row.id))]

    def arriving(self, bot_id: int, *, limit: int) -> list[Job]:
        """Requests with a status message that ended a while ago, and whose delivery has not ended yet."""
        being_delivered = (
            _jobs.number == 0,
            _jobs.batch_id.is_(None),
            _jobs.bot_id == bot_id,
            state_is(State.FINISHED, State.FAILED),
            _jobs.delivered_at.is_(None),
            _jobs.ended_at < present() - A_WHILE,
            _jobs.status_message_id.is_not(None),
            or_(_jobs.pictures == 1, ~_siblings_under_way),
        )
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.jobs).where(*being_delivered).order_by(_jobs.ended_at).limit(limit))
            return [read_job(row) for row in rows]

    def not_sent(self, job_id: int, *, retry_after_s: float, tries: int | None = None) -> None:
        """Telegram certainly did not take it: try again later.

        Args:
            tries: At the claim; where somebody else has claimed it since, nothing changes. None: nobody can have.
        """
        self._again_in(job_id, retry_after_s, tries, sending_since=None)

    def unsure(self, job_id: int, *, retry_after_s: float, tries: int | None = None) -> None:
        """Telegram may or may not have taken it: look later whether it did; ``tries`` as above."""
        self._again_in(job_id, retry_after_s, tries)

    @retrying
    def arrived(self, job: Job, messages: Mapping[int, tuple[int, str | None]]) -> None:
        """Telegram has taken the pictures; something is still to be sent below them.

        Args:
            job: The request's first.
            messages: By job: the message that shows its picture, and Telegram's id of the file.
        """
        with self._database.writing() as connection:
            connection.execute(self._of(job.id).values(sending_since=None, delivery_tries=0))
            for job_id, (message_id, file_id) in sorted(messages.items()):  # in the lock order
                connection.execute(self._of(job_id).values(delivered_message_id=message_id, file_id=file_id))

    @retrying
    def give_up(self, job: Job, reason: str) -> None:
        """Telegram will not take it. What is left is to say so, and to end the delivery with ``delivered``.

        Args:
            job: The request's first. Its pictures that have arrived are not given up.
        """
        lacking = _jobs.delivered_message_id.is_(None)
        values = {
            "undelivered_reason": case((lacking, reason), else_=_jobs.undelivered_reason),
            "sending_since": None,
            "delivery_tries": 0,
        }
        with self._database.writing() as connection:
            connection.execute(_whole_request(job).values(values))

    @retrying
    def send_again(self, job: Job) -> bool:
        """Deliver what was given up once more; False where nothing was."""
        given_up = select(exists().where(*_of_request(job), _jobs.undelivered_reason.is_not(None)))
        with self._database.writing() as connection:
            if not connection.scalar(given_up):
                return False
            connection.execute(_whole_request(job).values(ANEW | {"status_message_id": None}))
            return True

    def delivered(
        self, job_id: int, *, message_id: int | None, file_id: str | None = None, removed: int | None = None
    ) -> None:
        """Its delivery has ended; None as message: it was given up, or nothing was to be sent.

        From here on its status message stands among the messages to remove.

        Args:
            removed: The number of a status message that is gone already.
        """
        done: dict[str, object] = {
            "delivered_at": present(),
            "sending_since": None,
            "delivery_lease_until": None,
        }
        if message_id is not None:
            done |= {"delivered_message_id": message_id, "file_id": file_id}
        with self._database.writing() as connection:
            row = connection.execute(DELIVERED, done | {"its_id": job_id}).one()
            standing = {row.status_message_id} - {None, removed}
            leave_to_remove(connection, Work.JOB, row, standing)
            if row.status_sending_since is not None:
                connection.execute(self._of(job_id).values(NOT_SENDING))


def _of_request(job: Job) -> tuple[ColumnElement[bool], ...]:
    address = job.address
    return (
        _jobs.bot_id == address.bot_id,
        _jobs.chat_id == address.chat_id,
        _jobs.request_key == address.request_key,
    )


def _whole_request(job: Job) -> Update:
    return update(tables.jobs).where(_jobs.id.in_(in_order(tables.jobs, *_of_request(job))))
