"""``/imagine a red fox``: an idea becomes a job, and the person knows within a second."""

import asyncio
from dataclasses import replace

from telegram import ForceReply, Message, Update
from telegram.ext import ContextTypes

from services.bot import keyboards
from services.bot.handlers.addresses import address_of, answer, sender_of
from services.bot.handlers.pictures import follow, is_to_picture, picture_replied_to
from services.bot.locales import is_said, say
from services.bot.status import Status, sentence
from shared.catalogue import Catalogue
from shared.errors import EmptyIdea, QueueFull, UserError
from shared.ideas import Hint, read_request
from shared.jobs import ENDED, Address, Job, Lineage, Request, Sender, Stage
from shared.queue import Tickets
from shared.store.jobs import Jobs
from shared.store.people import People
from shared.styles import Styles


class Imagine:
    """Takes ideas in."""

    def __init__(
        self, jobs: Jobs, tickets: Tickets, status: Status, catalogue: Catalogue, styles: Styles, *, people: People
    ) -> None:
        self._jobs = jobs
        self._people = people
        self._tickets = tickets
        self._status = status
        self._catalogue = catalogue
        self._styles = styles

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/imagine a red fox``: promise a photo, or say what is missing."""
        message = update.effective_message
        if message is not None:
            _, _, words = (message.text or "").partition(_command(message))
            await self.take_in(words, message, context, await self.picture_before(message, context))

    async def reply(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take the answer to our question what to paint."""
        message = update.effective_message
        if message is not None:
            await self.take_in(message.text or "", message, context)

    async def picture_before(self, message: Message, context: ContextTypes.DEFAULT_TYPE) -> Job | None:
        """The job of our picture to which a message replies, if it does and the record knows it."""
        if not is_to_picture(message, context.bot.id):
            return None
        return await asyncio.to_thread(picture_replied_to, message, context.bot.id, self._jobs)

    async def take_in(
        self, words: str, message: Message, context: ContextTypes.DEFAULT_TYPE, before: Job | None = None
    ) -> None:
        """Make a request of a person's words.

        Args:
            before: The job of the picture that the words change; what they don't fix stays as it was asked for there.
        """
        address, sender = address_of(message, context.bot.id), sender_of(message)
        chosen = await asyncio.to_thread(self._people.in_force, address, sender)
        try:
            usual_model = before.request.parameters.model if before else chosen.image_model
            read = read_request(words, self._catalogue, self._styles, usual_model=usual_model)
        except EmptyIdea:
            await self._ask(address, sender, context)
            return
        except UserError as error:
            text = say(error.reason, sender.language, **error.values)
            await context.bot.send_message(text=text, **answer(address))
            return
        request = chosen.defaults_for(read.request)
        lineage = None
        if before is not None:
            request = replace(request, parameters=follow(read.request, before, usual=request))
            lineage = Lineage.following(before.id, message.message_id)
        if await self.order(request, address, sender, context, lineage):
            await _tell(read.hints, address, sender, context)

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
            job, is_new, place = await asyncio.to_thread(self._accept, request, address, sender, lineage)
        except QueueFull as error:
            text = say(error.reason, sender.language, **error.values)
            await context.bot.send_message(text=text, **answer(address))
            return False
        if is_new:
            await asyncio.gather(
                asyncio.to_thread(self._tickets.send, request.count), self._promise(job, place, context)
            )
        elif job.status_message_id is None and job.state not in ENDED:
            await self._promise(job, place, context)
        return is_new

    def _accept(
        self, request: Request, address: Address, sender: Sender, lineage: Lineage | None
    ) -> tuple[Job, bool, int | None]:
        job, is_new = self._jobs.submit(request, address=address, sender=sender, lineage=lineage)
        return job, is_new, self._jobs.position(job.id)

    async def _promise(self, job: Job, place: int | None, context: ContextTypes.DEFAULT_TYPE) -> None:
        shown = f"{Stage.QUEUED}:{place or 1}"
        message = await context.bot.send_message(
            text=sentence(shown, job.sender.language),
            reply_markup=keyboards.status(job),
            **answer(job.address),
            disable_notification=True,
        )
        if await asyncio.to_thread(self._jobs.show_status, job.id, message.message_id, shown):
            self._status.promised(job)
        else:
            await message.delete()

    @staticmethod
    async def _ask(address: Address, sender: Sender, context: ContextTypes.DEFAULT_TYPE) -> None:
        await context.bot.send_message(
            text=say("ask_idea", sender.language),
            reply_markup=ForceReply(
                selective=True, input_field_placeholder=say("ask_idea_placeholder", sender.language)
            ),
            **answer(address),
        )


async def _tell(hints: tuple[Hint, ...], address: Address, sender: Sender, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Say in one quiet message what was corrected, a line each."""
    if hints:
        lines = [say(hint.reason, sender.language, **hint.values) for hint in hints]
        await context.bot.send_message(text="\n".join(lines), **answer(address), disable_notification=True)


def is_our_question(message: Message, bot_id: int) -> bool:
    """Whether a message replies to our question what to paint; the question's words tell, so nothing is remembered."""
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return False
    return is_said("ask_idea", asked.text or "")


def _command(message: Message) -> str:
    """The command as it was typed, ``/imagine`` or ``/imagine@our_bot``."""
    return next(iter(message.parse_entities(["bot_command"]).values()), "")
