"""Service messages: a group's migration to a supergroup, and automatic forwards of channel posts."""

import asyncio

from telegram import Update
from telegram.ext import ContextTypes

from shared.store.chat_migration import ChatMigration


class ChatMigrationHandler:
    """Takes along what belongs to the group."""

    def __init__(self, moves: ChatMigration) -> None:
        self._moves = moves

    async def follow(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:  # noqa: ARG002
        """Hear of it, from the old group or from the new one."""
        message = update.effective_message
        if message is None:
            return
        if message.migrate_to_chat_id is not None:
            await asyncio.to_thread(self._moves.move, message.chat_id, message.migrate_to_chat_id)
        elif message.migrate_from_chat_id is not None:
            await asyncio.to_thread(self._moves.move, message.migrate_from_chat_id, message.chat_id)


async def leave_alone(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Take a channel's post that Telegram brings to the group where it is discussed: nobody there has said anything."""
