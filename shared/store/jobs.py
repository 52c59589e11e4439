"""The rows of jobs: submitted by the bot, run by the worker that holds the lease."""

import itertools
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from shared.clock import present
from shared.errors import ImagineError, QueueFull, StoreAway
from shared.jobs import ENDED, Address, Attempt, Job, Lineage, Parameters, Prompt, Recipe, Request, Sender, Stage, State
from shared.json_types import JsonObject
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.alerts import note_calls
from shared.store.allowances import OWNER_PAYS_ALL, Charge, Cost, require_pictures
from shared.store.budgets import Asker, lock_group
from shared.store.database import Database, insert_new, retrying
from shared.store.fair_queue import FairQueue, Places
from shared.store.job_states import IN_FLIGHT, UNDER_WAY, state_is
from shared.store.picture_terms import FOUND_BY, keep_terms
from shared.store.rows import columns_of, read_job
from shared.store.spending import book
from shared.store.types import TableSelect
from shared.store.withdrawals import can_be_withdrawn, withdraw

MAX_SEED = 2**63 - 1  # what a column of 64 bits holds
SEEDS = 2**32  # a seed is below this
MAX_IN_ALBUM = 10  # pictures
MAX_BEFORE = 1_000  # in the line: who stands behind more isn't told how many

# Queued, or held outside batches: those come in as places become free, at their turns. Each part has its own index.
IN_LINE = (state_is(State.QUEUED), and_(state_is(State.HELD), tables.jobs.c.batch_id.is_(None)))
IN_ORDER = (tables.jobs.c.turn, tables.jobs.c.id)
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # between tries to write while the database is away

T = TypeVar("T")


class LostTurn(ImagineError):
    """Another worker has the job now, or it was cancelled: the caller drops it silently."""


REACHED = insert(tables.stages).inline()  # Nobody needs the row's id.
ATTEMPTED = insert(tables.attempts).inline()


def reached(connection: Connection, job_id: int, stage: Stage, now: datetime) -> None:
    """Write down when a job came to a stage."""
    connection.execute(REACHED, {"job_id": job_id, "stage": stage, "at": now})


def tell_of_stage(
    database: Database, connection: Connection, job_id: int, stage: Stage, now: datetime, *, goes_on: bool
) -> None:
    """Write down when a job came to a stage, and wake who waits for news of it, as ``Database.tell`` does."""
    row = {"job_id": job_id, "stage": stage, "at": now}
    database.insert_and_tell(connection, REACHED, row, job_id=job_id, goes_on=goes_on)


def _written(connection: Connection, job_id: int, now: datetime) -> bool | None:
    """Whether a step of this moment went on, where it was committed and the answer got lost; None where it wasn't."""
    for table, went_on in ((tables.stages, True), (tables.attempts, False)):
        if connection.scalar(select(exists().where(table.c.job_id == job_id, table.c.at == now))):
            return went_on
    return None


def _fitting(attempt: Attempt, job: Job) -> dict[str, object]:
    """The attempt's row. Services wrote parts of it, which may be of any length."""
    columns, values = tables.attempts.c, asdict(attempt)
    fitting = {
        name: value[: getattr(columns[name].type, "length", None)] if isinstance(value, str) else value
        for name, value in values.items()
        if name in columns
    }
    counts = attempt.owner_pays and (attempt.pictures or attempt.cost or attempt.tokens_in or attempt.tokens_out)
    return fitting | {
        "job_id": job.id,
        "user_id": job.sender.id if counts else None,
        "group_id": job.address.chat_id if counts and not job.address.private else None,
    }


def _prompt_columns(prompt: Prompt | None) -> dict[str, object]:
    if prompt is None:
        return dict.fromkeys(("prompt", "negative_prompt", "title", "idea_language", "chat_model"))
    return {
        "prompt": prompt.text,
        "negative_prompt": prompt.negative,
        "title": prompt.title,
        "idea_language": prompt.language,
        "chat_model": prompt.model,
    }


def _for_number(parameters: Parameters, number: int) -> Parameters:
    """The parameters of one of several pictures: a seed that was named is the first one's."""
    if parameters.seed is None or number == 0:
        return parameters
    return replace(parameters, seed=(parameters.seed + number) % SEEDS)


