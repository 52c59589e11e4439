"""The work queue: one fair order of pictures, questions and orders to be cancelled, and leases on what was claimed.

Jobs and errands stand in two tables, each in the order of its rows' turns. A claim looks at the first of each, without
a lock, and takes the lower turn with one statement; how long the queue is makes no difference to either.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, or_, select

from shared.clock import present
from shared.errands import SILENT, Errand
from shared.errors import OutOfTime, WorkerLost
from shared.jobs import Job, Stage, State
from shared.queue_policy import Flow, QueuePolicy
from shared.store import leases, tables
from shared.store.database import Database, retrying
from shared.store.fair_queue import HELD_ALONE, HELD_IN_BATCHES, FairQueue
from shared.store.jobs import tell_of_stage
from shared.store.leases import WorkTable, claiming, first_in_line
from shared.store.locks import AdvisoryLock
from shared.store.question_queue import HELD_FIRST, QuestionQueue
from shared.store.rows import read_errand, read_job
from shared.store.types import ClaimStatement, Instant, TableRow, TableSelect

CLAIM_TRIES = 5  # each after another claim was faster; then the sweep's next ticket tries again
ALL = frozenset(Flow)

_jobs, _errands = tables.jobs.c, tables.errands.c


def _tell_of_job(database: Database, connection: Connection, row: TableRow, now: datetime, *, goes_on: bool) -> None:
    tell_of_stage(database, connection, row.id, Stage(row.stage), now, goes_on=goes_on)


def _tell_of_errand(
    database: Database,
    connection: Connection,
    row: TableRow,
    now: datetime,  # noqa: ARG001
    *,
    goes_on: bool,
) -> None:
    database.tell_of_errand(connection, row.id, goes_on=goes_on)


JOBS = WorkTable(
    tables.jobs,
    Database.tell,
    claiming={"stage": case((_jobs.prompt.is_(None), Stage.WRITING), else_=Stage.PAINTING)},
    giving_up={"stage": Stage.SENDING},
    note_and_tell=_tell_of_job,
)
ERRANDS = WorkTable(
    tables.errands,
    Database.tell_of_errand,
    note_and_tell=_tell_of_errand,
    giving_up={
        "delivered_at": case(
            (_errands.kind.in_([str(kind) for kind in SILENT]), bindparam("at", type_=Instant)), else_=None
        )
    },
)
TABLES = (JOBS, ERRANDS)  # in the lock order


@dataclass(frozen=True, eq=False)
class Claim:
    """The statements of a claim. Built once: putting them together takes longer than running them.

    Attributes:
        first: The turn of the row that comes first.
        first_id: Its id.
        next: Claims the first row that no other transaction has locked: mostly those are being claimed.
        named: Claims the row with the id ``first`` if it still may begin; waits where it is locked. That may be by the
            bot, which notes something in the row: then the job's only ticket must not be spent in vain.
    """

    first: TableSelect
    first_id: TableSelect
    next: ClaimStatement
    named: ClaimStatement
    read: Callable[[TableRow], Job | Errand]
    work: WorkTable


def _claim(work: WorkTable, read: Callable[[TableRow], Job | Errand], *conditions: ColumnElement[bool]) -> Claim:
    columns = work.table.c
    may_begin = work.may_begin()
    for condition in conditions:
        may_begin &= condition
    first_id = first_in_line(work, may_begin)
    unlocked = first_id.with_for_update(skip_locked=True).scalar_subquery()
    return Claim(
        first=first_in_line(work, may_begin, "turn"),
        first_id=first_id,
        next=claiming(work).where(columns.id == unlocked).returning(work.table),
        named=claiming(work).where(columns.id == bindparam("first"), may_begin).returning(work.table),
        read=read,
        work=work,
    )


QUESTION = _claim(ERRANDS, read_errand)
PICTURE = _claim(JOBS, read_job)
PICTURE_ALONE = _claim(JOBS, read_job, _jobs.batch_id.is_(None))

# Most looks find nothing: they need neither a transaction nor a lock.
LOOK = select(
    JOBS.is_waiting(),
    ERRANDS.is_waiting(),
    QUESTION.first.scalar_subquery(),
    PICTURE.first.scalar_subquery(),
    PICTURE_ALONE.first.scalar_subquery(),
)


IS_DUE = select(or_(*(exists().where(work.may_begin()) for work in TABLES)))
# Whether a sweep would find anything.
IS_TO_SWEEP = select(
    or_(
        *(work.is_waiting() for work in TABLES),
        *(work.is_let_go() for work in TABLES),
        *(exists().where(work.may_begin()) for work in TABLES),
        *(exists(held) for held in (HELD_ALONE, HELD_IN_BATCHES, HELD_FIRST)),
    )
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The lowest turn of what is queued; None where nothing is."""

    question: float | None
    picture: float | None
    picture_alone: float | None

    @property
    def lowest(self) -> float:
        """Of all that is queued; 0 where nothing is."""
        return min((turn for turn in (self.question, self.picture) if turn is not None), default=0.0)


