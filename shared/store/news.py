"""News between processes: which job or errand changed, and whether that may have ended it."""

from dataclasses import dataclass
from typing import Self

_ERRAND, _GOES_ON = "errand ", " goes on"


@dataclass(frozen=True, slots=True)
class News:
    """A row changed.

    Attributes:
        id: The row's.
        is_errand: It is an errand's; False: a job's.
        may_be_delivered: False where the change was a step under way: there is nothing to deliver yet.
    """

    id: int
    is_errand: bool = False
    may_be_delivered: bool = True

    def to_text(self) -> str:
        """As it is sent; ``from_text`` reads it."""
        return f"{_ERRAND if self.is_errand else ''}{self.id}{'' if self.may_be_delivered else _GOES_ON}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read news.

        Raises:
            ValueError: It is none.
        """
        row = text.removesuffix(_GOES_ON)
        return cls(
            int(row.removeprefix(_ERRAND)),
            is_errand=row.startswith(_ERRAND),
            may_be_delivered=row == text,
        )
