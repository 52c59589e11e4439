"""``/describe``: prompts for a picture, and painting the one whose button is pressed."""

import asyncio
import re
from dataclasses import replace
from itertools import count

from telegram import CallbackQuery, MaybeInaccessibleMessage, Update
from telegram.ext import ContextTypes

from services.bot.budgets.refusals import refuse
from services.bot.chat.descriptions import prompts_of
from services.bot.chat.stream import AnswerStreams
from services.bot.orders import Order
from services.bot.pictures.promise import Promise
from services.bot.pictures.replies import picture_before
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of_press
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import read_record
from services.bot.telegram.callback_queries import acknowledge
from services.bot.telegram.contents import contents_of
from services.bot.telegram.files import Files, picture_in
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.open_questions import OpenQuestions
from services.bot.telegram.permissions import Action
from services.bot.texts.locales import say
from shared.errands import Errand, ErrandKind, ErrandQuestion, PromptFor
from shared.errors import FileOutOfReach, QueueFull, UserError
from shared.jobs import Address, Job, Parameters, Picture, Request, Sender, State
from shared.media_types import Purpose
from shared.questions import Asked, Question
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.tickets import Tickets

OVER_IN_VAIN = frozenset({State.FAILED, State.CANCELLED})


class Describe:
    """Has pictures described, and their prompts painted."""

    def __init__(  # noqa: PLR0917
        self,
        errands: Errands,
        jobs: Jobs,
        choices: Choices,
        files: Files,
        tickets: Tickets,
        streams: AnswerStreams,
        promise: Promise,
        authorization: Authorization,
        questions: OpenQuestions,
    ) -> None:
        self._errands = errands
        self._jobs = jobs
        self._choices = choices
        self._files = files
        self._tickets = tickets
        self._streams = streams
        self._promise = promise
        self._authorization = authorization
        self._questions = questions

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/describe`` as a picture's caption, or in reply to one: promise prompts for it."""
        address, sender = asked.address, asked.sender
        try:
            picture = await self._picture(asked)
        except (UserError, FileOutOfReach) as error:
            await asked.answer(say(error.reason, sender.language, **error.values))
            return
        if picture is None:
            await self._questions.ask(address, Question(Asked.PICTURE))
            await asked.answer(say("describe_what", sender.language))
            return
        chosen = await self._choices.in_force(address, sender, asked.bot)
        try:
            _, is_new = await asyncio.to_thread(
                self._errands.submit,
                ErrandKind.DESCRIBE,
                ErrandQuestion(picture={"key": picture.key, "media_type": picture.media_type}),
                address=address,
                sender=sender,
                writing=chosen.writing(),
            )
        except QueueFull as error:
            await refuse(error, address, sender.language, asked.bot)
            return
        self._streams.changed()
        if is_new:
            self._tickets.send()

    async def _picture(self, asked: Incoming) -> Picture | None:
        """What is to be described: of our own pictures the original, of others what Telegram has."""
        ours = await picture_before(asked.message, asked.bot.id, self._jobs)
        if picture_in(asked.message) is None and ours is not None and ours.image_key and ours.media_type:
            return Picture(ours.image_key, ours.media_type)
        sent = contents_of(asked.message, asked.bot.id).picture
        if sent is None:
            return None
        key = await self._files.keep(sent, Purpose.PICTURE, asked.address, asked.sender)
        return Picture(key, sent.media_type)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Have the prompt painted whose button was pressed, for whom it was written."""
        query = update.callback_query
        if query is None:
            return
        wanted, message = read_record(query.data), query.message
        language = query.from_user.language_code or "en"
        errand = await asyncio.to_thread(self._errands.read, wanted[1]) if wanted else None
        prompt = _prompt(errand, wanted[2]) if wanted else None
        if errand is None or prompt is None or message is None:
            await acknowledge(query, say("describe_pressed_unknown", language))
        elif not await self._authorization.allows(
            Action.PAINT_DESCRIPTION, query.from_user.id, message.chat.id, errand
        ):
            await acknowledge(query, say("describe_pressed_not_yours", language), alert=True)
        else:
            await self._paint(query, message, errand, prompt, context)

    async def _paint(
        self,
        query: CallbackQuery,
        message: MaybeInaccessibleMessage,
        errand: Errand,
        prompt: PromptFor,
        context: ContextTypes.DEFAULT_TYPE,
    ) -> None:
        sender = Sender(errand.sender.id, query.from_user.language_code or "en")
        here = address_of_press(message, errand.address)
        address, known = await asyncio.to_thread(self._place, errand, prompt, here)
        if known is not None:
            await acknowledge(query, say("describe_pressed_again", sender.language))
            return
        await acknowledge(query, say("pressed", sender.language))
        chosen = await self._choices.in_force(address, sender, context.bot)
        # The prompt is there already: nobody needs to write another.
        request = chosen.defaults_for(Request(prompt.prompt, Parameters(raw=True)))
        await self._promise.order(Order(request), address, sender)

    def _place(self, errand: Errand, prompt: PromptFor, here: Address) -> tuple[Address, Job | None]:
        """Where a prompt's picture is asked for, and its job if it was: once, unless it came to nothing."""
        number = prompts_of(errand).index(prompt) + 1
        for again in count():
            address = replace(here, press=f"like{errand.id}.{number}.{again}")
            known = self._jobs.asked_at(address)
            if known is None or known.state not in OVER_IN_VAIN:
                return address, known
        raise AssertionError("counting has no end")


def _prompt(errand: Errand | None, number: str) -> PromptFor | None:
    """The prompt with this number in an errand's answer, counted from 1."""
    found = prompts_of(errand) if errand else []
    place = int(number) - 1 if re.fullmatch(r"\d{1,3}", number, re.ASCII) else -1
    return found[place] if 0 <= place < len(found) else None
