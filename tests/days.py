"""Tests of what is counted by the day."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec

from shared.budgets import Period

P = ParamSpec("P")


def within_a_day(
    test: Callable[P, None], *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Callable[P, None]:
    """Begin a test anew if it failed and midnight fell into it: what it had counted is of yesterday."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        today = Period.DAY.began(clock())
        try:
            test(*args, **kwargs)
        except (AssertionError, TimeoutError):
            if Period.DAY.began(clock()) == today:
                raise
            test(*args, **kwargs)

    return run
