"""Finds pictures and answers that could not be delivered to a chat, and sends them again."""

from collections.abc import Collection, Sequence

from services.bot.chat.delivery import Answers
from services.bot.pictures.delivery import Delivery
from shared.errands import Errand
from shared.jobs import Job
from shared.store.chats import Chats
from shared.store.errand_outbox import ErrandOutbox
from shared.store.outbox import Outbox


class Undelivered:
    """Pictures and answers whose delivery was given up. All methods but ``changed`` block."""

    def __init__(
        self, chats: Chats, outbox: Outbox, errand_outbox: ErrandOutbox, delivery: Delivery, answers: Answers
    ) -> None:
        self._chats = chats
        self._outbox = outbox
        self._errand_outbox = errand_outbox
        self._delivery = delivery
        self._answers = answers

    def pictures(self, bot_id: int, chat_id: int, user_id: int) -> list[tuple[Job, ...]]:
        """One person's pictures that could not be delivered to a chat: by request, oldest first."""
        return self._chats.undelivered(bot_id, chat_id, user_id)

    def answers(self, bot_id: int, chat_id: int, user_id: int) -> list[Errand]:
        """One person's answers that could not be delivered to a chat, oldest first."""
        return self._chats.undelivered_answers(bot_id, chat_id, user_id)

    def count(self, bot_id: int, chat_id: int, user_id: int) -> int:
        """How many pictures and answers they are."""
        of = bot_id, chat_id, user_id
        return sum(map(len, self.pictures(*of))) + len(self.answers(*of))

    def send_again(self, requests: Sequence[tuple[Job, ...]], answers: Collection[Errand]) -> int:
        """Deliver these once more; returns of how many that was needed."""
        sent = [self._outbox.send_again(request[0]) for request in requests]
        return sum((*sent, *(self._errand_outbox.send_again(answer.id) for answer in answers)))

    def changed(self) -> None:
        """Let them be delivered now."""
        self._delivery.changed()
        self._answers.changed()
