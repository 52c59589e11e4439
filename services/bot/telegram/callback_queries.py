"""What all presses of buttons share: they are answered in time, and may change the message that they stand under."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextvars import ContextVar

from telegram import Bot, CallbackQuery, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError

from services.bot.telegram.addresses import Where, visible

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 3.0  # people press again after a few seconds; Telegram refuses answers after some 15
MAX_REMEMBERED = 1_000


class PressAnswers:
    """Sees to it that each press is answered once, and in time.

    A handler may have to wait before it can say what came of a press. Then the press is answered without words, so
    that the button stops waiting; what the handler would have said is left out.
    """

    def __init__(self) -> None:
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._late: set[asyncio.Task[None]] = set()

    def watch(self, query: CallbackQuery) -> None:
        """Answer a press that this task, or one that it starts, does not answer in time."""
        _answers.set(self)
        asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, self._answer_late, query)

    def claim(self, query_id: str) -> bool:
        """Claim the task to answer; False: it has been answered."""
        if query_id in self._answered:
            return False
        self._answered[query_id] = None
        if len(self._answered) > MAX_REMEMBERED:
            self._answered.popitem(last=False)
        return True

    def disclaim(self, query_id: str) -> None:
        """Take note that the answer did not reach Telegram."""
        self._answered.pop(query_id, None)

    def _answer_late(self, query: CallbackQuery) -> None:
        if query.id not in self._answered:
            task = asyncio.get_running_loop().create_task(acknowledge(query))
            self._late.add(task)
            task.add_done_callback(self._late.discard)


_answers: ContextVar[PressAnswers | None] = ContextVar("press_answers", default=None)


async def acknowledge(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """Answer a press, so that the button stops waiting; one that was answered already stays as it is."""
    answers = _answers.get()
    if answers is not None and not answers.claim(query.id):
        return
    try:
        await query.answer(text, show_alert=alert)
    except BadRequest:
        # An answer that comes too late is refused; the press counts all the same.
        return
    except TelegramError:
        if answers is not None:
            answers.disclaim(query.id)


def leave_unanswered(query: CallbackQuery) -> None:
    """Answer a press not at all, not even without words when the time is up: its person gets nothing from the bot."""
    if (answers := _answers.get()) is not None:
        answers.claim(query.id)


def first_word(data: str) -> str:
    """What a button acts on where its first word tells it."""
    return data.partition(" ")[0]


def is_shown(query: CallbackQuery, thing: Callable[[str], Hashable] = first_word) -> bool:
    """Whether the message of a press still shows a button that acts on the same thing.

    A changed client sends any data from any message. So what changes the message asks this first: else the buttons of
    one's own pictures would overwrite other people's.

    Args:
        thing: What a button's data act on.
    """
    message = visible(query.message) if query.message is not None else None
    if message is None or message.reply_markup is None:
        return False
    buttons = [button.callback_data for row in message.reply_markup.inline_keyboard for button in row]
    return thing(query.data or "") in {thing(data) for data in buttons if isinstance(data, str)}


def whole_data(data: str) -> str:
    """What a button acts on where all of its data tell it."""
    return data


async def put_away(bot: Bot, query: CallbackQuery, *, keep_words: bool = False) -> None:
    """Remove the message whose button was pressed, where that button stands for nothing any more.

    One with a picture or file stays, without its buttons. One that does not show this button stays as it is: a changed
    client sends any data from any message.

    Args:
        keep_words: Words stay as well: they are worth reading without the button.
    """
    message = query.message
    if message is None or not is_shown(query, whole_data):
        return
    seen = visible(message)
    try:
        if seen is not None and seen.text is not None and not keep_words:
            await bot.delete_message(message.chat.id, message.message_id)
        else:
            await bot.edit_message_reply_markup(message.chat.id, message.message_id, reply_markup=None)
    except TelegramError as error:
        # The next press tries again.
        log.info("message with a dead button not put away", extra={"chat_id": message.chat.id, "error": error.message})


async def rewrite(
    bot: Bot,
    query: CallbackQuery,
    text: str,
    keyboard: InlineKeyboardMarkup | None,
    *,
    thing: Callable[[str], Hashable] = first_word,
    where: Where | None = None,
) -> None:
    """Make the message under which a button was pressed say something else, as Telegram HTML.

    What a message of long ago says, Telegram keeps to itself, and nobody can change it: then it is said anew. One that
    shows no such button stays as it is.

    Args:
        thing: What a button's data act on.
        where: The place to say it anew, as arguments of a call; the chat unless told.
    """
    message = query.message
    if message is None:
        return
    if visible(message) is None:
        place = where or Where(
            chat_id=message.chat.id, message_thread_id=None, reply_parameters=None, parse_mode=ParseMode.HTML
        )
        await bot.send_message(text=text, reply_markup=keyboard, **place)
    elif is_shown(query, thing):
        await edit(bot, message.chat.id, message.message_id, text, keyboard)


async def edit(bot: Bot, chat_id: int, message_id: int, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
    """Make a message of ours say something else, as Telegram HTML, if it is still there."""
    try:
        await bot.edit_message_text(text, chat_id, message_id, parse_mode=ParseMode.HTML, reply_markup=keyboard)
    except BadRequest:
        # Not modified by a second press, or deleted meanwhile.
        return
