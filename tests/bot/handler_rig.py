"""Handlers that a test builds itself, of the parts that they take: a record, an image store, Telegram in memory.

There is no application around them: no gate, no routes, no rounds. A test hands a handler the update that a route would
hand it, and reads what was called, and what the record says then.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import func, select
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import ApplicationBuilder, CallbackContext, ExtBot

from sandbox.bodies import Upload
from sandbox.telegram import markup, people
from sandbox.telegram.world import Chat
from services.bot.orders import Orders
from services.bot.pictures import keyboards
from services.bot.pictures.imagine import Imagine
from services.bot.pictures.promise import Promise
from services.bot.pictures.status import Status
from services.bot.queue.status_keyboards import StatusKeyboards
from services.bot.settings.preferences import Choices
from services.bot.telegram.admins import Admins
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.files import Files
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.open_questions import MARK, OpenQuestions
from services.bot.telegram.removals import Removals
from services.bot.telegram.status_messages import StatusMessages
from services.contact_sheet import empty_picture
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.images import Images
from shared.jobs import Address, Image, Job, Request, Sender
from shared.questions import Question
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.batches import Batches
from shared.store.chat_migration import ChatMigration
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.estimates import Estimates
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.questions import Questions
from shared.store.sent_files import SentFiles
from shared.store.status_messages import StatusMessages as Record
from shared.styles import Styles
from shared.tickets import LocalTickets
from tests.bot.stage import BOT, TOKEN, Loopback, Unlimited
from tests.builders import FOX_RECIPE, RED_FOX, UNCAPPED, claim

ADA, BOB, CAROL = 101, 102, 103
NAMES = {ADA: "Ada", BOB: "Bob", CAROL: "Carol"}
GROUP = -1_001_000_000_001  # Carol owns it; Ada and Bob are members
PICTURE = Image(empty_picture(), "image/jpeg", 480, 480)
Handle = Callable[[Update, Any], Coroutine[Any, Any, None]]
T = TypeVar("T")


def a_keyboard(*data: str) -> InlineKeyboardMarkup:
    """Buttons that say this."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(one, callback_data=one) for one in data]])


class HeldLoopback(Loopback):
    """Lets a test keep a call from being answered until it says so."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}

    def hold(self, method: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold the next call of a method; returns what is set when it comes, and what lets it go on."""
        self._held[method] = asyncio.Event(), asyncio.Event()
        return self._held[method]

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        if (held := self._held.pop(url.rpartition("/")[2], None)) is not None:
            held[0].set()
            await held[1].wait()
        return await super().do_request(url, *args, **kwargs)


