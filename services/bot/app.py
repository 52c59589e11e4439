"""Builds the bot once, runs it, shuts it down in order."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, cast

from celery import Celery
from telegram import Message, Update
from telegram.error import Conflict, TelegramError
from telegram.ext import (
    ApplicationBuilder,
    BaseHandler,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    Updater,
    filters,
)

from services.bot.answers import Answers
from services.bot.batch_delivery import BatchDelivery
from services.bot.choices import Choices
from services.bot.delivery import Delivery
from services.bot.flood import CALLS_AT_ONCE, FloodLimit
from services.bot.growing import Growing
from services.bot.handlers import start
from services.bot.handlers.answer_buttons import PATTERN, AnswerButtons, stopped_draft
from services.bot.handlers.batch import BatchCommand
from services.bot.handlers.buttons import Buttons, edited_job
from services.bot.handlers.chat import Chat, is_for_gemini
from services.bot.handlers.commands import is_captioned
from services.bot.handlers.describe import PATTERN as OF_A_DESCRIPTION
from services.bot.handlers.describe import Describe
from services.bot.handlers.failures import failed
from services.bot.handlers.follow_ups import FollowUps
from services.bot.handlers.imagine import Imagine, is_our_question
from services.bot.handlers.keys import PRESSES, OwnKeys
from services.bot.handlers.models import ModelsCommand
from services.bot.handlers.overview import OwnersOverview
from services.bot.handlers.pictures import is_to_picture
from services.bot.handlers.queue import PRESSES as PRESSES_IN_QUEUE
from services.bot.handlers.queue import Queue
from services.bot.handlers.service_messages import Migration, leave_alone
from services.bot.handlers.settings import FROM_LINK, Settings, question
from services.bot.intake import DurableApplication, DurableTransport, feed_unhandled, keep_feeding, keep_ticking_off
from services.bot.menus import set_menus
from services.bot.models_menu import START as LISTED
from services.bot.models_menu import ModelsMenu
from services.bot.offers import Offers
from services.bot.progress_message import ProgressMessage
from services.bot.rights import Admins
from services.bot.settings_menu import START, Menu
from services.bot.status import Status
from services.bot.transport import Transport
from services.health import Heartbeat
from shared import wakeups
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.images import Images
from shared.queue import Tickets
from shared.secrets import SEALED, Box, box_for
from shared.settings import BotSettings
from shared.store.albums import Albums
from shared.store.batches import Batches
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.moves import Moves
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.updates import Updates
from shared.store.waits import Waits
from shared.styles import Styles

log = logging.getLogger(__name__)

UPDATES_AT_ONCE = 64
POLL_S = 30
Round = Callable[[], Coroutine[Any, Any, None]]

DRAFT_STOPPED = "stopped_message_generation"  # of Bot API 10.3; servers that are older leave it alone
EVERYTHING_WE_ANSWER = [Update.MESSAGE, Update.EDITED_MESSAGE, Update.CALLBACK_QUERY, DRAFT_STOPPED]


class Bot:
    """The Telegram front end."""

    def __init__(self, settings: BotSettings, database: Database, celery: Celery) -> None:
        """Build everything; nothing connects yet. Call inside the event loop that ``run`` will use."""
        self._settings = settings
        self._database = database
        self._bot_id = settings.bot_id
        self._updates = Updates(database, self._bot_id)
        people = People(database)
        moves = Moves(database, self._bot_id)
        limit = FloodLimit(moves.move)
        self._application = _application(settings, self._updates, people, box_for(settings), limit)
        catalogue, styles = Catalogue(settings.image_model), Styles(settings.styles_file)
        chat_models = ChatModels(settings.chat_model)
        choices = Choices(people, catalogue, chat_models)
        self._offers = Offers(catalogue, chat_models, Models(database))
        jobs = Jobs(database, settings.shares)
        bot = self._application.bot
        self._outbox = Outbox(database)
        waits = Waits(database, settings.shares)
        self._status = Status(bot, self._bot_id, jobs, waits, limit)
        images = Images(settings.image_store_url)
        self._delivery = Delivery(bot, self._bot_id, self._outbox, jobs, images, default_model=catalogue.default)
        self._own_keys = OwnKeys(Keys(database), self._bot_id)
        imagine = Imagine(jobs, Tickets(celery), self._status, catalogue, styles, choices=choices, images=images)
        self._add_keys()
        self._application.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, Migration(moves).follow))
        self._application.add_handler(MessageHandler(filters.IS_AUTOMATIC_FORWARD, leave_alone))
        admins = Admins(bot)
        self._add_settings(Settings(people, choices, Menu(catalogue, chat_models, styles), admins))
        owners = filters.User(settings.owners) & filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
        self._application.add_handler(CommandHandler("status", OwnersOverview(database).command, owners))
        self._add_models(ModelsCommand(people, choices, ModelsMenu(catalogue, chat_models), admins))
        self._batches = Batches(database, settings.shares)
        progress = ProgressMessage(bot, self._batches, limit)
        self._batch_delivery = BatchDelivery(
            bot, self._bot_id, self._batches, jobs, images, Tickets(celery), progress, default_model=catalogue.default
        )
        batch = BatchCommand(
            self._batches,
            self._batch_delivery,
            progress,
            catalogue,
            styles,
            choices,
            admins,
            waits,
            most=settings.batch_pictures,
        )
        self._add_batches(batch)
        errands = Errands(database)
        self._growing = Growing(bot, self._bot_id, errands, limit)
        self._errand_outbox = ErrandOutbox(database)
        self._answers = Answers(bot, self._bot_id, self._errand_outbox, errands, self._growing)
        chat = Chat(
            errands,
            Conversations(database),
            choices,
            images,
            Tickets(celery),
            self._growing,
            self._updates,
            Albums(database),
        )
        self._add_chat(chat, AnswerButtons(errands, choices, imagine, admins))
        self._add_describe(Describe(errands, jobs, choices, images, Tickets(celery), self._growing, imagine, admins))
        queue = Queue(jobs, self._batches, Tickets(celery), self._status, self._batch_delivery, admins)
        buttons = Buttons(jobs, images, catalogue, imagine, queue, admins)
        help_ = start.Help(catalogue, styles, batch_pictures=settings.batch_pictures)
        self._add_handlers(imagine, queue, buttons, help_)
        self._add_what_nothing_else_takes(imagine, chat)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set.

        Raises:
            telegram.error.InvalidToken: Telegram doesn't know the token.
        """
        application = self._application
        updater = cast("Updater", application.updater)
        async with application:
            await set_menus(application.bot, self._settings.owners)
            await asyncio.to_thread(self._take_over)
            await self._offers.look()
            await application.start()
            await feed_unhandled(self._updates, application.bot, application.update_queue, older_than=timedelta(0))
            rounds = [asyncio.create_task(_keep_going(one)) for one in self._rounds()]
            await updater.start_polling(
                timeout=POLL_S, allowed_updates=EVERYTHING_WE_ANSWER, error_callback=_polling_failed
            )
            log.info("bot started", extra={"bot": application.bot.username})
            await stop.wait()
            # No new updates, then the handlers under way, then the deliveries under way.
            await updater.stop()
            await application.stop()
            for round_ in rounds:
                round_.cancel()
            await asyncio.gather(*rounds, return_exceptions=True)
            await application.tick_off()
            await self._delivery.finish()
            await self._batch_delivery.finish()
            await self._answers.finish()
            log.info("bot stopped", extra={"bot": application.bot.username})

    def _rounds(self) -> list[Round]:
        application = self._application
        return [
            partial(wakeups.listen, self._database, self._heard, self._heard_of_errand),
            self._status.keep_true,
            self._status.keep_acting,
            self._delivery.empty_outbox,
            self._batch_delivery.carry_on,
            self._growing.keep_growing,
            self._growing.keep_typing,
            self._answers.empty_outbox,
            partial(self._own_keys.keep_telling, application.bot),
            self._offers.keep_current,
            partial(keep_ticking_off, application),
            partial(keep_feeding, self._updates, application.bot, application.update_queue),
        ]

    def _heard(self, job_id: int) -> None:
        self._status.changed(job_id)
        self._delivery.changed()

    def _heard_of_errand(self, errand_id: int) -> None:  # noqa: ARG002 - the news is the same whichever it was
        self._growing.changed()
        self._answers.changed()

    def _take_over(self) -> None:
        # Telegram lets one process poll: whoever held deliveries before us is gone.
        self._outbox.release_all(self._bot_id)
        self._batches.release_all(self._bot_id)
        self._errand_outbox.release_all(self._bot_id)

    def _add_settings(self, settings: Settings) -> None:
        new = filters.UpdateType.MESSAGE
        to_question = _Answers(lambda message: question(message, self._bot_id) is not None)
        add = self._application.add_handler
        add(CommandHandler("settings", settings.command, new))
        add(CommandHandler("start", settings.link, new & filters.Regex(rf"^/start\S* {FROM_LINK}[a-z_]+-\d+$")))
        add(CallbackQueryHandler(settings.press, f"^{START} "))
        add(MessageHandler(new & filters.TEXT & ~filters.COMMAND & to_question, settings.reply))

    def _add_models(self, models: ModelsCommand) -> None:
        add = self._application.add_handler
        add(CommandHandler("models", models.command, filters.UpdateType.MESSAGE))
        add(CallbackQueryHandler(models.press, f"^{LISTED} "))

    def _add_keys(self) -> None:
        new = filters.UpdateType.MESSAGE
        add = self._application.add_handler
        # Before all others: no other handler gets to see a message with a key in it.
        add(MessageHandler(filters.Regex(SEALED) | filters.CaptionRegex(SEALED), self._own_keys.receive))
        add(CommandHandler("start", self._own_keys.command, new & filters.Regex(r"^/start\S* keys$")))
        add(CommandHandler("keys", self._own_keys.command, new))
        add(CallbackQueryHandler(self._own_keys.press, PRESSES))

    def _add_batches(self, batch: BatchCommand) -> None:
        new = filters.UpdateType.MESSAGE
        add = self._application.add_handler
        add(CommandHandler("batch", batch.command, new))
        add(MessageHandler(new & filters.Document.ALL & self._captioned("batch"), batch.command))
        add(CallbackQueryHandler(batch.press, pattern=r"^batch "))

    def _add_handlers(self, imagine: Imagine, queue: Queue, buttons: Buttons, help_: start.Help) -> None:
        # Edited messages are left alone: an idea that was painted is not painted again for a corrected comma.
        new = filters.UpdateType.MESSAGE
        words = new & filters.TEXT & ~filters.COMMAND
        pictures = new & (filters.PHOTO | filters.Document.IMAGE)
        to_question = _Answers(lambda message: is_our_question(message, self._bot_id))
        to_edit = _Answers(lambda message: edited_job(message, self._bot_id) is not None)
        add = self._application.add_handler
        add(CommandHandler("start", help_.command, new & filters.Regex(start.LINKS)))
        add(CommandHandler("start", start.start, new))
        add(CommandHandler("help", help_.command, new))
        add(CallbackQueryHandler(help_.press, start.PRESSES))
        add(CommandHandler("imagine", imagine.command, new))
        add(MessageHandler(new & self._captioned("imagine"), imagine.command))
        add(CommandHandler("queue", queue.queue, new))
        add(CommandHandler("cancel", queue.cancel, new))
        add(CallbackQueryHandler(queue.press, pattern=PRESSES_IN_QUEUE))
        add(CallbackQueryHandler(buttons.press))
        add(MessageHandler((words | pictures) & to_question, imagine.reply))
        add(MessageHandler(words & to_edit, buttons.edited))
        self._application.add_error_handler(failed)

    def _captioned(self, command: str) -> filters.BaseFilter:
        return filters.CAPTION & _Answers(lambda message: is_captioned(message, command, self._application.bot.bot))

    def _add_chat(self, chat: Chat, buttons: AnswerButtons) -> None:
        add = self._application.add_handler
        add(CommandHandler("new", chat.start_over, filters.UpdateType.MESSAGE))
        add(CommandHandler("stop", buttons.stop, filters.UpdateType.MESSAGE))
        add(CallbackQueryHandler(buttons.press, PATTERN))
        add(_DraftStopHandler(buttons.stop_draft))

    def _add_describe(self, describe: Describe) -> None:
        new = filters.UpdateType.MESSAGE
        add = self._application.add_handler
        add(CommandHandler("describe", describe.command, new))
        add(MessageHandler(new & self._captioned("describe"), describe.command))
        add(CallbackQueryHandler(describe.press, OF_A_DESCRIPTION))

    def _add_what_nothing_else_takes(self, imagine: Imagine, chat: Chat) -> None:
        new = filters.UpdateType.MESSAGE
        for_gemini = _Answers(lambda message: is_for_gemini(message, self._application.bot.bot))
        add = self._application.add_handler
        follow_ups = FollowUps(imagine, chat)
        to_picture = _Answers(lambda message: is_to_picture(message, self._bot_id))
        add(MessageHandler(new & filters.TEXT & ~filters.COMMAND & to_picture, follow_ups.reply))
        add(MessageHandler(new & for_gemini, chat.ask))
        add(MessageHandler(new & filters.ChatType.PRIVATE & ~filters.StatusUpdate.ALL, start.hint))


