"""Top-level error handler of the handlers: the failure is logged, and the update comes again or the person is told."""

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from telegram import Bot, Update
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ContextTypes

from services.bot.intake.fleeting import is_fleeting
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.errors import NotConnected, seconds_to_wait, words_of
from services.bot.texts.locales import say
from shared.errors import StoreAway, TransientError

if TYPE_CHECKING:
    from services.bot.intake.application import DurableApplication

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
# How often an update is tried. With the pauses above that is about a day, a quarter of an hour, and half a minute.
MAX_TRIES_UNANSWERED = 1_440  # nothing has come of the try, and nobody could have been told
MAX_TRIES = 20
MAX_TRIES_UNSURE = 4  # each try may show the answer once more


def pause_s(error: BaseException | None, *, tries: int, rng: Callable[[], float] = random.random) -> float | None:
    """Seconds until an update is handled again whose handler failed; None: it is not. Pure.

    Args:
        tries: So far, this one included.
        rng: Gives 0 to 1: spreads out the updates that failed together.
    """
    if not _may_pass(error) or tries >= _most_tries(error):
        return None
    if isinstance(error, RetryAfter):
        return seconds_to_wait(error) + rng()
    return min(FIRST_PAUSE_S * 2.0 ** min(tries - 1, 16), LONGEST_PAUSE_S) * (0.5 + rng())


def _may_pass(error: BaseException | None) -> bool:
    """Whether the same handler may succeed later. Telegram and proxies answer 401 and 404 for moments, too."""
    if isinstance(error, BadRequest):
        return False  # The library counts it as a failure of the network.
    return isinstance(error, TransientError | RetryAfter | NetworkError | InvalidToken | Conflict)


def _most_tries(error: BaseException | None) -> int:
    match error:
        case StoreAway() | NotConnected() | RetryAfter():
            return MAX_TRIES_UNANSWERED
        case TimedOut():
            return MAX_TRIES_UNSURE
    return MAX_TRIES


async def failed(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Decide what becomes of an update whose handler failed."""
    error = context.error
    if not isinstance(update, Update):
        log.error("background work of the library failed", exc_info=error)
        return
    if is_fleeting(update) and error is not None and _may_pass(error):
        log_dropped(update, error)
        return
    application = cast("DurableApplication", context.application)
    tries = application.tries(update) + 1
    fields = {"update_id": update.update_id, "error": type(error).__name__, "tries": tries}
    seconds = pause_s(error, tries=tries)
    if seconds is not None:
        level = logging.WARNING if tries == 1 else logging.INFO
        log.log(level, "update left for later", extra=fields | {"seconds": round(seconds, 1)})
        application.postpone(update, seconds)
    elif _may_pass(error):
        log.error("update given up", extra=fields)
        await _tell(update, "update_given_up", context.bot)
    elif isinstance(error, TelegramError):
        log.warning("answer refused", extra=fields | {"description": error.message})
    else:
        log.error("handler failed", exc_info=error, extra=fields)
        await _tell(update, "unexpected", context.bot)


def log_dropped(update: Update, error: Exception) -> None:
    """Say that a fleeting update is not handled: time could mend the failure, but nobody waits so long."""
    log.warning("update dropped", extra={"update_id": update.update_id, "error": type(error).__name__})


async def give_up(update: Update, bot: Bot, *, starts: int) -> None:
    """Apologise for an update that so many processes have begun, none of which came to its end."""
    fields = {"update_id": update.update_id, "starts": starts}
    log.error("update given up: the processes that handled it ended", extra=fields)
    await _tell(update, "update_given_up", bot)


async def _tell(update: Update, reason: str, bot: Bot) -> None:
    message = update.effective_message
    if message is None:
        return
    text = say(reason, sender_of(message).language)
    try:
        await bot.send_message(text=text, **answer(address_of(message, bot.id)))
    except TelegramError as error:
        log.warning("apology not sent", extra={"update_id": update.update_id, "error": words_of(error)})
