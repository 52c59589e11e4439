"""Builds the bot once, runs it, shuts it down in order."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

from celery import Celery
from telegram import Update
from telegram.ext import ApplicationBuilder, TypeHandler

from services.bot.access.gate import Gate
from services.bot.access.groups import Groups
from services.bot.access.links import Links, url_of
from services.bot.access.members import Members
from services.bot.access.requests import Requests
from services.bot.batches.delivery import BatchDelivery
from services.bot.batches.handler import BatchCommand
from services.bot.batches.progress_message import ProgressMessage
from services.bot.batches.reading import Readings
from services.bot.budgets.alerts import OwnersAlerts
from services.bot.budgets.usage import UsageCommand
from services.bot.chat.buttons import AnswerButtons
from services.bot.chat.delivery import Answers
from services.bot.chat.describe import Describe
from services.bot.chat.handler import Chat
from services.bot.chat.stream import AnswerStreams
from services.bot.edits import Edits
from services.bot.help.command_menus import keep_menus
from services.bot.help.start import Help
from services.bot.intake.annotations import Annotator
from services.bot.intake.application import DurableApplication, keep_feeding, keep_ticking_off
from services.bot.intake.dispatcher import Dispatcher
from services.bot.intake.poller import Poller
from services.bot.intake.raw_api import RawApi
from services.bot.intake.service_messages import Migration
from services.bot.intake.takeover import TakeOver
from services.bot.owner.handler import OwnersOverview
from services.bot.pictures.buttons import Buttons
from services.bot.pictures.delivery import Delivery
from services.bot.pictures.imagine import Imagine
from services.bot.pictures.promise import Promise
from services.bot.pictures.status import Status
from services.bot.queue.closed_chats import ClosedChats
from services.bot.queue.queue import Queue
from services.bot.queue.undelivered import Undelivered
from services.bot.routes import Handlers, add_handlers
from services.bot.settings.chat_model_choice import ChatModelChoice
from services.bot.settings.handler import Settings
from services.bot.settings.keys import OwnKeys
from services.bot.settings.menu import Menu
from services.bot.settings.model_refresh import Offers
from services.bot.settings.models import ModelsCommand
from services.bot.settings.models_menu import ModelsMenu
from services.bot.settings.preferences import Choices
from services.bot.status_keyboards import StatusKeyboards
from services.bot.telegram.admins import Admins
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.files import Files
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.open_questions import OpenQuestions
from services.bot.telegram.removals import Removals
from services.bot.telegram.sending import Sending
from services.bot.telegram.status_messages import StatusMessages as SentStatusMessages
from services.bot.telegram.transport import Transport
from services.health import Sign, Signs
from services.retrying import Outage, jittered, pause_s
from services.supervision import Round, Tasks
from shared import wakeups
from shared.access import Mode
from shared.batch_reader import BatchReader
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.errors import StoreAway
from shared.images import Images
from shared.queue import BackgroundTickets
from shared.secrets import box_for
from shared.settings import BotSettings
from shared.status_messages import Work
from shared.store.access import Roles
from shared.store.access_links import AccessLinks, LinkKind
from shared.store.albums import Albums
from shared.store.alerts import Alerts
from shared.store.batches import Batches
from shared.store.chats import Chats
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.flood_waits import FloodWaits
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.moves import Moves
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.process_locks import ProcessLock
from shared.store.questions import Questions
from shared.store.sent_files import SentFiles
from shared.store.status_messages import StatusMessages
from shared.store.updates import Updates
from shared.store.usage import UsageReader
from shared.store.waits import Waits
from shared.styles import Styles

log = logging.getLogger(__name__)

POLLS = "polls"
BEFORE_ALL = -1  # a group of handlers of its own
STOP_S = 20.0  # for handlers under way
FLUSH_S = 2.0  # for tickets at the end; those that don't leave are made up for by a worker's sweep

DRAFT_STOPPED = "stopped_message_generation"  # of Bot API 10.3; servers that are older leave it alone
EVERYTHING_WE_ANSWER = [
    Update.MESSAGE,
    Update.EDITED_MESSAGE,
    Update.CALLBACK_QUERY,
    Update.MY_CHAT_MEMBER,
    DRAFT_STOPPED,
]


class Bot:
    """The Telegram front end."""

    def __init__(
        self, settings: BotSettings, database: Database, celery: Celery, *, signs: Signs | None = None
    ) -> None:
        """Build everything; nothing connects yet. Call inside the event loop that ``run`` will use."""
        # Database and files block, so they wait in threads; tickets have threads of their own.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.threads, thread_name_prefix="bot"))
        self._signs = signs = signs or Signs()
        self._settings = settings
        self._database = database
        self._bot_id = settings.bot_id
        self._updates = Updates(database, self._bot_id)
        people = People(database)
        moves = Moves(database, self._bot_id)
        known = KnownMessages()
        self._limit = limit = FloodLimit(
            moves.move,
            seen=known.note_answer,
            waits=FloodWaits(database, self._bot_id),
            messages_per_s=settings.messages_per_s,
        )
        polling = Transport(connections=1)
        self._roles = roles = Roles(database, self._bot_id, settings.owners)
        self._requests = requests = Requests(roles, people, guest_pictures=settings.guest_pictures)
        self._claims = AccessLinks(database, self._bot_id, roles)
        self._groups, links = Groups(settings.access, roles, requests, limit.open), Links(self._claims, requests)
        gate = Gate(settings.access, roles, requests, self._groups, links)
        self._application = _application(settings, self._updates, people, gate, polling, limit=limit)
        bot = self._application.bot
        questions = Questions(database, self._bot_id)
        open_questions = OpenQuestions(questions)
        self._poller = Poller(
            RawApi(settings.telegram_api_url, settings.telegram_bot_token.get_secret_value(), polling),
            self._updates,
            box_for(settings),
            Annotator(questions, self._updates),
            bot=bot,
            kinds=EVERYTHING_WE_ANSWER,
            hand_over=self._application.hand_over,
            sign=signs.of(POLLS),
        )
        self._tickets = BackgroundTickets(celery)
        catalogue, styles = Catalogue(settings.image_model), Styles(settings.styles_file)
        chat_models = ChatModels(settings.chat_model)
        choices = Choices(people, catalogue, chat_models)
        authorization = Authorization(Admins(bot), moves, self._bot_id)
        self._offers = Offers(catalogue, chat_models, Models(database))
        images, tickets = Images(settings.image_store_url), self._tickets
        sent_files = SentFiles(database, most_megabytes=settings.user_sent_mb)
        files, conversations = Files(bot, images, sent_files, settings.bot_api_files), Conversations(database)

        jobs, waits = Jobs(database, settings.shares), Waits(database, settings.shares)
        self._outbox = Outbox(database)
        self._status = Status(bot, self._bot_id, jobs, self._outbox, waits, limit)
        errands, self._batches = Errands(database, settings.shares), Batches(database, settings.shares)
        self._record = record = StatusMessages(database)
        lost = LostMessages(
            bot, self._bot_id, record, known, limit, StatusKeyboards(bot, jobs, errands, self._batches).of
        )
        self._removals = Removals(bot, self._bot_id, record, lost, {Work.BATCH: self._close_batch})
        self._status_messages = SentStatusMessages(record, lost, known, self._removals)
        self._promise = Promise(bot, self._bot_id, self._status_messages, record, self._status)
        self._delivery = Delivery(bot, self._bot_id, self._outbox, jobs, images, default_model=catalogue.default)

        self._reader = BatchReader(catalogue, styles)
        progress = ProgressMessage(bot, self._batches, limit)
        self._batch_delivery = BatchDelivery(
            bot, self._bot_id, self._batches, jobs, images, tickets, progress, default_model=catalogue.default
        )

        self._errand_outbox = ErrandOutbox(database)
        lock = ProcessLock(database, f"bot {self._bot_id}")
        self._takeover = TakeOver(self._bot_id, lock, (self._outbox, self._batches, self._errand_outbox))
        self._streams = AnswerStreams(bot, self._bot_id, errands, self._status_messages, limit)
        self._answers = Answers(bot, self._bot_id, self._errand_outbox, errands, self._streams)

        self._own_keys = OwnKeys(Keys(database), self._bot_id, authorization, open_questions)
        imagine = Imagine(
            jobs,
            tickets,
            self._status,
            self._promise,
            catalogue,
            styles,
            choices=choices,
            files=files,
            conversations=conversations,
            questions=open_questions,
        )
        chats = Chats(database, settings.shares)
        queue = Queue(
            jobs,
            self._batches,
            chats,
            Undelivered(chats, self._outbox, self._errand_outbox, self._delivery, self._answers),
            tickets,
            self._status,
            self._batch_delivery,
            authorization,
        )
        closed_chats = ClosedChats(self._bot_id, chats, record, tickets, self._removals, limit)
        limit.tell_of_gone(closed_chats.gone)
        requests.blocked = closed_chats.gone
        usage = UsageReader(database, settings.shares)
        budgets = settings.budgets
        chat_model_choice = ChatModelChoice(Keys(database), budgets)
        self._alerts = OwnersAlerts(Alerts(database, budgets), budgets, roles.managers)
        handlers = Handlers(
            requests=requests,
            links=links,
            members=Members(roles, requests),
            closed_chats=closed_chats,
            own_keys=self._own_keys,
            migration=Migration(moves),
            settings=Settings(
                people, choices, Menu(catalogue, chat_models, styles), authorization, open_questions, chat_model_choice
            ),
            overview=OwnersOverview(database),
            usage=UsageCommand(usage),
            models=ModelsCommand(people, choices, ModelsMenu(catalogue, chat_models), authorization, chat_model_choice),
            batch=BatchCommand(
                self._batches,
                self._batch_delivery,
                progress,
                Readings(self._reader, files, most=settings.batch_pictures),
                choices,
                authorization,
                waits,
                Sending(bot),
                self._status_messages,
                usage,
            ),
            chat=Chat(
                errands,
                conversations,
                choices,
                files,
                tickets,
                self._streams,
                self._updates,
                Albums(database, settings.shares),
            ),
            answer_buttons=AnswerButtons(errands, choices, imagine, self._status_messages, authorization),
            describe=Describe(
                errands, jobs, choices, files, tickets, self._streams, imagine, authorization, open_questions
            ),
            imagine=imagine,
            queue=queue,
            buttons=Buttons(
                jobs, images, catalogue, imagine, queue, self._status_messages, authorization, open_questions
            ),
            edits=Edits(self._updates, jobs, errands, self._batches, imagine),
            help=Help(catalogue, styles, batch_pictures=settings.batch_pictures),
        )
        add_handlers(
            self._application,
            handlers,
            bot_id=self._bot_id,
            group_follow_ups=settings.group_follow_ups,
        )
        self._application.add_handler(TypeHandler(Update, partial(_note, known)), group=BEFORE_ALL)
        self._application.add_handler(TypeHandler(Update, closed_chats.hear), group=BEFORE_ALL - 1)

    async def run(self, stop: asyncio.Event, beside: Mapping[str, Round] | None = None) -> None:
        """Serve until ``stop`` is set, and keep the tasks ``beside`` it running as well.

        Raises:
            SettingsError: Telegram has refused the token for a minute.
        """
        tasks = Tasks(beside or {})
        beginning = asyncio.ensure_future(self._begin())
        try:
            await tasks.watch(stop, until=beginning)
            if beginning.done():
                beginning.result()
                tasks.add(self._rounds())
                log.info("bot started", extra={"bot": self._application.bot.username})
                await tasks.watch(stop)
        finally:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
            await self._end(tasks)

    async def _say_who_may_use_it(self) -> None:
        """Tell the owner what only the log can tell: that anybody is let in, or that nobody owns the bot yet."""
        if not self._settings.is_for_real:
            return
        if self._settings.access is Mode.OPEN:
            log.warning("anybody may use this bot, and its owner pays", extra={"G2D_ACCESS": str(Mode.OPEN)})
        code = await asyncio.to_thread(self._claims.claim)
        if code is not None:
            link = url_of(self._application.bot.username, LinkKind.CLAIM, code)
            log.warning("nobody owns this bot yet: open the link in Telegram within ten minutes", extra={"link": link})

    async def _begin(self) -> None:
        """Wait for Telegram, take over from the process before this one, and take its unhandled updates on."""
        await self._poller.connect(self._application.initialize)
        await until_stored(self._take_over, self._signs.of(POLLS))
        await until_stored(self._limit.recall, self._signs.of(POLLS))
        await self._application.start()
        await until_stored(self._feed_unhandled, self._signs.of(POLLS))
        await until_stored(self._say_who_may_use_it, self._signs.of(POLLS))

    async def _end(self, tasks: Tasks) -> None:
        """No new updates, then the handlers under way, then the deliveries under way."""
        application = self._application
        await tasks.end(POLLS)
        await self._poller.close()
        if application.running:
            await self._stop_handling()
            await tasks.end()
            await self._finish()
            log.info("bot stopped", extra={"bot": application.bot.username})
        await tasks.end()
        await application.shutdown()
        await application.bot.shutdown()  # Where the start was not completed, the application has left it open.

    async def _stop_handling(self) -> None:
        try:
            async with asyncio.timeout(STOP_S):
                await self._application.stop()
        except TimeoutError:
            log.warning("updates are still being handled: they are handled again at the next start")

    async def _finish(self) -> None:
        """Write down and let end what is under way."""
        try:
            await self._application.tick_off()
        except StoreAway as error:
            log.warning("updates not ticked off", extra={"error": str(error)})
        await self._delivery.finish()
        await self._batch_delivery.finish()
        await self._answers.finish()
        await self._status_messages.finish()
        await self._removals.finish()
        await self._takeover.end()
        await asyncio.to_thread(self._tickets.flush, FLUSH_S)

    def _rounds(self) -> dict[str, Round]:
        """The bot's background tasks by name."""
        application, signs = self._application, self._signs
        signs.add("handles updates", application.sign)
        return {
            POLLS: self._poller.keep_polling,
            "listen for wake-ups": partial(wakeups.listen, self._database, self._heard, self._heard_of_errand),
            "status messages": self._status.keep_true,
            "chat actions": self._status.keep_acting,
            "look for lost messages": self._promise.keep_looking,
            "remove status messages": partial(self._removals.empty_outbox, signs.of("removes status messages")),
            "deliver pictures": partial(self._delivery.empty_outbox, signs.of("delivers pictures")),
            "deliver batches": partial(self._batch_delivery.carry_on, signs.of("delivers batches")),
            "deliver answers": partial(self._answers.empty_outbox, signs.of("delivers answers")),
            "stream answers": self._streams.keep_growing,
            "typing": self._streams.keep_typing,
            "tell of keys": partial(self._own_keys.keep_telling, application.bot),
            "leave groups": partial(self._groups.keep_leaving, application.bot, signs.of("leaves groups")),
            "alert owners": partial(self._alerts.keep_telling, application.bot),
            "keep lock": self._takeover.keep_lock,
            "models": self._offers.keep_current,
            "menus": partial(keep_menus, application.bot, self._roles.managers, self._requests.managers_changed),
            "tick off updates": partial(keep_ticking_off, application),
            "feed unhandled updates": partial(keep_feeding, application, self._updates),
        }

    async def _close_batch(self, batch_id: int) -> None:
        await self._batch_delivery.close(batch_id)

    def _heard(self, job_id: int) -> None:
        self._status.changed(job_id)
        self._delivery.changed()

    def _heard_of_errand(self, errand_id: int) -> None:  # noqa: ARG002 - the news is the same whichever it was
        self._streams.changed()
        self._answers.changed()

    async def _take_over(self) -> None:
        await self._takeover.begin()
        await asyncio.to_thread(self._record.release_removals, self._bot_id)

    async def _feed_unhandled(self) -> None:
        await self._application.feed_unhandled()