class HandlerRig:
    """What handlers are made of, each part real, and what people do with them."""

    def __init__(self, database: Database, folder: Path, *, policy: QueuePolicy = UNCAPPED) -> None:
        self.loop = asyncio.new_event_loop()
        self.telegram, self.limit, self.tickets = HeldLoopback(), Unlimited(), LocalTickets()
        self.bot: ExtBot[Any] = ExtBot(
            TOKEN, request=self.telegram, get_updates_request=self.telegram, rate_limiter=self.limit
        )
        self.context = CallbackContext(ApplicationBuilder().bot(self.bot).updater(None).build())
        self._update_ids = itertools.count(1)
        self._bring_people()
        self.run(self.bot.initialize())
        self.database = database
        self.images = Images(folder.as_uri())
        self.jobs = Jobs(database, policy)
        self.batches = Batches(database, policy)
        self.errands = Errands(database, policy)
        self.people = People(database)
        self.open_questions = Questions(database, BOT)
        self.catalogue, self.styles = Catalogue(FOX_RECIPE.model), Styles(None)

    def _bring_people(self) -> None:
        world = self.telegram.world
        bot = world.bot_of_token(TOKEN)
        for number, name in NAMES.items():
            person = world.add_person({"id": number, "first_name": name, "language_code": "en"})
            person.started.add(BOT)
            world.private_chat(bot, person)
        world.add_group("supergroup", {"title": "A group"}, members=[CAROL, ADA, BOB], bot=bot, chat_id=GROUP)

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    # Parts

    @cached_property
    def questions(self) -> OpenQuestions:
        return OpenQuestions(self.open_questions)

    @cached_property
    def authorization(self) -> Authorization:
        return Authorization(Admins(self.bot), ChatMigration(self.database, BOT), BOT)

    @cached_property
    def choices(self) -> Choices:
        return Choices(self.people, self.catalogue, ChatModels("gemini-3.5-flash"))

    @cached_property
    def files(self) -> Files:
        return Files(self.bot, self.images, SentFiles(self.database))

    @cached_property
    def conversations(self) -> Conversations:
        return Conversations(self.database)

    @cached_property
    def messages(self) -> StatusMessages:
        record, known = Record(self.database), KnownMessages()
        keyboards = StatusKeyboards(self.bot, self.jobs, self.errands, self.batches)
        lost = LostMessages(self.bot, BOT, record, known, self.limit, keyboards.of)
        return StatusMessages(record, lost, known, Removals(self.bot, BOT, record, lost))

    @cached_property
    def status(self) -> Status:
        return Status(self.bot, BOT, self.jobs, Outbox(self.database), Estimates(self.database), self.limit)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.jobs, self.batches, self.tickets, self.status.describe_waiting)

    @cached_property
    def promise(self) -> Promise:
        record = Record(self.database)
        return Promise(self.bot, BOT, self.orders, self.messages, record, self.jobs, self.status, self.limit)

    @cached_property
    def imagine(self) -> Imagine:
        return Imagine(
            self.jobs,
            self.promise,
            self.catalogue,
            self.styles,
            choices=self.choices,
            files=self.files,
            conversations=self.conversations,
            questions=self.questions,
        )

    # What people do

    def post(self, chat_id: int, text: str, keyboard: InlineKeyboardMarkup | None = None, **content: Any) -> int:
        """Let the bot have said something; returns the message's number."""
        content |= {"caption" if content else "text": text}
        content |= {} if keyboard is None else {"reply_markup": keyboard.to_dict()}
        return self.telegram.world.add_post(self._chat(chat_id), self.bot.bot.to_dict(), content).id

    def say(self, handle: Handle, who: int, text: str, chat_id: int | None = None, **content: Any) -> None:
        """Hand a handler what somebody writes, in private unless told.

        Args:
            content: More fields of the message; ``reply_to`` the number of the message that it replies to, ``answers``
                the question that it was marked to answer.
        """
        place, world = self._chat(chat_id or who), self.telegram.world
        if (replied := content.pop("reply_to", None)) is not None:
            content["reply_to_message"] = place.posts[replied].message
        if (question := content.pop("answers", None)) is not None:
            content[MARK] = {"kind": question.kind, "about": question.about}
        words = "caption" if {"photo", "document"} & content.keys() else "text"
        marks = "caption_entities" if words == "caption" else "entities"
        content |= {words: text, marks: markup.detect(text)}
        message = world.add_post(place, world.people[who].user, content).message
        self._hand_over(handle, self.update({"message": message}), text.split()[1:] if text.startswith("/") else [])

    def press(self, handle: Handle, who: int, data: str, chat_id: int, message_id: int, *, old: bool = False) -> None:
        """Hand a handler somebody's press; ``old``: Telegram does not tell any more what the message says."""
        self._hand_over(handle, self.a_press(who, data, chat_id, message_id, old=old), [])

    def a_press(self, who: int, data: str, chat_id: int, message_id: int, *, old: bool = False) -> Update:
        """Somebody's press, as an update."""
        world, place = self.telegram.world, self._chat(chat_id)
        post = place.posts[message_id]
        query = people.press(world, world.bot(BOT), place, post, who=world.people[who], data=data)
        message = post.message if not old else {"chat": place.as_json(), "message_id": post.id, "date": 0}
        callback = {"id": query.id, "from": world.people[who].user, "chat_instance": "1", "data": data}
        return self.update({"callback_query": callback | {"message": message}})

    def update(self, body: dict[str, Any]) -> Update:
        """An update as Telegram sends it."""
        update = Update.de_json({"update_id": next(self._update_ids), **body}, self.bot)
        assert update is not None
        return update

    def _hand_over(self, handle: Handle, update: Update, arguments: list[str]) -> None:
        self.telegram.calls.clear()
        self.context.args = arguments
        self.run(handle(update, self.context))

    def _chat(self, chat_id: int) -> Chat:
        world = self.telegram.world
        chat = world.find_chat(world.bot(BOT), chat_id)
        assert chat is not None
        return chat

    def a_photo(self) -> dict[str, Any]:
        """The field of a message that brings one."""
        upload = Upload("fox.jpg", PICTURE.media_type, PICTURE.data)
        return {"photo": self.telegram.world.files.add_photo(upload)}

    def wrote(self, text: str, chat_id: int = ADA, *, who: int = BOB, **content: Any) -> int:
        """Let somebody have written a message to which others reply; returns its number."""
        world = self.telegram.world
        return world.add_post(self._chat(chat_id), world.people[who].user, {"text": text, **content}).id

    # What came of it

    def orders_of(self, act: Handle, *args: Any, **content: Any) -> list[Job]:
        """What is ordered where a handler gets what somebody writes."""
        before = self.newest()
        self.say(act, *args, **content)
        return self.ordered(after=before)

    def calls(self, name: str) -> list[dict[str, Any]]:
        """The arguments of the calls of one method since the last update."""
        return [values for called, values in self.telegram.calls if called == name]

    @property
    def said(self) -> list[str]:
        """What the bot has sent in words since the last update."""
        return [values["text"] for values in self.calls("sendMessage")]

    @property
    def answer(self) -> tuple[str | None, bool]:
        """What answered the press, and whether it has to be read."""
        [values] = self.calls("answerCallbackQuery")
        return values.get("text"), json.loads(values.get("show_alert", "false"))

    @property
    def changes(self) -> list[str]:
        """The calls that show or change something, beside the answer to the press."""
        return [name for name, _ in self.telegram.calls if not name.startswith(("answer", "get"))]

    def sent_files(self, chat_id: int = ADA) -> list[dict[str, Any]]:
        """The documents that the bot has sent to a chat."""
        posts = self._chat(chat_id).posts.values()
        return [one.message["document"] for one in posts if one.author_id == BOT and "document" in one.message]

    def message(self, chat_id: int, message_id: int) -> dict[str, Any]:
        """A message as it is now, and whether it was deleted."""
        post = self._chat(chat_id).posts[message_id]
        return post.message | {"deleted": post.is_deleted}

    def buttons(self, chat_id: int, message_id: int) -> list[str]:
        """The data of the buttons under a message."""
        rows = self.message(chat_id, message_id).get("reply_markup", {}).get("inline_keyboard", [])
        return [one["callback_data"] for row in rows for one in row if "callback_data" in one]

    # What the record holds

    def ask(self, idea: str = "a red fox", *, user: int = ADA, chat: int = ADA, **request: Any) -> Job:
        """Have a picture asked for; each call is a message of its own."""
        address = Address(BOT, chat, self.post(chat, "/imagine"), private=chat > 0)
        return self.jobs.submit(Request(idea, **request), address=address, sender=Sender(user))[0]

    def paint(self, job: Job, **recipe: Any) -> Job:
        """Let a worker have made the picture of the job that is next."""
        claimed = claim(self.database)
        assert claimed.id == job.id
        self.jobs.keep_prompt(claimed, replace(RED_FOX, text=recipe.pop("prompt", RED_FOX.text)))
        key = self.images.put(job.id, PICTURE)
        made = replace(FOX_RECIPE, **recipe)
        self.jobs.finish(claimed, made, image_key=key, media_type=PICTURE.media_type)
        return self.read(job)

    def fail(self, job: Job, reason: str = "service_busy") -> Job:
        """Let a worker have given up the job that is next."""
        claimed = claim(self.database)
        assert claimed.id == job.id
        self.jobs.give_up(claimed, reason)
        return self.read(job)

    def deliver(self, job: Job) -> int:
        """Let the bot have sent a job's picture; returns the message's number."""
        photo = self.telegram.world.files.add_photo(Upload("fox.jpg", PICTURE.media_type, PICTURE.data))
        message_id = self.post(job.address.chat_id, "a red fox", keyboards.picture(job), photo=photo)
        Outbox(self.database).delivered(job.id, message_id=message_id, file_id=photo[-1]["file_id"])
        return message_id

    def read(self, job: Job) -> Job:
        """A job as its row is now."""
        now = self.jobs.read(job.id)
        assert now is not None
        return now

    def ordered(self, *, after: int = 0) -> list[Job]:
        """The jobs of the record, in order: all, or those after the one with this id."""
        with self.database.reading() as connection:
            jobs = tables.jobs.c
            ids = connection.scalars(select(jobs.id).where(jobs.id > after).order_by(jobs.id)).all()
        return self.jobs.read_all(ids) if ids else []

    def newest(self) -> int:
        """The id of the newest job; 0 where there is none."""
        with self.database.reading() as connection:
            return connection.scalar(select(func.max(tables.jobs.c.id))) or 0

    def asks(self, chat_id: int) -> Question | None:
        """What the next message of a private chat answers."""
        found = self.open_questions.open_in([chat_id])
        return found[0].question if found else None
