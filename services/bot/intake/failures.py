"""The handlers' outer door: what went wrong is written down, and the person hears of it."""

import logging
from typing import cast

from telegram import Update
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ContextTypes

from services.bot.intake.application import DurableApplication
from services.bot.locales import say
from services.bot.telegram.addresses import address_of, answer, sender_of
from shared.errors import TransientError

log = logging.getLogger(__name__)


async def failed(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Decide what becomes of an update whose handler failed."""
    error = context.error
    if not isinstance(update, Update):
        log.warning("polling failed", extra={"error": type(error).__name__})
        return
    fields = {"update_id": update.update_id, "error": type(error).__name__}
    if isinstance(error, TransientError | RetryAfter) or _is_connection_failure(error):
        # Time mends it: the update stays in the book and comes again.
        log.warning("update left for later", extra=fields)
        cast("DurableApplication", context.application).postpone(update)
        return
    if isinstance(error, TelegramError):
        log.warning("answer refused", extra=fields | {"description": error.message})
        return
    log.error("handler failed", exc_info=error, extra=fields)
    message = update.effective_message
    if message is not None:
        text = say("unexpected", sender_of(message).language)
        await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))


def _is_connection_failure(error: Exception | None) -> bool:
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest | TimedOut)