async def until_stored(act: Round, sign: Sign) -> None:
    """Repeat an action until the database answers."""
    outage = Outage(log, "the database answers again")
    while True:
        try:
            await act()
        except StoreAway:
            sign.tried()
            outage.failed(StoreAway)
            outage.say(logging.WARNING, "the database is away, trying again")
            await asyncio.sleep(jittered(pause_s(outage.failures)))
        else:
            outage.succeeded()
            return


def _application(
    settings: BotSettings, updates: Updates, people: People, gate: Gate, polling: Transport, *, limit: FloodLimit
) -> DurableApplication:
    application = (
        ApplicationBuilder()
        .application_class(DurableApplication, {"updates": updates, "people": people, "gate": gate})
        .updater(None)
        .token(settings.telegram_bot_token.get_secret_value())
        .base_url(f"{settings.telegram_api_url}/bot")
        .base_file_url(f"{settings.telegram_api_url}/file/bot")
        .get_updates_request(polling)
        .request(Transport(connections=0))
        .rate_limiter(limit)
        .concurrent_updates(Dispatcher())
        .build()
    )
    return cast("DurableApplication", application)


async def _note(known: KnownMessages, update: Update, _: object) -> None:
    """Take note of the message that an update brings."""
    if (message := update.effective_message) is not None:
        known.note(message.chat_id, message.message_id)
