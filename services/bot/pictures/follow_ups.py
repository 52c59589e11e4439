"""Follow-ups: plain text in reply to a picture orders a changed one."""

from collections.abc import Awaitable, Callable

from telegram import Message, User
from telegram.constants import ChatType

from services.bot.pictures.imagine import Imagine, Material
from services.bot.pictures.replies import is_to_picture, picture_before
from services.bot.telegram.files import picture_in
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.mentions import mentions, words_of
from shared.settings import GroupFollowUps
from shared.store.jobs import Jobs

Talk = Callable[[Incoming], Awaitable[None]]


class FollowUps:
    """Takes follow-ups in, anybody's in the chat."""

    def __init__(self, jobs: Jobs, imagine: Imagine, talk: Talk, *, in_groups: GroupFollowUps) -> None:
        """Take follow-ups in.

        Args:
            talk: Has what is no follow-up answered.
            in_groups: ``reply`` where the owner wants every reply in a group to be an order.
        """
        self._jobs = jobs
        self._imagine = imagine
        self._talk = talk
        self._in_groups = in_groups

    def is_one(self, message: Message, us: User) -> bool:
        """Whether words ask for a picture of ours once more, with a change."""
        return is_follow_up(message, us, in_groups=self._in_groups)

    @for_message
    async def reply(self, asked: Incoming) -> None:
        """Have the picture painted with the change; words to one that the record doesn't know are talk."""
        before = await picture_before(asked.message, asked.bot.id, self._jobs)
        if before is None:
            await self._talk(asked)
        else:
            words = words_of(asked.message, asked.bot.bot)
            await self._imagine.take_in(words, asked, Material(before, picture_in(asked.message)))


def is_follow_up(message: Message, bot: User, *, in_groups: GroupFollowUps) -> bool:
    """Whether words ask for a picture of ours once more, with a change.

    In a group people talk about a picture in reply to it: there, words are an order only where they name the bot.

    Args:
        in_groups: ``reply`` where the owner wants every reply in a group to be an order.
    """
    if not is_to_picture(message, bot.id):
        return False
    return message.chat.type == ChatType.PRIVATE or in_groups == "reply" or bool(mentions(message, bot))
