"""Builds what the bot consists of, from its settings; nothing connects yet."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from telegram import Update
from telegram.ext import ApplicationBuilder, ExtBot

from services.bot.access.gate import Gate
from services.bot.access.groups import Groups
from services.bot.access.links import Links, say_who_may_use_it
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
from services.bot.chat.drawings import Drawings
from services.bot.chat.handler import ChatHandler
from services.bot.chat.stream import AnswerStreams
from services.bot.help.command_menus import keep_menus
from services.bot.help.profile import keep_profile
from services.bot.help.start import HelpHandler
from services.bot.intake.annotations import Annotator
from services.bot.intake.application import DurableApplication
from services.bot.intake.dispatcher import Dispatcher
from services.bot.intake.outage_notice import OutageNotice
from services.bot.intake.poller import Pace, Poller
from services.bot.intake.raw_api import RawApi
from services.bot.intake.service_messages import ChatMigrationHandler
from services.bot.intake.takeover import TakeOver
from services.bot.orders import Orders, again
from services.bot.owner.broadcast import BroadcastCommand, BroadcastSender
from services.bot.owner.handler import OwnersOverview
from services.bot.owner.stats import StatsCommand
from services.bot.pictures.buttons import ButtonsHandler
from services.bot.pictures.delivery import Delivery
from services.bot.pictures.edits import Edits
from services.bot.pictures.follow_ups import FollowUps
from services.bot.pictures.history.handler import HistoryHandler
from services.bot.pictures.history.inline import InlineHandler
from services.bot.pictures.imagine import Imagine
from services.bot.pictures.promise import Promise
from services.bot.pictures.rereading import Rereading
from services.bot.pictures.status import Status
from services.bot.pictures.upscale import Upscale
from services.bot.queue.closed_chats import ClosedChats
from services.bot.queue.queue import QueueHandler
from services.bot.queue.status_keyboards import StatusKeyboards
from services.bot.queue.undelivered import Undelivered
from services.bot.settings.chat_model_choice import ChatModelChoice
from services.bot.settings.export import Exports
from services.bot.settings.handler import SettingsHandler
from services.bot.settings.keys import OwnKeys
from services.bot.settings.menu import Menu
from services.bot.settings.model_refresh import Offers
from services.bot.settings.models import ModelsCommand
from services.bot.settings.models_menu import ModelsMenu
from services.bot.settings.own_data import OwnData
from services.bot.settings.preferences import Choices
from services.bot.settings.sheets import SheetPhotos
from services.bot.telegram.admins import Admins
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.files import Files
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.open_questions import OpenQuestions
from services.bot.telegram.quoting import Quoting
from services.bot.telegram.removals import Removals
from services.bot.telegram.sending import Sending
from services.bot.telegram.status_messages import StatusMessages as SentStatusMessages
from services.bot.telegram.transport import Transport
from services.contact_sheet import ContactSheets
from services.health import Signs
from services.retrying import FIRST_PAUSE_S
from services.supervision import Round
from shared.access import Verdict, verdict
from shared.batch_reader import BatchReader
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.images import Images
from shared.jobs import Address, Job, Sender
from shared.key_cipher import cipher_for
from shared.settings import BotSettings
from shared.sheets import Sheets
from shared.status_messages import Work
from shared.store.access import Roles
from shared.store.access_links import AccessLinks
from shared.store.albums import Albums
from shared.store.alerts import Alerts
from shared.store.batches import Batches
from shared.store.broadcasts import Broadcasts
from shared.store.chat_migration import ChatMigration
from shared.store.chats import Chats
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.estimates import Estimates
from shared.store.flood_waits import FloodWaits
from shared.store.history import History
from shared.store.inline_ideas import InlineIdeas
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.outbox import Outbox
from shared.store.people import People
from shared.store.process_locks import ProcessLock
from shared.store.questions import Questions
from shared.store.sent_files import SentFiles
from shared.store.status_messages import StatusMessages
from shared.store.updates import Updates
from shared.store.usage import UsageReader
from shared.styles import Styles
from shared.tickets import Tickets

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from services.gallery.init_data import Visitor

POLLS = "polls"
DRAFT_STOPPED = "stopped_message_generation"  # of Bot API 10.3; servers that are older leave it alone
EVERYTHING_WE_ANSWER = [
    Update.MESSAGE,
    Update.EDITED_MESSAGE,
    Update.CALLBACK_QUERY,
    Update.MY_CHAT_MEMBER,
    Update.INLINE_QUERY,
    DRAFT_STOPPED,
]


@dataclass(frozen=True)
class Handlers:
    """All that serve updates."""

    known: KnownMessages
    requests: Requests
    links: Links
    members: Members
    own_keys: OwnKeys
    own_data: OwnData
    exports: Exports
    closed_chats: ClosedChats
    migration: ChatMigrationHandler
    settings: SettingsHandler
    overview: OwnersOverview
    stats: StatsCommand
    broadcast: BroadcastCommand
    usage: UsageCommand
    models: ModelsCommand
    batch: BatchCommand
    chat: ChatHandler
    answer_buttons: AnswerButtons
    describe: Describe
    imagine: Imagine
    rereading: Rereading
    follow_ups: FollowUps
    queue: QueueHandler
    buttons: ButtonsHandler
    upscale: Upscale
    history: HistoryHandler
    inline: InlineHandler
    help: HelpHandler
    edits: Edits


class Parts:
    """Each part is built when it is first asked for, once. To be used in the event loop that runs the bot."""

    def __init__(
        self,
        settings: BotSettings,
        database: Database,
        tickets: Tickets,
        signs: Signs,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.tickets = tickets
        self._settings = settings
        self._database = database
        self._signs = signs
        self._pace = Pace(first_pause_s=first_pause_s)
        self._bot_id = settings.bot_id
        self._known = KnownMessages()
        self._polling = Transport(connections=1)
        self._catalogue = Catalogue(settings.image_model)
        self._chat_models = ChatModels(settings.chat_model)
        self._styles = Styles(settings.styles_file)
        # Of the record
        self._people = People(database)
        self._updates = Updates(database, self._bot_id)
        self._moves = ChatMigration(database, self._bot_id)
        self._jobs = Jobs(database, settings.queue_policy)
        self._errands = Errands(database, settings.queue_policy)
        self._batches = Batches(database, settings.queue_policy)
        self._chats = Chats(database, settings.queue_policy)
        self._outbox = Outbox(database)
        self._errand_outbox = ErrandOutbox(database)
        self._status_messages = StatusMessages(database)
        self._conversations = Conversations(database)
        self._keys = Keys(database)
        self._estimates = Estimates(database, settings.queue_policy)
        self._usage = UsageReader(database, settings.queue_policy)
        self._history = History(database, settings.bot_id)

    # Updates

    @cached_property
    def application(self) -> DurableApplication:
        """Has updates handled; its ``bot`` calls Telegram."""
        settings, url = self._settings, self._settings.telegram_api_url
        gate = Gate(settings.access, self._roles, self._requests, self.groups, self._links)
        stored = {"updates": self._updates, "people": self._people, "gate": gate}
        application = (
            ApplicationBuilder()
            .application_class(DurableApplication, stored)
            .updater(None)
            .token(settings.telegram_bot_token.get_secret_value())
            .base_url(f"{url}/bot")
            .base_file_url(f"{url}/file/bot")
            .get_updates_request(self._polling)
            .request(Transport(connections=0))
            .rate_limiter(Quoting(self.limit, partial(self._chats.is_clear, self._bot_id)))
            .concurrent_updates(Dispatcher())
            .build()
        )
        return cast("DurableApplication", application)

    @cached_property
    def poller(self) -> Poller:
        """Fetches updates."""
        token = self._settings.telegram_bot_token.get_secret_value()
        return Poller(
            RawApi(self._settings.telegram_api_url, token, self._polling),
            self._updates,
            cipher_for(self._settings),
            Annotator(self._asked, self._updates),
            bot=self._bot,
            kinds=EVERYTHING_WE_ANSWER,
            hand_over=self.application.hand_over,
            sign=self._signs.of(POLLS),
            notice=OutageNotice(self._bot),
            pace=self._pace,
        )

    @cached_property
    def takeover(self) -> TakeOver:
        """Takes over from the process before this one."""
        lock = ProcessLock(self._database, f"bot {self._bot_id}")
        return TakeOver(self._bot_id, lock, (self._outbox, self._batches, self._errand_outbox))

    @cached_property
    def limit(self) -> FloodLimit:
        """Spaces out the calls to Telegram."""
        return FloodLimit(
            self._moves.move,
            seen=self._known.note_answer,
            waits=FloodWaits(self._database, self._bot_id),
            messages_per_s=self._settings.messages_per_s,
        )

    # What is delivered

    @cached_property
    def delivery(self) -> Delivery:
        """Delivers pictures."""
        return Delivery(self._bot, self._bot_id, self._outbox, self._jobs, self._images, catalogue=self._catalogue)

    @cached_property
    def batch_delivery(self) -> BatchDelivery:
        """Delivers the pictures of batches."""
        return BatchDelivery(
            self._bot,
            self._bot_id,
            self._batches,
            self._jobs,
            self._images,
            self.tickets,
            self._progress,
            default_model=self._catalogue.default,
        )

    @cached_property
    def answers(self) -> Answers:
        """Delivers answers."""
        return Answers(
            self._bot,
            self._bot_id,
            self._errand_outbox,
            self._errands,
            self.streams,
            draw=self._drawings.begin,
            export=self.exports.send,
        )

    @cached_property
    def streams(self) -> AnswerStreams:
        """Shows answers while they are written."""
        return AnswerStreams(self._bot, self._bot_id, self._errands, self.status_messages, self.limit)

    @cached_property
    def status(self) -> Status:
        """Keeps the status messages of pictures true."""
        return Status(self._bot, self._bot_id, self._jobs, self._outbox, self._estimates, self.limit)

    @cached_property
    def promise(self) -> Promise:
        """Places orders, and sends the status messages of their pictures."""
        return Promise(
            self._bot,
            self._bot_id,
            self._orders,
            self.status_messages,
            self._status_messages,
            self._jobs,
            self.status,
            self.limit,
        )

    @cached_property
    def status_messages(self) -> SentStatusMessages:
        """Sends status messages of all kinds, and finds those whose number was lost."""
        return SentStatusMessages(self._status_messages, self._lost, self._known, self.removals)

    @cached_property
    def removals(self) -> Removals:
        """Removes messages."""
        endings = {Work.BATCH: self.batch_delivery.close}
        return Removals(self._bot, self._bot_id, self._status_messages, self._lost, endings)

    # What is looked at from time to time

    @cached_property
    def own_keys(self) -> OwnKeys:
        """People's own keys."""
        return OwnKeys(self._keys, self._bot_id, self._authorization, self._questions, self._updates)

    @cached_property
    def exports(self) -> Exports:
        """People's pictures as files."""
        return Exports(self._bot, self._bot_id, self._errands, self._images, self.tickets)

    @cached_property
    def groups(self) -> Groups:
        """Which groups are let in."""
        return Groups(self._settings.access, self._roles, self._requests, self.limit.open)

    @cached_property
    def alerts(self) -> OwnersAlerts:
        """Tells owners of money and keys."""
        budgets = self._settings.budgets
        alerts = Alerts(self._database, budgets, oldest=timedelta(minutes=self._settings.queue_alert_min))
        return OwnersAlerts(alerts, budgets, self._roles.managers)

    @cached_property
    def broadcast_sender(self) -> BroadcastSender:
        """Sends owners' messages to all."""
        return BroadcastSender(self._bot, self._broadcasts, self._roles, self.limit)

    @cached_property
    def offers(self) -> Offers:
        """Keeps the lists of models up to date."""
        return Offers(self._catalogue, self._chat_models, Models(self._database))

    @cached_property
    def gallery_app(self) -> "Starlette":
        """The gallery in the browser."""
        from services.gallery.app import Gallery, TelegramApps, create_app
        from services.gallery.thumbnails import Thumbnails

        apps = self._settings.mini_app_host
        return create_app(
            Gallery(
                self._settings.telegram_bot_token.get_secret_value(),
                self._bot_id,
                self._history,
                self._images,
                Thumbnails(self._images, ContactSheets(warm=1)),
                admits=lambda who: verdict(self._settings.access, self._roles.one(who).role, None) is Verdict.LET_IN,
                again=self._again_from_gallery,
            ),
            None if apps is None else TelegramApps(*apps),
        )

    async def _again_from_gallery(self, job: Job, visitor: "Visitor", press: str) -> None:
        """Order a picture once more, in its person's private chat."""
        address = Address(self._bot_id, visitor.id, message_id=0, press=f"gallery{press}")
        await self.promise.order(again(job, self._catalogue), address, Sender(visitor.id, visitor.language))

    async def keep_serving_gallery(self) -> None:
        """Serve the gallery, where a port is set."""
        if self._settings.gallery_port is not None:
            from services.gallery.server import keep_serving

            await keep_serving(self.gallery_app, self._settings.gallery_host, self._settings.gallery_port)

    @cached_property
    def keep_menus(self) -> Round:
        """Keeps the command menus up to date."""
        return partial(keep_menus, self._bot, self._roles.managers, self._requests.managers_changed)

    @cached_property
    def keep_profile(self) -> Round:
        """Keeps what Telegram shows of the bot up to date."""
        return partial(keep_profile, self._bot)

    async def say_who_may_use_it(self) -> None:
        """Tell the owner in the log who may use the bot."""
        await say_who_may_use_it(self._settings, self._claims, self._bot.username)

    # Who serves updates

    @cached_property
    def handlers(self) -> Handlers:
        """All that serve updates."""
        return Handlers(
            known=self._known,
            requests=self._requests,
            links=self._links,
            members=Members(self._roles, self._requests),
            own_keys=self.own_keys,
            exports=self.exports,
            own_data=OwnData(self._errands, self._keys, self.tickets, self._authorization, self._settings.retention),
            closed_chats=self._closed_chats,
            migration=ChatMigrationHandler(self._moves),
            settings=self._settings_handler,
            overview=OwnersOverview(self._database, self.tickets),
            stats=StatsCommand(self._database),
            broadcast=BroadcastCommand(self._broadcasts, self.broadcast_sender),
            usage=UsageCommand(self._usage),
            models=self._models_command,
            batch=self._batch_command,
            chat=self._chat,
            answer_buttons=self._answer_buttons,
            describe=self._describe,
            imagine=self._imagine,
            rereading=self._rereading,
            follow_ups=FollowUps(self._jobs, self._imagine, self._chat.talk, in_groups=self._settings.group_follow_ups),
            queue=self._queue,
            buttons=self._buttons,
            upscale=Upscale(self._jobs, self.promise, self._files),
            history=self._history_handler,
            inline=InlineHandler(self._history, InlineIdeas(self._database, self._bot_id), self._imagine),
            help=HelpHandler(self._catalogue, self._styles, batch_pictures=self._settings.batch_pictures),
            edits=Edits(
                self._updates, self._jobs, self._errands, self._batches, self._imagine, self.application.handle_as_new
            ),
        )

    @cached_property
    def _closed_chats(self) -> ClosedChats:
        closed = ClosedChats(self._bot_id, self._chats, self._status_messages, self.tickets, self.removals, self.limit)
        self.limit.tell_of_gone(closed.gone)
        self._requests.blocked = closed.gone
        return closed

    @cached_property
    def _settings_handler(self) -> SettingsHandler:
        pages = Menu(self._catalogue, self._chat_models, self._styles)
        return SettingsHandler(
            self._people,
            self._choices,
            pages,
            self._authorization,
            self._questions,
            self._chat_model_choice,
            SheetPhotos(Sheets(self._images), self._images, self._bot_id),
        )

    @cached_property
    def _models_command(self) -> ModelsCommand:
        pages = ModelsMenu(self._catalogue, self._chat_models)
        return ModelsCommand(self._people, self._choices, pages, self._authorization, self._chat_model_choice)

    @cached_property
    def _batch_command(self) -> BatchCommand:
        return BatchCommand(
            self._batches,
            self.batch_delivery,
            self._progress,
            Readings(BatchReader(self._catalogue, self._styles), self._files, limit=self._settings.batch_pictures),
            self._choices,
            self._authorization,
            self._estimates,
            Sending(self._bot),
            self.status_messages,
            self._usage,
        )

    @cached_property
    def _chat(self) -> ChatHandler:
        return ChatHandler(
            self._errands,
            self._conversations,
            self._choices,
            self._files,
            self.tickets,
            self.streams,
            self._updates,
            Albums(self._database, self._settings.queue_policy),
        )

    @cached_property
    def _answer_buttons(self) -> AnswerButtons:
        return AnswerButtons(self._errands, self._drawings, self.status_messages, self._authorization)

    @cached_property
    def _drawings(self) -> Drawings:
        return Drawings(self._bot, self._choices, self.promise)

    @cached_property
    def _describe(self) -> Describe:
        return Describe(
            self._errands,
            self._jobs,
            self._choices,
            self._files,
            self.tickets,
            self.streams,
            self.promise,
            self._authorization,
            self._questions,
        )

    @cached_property
    def _imagine(self) -> Imagine:
        return Imagine(
            self._jobs,
            self.promise,
            self._catalogue,
            self._styles,
            choices=self._choices,
            files=self._files,
            conversations=self._conversations,
            questions=self._questions,
        )

    @cached_property
    def _queue(self) -> QueueHandler:
        undelivered = Undelivered(self._chats, self._outbox, self._errand_outbox, self.delivery, self.answers)
        return QueueHandler(
            self._jobs,
            self._batches,
            self._chats,
            undelivered,
            self._orders,
            self.status,
            self.batch_delivery,
            self._authorization,
        )

    @cached_property
    def _rereading(self) -> Rereading:
        return Rereading(
            self._updates,
            self._questions,
            self._catalogue,
            self._styles,
            authorization=self._authorization,
            again=self.application.handle_again,
        )

    @cached_property
    def _buttons(self) -> ButtonsHandler:
        return ButtonsHandler(
            self._jobs,
            self._images,
            self._catalogue,
            self._styles,
            self._orders,
            self.promise,
            self.status_messages,
            self._authorization,
            self._questions,
        )

    @cached_property
    def _history_handler(self) -> HistoryHandler:
        return HistoryHandler(
            self._history,
            self._jobs,
            self._images,
            self._catalogue,
            self._authorization,
            gallery_url=self._settings.gallery_url,
        )

    # What these are made of

    @cached_property
    def _bot(self) -> ExtBot[int]:
        return self.application.bot

    @cached_property
    def _broadcasts(self) -> Broadcasts:
        return Broadcasts(self._database, self._bot_id, self._settings.access, self._settings.owners)

    @cached_property
    def _orders(self) -> Orders:
        return Orders(self._jobs, self._batches, self.tickets, self.status.describe_waiting)

    @cached_property
    def _roles(self) -> Roles:
        return Roles(self._database, self._bot_id, self._settings.owners)

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self._roles, self._people, guest_pictures=self._settings.guest_pictures)

    @cached_property
    def _claims(self) -> AccessLinks:
        return AccessLinks(self._database, self._bot_id, self._roles)

    @cached_property
    def _links(self) -> Links:
        return Links(self._claims, self._requests)

    @cached_property
    def _authorization(self) -> Authorization:
        return Authorization(Admins(self._bot), self._moves, self._bot_id)

    @cached_property
    def _asked(self) -> Questions:
        return Questions(self._database, self._bot_id)

    @cached_property
    def _questions(self) -> OpenQuestions:
        return OpenQuestions(self._asked)

    @cached_property
    def _choices(self) -> Choices:
        return Choices(self._people, self._catalogue, self._chat_models)

    @cached_property
    def _chat_model_choice(self) -> ChatModelChoice:
        return ChatModelChoice(self._keys, self._settings.budgets)

    @cached_property
    def _images(self) -> Images:
        return Images(self._settings.image_store_url)

    @cached_property
    def _files(self) -> Files:
        sent_files = SentFiles(self._database, most_megabytes=self._settings.user_sent_mb)
        return Files(self._bot, self._images, sent_files, self._settings.bot_api_files)

    @cached_property
    def _lost(self) -> LostMessages:
        keyboards = StatusKeyboards(self._bot, self._jobs, self._errands, self._batches)
        return LostMessages(self._bot, self._bot_id, self._status_messages, self._known, self.limit, keyboards.of)

    @cached_property
    def _progress(self) -> ProgressMessage:
        return ProgressMessage(self._bot, self._batches, self.limit)
