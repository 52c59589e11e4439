"""Builds what a worker consists of, from its settings; nothing connects yet."""

from datetime import timedelta
from functools import cached_property

from pydantic import SecretStr

from services.worker.engine.records import Handler, Pictures, Questions
from services.worker.engine.runner import Runner
from services.worker.engine.user_keys import GOOGLE, HUGGINGFACE, Lent, OwnKeys, PrivateBreaker
from services.worker.gemini.chat import ChatClient
from services.worker.gemini.client import Gemini
from services.worker.gemini.prompts import PromptWriter
from services.worker.gemini.quotas import Quotas
from services.worker.gemini.ways import BLOCK_ONLY_HIGH
from services.worker.housekeeping import Housekeeping
from services.worker.images.decoder import Decoder
from services.worker.jobs.cancel_order import Withdrawing
from services.worker.jobs.chat import Chatting
from services.worker.jobs.describe import Describing
from services.worker.jobs.key_check import Checks
from services.worker.jobs.model_refresh import ChatSurveying, Surveying
from services.worker.jobs.picture import Pipeline
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher
from services.worker.painters.http import HttpClient
from shared.catalogue import Catalogue
from shared.errands import Kind
from shared.images import Images
from shared.queue import Tickets
from shared.secrets import Box, opening_box_for
from shared.settings import WorkerSettings
from shared.store.batches import Batches
from shared.store.circuits import Circuits
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.sent_files import SentFiles
from shared.store.turns import Turns
from shared.styles import Styles

OWN_SLOTS = 16  # calls at a time on a person's own key


class Parts:
    """Each part is built when it is first asked for, once."""

    def __init__(self, settings: WorkerSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._circuits = Circuits(database)
        self._sent_files = SentFiles(database)

    def turns(self, database: Database) -> Turns:
        """The fair order, over connections of this database."""
        return Turns(
            database,
            lease=timedelta(seconds=self._settings.lease_s),
            deadline=timedelta(seconds=self._settings.job_deadline_s),
            shares=self._settings.shares,
        )

    def runner(self, worker: str, tickets: Tickets) -> Runner:
        """Runs work of all kinds in the name of a worker."""
        return Runner(
            worker,
            self.turns(self._database),
            tickets,
            pictures=Pictures(self._jobs, self._pipeline, tickets, self._sent_files),
            questions=Questions(self._errands, self._errand_handlers, self._sent_files),
            slots=self._settings.slots,
        )

    @cached_property
    def decoder(self) -> Decoder:
        """Child processes that decode pictures; to be closed."""
        return Decoder()

    @cached_property
    def own_keys(self) -> OwnKeys:
        """People's own keys."""
        return OwnKeys(Keys(self._database), self._box)

    @cached_property
    def checks(self) -> Checks:
        """Looks whether keys that people sent are good."""
        return Checks(
            Keys(self._database),
            self._box,
            HttpClient(connections=4),
            gemini_url=self._settings.gemini_base_url,
            gemini_version=self._settings.gemini_api_version,
            hub_url=self._settings.hf_hub_url,
        )

    @cached_property
    def image_models(self) -> Surveying:
        """Keeps the list of image models up to date."""
        return Surveying(self._hub, Models(self._database), own=self._settings.endpoints)

    @cached_property
    def chat_models(self) -> ChatSurveying:
        """Keeps the list of chat models up to date."""
        key = _plain(self._settings.google_api_key)
        return ChatSurveying(self._gemini(key, 1) if key else None, Models(self._database))

    @cached_property
    def housekeeping(self) -> Housekeeping:
        """Deletes what is kept for some days only."""
        keep = timedelta(days=self._settings.keep_sent_days)
        return Housekeeping(self._sent_files, Batches(self._database), self._images, keep=keep)

    # What these are made of

    @cached_property
    def _box(self) -> Box:
        return opening_box_for(self._settings)

    @cached_property
    def _images(self) -> Images:
        return Images(self._settings.image_store_url)

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._database, self._settings.shares)

    @cached_property
    def _errands(self) -> Errands:
        return Errands(self._database, self._settings.shares)

    @cached_property
    def _hub(self) -> Discovery:
        catalogue = Catalogue(default=self._settings.image_model, fallbacks=self._settings.image_fallbacks)
        http = HttpClient(connections=self._settings.slots)
        return Discovery(
            http, hub_url=self._settings.hf_hub_url, catalogue=catalogue, endpoints=self._settings.endpoints
        )

    @cached_property
    def _pipeline(self) -> Pipeline:
        key = _plain(self._settings.google_api_key)
        owners = self._prompt_writer(key, self._settings.slots) if key else None
        return Pipeline(
            self._jobs,
            Lent(self.own_keys, GOOGLE, owners, self._prompt_writer),
            self._dispatchers,
            self._images,
            self._hub.catalogue,
            styles=Styles(self._settings.styles_file),
            conversations=Conversations(self._database),
            decoder=self.decoder,
            shares=self._settings.shares,
        )

    @cached_property
    def _errand_handlers(self) -> dict[Kind, Handler]:
        key = _plain(self._settings.google_api_key)
        owners = self._chat_client(key, self._settings.slots) if key else None
        clients = Lent(self.own_keys, GOOGLE, owners, self._chat_client)
        return {
            Kind.CHAT: Chatting(
                self._errands, Conversations(self._database), clients, self._images, shares=self._settings.shares
            ),
            Kind.DESCRIBE: Describing(self._errands, clients, self._images, self.decoder, self._settings.shares),
            Kind.WITHDRAW: Withdrawing(self._errands, self._dispatchers),
        }

    @cached_property
    def _dispatchers(self) -> Lent[PaintDispatcher]:
        """The dispatcher that paints on the owner's token, and one for each person's own."""
        http = HttpClient(connections=self._settings.slots)
        owners_token = _plain(self._settings.hf_token)

        def dispatcher(token: str, breaker: CircuitBreaker) -> PaintDispatcher:
            return PaintDispatcher(
                http,
                self._hub,
                breaker,
                router_url=self._settings.hf_router_url,
                token=token,
                image_hosts=self._settings.hf_image_hosts,
                endpoint_token=owners_token,
                decoder=self.decoder,
            )

        owners = dispatcher(owners_token, CircuitBreaker(self._circuits)) if owners_token else None
        return Lent(self.own_keys, HUGGINGFACE, owners, lambda token: dispatcher(token, PrivateBreaker(self._circuits)))

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
