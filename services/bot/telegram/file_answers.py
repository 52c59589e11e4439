"""Answers with a file. Where Telegram will not take it, the chat reads why, and the log says so once."""

import logging
from typing import cast

from telegram import Bot
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.telegram.errors import CHATS_OWN, MAX_UNKNOWN_TRIES, ChatGone, Refusal, Refused, after, words_of
from services.bot.telegram.refusals import write_file_refusal
from services.bot.telegram.sending import Sending, Upload, Words
from shared.jobs import Address

log = logging.getLogger(__name__)


async def answer_with_file(bot: Bot, address: Address, file: Upload, language: str) -> None:
    """Send a file that somebody has pressed a button for, or say why it does not come.

    Raises:
        TelegramError: Telegram may take it later: the update is handled again.
    """
    sending = Sending(cast("ExtBot[int]", bot), repeating=True)
    try:
        await sending.document(address, file)
    except TelegramError as error:
        reason = _refusal(error)
        if reason is None:
            raise
        level = logging.WARNING if reason in CHATS_OWN else logging.ERROR
        fields = {"chat_id": address.chat_id, "reason": str(reason), "bytes": len(file.data)}
        log.log(level, "file refused", extra=fields | {"error": words_of(error)})
        if (words := write_file_refusal(reason, language)) is not None:
            await _say(sending, address, words)


def _refusal(error: TelegramError) -> Refusal | None:
    match after(error, tries=MAX_UNKNOWN_TRIES):
        case Refused(reason):
            return reason
        case ChatGone():
            return Refusal.CHAT_GONE
    return None


async def _say(sending: Sending, address: Address, words: str) -> None:
    try:
        await sending.text(address, Words(words))
    except TelegramError as error:
        log.info("refusal not said", extra={"chat_id": address.chat_id, "error": words_of(error)})
