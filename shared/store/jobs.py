"""The record of every job: taken in by the bot, carried on by the worker that holds its lease."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shared.errors import ImagineError
from shared.jobs import ENDED, Address, Attempt, Job, Lineage, Parameters, Prompt, Recipe, Request, Sender, Stage, State
from shared.store import tables
from shared.store.database import Database
from shared.store.rows import read_job

MOST_SEED = 2**63 - 1  # what a column of 64 bits holds
SEEDS = 2**32  # a seed is below this
COST = 1.0  # of one picture, in turns; a person's next job stands this much further back


class LostTurn(ImagineError):
    """Another worker has the job now, or it was cancelled: whoever sees this puts it down without a word."""


def insert_new(database: Database, table: Any) -> Any:
    """Build an INSERT that can say what happens on a conflict, in the database's own dialect."""
    return sqlite.insert(table) if database.is_sqlite else postgresql.insert(table)


def reached(connection: Connection, job_id: int, stage: Stage, now: datetime) -> None:
    """Write down when a job came to a stage."""
    connection.execute(insert(tables.stages), {"job_id": job_id, "stage": stage, "at": now})


def _fitting(attempt: Attempt) -> dict[str, Any]:
    """The attempt's row. Services wrote parts of it: of any length, and with characters that no database takes."""
    columns = tables.attempts.c
    return {
        name: _storable(value)[: getattr(columns[name].type, "length", None)] if isinstance(value, str) else value
        for name, value in asdict(attempt).items()
    }


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _prompt_columns(prompt: Prompt | None) -> dict[str, Any]:
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


CARRY_ON = update(tables.jobs).where(
    tables.jobs.c.id == bindparam("its_id"),
    tables.jobs.c.state == State.WORKING,
    tables.jobs.c.worker == bindparam("its_worker"),
    tables.jobs.c.claims == bindparam("its_claims"),
)


