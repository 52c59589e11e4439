"""Builds what a worker consists of, from its settings; nothing connects yet."""

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from services.health import Sign
from services.worker.engine.records import Handler, Pictures, Questions
from services.worker.engine.runner import Runner
from services.worker.engine.turn_limiter import TurnLimiter
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.chat import ChatClient
from services.worker.gemini.client import Gemini
from services.worker.gemini.fallbacks import BLOCK_ONLY_HIGH
from services.worker.gemini.images import ImageClient
from services.worker.gemini.prompts import PromptWriter
from services.worker.gemini.quotas import Quotas
from services.worker.housekeeping import Housekeeping
from services.worker.images.decoder import Decoder
from services.worker.jobs.cancel_order import CancelOrderJob
from services.worker.jobs.chat import ChatJob
from services.worker.jobs.describe import DescribeJob
from services.worker.jobs.export import ExportJob
from services.worker.jobs.forget import ForgetJob
from services.worker.jobs.image_services import ImageServices
from services.worker.jobs.key_check import KeyCheck
from services.worker.jobs.model_refresh import ChatModelRefresh, ImageModelRefresh
from services.worker.jobs.picture import PictureJob
from services.worker.painters.circuit_breaker import CircuitBreaker, UserKeyBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher
from services.worker.painters.google import GooglePainter
from services.worker.painters.http import HttpClient
from services.worker.painters.registry import build_painters
from services.worker.takers.local_worker import LocalWorker
from shared.catalogue import GEMINI, Catalogue
from shared.errands import ErrandKind
from shared.images import Images
from shared.key_cipher import KeyCipher, decrypting_cipher_for
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.settings import WorkerSettings
from shared.store.aging import Aging
from shared.store.batches import Batches
from shared.store.circuits import Circuits
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.personal_data import PersonalData
from shared.store.sent_files import SentFiles
from shared.store.turns import Turns
from shared.styles import Styles
from shared.tickets import LocalTickets, Tickets

if TYPE_CHECKING:
    from services.worker.takers.celery_worker import CeleryWorker
    from shared.celery_tickets import CeleryTickets

OWN_SLOTS = 16  # calls at a time on a person's own key


