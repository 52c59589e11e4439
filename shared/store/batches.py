"""The rows of batches: asked for, started in steps, paused, cancelled, delivered."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, bindparam, func, literal_column, select, update

from shared.batches import Batch, BatchState, Counts, DeliveryFormat, FailedPicture, Problem, place_of
from shared.clock import present
from shared.errors import BatchesFull, ImagineError
from shared.jobs import ENDED, Address, Job, Request, Sender, Stage, State, Writing
from shared.queue_policy import QueuePolicy
from shared.status_messages import Work
from shared.store import tables
from shared.store.allowances import Charge, Cost, charge, require_pictures
from shared.store.budgets import Asker, lock_group
from shared.store.database import Database, insert_new, retrying
from shared.store.deliveries import ANEW
from shared.store.jobs import Jobs
from shared.store.locks import in_order
from shared.store.rows import columns_of, read_job, read_parameters
from shared.store.status_messages import leave_to_remove, left_by
from shared.store.types import TableRow, TableSelect

CHUNK = 100  # pictures written down at a time: SQLite lets nobody else write meanwhile
LEASE = timedelta(seconds=180)  # longer than the longest upload (services/bot/batch_delivery.py)
FAILURES_TOLD = 10  # by name; all are counted
ALBUM = 10  # Telegram's limit
RECENT = timedelta(minutes=5)  # what a rate is told from: a pause, or an hour that was busier, is soon forgotten
TELEGRAM = "telegram"
NOT_ENDED = (BatchState.RUNNING, BatchState.PAUSED)

# Written out, so that SQLite, too, takes the index of these few: to read another batch's state costs all its ideas.
_IS_ASKED = tables.batches.c.state == literal_column(f"'{BatchState.ASKED}'")
_COLUMNS = [column for column in tables.batches.c if column.name != "requests"]
_OPEN = (
    select(*_COLUMNS)
    .where(
        tables.batches.c.delivered_at.is_(None),
        tables.batches.c.bot_id == bindparam("bot"),
        tables.batches.c.source == bindparam("from"),
        tables.batches.c.state != BatchState.ASKED,
    )
    .order_by(tables.batches.c.id)
)


def _first_failed(connection: Connection, batch_id: int) -> tuple[FailedPicture, ...]:
    """The first pictures of a batch that failed, once it is over."""
    jobs, batches = tables.jobs.c, tables.batches.c
    over = select(batches.id).where(batches.id == batch_id, batches.state.not_in(NOT_ENDED))
    failed = select(tables.jobs).where(jobs.batch_id.in_(over), jobs.state == State.FAILED)
    found = [read_job(row) for row in connection.execute(failed.order_by(jobs.id).limit(FAILURES_TOLD))]
    if not found:
        return ()
    # Not all its ideas: there may be thousands. Batches of earlier versions know no lines.
    lines = select(*(batches.requests[job.line or 0]["line"].as_integer() for job in found))
    numbers = connection.execute(lines.where(batches.id == batch_id)).one()
    return tuple(
        FailedPicture(line or place_of(job)[0], job.request.idea, job.reason or ImagineError.reason)
        for job, line in zip(found, numbers, strict=True)
    )


class Batches:
    """The rows of batches, one transaction a method."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Keep batches in this database, on the owner's terms where they aren't the usual ones."""
        self._database = database
        self._policy = policy or QueuePolicy()
        self._jobs = Jobs(database, policy)

    # Taking in

    def ask(
        self,
        requests: Sequence[Request],
        *,
        address: Address,
        sender: Sender,
        source: str,
        request_key: str | None = None,
        lines: Sequence[int] = (),
        skipped: Sequence[Problem] = (),
        delivery_format: DeliveryFormat = DeliveryFormat.ALBUMS,
    ) -> tuple[Batch, bool]:
        """Write down what was asked for, with the line of each; nothing is painted before ``start``.

        Returns:
            The batch, and whether it is new: the same message or file twice is one batch.
        """
        key = request_key or address.request_key
        cost = Cost.of(requests, self._policy.prices)
        values = {
            **columns_of(address, sender),
            "source": source,
            "request_key": key,
            "requests": _numbered(requests, lines),
            "skipped": [[problem.line, problem.reason] for problem in skipped] or None,
            "pictures": cost.pictures,
            "picture_cost": cost.painting,
            "writing_cost": cost.writing,
            "way": delivery_format,
            "state": BatchState.ASKED,
            "created_at": present(),
        }
        batches = tables.batches.c
        with self._database.writing() as connection:
            new = connection.scalar(
                insert_new(self._database, tables.batches).values(values).on_conflict_do_nothing().returning(batches.id)
            )
            row = connection.execute(
                select(*_COLUMNS).where(
                    batches.bot_id == address.bot_id, batches.chat_id == address.chat_id, batches.request_key == key
                )
            ).one()
            return _read(row), new is not None

    def read(self, batch_id: int) -> Batch | None:
        """Read a batch."""
        with self._database.reading() as connection:
            row = connection.execute(select(*_COLUMNS).where(tables.batches.c.id == batch_id)).first()
            return _read(row) if row is not None else None

    def skipped(self, batch_id: int) -> tuple[Problem, ...]:
        """The lines of its file that were left out; what the reasons quoted of them is not kept."""
        with self._database.reading() as connection:
            kept = connection.scalar(select(tables.batches.c.skipped).where(tables.batches.c.id == batch_id))
        return tuple(Problem(line, reason, {}) for line, reason in kept or ())

    def is_asked_at(self, address: Address) -> bool:
        """Whether this message asked for a batch."""
        batches = tables.batches.c
        wanted = select(batches.id).where(
            batches.bot_id == address.bot_id,
            batches.chat_id == address.chat_id,
            batches.request_key == address.request_key,
        )
        with self._database.reading() as connection:
            return connection.scalar(wanted.limit(1)) is not None

    def choose(self, batch_id: int, delivery_format: DeliveryFormat) -> bool:
        """Choose how the pictures come home; possible until the batch is started."""
        return self._change(_of(batch_id, BatchState.ASKED).values(way=delivery_format))

    @retrying
    def start(self, batch_id: int) -> bool:
        """Let the batch run; its jobs are written down by ``fill``. False when it had been started or cancelled.

        Raises:
            BatchesFull: Its person's batches would have more pictures waiting than they may.
            TrialOver: Its person is a guest, who may not ask for so many.
            BudgetUsedUp: Its person, or the group, may not have so many on the owner's key.
        """
        batches, most = tables.batches.c, self._policy.queued_in_batches
        with self._database.writing() as connection:
            asked = select(*_COLUMNS).where(batches.id == batch_id, batches.state == BatchState.ASKED)
            batch = connection.execute(asked.with_for_update()).first()
            if batch is None:
                return False
            self._lock_asker(connection, batch)
            if batch.source == TELEGRAM and _waiting(connection, batch.user_id) + batch.pictures > most:
                raise BatchesFull(limit=most)
            cost = _part(batch, batch.pictures, self._googles(connection, batch_id))
            charged = require_pictures(self._database, connection, _asker(batch), self._policy, cost)
            running = {
                "state": BatchState.RUNNING,
                "started_at": present(),
                "owner_pays": charged.pays(cost),
                "estimate": charged.of(cost),
                "unwritten": batch.pictures,
            }
            return _changed(connection, _of(batch_id).values(**running))

    def _googles(self, connection: Connection, batch_id: int) -> int:
        """How many of a batch's pictures a Google key pays for."""
        kept = connection.scalar(select(tables.batches.c.requests).where(tables.batches.c.id == batch_id)) or []
        requests = (_request(one) for one in kept)
        return sum(one.count for one in requests if self._policy.prices.is_googles(one))

    def _lock_asker(self, connection: Connection, batch: TableRow) -> None:
        """Let this person, and their group, ask for nothing more until the transaction ends."""
        lock_group(self._database, connection, self._policy.budgets, _asker(batch).group)
        connection.execute(select(tables.users.c.id).where(tables.users.c.id == batch.user_id).with_for_update())

    def room(self, user_id: int) -> int:
        """How many more pictures this person's batches may have at present."""
        with self._database.reading() as connection:
            return max(self._policy.queued_in_batches - _waiting(connection, user_id), 0)

    @retrying
    def fill(self, batch_id: int) -> int:
        """Write down the next pictures of a running batch as jobs; returns how many.

        To be called until it returns 0. A call after a kill goes on where the one before stopped.
        """
        batches, jobs = tables.batches.c, tables.jobs.c
        with self._database.writing() as connection:
            row = connection.execute(
                select(tables.batches)
                .where(batches.id == batch_id, batches.state == BatchState.RUNNING)
                .with_for_update()
            ).first()
            if row is None:
                return 0
            parts = select(func.count()).where(jobs.batch_id == batch_id, jobs.number == 0)
            first = connection.scalar(parts) or 0
            requests = _some([_request(kept) for kept in row.requests[first : first + CHUNK]])
            batch = _read(row)
            self._jobs.submit_batch(
                connection,
                batch_id,
                requests,
                address=batch.address,
                sender=batch.sender,
                first=first,
                charged=_charged(row),
            )
            count = sum(request.count for request in requests)
            connection.execute(_of(batch_id).values(unwritten=max(row.unwritten - count, 0)))
            return count

    # Putting away

    @retrying
    def put_away_oldest(self, user_id: int, *, keep: int) -> int:
        """Put a person's batches away that were not started, but for the newest ones; returns how many."""
        batches = tables.batches.c
        theirs = (batches.user_id == user_id, batches.source == TELEGRAM, _IS_ASKED)
        with self._database.writing() as connection:
            newest = select(batches.id).where(*theirs).order_by(batches.id.desc()).offset(keep).limit(CHUNK)
            return _put_away(connection, *theirs, batches.id.in_(newest))

    @retrying
    def put_away_old(self, age: timedelta, *, limit: int) -> int:
        """Put batches away that were asked for so long ago and not started; returns how many.

        Those from a terminal are asked and started in one go, and go on after a kill.
        """
        batches = tables.batches.c
        asked_before = batches.created_at < present() - age
        old = (batches.source == TELEGRAM, _IS_ASKED, asked_before)
        with self._database.writing() as connection:
            some = select(batches.id).where(*old).order_by(batches.user_id, batches.id).limit(limit)
            return _put_away(connection, *old, batches.id.in_(some))

    # Steering

    @retrying
    def pause(self, batch_id: int) -> bool:
        """Begin no more of its pictures; those under way go on."""
        with self._database.writing() as connection:
            if not _changed(connection, _of(batch_id, BatchState.RUNNING).values(state=BatchState.PAUSED)):
                return False
            self._jobs.pause_batch(connection, batch_id)
            return True

    @retrying
    def resume(self, batch_id: int) -> bool:
        """Go on."""
        with self._database.writing() as connection:
            if not _changed(connection, _of(batch_id, BatchState.PAUSED).values(state=BatchState.RUNNING)):
                return False
            self._jobs.resume_batches(connection, batch_id)
            return True

    @retrying
    def cancel_in_chat(self, connection: Connection, bot_id: int, chat_id: int) -> list[int]:
        """Paint no more of what runs or is paused in a chat, in its caller's transaction; returns which batches.

        Their jobs are the caller's to cancel.
        """
        batches = tables.batches.c
        states = batches.state.in_([str(state) for state in NOT_ENDED])
        here = in_order(tables.batches, batches.bot_id == bot_id, batches.chat_id == chat_id, states)
        cancelled = {"state": BatchState.CANCELLED, "ended_at": present()}
        changed = update(tables.batches).where(batches.id.in_(here)).values(cancelled).returning(batches.id)
        return list(connection.scalars(changed))

    def cancel(self, batch_id: int) -> bool:
        """Paint no more; what is finished still comes home."""
        now = present()
        with self._database.writing() as connection:
            states = (BatchState.ASKED, *NOT_ENDED)
            if not _changed(connection, _of(batch_id, *states).values(state=BatchState.CANCELLED, ended_at=now)):
                return False
            self._jobs.cancel_batch(connection, batch_id)
            return True

    def finish(self, batch_id: int) -> bool:
        """Note that all of its pictures have ended; False while some have not."""
        batches, jobs = tables.batches.c, tables.jobs.c
        ended = (
            select(func.count())
            .where(jobs.batch_id == batch_id, jobs.state.in_([str(state) for state in sorted(ENDED)]))
            .scalar_subquery()
        )
        return self._change(
            _of(batch_id, *NOT_ENDED)
            .where(batches.pictures == ended)
            .values(state=BatchState.FINISHED, ended_at=present())
        )

    def retry_failed(self, batch_id: int) -> int:
        """Queue the failed pictures of a finished batch once more; returns how many.

        Raises:
            BudgetUsedUp: Its person may not have so many on the owner's key; ``go_on`` raises it as well.
        """
        return self._again(batch_id, (BatchState.FINISHED,), (State.FAILED,))

    def go_on(self, batch_id: int) -> int:
        """Take up a batch that is paused or over: queue all of it that was not painted; returns how many pictures."""
        self.resume(batch_id)
        over = (BatchState.FINISHED, BatchState.CANCELLED)
        return self._again(batch_id, over, (State.FAILED, State.CANCELLED))

    @retrying
    def _again(self, batch_id: int, batch_states: Sequence[BatchState], job_states: Sequence[State]) -> int:
        again = {
            "state": State.HELD,
            "stage": Stage.QUEUED,
            "reason": None,
            "failures": 0,
            "losses": 0,
            "deadline": None,
            "ended_at": None,
            "handle": None,
        }
        with self._database.writing() as connection:
            batch = connection.execute(
                select(*_COLUMNS).where(tables.batches.c.id == batch_id).with_for_update()
            ).first()
            if batch is None or batch.state not in batch_states:
                return 0
            theirs = _jobs_of(batch_id, *job_states)
            ids = list(connection.scalars(theirs))
            # Of a cancelled one not all pictures need have jobs.
            if not ids and batch.state != BatchState.CANCELLED:
                return 0
            self._lock_asker(connection, batch)
            googles = self._googles(connection, batch_id)
            cost = _part(batch, len(ids) + batch.unwritten, googles)
            charged = charge(self._database, connection, _asker(batch), self._policy, cost)
            owner_pays = charged.pays(cost)
            anew = update(tables.jobs).where(tables.jobs.c.id.in_(theirs))
            estimate = charged.of(cost) // cost.pictures if cost.pictures else 0
            connection.execute(anew.values(**again, owner_pays=owner_pays, estimate=estimate))
            whole = charged.of(_part(batch, batch.pictures, googles))
            running = {"state": BatchState.RUNNING, "owner_pays": owner_pays, "estimate": whole}
            nothing = dict.fromkeys(("ended_at", "delivered_at", "delivery_lease_until"))
            connection.execute(_of(batch_id).values(**running, **nothing))
            self._jobs.resume_batches(connection, batch_id)
            return len(ids)

    # What people are told

    def counts(self, batch_id: int) -> Counts:
        """Count its pictures."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            by_state, reasons = Counter[State](), Counter[str]()
            for state, reason, count in connection.execute(
                select(jobs.state, jobs.reason, func.count())
                .where(jobs.batch_id == batch_id)
                .group_by(jobs.state, jobs.reason)
            ):
                by_state[State(state)] += count
                if state == State.FAILED:
                    reasons[reason or ImagineError.reason] += count
            ended_of_late = select(func.count(), func.min(jobs.ended_at)).where(
                jobs.batch_id == batch_id,
                jobs.state.in_([State.FINISHED, State.FAILED]),
                jobs.ended_at >= present() - RECENT,
            )
            recent, recent_since = connection.execute(ended_of_late).one()
            home = connection.scalar(
                select(func.count()).where(
                    jobs.batch_id == batch_id, jobs.state == State.FINISHED, jobs.delivered_at.is_not(None)
                )
            )
            failures = _first_failed(connection, batch_id) if by_state[State.FAILED] else ()
        return Counts(
            made=by_state.total(),
            finished=by_state[State.FINISHED],
            failed=by_state[State.FAILED],
            cancelled=by_state[State.CANCELLED],
            home=home or 0,
            recent=recent,
            recent_since=recent_since,
            reasons=reasons,
            failures=failures,
        )

    def show_status(self, batch_id: int, message_id: int, shown: str) -> None:
        """Remember the progress message and what it says."""
        self._change(_of(batch_id).values(status_message_id=message_id, status_shown=shown))

    def change_status(self, batch: Batch, shown: str) -> bool:
        """Take on the edit from what the progress message says to this; False when another process did.

        From here on it tells nothing of what is being sent meanwhile.
        """
        as_read = tables.batches.c.status_shown == batch.status_shown
        return self._change(_of(batch.id).where(as_read).values(status_shown=shown, witness=None))

    # The way home

    def open(self, bot_id: int, *, source: str = "telegram") -> list[Batch]:
        """This bot's batches that were started and have not wholly come home."""
        with self._database.reading() as connection:
            return [_read(row) for row in connection.execute(_OPEN, {"bot": bot_id, "from": source})]

    def under_way(self, user_id: int, *, bot_id: int, chat_id: int) -> list[Batch]:
        """One person's batches in one chat that run or are paused, oldest first."""
        batches = tables.batches.c
        mine = (batches.user_id == user_id, batches.bot_id == bot_id, batches.chat_id == chat_id)
        states = batches.state.in_([str(state) for state in NOT_ENDED])
        with self._database.reading() as connection:
            rows = connection.execute(select(*_COLUMNS).where(*mine, states).order_by(batches.id))
            return [_read(row) for row in rows]

    def jobs(self, batch_id: int) -> list[Job]:
        """All its jobs, in order."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.jobs).where(jobs.batch_id == batch_id).order_by(jobs.id))
            return [read_job(row) for row in rows]

    def claim_home(self, batch_id: int) -> bool:
        """Take on the batch's delivery for as long as the lease runs; False when another process has it."""
        now, batches = present(), tables.batches.c
        free = batches.delivery_lease_until.is_(None) | (batches.delivery_lease_until < now)
        due = batches.delivery_not_before.is_(None) | (batches.delivery_not_before <= now)
        return self._change(
            _of(batch_id)
            .where(batches.delivered_at.is_(None), free, due)
            .values(delivery_lease_until=now + LEASE, delivery_tries=batches.delivery_tries + 1)
        )

    def let_go(self, batch_id: int, *, retry_after_s: float = 0.0, well: bool = True) -> None:
        """Give the delivery back; ``well``: nothing stood in its way."""
        later = present() + timedelta(seconds=retry_after_s) if retry_after_s else None
        values: dict[str, object] = {"delivery_lease_until": None, "delivery_not_before": later}
        self._change(_of(batch_id).values(**values, **({"delivery_tries": 0} if well else {})))

    def renew_home(self, batch_id: int, **values: object) -> None:
        """Keep the delivery a while longer, and write these columns."""
        self._change(_of(batch_id).values(delivery_lease_until=present() + LEASE, **values))

    def has_buttons(self, batch_id: int) -> None:
        """Note that the album that was sent last has its buttons, and keep the delivery a while longer."""
        self.renew_home(batch_id, without_buttons=None)

    def release_all(self, bot_id: int) -> None:
        """Free what a bot process that died had claimed, when no other can be alive."""
        batches = tables.batches.c
        self._change(
            update(tables.batches)
            .where(
                batches.id.in_(
                    in_order(tables.batches, batches.bot_id == bot_id, batches.delivery_lease_until.is_not(None))
                )
            )
            .values(delivery_lease_until=None)
        )

    def to_send(self, batch_id: int, *, limit: int = ALBUM) -> list[Job]:
        """Finished pictures that have not come home, in order."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(tables.jobs)
                .where(jobs.batch_id == batch_id, jobs.state == State.FINISHED, jobs.delivered_at.is_(None))
                .order_by(jobs.id)
                .limit(limit)
            )
            return [read_job(row) for row in rows]

    def begin_sending(self, batch_id: int, job_ids: Sequence[int], witness: dict[str, object] | None) -> None:
        """Note that Telegram may have these jobs' pictures from here on, until ``sent`` or ``not_sent``."""
        self._change(_of(batch_id).values(sending=list(job_ids), witness=witness))

    def not_sent(self, batch_id: int) -> None:
        """Note that Telegram has not got what was being sent, as far as anybody knows."""
        self._change(_of(batch_id).values(sending=None, witness=None))

    @retrying
    def sent(
        self,
        batch_id: int,
        messages: Sequence[tuple[int, int | None, str | None]],
        *,
        without_buttons: Sequence[int] = (),
    ) -> None:
        """Note what came home, all in one go: (job's id, message's id, Telegram's file id).

        Args:
            without_buttons: Jobs of an album that is still to have its buttons.
        """
        now = present()
        jobs = tables.jobs.c
        with self._database.writing() as connection:
            done = {"sending": None, "witness": None, "without_buttons": list(without_buttons) or None}
            connection.execute(_of(batch_id).values(done | {"delivery_tries": 0}))
            for job_id, message_id, file_id in sorted(messages):  # in the lock order
                connection.execute(
                    update(tables.jobs)
                    .where(jobs.id == job_id)
                    .values(delivered_at=now, delivered_message_id=message_id, file_id=file_id)
                )

    def give_up(self, batch_id: int, reason: str) -> None:
        """Telegram will not take its pictures: paint no more. What is left is to say so, and ``delivered``."""
        sending = {"sending": None, "witness": None, "without_buttons": None}
        given_up = {"undelivered_reason": reason, "delivery_tries": 0} | sending
        self.cancel(batch_id)
        self._change(_of(batch_id).values(given_up))

    def send_again(self, batch_id: int) -> bool:
        """Deliver once more what was given up, and paint what was not painted for it; False where nothing was."""
        given_up = _of(batch_id).where(tables.batches.c.undelivered_reason.is_not(None))
        if not self._change(given_up.values(ANEW)):
            return False
        self._again(batch_id, (BatchState.CANCELLED,), (State.CANCELLED,))
        return True

    @retrying
    def delivered(self, batch_id: int, *, tell_in_s: float | None = None) -> None:
        """Note that all of an ended batch has come home; one that was taken up again meanwhile stays open.

        Args:
            tell_in_s: Seconds until its progress message is to be made to say so; None: it does.
        """
        over = (BatchState.FINISHED, BatchState.CANCELLED)
        done = {"delivered_at": present(), "delivery_lease_until": None}
        columns = (*left_by(tables.batches), tables.batches.c.status_message_id)
        with self._database.writing() as connection:
            row = connection.execute(_of(batch_id, *over).values(done).returning(*columns)).first()
            if row is not None and tell_in_s is not None and row.status_message_id is not None:
                leave_to_remove(connection, Work.BATCH, row, [row.status_message_id], in_s=tell_in_s)

    @retrying
    def _change(self, statement: Update) -> bool:
        with self._database.writing() as connection:
            return _changed(connection, statement)


