"""A database behind PgBouncer that lends a session to each transaction, with a way past it for what lasts longer."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from services.doctor.storage import DIRECTLY, about_pooler
from services.startup import opened, require_tables
from shared.jobs import State
from shared.migrations import Tables, state_of
from shared.settings import Settings, SettingsError
from shared.store.database import Database
from shared.store.news import News
from shared.store.process_locks import Hold, ProcessLock
from shared.store.server import shares_connections
from shared.wakeups import listen
from tests.builders import claim, read, submit
from tests.servers import PgBouncer

THREADS, ROUNDS = 8, 10

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.skipif(not PgBouncer.is_installed(), reason="needs PgBouncer"),
]


@pytest.fixture
def pooled(postgres: Database) -> Iterator[Database]:
    with PgBouncer(postgres).running(past=True) as database:
        yield database


def work_in_many_threads(database: Database) -> None:
    def work(_: int) -> State:
        submit(database)
        return read(database, claim(database, "worker")).state

    with ThreadPoolExecutor(THREADS) as threads:
        states = list(threads.map(work, range(THREADS * ROUNDS)))

    assert states == [State.WORKING] * (THREADS * ROUNDS)


def test_many_threads_work_through_it(pooled: Database) -> None:
    work_in_many_threads(pooled)

    assert state_of(pooled) is Tables.CURRENT


@pytest.mark.parametrize("way", ["writing", "reading"])
def test_each_transaction_has_our_settings(pooled: Database, way: str) -> None:
    with getattr(pooled, way)() as connection:
        found = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout", "timezone")]

    assert found == ["30s", "10s", "UTC"]


def test_a_process_holds_its_lock_past_it(pooled: Database, postgres: Database) -> None:
    with closing(ProcessLock(pooled, "name")) as lock, closing(ProcessLock(postgres, "name")) as other:
        assert (lock.keep(), other.keep()) == (Hold.HELD, Hold.TAKEN)


def test_news_of_its_transactions_are_heard(pooled: Database) -> None:
    def tell() -> None:
        with pooled.writing() as connection:
            pooled.tell(connection, 7)

    async def hear() -> News:
        heard: asyncio.Queue[News] = asyncio.Queue()
        listening = asyncio.create_task(listen(pooled, heard.put_nowait))
        try:
            while True:  # What is told before the listener has connected is heard by nobody.
                await asyncio.to_thread(tell)
                with suppress(TimeoutError):
                    return await asyncio.wait_for(heard.get(), 0.5)
        finally:
            listening.cancel()

    assert asyncio.run(asyncio.wait_for(hear(), 30)) == News(7)


def test_without_a_way_past_it_a_start_says_what_to_do(postgres: Database, tmp_path: Path) -> None:
    bouncer = PgBouncer(postgres)
    settings = Settings.model_validate({"DATABASE_URL": bouncer.url, "G2D_DATA_DIR": tmp_path})

    with (
        bouncer.running(past=True),
        opened(settings) as database,
        pytest.raises(SettingsError, match=r"a pooler stands before it .* G2D_DATABASE_DIRECT_URL"),
    ):
        require_tables(database, settings)


def test_without_a_way_past_one_that_ignores_our_settings_a_start_counts_on_no_session(
    postgres: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bouncer = PgBouncer(postgres)
    settings = Settings.model_validate({"DATABASE_URL": bouncer.url, "G2D_DATA_DIR": tmp_path})

    with bouncer.running(), opened(settings) as database:
        require_tables(database, settings)
        work_in_many_threads(database)
        with closing(database.apart()) as apart, apart.writing() as connection:
            timeout = connection.scalar(text("SHOW statement_timeout"))

    assert timeout == "30s"
    assert "a pooler stands before Postgres: wake-ups may be lost" in caplog.messages


class TestDoctor:
    def test_is_content_with_a_way_past_it(self, pooled: Database) -> None:
        assert shares_connections(pooled)
        assert about_pooler(pooled).line.startswith("✔ Database: a pooler stands before it; what lasts longer")

    def test_misses_it(self, postgres: Database) -> None:
        with PgBouncer(postgres).running() as database:
            assert about_pooler(database).cure == DIRECTLY

    def test_sees_that_it_leads_to_the_pooler_again(self, postgres: Database) -> None:
        bouncer = PgBouncer(postgres)
        with bouncer.running(), closing(Database(bouncer.url, bouncer.url)) as database:
            assert "leads to a pooler as well" in about_pooler(database).says

    def test_sees_that_it_leads_nowhere(self, pooled: Database) -> None:
        nowhere = pooled.engine.url.set(port=1).render_as_string(hide_password=False)
        url = pooled.engine.url.render_as_string(hide_password=False)
        with closing(Database(url, nowhere)) as database:
            assert "Postgres itself is not reached" in about_pooler(database).says
