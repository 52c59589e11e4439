"""Builds the worker once, runs it, shuts it down in order."""

import logging
import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from celery import Celery
from celery.platforms import EX_OK
from celery.worker import WorkController
from celery.worker import state as celery_state
from pydantic import SecretStr

from services.health import Sign, Signs
from services.supervision import Threads
from services.worker.engine.records import Handler, Pictures, Questions
from services.worker.engine.runner import Runner, register
from services.worker.engine.user_keys import GOOGLE, HUGGINGFACE, Lent, OwnKeys, PrivateBreaker
from services.worker.gemini.chat import ChatClient
from services.worker.gemini.client import Gemini
from services.worker.gemini.prompts import PromptWriter
from services.worker.gemini.quotas import Quotas
from services.worker.gemini.ways import BLOCK_ONLY_HIGH
from services.worker.housekeeping import LOOK_S as CLEAN_UP_LOOK_S
from services.worker.housekeeping import Housekeeping
from services.worker.images.decoder import Decoder
from services.worker.jobs.cancel_order import Withdrawing
from services.worker.jobs.chat import Chatting
from services.worker.jobs.describe import Describing
from services.worker.jobs.key_check import Checks
from services.worker.jobs.model_refresh import LOOK_S, ChatSurveying, Surveying
from services.worker.jobs.picture import Pipeline
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher
from services.worker.painters.http import HttpClient
from shared.catalogue import Catalogue
from shared.errands import Kind
from shared.errors import StoreAway
from shared.images import Images
from shared.queue import Tickets
from shared.secrets import opening_box_for
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
from shared.store.waits import Workers
from shared.styles import Styles

log = logging.getLogger(__name__)

RENEWALS_A_LEASE = 4  # so that a few may fail before a living worker loses its jobs
LATE = 2 / 3  # of a lease: an outage in which somebody's leases run out keeps all others from renewing for longer
SWEEP_S = 3.0
CONSUMER_LOOK_S = 5.0
CONSUMER_ANSWERS_S = 30.0  # Celery's loop turns every 2 to 10 seconds
MOST_TICKETS = 500  # topped up in one sweep: each wakes an idle slot, which goes on as long as there is work
CHECK_S = 1.0  # between two looks for keys that nobody has checked
RESEAL_S = 3600.0
OWN_SLOTS = 16  # calls at a time on a person's own key
STOP_S = 20.0  # for jobs under way to come to an end by themselves
LAST_ROUND_S = 1.0  # for each round, which takes milliseconds unless it calls a service


