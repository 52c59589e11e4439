"""Handles the buttons under pictures: checks who may press, answers at once, and places each order once."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from telegram import (
    CallbackQuery,
    ForceReply,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessage,
    Message,
    Update,
    User,
)
from telegram.error import BadRequest
from telegram.ext import ContextTypes

from services.bot import orders
from services.bot.orders import Order, Orders
from services.bot.pictures import keyboards, rereading
from services.bot.pictures.captions import label_in_batch, write_caption, write_choice
from services.bot.pictures.imagine import tell_hints
from services.bot.pictures.lineage import idea_before
from services.bot.pictures.promise import Promise
from services.bot.pictures.replies import picture_name
from services.bot.telegram import callback_data as data
from services.bot.telegram.addresses import address_of_press, answer, visible
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, is_shown, put_away, rewrite, whole_data
from services.bot.telegram.errors import Refusal, refusal_of
from services.bot.telegram.file_answers import answer_with_file
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.open_questions import OpenQuestions, answered, answers
from services.bot.telegram.permissions import Action
from services.bot.telegram.sending import Upload
from services.bot.telegram.status_messages import StatusMessages
from services.bot.texts.locales import languages, say
from services.bot.texts.utf16 import shorten, units
from shared.catalogue import Catalogue
from shared.errors import UnclearChoice, UserError
from shared.ideas import Reading, read_request
from shared.images import Images
from shared.jobs import STRENGTHS, Address, Job, State
from shared.preferences import RATIOS
from shared.questions import Asked, Question
from shared.status_messages import Work
from shared.store.jobs import Jobs
from shared.styles import Styles

MAX_PROMPT_SHOWN = 3_000  # UTF-16 units, in a message that may have 4096
MENTION = "\u200b"  # what a mention says where only its effect is wanted


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, under which message, and for which picture.

    Attributes:
        stands: Of a status message: whether its result has not been delivered yet.
    """

    query: CallbackQuery
    message: MaybeInaccessibleMessage
    job: Job
    choice: str
    context: ContextTypes.DEFAULT_TYPE
    stands: bool

    @property
    def language(self) -> str:
        """That of the person whose picture it is."""
        return self.job.sender.language

    @property
    def address(self) -> Address:
        """Where answers go."""
        return address_of_press(self.message, self.job.address)

    @property
    def is_under_picture(self) -> bool:
        """Whether the message is the picture itself, not one of words beside it."""
        message = visible(self.message)
        return message is not None and message.text is None


Act = Callable[[Press], Awaitable[None]]


