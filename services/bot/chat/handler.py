"""Plain text: records a question to Gemini as an errand, and sends its status message."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from telegram import Message, Update
from telegram.ext import ContextTypes

from services.bot.budgets.refusals import refuse
from services.bot.chat.stream import AnswerStreams
from services.bot.settings.preferences import Choices
from services.bot.telegram.contents import Contents, contents_of
from services.bot.telegram.files import Files
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.mentions import words_of
from services.bot.texts.locales import say
from services.bot.texts.utf16 import shorten
from shared.errands import Errand, ErrandKind, ErrandQuestion, StoredFile
from shared.errors import FileOutOfReach, QueueFull, UserError
from shared.jobs import Address, Sender, Writing
from shared.media_types import Purpose
from shared.store.albums import CAPTION_MAY_COME, LONGEST, MORE_MAY_COME, REPLIED, Albums, Place
from shared.store.conversations import Conversations
from shared.store.errands import Errands
from shared.store.updates import Updates
from shared.tickets import Tickets

MAX_REPLY_UNITS = 2_000  # of the message that is replied to
GATHERING: ErrandQuestion = {"text": "", "attachments": [], "awaited": []}  # an album, before its first message


class ChatHandler:
    """Takes questions in."""

    def __init__(  # noqa: PLR0917
        self,
        errands: Errands,
        conversations: Conversations,
        choices: Choices,
        files: Files,
        tickets: Tickets,
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

    @for_message
    async def ask(self, asked: Incoming) -> None:
        """Hand a message to Gemini. A message that comes twice is asked once."""
        await self.talk(asked)

    async def talk(self, asked: Incoming) -> None:
        """Ask Gemini what a message says, where no other handler has taken it."""
        if await self._is_of_a_command(asked.message):
            return
        try:
            await self._ask(asked)
        except QueueFull as error:
            await refuse(error, asked.address, asked.language, asked.bot)

    async def _ask(self, asked: Incoming) -> None:
        message, address, sender = asked.message, asked.address, asked.sender
        brought = contents_of(message, asked.bot.id)
        question: ErrandQuestion = {"text": words_of(message, asked.bot.bot), "attachments": []}
        if brought.target.words:
            question["reply_to"] = shorten(brought.target.words, MAX_REPLY_UNITS)
        chosen = await self._choices.in_force(address, sender, asked.bot)
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
        attachments = await self._attachments(brought, asked)
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
            await asked.answer(say("hint_unseen_in_chat", sender.language), quiet=True)

    async def _attachments(self, brought: Contents, asked: Incoming) -> list[StoredFile] | None:
        """Fetch the files of a message and of what it replies to; None where one can't be had, which is said."""
        found = []
        try:
            for sent, replied in ((brought.target.file, True), (brought.file, False)):
                if sent is not None:
                    key = await self._files.keep(sent, Purpose.TALK, asked.address, asked.sender, replied=replied)
                    place = REPLIED if replied else asked.address.message_id
                    found.append(StoredFile(key=key, media_type=sent.media_type, name=sent.name, message_id=place))
        except (UserError, FileOutOfReach) as error:
            await asked.answer(say(error.reason, asked.language, **error.values))
            return None
        return found

    async def _bring(self, album: Errand, message_id: int, attachments: list[StoredFile]) -> bool:
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

    @for_message
    async def start_over(self, asked: Incoming) -> None:
        """Answer ``/new``: forget what was said here."""
        await asyncio.to_thread(self._forget, asked.address)
        await asked.answer(say("chat_new", asked.language))

    def _forget(self, address: Address) -> None:
        conversation = self._conversations.of(address.bot_id, address.chat_id, address.topic_id)
        self._conversations.start_over(conversation.id)

    def _accept(
        self,
        question: ErrandQuestion,
        address: Address,
        sender: Sender,
        writing: Writing,
        after: timedelta | None = None,
    ) -> tuple[Errand, bool]:
        conversation = self._conversations.of(address.bot_id, address.chat_id, address.topic_id)
        return self._errands.submit(
            ErrandKind.CHAT,
            question,
            address=address,
            sender=sender,
            writing=writing,
            conversation_id=conversation.id,
            after=after,
        )
