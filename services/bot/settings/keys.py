"""``/keys``: add, check and remove one's own keys for Gemini and HuggingFace."""

import asyncio
import json
import logging
import math

from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    Update,
)
from telegram.constants import ChatType, ParseMode
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import ContextTypes
from telegram.helpers import create_deep_linked_url

from services.bot.intake.key_redaction import QUESTIONS, question_about, sealed_in
from services.bot.telegram import start_links
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import DROP, USE, of_found_key, of_key, read_found_key, read_key
from services.bot.telegram.callback_queries import acknowledge, put_away, rewrite
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.open_questions import OpenQuestions, answered, answers
from services.bot.telegram.permissions import Action
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from shared.errors import StoreAway
from shared.key_cipher import SERVICES, SealedKey
from shared.questions import Asked, Question
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store.keys import ACCEPTED, UNCHECKED, UNREADABLE, Key, Keys
from shared.store.updates import Updates

log = logging.getLogger(__name__)

NAMES = {GOOGLE: "Google", HUGGINGFACE: "HuggingFace"}
LOOK_EVERY_S = 0.5  # while a key is being checked, which takes a second or two
CHECKED_WITHIN_S = 60.0  # a service that is away is asked again after half a minute
IDLE_LOOK_S = 5.0  # a key may have been sent to the process before this one


