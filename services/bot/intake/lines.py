"""Fair queue of updates: a few at a time per person and per chat, all people in turn. Pure."""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an update comes from; equal values share a limit."""

    person: Hashable
    chat: Hashable


class Lines(Generic[T]):
    """Updates that wait, in a line for each person and chat.

    Lines are served in turn: first by person, then by that person's chats. Within a line, order is kept, and an update
    begins only when the one before it has left its place.
    """

    def __init__(self, places: int, share: int) -> None:
        """Handle so many updates at a time, of which ``share`` may be one person's, and ``share`` one chat's."""
        self._free = places
        self._share = share
        self._waiting: dict[Hashable, dict[Hashable, deque[T]]] = {}
        self._of_person: Counter[Hashable] = Counter()
        self._of_chat: Counter[Hashable] = Counter()
        self._with_a_place: set[Origin] = set()

    def enter(self, origin: Origin) -> bool:
        """Begin an update that has just come, if it need not wait; whether it is begun."""
        is_first = origin.chat not in self._waiting.get(origin.person, {})
        if is_first and self._free > 0 and self._may_begin(origin):
            self._begin(origin)
            return True
        return False

    def wait(self, origin: Origin, item: T) -> None:
        """Put an update at the end of its line."""
        self._waiting.setdefault(origin.person, {}).setdefault(origin.chat, deque()).append(item)

    def begin_next(self) -> T | None:
        """Begin the next update; None where none may begin now."""
        if self._free <= 0:
            return None
        for person, chats in self._waiting.items():
            for chat, line in chats.items():
                if self._may_begin(Origin(person, chat)):
                    self._begin(Origin(person, chat))
                    item = line.popleft()
                    self._go_round(person, chat)
                    return item
        return None

    def leave_place(self, origin: Origin) -> None:
        """Take note that an update goes on without a place: another may begin."""
        self._free += 1
        self._with_a_place.discard(origin)

    def end(self, origin: Origin) -> None:
        """Take note that an update was handled, apart from its place."""
        for counter, key in ((self._of_person, origin.person), (self._of_chat, origin.chat)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]

    def clear(self) -> list[T]:
        """Take out all that wait."""
        found = [item for chats in self._waiting.values() for line in chats.values() for item in line]
        self._waiting.clear()
        return found

    def _may_begin(self, origin: Origin) -> bool:
        has_share = self._of_person[origin.person] < self._share and self._of_chat[origin.chat] < self._share
        return has_share and origin not in self._with_a_place

    def _begin(self, origin: Origin) -> None:
        self._free -= 1
        self._with_a_place.add(origin)
        self._of_person[origin.person] += 1
        self._of_chat[origin.chat] += 1

    def _go_round(self, person: Hashable, chat: Hashable) -> None:
        """Put the chat behind the person's others, and the person behind all others, where they still wait."""
        chats = self._waiting.pop(person)
        if line := chats.pop(chat):
            chats[chat] = line
        if chats:
            self._waiting[person] = chats
