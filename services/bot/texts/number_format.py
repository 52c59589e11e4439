"""Numbers and spans of time as a language writes them. Pure."""

import math
from datetime import datetime
from typing import Literal

from babel.dates import format_date, format_timedelta
from babel.numbers import format_currency, format_decimal

from services.bot.texts.locales import spoken

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Up to so many seconds, in steps of so many: a guess that claims to be exact is none.
GRAINS = ((MINUTE, 10), (10 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (math.inf, HOUR // 2))


def number(value: float, language: str, *, grouped: bool = True) -> str:
    """``1,000`` or ``1.000``, ``0.7`` or ``0,7``; ungrouped where people are to type it themselves."""
    return format_decimal(value, locale=spoken(language), group_separator=grouped)


def money(micro_dollars: int, language: str) -> str:
    """``$1.20``, as the language writes it."""
    return format_currency(micro_dollars / 1e6, "USD", locale=spoken(language))


def date(moment: datetime, language: str) -> str:
    """``November 29, 2026``, as the language writes it; in UTC. Shorter ones have slashes: commands, to Telegram."""
    return format_date(moment, "long", locale=spoken(language))


def duration(seconds: float, language: str) -> str:
    """``40 sec``, ``12 min``, ``3 hr 5 min``, ``7 days`` from two days on; a second at least."""
    if seconds < 90:
        return _told(max(1, round(seconds)), "second", language)
    if seconds >= 2 * DAY:
        return _told(round(seconds / DAY) * DAY, "day", language)
    minutes = round(seconds / MINUTE)
    if minutes < 90:
        return _told(minutes * MINUTE, "minute", language)
    hours, rest = divmod(minutes, 60)
    told = _told(hours * HOUR, "hour", language)
    return f"{told} {_told(rest * MINUTE, 'minute', language)}" if rest else told


def rounded(seconds: float) -> int:
    """Seconds, at least 10, rounded up to what can honestly be said of a guess."""
    grain = next(step for most, step in GRAINS if seconds <= most)
    return max(math.ceil(seconds / grain), 1) * grain


def _told(seconds: int, unit: Literal["second", "minute", "hour", "day"], language: str) -> str:
    # Not Babel's format_unit and format_list: they lack short forms, in Spanish and Arabic for instance.
    return format_timedelta(seconds, unit, threshold=math.inf, format="short", locale=spoken(language))
