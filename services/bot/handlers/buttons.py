"""The buttons under a picture: answered at once, for whom they are meant alone, and never twice."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from telegram import CallbackQuery, ForceReply, InlineKeyboardMarkup, InputFile, Message, Update
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, TelegramError
from telegram.ext import ContextTypes

from services.bot import keyboards
from services.bot.captions import shorten
from services.bot.handlers.addresses import address_of, answer, sender_of
from services.bot.handlers.imagine import Imagine
from services.bot.handlers.queue import Queue
from services.bot.locales import languages, say
from shared.catalogue import Catalogue
from shared.errors import UserError
from shared.ideas import read_idea
from shared.images import Images
from shared.jobs import Job, Lineage, Parameters, Prompt, Request, State
from shared.store.jobs import Jobs

MAX_PROMPT_SHOWN = 3_000  # UTF-16 units, in a message that may have 4096
ADMINS = {ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.OWNER}


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, under which message, and for which picture."""

    query: CallbackQuery
    message: Message
    job: Job
    choice: str
    context: ContextTypes.DEFAULT_TYPE

    @property
    def language(self) -> str:
        """That of the person whose picture it is."""
        return self.job.sender.language


class Buttons:
    """Does what buttons say."""

    def __init__(self, jobs: Jobs, images: Images, catalogue: Catalogue, imagine: Imagine, queue: Queue) -> None:
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue
        self._imagine = imagine
        self._queue = queue
        self._actions: dict[str, Callable[[Press], Awaitable[None]]] = {
            keyboards.AGAIN: self._again,
            keyboards.REST: self._rest,
            keyboards.RATIO: self._ratio,
            keyboards.MODEL: self._model,
            keyboards.EDIT: _ask_for_words,
            keyboards.FILE: self._send_file,
            keyboards.DELETE: _delete,
            keyboards.PICK: _pick,
            keyboards.BACK: self._back,
            keyboards.CANCEL: self._cancel,
        }

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        if query is None:
            return
        language = query.from_user.language_code or "en"
        wanted = keyboards.read(query.data)
        job = await asyncio.to_thread(self._jobs.read, wanted[1]) if wanted else None
        if wanted is None or wanted[0] not in self._actions or job is None or not isinstance(query.message, Message):
            await acknowledge(query, say("pressed_unknown", language))
            return
        action, _, choice = wanted
        if not await _may_press(query, query.message, job, action):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        await self._actions[action](Press(query, query.message, job, choice, context))

    async def _again(self, press: Press) -> None:
        await self._make(press, "again", replace(press.job.request.parameters, seed=None))

    async def _rest(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        missing = tuple(one.request.parameters for one in siblings if one.state is State.FAILED)
        if not missing:
            await acknowledge(press.query)
            return
        # The first may have failed before its prompt was written; the others then have their own.
        prompt = next((one.prompt for one in siblings if one.prompt is not None), None)
        press = replace(press, job=replace(press.job, prompt=prompt))
        await self._make(press, "rest", missing[0], each=missing)

    async def _ratio(self, press: Press) -> None:
        if press.choice not in keyboards.RATIOS:
            await _show(press.query, keyboards.ratios(press.job))
            return
        width, _, height = press.choice.partition(":")
        parameters = replace(press.job.request.parameters, ratio=(int(width), int(height)))
        await self._make(press, f"ratio {press.choice}", parameters)
        await self._back(press)

    async def _model(self, press: Press) -> None:
        model = next((one.id for one in self._catalogue if keyboards.code_of(one.id) == press.choice), None)
        if model is None:
            await _show(press.query, keyboards.models(press.job, self._catalogue))
            return
        # Steps and guidance mean something else to another model.
        parameters = replace(press.job.request.parameters, model=model, steps=None, guidance=None)
        await self._make(press, f"model {model}", parameters)
        await self._back(press)

    async def _make(
        self, press: Press, origin: str, parameters: Parameters, *, each: tuple[Parameters, ...] = ()
    ) -> None:
        """Have a picture made from this one's prompt, or several with the parameters of ``each``."""
        await acknowledge(press.query, say("pressed", press.language))
        job = press.job
        old, new = (self._catalogue.wished(one.model) for one in (job.request.parameters, parameters))
        # For a model of the other dialect the prompt is written anew, from the idea.
        prompt = job.prompt if old.dialect == new.dialect or parameters.raw else None
        await self._imagine.order(
            replace(job.request, parameters=parameters, count=len(each) or 1),
            replace(address_of(press.message, job.address.bot_id), press=press.query.id),
            job.sender,
            press.context,
            Lineage(job.id, origin, prompt, each),
        )

    async def _cancel(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        ended = await asyncio.to_thread(self._queue.end, siblings)
        await acknowledge(press.query, say("request_cancelled" if ended else "nothing_to_cancel", press.language))

    async def _send_file(self, press: Press) -> None:
        key = press.job.image_key
        if key is None:
            await acknowledge(press.query, say("pressed_no_file", press.language), alert=True)
            return
        await acknowledge(press.query)
        data = await asyncio.to_thread(self._images.get, key)
        await press.context.bot.send_document(
            document=InputFile(data, filename=key.rpartition("/")[2]),
            disable_content_type_detection=True,
            **answer(address_of(press.message, press.job.address.bot_id)),
        )

    async def _back(self, press: Press) -> None:
        siblings = await asyncio.to_thread(self._jobs.siblings, press.job)
        several = len(siblings) > 1
        await _show(press.query, keyboards.several(siblings) if several else keyboards.picture(press.job))

    async def edited(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Paint exactly the words with which somebody answered our question for an edited prompt."""
        message = update.effective_message
        job_id = edited_job(message, context.bot.id) if message else None
        job = await asyncio.to_thread(self._jobs.read, job_id) if job_id is not None else None
        if message is None or job is None or job.address.chat_id != message.chat_id:
            return
        address, sender = address_of(message, context.bot.id), sender_of(message)
        if sender.id != job.sender.id:
            await context.bot.send_message(text=say("pressed_not_yours", sender.language), **answer(address))
            return
        try:
            words = read_idea(message.text or "")
        except UserError as error:
            await context.bot.send_message(text=say(error.reason, sender.language), **answer(address))
            return
        request = Request(words, replace(job.request.parameters, raw=True, seed=None))
        lineage = Lineage(job.id, f"edit {message.message_id}", Prompt(words, language=sender.language))
        await self._imagine.order(request, address, sender, context, lineage)


def edited_job(message: Message, bot_id: int) -> int | None:
    """The job whose prompt a message edits; our question's words tell, so nothing is remembered."""
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return None
    # The person may have changed languages since.
    for language in languages():
        before, _, rest = say("edit_prompt", language, number="\0", prompt="").partition("\0")
        found = re.match(re.escape(before) + r"(\d{1,18})" + re.escape(rest[:1]), asked.text or "", re.ASCII)
        if found:
            return int(found[1])
    return None


async def _ask_for_words(press: Press) -> None:
    await acknowledge(press.query)
    job = press.job
    prompt = shorten(job.prompt.text if job.prompt else job.request.idea, MAX_PROMPT_SHOWN)
    await press.context.bot.send_message(
        text=say("edit_prompt", press.language, number=job.id, prompt=prompt),
        reply_markup=ForceReply(selective=True),
        **answer(address_of(press.message, job.address.bot_id)),
    )


async def _delete(press: Press) -> None:
    try:
        message_id = press.job.delivered_message_id or press.message.message_id
        await press.context.bot.delete_message(press.message.chat_id, message_id)
    except BadRequest as error:
        gone = "not found" in error.message.lower()
        await acknowledge(press.query, say("pressed_deleted" if gone else "pressed_not_deleted", press.language))
        return
    await acknowledge(press.query, say("pressed_deleted", press.language))


async def _pick(press: Press) -> None:
    await _show(press.query, keyboards.picture(press.job, of_several=True))


async def _may_press(query: CallbackQuery, message: Message, job: Job, action: str) -> bool:
    if query.from_user.id == job.sender.id:
        return True
    if job.address.private:
        return False
    # Somebody asked in a chat's name, or admins keep their chat clean.
    if action not in {keyboards.DELETE, keyboards.CANCEL} and job.sender.id != job.address.chat_id:
        return False
    member = await message.chat.get_member(query.from_user.id)
    return member.status in ADMINS


async def _show(query: CallbackQuery, keyboard: InlineKeyboardMarkup) -> None:
    await acknowledge(query)
    try:
        await query.edit_message_reply_markup(keyboard)
    except BadRequest:
        # Not modified by a second press, or deleted meanwhile.
        return


async def acknowledge(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """Answer a press, so that the button stops waiting."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError:
        # An answer that comes too late is refused; the press counts all the same.
        return