class _DraftStopHandler(BaseHandler[Update, Any, None]):
    """Lets through presses of a draft's own stop button."""

    def check_update(self, update: object) -> bool:
        return isinstance(update, Update) and stopped_draft(update) is not None


class _Answers(filters.MessageFilter):
    """Lets through what answers one of our questions."""

    def __init__(self, is_answer: Callable[[Message], bool]) -> None:
        super().__init__()
        self._is_answer = is_answer

    def filter(self, message: Message) -> bool:
        return self._is_answer(message)


def _application(
    settings: BotSettings, updates: Updates, people: People, box: Box, limit: FloodLimit
) -> DurableApplication:
    intake = DurableTransport(updates, Heartbeat(settings.heartbeat_file), box)
    application = (
        ApplicationBuilder()
        .application_class(DurableApplication, {"updates": updates, "people": people})
        .token(settings.telegram_bot_token.get_secret_value())
        .base_url(f"{settings.telegram_api_url}/bot")
        .base_file_url(f"{settings.telegram_api_url}/file/bot")
        .get_updates_request(intake)
        .request(Transport(CALLS_AT_ONCE))
        .rate_limiter(limit)
        .concurrent_updates(UPDATES_AT_ONCE)
        .build()
    )
    intake.feed(application)
    return cast("DurableApplication", application)


def _polling_failed(error: TelegramError) -> None:
    if isinstance(error, Conflict):
        log.error("another process polls with this bot's token; only one may run")
    else:
        log.warning("polling failed, trying again", extra={"error": type(error).__name__})


async def _keep_going(round_: Round) -> None:
    while True:
        try:
            await round_()
        except Exception:
            # A round's outer door: without its rounds the bot would look healthy and do nothing.
            log.exception("round failed, starting it again")
        await asyncio.sleep(1)