class Worker:
    """One worker process: Celery's thread pool, the renewal of leases, and the sweep."""

    def __init__(
        self, settings: WorkerSettings, database: Database, celery: Celery, *, signs: Signs | None = None
    ) -> None:
        """Build everything; nothing connects yet."""
        signs = signs or Signs()
        self._takes_tickets = signs.of("takes tickets")
        # No other process may ever have this name: leases are held under it.
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._celery = celery
        self._tickets = Tickets(celery)
        lease, deadline = timedelta(seconds=settings.lease_s), timedelta(seconds=settings.job_deadline_s)
        self._database = database
        # Renewals must not stand in line behind the very threads whose leases they renew.
        self._lifeline = database.apart()
        self._turns = Turns(self._lifeline, lease=lease, deadline=deadline, shares=settings.shares)
        self._renewed_at = time.monotonic()
        errands = Errands(database, settings.shares)
        box = opening_box_for(settings)
        self._own_keys = OwnKeys(Keys(database), box)
        hub = _hub(settings)
        self._decoder = Decoder()
        dispatchers = _dispatchers(settings, hub, Circuits(database), self._own_keys, self._decoder)
        handlers = _errand_handlers(settings, database, errands, self._own_keys, dispatchers, self._decoder)
        jobs = Jobs(database, settings.shares)
        self._checks = Checks(
            Keys(database),
            box,
            HttpClient(connections=4),
            gemini_url=settings.gemini_base_url,
            gemini_version=settings.gemini_api_version,
            hub_url=settings.hf_hub_url,
        )
        self._surveying = Surveying(hub, Models(database), own=settings.endpoints)
        self._chat_surveying = ChatSurveying(_gemini(settings), Models(database))
        sent_files, images = SentFiles(database), Images(settings.image_store_url)
        keep = timedelta(days=settings.keep_sent_days)
        housekeeping = Housekeeping(sent_files, Batches(database), images, keep=keep)
        pipeline = _pipeline(settings, database, jobs, hub, self._own_keys, dispatchers, self._decoder)
        self._workers, self._lease = Workers(database), lease
        self._runner = Runner(
            self.name,
            Turns(database, lease=lease, deadline=deadline, shares=settings.shares),
            self._tickets,
            pictures=Pictures(jobs, pipeline, self._tickets, sent_files),
            questions=Questions(errands, handlers, sent_files),
            slots=settings.slots,
        )
        register(celery, self._runner)
        self.died = False
        self._stopping = threading.Event()
        self._controller: WorkController | None = None
        self._ask_consumer_at = 0.0
        self._consumer = threading.Thread(target=self._consume, name="tickets", daemon=True)

        def again(act: Callable[[], None], every_s: float, sign: Sign | None = None) -> Callable[[], None]:
            return partial(self._again_and_again, act, every_s, sign)

        self._rounds = Threads(
            {
                "renew leases": again(self._renew, settings.lease_s / RENEWALS_A_LEASE, signs.of("renews leases")),
                "sweep": again(self._sweep, SWEEP_S, signs.of("sweeps")),
                "look at consumer": again(self._look_at_consumer, CONSUMER_LOOK_S),
                "check keys": again(self._check_keys, CHECK_S),
                "reseal keys": again(self._own_keys.reseal, RESEAL_S),
                "clean up": again(housekeeping.look, CLEAN_UP_LOOK_S, signs.of("cleans up")),
                "survey image models": again(self._surveying.survey_if_due, LOOK_S),
                "survey chat models": again(self._chat_surveying.survey_if_due, LOOK_S),
            }
        )

    def start(self) -> None:
        """Begin to take tickets, in threads of its own."""
        if self._settings.embedded:
            # Whoever held a lease in this folder's database is dead: only one process at a time may use it.
            self._turns.release(None)
            self._workers.gone(None)
        celery_state.should_stop = None
        self._consumer.start()
        self._rounds.start()
        log.info("worker started", extra={"worker": self.name, "slots": self._settings.slots})

    def stop(self, seconds: float = STOP_S) -> bool:
        """Take no more tickets, let jobs under way end, and give back those that don't within so many seconds.

        Returns:
            Whether all threads came to an end; otherwise a call to some service is still under way.
        """
        self._runner.stop()
        celery_state.should_stop = EX_OK
        if self._settings.embedded:
            # With the broker inside this process, Celery looks whether to stop after each message, or two seconds
            # without one, and then waits for one message more.
            self._tickets.send(2)
        self._consumer.join(seconds)
        self._stopping.set()
        # A round that is still under way must not tell that this worker is there after it said that it is gone.
        self._rounds.join(LAST_ROUND_S)
        try:
            self._workers.gone(self.name)
            released = self._turns.release(self.name)
        except StoreAway:
            released = None  # Their leases run out by themselves.
        if self._lifeline is not self._database:
            self._lifeline.close()
        self._decoder.close()
        log.info("worker stopped", extra={"worker": self.name, "released": released})
        return not self._consumer.is_alive()

    def look_after(self) -> None:
        """Start again those of its threads that have ended; to be called about every second."""
        if not self._stopping.is_set():
            self._rounds.look_after()

    def _consume(self) -> None:
        try:
            self._take_tickets()
        except Exception:
            # Top-level handler of a thread; what follows is below.
            log.exception("taking tickets failed")
        finally:
            if celery_state.should_stop is None:
                # Nobody asked for the end: a process without its consumer would look alive and do nothing.
                log.critical("tickets are no longer taken, ending the process", extra={"worker": self.name})
                self.died = True
                os.kill(os.getpid(), signal.SIGTERM)

    def _take_tickets(self) -> None:
        # The pool's threads look their application up as the process's default one.
        self._celery.set_default()
        self._controller = self._celery.WorkController(
            pool="threads",
            concurrency=self._settings.slots,
            hostname=self.name,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._controller.start()

    def _look_at_consumer(self) -> None:
        """See whether Celery's loop turns: a loop that does runs what is put into it, one without a broker waits."""
        consumer = getattr(self._controller, "consumer", None)
        asked = time.monotonic()
        if consumer is not None and asked >= self._ask_consumer_at:
            self._ask_consumer_at = asked + CONSUMER_ANSWERS_S
            consumer.call_soon(self._consumer_turned)
        elif self._tickets.on_their_way() is None:
            self._takes_tickets.tried()  # The broker is away, which no restart of ours mends.

    def _consumer_turned(self) -> None:
        self._ask_consumer_at = 0.0
        self._takes_tickets.done()

    def _again_and_again(self, act: Callable[[], None], every_s: float, sign: Sign | None = None) -> None:
        name, sign = threading.current_thread().name, sign or Sign()
        while not self._stopping.is_set():
            try:
                act()
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("round missed", extra={"round": name, "error": str(error)})
            except Exception:
                # Top-level handler of a thread: a round that fails must not be the last one.
                log.exception("round failed", extra={"round": name})
            self._stopping.wait(every_s * random.uniform(0.8, 1.2))

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at > LATE * self._settings.lease_s:
            # What kept this worker from it, such as the database, has kept the others from it, too.
            self._turns.renew_all()
        self._runner.renew(self._turns)
        self._renewed_at = time.monotonic()
        if self._consumer.is_alive():
            self._workers.beat(self.name, self._settings.slots, lease=self._lease)

    def _check_keys(self) -> None:
        self._checks.check_new()

    def _sweep(self) -> None:
        # A process that was stopped for a while, with its machine or by its load, must not take itself for dead.
        self._renew()
        found = self._turns.sweep(most_due=MOST_TICKETS)
        if found is None:
            return
        if found.revived or found.lost:
            log.warning("work of dead workers found", extra={"revived": found.revived, "lost": found.lost})
        if found.late:
            log.warning("work ended at its deadline", extra={"late": found.late})
        under_way = self._tickets.on_their_way() if found.due else None
        if under_way is not None and found.due > under_way:
            self._tickets.send(found.due - under_way)


def _errand_handlers(  # noqa: PLR0917 - each is another kind of thing
    settings: WorkerSettings,
    database: Database,
    errands: Errands,
    own_keys: OwnKeys,
    dispatchers: Lent[PaintDispatcher],
    decoder: Decoder,
) -> dict[Kind, Handler]:
    """Who runs which errands."""

    def client(api_key: str, slots: int = OWN_SLOTS) -> ChatClient:
        return ChatClient(
            Gemini(
                api_key=api_key,
                base_url=settings.gemini_base_url,
                api_version=settings.gemini_api_version,
                slots=slots,
            ),
            model=settings.chat_model,
            quotas=Quotas(api_key, circuits),
            safety=dict.fromkeys(BLOCK_ONLY_HIGH, settings.safety),
        )

    circuits = Circuits(database)
    owners = client(key, settings.slots) if (key := _plain(settings.google_api_key)) else None
    clients = Lent(own_keys, GOOGLE, owners, client)
    images = Images(settings.image_store_url)
    return {
        Kind.CHAT: Chatting(errands, Conversations(database), clients, images),
        Kind.DESCRIBE: Describing(errands, clients, images, decoder),
        Kind.WITHDRAW: Withdrawing(errands, dispatchers),
    }


def _gemini(settings: WorkerSettings) -> Gemini | None:
    """The owner's line to Gemini for what is asked now and then; None without a key of theirs."""
    key = _plain(settings.google_api_key)
    if key is None:
        return None
    return Gemini(api_key=key, base_url=settings.gemini_base_url, api_version=settings.gemini_api_version, slots=1)


def _plain(key: SecretStr | None) -> str | None:
    return key.get_secret_value() if key is not None else None


def _hub(settings: WorkerSettings) -> Discovery:
    catalogue = Catalogue(default=settings.image_model, fallbacks=settings.image_fallbacks)
    http = HttpClient(connections=settings.slots)
    return Discovery(http, hub_url=settings.hf_hub_url, catalogue=catalogue, endpoints=settings.endpoints)


def _dispatchers(
    settings: WorkerSettings, hub: Discovery, circuits: Circuits, own_keys: OwnKeys, decoder: Decoder
) -> Lent[PaintDispatcher]:
    """The dispatcher that paints on the owner's token, and one for each person's own."""
    http = HttpClient(connections=settings.slots)
    owners_token = _plain(settings.hf_token)

    def dispatcher(token: str, breaker: CircuitBreaker) -> PaintDispatcher:
        return PaintDispatcher(
            http,
            hub,
            breaker,
            router_url=settings.hf_router_url,
            token=token,
            image_hosts=settings.hf_image_hosts,
            endpoint_token=owners_token,
            decoder=decoder,
        )

    owners = dispatcher(owners_token, CircuitBreaker(circuits)) if owners_token else None
    return Lent(own_keys, HUGGINGFACE, owners, lambda token: dispatcher(token, PrivateBreaker(circuits)))


def _pipeline(  # noqa: PLR0917 - each is another kind of thing
    settings: WorkerSettings,
    database: Database,
    jobs: Jobs,
    hub: Discovery,
    own_keys: OwnKeys,
    dispatchers: Lent[PaintDispatcher],
    decoder: Decoder,
) -> Pipeline:
    def writer(api_key: str, slots: int = OWN_SLOTS) -> PromptWriter:
        return PromptWriter(
            api_key=api_key,
            base_url=settings.gemini_base_url,
            api_version=settings.gemini_api_version,
            model=settings.chat_model,
            slots=slots,
            safety=dict.fromkeys(BLOCK_ONLY_HIGH, settings.safety),
            quotas=Quotas(api_key, circuits),
        )

    circuits = Circuits(database)
    owners = writer(key, settings.slots) if (key := _plain(settings.google_api_key)) else None
    return Pipeline(
        jobs,
        Lent(own_keys, GOOGLE, owners, writer),
        dispatchers,
        Images(settings.image_store_url),
        hub.catalogue,
        styles=Styles(settings.styles_file),
        conversations=Conversations(database),
        decoder=decoder,
    )