class Parts:
    """Each part is built when it is first asked for, once."""

    def __init__(self, settings: WorkerSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._circuits = Circuits(database)
        self._turn_limiter = TurnLimiter()
        self._sent_files = SentFiles(database)

    def turns(self, database: Database) -> Turns:
        """The fair order, over connections of this database."""
        return Turns(
            database,
            lease=timedelta(seconds=self._settings.lease_s),
            deadline=timedelta(seconds=self._settings.job_deadline_s),
            policy=self._settings.queue_policy,
        )

    def runner(self, worker: str, tickets: Tickets) -> Runner:
        """Runs work of all kinds in the name of a worker."""
        return Runner(
            worker,
            self.turns(self._database),
            tickets,
            pictures=Pictures(self._jobs, self._picture_job, tickets, self._sent_files),
            questions=Questions(self._errands, self._errand_handlers, self._sent_files),
            slots=self._settings.slots,
            turn_limiter=self._turn_limiter,
        )

    def taker(
        self, runner: Runner, tickets: "CeleryTickets | LocalTickets", sign: Sign
    ) -> "CeleryWorker | LocalWorker":
        """Takes tickets and gives each to the runner."""
        slots = self._settings.slots
        if isinstance(tickets, LocalTickets):
            return LocalWorker(tickets, runner.run, sign, name=runner.worker, slots=slots)
        from services.worker.takers.celery_worker import (
            CeleryWorker,  # Celery costs memory that one process alone can save.
        )

        return CeleryWorker(tickets, runner.run, sign, name=runner.worker, slots=slots)

    def standby(self, runner: Runner, tickets: LocalTickets) -> LocalWorker:
        """Takes the tickets that this process could not send. The runner counts the slots."""
        slots = self._settings.slots
        return LocalWorker(tickets, runner.run, Sign(), name=runner.worker, slots=slots, thread="untaken tickets")

    @cached_property
    def decoder(self) -> Decoder:
        """Child processes that decode pictures; to be closed."""
        return Decoder()

    @cached_property
    def user_keys(self) -> UserKeys:
        """People's own keys."""
        return UserKeys(Keys(self._database), self._cipher)

    @cached_property
    def checks(self) -> KeyCheck:
        """Looks whether keys that people sent are good."""
        return KeyCheck(
            Keys(self._database),
            self._cipher,
            HttpClient(connections=4),
            gemini_url=self._settings.gemini_base_url,
            gemini_version=self._settings.gemini_api_version,
            hub_url=self._settings.hf_hub_url,
        )

    @cached_property
    def image_models(self) -> ImageModelRefresh:
        """Keeps the list of image models up to date."""
        key = _plain(self._settings.google_api_key)
        return ImageModelRefresh(
            self._hub,
            Models(self._database),
            own=self._settings.endpoints,
            gemini=self._gemini(key, 1) if key else None,
            has_google_alone=self._settings.has_google_alone,
        )

    @cached_property
    def chat_models(self) -> ChatModelRefresh:
        """Keeps the list of chat models up to date."""
        key = _plain(self._settings.google_api_key)
        return ChatModelRefresh(self._gemini(key, 1) if key else None, Models(self._database))

    @cached_property
    def housekeeping(self) -> Housekeeping:
        """Deletes what is kept for some days only."""
        return Housekeeping(
            self._sent_files,
            Batches(self._database),
            self._personal_data,
            Aging(self._database),
            self._images,
            retention=self._settings.retention,
        )

    # What these are made of

    @cached_property
    def _cipher(self) -> KeyCipher:
        return decrypting_cipher_for(self._settings)

    @cached_property
    def _images(self) -> Images:
        return Images(self._settings.image_store_url)

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._database, self._settings.queue_policy)

    @cached_property
    def _errands(self) -> Errands:
        return Errands(self._database, self._settings.queue_policy)

    @cached_property
    def _personal_data(self) -> PersonalData:
        return PersonalData(self._database, self._settings.queue_policy)

    @cached_property
    def _hub(self) -> Discovery:
        catalogue = Catalogue(default=self._settings.image_model, fallbacks=self._settings.image_fallbacks)
        http = HttpClient(connections=self._settings.slots)
        return Discovery(
            http, hub_url=self._settings.hf_hub_url, catalogue=catalogue, endpoints=self._settings.endpoints
        )

    @cached_property
    def _picture_job(self) -> PictureJob:
        key = _plain(self._settings.google_api_key)
        owners = self._prompt_writer(key, self._settings.slots) if key else None
        return PictureJob(
            self._jobs,
            ClientPool(self.user_keys, GOOGLE, owners, self._prompt_writer),
            self._image_services,
            self._images,
            self._hub.catalogue,
            styles=Styles(self._settings.styles_file),
            conversations=Conversations(self._database),
            decoder=self.decoder,
            policy=self._settings.queue_policy,
            release_place=self._turn_limiter.release,
            reacquire_place=self._turn_limiter.reacquire,
        )

    @cached_property
    def _errand_handlers(self) -> dict[ErrandKind, Handler]:
        key = _plain(self._settings.google_api_key)
        owners = self._chat_client(key, self._settings.slots) if key else None
        clients = ClientPool(self.user_keys, GOOGLE, owners, self._chat_client)
        return {
            ErrandKind.CHAT: ChatJob(
                self._errands, Conversations(self._database), clients, self._images, policy=self._settings.queue_policy
            ),
            ErrandKind.DESCRIBE: DescribeJob(
                self._errands, clients, self._images, self.decoder, self._settings.queue_policy
            ),
            ErrandKind.CANCEL_ORDER: CancelOrderJob(self._errands, self._dispatchers),
            ErrandKind.EXPORT: ExportJob(self._errands, self._personal_data, self._images),
            ErrandKind.FORGET: ForgetJob(self._errands, self._personal_data, self._images),
        }

    @cached_property
    def _dispatchers(self) -> ClientPool[PaintDispatcher]:
        """The dispatcher that paints on the owner's token, and one for each person's own."""
        http = HttpClient(connections=self._settings.slots)
        owners_token = _plain(self._settings.hf_token)

        def dispatcher(token: str, breaker: CircuitBreaker, bill_to: str | None = None) -> PaintDispatcher:
            painters = build_painters(
                http,
                router_url=self._settings.hf_router_url,
                token=token,
                image_hosts=self._settings.hf_image_hosts,
                endpoint_token=owners_token,
                bill_to=bill_to,
                decoder=self.decoder,
            )
            return PaintDispatcher(painters, self._hub, breaker, decoder=self.decoder)

        bill_to = self._settings.hf_bill_to
        owners = dispatcher(owners_token, CircuitBreaker(self._circuits), bill_to) if owners_token else None
        return ClientPool(
            self.user_keys, HUGGINGFACE, owners, lambda token: dispatcher(token, UserKeyBreaker(self._circuits))
        )

    @cached_property
    def _image_services(self) -> ImageServices:
        key = _plain(self._settings.google_api_key)
        owners = self._google_dispatcher(key, CircuitBreaker(self._circuits), self._settings.slots) if key else None
        google = ClientPool(
            self.user_keys,
            GOOGLE,
            owners,
            lambda own: self._google_dispatcher(own, UserKeyBreaker(self._circuits), OWN_SLOTS),
        )
        edits = self._settings.gemini_edits
        return ImageServices(self._hub.catalogue, self._dispatchers, google, edits=edits)

    def _google_dispatcher(self, api_key: str, breaker: CircuitBreaker, slots: int) -> PaintDispatcher:
        """The dispatcher that has Gemini's own image models paint."""
        client = ImageClient(
            self._gemini(api_key, slots),
            quotas=Quotas(api_key, self._circuits),
            safety=dict.fromkeys(BLOCK_ONLY_HIGH, self._settings.safety),
        )
        return PaintDispatcher({GEMINI: GooglePainter(client, self.decoder)}, self._hub, breaker, decoder=self.decoder)

    def _prompt_writer(self, api_key: str, slots: int = OWN_SLOTS) -> PromptWriter:
        return PromptWriter(
            api_key=api_key,
            base_url=self._settings.gemini_base_url,
            api_version=self._settings.gemini_api_version,
            model=self._settings.chat_model,
            slots=slots,
            safety=dict.fromkeys(BLOCK_ONLY_HIGH, self._settings.safety),
            quotas=Quotas(api_key, self._circuits),
        )

    def _chat_client(self, api_key: str, slots: int = OWN_SLOTS) -> ChatClient:
        return ChatClient(
            self._gemini(api_key, slots),
            model=self._settings.chat_model,
            quotas=Quotas(api_key, self._circuits),
            safety=dict.fromkeys(BLOCK_ONLY_HIGH, self._settings.safety),
        )

    def _gemini(self, api_key: str, slots: int) -> Gemini:
        return Gemini(
            api_key=api_key,
            base_url=self._settings.gemini_base_url,
            api_version=self._settings.gemini_api_version,
            slots=slots,
        )


def _plain(key: SecretStr | None) -> str | None:
    return key.get_secret_value() if key is not None else None
