"""Adds to updates, before they are written down, which question they answer and which text they go on with."""

import asyncio
import json
import mimetypes
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TypeGuard

from services.bot.intake.split_texts import MAX_PARTS, Text, goes_on, text_of
from services.bot.telegram.open_questions import MARK
from shared.clock import present
from shared.json_types import JsonObject, JsonValue, inside, whole_number
from shared.questions import OPEN_FOR, Asked, OpenQuestion, Place
from shared.store.questions import Questions
from shared.store.updates import Updates

WRITERS = 1_000  # whose last long text is known
LOOKED_BACK = 200  # updates, after a start
LATE = "late_part"  # the field of a message that goes on with a text, and comes when that one is being handled


@dataclass(slots=True)
class Notes:
    """What was found out about updates.

    Attributes:
        part_of: By update, the one whose text its own goes on with.
        ended: Questions that were answered, or came to nothing.
    """

    part_of: dict[int, int] = field(default_factory=dict)
    ended: list[OpenQuestion] = field(default_factory=list)


class Meaning(Enum):
    """What a message is to an open question."""

    ANSWER = "it answers the question"
    END = "the person goes on to something else"
    NOTHING = "the question stays open"


@dataclass(frozen=True, slots=True)
class _Last:
    """The last text of a writer: in which update its first part came, and which part it is."""

    text: Text
    update_id: int
    number: int


class Annotator:
    """Looks at updates in their order. To be used by one task."""

    def __init__(self, questions: Questions, updates: Updates) -> None:
        self._questions = questions
        self._updates = updates
        self._last: OrderedDict[tuple[int, int, int], _Last] | None = None

    async def annotate(self, updates: JsonValue) -> Notes:
        """Add marks to the messages in these updates, as Telegram sent them.

        Raises:
            StoreAway: The database does not answer.
        """
        notes = Notes()
        found = [one for one in updates if is_sound(one)] if isinstance(updates, list) else []
        await self._mark_answers(found, notes)
        for one in found:
            await self._mark_part(one, notes)
        return notes

    async def _mark_answers(self, updates: Sequence[JsonObject], notes: Notes) -> None:
        messages = [message for one in updates if (message := private_message(one)) is not None]
        chats = {place_of(message).chat_id for message in messages}
        found = await asyncio.to_thread(self._questions.open_in, chats) if chats else []
        questions = {one.place: one for one in found}
        for message in messages:
            question = questions.get(place_of(message))
            if question is None:
                continue
            meaning = meaning_of(message, question, now=present())
            if meaning is Meaning.NOTHING:
                continue
            if meaning is Meaning.ANSWER:
                message[MARK] = {"kind": question.question.kind, "about": dict(question.question.about)}
            notes.ended.append(questions.pop(question.place))

    async def _mark_part(self, update: JsonObject, notes: Notes) -> None:
        if self._last is None:
            self._last = OrderedDict()
            for raw in await asyncio.to_thread(self._updates.newest, LOOKED_BACK):
                self._note(raw.update_id, json.loads(raw.body), raw.part_of)
        update_id, message = whole_number(update["update_id"]), update.get("message")
        head = self._note(update_id, update)
        if head is None or not isinstance(message, dict):
            return
        if await asyncio.to_thread(self._updates.is_joined, head):
            message[LATE] = True
        else:
            notes.part_of[update_id] = head

    def _note(self, update_id: int, update: JsonObject, known_head: int | None = None) -> int | None:
        """Take note of an update's text; returns the update whose text it goes on with, if there is one."""
        text = text_of(update)
        if text is None or self._last is None:
            return None
        last = self._last.get(text.writer)
        is_part = last is not None and last.number < MAX_PARTS and goes_on(last.text, text)
        if last is not None and (is_part or known_head == last.update_id):
            head, number = last.update_id, last.number + 1
        else:
            head, number = update_id, 1
        self._last[text.writer] = _Last(text, head, number)
        self._last.move_to_end(text.writer)
        if len(self._last) > WRITERS:
            self._last.popitem(last=False)
        return head if head != update_id else None


def is_sound(update: object) -> TypeGuard[JsonObject]:
    """Whether what is read here of an update has the shape that Telegram describes."""
    match update:
        case {"update_id": int(), **rest}:
            message = rest.get("message") or rest.get("edited_message") or {}
            fields = ("chat", "from", "sender_chat", "reply_to_message", "document")
            return isinstance(message, dict) and all(isinstance(message.get(one, {}), dict) for one in fields)
        case _:
            return False


def private_message(update: JsonObject) -> JsonObject | None:
    """The message of a person in a private chat, new or edited; None where there is none."""
    message = update.get("message") or update.get("edited_message")
    match message:
        case {"chat": {"type": "private", "id": int()}, "from": {"id": int()}, "date": int()}:
            return message if isinstance(message, dict) else None
        case _:
            return None


def place_of(message: JsonObject) -> Place:
    """The chat, or the topic of it, where a message stands."""
    topic_id = message.get("message_thread_id") if message.get("is_topic_message") else None
    return Place(whole_number(inside(message, "chat", "id")), whole_number(topic_id))


def meaning_of(message: JsonObject, open_question: OpenQuestion, *, now: datetime) -> Meaning:
    """Decide what a message in a private chat is to the question that is open there. Pure."""
    words = str(message.get("text") or message.get("caption") or "")
    # The message may have waited for the bot, and Telegram's clock may differ from ours: the earlier moment counts.
    written_at = min(datetime.fromtimestamp(whole_number(message["date"]), UTC), now)
    if words.startswith("/") or written_at - open_question.asked_at > OPEN_FOR:
        return Meaning.END
    if "edit_date" in message:
        return Meaning.NOTHING
    replied = message.get("reply_to_message")
    if replied and inside(replied, "forum_topic_created") is None:
        # What replies to the bot is read as a reply. What replies to somebody's words is talk.
        is_to_bot = inside(replied, "from", "is_bot")
        return Meaning.END if is_to_bot else Meaning.NOTHING
    return Meaning.ANSWER if _fits(message, open_question.question.kind) else Meaning.NOTHING


def _fits(message: JsonObject, kind: Asked) -> bool:
    """Whether a message can be an answer of this kind."""
    if message.keys() & {"external_reply", "reply_to_story", "media_group_id"}:
        return False
    text, is_picture = message.get("text"), _is_picture(message)
    match kind:
        case Asked.IDEA:
            return text is not None or is_picture
        case Asked.PICTURE:
            return is_picture
        case Asked.KEY:
            # Keys have no spaces: what has is talk about them.
            return isinstance(text, str) and len(text.split()) == 1 and "forward_origin" not in message
        case Asked.PROMPT | Asked.VALUE:
            return text is not None


def _is_picture(message: JsonObject) -> bool:
    file = message.get("document")
    name = str(inside(file, "file_name") or "")
    told = [str(inside(file, "mime_type") or ""), mimetypes.guess_type(name)[0] or ""]
    return "photo" in message or any(media_type.startswith("image/") for media_type in told)
