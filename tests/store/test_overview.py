"""How all stands is counted from the record: what waits, what ended of late, who is alive, what rests."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from shared.errands import ErrandKind
from shared.jobs import Address, Job, Sender, State
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.circuits import Circuit, Circuits
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.overview import Count, Overview, Resting, look_over
from shared.store.workers import Workers
from tests.builders import AN_HOUR, BOT, submit, submit_and_claim, submit_and_fail, submit_and_finish


def ended(database: Database, job: Job, *, ago: timedelta) -> None:
    with database.writing() as connection:
        connection.execute(
            update(tables.jobs).where(tables.jobs.c.id == job.id).values(ended_at=datetime.now(UTC) - ago)
        )


def rest(database: Database, provider: str, model: str, *, seconds: float) -> None:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    Circuits(database).swap(provider, model, old=Circuit(), new=Circuit(open_until=until))


def rounded(models: tuple[Resting, ...]) -> list[tuple[str, str | None, int, int]]:
    return [(one.model, one.provider, one.keys, round(one.seconds, -1)) for one in models]


def test_of_nothing_nothing_is_known(database: Database) -> None:
    assert look_over(database) == Overview()


def test_pictures_are_counted_by_where_they_stand(database: Database) -> None:
    submit_and_claim(database)
    submit(database)
    submit(database)
    submit(database, policy=QueuePolicy(in_flight=3))

    assert look_over(database).pictures == {State.WORKING: 1, State.QUEUED: 2, State.HELD: 1}


def test_what_ended_is_counted_by_hour_day_and_reason(database: Database) -> None:
    submit_and_finish(database)
    ended(database, submit_and_finish(database), ago=timedelta(hours=3))
    ended(database, submit_and_finish(database), ago=timedelta(hours=30))
    submit_and_fail(database, reason="service_busy")
    ended(database, submit_and_fail(database, reason="service_busy"), ago=timedelta(hours=2))
    ended(database, submit_and_fail(database, reason="no_credit"), ago=timedelta(hours=2))

    seen = look_over(database)

    assert seen.finished == Count(1, 2)
    assert list(seen.failed.items()) == [("service_busy", Count(1, 2)), ("no_credit", Count(0, 1))]


def test_questions_count_until_they_are_answered(database: Database) -> None:
    for kind in (ErrandKind.CHAT, ErrandKind.DESCRIBE, ErrandKind.CANCEL_ORDER):
        Errands(database).submit(kind, {}, address=Address(BOT, 7, 1), sender=Sender(7))
    stopped, _ = Errands(database).submit(ErrandKind.CHAT, {}, address=Address(BOT, 7, 2), sender=Sender(7))
    Errands(database).ask_to_stop(stopped.id)

    assert look_over(database).questions == 2


def test_a_worker_that_says_nothing_any_more_is_not_alive(database: Database) -> None:
    Workers(database).beat("alive", 8, lease=AN_HOUR)
    Workers(database).beat("alive too", 4, lease=AN_HOUR)
    Workers(database).beat("dead", 16, lease=timedelta(seconds=-1))

    seen = look_over(database)

    assert (seen.workers, seen.slots) == (2, 12)


def test_what_rests_is_told_apart_from_what_is_used_up(database: Database) -> None:
    rest(database, "fal-ai", "org/model", seconds=60)
    rest(database, "nscale", "org/model", seconds=-60)
    rest(database, "gemini-" + "a" * 32, "gemini-3.8-flash", seconds=600)
    rest(database, "gemini-" + "b" * 32, "gemini-3.8-flash", seconds=600)

    seen = look_over(database)

    assert rounded(seen.resting) == [("org/model", "fal-ai", 1, 60)]
    assert rounded(seen.used_up) == [("gemini-3.8-flash", None, 2, 600)]