def _columns(request: Request, address: Address, sender: Sender, lineage: Lineage | None) -> dict[str, object]:
    """What the jobs of a request have in common."""
    return {
        **columns_of(address, sender),
        "request_key": address.request_key,
        "pictures": request.count,
        "parent_id": lineage.parent_id if lineage else None,
        "origin": lineage.origin if lineage else None,
        "idea": request.idea,
        "subject": request.subject or None,
        "writing": asdict(request.writing),
        "picture_key": request.picture.key if request.picture else None,
        "picture_type": request.picture.media_type if request.picture else None,
        **_prompt_columns(lineage.prompt if lineage else None),
    }


def _numbered(request: Request, number: int, lineage: Lineage | None = None) -> dict[str, object]:
    its_own = lineage.each[number] if lineage and lineage.each else _for_number(request.parameters, number)
    prompt = _prompt_columns(lineage.prompts[number]) if lineage and lineage.prompts else {}
    return {"number": number, "parameters": asdict(its_own), **prompt}


def unpaid_in(bot_id: int, chat_id: int) -> list[ColumnElement[bool]]:
    """Conditions on jobs that were asked for in a chat, have not ended, and are not being painted.

    What is ordered at a provider is among them: not all of it can be withdrawn.
    """
    jobs = tables.jobs.c
    ordered = and_(state_is(State.WORKING), jobs.handle.is_not(None))
    being_written = and_(state_is(State.WORKING), jobs.stage.not_in([Stage.PAINTING, Stage.WAKING, Stage.RETRYING]))
    # In a private chat everything is its person's: their jobs are found by an index.
    whose = [jobs.user_id == chat_id] if chat_id > 0 else []
    return [
        jobs.bot_id == bot_id,
        jobs.chat_id == chat_id,
        *whose,
        or_(state_is(State.HELD, State.QUEUED, State.WAITING), being_written, ordered),
    ]


CARRY_ON = (
    update(tables.jobs)
    .where(
        tables.jobs.c.id == bindparam("its_id"),
        tables.jobs.c.state == State.WORKING,
        tables.jobs.c.worker == bindparam("its_worker"),
        tables.jobs.c.claims == bindparam("its_claims"),
    )
    .returning(*FOUND_BY)
)
READ = select(tables.jobs).where(tables.jobs.c.id.in_(bindparam("ids", expanding=True)))


def _placing() -> TableSelect:
    """Whether the job ``its_id`` is in the line, and how many stand before it, counted up to ``most`` in each part."""
    jobs = tables.jobs.c
    its_own = (jobs.id == bindparam("its_id"), or_(*IN_LINE))
    turn, number = (select(column).where(*its_own).scalar_subquery() for column in (jobs.turn, jobs.id))
    before = tuple_(jobs.turn, jobs.id) < tuple_(turn, number)
    some = (select(jobs.id).where(part, before).limit(bindparam("most")).subquery() for part in IN_LINE)
    counts = (select(func.count()).select_from(found).scalar_subquery() for found in some)
    return select(number, *counts)


PLACE = _placing()


