"""Long lists in pages: which part is shown, and the buttons that turn. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from telegram import InlineKeyboardButton

T = TypeVar("T")

MARK = "@"  # before a page's number in a button's data; no choice begins with it


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What one page shows.

    Attributes:
        number: Which page, from 0.
        pages: How many there are, at least one.
    """

    things: Sequence[T]
    number: int
    pages: int

    def turns(self, data: Callable[[str], str]) -> list[InlineKeyboardButton]:
        """The buttons for the page before and the one after, in a round; none for a single page.

        Args:
            data: Makes a button's data of the choice that stands for a page.
        """
        if self.pages == 1:
            return []
        before, after = ((self.number + step) % self.pages for step in (-1, 1))
        return [
            InlineKeyboardButton("‹", callback_data=data(f"{MARK}{before}")),
            InlineKeyboardButton(f"{self.number + 1}/{self.pages}", callback_data=data(f"{MARK}{self.number}")),
            InlineKeyboardButton("›", callback_data=data(f"{MARK}{after}")),
        ]


def part(things: Sequence[T], choice: str, a_page: int, *, near: int = 0) -> Part[T]:
    """The page that a choice names; the one with the thing at place ``near`` where it names none.

    A list may have become shorter since its buttons were sent: its last page stands for what is gone.
    """
    pages = max(1, -(-len(things) // a_page))
    wish = choice.removeprefix(MARK)
    number = int(wish) if choice.startswith(MARK) and wish.isdecimal() and len(wish) < 7 else near // a_page
    number = min(number, pages - 1)
    return Part(things[number * a_page : (number + 1) * a_page], number, pages)
