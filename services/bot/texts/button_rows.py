"""Buttons → rows in which a narrow phone shows their labels whole. Pure."""

import unicodedata
from collections.abc import Iterable

from telegram import InlineKeyboardButton

# Letters in a row, the buttons' margins left out: on a screen of 360 points a message is at most 280 wide, of each of
# two buttons its label gets 120, and a letter takes 7 to 8.
ROW = 32


def in_rows(buttons: Iterable[InlineKeyboardButton], a_row: int) -> list[list[InlineKeyboardButton]]:
    """Put buttons in rows, at most so many in each; fewer where a label would be cut."""
    rows: list[list[InlineKeyboardButton]] = []
    for button in buttons:
        if rows and len(rows[-1]) < a_row and is_readable([*rows[-1], button]):
            rows[-1].append(button)
        else:
            rows.append([button])
    return rows


def is_readable(row: list[InlineKeyboardButton]) -> bool:
    """Whether all labels fit; the buttons of a row are equally wide."""
    return len(row) * max(width(button.text) for button in row) <= ROW


def cut(label: str) -> str:
    """A label that a row of its own shows whole; what is too long ends in dots."""
    if width(label) <= ROW:
        return label
    kept = label
    while width(kept) > ROW - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def width(label: str) -> int:
    """About how wide a label is, in letters."""
    return sum(_letters(character) for character in label)


def _letters(character: str) -> int:
    kind = unicodedata.category(character)
    if kind in {"Mn", "Cf"}:
        return 0  # it belongs to what is before it, or is not seen
    # Emoji are symbols; not all of them count as wide.
    return 2 if kind == "So" or unicodedata.east_asian_width(character) in {"W", "F"} else 1
