"""Numbers and spans of time as a language writes them. Pure."""

import math

from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from services.bot.locales import spoken

MINUTE, HOUR = 60, 3600
# Up to so many seconds, in steps of so many: a guess that claims to be exact is none.
GRAINS = ((MINUTE, 10), (10 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (math.inf, HOUR // 2))


def number(value: float, language: str, *, grouped: bool = True) -> str:
    """``1,000`` or ``1.000``, ``0.7`` or ``0,7``; ungrouped where people are to type it themselves."""
    return format_decimal(value, locale=spoken(language), group_separator=grouped)


def duration(seconds: float, language: str) -> str:
    """``40 sec``, ``12 min``, ``3 hr 5 min``; a second at least."""
    if seconds < 90:
        return _unit(max(1, round(seconds)), "second", language)
    minutes = round(seconds / 60)
    if minutes < 90:
        return _unit(minutes, "minute", language)
    parts = [_unit(minutes // 60, "hour", language), _unit(minutes % 60, "minute", language)]
    return format_list(parts, style="unit-short", locale=spoken(language))


def rounded(seconds: float) -> int:
    """Seconds, at least 10, rounded up to what can honestly be said of a guess."""
    grain = next(step for most, step in GRAINS if seconds <= most)
    return max(math.ceil(seconds / grain), 1) * grain


def _unit(value: int, unit: str, language: str) -> str:
    return format_unit(value, f"duration-{unit}", length="short", locale=spoken(language))
