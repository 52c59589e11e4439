"""Plain words in reply to a picture: another one, in which what they say is different."""

from telegram import Update
from telegram.ext import ContextTypes

from services.bot.chat.handler import Chat, words_of
from services.bot.pictures.imagine import Imagine


class FollowUps:
    """Takes follow-ups in, anybody's in the chat."""

    def __init__(self, imagine: Imagine, chat: Chat) -> None:
        self._imagine = imagine
        self._chat = chat

    async def reply(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Have the picture painted with the change; words to one that the record doesn't know are talk."""
        message = update.effective_message
        if message is None:
            return
        before = await self._imagine.picture_before(message, context)
        if before is None:
            await self._chat.ask(update, context)
        else:
            await self._imagine.take_in(words_of(message, context.bot.bot), message, context, before)