class Jobs:
    """The rows of jobs, one transaction a method."""

    def __init__(
        self, database: Database, policy: QueuePolicy | None = None, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Keep jobs in this database, on the owner's terms where they aren't the usual ones.

        Args:
            pause: Lets so many seconds pass while the database is away.
        """
        self._database = database
        self._pause = pause
        self._queue = FairQueue(database, policy)
        # Given its values as parameters, a statement is put together once; with ``values()`` that takes longer than
        # running it.
        self._insert = insert_new(database, tables.jobs).on_conflict_do_nothing().returning(tables.jobs)

    # Taking in

    @retrying
    def submit(
        self,
        request: Request,
        *,
        address: Address,
        sender: Sender,
        lineage: Lineage | None = None,
        status_after: int | None = None,
    ) -> tuple[Job, bool]:
        """Write down a request, each of its pictures as a job with a turn of its own.

        The same message or press twice is one request: Telegram sends an update again when our confirmation got
        lost. So is a second press of a button whose picture is still under way.

        Args:
            status_after: A status message is about to be sent, and its number will be higher than this.

        Returns:
            The first picture's job, and whether the request is new.

        Raises:
            QueueFull: This person, or the group, may not ask for so many now.
        """
        now = present()
        group, policy = None if address.private else address.chat_id, self._queue.policy
        with self._database.writing() as connection:
            lock_group(self._database, connection, policy.budgets, group)
            try:
                places = self._queue.find_places(connection, sender, request.count, now, group=group)
                asker, cost = Asker(address.bot_id, sender.id, group), Cost.of([request], policy.prices)
                charged = require_pictures(self._database, connection, asker, policy, cost)
            except QueueFull:
                if (known := self._known(connection, address, lineage)) is None:
                    raise
                return known, False
            values = _columns(request, address, sender, lineage) | {"created_at": now, "owner_pays": charged.pays(cost)}
            sending = {} if status_after is None else {"status_sending_since": now, "status_after": status_after}
            numbered = self._numbered_rows(request, lineage, places, charged, sending)
            first = self._insert_pictures(connection, values, numbered, now)
            if first is None:
                if (known := self._known(connection, address, lineage)) is None:
                    raise RuntimeError("a request that stood in the way is not there")
                return known, False
            self._queue.take(connection, places)
            return first, True

    def _numbered_rows(
        self,
        request: Request,
        lineage: Lineage | None,
        places: Places,
        charged: Charge,
        of_first: Mapping[str, object],
    ) -> list[dict[str, object]]:
        """The columns that differ from picture to picture of a request."""
        return [
            _numbered(request, number, lineage)
            | places.columns(number)
            | {"estimate": self._estimate(request, number, charged), **({} if number else of_first)}
            for number in range(request.count)
        ]

    def _insert_pictures(
        self, connection: Connection, common: dict[str, object], numbered: Sequence[dict[str, object]], now: datetime
    ) -> Job | None:
        """Insert the pictures of a request; returns the first one's job, None where it is there already.

        Another press may stand in the way of the first picture alone: the others would go in unseen.
        """
        first: Job | None = None
        for its_own in numbered:
            row = connection.execute(self._insert, common | its_own).first()
            if row is not None:
                reached(connection, row.id, Stage.QUEUED, now)
                first = first or read_job(row)
            elif first is None:
                return None
        return first

    def submit_batch(
        self,
        connection: Connection,
        batch_id: int,
        requests: Sequence[Request],
        *,
        address: Address,
        sender: Sender,
        first: int = 0,
        charged: Charge = OWNER_PAYS_ALL,
    ) -> int:
        """Write down the pictures of a batch as jobs, in its caller's transaction; returns how many can start at once.

        Each request is a part of its own: its pictures share a prompt, and are siblings. To be called when the batch's
        state has become ``running``, with the first of these requests' place in the batch, from 0.
        """
        now = present()
        places = self._queue.find_places_for_batch(connection, sender, sum(one.count for one in requests), now)
        rows: list[dict[str, object]] = []
        for part, request in enumerate(requests, first):
            of_part = replace(address, part=f"{batch_id}.{part}")
            of_batch = {"created_at": now, "batch_id": batch_id, "owner_pays": charged.paints}
            values = _columns(request, of_part, sender, None) | of_batch
            rows += [
                values
                | _numbered(request, number)
                | places.columns(len(rows) + number)
                | {"estimate": self._estimate(request, number, charged)}
                for number in range(request.count)
            ]
        if not rows:
            return 0
        written = select(tables.jobs.c.id).where(tables.jobs.c.batch_id == batch_id)
        before = connection.scalar(written.order_by(tables.jobs.c.id.desc()).limit(1)) or 0
        connection.execute(insert(tables.jobs), rows)
        ids = connection.scalars(written.where(tables.jobs.c.id > before))
        at = {"stage": Stage.QUEUED, "at": now}
        connection.execute(insert(tables.stages), [at | {"job_id": job_id} for job_id in ids])
        self._queue.take(connection, places)
        return min(places.room, len(rows))

    def _estimate(self, request: Request, number: int, charged: Charge) -> int:
        """What a picture of a request may cost the owner; the first one has the prompt written."""
        prices = self._queue.policy.prices
        writing = prices.of_writing(request) if number == 0 else 0
        return charged.of(Cost(1, prices.of_painting(request), writing, int(prices.is_googles(request))))

    @staticmethod
    def _known(connection: Connection, address: Address, lineage: Lineage | None) -> Job | None:
        jobs = tables.jobs.c
        same = and_(
            jobs.bot_id == address.bot_id, jobs.chat_id == address.chat_id, jobs.request_key == address.request_key
        )
        if lineage is not None:
            same |= and_(jobs.parent_id == lineage.parent_id, jobs.origin == lineage.origin)
        newest = select(tables.jobs).where(jobs.number == 0, same).order_by(jobs.id.desc()).limit(1)
        row = connection.execute(newest).first()
        return read_job(row) if row else None

    def change(self, job: Job, request: Request) -> bool:
        """Ask for something else in the place of a request of as many pictures; each keeps its turn.

        Returns:
            Whether it was changed: no worker has begun with any of the pictures, and none has a prompt yet.
        """
        jobs = tables.jobs.c
        address = job.address
        theirs = (
            jobs.bot_id == address.bot_id,
            jobs.chat_id == address.chat_id,
            jobs.request_key == address.request_key,
        )
        columns = _columns(request, address, job.sender, None)
        asked = {name: columns[name] for name in ("idea", "subject", "writing", "picture_key", "picture_type")}
        with self._database.writing() as connection:
            rows = connection.execute(
                select(jobs.id, jobs.number, jobs.state, jobs.claims, jobs.prompt)
                .where(*theirs)
                .order_by(jobs.id)
                .with_for_update()
            ).all()
            unbegun = {State.HELD, State.QUEUED}
            if not all(row.state in unbegun and row.claims == 0 and row.prompt is None for row in rows):
                return False
            for row in rows:
                its_own = asdict(_for_number(request.parameters, row.number))
                connection.execute(update(tables.jobs).where(jobs.id == row.id).values(**asked, parameters=its_own))
            return bool(rows)

    # Reading

    def read(self, job_id: int) -> Job | None:
        """Read one job."""
        found = self.read_all([job_id])
        return found[0] if found else None

    def read_all(self, job_ids: list[int]) -> list[Job]:
        """Read several jobs; unknown ids are passed over."""
        with self._database.reading() as connection:
            return [read_job(row) for row in connection.execute(READ, {"ids": job_ids})]

    def asked_at(self, address: Address) -> Job | None:
        """The first job of what this message, or this press, asked for."""
        with self._database.reading() as connection:
            return self._known(connection, address, None)

    def delivered_as(self, bot_id: int, chat_id: int, message_id: int) -> Job | None:
        """The job whose picture this message brought into its chat."""
        jobs = tables.jobs.c
        wanted = select(tables.jobs).where(
            jobs.bot_id == bot_id,
            jobs.chat_id == chat_id,
            jobs.delivered_message_id == message_id,
            jobs.state == State.FINISHED,
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
            return read_job(row) if row else None

    def album_of(self, job: Job) -> list[Job]:
        """The pictures of its batch that were sent in one album with a job, in their order.

        The messages of an album have numbers that follow each other, and another message comes below it.
        """
        if job.batch_id is None or job.delivered_message_id is None:
            return [job]
        jobs, number = tables.jobs.c, job.delivered_message_id
        near = jobs.delivered_message_id.between(number - MAX_IN_ALBUM, number + MAX_IN_ALBUM)
        beside = select(tables.jobs).where(jobs.batch_id == job.batch_id, near).order_by(jobs.delivered_message_id)
        with self._database.reading() as connection:
            found = [read_job(row) for row in connection.execute(beside)]
        album = [one for one in found if one.id == job.id]
        for one in (one for one in found if int(one.delivered_message_id or 0) > number):
            if one.delivered_message_id == int(album[-1].delivered_message_id or 0) + 1:
                album.append(one)
        for one in (one for one in reversed(found) if int(one.delivered_message_id or 0) < number):
            if one.delivered_message_id == int(album[0].delivered_message_id or 0) - 1:
                album.insert(0, one)
        return album or [job]

    def siblings(self, job: Job) -> list[Job]:
        """All pictures of a job's request, itself among them, in order."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(tables.jobs)
                .where(
                    jobs.bot_id == job.address.bot_id,
                    jobs.chat_id == job.address.chat_id,
                    jobs.request_key == job.address.request_key,
                )
                .order_by(jobs.number)
            )
            return [read_job(row) for row in rows]

    # Carrying on. The worker's steps; each raises LostTurn when the job is no longer this worker's, and writes down
    # the calls to services that led to it.

    def keep_prompt(self, job: Job, prompt: Prompt, attempts: Iterable[Attempt] = ()) -> None:
        """Write down the prompt, so that it is never paid for again; painting comes next.

        When the turn was lost meanwhile, a job that still has no prompt keeps this one for the worker that has it now.
        """
        try:
            self._carry_on(job, attempts, stage=Stage.PAINTING, failures=0, **_prompt_columns(prompt))
        except LostTurn:
            self._persist(lambda connection: self._leave_prompt(connection, job, prompt))
            raise

    @staticmethod
    def _leave_prompt(connection: Connection, job: Job, prompt: Prompt) -> None:
        jobs = tables.jobs.c
        lacking = and_(jobs.id == job.id, jobs.prompt.is_(None), state_is(*UNDER_WAY))
        connection.execute(update(tables.jobs).where(lacking).values(**_prompt_columns(prompt)))

    def wait(
        self,
        job: Job,
        *,
        seconds: float,
        stage: Stage,
        reason: str,
        failures: int,
        estimate_s: float | None = None,
        handle: JsonObject | None = None,
        attempts: Iterable[Attempt] = (),
    ) -> None:
        """Put the job aside until so many seconds have passed; the worker's slot is free meanwhile."""
        self._carry_on(
            job,
            attempts,
            state=State.WAITING,
            stage=stage,
            reason=reason,
            failures=failures,
            estimate_s=estimate_s,
            handle=handle,
            not_before=present() + timedelta(seconds=seconds),
            worker=None,
            lease_until=None,
        )

    def finish(
        self, job: Job, recipe: Recipe, *, image_key: str, media_type: str, attempts: Iterable[Attempt] = ()
    ) -> None:
        """Record the picture and how it was made. From here on, delivery is the bot's."""
        self._carry_on(
            job,
            attempts,
            state=State.FINISHED,
            stage=Stage.SENDING,
            reason=None,
            handle=None,
            recipe=asdict(recipe),
            image_model=recipe.model,
            provider=recipe.provider,
            # Providers tell seeds of up to 64 bits without a sign; the recipe keeps what doesn't fit the column.
            seed=recipe.seed if -MAX_SEED <= (recipe.seed or 0) <= MAX_SEED else None,
            image_key=image_key,
            media_type=media_type,
            ended_at=present(),
            worker=None,
            lease_until=None,
        )

    def give_up(self, job: Job, reason: str, attempts: Iterable[Attempt] = ()) -> None:
        """Record that there will be no picture, and why."""
        self._carry_on(
            job,
            attempts,
            state=State.FAILED,
            stage=Stage.SENDING,
            reason=reason,
            ended_at=present(),
            worker=None,
            lease_until=None,
        )

    # Ending early

    def not_ended(self, user_id: int, *, bot_id: int, chat_id: int | None = None) -> list[Job]:
        """One person's jobs outside batches that have not ended, oldest first; of one chat, where one is named."""
        jobs = tables.jobs.c
        mine = [jobs.user_id == user_id, jobs.bot_id == bot_id, jobs.batch_id.is_(None)]
        if chat_id is not None:
            mine.append(jobs.chat_id == chat_id)
        with self._database.reading() as connection:
            held = connection.execute(select(tables.jobs).where(*mine, state_is(State.HELD))).all()
            in_flight = connection.execute(select(tables.jobs).where(*mine, state_is(*IN_FLIGHT))).all()
        return sorted((read_job(row) for row in (*held, *in_flight)), key=lambda job: job.id)

    @retrying
    def cancel(self, job_ids: Iterable[int]) -> list[Job]:
        """End jobs without a picture, as far as they have not ended: they deliver nothing, and their turns are free.

        A worker that has one of them loses it at the next step, and what is ordered at a provider is withdrawn.

        Returns:
            The jobs that were cancelled, as they stood before.
        """
        jobs = tables.jobs.c
        with self._database.writing() as connection:
            wanted = select(tables.jobs).where(jobs.id.in_(list(job_ids)), state_is(*UNDER_WAY))
            return self._cancel(connection, wanted)

    def cancel_batch(self, connection: Connection, batch_id: int) -> list[Job]:
        """Cancel the jobs of a batch, in its caller's transaction; returns them as they stood before."""
        wanted = select(tables.jobs).where(tables.jobs.c.batch_id == batch_id, state_is(*UNDER_WAY))
        return self._cancel(connection, wanted)

    def cancel_unpaid(self, connection: Connection, bot_id: int, chat_id: int, *, reason: str) -> list[Job]:
        """Cancel what was asked for in a chat and nobody has had painted yet, in its caller's transaction.

        An order that can be withdrawn is. What is being painted, or ordered where it can't be, goes on: it is paid for.

        Args:
            reason: Why; a word for the record.
        """
        unpaid = select(tables.jobs).where(*unpaid_in(bot_id, chat_id)).order_by(tables.jobs.c.id).with_for_update()
        found = [read_job(row) for row in connection.execute(unpaid)]
        wanted = [job.id for job in found if job.handle is None or can_be_withdrawn(job.handle)]
        return self._cancel(connection, select(tables.jobs).where(tables.jobs.c.id.in_(wanted)), reason)

    def _cancel(self, connection: Connection, wanted: TableSelect, reason: str | None = None) -> list[Job]:
        now = present()
        found = [read_job(row) for row in connection.execute(wanted.order_by(tables.jobs.c.id).with_for_update())]
        if not found:
            return []
        connection.execute(
            update(tables.jobs)
            .where(tables.jobs.c.id.in_([job.id for job in found]))
            .values(
                state=State.CANCELLED,
                ended_at=now,
                handle=None,
                not_before=None,
                worker=None,
                lease_until=None,
                **({} if reason is None else {"reason": reason}),
            )
        )
        withdraw(self._database, connection, found)
        people = {job.sender.id for job in found}
        self._queue.let_in(connection, people)
        self._queue.forget(connection, people)
        for job in found:
            self._database.tell(connection, job.id)
        return found

    def withdraw(self, job: Job, handle: JsonObject) -> bool:
        """Have an order withdrawn that was made while its job was being cancelled; False when the job was not."""
        with self._database.writing() as connection:
            state = connection.scalar(select(tables.jobs.c.state).where(tables.jobs.c.id == job.id))
            if state != State.CANCELLED:
                return False  # Another worker has it, and perhaps the same order.
            return withdraw(self._database, connection, [replace(job, handle=handle)]) > 0

    def pause_batch(self, connection: Connection, batch_id: int) -> int:
        """Take a batch's queued pictures out of the line, once its state says so; returns how many."""
        held = self._queue.hold_batch(connection, batch_id)
        self.resume_batches(connection, batch_id)
        return held

    def resume_batches(self, connection: Connection, batch_id: int) -> int:
        """Let in what may stand in the line of the batches of this batch's person; returns how many pictures."""
        owner = connection.scalar(select(tables.batches.c.user_id).where(tables.batches.c.id == batch_id))
        return 0 if owner is None else self._queue.let_in(connection, [owner])

    def _carry_on(self, job: Job, attempts: Iterable[Attempt], *, stage: Stage, **values: object) -> None:
        now = present()
        made = list(attempts)
        notes = [_fitting(attempt, job) | {"at": now} for attempt in made]
        cost = sum(attempt.cost for attempt in made)
        its_own = {"its_id": job.id, "its_worker": job.worker, "its_claims": job.claims}
        tries = itertools.count()

        def write(connection: Connection) -> bool:
            if next(tries) and (done := _written(connection, job.id, now)) is not None:
                return done
            if notes:
                # A call that was made counts, also where another worker has the job by now.
                connection.execute(ATTEMPTED, notes)
            row = connection.execute(CARRY_ON, its_own | {"stage": stage, **values}).first()
            if row is not None:
                has_ended = values.get("state") in ENDED
                tell_of_stage(self._database, connection, job.id, stage, now, goes_on=not has_ended)
                if values.get("state") is State.FINISHED:
                    keep_terms(self._database, connection, job.id, row)
                if has_ended:
                    self._queue.let_in(connection, [job.sender.id])
            note_calls(self._database, connection, made, now)
            book(self._database, connection, cost, now)
            return row is not None

        if not self._persist(write):
            raise LostTurn(f"job {job.id}")

    def _persist(self, write: Callable[[Connection], T]) -> T:
        """Write what was paid for, also when the database is away for a while: without it, it would be paid again.

        Raises:
            StoreAway: It stayed away for about ``sum(PAUSES_S)`` seconds.
        """
        for pause in PAUSES_S:
            try:
                with self._database.writing() as connection:
                    return write(connection)
            except StoreAway:
                self._pause(pause * random.uniform(0.5, 1.5))
        with self._database.writing() as connection:
            return write(connection)

    # Attempts

    def tried_in_vain(self, job_id: int, reasons: frozenset[str]) -> frozenset[tuple[str, str]]:
        """The (model, provider) pairs whose answer to this job was one of these reasons."""
        attempts = tables.attempts.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(attempts.model, attempts.service)
                .where(attempts.job_id == job_id, attempts.step == "image", attempts.outcome.in_(reasons))
                .distinct()
            )
            return frozenset((row.model, row.service) for row in rows)

    def count_attempts(self, job_id: int, outcome: str) -> int:
        """How many calls that this job made for its picture ended so."""
        attempts = tables.attempts.c
        ended_so = (attempts.job_id == job_id, attempts.step == "image", attempts.outcome == outcome)
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(tables.attempts).where(*ended_so)) or 0

    # What people are told

    def change_status(self, job: Job, shown: str, *, has_ended: bool = False) -> bool:
        """Take on the edit from what the status message says to this; False when another process did.

        Args:
            has_ended: It is about the delivery; else a job that has ended meanwhile keeps its status.
        """
        with self._database.writing() as connection:
            taken = connection.execute(
                update(tables.jobs)
                .where(
                    tables.jobs.c.id == job.id,
                    tables.jobs.c.status_shown == job.status_shown,
                    tables.jobs.c.delivered_at.is_(None),
                    # Of several pictures the first may have ended while others are under way.
                    or_(tables.jobs.c.state.not_in(ENDED), tables.jobs.c.pictures > 1, literal(has_ended)),
                )
                .values(status_shown=shown)
            )
            return taken.rowcount == 1

    def line(self, bot_id: int, *, limit: int) -> list[tuple[int, Job]]:
        """The first ``limit`` jobs of the queue, of them this bot's with a status message: (position from 1, job)."""
        first = (select(tables.jobs).where(part).order_by(*IN_ORDER).limit(limit) for part in IN_LINE)
        with self._database.reading() as connection:
            found = [row for part in first for row in connection.execute(part)]
        found.sort(key=lambda row: (row.turn, row.id))
        return [
            (place, read_job(row))
            for place, row in enumerate(found[:limit], 1)
            if row.bot_id == bot_id and row.status_message_id is not None
        ]

    def under_way(self, bot_id: int, *, limit: int) -> list[Job]:
        """This bot's jobs that a worker has begun and that have a status message."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(tables.jobs)
                .where(
                    jobs.state.in_([State.WORKING, State.WAITING]),
                    jobs.bot_id == bot_id,
                    jobs.status_message_id.is_not(None),
                )
                .limit(limit)
            )
            return [read_job(row) for row in rows]

    def position(self, job_id: int, *, limit: int = MAX_BEFORE) -> int | None:
        """Place in the line, from 1, those who are held behind it included; None when the job isn't in it.

        It is ``most + 2`` for all who stand behind more than ``limit`` others: a longer line is not counted.
        """
        with self._database.reading() as connection:
            row = connection.execute(PLACE, {"its_id": job_id, "most": limit + 1}).one()
        return None if row[0] is None else min(sum(row[1:]), limit + 1) + 1

    def chats_at_work(self, bot_id: int, *, limit: int) -> list[tuple[int, int | None]]:
        """The (chat, topic) pairs for which a picture is being made at this moment."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(jobs.chat_id, jobs.topic_id)
                .where(jobs.state == State.WORKING, jobs.bot_id == bot_id)
                .distinct()
                .limit(limit)
            )
            return [(row.chat_id, row.topic_id) for row in rows]
