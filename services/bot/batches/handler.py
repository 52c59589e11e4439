"""``/batch``: many ideas from a message or a file, a summary first, and buttons that steer it."""

import asyncio
import re
from collections.abc import Sequence

from telegram import Update
from telegram.error import BadRequest, TimedOut
from telegram.ext import ContextTypes

from services.bot.batches import progress as progress_lines
from services.bot.batches.delivery import BatchDelivery
from services.bot.batches.progress import AGAIN, CANCEL, PAUSE, RESUME, RETRY, START, Costs, keyboard, problems, summary
from services.bot.batches.progress_message import ProgressMessage
from services.bot.batches.reading import Readings
from services.bot.budgets.refusals import refuse
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of_press
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import read_record
from services.bot.telegram.callback_queries import acknowledge, put_away
from services.bot.telegram.contents import contents_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action
from services.bot.telegram.sending import Sending, Words
from services.bot.telegram.status_messages import StatusMessage, StatusMessages
from services.bot.texts.locales import say
from shared.batches import Batch, BatchReading, BatchState, Counts, DeliveryFormat
from shared.errors import BudgetUsedUp, FileOutOfReach, UserError
from shared.jobs import Address, Request, Sender
from shared.status_messages import Work
from shared.store.batches import Batches
from shared.store.budgets import Asker
from shared.store.estimates import Estimates
from shared.store.usage import UsageReader

COMMAND = re.compile(r"^/batch(?:@\w+)?(?=\s|$)", re.IGNORECASE)
SHOWN_ASKED = "asked"
MAX_ASKED = 10  # batches of one person that are not started; a new one replaces the oldest
PARAMETER = ("--", "—", "–")  # how one begins
ACTIONS = {CANCEL: Action.CANCEL_BATCH} | dict.fromkeys(
    (START, PAUSE, RESUME, RETRY, AGAIN, DeliveryFormat.ALBUMS, DeliveryFormat.ZIP), Action.STEER_BATCH
)


