"""Asks the table of permissions about a person in a chat, and Telegram for the admins where the table needs them."""

import asyncio

from services.bot.telegram.admins import Admins
from services.bot.telegram.permissions import Action, Asked, Relation, Subject, may
from shared.store.chat_migration import ChatMigration


class Authorization:
    """Decides for every handler whether somebody may do something where they ask for it."""

    def __init__(self, admins: Admins, moves: ChatMigration, bot_id: int) -> None:
        self._admins = admins
        self._moves = moves
        self._bot_id = bot_id

    async def allows(self, action: Action, person_id: int, chat_id: int, what: Asked | Subject) -> bool:
        """Whether somebody may do this to that, from this chat.

        Args:
            person_id: The user, or the chat in whose name a message was written.
            chat_id: The chat of the press or the message.
        """
        subject = what if isinstance(what, Subject) else Subject.of(what)
        if subject.bot_id != self._bot_id:
            return may(action, Relation.ELSEWHERE)
        if not await self.is_here(chat_id, subject):
            return may(action, _relation_from_outside(person_id, chat_id, subject))
        if person_id == subject.requester_id:
            return may(action, Relation.REQUESTER)
        if may(action, Relation.MEMBER):
            return True
        is_admin = await self._admins.include(subject.chat_id, person_id)
        if subject.is_in_a_chats_name and may(action, Relation.SPEAKER):
            return is_admin or await self._admins.include(subject.requester_id, person_id)
        return is_admin and may(action, Relation.ADMIN)

    async def allows_for_chat(self, action: Action, person_id: int, chat_id: int) -> bool:
        """Whether somebody may do this to what is the chat's own, such as its settings."""
        return await self.allows(action, person_id, chat_id, Subject(self._bot_id, chat_id, chat_id))

    async def allows_for_person(self, action: Action, person_id: int, chat_id: int) -> bool:
        """Whether somebody may do this from here to what is a person's own, such as keys: in private alone."""
        return await self.allows(action, person_id, chat_id, Subject(self._bot_id, person_id, person_id))

    async def is_here(self, chat_id: int, what: Asked | Subject) -> bool:
        """Whether something belongs to this chat."""
        subject = what if isinstance(what, Subject) else Subject.of(what)
        if subject.bot_id != self._bot_id:
            return False
        if chat_id == subject.chat_id:
            return True
        # The buttons of a group that has become a supergroup still stand under the old number.
        return chat_id < 0 and await asyncio.to_thread(self._moves.moved_to, chat_id) == subject.chat_id


def _relation_from_outside(person_id: int, chat_id: int, subject: Subject) -> Relation:
    """What somebody is to a thing of another chat. In a private chat its person acts alone."""
    is_at_home = person_id == chat_id == subject.requester_id and subject.chat_id < 0
    return Relation.AT_HOME if is_at_home else Relation.ELSEWHERE
