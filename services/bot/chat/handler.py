"""Plain words: a question to Gemini becomes an errand, and the person sees at once that it is thought about."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from telegram import Message, MessageEntity, Update, User
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from services.bot.budgets.refusals import refuse
from services.bot.chat.stream import AnswerStreams
from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.pictures.captions import shorten
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.contents import Contents, contents_of
from services.bot.telegram.files import Files, sent_with
from shared.errands import Errand, Kind
from shared.errors import FileOutOfReach, QueueFull, UserError
from shared.jobs import Address, Sender, Writing
from shared.media_types import Purpose
from shared.queue import BackgroundTickets
from shared.store.albums import CAPTION_MAY_COME, LONGEST, MORE_MAY_COME, REPLIED, Albums, Place
from shared.store.conversations import Conversations
from shared.store.errands import Errands
from shared.store.updates import Updates

MAX_REPLY_UNITS = 2_000  # of the message that is replied to
GATHERING: dict[str, Any] = {"text": "", "attachments": [], "awaited": []}  # an album, before its first message
OF_AN_ANSWER = (keyboards.STOP, keyboards.DRAW)


class Chat:
    """Takes questions in."""

    def __init__(  # noqa: PLR0917
        self,
        errands: Errands,
        conversations: Conversations,
        choices: Choices,
        files: Files,
        tickets: BackgroundTickets,
        streams: AnswerStreams,
        updates: Updates,
        albums: Albums,
    ) -> None:
        self._errands = errands
        self._conversations = conversations
        self._choices = choices
        self._files = files
        self._tickets = tickets
        self._streams = streams
        self._updates = updates
        self._albums = albums

    async def ask(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Hand a message to Gemini. A message that comes twice is asked once."""
        message = update.effective_message
        if message is None:
            return
        if await self._is_of_a_command(message):
            return
        try:
            await self._ask(message, context)
        except QueueFull as error:
            address = address_of(message, context.bot.id)
            await refuse(error, address, sender_of(message).language, context.bot)

    async def _ask(self, message: Message, context: ContextTypes.DEFAULT_TYPE) -> None:
        address, sender = address_of(message, context.bot.id), sender_of(message)
        brought = contents_of(message, context.bot.id)
        question: dict[str, Any] = {"text": words_of(message, context.bot.bot), "attachments": []}
        if brought.target.words:
            question["reply_to"] = shorten(brought.target.words, MAX_REPLY_UNITS)
        chosen = await self._choices.in_force(address, sender, context.bot)
        album = None
        if message.media_group_id is not None:
            together = replace(address, album=message.media_group_id)
            album, _ = await asyncio.to_thread(self._accept, GATHERING, together, sender, chosen.writing(), LONGEST)
            place = await asyncio.to_thread(self._albums.join, album.id, address.message_id, question)
            if place is Place.DONE:
                return
            if await self._is_of_a_command(message):  # Its caption has come since the first look.
                await asyncio.to_thread(self._albums.withdraw, album)
                return
            album = album if place is Place.HERE else None
        attachments = await self._attachments(brought, address, sender, context)
        if album is not None and await self._bring(album, address.message_id, attachments or []):
            return
        if attachments is None:
            return
        question["attachments"] = attachments
        _, is_new = await asyncio.to_thread(self._accept, question, address, sender, chosen.writing())
        self._streams.changed()
        if not is_new:
            return
        self._tickets.send()
        if brought.target.is_unseen:
            text = say("hint_unseen_in_chat", sender.language)
            await context.bot.send_message(text=text, **answer(address), disable_notification=True)

    async def _attachments(
        self, brought: Contents, address: Address, sender: Sender, context: ContextTypes.DEFAULT_TYPE
    ) -> list[dict[str, Any]] | None:
        """Fetch the files of a message and of what it replies to; None where one can't be had, which is said."""
        found = []
        try:
            for sent, replied in ((brought.target.file, True), (brought.file, False)):
                if sent is not None:
                    key = await self._files.keep(sent, Purpose.TALK, address, sender, replied=replied)
                    place = REPLIED if replied else address.message_id
                    found.append({"key": key, "media_type": sent.media_type, "name": sent.name, "message_id": place})
        except (UserError, FileOutOfReach) as error:
            text = say(error.reason, sender.language, **error.values)
            await context.bot.send_message(text=text, **answer(address))
            return None
        return found

    async def _bring(self, album: Errand, message_id: int, attachments: list[dict[str, Any]]) -> bool:
        if not await asyncio.to_thread(self._albums.bring, album.id, message_id, attachments):
            return False
        self._streams.changed()
        for pause in (MORE_MAY_COME, CAPTION_MAY_COME):
            self._tickets.send(after_s=pause.total_seconds())
        return True

    async def _is_of_a_command(self, message: Message) -> bool:
        """Whether a message belongs to an album whose caption is a command: that is about the captioned picture alone.

        Telegram sends the pictures of an album as messages of their own, one right after the other.
        """
        if message.media_group_id is None or message.caption:
            return False
        near = {"chat_id": message.chat_id, "near": message.message_id}
        captions = await asyncio.to_thread(self._updates.captions_of, message.media_group_id, **near)
        return any(caption.startswith("/") for caption in captions)

    async def leave_album(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take back what was asked with an album: the caption under one of its pictures is a command."""
        message = update.effective_message
        if message is None or message.media_group_id is None:
            return
        album = await asyncio.to_thread(self._albums.find, context.bot.id, message.chat_id, message.media_group_id)
        if album is not None:
            await asyncio.to_thread(self._albums.withdraw, album)

    async def start_over(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/new``: forget what was said here."""
        message = update.effective_message
        if message is None:
            return
        address = address_of(message, context.bot.id)
        await asyncio.to_thread(self._forget, address)
        await context.bot.send_message(text=say("chat_new", sender_of(message).language), **answer(address))

    def _forget(self, address: Address) -> None:
        conversation = self._conversations.of(address.bot_id, address.chat_id, address.topic_id)
        self._conversations.start_over(conversation.id)

    def _accept(
        self,
        question: dict[str, Any],
        address: Address,
        sender: Sender,
        writing: Writing,
        after: timedelta | None = None,
    ) -> tuple[Errand, bool]:
        conversation = self._conversations.of(address.bot_id, address.chat_id, address.topic_id)
        return self._errands.submit(
            Kind.CHAT,
            question,
            address=address,
            sender=sender,
            writing=writing,
            conversation_id=conversation.id,
            after=after,
        )


def is_for_gemini(message: Message, bot: User) -> bool:
    """Whether a message without a command is meant for Gemini.

    In private that is all that it can read; elsewhere what mentions the bot, or replies to one of its texts.
    """
    if not message.text and sent_with(message) is None:
        return False
    if (message.text or message.caption or "").startswith("/"):
        return False
    return message.chat.type == ChatType.PRIVATE or bool(mentions(message, bot)) or _continues(message, bot)


def words_of(message: Message, bot: User) -> str:
    """What a message says, without the bot's name."""
    text = message.text or message.caption or ""
    for name in mentions(message, bot):
        if name.startswith("@"):
            text = text.replace(name, "", 1)
    return text.strip()


def mentions(message: Message, bot: User) -> list[str]:
    """The places where a message names the bot, as they are written."""
    kinds: list[str | None] = [MessageEntity.MENTION, MessageEntity.TEXT_MENTION]
    found = message.parse_entities(kinds) if message.text else message.parse_caption_entities(kinds)
    return [
        name
        for entity, name in found.items()
        if (entity.user.id == bot.id if entity.user else name.casefold() == f"@{bot.username}".casefold())
    ]


def _continues(message: Message, bot: User) -> bool:
    """Whether a message replies to a text of the bot that is no control of something else."""
    replied = message.reply_to_message
    if replied is None or replied.from_user is None or replied.from_user.id != bot.id or not replied.text:
        return False
    rows = replied.reply_markup.inline_keyboard if replied.reply_markup else ()
    wanted = [keyboards.read(str(button.callback_data)) for row in rows for button in row]
    return all(one is not None and one[0] in OF_AN_ANSWER for one in wanted)
