"""Everything Telegram knows: people, bots, chats and their messages. In memory, one process."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.journal import Changes
from sandbox.telegram.clock import Clock
from sandbox.telegram.errors import ApiError, bad_request, forbidden
from sandbox.telegram.events import Events
from sandbox.telegram.files import Files
from sandbox.telegram.limits import FloodControl
from sandbox.telegram.updates import UpdateQueue

if TYPE_CHECKING:
    from sandbox.telegram.webhook import Webhook

Json = dict[str, Any]

FIRST_PERSON = 7_000_000_001  # real ids have outgrown 32 bits
FIRST_GROUP = -4_000_000_001
FIRST_SUPERGROUP = -1_002_000_000_001
GENERAL_TOPIC = 1
FIRST_OWN_MESSAGE = 2  # of a supergroup or channel; its making was the first, and General bears that id


@dataclass(eq=False)
class Person:
    """Someone with a Telegram account; ``started`` and ``blocked`` name bots."""

    user: Json
    started: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    is_deactivated: bool = False

    @property
    def id(self) -> int:
        return int(self.user["id"])


@dataclass(eq=False)
class Post:
    """A message as it is stored: the Bot API object, and what the Bot API doesn't tell."""

    message: Json
    author_id: int
    sent_at: float
    is_deleted: bool = False
    is_edited: bool = False
    reply_keyboard: Json | None = None
    reactions: dict[int, list[Json]] = field(default_factory=dict)
    inline_message_id: str | None = None

    @property
    def id(self) -> int:
        return int(self.message["message_id"])

    def as_seen(self) -> Json:
        """The message for people: with marks for what happened to it."""
        seen = dict(self.message)
        if self.is_deleted:
            seen["deleted"] = True
        if self.is_edited:
            seen["edited"] = True
        if self.reply_keyboard is not None:
            seen["reply_keyboard"] = self.reply_keyboard
        if any(self.reactions.values()):
            seen["reactions"] = {str(who): what for who, what in self.reactions.items() if what}
        return seen


@dataclass(frozen=True)
class Draft:
    """What a bot is about to say; ``content`` holds message fields, ``until`` is by Telegram's clock."""

    id: int
    bot_id: int
    content: Json
    until: float
    can_stop: bool = False
    keep_on_stop: bool = False

    def as_seen(self) -> Json:
        return {"draft_id": self.id, "can_stop": self.can_stop, **self.content}


@dataclass
class Topic:
    """A forum topic; its id is the id of the service message that made it."""

    id: int
    name: str
    is_closed: bool = False


@dataclass(eq=False)
class Chat:
    """A chat with its messages; a private one belongs to one bot and one person."""

    id: int
    type: str
    about: Json
    members: dict[int, str] = field(default_factory=dict)  # user or bot id → status
    posts: dict[int, Post] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    own_ids: itertools.count[int] | None = None
    migrated_to: int | None = None
    discussion_id: int | None = None  # of a channel: the supergroup in which its posts are discussed
    drafts: dict[int, Draft] = field(default_factory=dict)  # by topic, 0 for none

    def as_json(self) -> Json:
        return {"id": self.id, "type": self.type, **self.about}

    @property
    def is_forum(self) -> bool:
        return bool(self.about.get("is_forum"))

    def post(self, message_id: int) -> Post | None:
        """A message that is still there."""
        post = self.posts.get(message_id)
        return None if post is None or post.is_deleted else post


@dataclass(eq=False)
class Bot:
    """A bot; ``token`` is unknown until it speaks for the first time."""

    user: Json
    updates: UpdateQueue
    token: str | None = None
    reads_all_group_messages: bool = False
    private_chats: dict[int, Chat] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    webhook: Webhook | None = None
    webhook_set_at: float = 0.0

    @property
    def id(self) -> int:
        return int(self.user["id"])

    def as_user(self) -> Json:
        """The ``User`` that stands in messages."""
        return {name: self.user[name] for name in ("id", "is_bot", "first_name", "username")}


@dataclass
class Callback:
    """A pressed button waiting for its answer; ``pressed_at`` is of a clock that nobody stops or moves."""

    id: str
    bot_id: int
    chat_id: int
    asked_at: float
    answer: Json | None = None
    pressed_at: float = field(default_factory=time.monotonic)


@dataclass
class InlineQuestion:
    """An inline query and its answer."""

    id: str
    bot_id: int
    person: Person
    query: str
    asked_at: float
    answer: Json | None = None


@dataclass
class Payment:
    """From the pre-checkout query to the refund; times by Telegram's clock."""

    id: str
    bot_id: int
    person: Person
    invoice: Json
    asked_at: float
    chat: Chat
    answer: Json | None = None
    charge_id: str | None = None
    message_id: int | None = None
    is_refunded: bool = False


