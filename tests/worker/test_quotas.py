"""Chat models with nothing left today: remembered until midnight Pacific, by all workers, each account for itself."""

from datetime import UTC, datetime, timedelta

import pytest

from services.worker.gemini.quotas import Quotas, next_midnight
from shared.store.circuits import Circuits
from shared.store.database import Database

KEY, MODEL = "AIzaSomebodysKey", "gemini-3.8-flash"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 11, 27, 7, 59, tzinfo=UTC), datetime(2026, 11, 27, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 27, 8, 0, tzinfo=UTC), datetime(2026, 11, 28, 8, 0, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), datetime(2027, 1, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_quotas_come_back_at_midnight_pacific(now: datetime, midnight: datetime) -> None:
    assert next_midnight(now) == midnight


def test_every_worker_knows_what_one_found(circuits: Circuits, clock: Clock) -> None:
    one, another = Quotas(KEY, circuits, clock=clock), Quotas(KEY, circuits, clock=clock)
    assert not another.used_up(MODEL)

    one.note_used_up(MODEL)

    assert one.used_up(MODEL)
    assert another.used_up(MODEL)
    assert not another.used_up("gemini-3.7-flash")


def test_after_midnight_it_is_asked_again_and_may_be_used_up_again(circuits: Circuits, clock: Clock) -> None:
    one, another = Quotas(KEY, circuits, clock=clock), Quotas(KEY, circuits, clock=clock)
    one.note_used_up(MODEL)

    clock.now += timedelta(days=1)
    assert not one.used_up(MODEL)
    assert not another.used_up(MODEL)

    another.note_used_up(MODEL)
    assert another.used_up(MODEL)
    assert Quotas(KEY, circuits, clock=clock).used_up(MODEL)


def test_another_account_has_a_quota_of_its_own(circuits: Circuits) -> None:
    Quotas(KEY, circuits).note_used_up(MODEL)

    assert not Quotas("AIzaAnotherPersonsKey", circuits).used_up(MODEL)


def test_what_is_kept_holds_no_key(circuits: Circuits, worker_database: Database) -> None:
    Quotas(KEY, circuits).note_used_up(MODEL)

    with worker_database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM circuits").all()
    assert rows
    assert KEY not in str(rows)


def test_while_the_database_is_away_it_is_remembered_here() -> None:
    quotas = Quotas(KEY, Circuits(Database("sqlite:////no/such/folder/g2d.db")))
    assert not quotas.used_up(MODEL)

    quotas.note_used_up(MODEL)

    assert quotas.used_up(MODEL)