def _of(batch_id: int, *states: BatchState) -> Update:
    batches = tables.batches.c
    found = update(tables.batches).where(batches.id == batch_id)
    return found.where(batches.state.in_([str(state) for state in states])) if states else found


def _put_away(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """End batches that were never started, and forget what was to be painted; one that is being started is left."""
    values = {"state": BatchState.CANCELLED, "ended_at": present(), "requests": [], "pictures": 0}
    free = in_order(tables.batches, *conditions, skip_locked=True)
    return connection.execute(update(tables.batches).where(tables.batches.c.id.in_(free)).values(values)).rowcount


def _jobs_of(batch_id: int, *states: State) -> TableSelect:
    """Lock the jobs of a batch that are in one of these states; their ids."""
    jobs = tables.jobs.c
    return in_order(tables.jobs, jobs.batch_id == batch_id, jobs.state.in_([str(state) for state in states]))


def _part(batch: TableRow, count: int, googles: int) -> Cost:
    """What so many pictures of a batch may cost, of all of whose pictures so many are Google's."""
    of_all = (batch.picture_cost, batch.writing_cost, googles)
    painting, writing, its_googles = (one * count // batch.pictures for one in of_all)
    return Cost(count, painting, writing, its_googles)


def _charged(batch: TableRow) -> Charge:
    """Whose keys pay for a batch that was started."""
    painting = batch.picture_cost if batch.owner_pays else 0
    return Charge(paints=batch.owner_pays, writes=batch.estimate > painting or not batch.writing_cost)


def _asker(batch: TableRow) -> Asker:
    """Who asked for a batch."""
    group = None if batch.private else batch.chat_id
    return Asker(batch.bot_id, batch.user_id, group, is_terminal=batch.source != TELEGRAM)


def _waiting(connection: Connection, user_id: int) -> int:
    """Pictures of a person's started batches of which something is still to come."""
    batches, jobs = tables.batches.c, tables.jobs.c
    states = batches.state.in_([str(state) for state in NOT_ENDED])
    theirs = select(batches.id).where(batches.user_id == user_id, batches.source == TELEGRAM, states)
    pictures = connection.scalar(select(func.sum(batches.pictures)).where(batches.id.in_(theirs))) or 0
    ended = jobs.state.in_([str(state) for state in sorted(ENDED)])
    return pictures - (connection.scalar(select(func.count()).where(jobs.batch_id.in_(theirs), ended)) or 0)


def _changed(connection: Connection, statement: Update) -> bool:
    return connection.execute(statement).rowcount > 0


def _some(requests: Sequence[Request]) -> list[Request]:
    """The first requests, of about ``CHUNK`` pictures together."""
    pictures = itertools.accumulate((request.count for request in requests), initial=0)
    return [request for request, before in zip(requests, pictures, strict=False) if before < CHUNK]


def _numbered(requests: Sequence[Request], lines: Sequence[int]) -> list[dict[str, object]]:
    """Requests as the row has them, each with its line; counted where nobody knows the lines."""
    places = lines or range(1, len(requests) + 1)
    return [asdict(request) | {"line": line} for request, line in zip(requests, places, strict=True)]


def _request(kept: dict[str, Any]) -> Request:
    return Request(
        kept["idea"],
        read_parameters(kept["parameters"]),
        kept["count"],
        writing=Writing(**kept.get("writing") or {}),
    )


def _read(row: TableRow) -> Batch:
    key: str = row.request_key
    return Batch(
        id=row.id,
        source=row.source,
        address=Address(
            row.bot_id,
            row.chat_id,
            row.message_id,
            topic_id=row.topic_id,
            private=row.private,
            press=key[1:] if key.startswith("p") else None,
        ),
        sender=Sender(row.user_id, row.language),
        pictures=row.pictures,
        delivery_format=DeliveryFormat(row.way),
        state=BatchState(row.state),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        status_message_id=row.status_message_id,
        status_shown=row.status_shown,
        status_sending_since=row.status_sending_since,
        status_after=row.status_after,
        delivery_tries=row.delivery_tries,
        delivered_at=row.delivered_at,
        undelivered_reason=row.undelivered_reason,
        sending=tuple(row.sending or ()),
        witness=row.witness,
        without_buttons=tuple(row.without_buttons or ()),
        skipped=len(row.skipped or ()),
    )