def topic_of(message: Json) -> int:
    """The topic in which a message stands; 0 for none."""
    return int(message.get("message_thread_id") or 0)


class World:
    """The stand-in's whole state."""

    def __init__(self, changes: Changes) -> None:
        self.clock = Clock()
        self.changes = changes
        self.events = Events(changes)
        self.files = Files()
        self.flood = FloodControl(self.clock)
        self.slows_repeated_polls = False
        self.people: dict[int, Person] = {}
        self.bots: dict[int, Bot] = {}
        self.groups: dict[int, Chat] = {}
        self.callbacks: dict[str, Callback] = {}
        self.inline_questions: dict[str, InlineQuestion] = {}
        self.inline_posts: dict[str, tuple[int, Chat, Post]] = {}
        self.invoices: dict[str, tuple[int, Json]] = {}
        self.payments: dict[str, Payment] = {}
        self.violations: list[Json] = []
        self._newcomer: Bot | None = None
        self._last_speaker: Bot | None = None
        self._person_ids = itertools.count(FIRST_PERSON)
        self._group_ids = itertools.count(FIRST_GROUP, -1)
        self._supergroup_ids = itertools.count(FIRST_SUPERGROUP, -1)
        self._message_ids = itertools.count(1)
        self._query_ids = itertools.count(random.randint(10**17, 10**18))

    # Bots

    def bot_of_token(self, token: str) -> Bot:
        """The bot that speaks with a token; a token never seen before makes one, or names the awaited one.

        Raises:
            ApiError: 401, that bot has another token.
        """
        bot_id = int(token.partition(":")[0])
        bot = self.bots.get(bot_id)
        if bot is None:
            bot = self._newcomer or self._new_bot(bot_id)
            self._newcomer = None
            self._name_bot(bot, bot_id)
        if bot.token is None:
            bot.token = token
        if bot.token != token:
            raise ApiError(401, "Unauthorized")
        self._last_speaker = bot
        return bot

    def bot(self, bot_id: int | None = None) -> Bot:
        """The bot that people mean: by id, or else the one that spoke last, or else the first to come."""
        if bot_id is not None:
            if bot_id not in self.bots:
                self._name_bot(self._new_bot(bot_id), bot_id)
            return self.bots[bot_id]
        if self._last_speaker is not None:
            return self._last_speaker
        if self._newcomer is None:
            self._newcomer = self._new_bot(0)
        return self._newcomer

    def _new_bot(self, bot_id: int) -> Bot:
        user = {"id": bot_id, "is_bot": True, "first_name": "Sandbox bot", "username": "sandbox_bot"}
        return Bot(user, UpdateQueue(self.clock, first_id=random.randint(10**8, 5 * 10**8)))

    def _name_bot(self, bot: Bot, bot_id: int) -> None:
        """Give a bot its id, also where it was written down without one."""
        unnamed = bot.id
        bot.user["id"] = bot_id
        if self.bots:
            bot.user["username"] = f"sandbox_{bot_id}_bot"
        bot.updates.repeats_are_slowed = self.slows_repeated_polls
        self.bots[bot_id] = bot
        for chat in [*self.groups.values(), *bot.private_chats.values()]:
            if unnamed != bot_id and unnamed in chat.members:
                chat.members[bot_id] = chat.members.pop(unnamed)
        for person in self.people.values():
            for named in (person.started, person.blocked):
                if unnamed in named:
                    named.remove(unnamed)
                    named.add(bot_id)

    # People and chats

    def add_person(self, about: Json) -> Person:
        """Open an account; ``about`` is a ``User`` whose id may be missing."""
        user = {"id": about.get("id") or next(self._person_ids), "is_bot": False, **about}
        return self.people.setdefault(int(user["id"]), Person(user))

    def add_group(self, kind: str, about: Json, *, members: Iterable[int], bot: Bot, chat_id: int | None) -> Chat:
        """Open a group, supergroup or channel with the bot in it; the first member owns it."""
        if chat_id is None:
            chat_id = next(self._group_ids if kind == "group" else self._supergroup_ids)
        chat = Chat(chat_id, kind, about, own_ids=None if kind == "group" else itertools.count(FIRST_OWN_MESSAGE))
        for place, user_id in enumerate(members):
            chat.members[user_id] = "member" if place else "creator"
        chat.members[bot.id] = "administrator" if kind == "channel" else "member"
        self.groups[chat_id] = chat
        return chat

    def private_chat(self, bot: Bot, person: Person) -> Chat:
        """The chat between a bot and a person; it exists from the first look on."""
        if person.id not in bot.private_chats:
            about = {
                name: value for name, value in person.user.items() if name in ("first_name", "last_name", "username")
            }
            bot.private_chats[person.id] = Chat(
                person.id, "private", about, members={person.id: "member", bot.id: "member"}
            )
        return bot.private_chats[person.id]

    def chats_of(self, user_id: int, bot: Bot) -> list[Chat]:
        """What a person sees: the chat with the bot, and the groups."""
        seen = [chat for chat in self.groups.values() if chat.members.get(user_id, "left") not in ("left", "kicked")]
        if user_id in self.people:
            seen.insert(0, self.private_chat(bot, self.people[user_id]))
        return seen

    def find_chat(self, bot: Bot, chat_id: int) -> Chat | None:
        """A chat by id, as that bot or the people beside it know it."""
        if chat_id in self.groups:
            return self.groups[chat_id]
        person = self.people.get(chat_id)
        return self.private_chat(bot, person) if person is not None else None

    def chat_to_write(self, bot: Bot, chat: Chat) -> Chat:
        """Make sure that a bot may write to a chat.

        Raises:
            ApiError: Blocked, kicked, never started, upgraded, …
        """
        if chat.migrated_to is not None:
            raise bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
        if chat.type == "private":
            self._check_private(bot, self.people[chat.id])
            return chat
        status = chat.members.get(bot.id, "left")
        if status == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        if status == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")
        if chat.type == "channel" and status != "administrator":
            raise bad_request("need administrator rights in the channel chat")
        return chat

    def _check_private(self, bot: Bot, person: Person) -> None:
        if person.is_deactivated:
            raise forbidden("user is deactivated")
        if bot.id in person.blocked:
            raise forbidden("bot was blocked by the user")
        if bot.id not in person.started:
            raise forbidden("bot can't initiate conversation with a user")

    # Messages

    def next_message_id(self, chat: Chat) -> int:
        """Supergroups and channels count for themselves, all other chats share one count."""
        return next(chat.own_ids or self._message_ids)

    def next_query_id(self) -> str:
        return str(next(self._query_ids))

    def add_post(self, chat: Chat, author: Json | None, content: Json, **kept: Any) -> Post:
        """Write a message down and tell those who watch; the caller tells the bots."""
        message: Json = {"message_id": self.next_message_id(chat)}
        if chat.type == "channel":
            message["sender_chat"] = chat.as_json()
        elif author is not None:
            message["from"] = author
        message |= {"chat": chat.as_json(), "date": self.clock.date(), **content}
        author_id = int(author["id"]) if author else 0
        post = Post(message, author_id, self.clock.time(), **kept)
        chat.posts[post.id] = post
        if author and author.get("is_bot"):
            chat.drafts.pop(topic_of(content), None)  # What the bot was about to say has been said.
        self.tell(chat, "message", message=post.as_seen())
        return post

    def edit_post(self, chat: Chat, post: Post, content: Json) -> None:
        """Put a changed message in the place of the old one."""
        post.message = content | {"edit_date": self.clock.date()}
        post.is_edited = True
        self.tell(chat, "edited", message=post.as_seen())

    def delete_post(self, chat: Chat, post: Post) -> None:
        post.is_deleted = True
        self.tell(chat, "deleted", message_id=post.id)

    def show_draft(self, chat: Chat, draft: Draft) -> None:
        """Put a draft in the place of the one before."""
        chat.drafts[topic_of(draft.content)] = draft
        self.tell(chat, "draft", **draft.as_seen())

    def drafts_in(self, chat: Chat) -> list[Draft]:
        """What bots are about to say in a chat; where one fell silent, nothing."""
        return [draft for draft in chat.drafts.values() if draft.until > self.clock.time()]

    def tell(self, chat: Chat, kind: str, **what: Any) -> None:
        """Publish an event to all who see the chat."""
        seen_by = frozenset(user_id for user_id, status in chat.members.items() if status not in ("left", "kicked"))
        self.events.publish({"type": kind, "chat_id": chat.id, **what}, seen_by)

    def slow_repeated_polls(self, slows: bool) -> None:
        """Let ``getUpdates`` wait when it comes again too soon, as Telegram does, or not."""
        self.slows_repeated_polls = slows
        for bot in self.bots.values():
            bot.updates.repeats_are_slowed = slows

    def close(self) -> None:
        """The sandbox ends: let all pollers go."""
        for bot in self.bots.values():
            bot.updates.close()
            if bot.webhook is not None:
                bot.webhook.stop()
