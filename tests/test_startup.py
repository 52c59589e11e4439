"""What a service needs before it can serve: what time can mend is waited for, the rest is one sentence."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services import startup
from services.startup import CERTAIN, opened, place_of, trouble_in
from shared.errors import StoreAway
from shared.migrations import Tables, migrate, state_of
from shared.settings import Settings, SettingsError
from shared.store.database import Database
from tests.servers import away

PASSWORD = "pass-word-of-nobody"
# As Postgres 15, psycopg 3 and SQLite say it.
CONNECTING = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
TIME_MENDS = [
    f"{CONNECTING}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
    f"{CONNECTING}FATAL:  the database system is starting up",
    f"{CONNECTING}FATAL:  the database system is shutting down",
    f"{CONNECTING}FATAL:  the database system is in recovery mode",
    f"{CONNECTING}FATAL:  sorry, too many clients already",
    f"{CONNECTING}server closed the connection unexpectedly",
    "failed to resolve host 'postgres': [Errno -3] Temporary failure in name resolution",
    "failed to resolve host 'postgres': [Errno -2] Name or service not known",
    "connection timeout expired",
    "database is locked",
    "disk I/O error",
    "something that nobody has foreseen",
]
OWNER_MENDS = [
    f'{CONNECTING}FATAL:  password authentication failed for user "g2d"',
    f'{CONNECTING}FATAL:  database "g2d_nope" does not exist',
    f'{CONNECTING}FATAL:  role "nobody" does not exist',
    f"{CONNECTING}fe_sendauth: no password supplied",
    f'{CONNECTING}FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "g2d", database "g2d", no encryption',
    f"{CONNECTING}server does not support SSL, but SSL was required",
    "unable to open database file",
    "attempt to write a readonly database",
    "file is not a database",
    "permission denied for schema public",
    'invalid port number: "99999"',
    f"{CONNECTING}FATAL:  unsupported startup parameter: options",
    'invalid connection option "pgbouncer"',
]


def settings_for(url: str | None, folder: Path) -> Settings:
    return Settings.model_validate({"DATABASE_URL": url, "G2D_DATA_DIR": folder})


def failure(words: str) -> StoreAway:
    """A failure of the database as the store raises it."""
    error = StoreAway("the database does not answer")
    error.__cause__ = OperationalError("SELECT 1", {}, psycopg.OperationalError(words))
    return error


class TestTrouble:
    @pytest.mark.parametrize("words", TIME_MENDS)
    def test_that_time_can_mend_is_waited_for(self, words: str, tmp_path: Path) -> None:
        trouble = trouble_in(failure(words), place_of(settings_for("postgresql://g2d@db/g2d", tmp_path)))

        assert not trouble.certain

    @pytest.mark.parametrize("words", OWNER_MENDS)
    def test_that_the_owner_alone_can_mend_is_not(self, words: str, tmp_path: Path) -> None:
        trouble = trouble_in(failure(words), place_of(settings_for("postgresql://g2d@db/g2d", tmp_path)))

        assert trouble.certain

    @pytest.mark.parametrize("words", TIME_MENDS + OWNER_MENDS)
    def test_is_one_line_with_the_setting_and_the_drivers_words(self, words: str, tmp_path: Path) -> None:
        trouble = trouble_in(failure(words), place_of(settings_for("postgresql://g2d@db/g2d", tmp_path)))

        assert "DATABASE_URL" in trouble.sentence
        assert " ".join(words.split()) in trouble.sentence
        assert "\n" not in trouble.sentence

    @pytest.mark.parametrize(("words", "end"), [("accepting connections?", "connections?"), ("starting up", "up.")])
    def test_ends_with_one_sign(self, words: str, end: str, tmp_path: Path) -> None:
        assert trouble_in(failure(words), place_of(settings_for(None, tmp_path))).ended.endswith(f" {end}")

    def test_in_the_data_folder_names_the_folder(self, tmp_path: Path) -> None:
        sentence = trouble_in(failure("unable to open database file"), place_of(settings_for(None, tmp_path))).sentence

        assert "G2D_DATA_DIR" in sentence
        assert str(tmp_path) in sentence

    def test_without_a_drivers_words_is_told_as_well(self, tmp_path: Path) -> None:
        error = StoreAway("no database connection became free")
        error.__cause__ = PoolTimeout("QueuePool limit of size 16 overflow 16 reached")

        assert "QueuePool limit" in trouble_in(error, place_of(settings_for(None, tmp_path))).sentence

    def test_every_certain_fragment_is_met_by_an_example(self) -> None:
        examples = " ".join(OWNER_MENDS).lower()

        assert [one for one in CERTAIN if one not in examples] == []


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "nonsense",
            "://",
            f"mysql://g2d:{PASSWORD}@127.0.0.1/g2d",
            f"redis://g2d:{PASSWORD}@127.0.0.1/0",
            f"postgresql://g2d:{PASSWORD}@127.0.0.1:port/g2d",
            f"postgresql://g2d:p@{PASSWORD}/1@127.0.0.1/g2d",
            f"postgresql+asyncpg://g2d:{PASSWORD}@127.0.0.1/g2d",
        ],
    )
    def test_that_are_none_are_refused_without_their_password(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught, opened(settings_for(url, tmp_path)):
            pass

        assert "DATABASE_URL" in str(caught.value)
        assert PASSWORD not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            None,
            "sqlite:///g2d.db",
            "postgres://g2d@db/g2d",
            "postgresql://g2d:p%40ss%2Fword@db:5432/g2d?sslmode=require",
            "postgresql+psycopg://g2d@db/g2d",
            "postgresql:///g2d?host=/run/postgresql",
        ],
    )
    def test_that_are_some_are_opened_without_a_connection(self, url: str | None, tmp_path: Path) -> None:
        with opened(settings_for(url, tmp_path)) as database:
            assert isinstance(database, Database)


wait_for_tables = partial(startup.wait_for_tables, first_pause_s=0.01)
wait_and_migrate = partial(startup.wait_and_migrate, first_pause_s=0.01)


@pytest.mark.distributed
class TestWaitingForPostgres:
    @pytest.fixture
    def places(self, postgres_url: str, tmp_path: Path) -> Settings:
        return settings_for(postgres_url, tmp_path)

    @pytest.mark.parametrize("wait", [wait_for_tables, wait_and_migrate], ids=["check", "migrate"])
    def test_goes_on_until_it_answers(
        self,
        wait: Callable[[Database, Settings, threading.Event], bool],
        places: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with opened(places) as database, ThreadPoolExecutor(1) as threads:
            migrate(database)
            database.close()  # What is connected would be told otherwise.
            with away(database):
                waiting = threads.submit(wait, database, places, threading.Event())
                while not caplog.records:
                    time.sleep(0.01)
                assert not waiting.done()

            assert waiting.result(20)

        first = caplog.records[0]
        assert first.message == "waiting for the database"
        assert "DATABASE_URL" in first.__dict__["error"]
        assert "not currently accepting connections" in first.__dict__["error"]

    def test_ends_when_the_process_is_to_stop(self, places: Settings, caplog: pytest.LogCaptureFixture) -> None:
        stop = threading.Event()
        with opened(places) as database, ThreadPoolExecutor(1) as threads, away(database):
            waiting = threads.submit(wait_for_tables, database, places, stop)
            while not caplog.records:
                time.sleep(0.01)
            stop.set()

            assert waiting.result(20) is False

    @pytest.mark.parametrize("change", [("user", "nobody"), ("dbname", "g2d_nope")])
    @pytest.mark.parametrize("act", ["require", "migrate", "wait", "wait and migrate"])
    def test_ends_with_one_sentence_where_waiting_does_not_help(
        self, change: tuple[str, str], act: str, postgres_url: str, tmp_path: Path
    ) -> None:
        name, value = change
        parts = make_url(postgres_url)
        parts = parts.set(password=parts.password or PASSWORD)
        url = parts.set(username=value) if name == "user" else parts.set(database=value)
        places = settings_for(url.render_as_string(hide_password=False), tmp_path)

        with opened(places) as database:
            acts: dict[str, Callable[[], object]] = {
                "require": lambda: startup.require_tables(database, places),
                "migrate": lambda: startup.migrate_now(database, startup.place_of(places)),
                "wait": lambda: wait_for_tables(database, places, threading.Event()),
                "wait and migrate": lambda: wait_and_migrate(database, places, threading.Event()),
            }
            with pytest.raises(SettingsError) as caught:
                acts[act]()

        said = str(caught.value)
        assert said.startswith("The database in DATABASE_URL can't be used: ")
        # A server that asks for passwords does not tell whom it doesn't know.
        assert f'"{value}" does not exist' in said or f'authentication failed for user "{value}"' in said
        assert str(url.password) not in said
        assert "\n" not in said

    def test_is_not_what_a_command_does(self, places: Settings) -> None:
        with opened(places) as database, away(database), pytest.raises(SettingsError, match="not currently accepting"):
            startup.migrate_now(database, startup.place_of(places))


class TestTables:
    def test_that_are_missing_are_older(self, tmp_path: Path) -> None:
        with opened(settings_for(None, tmp_path)) as database:
            assert state_of(database) is Tables.OLDER
            with pytest.raises(SettingsError, match="run `g2d migrate` first"):
                startup.require_tables(database, settings_for(None, tmp_path))

    def test_are_current_after_a_migration(self, database: Database) -> None:
        assert state_of(database) is Tables.CURRENT

    def test_of_a_newer_version_are_told_apart_and_left_alone(self, database: Database, tmp_path: Path) -> None:
        places = settings_for(None, tmp_path)
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

        assert state_of(database) is Tables.NEWER
        with pytest.raises(SettingsError, match="newer version"):
            startup.require_tables(database, places)
        with pytest.raises(SettingsError, match="newer version"):
            startup.migrate_now(database, startup.place_of(places))


class TestFolders:
    def test_a_second_process_is_kept_out(self, tmp_path: Path) -> None:
        places = settings_for(None, tmp_path)

        with (
            startup.alone_in(places),
            pytest.raises(SettingsError, match=f"Another g2d uses the folder {tmp_path}"),
            startup.alone_in(places),
        ):
            pass

    @pytest.mark.parametrize("enter", [startup.alone_in, startup.opened])
    def test_one_that_can_not_be_made_is_named(
        self, enter: Callable[[Settings], AbstractContextManager[object]], tmp_path: Path
    ) -> None:
        (tmp_path / "a file").touch()

        with pytest.raises(SettingsError, match="G2D_DATA_DIR") as caught:
            enter(settings_for("sqlite://", tmp_path / "a file" / "data")).__enter__()

        assert "Not a directory" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
class TestOpenFiles:
    """In a process of its own: a limit is of the whole process."""

    @pytest.mark.parametrize(("hardest", "then"), [(4_096, 3_048), (2_000, 2_000)])
    def test_the_limit_is_raised_for_the_slots_as_far_as_the_system_lets_it(self, hardest: int, then: int) -> None:
        assert limit_after(256, hardest, slots=1_024) == then

    def test_a_higher_one_stays(self) -> None:
        assert limit_after(4_000, 4_096, slots=8) == 4_000


def limit_after(softest: int, hardest: int, *, slots: int) -> int:
    """The limit of open files, once a process that began with these has allowed itself those for its slots."""
    code = (
        "import resource; from services.startup import allow_files_for;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({softest}, {hardest})); allow_files_for({slots});"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(run.stdout)