class OwnKeys:
    """Does what people want with their keys. It moves sealed ones alone."""

    def __init__(
        self, keys: Keys, bot_id: int, authorization: Authorization, questions: OpenQuestions, updates: Updates
    ) -> None:
        self._updates = updates
        self._keys = keys
        self._authorization = authorization
        self._questions = questions
        self._bot_id = bot_id
        self._put = asyncio.Event()
        self._put_at = -math.inf  # on the loop's clock

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/keys``: how they stand in private, the way there in a group."""
        language = asked.language
        if asked.address.private:
            text, buttons = await self._standing(asked.sender.id, language)
        else:
            text = say("keys_in_private", language)
            url = create_deep_linked_url(asked.bot.username, start_links.KEYS)
            buttons = InlineKeyboardMarkup.from_button(
                InlineKeyboardButton(say("keys_open_private", language), url=url)
            )
        await asked.answer(text, buttons)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Ask for a key, or remove one."""
        query = update.callback_query
        message = query.message if query is not None else None
        read = read_key(query.data) if query is not None else None
        if query is None or message is None or read is None:
            return
        language = query.from_user.language_code or "en"
        if not await self._authorization.allows_for_person(Action.MANAGE_KEYS, query.from_user.id, message.chat.id):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        await acknowledge(query)
        action, service = read
        if action == "add":
            if isinstance(message, Message):
                await self._questions.ask(address_of(message, self._bot_id), Question(Asked.KEY, {"service": service}))
            await context.bot.send_message(
                message.chat.id, say(QUESTIONS[service], language), reply_markup=ForceReply(selective=True)
            )
            return
        await asyncio.to_thread(self._keys.remove, query.from_user.id, service)
        text, buttons = await self._standing(query.from_user.id, language)
        await rewrite(context.bot, query, text, buttons)

    async def receive(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take a message with a sealed key in it: an answer to our question, or a key that got among other words."""
        message = update.effective_message
        sealed = sealed_in(message) if message else None
        if message is None or sealed is None:
            return
        await self._delete(message, context)
        asked = service_asked_for(message)
        private = message.chat.type == ChatType.PRIVATE
        if not private or update.message is None or (asked is None and not _is_ours(sealed)):
            await self._tell(message, "key_in_words", context)
        elif asked is None or (sealed.sealed and sealed.service not in {None, asked}):
            await self._ask_about(message, str(sealed.service), context)
        elif not sealed.sealed:
            await self._questions.ask_again(message, address_of(message, self._bot_id))
            await self._tell(message, "key_impossible", context, service=NAMES[asked])
        else:
            await self._keep(message, asked, sealed, context)

    async def _ask_about(self, message: Message, service: str, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Ask what is to become of a key that nobody asked for, in its person's private chat."""
        language = sender_of(message).language
        buttons = [
            InlineKeyboardButton(say(key, language), callback_data=of_found_key(action, message.message_id))
            for key, action in (("button_key_use", USE), ("button_key_drop", DROP))
        ]
        text = say("key_found", language, service=NAMES[service])
        where = answer(address_of(message, self._bot_id))
        await context.bot.send_message(text=text, reply_markup=InlineKeyboardMarkup([buttons]), **where)

    async def decide(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Use the key that somebody sent unasked as theirs, or forget it."""
        query = update.callback_query
        message = query.message if query is not None else None
        read = read_found_key(query.data) if query is not None else None
        if query is None or message is None or read is None:
            return
        person, language = query.from_user.id, query.from_user.language_code or "en"
        if not await self._authorization.allows_for_person(Action.MANAGE_KEYS, person, message.chat.id):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        sealed = await self._sealed_at(message.chat.id, read[1], context.bot)
        if sealed is None or sealed.service is None:
            await acknowledge(query, say("pressed_unknown", language))
            await put_away(context.bot, query)
            return
        await acknowledge(query)
        text = say("key_dropped", language)
        if read[0] == USE:
            text = say("key_taken", language, service=NAMES[sealed.service])
            await self._keep_key(person, sealed.service, sealed, message.message_id, language)
        await rewrite(context.bot, query, text, None)
        await asyncio.to_thread(self._updates.forget_message, chat_id=message.chat.id, message_id=read[1])

    async def _sealed_at(self, chat_id: int, message_id: int, bot: Bot) -> SealedKey | None:
        """The sealed key in a message, as the record has it."""
        body = await asyncio.to_thread(self._updates.message_at, chat_id=chat_id, message_id=message_id)
        message = Message.de_json(json.loads(body).get("message"), bot) if body is not None else None
        return sealed_in(message) if message is not None else None

    async def _keep(
        self, message: Message, service: str, sealed: SealedKey, context: ContextTypes.DEFAULT_TYPE
    ) -> None:
        sender = sender_of(message)
        shown = await self._tell(message, "key_taken", context, service=NAMES[service])
        await self._keep_key(sender.id, service, sealed, shown.message_id, sender.language)

    async def _keep_key(self, person: int, service: str, sealed: SealedKey, message_id: int, language: str) -> None:
        """Keep a key to be checked; the message with this number will tell what came of it."""
        await asyncio.to_thread(
            self._keys.put,
            person,
            service,
            sealed=sealed.sealed,
            last_four=sealed.last_four,
            bot_id=self._bot_id,
            message_id=message_id,
            language=language,
        )
        self._put_at = asyncio.get_running_loop().time()
        self._put.set()

    async def _delete(self, message: Message, context: ContextTypes.DEFAULT_TYPE) -> None:
        try:
            await message.delete()
        except (BadRequest, Forbidden):
            await self._tell(message, "key_delete_yourself", context)

    async def _tell(self, message: Message, key: str, context: ContextTypes.DEFAULT_TYPE, **values: object) -> Message:
        text = say(key, sender_of(message).language, **values)
        return await context.bot.send_message(text=text, **answer(address_of(message, self._bot_id)))

    async def _standing(self, user_id: int, language: str) -> tuple[str, InlineKeyboardMarkup]:
        found = await asyncio.to_thread(self._keys.of, user_id)
        text = say("keys", language, **{one: _state(found.get(one), language) for one in SERVICES})
        return text, InlineKeyboardMarkup(
            [row for one in SERVICES for row in in_rows(_buttons(one, one in found, language), 2)]
        )

    async def keep_telling(self, bot: Bot) -> None:
        """Tell in the message that promised a check what came of it. Runs until cancelled."""
        while True:
            try:
                for key in await asyncio.to_thread(self._keys.untold, self._bot_id):
                    await self._tell_state(key, bot)
            except StoreAway as error:
                log.warning("checked keys not told of", extra={"error": str(error)})
            is_checked = asyncio.get_running_loop().time() - self._put_at > CHECKED_WITHIN_S
            await (wait_for_news(self._put, IDLE_LOOK_S) if is_checked else asyncio.sleep(LOOK_EVERY_S))
            self._put.clear()

    async def _tell_state(self, key: Key, bot: Bot) -> None:
        sentence = "key_works" if key.state == ACCEPTED else "key_turned_down"
        text = say(sentence, key.language, service=NAMES[key.service], last_four=key.last_four)
        try:
            await bot.edit_message_text(text, key.user_id, key.message_id, parse_mode=ParseMode.HTML)
        except (BadRequest, Forbidden) as error:
            # The message is gone, or says so already; /keys tells it all the same.
            log.info("key's message not edited", extra={"error": type(error).__name__})
        except TelegramError as error:
            log.warning("key's message not edited yet", extra={"error": type(error).__name__})
            return
        await asyncio.to_thread(self._keys.told, key)


def service_asked_for(message: Message) -> str | None:
    """The service for whose key a message answers our question: it was marked so, or it replies to the question."""
    if answers(message, Asked.KEY) and (marked := answered(message)) is not None:
        return str(marked.about["service"])
    return question_about(message.reply_to_message.text) if message.reply_to_message else None


def _is_ours(sealed: SealedKey) -> bool:
    """Whether a key is one of a service that we use."""
    return bool(sealed.sealed) and sealed.service in SERVICES


def _state(key: Key | None, language: str) -> str:
    if key is None:
        return say("key_none", language)
    sentences = {ACCEPTED: "key_accepted", UNCHECKED: "key_unchecked", UNREADABLE: "key_unreadable"}
    return say(sentences.get(key.state, "key_refused"), language, last_four=key.last_four)


def _buttons(service: str, known: bool, language: str) -> list[InlineKeyboardButton]:
    words = [("add", "key_replace"), ("remove", "key_remove")] if known else [("add", "key_add")]
    return [
        InlineKeyboardButton(say(key, language, service=NAMES[service]), callback_data=of_key(action, service))
        for action, key in words
    ]