class BatchCommand:
    """Takes batches in and steers them."""

    def __init__(  # noqa: PLR0917
        self,
        batches: Batches,
        delivery: BatchDelivery,
        progress: ProgressMessage,
        readings: Readings,
        choices: Choices,
        authorization: Authorization,
        estimates: Estimates,
        sending: Sending,
        messages: StatusMessages,
        usage: UsageReader,
    ) -> None:
        self._usage = usage
        self._batches = batches
        self._delivery = delivery
        self._progress = progress
        self._readings = readings
        self._choices = choices
        self._authorization = authorization
        self._estimates = estimates
        self._sending = sending
        self._messages = messages

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/batch`` with lines below it, as a file's caption, or in reply to either: sum up, and ask."""
        message, address, sender = asked.message, asked.address, asked.sender
        words = COMMAND.sub("", message.text or message.caption or "", count=1).strip()
        brought = contents_of(message, asked.bot.id)
        file = next((one for one in (brought.file, brought.target.file) if one and not one.is_picture), None)
        if file is None and (brought.target.is_quoted or not brought.target.is_ours):
            words = with_pointed_lines(words, brought.target.words)
        try:
            reading = await self._readings.read(words, file)
        except (UserError, FileOutOfReach) as error:
            await asked.answer(say(error.reason, sender.language, **error.values))
            return
        if not reading.requests:
            await asked.answer(progress_lines.fitting(problems(reading, sender.language)))
            return
        chosen = await self._choices.in_force(address, sender, asked.bot)
        requests = [chosen.defaults_for(request) for request in reading.requests]
        batch, _ = await asyncio.to_thread(
            self._batches.ask,
            requests,
            address=address,
            sender=sender,
            source="telegram",
            lines=reading.lines,
            skipped=reading.problems,
        )
        if batch.status_message_id is not None or batch.state is not BatchState.ASKED:
            return  # The update came a second time.
        put_away = await asyncio.to_thread(self._batches.put_away_oldest, sender.id, keep=MAX_ASKED)
        text = await self._summary(batch, reading, requests, put_away=bool(put_away), preview=file is not None)
        await self._ask(batch, text, asked.bot.username)
        if put_away:
            self._delivery.changed()
        await self._see_it_stand(batch.id)

    async def _see_it_stand(self, batch_id: int) -> None:
        """Keep the request at hand until its summary is in the chat: it is all that can be seen of a batch till then.

        Raises:
            TimedOut: It may have been sent, and was found nowhere.
        """
        await self._messages.come_to_rest(Work.BATCH, batch_id)
        batch = await asyncio.to_thread(self._batches.read, batch_id)
        if batch is not None and batch.state is BatchState.ASKED and batch.status_message_id is None:
            raise TimedOut("the summary of a batch was found nowhere")

    async def _summary(
        self, batch: Batch, reading: BatchReading, requests: Sequence[Request], *, put_away: bool, preview: bool
    ) -> str:
        address, sender = batch.address, batch.sender
        return summary(
            reading,
            await asyncio.to_thread(self._estimates.batch_seconds, sender.id, batch.pictures),
            await asyncio.to_thread(self._batches.room, sender.id),
            sender.language,
            put_away=MAX_ASKED if put_away else None,
            costs=await asyncio.to_thread(self._costs, address, sender, requests),
            preview=preview,
        )

    def _costs(self, address: Address, sender: Sender, requests: Sequence[Request]) -> Costs:
        """What a batch would cost the owner, and whether that fits what is left. Blocks."""
        usage = self._usage.read(Asker(address.bot_id, sender.id, None if address.private else address.chat_id))
        cost = self._usage.cost_of(usage, requests)
        fits = self._usage.fits(usage, sum(request.count for request in requests), cost)
        return Costs(cost, usage.pictures_left, fits=fits)

    async def _ask(self, batch: Batch, text: str, bot_username: str) -> None:
        """Send the summary with its buttons; where it may be in the chat already, look for it."""

        async def send() -> int:
            buttons = keyboard(batch, Counts(), bot_username)
            sent = await self._sending.text(batch.address, Words(text), buttons)
            return sent.message_id

        chat_id, known = batch.address.chat_id, batch.status_after
        after = known if known is not None else self._messages.after(chat_id, batch.address.message_id)
        message = StatusMessage(Work.BATCH, batch.id, chat_id, SHOWN_ASKED, after, send)
        if batch.status_sending_since is None:
            await self._messages.begin(message)
        else:
            self._messages.look(message)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Do what a batch's button says, for whom it is meant."""
        query = update.callback_query
        if query is None:
            return
        language = query.from_user.language_code or "en"
        wanted = read_record(query.data)
        batch = await asyncio.to_thread(self._batches.read, wanted[1]) if wanted else None
        message = query.message
        if wanted is None or wanted[2] not in ACTIONS or batch is None or message is None:
            await acknowledge(query, say("batch_unknown", language))
            await put_away(context.bot, query)
            return
        await self._messages.pressed(query, Work.BATCH, batch.id, batch.address.chat_id)
        action = ACTIONS[wanted[2]]
        if not await self._authorization.allows(action, query.from_user.id, message.chat.id, batch):
            await acknowledge(query, say("batch_not_yours", language), alert=True)
            return
        try:
            await asyncio.to_thread(self._act, batch, wanted[2])
        except BudgetUsedUp as error:
            await acknowledge(query)
            await refuse(error, address_of_press(message, batch.address), language, context.bot)
            return
        except UserError as error:
            await acknowledge(query, say(error.reason, language, **error.values), alert=True)
            return
        try:
            await acknowledge(query)
            await self._show(batch.id, context)
        finally:
            self._delivery.changed()  # It is done, whether Telegram shows it or not.

    def _act(self, batch: Batch, action: str) -> None:
        match action:
            case progress_lines.START:
                self._batches.start(batch.id)
            case progress_lines.CANCEL:
                self._batches.cancel(batch.id)
            case progress_lines.PAUSE:
                self._batches.pause(batch.id)
            case progress_lines.RESUME:
                self._batches.resume(batch.id)
            case progress_lines.RETRY:
                self._batches.retry_failed(batch.id)
            case progress_lines.AGAIN:
                self._batches.send_again(batch.id)
            case DeliveryFormat.ALBUMS | DeliveryFormat.ZIP:
                self._batches.choose(batch.id, DeliveryFormat(action))

    async def _show(self, batch_id: int, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Make the message say how things are now."""
        batch = await asyncio.to_thread(self._batches.read, batch_id)
        if batch is None or batch.status_message_id is None:
            return
        if batch.started_at is not None or batch.ended_at is not None:
            await self._progress.show(batch, at_once=True)
            return
        try:
            await context.bot.edit_message_reply_markup(
                chat_id=batch.address.chat_id,
                message_id=batch.status_message_id,
                reply_markup=keyboard(batch, Counts(), context.bot.username),
            )
        except BadRequest:
            return  # It says so already.


def with_pointed_lines(typed: str, pointed: str) -> str:
    """The lines of a batch: those that were typed; where these are parameters alone, followed by what is replied to."""
    if not pointed or (typed and not typed.startswith(PARAMETER)):
        return typed
    return f"{typed}\n{pointed}".strip()