def choose(standing: Standing, flows: Collection[Flow]) -> Claim | None:
    """Choose which claim is fairest now, among the flows that may be served; None where none of them waits. Pure."""
    turns: list[tuple[float, Claim]] = []
    if Flow.QUESTIONS in flows and standing.question is not None:
        turns.append((standing.question, QUESTION))
    if Flow.PICTURES in flows:
        in_batches = Flow.BATCHES in flows
        turn, claim = (standing.picture, PICTURE) if in_batches else (standing.picture_alone, PICTURE_ALONE)
        if turn is not None:
            turns.append((turn, claim))
    # Of equal turns a question goes first: it is the shorter.
    return min(turns, key=lambda one: one[0])[1] if turns else None


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Attributes:
        due: Queued rows, counted up to a limit: that many tickets should be on their way.
        revived: Rows taken back from workers that died.
        lost: Rows given up because they took along too many workers.
        late: Rows given up because their deadline passed while a worker held them.
    """

    due: int
    revived: int = 0
    lost: int = 0
    late: int = 0


class Turns:
    """The fair order and the leases, one transaction a step."""

    def __init__(
        self, database: Database, *, lease: timedelta, deadline: timedelta, policy: QueuePolicy | None = None
    ) -> None:
        """Set the terms: how long a silent worker keeps its work, and how long that may take from its first claim."""
        self._database = database
        self._lease = lease
        self._deadline = deadline
        self._lines = (FairQueue(database, policy), QuestionQueue(database, policy))

    @retrying
    def claim_next(self, worker: str, *, flows: Collection[Flow] = ALL) -> Job | Errand | None:
        """Take what is fairest now, for as long as the lease runs; None when there is nothing.

        Args:
            flows: Pass over the others; ``BATCHES`` are served beside ``PICTURES`` only.
        """
        for _ in range(CLAIM_TRIES):
            standing = self._look()
            claim = choose(standing, flows)
            if claim is None:
                return None
            row = self._claim(worker, claim, claim.next, lowest=standing.lowest)
            if row is None and (first := self._first(claim)) is not None:
                row = self._claim(worker, claim, claim.named, lowest=standing.lowest, first=first)
            if row is not None:
                return claim.read(row)
        return None

    def _look(self) -> Standing:
        """Queue what has waited long enough, and look at what comes first."""
        now = present()
        with self._database.reading() as connection:
            *are_waiting, question, picture, alone = connection.execute(LOOK, {"at": now}).one()
        if not any(are_waiting):
            return Standing(question, picture, alone)
        # In transactions of their own: a transaction that waits for a row must not hold others.
        for work, is_waiting in zip(TABLES, are_waiting, strict=True):
            if is_waiting:
                with self._database.writing() as connection:
                    leases.wake(connection, work, now)
        with self._database.reading() as connection:
            *_, question, picture, alone = connection.execute(LOOK, {"at": now}).one()
            return Standing(question, picture, alone)

    def _first(self, claim: Claim) -> int | None:
        with self._database.reading() as connection:
            first: int | None = connection.scalar(claim.first_id)
            return first

    def _claim(self, worker: str, claim: Claim, statement: ClaimStatement, **terms: float) -> TableRow | None:
        with self._database.writing() as connection:
            # Not before: while this waited to write, somebody may have asked for the very row that it claims.
            now = present()
            held = {"at": now, "holder": worker, "lease": now + self._lease, "end": now + self._deadline}
            row = connection.execute(statement, held | terms).first()
            if row is not None:
                claim.work.note_and_tell(self._database, connection, row, now, goes_on=True)
            return row

    def renew(self, worker: str, *, jobs: Collection[int] = (), errands: Collection[int] = ()) -> int:
        """Keep what a living worker has in hand its own; returns how much of it still is.

        What is past its deadline is not renewed: its lease runs out, and a sweep ends it, whatever the worker is still
        waiting for. What the worker let go without being able to write it down is left to the sweep, what is being
        written to at this moment to the next renewal.
        """
        return sum(self._renew(work, worker=worker, ids=ids) for work, ids in ((JOBS, jobs), (ERRANDS, errands)) if ids)

    def renew_all(self) -> int:
        """Let every worker's leases run anew, after none could renew its own; those of dead workers run out later."""
        return sum(self._renew(work) for work in TABLES)

    @retrying
    def _renew(self, work: WorkTable, *, worker: str | None = None, ids: Collection[int] = ()) -> int:
        with self._database.writing() as connection:
            return leases.renew(connection, work, present(), self._lease, worker=worker, ids=ids)

    def is_any_due(self) -> bool:
        """Whether some work could be claimed now."""
        with self._database.reading() as connection:
            return bool(connection.scalar(IS_DUE))

    def release(self, worker: str | None) -> int:
        """Give back the work of a worker that stops; None: of all workers, when no other can be alive."""
        return sum(self._release(work, worker) for work in TABLES)

    @retrying
    def _release(self, work: WorkTable, worker: str | None) -> int:
        with self._database.writing() as connection:
            return leases.release(connection, work, worker)

    @retrying
    def sweep(self, *, most_due: int, dead: Collection[str] = ()) -> Sweep | None:
        """Bring back what dead workers held and what waited long enough; None when another process is at it.

        Args:
            dead: Workers whose leases are not waited for (``DeadWorkers`` in ``shared/store/process_locks.py``).
        """
        now = present()
        if not dead and not self._is_to_sweep(now):
            return Sweep(due=0)
        ends = self._take_back(now, dead)
        if ends is None:
            return None
        for line in self._lines:
            line.repair()
        with self._database.reading() as connection:
            due = sum(leases.count_due(connection, work, most_due) for work in TABLES)
        return Sweep(
            due=min(due, most_due),
            revived=ends[State.QUEUED],
            lost=ends[WorkerLost.reason],
            late=ends[OutOfTime.reason],
        )

    def _is_to_sweep(self, now: datetime) -> bool:
        with self._database.reading() as connection:
            return bool(connection.scalar(IS_TO_SWEEP, {"at": now}))

    def _take_back(self, now: datetime, dead: Collection[str]) -> Counter[str] | None:
        with self._database.writing() as connection:
            if not self._database.alone(connection, AdvisoryLock.SWEEP):
                return None
            ends = Counter[str]()
            for work in TABLES:
                leases.wake(connection, work, now)
                ends += leases.take_back(self._database, connection, work, now, dead=dead)
            return ends
