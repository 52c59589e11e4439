"""Puts a situation to the worker's real rooms, over real HTTP to the sandbox, and watches what becomes of a job."""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import delete, select, update

from sandbox.app import Sandbox
from sandbox.client import Json, SandboxClient, mask
from services.bot.pictures.captions import write_caption
from services.bot.pictures.status import describe, sentence
from services.bot.texts.locales import say
from services.worker.engine.records import Pictures, Questions
from services.worker.engine.runner import Runner
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.prompts import PromptWriter
from services.worker.gemini.quotas import Quotas
from services.worker.images.decoder import Decoder
from services.worker.jobs.image_services import ImageServices
from services.worker.jobs.picture import PictureJob
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher
from services.worker.painters.http import HttpClient
from services.worker.painters.registry import build_painters
from shared.catalogue import Catalogue
from shared.images import Images
from shared.jobs import ENDED, Address, Job, Parameters, Request, Sender, Stage, State
from shared.key_cipher import KeyCipher
from shared.migrations import migrate
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.circuits import Circuits
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.sent_files import SentFiles
from shared.store.turns import Turns
from shared.tickets import LocalTickets
from tests.upstreams.situations import ALONE, ELSEWHERE, IDS, NEWEST, OWN, Fault, Situation

TOKEN, KEY = "hf_trials", "AIzaSandboxKey"
MAX_TURNS = 200
IDLE = {"latency_s": 0.0, "queue_polls": 1, "longest_hold_s": 60.0, "same_picture": True, "cold": {}}


@dataclass(frozen=True)
class Call:
    """A call that the record tells of."""

    turn: int
    step: str
    service: str
    model: str
    outcome: str


@dataclass(frozen=True)
class Pause:
    """A wait between two turns: nobody holds a slot meanwhile."""

    turn: int
    stage: Stage
    announced_s: float | None


@dataclass(frozen=True)
class Seen:
    """What became of a job.

    Attributes:
        happened: Calls and pauses, in order.
        read: What the person read meanwhile, in order.
        in_own_words: Whether the picture was painted from what the person had typed.
        told: What the person read at the end: an apology, or the remarks in the caption.
    """

    happened: tuple[Call | Pause, ...]
    read: tuple[str, ...]
    is_photo: bool
    in_own_words: bool
    told: tuple[str, ...]


class Trials:
    """A worker, a record and a sandbox, for one situation after the other."""

    def __init__(self, sandbox: SandboxClient, database: Database, folder: Path) -> None:
        self.sandbox = sandbox
        self._database = database
        self._folder = folder
        self._jobs = Jobs(database)
        self._http, self._decoder = HttpClient(connections=8), Decoder()
        self._catalogue = Catalogue(fallbacks=(ALONE,))
        self._own = UserKeys(Keys(database), KeyCipher(Fernet.generate_key().decode()))
        self._messages = iter(range(1, 10**6))

    def run(self, situation: Situation, fault: Fault | None, *, times: int | None) -> Seen:
        """Let it happen to a job so many times; None: as long as the job lives."""
        self._calm_down()
        self.sandbox.call("PUT", "/router/_sandbox", json=IDLE | situation.knobs)
        if situation.provider is not None:
            served = {"status": "live", "providerId": IDS[situation.provider], "task": "text-to-image"}
            reply = {"id": situation.model, "inferenceProviderMapping": {situation.provider: served}}
            self.sandbox.arm("hub", path=situation.model, reply=reply, times=None)
        if fault is not None:
            elsewhere = self.sandbox.url.replace("127.0.0.1", "localhost")
            self.sandbox.arm(**json.loads(json.dumps(fault).replace(ELSEWHERE, elsewhere)) | {"times": times})
        random.seed(7)
        with self._runner(situation) as runner:
            seen = self._watch(runner, self._submit(situation))
        self.sandbox.clear_faults()
        return seen

    def _calm_down(self) -> None:
        self.sandbox.clear_faults()
        self.sandbox.clear_journal()
        with self._database.writing() as connection:
            connection.execute(delete(tables.circuits))

    def _submit(self, situation: Situation) -> Job:
        parameters = Parameters(model=situation.model, width=256, height=256, raw=situation.raw)
        job, _ = self._jobs.submit(
            Request(situation.idea, parameters), address=Address(1, 7, next(self._messages)), sender=Sender(7)
        )
        return job

    @contextmanager
    def _runner(self, situation: Situation) -> Iterator[Runner]:
        circuits, url = Circuits(self._database), self.sandbox.url
        hub = Discovery(
            self._http, hub_url=f"{url}/hub", catalogue=self._catalogue, endpoints={OWN: f"{url}/endpoint/own"}
        )
        painters = build_painters(
            self._http, router_url=f"{url}/router", token=TOKEN, image_hosts=url, decoder=self._decoder
        )
        dispatcher = PaintDispatcher(
            painters, hub, CircuitBreaker(circuits), decoder=self._decoder, rng=random.Random(7)
        )
        writer = PromptWriter(
            api_key=KEY, base_url=f"{url}/gemini", model=NEWEST, slots=2, quotas=Quotas(KEY, circuits)
        )
        picture_job = PictureJob(
            self._jobs,
            ClientPool(self._own, GOOGLE, writer, _nobody),
            ImageServices(self._catalogue, ClientPool(self._own, HUGGINGFACE, dispatcher, _nobody)),
            Images(self._folder.as_uri()),
            self._catalogue,
            decoder=self._decoder,
        )
        turns = Turns(self._database, lease=timedelta(hours=1), deadline=timedelta(seconds=situation.deadline_s))
        try:
            tickets = LocalTickets()
            sent_files = SentFiles(self._database)
            pictures = Pictures(self._jobs, picture_job, tickets, sent_files)
            questions = Questions(Errands(self._database), {}, sent_files)
            yield Runner("trials", turns, tickets, pictures=pictures, questions=questions)
        finally:
            writer.close()

    def _watch(self, runner: Runner, job: Job) -> Seen:
        happened: list[Call | Pause] = []
        read: list[str] = []
        for turn in range(MAX_TURNS):
            runner.run()
            happened += self._new_calls(job, turn, sum(isinstance(one, Call) for one in happened))
            job = self._now(job)
            if job.state in ENDED:
                own_words = job.prompt is not None and job.prompt.model is None
                return Seen(tuple(happened), tuple(read), job.state is State.FINISHED, own_words, tuple(_told(job)))
            happened.append(Pause(turn, job.stage, job.estimate_s))
            read.append(unescape(sentence(describe(job), "en")))
            self._let_time_pass(job)
        raise AssertionError("the job does not end")

    def _now(self, job: Job) -> Job:
        now = self._jobs.read(job.id)
        assert now is not None
        return now

    def _new_calls(self, job: Job, turn: int, known: int) -> list[Call]:
        wanted = select(tables.attempts).where(tables.attempts.c.job_id == job.id).order_by(tables.attempts.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.offset(known)).all()
        return [Call(turn, row.step, row.service, row.model, row.outcome) for row in rows]

    def _let_time_pass(self, job: Job) -> None:
        """Move the job, and the providers that are left alone, to where the wait is over."""
        assert job.not_before is not None
        assert job.deadline is not None
        left = job.not_before - datetime.now(UTC)
        with self._database.writing() as connection:
            connection.execute(
                update(tables.jobs)
                .where(tables.jobs.c.id == job.id)
                .values(not_before=job.created_at, deadline=job.deadline - left)
            )
            open_circuits = tables.circuits.c.open_until.is_not(None) & (
                tables.circuits.c.provider.not_like("gemini-%")
            )
            connection.execute(update(tables.circuits).where(open_circuits).values(open_until=job.created_at))


