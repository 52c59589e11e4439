"""Log lines: constant words with fields, readable on a terminal and JSON elsewhere; never a key, token or idea."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import structlog

from services.retrying import FIRST_REMINDER_S, LONGEST_REMINDER_S
from shared.redaction import redact

# Their lines hold URLs, and a Telegram URL holds the bot's token.
CHATTERBOXES = (
    "httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "google_genai", "hpack", "kombu", "amqp", "asyncio",
    "telegram", "PIL", "psycopg", "alembic", "celery", "apscheduler", "sqlalchemy", "multipart", "python_multipart",
    "filelock",
)  # fmt: skip
QUIET_S = 60.0  # a line that was not met for so long is a new one
MAX_SEEN = 1_000  # lines that are remembered, before those that are older are forgotten
ALWAYS_THERE = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})


class Redacting(logging.Formatter):
    """Blots out secrets anywhere in the finished line."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, then blot."""
        return redact(self._formatter.format(record))


class Coalescing(logging.Filter):
    """Drops a warning that was logged in the same words with the same fields a while ago.

    When a server is away, a hundred threads say so at the same moment and each loop again and again. Such a line is
    logged at once, and again after 5 s, 10 s, 20 s … up to five minutes as long as it keeps coming; ``repeated`` tells
    how many were dropped in between. Errors are never dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Repetition] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        if record.levelno != logging.WARNING or record.exc_info:
            return True
        own = {name: value for name, value in record.__dict__.items() if name not in ALWAYS_THERE}
        line, now = f"{record.name} {record.getMessage()} {own}", self._clock()
        with self._lock:
            if len(self._seen) >= MAX_SEEN:
                self._seen = {one: seen for one, seen in self._seen.items() if not seen.is_over(now)}
            seen = self._seen.get(line)
            if seen is None or seen.is_over(now):
                self._seen[line] = _Repetition(now)
                return True
            return seen.lets_through(record, now)


class _Repetition:
    """A line that keeps coming."""

    def __init__(self, now: float) -> None:
        self._seen_at = self._logged_at = now
        self._pause_s = FIRST_REMINDER_S
        self._dropped = 0

    def is_over(self, now: float) -> bool:
        """Whether it has not come for so long that it counts as a new one."""
        return now - self._seen_at >= QUIET_S

    def lets_through(self, record: logging.LogRecord, now: float) -> bool:
        """Whether it is logged this time."""
        self._seen_at = now
        if now - self._logged_at < self._pause_s:
            self._dropped += 1
            return False
        record.__dict__["repeated"] = self._dropped
        self._logged_at, self._dropped = now, 0
        self._pause_s = min(2 * self._pause_s, LONGEST_REMINDER_S)
        return True


def set_up(log_format: Literal["console", "json"] | None, level: str) -> None:
    """Send all log lines of this process to standard error.

    Args:
        log_format: None: ``console`` on a terminal, else ``json``.
        level: A level's name, for our own lines; libraries speak from WARNING on.
    """
    as_text = (log_format or ("console" if sys.stderr.isatty() else "json")) == "console"
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_text:
        final += [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        final += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final)))
    handler.addFilter(Coalescing())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTERBOXES:
        logging.getLogger(name).setLevel(logging.WARNING)


def about(**ids: object) -> AbstractContextManager[None]:
    """Put ids into each line that is logged inside the block, also in threads that it waits for."""
    return structlog.contextvars.bound_contextvars(**ids)
