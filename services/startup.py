"""What a service needs before it can serve: folders that can be written, and a database with the right tables.

What time can mend, such as a server that is still starting, is waited for. What only the owner can mend is one
sentence with the setting's name (``SettingsError``).
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from services.retrying import Outage, jittered, pause_s
from shared.errors import StoreAway
from shared.migrations import Tables, migrate, state_of
from shared.settings import Settings, SettingsError
from shared.store.database import Database

log = logging.getLogger(__name__)

LOCK = "g2d.lock"
LONGEST_SENTENCE = 300  # characters of a driver's error
BAD_URL = (
    "DATABASE_URL is no address of a database. Write postgresql://user:password@host:5432/name or sqlite:///file; "
    "in the password, % @ / : # ? are written %25 %40 %2F %3A %23 %3F."
)
OLDER = "The database's tables are not up to date: please run `g2d migrate` first."
NEWER = (
    "The database's tables are from a newer version of this program: go back to that version, or restore the backup "
    "that was made before the upgrade."
)
# Parts of what Postgres, its driver and SQLite say of errors that stay until somebody changes something.
CERTAIN = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba.conf entry",
    "permission denied",
    "does not support ssl",
    "readonly database",
    "unable to open database file",
    "file is not a database",
    "invalid port",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a database can't be used; ``certain``: waiting doesn't help."""

    sentence: str
    certain: bool


def trouble_in(error: StoreAway | SQLAlchemyError, settings: Settings) -> Trouble:
    """Read a failure of the database. Pure."""
    cause = error.__cause__ if isinstance(error, StoreAway) else error
    original = cause.orig if isinstance(cause, DBAPIError) else cause
    words = " ".join(str(original or error).split())[:LONGEST_SENTENCE]
    certain = any(one in words.lower() for one in CERTAIN)
    return Trouble(f"{_place(settings)}: {words}", certain)


def _place(settings: Settings) -> str:
    if settings.database_url_setting is None:
        return f"The database in G2D_DATA_DIR ({settings.data_dir.resolve()}) can't be used"
    return "The database in DATABASE_URL can't be used"


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database of these settings, closed at the end; nothing connects yet.

    Raises:
        SettingsError: Its address is none, or the data folder can't be made.
    """
    _check_url(settings.database_url)
    _make_folder(settings)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


def _check_url(text: str) -> None:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(BAD_URL) from None
    # An "@" in the database's name or host is the end of a password that was not encoded.
    if url.drivername not in {"sqlite", "postgresql+psycopg"} or "@" in f"{url.host}{url.database}":
        raise SettingsError(BAD_URL)


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(settings, error) from None


def _unwritable(settings: Settings, error: OSError) -> SettingsError:
    path = error.filename or settings.data_dir
    return SettingsError(f"G2D_DATA_DIR ({settings.data_dir}) can't be written: {path}: {error.strerror}.")


@contextmanager
def alone_in(settings: Settings) -> Iterator[None]:
    """Keep a second process out of this data folder: embedded, everything belongs to one.

    Raises:
        SettingsError: Another process is there, or the folder can't be written.
    """
    _make_folder(settings)
    lock = FileLock(settings.data_dir / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SettingsError(f"Another g2d uses the folder {settings.data_dir}: stop it first.") from None
    except OSError as error:
        raise _unwritable(settings, error) from None
    try:
        yield
    finally:
        lock.release()


def require_tables(database: Database, settings: Settings) -> None:
    """Check that the database can be used, now.

    Raises:
        SettingsError: It can't be reached, or its tables are of another version.
    """
    _at_once(lambda: _check_tables(database), settings)


def migrate_now(database: Database, settings: Settings) -> None:
    """Bring the tables up to date.

    Raises:
        SettingsError: The database can't be used, or its tables are from a newer version.
    """
    _at_once(lambda: _migrate(database), settings)


def wait_for_tables(database: Database, settings: Settings, stop: threading.Event) -> bool:
    """Wait until the database answers, and check its tables; False: ``stop`` was set meanwhile.

    Raises:
        SettingsError: The database refuses us, or its tables are of another version.
    """
    return _patiently(lambda: _check_tables(database), settings, stop)


def wait_and_migrate(database: Database, settings: Settings, stop: threading.Event) -> bool:
    """Wait until the database answers, and bring its tables up to date; False: ``stop`` was set meanwhile.

    Raises:
        SettingsError: The database refuses us, or its tables are from a newer version.
    """
    return _patiently(lambda: _migrate(database), settings, stop)


def _check_tables(database: Database) -> None:
    state = state_of(database)
    if state is not Tables.CURRENT:
        raise SettingsError(NEWER if state is Tables.NEWER else OLDER)


def _migrate(database: Database) -> None:
    if state_of(database) is Tables.NEWER:
        raise SettingsError(NEWER)
    migrate(database)


def _at_once(act: Callable[[], None], settings: Settings) -> None:
    try:
        act()
    except (StoreAway, SQLAlchemyError) as error:
        raise SettingsError(f"{trouble_in(error, settings).sentence}.") from None


def _patiently(act: Callable[[], None], settings: Settings, stop: threading.Event) -> bool:
    outage = Outage(log, "the database answers")
    while not stop.is_set():
        try:
            act()
        except (StoreAway, SQLAlchemyError) as error:
            trouble = trouble_in(error, settings)
            if trouble.certain:
                raise SettingsError(f"{trouble.sentence}.") from None
            outage.failed(trouble)
            outage.say(logging.WARNING, "waiting for the database", error=trouble.sentence)
            stop.wait(jittered(pause_s(outage.failures)))
        else:
            outage.succeeded()
            return True
    return False
