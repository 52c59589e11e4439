"""Decides whether a failed call to Telegram is retried at once. Pure.

A sender that got no answer can't know whether it arrived. A delivery finds that out, and decides by
itself what is sent again (``errors.after``). A handler's answer is sent again: twice is better than never. Calls of
which two do the same as one are repeated for everybody.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from services.bot.telegram.errors import NotConnected, NotTelegram

PAUSES_S = (0.1, 0.7, 2.0)  # before the first, second and third repetition, half as long to half as long again
MAX_UNSURE = 1  # repetitions of a message that may have arrived
FIRST_TRY_S = 4.0  # a handler waits so long for an answer that mostly takes 0.1 s; later tries have the usual time

# How the names of methods begin of which two calls do the same as one.
REPEATABLE = ("answer", "ban", "delete", "edit", "get", "pin", "promote", "restrict", "set", "unban", "unpin")
SHOWING_NOTHING_NEW = frozenset({"sendChatAction", "sendMessageDraft"})
UPLOADING_EDITS = frozenset({"editMessageMedia"})
WORDS = frozenset({"sendMessage"})

_for_handler: ContextVar[bool] = ContextVar("for_handler", default=False)


@contextmanager
def handling() -> Iterator[None]:
    """Say that calls from here on are a handler's, also those of tasks that it starts."""
    token = _for_handler.set(True)
    try:
        yield
    finally:
        _for_handler.reset(token)


def is_for_handler() -> bool:
    """Whether the current call is a handler's."""
    return _for_handler.get()


def is_repeatable(endpoint: str) -> bool:
    """Whether two calls of a method do the same as one."""
    return endpoint.startswith(REPEATABLE) or endpoint in SHOWING_NOTHING_NEW


def may_upload(endpoint: str) -> bool:
    """Whether a call of a method may carry a file, and so may take long."""
    if endpoint in UPLOADING_EDITS:
        return True
    return not is_repeatable(endpoint) and endpoint.startswith("send") and endpoint not in WORDS


def pause_s(
    error: TelegramError,
    endpoint: str,
    *,
    failures: int,
    for_handler: bool,
    rng: Callable[[], float] = random.random,
) -> float | None:
    """Seconds until a call is made again; None: it is not.

    Args:
        failures: Of this call so far, this one included.
        for_handler: It is a handler's answer.
        rng: Gives 0 to 1: spreads out the calls that failed together.
    """
    if not _is_hiccup(error):
        return None
    if failures > _most_repetitions(error, endpoint, for_handler=for_handler):
        return None
    return PAUSES_S[failures - 1] * (0.5 + rng())


def time_limit_s(endpoint: str, *, failures: int, for_handler: bool) -> float | None:
    """How many seconds a try may take; None: as long as a call takes at most."""
    is_quick = for_handler and failures == 0 and not may_upload(endpoint)
    return FIRST_TRY_S if is_quick else None


def _is_hiccup(error: TelegramError) -> bool:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, BadRequest | Forbidden | InvalidToken | Conflict | ChatMigrated | RetryAfter):
        return False
    if isinstance(error, NotTelegram):
        return error.status >= 500  # Below, it is a proxy's own refusal.
    return isinstance(error, NetworkError)


def _most_repetitions(error: TelegramError, endpoint: str, *, for_handler: bool) -> int:
    if not for_handler and not is_repeatable(endpoint):
        return 0
    if isinstance(error, TimedOut):
        return 1  # It has taken long enough already.
    return len(PAUSES_S) if is_repeatable(endpoint) or isinstance(error, NotConnected) else MAX_UNSURE
