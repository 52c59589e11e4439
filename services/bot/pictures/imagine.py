"""``/imagine a red fox``: an idea becomes a job, and the person knows within a second."""

import asyncio
from dataclasses import dataclass, replace

from telegram import ForceReply, Message, Update
from telegram.ext import ContextTypes

from services.bot.budgets.refusals import refuse
from services.bot.locales import is_said, say
from services.bot.pictures.promise import Promise
from services.bot.pictures.replies import follow, is_to_picture, picture_replied_to
from services.bot.pictures.status import Status
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.commands import words_after_command
from services.bot.telegram.contents import Target, contents_of
from services.bot.telegram.files import Files, Sent, picture_in
from services.bot.telegram.open_questions import OpenQuestions, answers
from shared.catalogue import Catalogue
from shared.errors import EmptyIdea, FileOutOfReach, QueueFull, UserError
from shared.ideas import Hint, Reading, read_request
from shared.jobs import ENDED, Address, Job, Lineage, Picture, Request, Sender
from shared.media_types import Purpose
from shared.preferences import Preferences
from shared.questions import Asked, Question
from shared.queue import BackgroundTickets
from shared.store.conversations import Conversations
from shared.store.jobs import Jobs
from shared.styles import Styles


@dataclass(frozen=True, slots=True)
class Material:
    """What the words of a request speak of.

    Attributes:
        before: The job of the picture that the words change; what they don't fix stays as it was asked for there.
        picture: Without words, something like it is wanted.
        subject: Words that say what is to be painted; those of the request then say how.
        is_left_out: The message points at something more, which can't be taken.
    """

    before: Job | None = None
    picture: Sent | None = None
    subject: str = ""
    is_left_out: bool = False


