"""A bot that delivers into a chat of Telegram's stand-in: pictures, albums, batches, answers and descriptions."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import PIL.Image
from sqlalchemy import Row, Table, select, update
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.ext import ExtBot

from sandbox.client import Json, SandboxClient
from services.bot.batches.delivery import BatchDelivery
from services.bot.batches.progress_message import ProgressMessage
from services.bot.chat.delivery import Answers
from services.bot.chat.drawings import Drawings
from services.bot.chat.stream import AnswerStreams
from services.bot.orders import Orders
from services.bot.pictures.delivery import Delivery
from services.bot.pictures.promise import Promise
from services.bot.pictures.status import Status
from services.bot.queue.status_keyboards import StatusKeyboards
from services.bot.settings.preferences import Choices
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.outbox_relay import LEFT_S
from services.bot.telegram.removals import Ending, Removals
from services.bot.telegram.status_messages import StatusMessages as SentStatusMessages
from services.bot.telegram.transport import Transport
from services.health import Sign
from shared.batches import DeliveryFormat
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.errands import Errand, ErrandKind, ErrandResult
from shared.images import Images
from shared.jobs import Address, Image, Job, Parameters, Request, Sender
from shared.status_messages import Work
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.estimates import Estimates
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.status_messages import StatusMessages
from shared.tickets import LocalTickets
from tests.builders import BOT, FOX_RECIPE, RED_FOX, UNCAPPED, claim, claim_errand, show_status

TOKEN = f"{BOT}:" + "a" * 35
PATIENCE_S = 20.0
PROMPTS = {"prompts": [{"title": "A fox", "prompt": "a red fox in deep snow"}]}

T = TypeVar("T")
Bot = ExtBot[int]


def a_png(side: int = 64) -> bytes:
    content = BytesIO()
    PIL.Image.linear_gradient("L").resize((side, side)).convert("RGB").save(content, "PNG")
    return content.getvalue()


def a_noise(side: int) -> bytes:
    """A picture that nothing can compress without loss: three bytes a pixel."""
    content = BytesIO()
    pixels = random.Random(side).randbytes(3 * side * side)
    PIL.Image.frombytes("RGB", (side, side), pixels).save(content, "PNG")
    return content.getvalue()


def bot_at(sandbox: SandboxClient, limit: FloodLimit) -> AbstractAsyncContextManager[Bot]:
    return ExtBot(
        TOKEN,
        base_url=f"{sandbox.url}/telegram/bot",
        request=Transport(8),
        get_updates_request=Transport(1),
        rate_limiter=limit,
    )


class Rig:
    """A record and an image store, and a group in which a member asked for things."""

    def __init__(self, sandbox: SandboxClient, database: Database, folder: Path) -> None:
        sandbox.reset()
        self.sandbox = sandbox
        self.database = database
        self.images = Images(folder.as_uri())
        self.left_s = LEFT_S
        self.jobs = Jobs(database)
        self.outbox = Outbox(database)
        self.batches = Batches(database, UNCAPPED)
        self.with_bot(lambda bot, _: bot.get_me())  # Telegram knows the bot from now on.
        self.person = sandbox.person("Ada")
        self.group = sandbox.group(self.person, is_forum=True)
        self.topic = sandbox.topic(self.group, "Art")
        self.request = sandbox.say(self.person, "/imagine a fox", chat=self.group, message_thread_id=self.topic)

    @property
    def chat_id(self) -> int:
        return int(self.group["id"])

    @property
    def address(self) -> Address:
        return Address(BOT, self.chat_id, self.request["message_id"], topic_id=self.topic, private=False)

    def with_bot(self, act: Callable[[Bot, FloodLimit], Awaitable[T]]) -> T:
        async def run() -> T:
            limit = FloodLimit()
            async with bot_at(self.sandbox, limit) as bot:
                return await act(bot, limit)

        return asyncio.run(run())

    def say(self, text: str, button: str) -> int:
        """Let the bot say something with a button below it; returns the message's id."""
        keyboard = InlineKeyboardMarkup.from_button(InlineKeyboardButton(text, callback_data=button))

        async def send(bot: Bot, _: FloodLimit) -> int:
            sent = await bot.send_message(
                self.chat_id, text, message_thread_id=self.topic, reply_markup=keyboard, rate_limit_args=1
            )
            return sent.message_id

        return self.with_bot(send)

    # What is to be delivered, with the message that announced it

    def picture(
        self,
        *,
        count: int = 1,
        picture: bytes | None = None,
        parameters: Parameters | None = None,
        kept: bool = True,
    ) -> Job:
        """A request whose pictures are finished; returns its first job."""
        address, sender = self.address, Sender(self.person["id"])
        first, _ = Jobs(self.database, UNCAPPED).submit(
            Request("a fox", parameters or Parameters(), count), address=address, sender=sender
        )
        show_status(self.database, first, self.say("Painting", f"cancel {first.id}"), "painting")
        for _ in range(count):
            self._finish(claim(self.database), picture, kept=kept)
        return first

    def batch(
        self,
        *,
        delivery_format: DeliveryFormat = DeliveryFormat.ALBUMS,
        pictures: int = 2,
        picture: bytes | None = None,
    ) -> int:
        """A started batch whose pictures are finished; returns its id."""
        batches = self.batches
        batch, _ = batches.ask(
            [Request("a fox", count=pictures)],
            address=self.address,
            sender=Sender(self.person["id"]),
            source="telegram",
        )
        batches.choose(batch.id, delivery_format)
        batches.show_status(batch.id, self.say("Painting", f"batch {batch.id} pause"), "asked")
        batches.start(batch.id)
        batches.fill(batch.id)
        for _ in range(pictures):
            self._finish(claim(self.database), picture)
        return batch.id

    def answer(
        self, text: str = "Hello", *, kind: ErrandKind = ErrandKind.CHAT, result: ErrandResult | None = None
    ) -> Errand:
        """An answered question, or a described picture, with the message in which the answer was to grow."""
        errands = Errands(self.database)
        asked, _ = errands.submit(
            kind, {"text": "hi"}, address=self.address, sender=Sender(self.person["id"]), conversation_id=None
        )
        errands.keep_shown(asked.id, {"messages": [self.say("Thinking", f"stop {asked.id}")]})
        turn = claim_errand(self.database)
        errands.finish(turn, answer=text, result=PROMPTS if kind is ErrandKind.DESCRIBE else result)
        return asked

    def _finish(self, job: Job, picture: bytes | None, *, kept: bool = True) -> None:
        key = "000000/gone.png"
        if kept:
            key = self.images.put(job.id, Image(picture or a_png(), "image/png", 64, 64))
        jobs = Jobs(self.database)
        jobs.keep_prompt(job, RED_FOX)
        jobs.finish(job, FOX_RECIPE, image_key=key, media_type="image/png")

    def tried_before(self, table: Table, row_id: int, tries: int) -> None:
        """Let so many deliveries have failed."""
        with self.database.writing() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(delivery_tries=tries))

    # Deliveries

    def deliver(self, table: Table, row_id: int, *, until: Callable[[Row[Any]], bool] | None = None) -> Row[Any]:
        """Run the bot's deliveries until one has ended, or until something else is so; returns its row."""

        async def run(bot: Bot, limit: FloodLimit) -> Row[Any]:
            return await self.deliver_with(bot, limit, table, row_id, until=until)

        return self.with_bot(run)

    async def deliver_with(
        self,
        bot: Bot,
        limit: FloodLimit,
        table: Table,
        row_id: int,
        *,
        until: Callable[[Row[Any]], bool] | None = None,
    ) -> Row[Any]:
        """The same, with a bot that did something before."""
        is_so = until or _has_ended
        errands = Errands(self.database)
        catalogue = Catalogue(FOX_RECIPE.model)
        pictures = Delivery(bot, BOT, self.outbox, self.jobs, self.images, catalogue=catalogue, left_s=self.left_s)
        whole = self.batch_delivery(bot, limit)
        messages, removals = self._status_messages(bot, limit, {Work.BATCH: whole.close})
        streams = AnswerStreams(bot, BOT, errands, messages, limit)
        draw = self._drawings(bot, limit, messages).begin
        answers = Answers(bot, BOT, ErrandOutbox(self.database), errands, streams, draw=draw)
        rounds = [
            asyncio.ensure_future(round_)
            for round_ in (
                pictures.empty_outbox(Sign()),
                answers.empty_outbox(Sign()),
                whole.carry_on(Sign()),
                removals.empty_outbox(Sign()),
            )
        ]
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not is_so(self.row(table, row_id)):
                    await asyncio.sleep(0.01)
        finally:
            for round_ in rounds:
                round_.cancel()
            await asyncio.gather(*rounds, return_exceptions=True)
            await pictures.finish()
            await answers.finish()
            await whole.finish()
            await removals.finish()
        return self.row(table, row_id)

    def batch_delivery(self, bot: Bot, limit: FloodLimit) -> BatchDelivery:
        jobs, tickets, progress = Jobs(self.database), LocalTickets(), ProgressMessage(bot, self.batches, limit)
        parts = (bot, BOT, self.batches, jobs, self.images, tickets, progress)
        return BatchDelivery(*parts, default_model=FOX_RECIPE.model, left_s=self.left_s)

    def _drawings(self, bot: Bot, limit: FloodLimit, messages: SentStatusMessages) -> Drawings:
        jobs, catalogue = Jobs(self.database, UNCAPPED), Catalogue(FOX_RECIPE.model)
        status = Status(bot, BOT, jobs, self.outbox, Estimates(self.database), limit)
        orders = Orders(jobs, self.batches, LocalTickets(), status.describe_waiting)
        promise = Promise(bot, BOT, orders, messages, StatusMessages(self.database), jobs, status, limit)
        return Drawings(bot, Choices(People(self.database), catalogue, ChatModels("gemini-3.5-flash")), promise)

    def _status_messages(
        self, bot: Bot, limit: FloodLimit, endings: Mapping[Work, Ending]
    ) -> tuple[SentStatusMessages, Removals]:
        record, known = StatusMessages(self.database), KnownMessages()
        keyboards = StatusKeyboards(bot, Jobs(self.database), Errands(self.database), self.batches)
        lost = LostMessages(bot, BOT, record, known, limit, keyboards.of)
        removals = Removals(bot, BOT, record, lost, endings)
        return SentStatusMessages(record, lost, known, removals), removals

    def row(self, table: Table, row_id: int) -> Row[Any]:
        with self.database.reading() as connection:
            return connection.execute(select(table).where(table.c.id == row_id)).one()

    # What people see

    def messages(self) -> list[Json]:
        """The bot's messages in the group, oldest first."""
        return [message for message in self.sandbox.from_bot(self.group) if not message.get("deleted")]

    def in_chat(self) -> list[str]:
        """What they are: a kind of file, or the words."""
        kinds = ("photo", "document")
        return [
            next((kind for kind in kinds if kind in message), message.get("text", "")) for message in self.messages()
        ]

    def buttons(self) -> list[str]:
        """The actions of all buttons that still stand under them."""
        rows = [
            row for message in self.messages() for row in message.get("reply_markup", {}).get("inline_keyboard", ())
        ]
        return [button.get("callback_data", "") for row in rows for button in row]

    def calls(self, method: str) -> list[int | None]:
        """The answers' statuses of the calls of a method, in order."""
        return [entry["status"] for entry in self.sandbox.journal("telegram", f"/{method}$")]


def _has_ended(row: Row[Any]) -> bool:
    return row.delivered_at is not None