class ButtonsHandler:
    """Does what buttons say."""

    def __init__(  # noqa: PLR0917
        self,
        jobs: Jobs,
        images: Images,
        catalogue: Catalogue,
        styles: Styles,
        placing: Orders,
        promise: Promise,
        messages: StatusMessages,
        authorization: Authorization,
        questions: OpenQuestions,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue
        self._styles = styles
        self._orders = placing
        self._promise = promise
        self._messages = messages
        self._authorization = authorization
        self._questions = questions
        self._in_hand: set[tuple[int, str | None]] = set()  # who pressed what
        self._actions: dict[str, tuple[Action, Act]] = {
            data.AGAIN: (Action.PAINT_AGAIN, self._again),
            data.VARY: (Action.PAINT_AGAIN, self._vary),
            data.REST: (Action.PAINT_AGAIN, self._rest),
            data.RATIO: (Action.PAINT_AGAIN, self._ratio),
            data.MODEL: (Action.PAINT_AGAIN, self._model),
            data.UPSCALE: (Action.PAINT_AGAIN, self._upscale),
            data.STRENGTH: (Action.PAINT_AGAIN, self._strength),
            data.EDIT: (Action.EDIT_PROMPT, self._once(self._ask_for_words)),
            data.PROMPT: (Action.READ_PROMPT, self._once(_send_prompt)),
            data.FILE: (Action.GET_FILE, self._once(self._send_file)),
            data.DELETE: (Action.DELETE, self._delete),
            data.MORE: (Action.TURN_BUTTONS, self._more),
            data.PICK: (Action.TURN_BUTTONS, self._pick),
            data.BACK: (Action.TURN_BUTTONS, self._back),
            data.CANCEL: (Action.CANCEL, self._cancel),
        }

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        if query is None:
            return
        language = query.from_user.language_code or "en"
        wanted = data.read_record(query.data)
        job = await asyncio.to_thread(self._jobs.read, wanted[1]) if wanted else None
        if wanted is None or wanted[0] not in self._actions or job is None or query.message is None or job.is_removed:
            await acknowledge(query, say("pressed_unknown", language))
            await put_away(context.bot, query)
            return
        word, _, choice = wanted
        action, act = self._actions[word]
        stands = word != data.CANCEL or await self._messages.pressed(query, Work.JOB, job.id, job.address.chat_id)
        if not await self._authorization.allows(action, query.from_user.id, query.message.chat.id, job):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            if not await self._authorization.is_here(query.message.chat.id, job):
                await put_away(context.bot, query)
            return
        await act(Press(query, query.message, job, choice, context, stands))

    def _once(self, act: Act) -> Act:
        """Leave a press alone while the same one of the same person is being served: nothing else would notice."""

        async def served(press: Press) -> None:
            pressed = press.query.from_user.id, press.query.data
            if pressed in self._in_hand:
                await acknowledge(press.query)
                return
            self._in_hand.add(pressed)
            try:
                await act(press)
            finally:
                self._in_hand.discard(pressed)

        return served

    async def _again(self, press: Press) -> None:
        await self._order(press, orders.again(press.job, self._catalogue))

    async def _vary(self, press: Press) -> None:
        await self._order(press, orders.variations(press.job))

    async def _rest(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        await self._order_missing(press, siblings, orders.missing(press.job, siblings))

    async def _order_missing(self, press: Press, siblings: Sequence[Job], order: Order | None) -> None:
        """Order what failed. Under words that only say so, that goes once: the buttons then have done their work."""
        nothing_came = all(one.state is State.FAILED for one in siblings)
        if order is None or (nothing_came and not is_shown(press.query, whole_data)):
            await acknowledge(press.query)
            return
        await self._order(press, order)
        if nothing_came:
            await put_away(press.context.bot, press.query, keep_words=True)

    async def _ratio(self, press: Press) -> None:
        if press.choice not in RATIOS:
            await acknowledge(press.query)
            await self._turn(press, keyboards.ratios(press.job))
            return
        width, _, height = press.choice.partition(":")
        await self._order(press, orders.in_ratio(press.job, (int(width), int(height)), self._catalogue))
        await self._turn_back(press)

    async def _upscale(self, press: Press) -> None:
        order = orders.upscaled(press.job)
        if order is None:
            await acknowledge(press.query, say("pressed_no_file", press.language), alert=True)
            return
        await self._order(press, order)
        await self._turn_back(press)

    async def _strength(self, press: Press) -> None:
        if press.choice not in STRENGTHS:
            await acknowledge(press.query)
            return
        await self._order(press, orders.in_strength(press.job, press.choice))

    async def _model(self, press: Press) -> None:
        model = next((one.id for one in self._catalogue if data.code_of(one.id) == press.choice), None)
        if model is None:
            await acknowledge(press.query)
            await self._turn(press, keyboards.models(press.job, self._catalogue))
            return
        if press.job.state is State.FAILED:
            siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
            await self._order_missing(
                press, siblings, orders.missing_on_model(press.job, siblings, model, self._catalogue)
            )
            return
        await self._order(press, orders.on_model(press.job, model, self._catalogue))
        await self._turn_back(press)

    async def _order(self, press: Press, order: Order) -> None:
        await acknowledge(press.query, say("pressed", press.language))
        await self._promise.order(order, replace(press.address, press=press.query.id), press.job.sender)

    async def _cancel(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        ended = await asyncio.to_thread(self._orders.cancel, siblings)
        if press.stands and press.job.state is State.FINISHED:
            await acknowledge(press.query, say("pressed_sending", press.language))
            return
        await acknowledge(press.query, say("request_cancelled" if ended else "pressed_over", press.language))

    async def _send_file(self, press: Press) -> None:
        data_of_it = await asyncio.to_thread(self._original, press.job)
        if data_of_it is None:
            is_over = press.job.state is State.FINISHED
            await acknowledge(
                press.query, say("pressed_file_over" if is_over else "pressed_no_file", press.language), alert=True
            )
            return
        await acknowledge(press.query)
        file = Upload(data_of_it, picture_name(press.job))
        await answer_with_file(press.context.bot, press.address, file, press.language)

    def _original(self, job: Job) -> bytes | None:
        """None where the store has none, or has it no more."""
        try:
            return self._images.get(job.image_key) if job.image_key else None
        except FileNotFoundError:
            return None

    async def _more(self, press: Press) -> None:
        await acknowledge(press.query)
        await self._turn(press, keyboards.more(press.job))

    async def _delete(self, press: Press) -> None:
        if press.choice == data.FOR_GOOD or visible(press.message) is None:
            await _delete(press)
            return
        await acknowledge(press.query)
        await self._turn(press, keyboards.really_delete(press.job))

    async def _pick(self, press: Press) -> None:
        await acknowledge(press.query)
        await self._turn(press, self._of_one(press))

    async def _back(self, press: Press) -> None:
        await acknowledge(press.query)
        if press.job.batch_id is not None and not press.is_under_picture:
            album = await asyncio.to_thread(self._jobs.album_of, press.job)
            await self._turn(press, keyboards.album(album), say("batch_album", press.language))
            return
        if press.is_under_picture or press.job.request.count == 1:
            await self._turn(press, self._of_one(press))
            return
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        await self._turn(press, keyboards.several(siblings, press.context.bot.username), write_choice(siblings))

    async def _turn_back(self, press: Press) -> None:
        """Close a list after its choice; where the message can't be changed any more, it stays."""
        if visible(press.message) is not None:
            await self._turn(press, self._of_one(press))

    @staticmethod
    def _of_one(press: Press) -> InlineKeyboardMarkup:
        is_one_of_several = press.job.request.count > 1 or press.job.batch_id is not None
        return keyboards.picture(press.job, of_several=is_one_of_several and not press.is_under_picture)

    async def _turn(self, press: Press, keyboard: InlineKeyboardMarkup, words: str | None = None) -> None:
        """Show other buttons; a message that isn't the picture itself says what they are for.

        Args:
            words: What it says, as Telegram HTML; the picture's caption unless told.
        """
        message, bot = press.message, press.context.bot
        if not press.is_under_picture:
            said = await asyncio.to_thread(self._words_of, press.job) if words is None else words
            where = answer(press.address)
            await rewrite(bot, press.query, said, keyboard, thing=data.record_in, where=where)
            return
        if not is_shown(press.query, data.record_in):
            return
        try:
            await bot.edit_message_reply_markup(message.chat.id, message.message_id, reply_markup=keyboard)
        except BadRequest:
            # Not modified by a second press, or deleted meanwhile.
            return

    def _words_of(self, job: Job) -> str:
        before = idea_before(job, self._jobs)
        caption = write_caption(job, default_model=self._catalogue.default, before=before)
        if job.batch_id is not None:
            return f"{label_in_batch(job)}. {caption}"
        return f"{job.number + 1}. {caption}" if job.request.count > 1 else caption

    async def _ask_for_words(self, press: Press) -> None:
        await acknowledge(press.query)
        job = press.job
        prompt = shorten(job.prompt.text if job.prompt else job.request.idea, MAX_PROMPT_SHOWN)
        text = say("edit_prompt", press.language, number=str(job.id), prompt=prompt)
        # In a group the reply is asked of the one who is mentioned, and of nobody else.
        mention = "" if job.address.private else f'<a href="tg://user?id={press.query.from_user.id}">{MENTION}</a>'
        await self._questions.ask(press.address, Question(Asked.PROMPT, {"job": job.id}))
        await press.context.bot.send_message(
            text=mention + text, reply_markup=ForceReply(selective=True), **answer(press.address)
        )

    @staticmethod
    def is_edit(message: Message, us: User) -> bool:
        """Whether a message answers our question for an edited prompt."""
        return edited_job(message, us.id) is not None

    @for_message
    async def edited(self, asked: Incoming) -> None:
        """Paint exactly the words with which somebody answered our question for an edited prompt."""
        message, address, sender = asked.message, asked.address, asked.sender
        job_id = edited_job(message, asked.bot.id)
        job = await asyncio.to_thread(self._jobs.read, job_id) if job_id is not None else None
        if job is None:
            return
        if not await self._authorization.allows(Action.EDIT_PROMPT, sender.id, message.chat_id, job):
            await asked.answer(say("pressed_not_yours", sender.language))
            return
        try:
            read = self._read(message.text or "", job)
        except UnclearChoice as error:
            await self._questions.ask_again(message, address)
            await rereading.ask_which(error, address, sender, asked.bot)
            return
        except UserError as error:
            await self._questions.ask_again(message, address)
            await asked.answer(say(error.reason, sender.language, **error.values))
            return
        count = rereading.agreed(read.request.count)
        if count is None:
            await rereading.ask_how_many(read, address, sender, asked.bot)
            return
        request = replace(read.request, count=count)
        order = orders.edited(job, request, message_id=message.message_id, language=sender.language)
        if await self._promise.order(order, address, sender):
            await tell_hints(read.hints, asked)

    def _read(self, words: str, job: Job) -> Reading:
        return read_request(
            words,
            self._catalogue,
            self._styles,
            usual_model=job.request.parameters.model,
            chosen=rereading.options_chosen(),
        )


def edited_job(message: Message, bot_id: int) -> int | None:
    """The job whose prompt a message edits: it was marked so, or the words name the question that it replies to."""
    if answers(message, Asked.PROMPT) and (marked := answered(message)) is not None:
        return int(marked.about["job"])
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return None
    # The person may have changed languages since.
    for language in languages():
        before, _, rest = say("edit_prompt", language, number="\0", prompt="").partition("\0")
        text = (asked.text or "").removeprefix(MENTION)
        found = re.match(re.escape(before) + r"(\d{1,18})" + re.escape(rest[:1]), text, re.ASCII)
        if found:
            return int(found[1])
    return None


async def _send_prompt(press: Press) -> None:
    await acknowledge(press.query)
    bot, prompt = press.context.bot, press.job.prompt.text if press.job.prompt else press.job.request.idea
    if units(prompt) <= MAX_PROMPT_SHOWN:
        text = say("whole_prompt", press.language, prompt=prompt)
        await bot.send_message(text=text, **answer(press.address))
    else:
        file = Upload(prompt.encode(), f"prompt-{press.job.id}.txt")
        await answer_with_file(bot, press.address, file, press.language)


def _message_to_delete(press: Press) -> int | None:
    """The number of the message with the picture: the one of the press, or the one that the picture came with."""
    is_here = press.message.chat.id == press.job.address.chat_id
    if is_shown(press.query, data.record_in) and (press.is_under_picture or not is_here):
        return press.message.message_id
    if is_here and press.job.delivered_message_id is not None:
        return press.job.delivered_message_id
    return press.message.message_id if is_shown(press.query, data.record_in) else None


async def _delete(press: Press) -> None:
    message_id = _message_to_delete(press)
    if message_id is None:
        await acknowledge(press.query, say("pressed_not_deleted", press.language))
        return
    try:
        await press.context.bot.delete_message(press.message.chat.id, message_id)
    except BadRequest as error:
        gone = refusal_of(error) is Refusal.MESSAGE_GONE
        await acknowledge(press.query, say("pressed_deleted" if gone else "pressed_not_deleted", press.language))
        return
    await acknowledge(press.query, say("pressed_deleted", press.language))
