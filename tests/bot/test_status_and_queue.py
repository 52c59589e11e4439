"""A request's status message and ``/queue`` say the same; what can't be said yet is not looked up."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from telegram.ext import ExtBot

from services.bot.pictures.status import PRIVATE_PAUSE_S, Status
from services.bot.telegram.flood_limit import FloodLimit
from shared.jobs import Job, Stage, State
from shared.store import tables
from shared.store.database import Database
from shared.store.estimates import Estimates
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.bot.patient_loop import run
from tests.builders import BOT, read, show_status, submit

TOKEN = f"{BOT}:" + "a" * 35
LATER = timedelta(hours=1)
EARLIER = timedelta(minutes=2, seconds=15)  # in the middle of a step in which the time so far is told
NOW = datetime.now(UTC)
BEGUN: dict[str, Any] = {"state": State.WORKING, "claims": 1, "worker": "w", "lease_until": NOW + LATER}
TRIED_AGAIN = {"state": State.WAITING, "claims": 1, "reason": "service_busy", "not_before": NOW + LATER}
STANDS: tuple[dict[str, Any], ...] = (
    {},
    {"state": State.HELD},
    BEGUN | {"stage": Stage.WRITING},
    BEGUN | {"stage": Stage.PAINTING, "created_at": EARLIER},
    TRIED_AGAIN | {"stage": Stage.RETRYING, "estimate_s": 40},
    TRIED_AGAIN | {"stage": Stage.WAKING, "prompt": "a fox"},
)


def asked(database: Database, number: int, count: int, stands: dict[str, Any]) -> Job:
    """What a person of their own asked for, as it stands now, and has a status message."""
    job = submit(database, user=number, count=count)
    show_status(database, job, number, "queued:1")
    if "created_at" in stands:
        stands = stands | {"created_at": datetime.now(UTC) - stands["created_at"]}
    if stands:
        with database.writing() as connection:
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == job.id).values(stands))
    return read(database, job)


def status_of(database: Database) -> Status:
    return Status(ExtBot(TOKEN), BOT, Jobs(database), Outbox(database), Estimates(database), FloodLimit())


def test_they_agree(database: Database) -> None:
    status = status_of(database)
    ways = [(count, stands) for count in (1, 3) for stands in STANDS]
    jobs = [asked(database, number, *way) for number, way in enumerate(ways, 100)]

    async def look() -> dict[int, tuple[Job, str]]:
        for job in jobs:
            status.changed(job.id)
        return await status._take_changed() | await status._look()

    shown = asyncio.run(look())

    assert {job.id: shown[job.id][1] for job in jobs} == {job.id: status.describe_request(job)[1] for job in jobs}


def test_all_that_changes_before_a_message_can_be_edited_is_looked_at_once(database: Database) -> None:
    status, job = status_of(database), submit(database)

    async def looks() -> list[float]:
        times = []
        status.promised(job)
        for _ in range(3):
            status.changed(job.id)
        while True:
            assert await status._take_changed() == {}
            try:
                async with asyncio.timeout(60):
                    await status._news.wait()
            except TimeoutError:
                return times
            times.append(asyncio.get_running_loop().time())
            status._news.clear()
            status._changed.clear()

    assert run(looks()) == [PRIVATE_PAUSE_S]
