"""Numbers of messages that this process has seen: what people wrote, and what it sent itself.

A message whose number nobody wrote down is none of these, and its number is higher than those that were seen before it
was sent.
"""

from collections import OrderedDict, deque
from itertools import islice

from telegram import Update

FIRST_SUPERGROUP = -1_000_000_000_000  # ids of supergroups and channels are below this
MANY_PLACES = 1_000  # from so many on, the one that was quiet for longest is forgotten
AHEAD = 3  # numbers above the highest one
KEPT = 5_000  # numbers a place: more than are sent while a message is looked for


class KnownMessages:
    """What was seen of late. In memory: what a restart forgets, the record knows mostly."""

    def __init__(self) -> None:
        self._places: OrderedDict[int, _Place] = OrderedDict()

    def note(self, chat_id: int, message_id: int) -> None:
        """Take note of a message."""
        place = _place_of(chat_id)
        seen = self._places.get(place)
        if seen is None:
            seen = self._places[place] = _Place()
            if len(self._places) > MANY_PLACES:
                self._places.popitem(last=False)
        self._places.move_to_end(place)
        seen.note(message_id)

    async def hear(self, update: Update, _: object) -> None:
        """Take note of the message that an update brings."""
        if (message := update.effective_message) is not None:
            self.note(message.chat_id, message.message_id)

    def forget(self, chat_id: int, message_id: int) -> None:
        """Know nothing of a message any more."""
        if (seen := self._places.get(_place_of(chat_id))) is not None:
            seen.numbers.discard(message_id)

    def note_answer(self, answer: object) -> None:
        """Take note of the messages in an answer of the Bot API, as it came: one, several, or none."""
        match answer:
            case {"message_id": int() as message_id, "chat": {"id": int() as chat_id}}:
                self.note(chat_id, message_id)
            case list():
                for one in answer:
                    self.note_answer(one)

    def highest(self, chat_id: int) -> int:
        """The highest number that was seen where this chat's messages are counted; 0 for none."""
        seen = self._places.get(_place_of(chat_id))
        return seen.highest if seen else 0

    def unknown(self, chat_id: int, *, after: int, limit: int) -> list[int]:
        """The first numbers above ``after`` of which nothing is known, lowest first.

        They end a little above the highest number that was seen: nothing much can have come since.
        """
        seen = self._places.get(_place_of(chat_id), _Place())
        numbers = range(after + 1, max(seen.highest, after) + AHEAD + 1)
        return list(islice((number for number in numbers if number not in seen.numbers), limit))


class _Place:
    """One count of messages."""

    def __init__(self) -> None:
        self.highest = 0
        self.numbers: set[int] = set()
        self._order: deque[int] = deque()

    def note(self, number: int) -> None:
        if number in self.numbers:
            return
        self.highest = max(self.highest, number)
        self.numbers.add(number)
        self._order.append(number)
        if len(self._order) > KEPT:
            self.numbers.discard(self._order.popleft())


def _place_of(chat_id: int) -> int:
    """Supergroups and channels count for themselves; a bot's private chats and basic groups share one count, 0."""
    return chat_id if chat_id < FIRST_SUPERGROUP else 0