class Jobs:
    """The rows of jobs, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Given its values as parameters, a statement is put together once; with ``values()`` that takes longer than
        # running it.
        self._insert = insert_new(database, tables.jobs).on_conflict_do_nothing().returning(tables.jobs)

    # Taking in

    def submit(
        self, request: Request, *, address: Address, sender: Sender, lineage: Lineage | None = None
    ) -> tuple[Job, bool]:
        """Write down a request, each of its pictures as a job with a turn of its own.

        The same message or press twice is one request: Telegram sends an update again when our confirmation got
        lost. So is a second press of a button whose picture is still under way.

        Returns:
            The first picture's job, and whether the request is new.
        """
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            turn = self._next_turn(connection, sender, now)
            values = {
                "bot_id": address.bot_id,
                "chat_id": address.chat_id,
                "message_id": address.message_id,
                "topic_id": address.topic_id,
                "private": address.private,
                "request_key": address.request_key,
                "pictures": request.count,
                "parent_id": lineage.parent_id if lineage else None,
                "origin": lineage.origin if lineage else None,
                "user_id": sender.id,
                "language": sender.language,
                "idea": request.idea,
                "writing": asdict(request.writing),
                "picture_key": request.picture.key if request.picture else None,
                "picture_type": request.picture.media_type if request.picture else None,
                "state": State.QUEUED,
                "stage": Stage.QUEUED,
                "created_at": now,
                **_prompt_columns(lineage.prompt if lineage else None),
            }
            rows = [
                connection.execute(
                    self._insert,
                    values
                    | {
                        "number": number,
                        "parameters": asdict(_for_number(request.parameters, number)),
                        "turn": turn + number * COST,
                    },
                ).first()
                for number in range(request.count)
            ]
            first = rows[0]
            if first is None:
                return self._known(connection, address, lineage), False
            for row in rows:
                if row is not None:
                    reached(connection, row.id, Stage.QUEUED, now)
            connection.execute(
                update(tables.users)
                .where(tables.users.c.id == sender.id)
                .values(last_turn=turn + (request.count - 1) * COST)
            )
            return read_job(first), True

    def _next_turn(self, connection: Connection, sender: Sender, now: datetime) -> float:
        """Start-time fair queueing: the later of now's virtual time and the place behind one's own last job."""
        person = insert_new(self._database, tables.users).values(
            id=sender.id, language=sender.language, settings={}, last_turn=-COST, created_at=now
        )
        last_turn: float = connection.execute(
            person.on_conflict_do_update(index_elements=["id"], set_={"language": person.excluded.language}).returning(
                tables.users.c.last_turn
            )
        ).scalar_one()
        claimed = select(func.max(tables.jobs.c.turn)).where(tables.jobs.c.started_at.is_not(None))
        return max(connection.scalar(claimed) or 0.0, last_turn + COST)

    @staticmethod
    def _known(connection: Connection, address: Address, lineage: Lineage | None) -> Job:
        jobs = tables.jobs.c
        same = and_(
            jobs.bot_id == address.bot_id, jobs.chat_id == address.chat_id, jobs.request_key == address.request_key
        )
        if lineage is not None:
            same |= and_(jobs.parent_id == lineage.parent_id, jobs.origin == lineage.origin)
        newest = select(tables.jobs).where(jobs.number == 0, same).order_by(jobs.id.desc()).limit(1)
        return read_job(connection.execute(newest).one())

    # Reading

    def read(self, job_id: int) -> Job | None:
        """Read one job."""
        found = self.read_all([job_id])
        return found[0] if found else None

    def read_all(self, job_ids: list[int]) -> list[Job]:
        """Read several jobs; unknown ids are passed over."""
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.jobs).where(tables.jobs.c.id.in_(job_ids)))
            return [read_job(row) for row in rows]

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
        """Write down the prompt, so that it is never paid for again; painting comes next."""
        self._carry_on(
            job,
            attempts,
            stage=Stage.PAINTING,
            failures=0,
            **_prompt_columns(prompt),
        )

    def wait(
        self,
        job: Job,
        *,
        seconds: float,
        stage: Stage,
        reason: str,
        failures: int,
        estimate_s: float | None = None,
        handle: dict[str, Any] | None = None,
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
            not_before=datetime.now(UTC) + timedelta(seconds=seconds),
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
            seed=recipe.seed if -MOST_SEED <= (recipe.seed or 0) <= MOST_SEED else None,
            image_key=image_key,
            media_type=media_type,
            ended_at=datetime.now(UTC),
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
            ended_at=datetime.now(UTC),
            worker=None,
            lease_until=None,
        )

    def _carry_on(self, job: Job, attempts: Iterable[Attempt], *, stage: Stage, **values: Any) -> None:
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            changed = connection.execute(
                CARRY_ON,
                {"its_id": job.id, "its_worker": job.worker, "its_claims": job.claims, "stage": stage, **values},
            )
            if changed.rowcount == 0:
                raise LostTurn(f"job {job.id}")
            reached(connection, job.id, stage, now)
            notes = [_fitting(attempt) | {"job_id": job.id, "at": now} for attempt in attempts]
            if notes:
                connection.execute(insert(tables.attempts), notes)
            self._database.tell(connection, job.id)

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

    # What people are told

    def show_status(self, job_id: int, message_id: int, shown: str) -> bool:
        """Remember the status message and what it says; False when the picture has overtaken it."""
        with self._database.writing() as connection:
            delivered_at = connection.scalar(
                update(tables.jobs)
                .where(tables.jobs.c.id == job_id)
                .values(status_message_id=message_id, status_shown=shown)
                .returning(tables.jobs.c.delivered_at)
            )
            return delivered_at is None

    def change_status(self, job: Job, shown: str) -> bool:
        """Take on the edit from what the status message says to this; False when another process did."""
        with self._database.writing() as connection:
            taken = connection.execute(
                update(tables.jobs)
                .where(
                    tables.jobs.c.id == job.id,
                    tables.jobs.c.status_shown == job.status_shown,
                    tables.jobs.c.delivered_at.is_(None),
                    # Of several pictures the first may have ended while others are under way.
                    or_(tables.jobs.c.state.not_in(ENDED), tables.jobs.c.pictures > 1),
                )
                .values(status_shown=shown)
            )
            return taken.rowcount == 1

    def line(self, bot_id: int, *, most: int) -> list[tuple[int, Job]]:
        """The first ``most`` jobs of the queue, of them this bot's with a status message: (position from 1, job)."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(tables.jobs)
                .where(tables.jobs.c.state == State.QUEUED)
                .order_by(tables.jobs.c.turn, tables.jobs.c.id)
                .limit(most)
            )
            return [
                (place, read_job(row))
                for place, row in enumerate(rows, 1)
                if row.bot_id == bot_id and row.status_message_id is not None
            ]

    def under_way(self, bot_id: int, *, most: int) -> list[Job]:
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
                .limit(most)
            )
            return [read_job(row) for row in rows]

    def move_chat(self, bot_id: int, chat_id: int, *, to: int) -> None:
        """Follow a group that became a supergroup: its jobs are answered under the new id."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.jobs)
                .where(
                    tables.jobs.c.bot_id == bot_id,
                    tables.jobs.c.chat_id == chat_id,
                    tables.jobs.c.delivered_at.is_(None),
                )
                .values(chat_id=to)
            )

    def position(self, job_id: int) -> int | None:
        """Place in the queue, from 1; None when the job isn't queued."""
        queued = tables.jobs.c.state == State.QUEUED
        mine = select(tables.jobs.c.turn).where(tables.jobs.c.id == job_id, queued).scalar_subquery()
        before = select(func.count()).where(
            queued,
            or_(tables.jobs.c.turn < mine, (tables.jobs.c.turn == mine) & (tables.jobs.c.id <= job_id)),
        )
        with self._database.reading() as connection:
            return connection.scalar(before) or None

    def chats_at_work(self, bot_id: int, *, most: int) -> list[tuple[int, int | None]]:
        """The (chat, topic) pairs for which a picture is being made at this moment."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(jobs.chat_id, jobs.topic_id)
                .where(jobs.state == State.WORKING, jobs.bot_id == bot_id)
                .distinct()
                .limit(most)
            )
            return [(row.chat_id, row.topic_id) for row in rows]
