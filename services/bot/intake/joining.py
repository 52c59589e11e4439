"""Joins the parts of a text that a Telegram client has split, before it is handled."""

import asyncio
import json

from telegram import Bot, Update

from services.bot.intake.split_texts import joined, may_be_cut
from shared.clock import present
from shared.store.updates import Part, Updates

MORE_MAY_COME_S = 1.5  # after each part; clients send them one right after the other
LONGEST_S = 8.0  # for all of them
LOOK_EVERY_S = 0.2


async def whole(update: Update, updates: Updates, bot: Bot) -> Update:
    """The update with the texts that go on with its own; these were written down as they came, and are ticked off here.

    The same again gives the same: what comes when the text is being handled is not put to it any more.

    Raises:
        StoreAway: The database does not answer.
    """
    if update.message is None or not may_be_cut(update.message.text or ""):
        return update
    await _wait_for_parts(update.update_id, updates)
    parts = await asyncio.to_thread(updates.join, update.update_id)
    if not parts:
        return update
    body = update.to_dict()
    body["message"]["text"] = joined([update.message.text or "", *map(_words_of, parts)])
    return Update.de_json(body, bot)


async def _wait_for_parts(update_id: int, updates: Updates) -> None:
    """Wait until a part has come that was not cut itself, or no other comes."""
    begun = present()
    while (now := present()) and (now - begun).total_seconds() < LONGEST_S:
        parts = await asyncio.to_thread(updates.parts_of, update_id)
        if parts and not may_be_cut(_words_of(parts[-1])):
            return
        latest = parts[-1].received_at if parts else begun
        if (now - latest).total_seconds() >= MORE_MAY_COME_S:
            return
        await asyncio.sleep(LOOK_EVERY_S)


def _words_of(part: Part) -> str:
    return str(json.loads(part.body)["message"]["text"])
