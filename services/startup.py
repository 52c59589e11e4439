"""What a service needs before it can serve: folders that can be written, and a database with the right tables.

What time can mend, such as a server that is still starting, is waited for. What only the owner can mend is one
sentence with the setting's name (``SettingsError``).
"""

import logging
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from services.retrying import FIRST_PAUSE_S, Outage, jittered, pause_s
from shared.errors import StoreAway
from shared.migrations import Tables, migrate, state_of
from shared.settings import Settings, SettingsError
from shared.store.database import Database
from shared.store.server import shares_connections

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

LOCK = "g2d.lock"
LONGEST_SENTENCE = 300  # characters of a driver's error
BAD_URL = (
    "{} is no address of a database. Write postgresql://user:password@host:5432/name or sqlite:///file; "
    "in the password, % @ / : # ? are written %25 %40 %2F %3A %23 %3F."
)
POSTGRES = frozenset({"postgresql+psycopg"})
PAST_POOLER = "set G2D_DATABASE_DIRECT_URL, which leads to Postgres itself, or let DATABASE_URL lead there"
POOLER_REFUSES = "unsupported startup parameter"
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
    "invalid connection option",
    POOLER_REFUSES,
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a database can't be used; ``certain``: waiting doesn't help."""

    sentence: str
    certain: bool

    @property
    def ended(self) -> str:
        """The sentence with its full stop, where it has not brought a sign of its own."""
        return self.sentence if self.sentence.endswith((".", "?", "!")) else f"{self.sentence}."


def trouble_in(error: StoreAway | SQLAlchemyError, place: str) -> Trouble:
    """Read a failure of the database at this place. Pure."""
    cause = error.__cause__ if isinstance(error, StoreAway) else error
    original = cause.orig if isinstance(cause, DBAPIError) else cause
    words = " ".join(str(original or error).split())[:LONGEST_SENTENCE]
    certain = any(one in words.lower() for one in CERTAIN)
    if POOLER_REFUSES in words:
        words = f"a pooler stands before it that refuses our settings of a connection ({words}): {PAST_POOLER}"
    return Trouble(f"{place}: {words}", certain)


def place_of(settings: Settings) -> str:
    """How a sentence about the database of these settings begins."""
    if settings.database_url_setting is None:
        return f"The database in G2D_DATA_DIR ({settings.data_dir.resolve()}) can't be used"
    return "The database in DATABASE_URL can't be used"


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database of these settings, closed at the end; nothing connects yet.

    Raises:
        SettingsError: Its address is none, or the data folder can't be made.
    """
    _check_url(settings.database_url, "DATABASE_URL", POSTGRES | {"sqlite"})
    if settings.database_direct_url is not None:
        _check_url(settings.database_direct_url, "G2D_DATABASE_DIRECT_URL", POSTGRES)
        _check_pair(settings)
    _make_folder(settings)
    database = Database(settings.database_url, settings.database_direct_url)
    try:
        yield database
    finally:
        database.close()


def _check_url(text: str, name: str, drivers: Collection[str]) -> None:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(BAD_URL.format(name)) from None
    # An "@" in the database's name or host is the end of a password that was not encoded.
    if url.drivername not in drivers or "@" in f"{url.host}{url.database}":
        raise SettingsError(BAD_URL.format(name))


def _check_pair(settings: Settings) -> None:
    if make_url(settings.database_url).drivername not in POSTGRES:
        raise SettingsError("G2D_DATABASE_DIRECT_URL is for a DATABASE_URL that leads to a pooler before Postgres.")


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(settings, error) from None


def _unwritable(settings: Settings, error: OSError) -> SettingsError:
    path = error.filename or settings.data_dir
    return SettingsError(f"G2D_DATA_DIR ({settings.data_dir}) can't be written: {path}: {error.strerror}.")


FILES_BESIDE_SLOTS = 1_000  # connections to Redis and the database, files, pipes to children
FILES_A_SLOT = 2  # a call, and a picture's file


def allow_files_for(slots: int) -> None:
    """Let this process open as many files as its slots need, as far as the system lets it; many start with 1,024."""
    if sys.platform == "win32":
        return
    softest, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_BESIDE_SLOTS + FILES_A_SLOT * slots
    if hardest != resource.RLIM_INFINITY:
        wanted = min(wanted, hardest)
    if softest == resource.RLIM_INFINITY or softest >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hardest))
    except (OSError, ValueError) as error:
        log.warning("limit of open files stays", extra={"files": softest, "error": str(error)})


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
    _at_once(lambda: _check_tables(database), place_of(settings))


def migrate_now(database: Database, place: str) -> None:
    """Bring the tables up to date; ``place`` begins the sentence that tells why it can't be done.

    Raises:
        SettingsError: The database can't be used, or its tables are from a newer version.
    """
    _at_once(lambda: _migrate(database), place)


def wait_for_tables(
    database: Database, settings: Settings, stop: threading.Event, *, first_pause_s: float = FIRST_PAUSE_S
) -> bool:
    """Wait until the database answers, and check its tables; False: ``stop`` was set meanwhile.

    Raises:
        SettingsError: The database refuses us, or its tables are of another version.
    """
    return _patiently(lambda: _check_tables(database), settings, stop, first_pause_s)


def wait_and_migrate(
    database: Database, settings: Settings, stop: threading.Event, *, first_pause_s: float = FIRST_PAUSE_S
) -> bool:
    """Wait until the database answers, and bring its tables up to date; False: ``stop`` was set meanwhile.

    Raises:
        SettingsError: The database refuses us, or its tables are from a newer version.
    """
    return _patiently(lambda: _migrate(database), settings, stop, first_pause_s)


def _check_tables(database: Database) -> None:
    _look_for_pooler(database)
    state = state_of(database)
    if state is not Tables.CURRENT:
        raise SettingsError(NEWER if state is Tables.NEWER else OLDER)


def _look_for_pooler(database: Database) -> None:
    """Where a pooler lends out sessions that we would count on, do without them."""
    if database.counts_on_sessions and shares_connections(database):
        log.warning("a pooler stands before Postgres: wake-ups may be lost", extra={"cure": PAST_POOLER})
        database.do_without_sessions()


def _migrate(database: Database) -> None:
    _look_for_pooler(database)
    state = state_of(database)
    if state is Tables.NEWER:
        raise SettingsError(NEWER)
    if state is Tables.OLDER:
        migrate(database)


def _at_once(act: Callable[[], None], place: str) -> None:
    try:
        act()
    except (StoreAway, SQLAlchemyError) as error:
        raise SettingsError(trouble_in(error, place).ended) from None


def _patiently(act: Callable[[], None], settings: Settings, stop: threading.Event, first_pause_s: float) -> bool:
    outage = Outage(log, "the database answers")
    while not stop.is_set():
        try:
            act()
        except (StoreAway, SQLAlchemyError) as error:
            trouble = trouble_in(error, place_of(settings))
            if trouble.certain:
                raise SettingsError(trouble.ended) from None
            outage.failed(trouble)
            outage.say(logging.WARNING, "waiting for the database", error=trouble.sentence)
            stop.wait(jittered(pause_s(outage.failures, first_s=first_pause_s)))
        else:
            outage.succeeded()
            return True
    return False
