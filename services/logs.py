"""Log lines: constant words with fields, readable on a terminal and JSON elsewhere; never a key, token or idea."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Literal

import structlog
from pydantic import SecretStr

# Their lines hold URLs, and a Telegram URL holds the bot's token.
CHATTERBOXES = (
    "httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "google_genai", "hpack", "kombu", "amqp", "asyncio",
    "telegram", "PIL", "psycopg", "alembic", "celery", "apscheduler", "sqlalchemy", "multipart", "python_multipart",
)  # fmt: skip
# No word boundary before them: on a terminal the letter that ends a colour's code stands there.
TOKEN_SHAPES = re.compile(
    r"bot\d{5,}:[\w-]{10,}|\d{5,}:[\w-]{30,}|hf_\w{8,}|AIza[\w-]{10,}|AQ\.[\w-]{20,}|://[^/\s:@]+:[^/\s:@]+@"
)


class Redacting(logging.Formatter):
    """Blots out secrets in the finished line, whichever part of it they came in by."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._formatter = formatter
        known = sorted((re.escape(one) for one in secrets if one), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, then blot."""
        line = TOKEN_SHAPES.sub("[secret]", self._formatter.format(record))
        return self._known.sub("[secret]", line) if self._known else line


def set_up(log_format: Literal["console", "json"] | None, level: str, secrets: Iterable[SecretStr] = ()) -> None:
    """Send all log lines of this process to standard error.

    Args:
        log_format: None: ``console`` on a terminal, else ``json``.
        level: A level's name, for our own lines; libraries speak from WARNING on.
        secrets: What must never be seen, beside everything that looks like a token.
    """
    as_text = (log_format or ("console" if sys.stderr.isatty() else "json")) == "console"
    shared: list[structlog.types.Processor] = [
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
    handler.setFormatter(
        Redacting(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final),
            [secret.get_secret_value() for secret in secrets],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTERBOXES:
        logging.getLogger(name).setLevel(logging.WARNING)
