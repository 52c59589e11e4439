"""Plain words in reply to a picture: another one, in which what they say is different."""

from telegram import Message, Update, User
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from services.bot.chat.handler import Chat, mentions, words_of
from services.bot.pictures.imagine import Imagine, Material
from services.bot.pictures.replies import is_to_picture
from services.bot.telegram.files import picture_in
from shared.settings import GroupFollowUps


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
            words = words_of(message, context.bot.bot)
            await self._imagine.take_in(words, message, context, Material(before, picture_in(message)))


def is_follow_up(message: Message, bot: User, *, in_groups: GroupFollowUps) -> bool:
    """Whether words ask for a picture of ours once more, with a change.

    In a group people talk about a picture in reply to it: there, words are an order only where they name the bot.

    Args:
        in_groups: ``reply`` where the owner wants every reply in a group to be an order.
    """
    if not is_to_picture(message, bot.id):
        return False
    return message.chat.type == ChatType.PRIVATE or in_groups == "reply" or bool(mentions(message, bot))
