"""The buttons under a picture: answered at once, for whom they are meant alone, and never twice."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from telegram import (
    CallbackQuery,
    ForceReply,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessage,
    Message,
    Update,
)
from telegram.error import BadRequest
from telegram.ext import ContextTypes

from services.bot.locales import languages, say
from services.bot.pictures import keyboards
from services.bot.pictures.captions import shorten, write_caption, write_choice
from services.bot.pictures.imagine import Imagine
from services.bot.queue.queue import Queue
from services.bot.telegram.addresses import address_of, address_of_press, answer, sender_of, visible
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, is_shown, put_away, rewrite
from services.bot.telegram.errors import Refusal, refusal_of
from services.bot.telegram.file_answers import answer_with_file
from services.bot.telegram.open_questions import OpenQuestions, answered, answers
from services.bot.telegram.permissions import Action
from services.bot.telegram.sending import Upload
from services.bot.telegram.status_messages import StatusMessages
from services.bot.texts.utf16 import units
from shared.catalogue import Catalogue
from shared.errors import UserError
from shared.ideas import read_idea
from shared.images import Images
from shared.jobs import VARIATION, Address, Job, Lineage, Parameters, Prompt, Request, State
from shared.questions import Asked, Question
from shared.status_messages import Work
from shared.store.jobs import Jobs

MAX_PROMPT_SHOWN = 3_000  # UTF-16 units, in a message that may have 4096
VARIATIONS = 4  # at a press, as people know it from Midjourney
MENTION = "\u200b"  # what a mention says where only its effect is wanted


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, under which message, and for which picture.

    Attributes:
        stands: Of a status message: whether what it tells of has not been delivered yet.
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


class Buttons:
    """Does what buttons say."""

    def __init__(  # noqa: PLR0917
        self,
        jobs: Jobs,
        images: Images,
        catalogue: Catalogue,
        imagine: Imagine,
        queue: Queue,
        messages: StatusMessages,
        authorization: Authorization,
        questions: OpenQuestions,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue
        self._imagine = imagine
        self._queue = queue
        self._messages = messages
        self._authorization = authorization
        self._questions = questions
        self._in_hand: set[tuple[int, str | None]] = set()  # who pressed what
        self._actions: dict[str, tuple[Action, Act]] = {
            keyboards.AGAIN: (Action.PAINT_AGAIN, self._again),
            keyboards.VARY: (Action.PAINT_AGAIN, self._vary),
            keyboards.REST: (Action.PAINT_AGAIN, self._rest),
            keyboards.RATIO: (Action.PAINT_AGAIN, self._ratio),
            keyboards.MODEL: (Action.PAINT_AGAIN, self._model),
            keyboards.EDIT: (Action.EDIT_PROMPT, self._once(self._ask_for_words)),
            keyboards.PROMPT: (Action.READ_PROMPT, self._once(_send_prompt)),
            keyboards.FILE: (Action.GET_FILE, self._once(self._send_file)),
            keyboards.DELETE: (Action.DELETE, self._delete),
            keyboards.MORE: (Action.TURN_BUTTONS, self._more),
            keyboards.PICK: (Action.TURN_BUTTONS, self._pick),
            keyboards.BACK: (Action.TURN_BUTTONS, self._back),
            keyboards.CANCEL: (Action.CANCEL, self._cancel),
        }

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        if query is None:
            return
        language = query.from_user.language_code or "en"
        wanted = keyboards.read(query.data)
        job = await asyncio.to_thread(self._jobs.read, wanted[1]) if wanted else None
        if wanted is None or wanted[0] not in self._actions or job is None or query.message is None:
            await acknowledge(query, say("pressed_unknown", language))
            await put_away(context.bot, query)
            return
        word, _, choice = wanted
        action, act = self._actions[word]
        stands = word != keyboards.CANCEL or await self._messages.pressed(query, Work.JOB, job.id, job.address.chat_id)
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
        await self._make(press, "again", replace(press.job.request.parameters, seed=None))

    async def _vary(self, press: Press) -> None:
        # Gemini is asked to rewrite also what it was told to leave alone before.
        parameters = replace(press.job.request.parameters, seed=None, raw=False)
        await self._order(press, parameters, Lineage(press.job.id, VARIATION), count=VARIATIONS)

    async def _rest(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        missing = [one for one in siblings if one.state is State.FAILED]
        if not missing:
            await acknowledge(press.query)
            return
        # One may have failed before its prompt was written; the others then have theirs.
        usual = next((one.prompt for one in siblings if one.prompt is not None), None)
        lineage = Lineage(
            press.job.id,
            "rest",
            each=tuple(one.request.parameters for one in missing),
            prompts=tuple(one.prompt or usual for one in missing),
        )
        await self._order(press, missing[0].request.parameters, lineage, count=len(missing))

    async def _ratio(self, press: Press) -> None:
        if press.choice not in keyboards.RATIOS:
            await acknowledge(press.query)
            await self._turn(press, keyboards.ratios(press.job))
            return
        width, _, height = press.choice.partition(":")
        parameters = replace(press.job.request.parameters, ratio=(int(width), int(height)))
        await self._make(press, f"ratio {press.choice}", parameters)
        await self._turn_back(press)

    async def _model(self, press: Press) -> None:
        model = next((one.id for one in self._catalogue if keyboards.code_of(one.id) == press.choice), None)
        if model is None:
            await acknowledge(press.query)
            await self._turn(press, keyboards.models(press.job, self._catalogue))
            return
        # Steps and guidance mean something else to another model.
        parameters = replace(press.job.request.parameters, model=model, steps=None, guidance=None)
        await self._make(press, f"model {model}", parameters)
        await self._turn_back(press)

    async def _make(self, press: Press, origin: str, parameters: Parameters) -> None:
        """Have a picture made from this one's prompt."""
        job = press.job
        old, new = (self._catalogue.wished(one.model) for one in (job.request.parameters, parameters))
        # For a model of the other dialect the prompt is written anew, from the idea.
        prompt = job.prompt if old.dialect == new.dialect or parameters.raw else None
        await self._order(press, parameters, Lineage(job.id, origin, prompt))

    async def _order(self, press: Press, parameters: Parameters, lineage: Lineage, *, count: int = 1) -> None:
        await acknowledge(press.query, say("pressed", press.language))
        await self._imagine.order(
            replace(press.job.request, parameters=parameters, count=count),
            replace(press.address, press=press.query.id),
            press.job.sender,
            press.context,
            lineage,
        )

    async def _cancel(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        ended = await asyncio.to_thread(self._queue.end, siblings)
        if press.stands and press.job.state is State.FINISHED:
            await acknowledge(press.query, say("pressed_sending", press.language))
            return
        await acknowledge(press.query, say("request_cancelled" if ended else "pressed_over", press.language))

    async def _send_file(self, press: Press) -> None:
        key = press.job.image_key
        if key is None:
            await acknowledge(press.query, say("pressed_no_file", press.language), alert=True)
            return
        await acknowledge(press.query)
        file = Upload(await asyncio.to_thread(self._images.get, key), key.rpartition("/")[2])
        await answer_with_file(press.context.bot, press.address, file, press.language)

    async def _more(self, press: Press) -> None:
        await acknowledge(press.query)
        await self._turn(press, keyboards.more(press.job))

    async def _delete(self, press: Press) -> None:
        if press.choice == keyboards.FOR_GOOD or visible(press.message) is None:
            await _delete(press)
            return
        await acknowledge(press.query)
        await self._turn(press, keyboards.really_delete(press.job))

    async def _pick(self, press: Press) -> None:
        await acknowledge(press.query)
        await self._turn(press, self._of_one(press))

    async def _back(self, press: Press) -> None:
        await acknowledge(press.query)
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
        return keyboards.picture(press.job, of_several=press.job.request.count > 1 and not press.is_under_picture)

    async def _turn(self, press: Press, keyboard: InlineKeyboardMarkup, words: str | None = None) -> None:
        """Show other buttons; a message that isn't the picture itself says what they are for.

        Args:
            words: What it says, as Telegram HTML; the picture's caption unless told.
        """
        message, bot = press.message, press.context.bot
        if not press.is_under_picture:
            said, where = words or self._words_of(press.job), answer(press.address)
            await rewrite(bot, press.query, said, keyboard, thing=keyboards.job_of, where=where)
            return
        if not is_shown(press.query, keyboards.job_of):
            return
        try:
            await bot.edit_message_reply_markup(message.chat.id, message.message_id, reply_markup=keyboard)
        except BadRequest:
            # Not modified by a second press, or deleted meanwhile.
            return

    def _words_of(self, job: Job) -> str:
        caption = write_caption(job, default_model=self._catalogue.default)
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

    async def edited(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Paint exactly the words with which somebody answered our question for an edited prompt."""
        message = update.effective_message
        job_id = edited_job(message, context.bot.id) if message else None
        job = await asyncio.to_thread(self._jobs.read, job_id) if job_id is not None else None
        if message is None or job is None:
            return
        address, sender = address_of(message, context.bot.id), sender_of(message)
        if not await self._authorization.allows(Action.EDIT_PROMPT, sender.id, message.chat_id, job):
            await context.bot.send_message(text=say("pressed_not_yours", sender.language), **answer(address))
            return
        try:
            words = read_idea(message.text or "")
        except UserError as error:
            await self._questions.ask_again(message, address)
            await context.bot.send_message(text=say(error.reason, sender.language, **error.values), **answer(address))
            return
        request = Request(words, replace(job.request.parameters, raw=True, seed=None), writing=job.request.writing)
        lineage = Lineage(job.id, f"edit {message.message_id}", Prompt(words, language=sender.language))
        await self._imagine.order(request, address, sender, context, lineage)


def edited_job(message: Message, bot_id: int) -> int | None:
    """The job whose prompt a message edits: it was marked so, or the words tell of the question that it replies to."""
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
        text = say("whole_prompt", press.language, number=str(press.job.id), prompt=prompt)
        await bot.send_message(text=text, **answer(press.address))
    else:
        file = Upload(prompt.encode(), f"{press.job.id}.txt")
        await answer_with_file(bot, press.address, file, press.language)


async def _delete(press: Press) -> None:
    message_id = press.job.delivered_message_id
    if message_id is None and is_shown(press.query, keyboards.job_of):
        message_id = press.message.message_id
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