def _nobody(_: str) -> Any:
    raise AssertionError("nobody brought a key")


def _told(job: Job) -> Iterator[str]:
    if job.state is not State.FINISHED:
        yield unescape(say(job.reason or "unexpected", "en"))
        return
    caption = write_caption(job, default_model=job.request.parameters.model or "")
    if caption.endswith("</i>"):
        yield from (unescape(line) for line in caption.rpartition("<i>")[2].removesuffix("</i>").splitlines())


def _unfetched(trials: Trials) -> str:
    assert trials.sandbox.journal("files", "a.png") == []
    return "Nothing is fetched from there."


def _unfollowed(trials: Trials) -> str:
    assert trials.sandbox.journal("files", "moved") == []
    return "Nobody is called at the other address."


def _without_token(trials: Trials) -> str:
    fetched: list[Json] = trials.sandbox.journal("files")
    assert fetched
    assert all("authorization" not in call["headers"] for call in fetched)
    return "It is fetched without our token."


def _own_token(trials: Trials) -> str:
    sent = {call["headers"]["authorization"] for call in trials.sandbox.journal("router")}
    assert sent == {f"Bearer {mask(TOKEN)}"}
    return "Our own token is sent all the same."


def _not_continued(trials: Trials) -> str:
    asked = trials.sandbox.journal("gemini")
    assert all("continuationToken" not in str(call["body"]) for call in asked)
    return "The offer to go on is not taken."


def _ordered_once(trials: Trials) -> str:
    assert len(trials.sandbox.journal("router", "/models/")) == 1
    return "It is ordered once."


PROOFS: dict[str, Callable[[Trials], str]] = {
    "unfetched": _unfetched,
    "unfollowed": _unfollowed,
    "not_redirected": _unfollowed,
    "without_token": _without_token,
    "own_token": _own_token,
    "not_continued": _not_continued,
    "ordered_once": _ordered_once,
}


@contextmanager
def trials(folder: Path) -> Iterator[Trials]:
    """Everything that trials need, in a folder of their own."""
    with ExitStack() as stack:
        netrc = folder / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password of-another-service\n", encoding="ascii")
        before = os.environ.get("NETRC")
        os.environ["NETRC"] = str(netrc)
        stack.callback(lambda: os.environ.pop("NETRC") if before is None else os.environ.update(NETRC=before))
        sandbox = stack.enter_context(Sandbox())
        database = Database(f"sqlite:///{folder / 'g2d.db'}")
        stack.callback(database.close)
        migrate(database)
        yield Trials(stack.enter_context(SandboxClient(sandbox.url)), database, folder / "images")