class Imagine:
    """Takes ideas in."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        jobs: Jobs,
        tickets: BackgroundTickets,
        status: Status,
        promise: Promise,
        catalogue: Catalogue,
        styles: Styles,
        *,
        choices: Choices,
        files: Files,
        conversations: Conversations,
        questions: OpenQuestions,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._conversations = conversations
        self._questions = questions
        self._choices = choices
        self._tickets = tickets
        self._status = status
        self._promise = promise
        self._catalogue = catalogue
        self._styles = styles

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/imagine a red fox``: promise a photo, or say what is missing.

        The command may be the caption of a picture, or reply to one: then the words say what to make of it. In reply
        to one of ours they say what shall be different; a picture that comes with such a reply is looked at as well.
        In reply to words they say how these are to be painted.
        """
        message = update.effective_message
        if message is None:
            return
        if message.caption and picture_in(message) is None:
            text = say("picture_of_wrong_type", sender_of(message).language)
            await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))
            return
        words = words_after_command(message)
        await self.take_in(words, message, context, await self._material(words, message, context))

    async def reply(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take the answer to our question what to paint."""
        message = update.effective_message
        if message is not None:
            material = Material(picture=picture_in(message))
            await self.take_in(message.text or message.caption or "", message, context, material)

    async def picture_before(self, message: Message, context: ContextTypes.DEFAULT_TYPE) -> Job | None:
        """The job of our picture to which a message replies, if it does and the record knows it."""
        if not is_to_picture(message, context.bot.id):
            return None
        return await asyncio.to_thread(picture_replied_to, message, context.bot.id, self._jobs)

    async def _material(self, words: str, message: Message, context: ContextTypes.DEFAULT_TYPE) -> Material:
        """What the words of a command speak of."""
        before = await self.picture_before(message, context)
        if before is not None:
            return Material(before, picture_in(message))
        brought = contents_of(message, context.bot.id)
        target, picture = brought.target, brought.picture
        is_left_out = target.is_unseen or (target.file is not None and target.file != picture)
        subject = target.words if await self._points_at_words(words, message, target, context) else ""
        return Material(None, picture, subject, is_left_out=is_left_out)

    async def _points_at_words(
        self, words: str, message: Message, target: Target, context: ContextTypes.DEFAULT_TYPE
    ) -> bool:
        """Whether the words of the message that a command replies to are what is to be painted."""
        if target.is_quoted or not target.words:
            return bool(target.words)
        if target.picture is not None or (target.opens_comments and words.strip()):
            return False
        replied = message.reply_to_message
        if not target.is_ours or replied is None:
            return True
        # Of what the bot says, Gemini's answers alone.
        address = replace(address_of(message, context.bot.id), message_id=replied.message_id)
        return await asyncio.to_thread(self._conversations.turn_shown_as, address) is not None

    async def take_in(
        self, words: str, message: Message, context: ContextTypes.DEFAULT_TYPE, material: Material
    ) -> None:
        """Make a request of a person's words."""
        address, sender = address_of(message, context.bot.id), sender_of(message)
        before, picture = material.before, material.picture
        chosen = await self._choices.in_force(address, sender, context.bot)
        try:
            read = self._read(words, chosen, material)
            kept = await self._fetch(picture, address, sender) if picture else None
        except EmptyIdea:
            if material.is_left_out:
                await context.bot.send_message(text=say("unseen", sender.language), **answer(address))
            else:
                await self._ask(address, sender, context)
            return
        except (UserError, FileOutOfReach) as error:
            await self._questions.ask_again(message, address)
            text = say(error.reason, sender.language, **error.values)
            await context.bot.send_message(text=text, **answer(address))
            return
        request = _request(read, chosen, material, kept)
        lineage = Lineage.following(before.id, message.message_id) if before is not None else None
        hints = (*read.hints, *([Hint("hint_unseen", {})] if material.is_left_out else ()))
        if await self.order(request, address, sender, context, lineage):
            await _tell(hints, address, sender, context)

    async def change(self, job: Job, words: str, message: Message, context: ContextTypes.DEFAULT_TYPE) -> bool:
        """Have other words painted than those that were asked for; how many pictures, stays.

        Returns:
            Whether that was still possible, or was refused in words: nobody had begun with any of the pictures.
        """
        address, sender = address_of(message, context.bot.id), sender_of(message)
        material = await self._material(words, message, context)
        chosen = await self._choices.in_force(address, sender, context.bot)
        try:
            read = self._read(words, chosen, material)
        except UserError as error:
            text = say(error.reason, sender.language, **error.values)
            await context.bot.send_message(text=text, **answer(address))
            return True
        request = replace(_request(read, chosen, material, job.request.picture), count=job.request.count)
        if not await asyncio.to_thread(self._jobs.change, job, request):
            return False
        await _tell((Hint("edit_taken", {}), *read.hints), address, sender, context)
        return True

    def _read(self, words: str, chosen: Preferences, material: Material) -> Reading:
        before = material.before
        return read_request(
            words,
            self._catalogue,
            self._styles,
            usual_model=before.request.parameters.model if before else chosen.image_model,
            may_be_empty=material.picture is not None and before is None,
            subject=material.subject,
        )

    async def _fetch(self, picture: Sent, address: Address, sender: Sender) -> Picture:
        key = await self._files.keep(picture, Purpose.PICTURE, address, sender)
        return Picture(key, picture.media_type)

    async def order(
        self,
        request: Request,
        address: Address,
        sender: Sender,
        context: ContextTypes.DEFAULT_TYPE,
        lineage: Lineage | None = None,
    ) -> bool:
        """Write a request down, send its tickets, and promise the picture; a request that is known stays as it is.

        Returns:
            Whether the request is new; False also where this person has asked for too much, and was told so.
        """
        try:
            job, is_new, shown = await asyncio.to_thread(self._accept, request, address, sender, lineage)
        except QueueFull as error:
            await refuse(error, address, sender.language, context.bot)
            return False
        if is_new:
            self._tickets.send(request.count)
            await self._promise.make(job, shown)
        elif job.state not in ENDED:
            await self._promise.make_again(job, shown)
        return is_new

    def _accept(
        self, request: Request, address: Address, sender: Sender, lineage: Lineage | None
    ) -> tuple[Job, bool, str]:
        after = self._promise.after(address.chat_id, address.message_id)
        job, is_new = self._jobs.submit(request, address=address, sender=sender, lineage=lineage, status_after=after)
        return job, is_new, self._status.describe_waiting(job)

    async def _ask(self, address: Address, sender: Sender, context: ContextTypes.DEFAULT_TYPE) -> None:
        await self._questions.ask(address, Question(Asked.IDEA))
        await context.bot.send_message(
            text=say("ask_idea", sender.language),
            reply_markup=ForceReply(
                selective=True, input_field_placeholder=say("ask_idea_placeholder", sender.language)
            ),
            **answer(address),
        )


def _request(read: Reading, chosen: Preferences, material: Material, picture: Picture | None) -> Request:
    """The request that was read, with the person's preferences, and with what it keeps of the picture before."""
    request = chosen.defaults_for(replace(read.request, picture=picture))
    if material.before is None:
        return request
    return replace(request, parameters=follow(read.request, material.before, usual=request))


async def _tell(hints: tuple[Hint, ...], address: Address, sender: Sender, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Say in one quiet message what was corrected, a line each."""
    if hints:
        lines = [say(hint.reason, sender.language, **hint.values) for hint in hints]
        await context.bot.send_message(text="\n".join(lines), **answer(address), disable_notification=True)


def is_our_question(message: Message, bot_id: int) -> bool:
    """Whether a message answers our question what to paint: it was marked so, or the words tell that it replies to."""
    if answers(message, Asked.IDEA):
        return True
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return False
    return is_said("ask_idea", asked.text or "")
