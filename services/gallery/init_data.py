"""``initData`` of a Mini App: who opened it, as Telegram vouches for with the bot's token. Pure.

https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

MAX_AGE = timedelta(hours=12)  # of what a page was opened with; then it is to be opened again
AHEAD = timedelta(minutes=5)  # so much Telegram's clock may be before ours
MAX_LENGTH = 8_192  # characters
LINK_FOR = timedelta(minutes=5)  # people are asked first whether they want the file
_TICKET = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,12})\.([0-9a-f]{64})")


class NotVouched(Exception):
    """The data are not Telegram's for this bot, or too old; the message tells which, for the log."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opened the page."""

    id: int
    language: str


def read_visitor(init_data: str, token: str, now: datetime) -> Visitor:
    """Read who opened the page.

    Raises:
        NotVouched: Forged, for another bot, incomplete or too old.
    """
    if len(init_data) > MAX_LENGTH:
        raise NotVouched("too long")
    try:
        pairs = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise NotVouched("no query string") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotVouched("a field stands twice")
    said = fields.pop("hash", "")
    if not hmac.compare_digest(signature(fields, token).encode(), said.encode()):
        raise NotVouched("wrong hash")
    _check_age(fields.get("auth_date", ""), now)
    return _visitor(fields.get("user", ""))


def download_ticket(job_id: int, visitor_id: int, token: str, now: datetime) -> str:
    """Stands in a link for the one picture and a few minutes: who downloads for Telegram has no ``initData``."""
    until = int((now + LINK_FOR).timestamp())
    return f"{job_id}.{visitor_id}.{until}.{_sign_ticket(job_id, visitor_id, until, token)}"


def read_ticket(ticket: str, token: str, now: datetime) -> tuple[int, int]:
    """Picture and person of a link.

    Raises:
        NotVouched: It is not ours, or over.
    """
    found = _TICKET.fullmatch(ticket)
    if found is None:
        raise NotVouched("no ticket")
    job_id, visitor_id, until = (int(number) for number in found.groups()[:3])
    if not hmac.compare_digest(found[4], _sign_ticket(job_id, visitor_id, until, token)):
        raise NotVouched("wrong signature")
    if now.timestamp() > until:
        raise NotVouched("too old")
    return job_id, visitor_id


def _sign_ticket(job_id: int, visitor_id: int, until: int, token: str) -> str:
    key = hmac.new(b"g2d download", token.encode(), hashlib.sha256).digest()
    return hmac.new(key, f"{job_id}.{visitor_id}.{until}".encode(), hashlib.sha256).hexdigest()


def signature(fields: dict[str, str], token: str) -> str:
    """The ``hash`` of these fields, in hex."""
    checked = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    secret = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return hmac.new(secret, checked.encode(), hashlib.sha256).hexdigest()


def _check_age(auth_date: str, now: datetime) -> None:
    if not (auth_date.isascii() and auth_date.isdecimal() and len(auth_date) < 12):
        raise NotVouched("no date")
    age = now.timestamp() - int(auth_date)
    if not -AHEAD.total_seconds() <= age <= MAX_AGE.total_seconds():
        raise NotVouched("too old")


def _visitor(user: str) -> Visitor:
    try:
        match json.loads(user):
            case {"id": int() as user_id, "language_code": str() as language}:
                return Visitor(user_id, language)
            case {"id": int() as user_id}:
                return Visitor(user_id, "en")
    except ValueError:
        pass
    raise NotVouched("no user")
