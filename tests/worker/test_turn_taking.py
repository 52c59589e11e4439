"""From a ticket to a recorded picture: nothing paid twice, nobody left waiting."""

import io
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from services.worker.engine.retry import MAX_FAILURES
from services.worker.engine.turn_limiter import TurnLimiter
from services.worker.engine.user_keys import ClientPool, UserKeys
from services.worker.gemini.prompt_request import PromptRequest
from services.worker.images.metadata import read_recipe, write_recipe
from services.worker.jobs.image_services import ImageServices
from services.worker.jobs.picture import PATIENCE_WITH_GEMINI, PictureJob
from services.worker.painters.dispatcher import PaintRequest
from shared.catalogue import Catalogue
from shared.errands import Errand, ErrandKind
from shared.errors import (
    BadCredentials,
    BadPicture,
    IdeaRefused,
    ImagineError,
    ModelLoading,
    NoCredit,
    PictureRefused,
    QuotaExhausted,
    ServiceBusy,
    ServiceUnreachable,
    StillPainting,
    StoreAway,
    UnexpectedAnswer,
)
from shared.images import Images
from shared.jobs import (
    Address,
    Attempt,
    Image,
    Job,
    Lineage,
    Parameters,
    Picture,
    Prompt,
    Recipe,
    Request,
    Sender,
    Stage,
    State,
)
from shared.key_cipher import KeyCipher
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.keys import Keys
from shared.store.outbox import Outbox
from shared.tickets import LocalTickets
from tests.builders import (
    ALREADY_OVER,
    BOT,
    FOX_RECIPE,
    RED_FOX,
    UNCAPPED,
    an_attempt,
    claim,
    keep_sent,
    read,
    runner_of,
    submit,
    turns_of,
)
from tests.sqlite_tables import create_tables

PATIENCE_S = 30.0
NEVER_S = 2 * PATIENCE_S

OnAttempt = Callable[[Attempt], None]
Meanwhile = Callable[[], None]


class Writer:
    """Writes the same prompt every time, unless something is meant to happen first."""

    def __init__(self) -> None:
        self.ideas: list[str] = []
        self.happenings: list[Exception | Meanwhile] = []

    def write(self, wish: PromptRequest, *, on_attempt: OnAttempt, **_: Any) -> Prompt:
        self.ideas.append(wish.idea)
        on_attempt(an_attempt(step="prompt", service="gemini", model="gemini-test"))
        happen(self.happenings)
        return RED_FOX


class PaintDispatcher:
    """Paints the same picture every time, unless something is meant to happen first."""

    def __init__(self, picture: bytes) -> None:
        self.orders: list[PaintRequest] = []
        self.happenings: list[Exception | Meanwhile] = []
        self.answer: ImagineError | None = None
        self._picture = Image(picture, "image/png", 64, 48)

    def paint(self, order: PaintRequest, *, timeout_s: float, on_attempt: OnAttempt) -> tuple[Image, Recipe]:
        assert timeout_s > 0
        self.orders.append(order)
        error = happen(self.happenings, thrown=False) or self.answer
        outcome = error.reason if isinstance(error, ImagineError) else "ok"
        on_attempt(an_attempt(outcome=outcome, pictures=int(error is None)))
        if error is not None:
            raise error
        return write_recipe(self._picture, FOX_RECIPE), FOX_RECIPE


def happen(happenings: list[Exception | Meanwhile], *, thrown: bool = True) -> Exception | None:
    happening = happenings.pop(0) if happenings else None
    if isinstance(happening, Exception):
        if thrown:
            raise happening
        return happening
    if happening is not None:
        happening()
    return None


def no_key(key: str) -> Any:
    raise AssertionError(f"nobody here brought a key, {key}")


class Workshop:
    """A worker on a real record, with writer and dispatcher played by somebody."""

    def __init__(self, database: Database, folder: Path, picture: bytes) -> None:
        self.database = database
        self.jobs = Jobs(database)
        self.writer = Writer()
        self.dispatcher = PaintDispatcher(picture)
        self.folder = folder
        self.images = Images(folder.as_uri())
        self.tickets = LocalTickets()
        own = UserKeys(Keys(database), KeyCipher(Fernet.generate_key().decode()))
        writers, dispatchers = (
            ClientPool(own, GOOGLE, self.writer, no_key),
            ClientPool(own, HUGGINGFACE, self.dispatcher, no_key),
        )
        services = ImageServices(Catalogue(), dispatchers)  # type: ignore[arg-type]
        limiter = TurnLimiter(at_once=1, moment_s=NEVER_S)
        picture_job = PictureJob(
            self.jobs,
            writers,  # type: ignore[arg-type]
            services,
            self.images,
            Catalogue(),
            release_place=limiter.release,
            reacquire_place=limiter.reacquire,
        )
        self._runner = runner_of(database, painting=picture_job, tickets=self.tickets, turn_limiter=limiter)

    def take_a_turn(self) -> None:
        self._runner.run()

    def stop(self) -> None:
        """Take no turn after this one."""
        self._runner.stop()

    def take_turns_until_over(self, job: Job) -> Job:
        """Take turns as if no wait took any time, until the job has ended."""
        for _ in range(50):
            self.take_a_turn()
            job = read(self.database, job)
            if job.state in {State.FINISHED, State.FAILED}:
                return job
            self.let_time_pass()
        raise AssertionError("the job does not end")

    def let_time_pass(self) -> None:
        """Until every wait is over."""
        with self.database.writing() as connection:
            connection.execute(update(tables.jobs).values(not_before=tables.jobs.c.created_at))

    def attempts(self) -> list[tuple[str, str]]:
        with self.database.reading() as connection:
            rows = connection.execute(select(tables.attempts).order_by(tables.attempts.c.id))
            return [(row.step, row.outcome) for row in rows]


@pytest.fixture
def record(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    create_tables(made)
    yield made
    made.close()


@pytest.fixture
def workshop(record: Database, tmp_path: Path, picture_file: Callable[..., bytes]) -> Workshop:
    return Workshop(record, tmp_path / "images", picture_file())


class TestAnIdea:
    def test_it_becomes_a_recorded_picture(self, workshop: Workshop) -> None:
        job = submit(workshop.database, "ein roter Fuchs")

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert job.state is State.FINISHED
        assert (job.prompt, job.recipe) == (RED_FOX, FOX_RECIPE)
        assert job.image_key is not None
        assert read_recipe(workshop.images.get(job.image_key)) == FOX_RECIPE
        assert workshop.writer.ideas == ["ein roter Fuchs"]
        assert workshop.attempts() == [("prompt", "ok"), ("image", "ok")]

    def test_its_parameters_and_models_go_to_the_studio(self, workshop: Workshop) -> None:
        parameters = Parameters(model="somebody/model", seed=7)
        submit(workshop.database, parameters=parameters)

        workshop.take_a_turn()

        (order,) = workshop.dispatcher.orders
        assert (order.prompt, order.parameters, order.models[0]) == (RED_FOX, parameters, "somebody/model")
        assert len(order.models) > 1

    def test_without_work_nothing_happens(self, workshop: Workshop) -> None:
        workshop.take_a_turn()

        assert workshop.writer.ideas == []

    def test_a_database_that_is_away_is_no_bug(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        away = Database(f"sqlite:///{tmp_path}/no/such/folder.db")

        Workshop(away, tmp_path / "images", b"").take_a_turn()

        assert [record.levelname for record in caplog.records] == ["WARNING"]


class TestWhileOneTurnBeginsAtATime:
    def test_many_wait_for_gemini_together(self, workshop: Workshop) -> None:
        jobs = [submit(workshop.database, user=user) for user in range(3)]
        all_are_there = threading.Barrier(3)
        workshop.writer.happenings = [wait_at(all_are_there)] * 3

        take_turns_at_once(workshop, 3)

        assert {read(workshop.database, job).state for job in jobs} == {State.FINISHED}

    def test_many_wait_for_their_painters_together(self, workshop: Workshop) -> None:
        jobs = [submit(workshop.database, user=user, parameters=Parameters(raw=True)) for user in range(3)]
        all_are_there = threading.Barrier(3)
        workshop.dispatcher.happenings = [wait_at(all_are_there)] * 3

        take_turns_at_once(workshop, 3)

        assert {read(workshop.database, job).state for job in jobs} == {State.FINISHED}

    @pytest.mark.parametrize(
        "parameters", [Parameters(), Parameters(raw=True), Parameters(upscale=2)], ids=["written", "raw", "upscaled"]
    )
    def test_a_picture_store_that_hangs_keeps_nobody_from_beginning(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, parameters: Parameters
    ) -> None:
        workshop.jobs.submit(
            Request("a fox like this", parameters, picture=Picture("telegram/7/1", "image/png")),
            address=Address(BOT, 7, 1),
            sender=Sender(7),
        )
        submit(workshop.database, user=8)
        other_is_there = threading.Event()
        monkeypatch.setattr(workshop.images, "get", lambda _: other_is_there.wait(PATIENCE_S) and b"")
        workshop.writer.happenings = [other_is_there.set]

        take_turns_at_once(workshop, 2)

        assert workshop.writer.ideas[0] == "a red fox"

    def test_many_questions_are_at_work_together(self, record: Database) -> None:
        for chat in range(3):
            question = {"text": "hello"}
            address = Address(BOT, chat, 1)
            Errands(record, UNCAPPED).submit(ErrandKind.CHAT, question, address=address, sender=Sender(chat))
        handler = Meeting(3)
        runner = runner_of(
            record, handlers={ErrandKind.CHAT: handler}, turn_limiter=TurnLimiter(at_once=1, moment_s=NEVER_S)
        )

        with ThreadPoolExecutor(3) as pool:
            for turn in [pool.submit(runner.run) for _ in range(3)]:
                turn.result(PATIENCE_S)

        assert handler.met == 3

    def test_a_broker_that_hangs_keeps_nobody_from_beginning(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit(workshop.database, count=2)
        claim(workshop.database, "who writes the prompt that the second picture waits for")
        is_sent, other_is_there = threading.Event(), threading.Event()

        def hang(**_: float) -> bool:
            is_sent.set()
            return other_is_there.wait(PATIENCE_S)

        monkeypatch.setattr(workshop.tickets, "send", hang)
        workshop.writer.happenings = [other_is_there.set]

        with ThreadPoolExecutor(2) as pool:
            failing = pool.submit(workshop.take_a_turn)
            assert is_sent.wait(PATIENCE_S)
            submit(workshop.database, "a boat", user=8)
            pool.submit(workshop.take_a_turn)
            assert other_is_there.wait(PATIENCE_S / 2)
            failing.result(PATIENCE_S)

    def test_a_turn_that_waits_for_longer_than_a_moment_loses_its_place(self) -> None:
        limiter, at_work, others_begin = TurnLimiter(at_once=1, moment_s=0.01), threading.Event(), threading.Event()

        def wait_for_others() -> bool:
            with limiter.acquired():
                at_work.set()
                return others_begin.wait(PATIENCE_S)

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait_for_others)
            at_work.wait(PATIENCE_S)
            with limiter.acquired():
                others_begin.set()

            assert waiting.result(PATIENCE_S)

    def test_a_turn_that_comes_back_waits_for_no_place_and_keeps_others_from_beginning(self) -> None:
        limiter, may_end, begins = TurnLimiter(at_once=1, moment_s=NEVER_S), threading.Event(), threading.Event()

        def begin() -> None:
            with limiter.acquired():
                begins.set()
                may_end.wait(PATIENCE_S)

        with ThreadPoolExecutor(2) as pool:
            with limiter.acquired():
                limiter.release()
                first = pool.submit(begin)
                assert begins.wait(PATIENCE_S)
                limiter.reacquire()
                begins.clear()
                second = pool.submit(begin)
                may_end.set()
                first.result(PATIENCE_S)
                assert not begins.wait(0.2)
            second.result(PATIENCE_S)

    def test_a_turn_begins_after_a_moment_although_others_come_back_all_the_time(self) -> None:
        limiter, begun = TurnLimiter(at_once=1, moment_s=0.2), threading.Event()

        def begin() -> None:
            with limiter.acquired():
                begun.set()

        with ThreadPoolExecutor(2) as pool, limiter.acquired():
            other = pool.submit(begin)
            while not begun.is_set():
                pool.submit(limiter.reacquire).result(PATIENCE_S)
                limiter.reacquire()
            other.result(PATIENCE_S)

    def test_what_a_picture_brings_back_is_recorded_before_others_begin(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit(workshop.database)
        submit(workshop.database, "a boat", user=8)
        other_begins = threading.Event()
        begun_meanwhile = list[bool]()

        def while_others_want_to(method: Callable[..., None]) -> Callable[..., None]:
            def record(*args: object, **kwargs: object) -> None:
                if not begun_meanwhile:
                    workshop.writer.happenings = [other_begins.set]
                    others.append(pool.submit(workshop.take_a_turn))
                begun_meanwhile.append(other_begins.wait(0.2))
                method(*args, **kwargs)

            return record

        with ThreadPoolExecutor(1) as pool:
            others: list[Future[None]] = []
            monkeypatch.setattr(workshop.jobs, "keep_prompt", while_others_want_to(workshop.jobs.keep_prompt))
            workshop.take_a_turn()
            [other] = others
            other.result(PATIENCE_S)

        assert begun_meanwhile[0] is False
        assert other_begins.is_set()

    def test_threads_never_have_more_places_than_there_are(self) -> None:
        limiter, lock = TurnLimiter(at_once=3, moment_s=NEVER_S), threading.Lock()
        have, most = 0, 0

        def begin(_: int) -> None:
            nonlocal have, most
            with limiter.acquired():
                with lock:
                    have += 1
                    most = max(most, have)
                with lock:
                    have -= 1
                limiter.release()
                limiter.release()

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(begin, range(500)))

        assert most <= 3

    def test_a_turn_that_finds_no_place_until_the_worker_stops_is_not_taken(self, record: Database) -> None:
        job = submit(record)
        limiter = TurnLimiter(at_once=1, moment_s=NEVER_S)
        runner = runner_of(record, turn_limiter=limiter)

        with ThreadPoolExecutor(1) as pool:
            with limiter.acquired():
                turn = pool.submit(runner.run)
                runner.stop()
            turn.result(PATIENCE_S)

        assert read(record, job).state is State.QUEUED


def wait_at(barrier: threading.Barrier) -> Meanwhile:
    return lambda: barrier.wait(PATIENCE_S) and None


def take_turns_at_once(workshop: Workshop, count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        for turn in [pool.submit(workshop.take_a_turn) for _ in range(count)]:
            turn.result(PATIENCE_S)


class Meeting:
    """Runs an errand to its end when so many of them are at work."""

    def __init__(self, count: int) -> None:
        self.met = 0
        self._barrier = threading.Barrier(count)

    def run(self, _: Errand) -> None:
        self._barrier.wait(PATIENCE_S)
        self.met += 1


class TestNothingIsPaidTwice:
    def test_a_prompt_that_was_written_down_is_not_written_again(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [ServiceBusy(), ServiceUnreachable()]

        job = workshop.take_turns_until_over(job)

        assert job.state is State.FINISHED
        assert len(workshop.writer.ideas) == 1
        assert len(workshop.dispatcher.orders) == 3

    def test_a_picture_that_was_kept_but_not_recorded_is_found_again(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        first = claim(workshop.database, "a worker that dies", lease=ALREADY_OVER)
        workshop.jobs.keep_prompt(first, RED_FOX)
        image, _ = PaintDispatcher(workshop.dispatcher._picture.data).paint(
            an_order(), timeout_s=1, on_attempt=lambda _: None
        )
        key = workshop.images.put(job.id, image)
        turns_of(workshop.database).sweep(most_due=10)

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.image_key, job.recipe) == (State.FINISHED, key, FOX_RECIPE)
        assert workshop.dispatcher.orders == []
        assert workshop.writer.ideas == []
        assert workshop.attempts() == [("image", "ok")]

    def test_an_order_that_is_still_being_painted_is_asked_for_and_not_placed_again(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        handle = {"order": {"id": "abc"}}
        workshop.dispatcher.happenings = [StillPainting(handle, retry_after=2), StillPainting(handle, retry_after=2)]

        job = workshop.take_turns_until_over(job)

        assert job.state is State.FINISHED
        assert [order.handle for order in workshop.dispatcher.orders] == [None, handle, handle]
        assert job.handle is None

    def test_a_painter_that_failed_for_good_is_not_asked_by_this_job_again(self, workshop: Workshop) -> None:
        submit(workshop.database)
        job = claim(workshop.database, "earlier")
        refusal = an_attempt(service="fal-ai", model="org/model", outcome=NoCredit.reason)
        workshop.jobs.wait(job, seconds=0, stage=Stage.RETRYING, reason="service_busy", failures=1, attempts=[refusal])

        workshop.take_a_turn()

        assert workshop.dispatcher.orders[0].barred == {("org/model", "fal-ai")}


def an_order() -> PaintRequest:
    return PaintRequest(RED_FOX, Parameters(), ("org/model",))


class TestWaiting:
    def test_a_failure_that_time_mends_frees_the_slot_and_sends_a_ticket_for_later(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [ModelLoading(retry_after=30)]
        before = workshop.tickets.on_their_way() or 0

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.stage, job.reason, job.estimate_s) == (State.WAITING, Stage.WAKING, "model_loading", 30)
        assert job.worker is None
        assert workshop.tickets.on_their_way() == before + 1
        assert workshop.attempts() == [("prompt", "ok"), ("image", "model_loading")]

    def test_a_job_that_keeps_failing_is_given_up(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [ServiceBusy()] * (MAX_FAILURES + 1)

        job = workshop.take_turns_until_over(job)

        assert (job.state, job.reason) == (State.FAILED, "service_busy")
        assert len(workshop.dispatcher.orders) == MAX_FAILURES + 1

    def test_failures_of_the_prompt_are_not_held_against_the_picture(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.writer.happenings = [ServiceBusy()]
        workshop.dispatcher.happenings = [ServiceBusy()] * MAX_FAILURES

        assert workshop.take_turns_until_over(job).state is State.FINISHED

    def test_a_prompt_of_this_very_turn_wipes_out_earlier_failures(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.writer.happenings = [ServiceBusy()]
        workshop.dispatcher.happenings = [ServiceBusy()]
        workshop.take_a_turn()
        workshop.let_time_pass()

        workshop.take_a_turn()

        assert read(workshop.database, job).failures == 1

    def test_after_the_deadline_the_person_is_told(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        turns_of(workshop.database, deadline=ALREADY_OVER).claim_next("earlier")
        turns_of(workshop.database).release("earlier")

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.reason) == (State.FAILED, "out_of_time")
        assert workshop.writer.ideas == []


class TestWithoutGemini:
    def test_patience_over_the_users_own_words_are_painted(self, workshop: Workshop) -> None:
        job = submit(workshop.database, "ein roter Fuchs")
        workshop.writer.happenings = [ServiceBusy(retry_after=1)] * (PATIENCE_WITH_GEMINI + 1)

        job = workshop.take_turns_until_over(job)

        assert job.state is State.FINISHED
        assert job.prompt is not None
        assert (job.prompt.text, job.prompt.model) == ("ein roter Fuchs", None)
        assert len(workshop.writer.ideas) == PATIENCE_WITH_GEMINI + 1

    def test_when_the_quota_of_the_day_is_used_up_nobody_waits(self, workshop: Workshop) -> None:
        job = submit(workshop.database, "ein roter Fuchs")
        workshop.writer.happenings = [QuotaExhausted()]

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert job.state is State.FINISHED
        assert job.prompt is not None
        assert job.prompt.text == "ein roter Fuchs"

    def test_when_it_writes_nothing_that_can_be_read_there_is_a_picture_and_the_owner_can_know(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = submit(workshop.database, "ein roter Fuchs")
        workshop.writer.happenings = [UnexpectedAnswer("no candidate")]

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert job.state is State.FINISHED
        assert job.prompt is not None
        assert (job.prompt.text, job.prompt.model) == ("ein roter Fuchs", None)
        assert [record.levelname for record in caplog.records if record.msg == "prompt not written"] == ["ERROR"]

    @pytest.mark.parametrize("error", [QuotaExhausted(), UnexpectedAnswer("no candidate"), ServiceBusy()])
    def test_a_picture_that_came_without_words_is_not_guessed_at(self, workshop: Workshop, error: ImagineError) -> None:
        job = submit(workshop.database, "")
        workshop.writer.happenings = [error] * (MAX_FAILURES + 1)

        job = workshop.take_turns_until_over(job)

        assert (job.state, job.reason) == (State.FAILED, error.reason)
        assert workshop.dispatcher.orders == []

    def test_what_gemini_refuses_is_not_painted(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.writer.happenings = [IdeaRefused()]

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.reason) == (State.FAILED, "idea_refused")
        assert workshop.dispatcher.orders == []


class TestATurnThatWasLost:
    @pytest.mark.parametrize("room", ["writer", "dispatcher"])
    @pytest.mark.parametrize("error", [None, ServiceBusy()], ids=repr)
    def test_the_job_is_put_down_without_a_word(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture, room: str, error: Exception | None
    ) -> None:
        job = submit(workshop.database)
        taken_over: list[Job] = []

        def somebody_takes_over() -> None:
            turns_of(workshop.database).release("worker")
            taken_over.append(claim(workshop.database, "other"))
            if error is not None:
                raise error

        getattr(workshop, room).happenings = [somebody_takes_over]

        with caplog.at_level(logging.INFO):
            workshop.take_a_turn()

        left = RED_FOX if room == "dispatcher" or error is None else None  # A prompt that was paid for is never lost.
        assert read(workshop.database, job) == replace(taken_over[0], prompt=left)
        assert "turn lost" in caplog.messages
        assert not any(record.levelno >= logging.WARNING for record in caplog.records)

    def test_a_prompt_that_came_too_late_is_not_written_again(self, workshop: Workshop) -> None:
        job = submit(workshop.database)

        def the_lease_runs_out() -> None:
            turns_of(workshop.database).release("worker")

        workshop.writer.happenings = [the_lease_runs_out]

        job = workshop.take_turns_until_over(job)

        assert job.state is State.FINISHED
        assert len(workshop.writer.ideas) == 1
        assert workshop.attempts() == [("prompt", "ok"), ("image", "ok")]


class TestACallThatCostsMoney:
    """It is on record, whatever came of it afterwards."""

    def cancelled(self, workshop: Workshop, job: Job) -> None:
        workshop.jobs.cancel([job.id])

    def taken_over(self, workshop: Workshop, job: Job) -> None:
        turns_of(workshop.database).release("worker")

    def not_kept(self, workshop: Workshop, job: Job) -> None:
        obstacle = workshop.folder / f"{job.id // 1000:06d}"
        obstacle.parent.mkdir(parents=True, exist_ok=True)
        obstacle.write_bytes(b"a file in the place of the folder")

    def late(self, workshop: Workshop, job: Job) -> None:
        with workshop.database.writing() as connection:
            connection.execute(update(tables.jobs).values(deadline=tables.jobs.c.created_at))
        turns_of(workshop.database).sweep(most_due=1)

    @pytest.mark.parametrize("afterwards", ["cancelled", "taken_over", "not_kept", "late"])
    @pytest.mark.parametrize(
        "answer",
        [None, BadPicture("black"), PictureRefused(), ServiceBusy(), StillPainting({}, retry_after=1.0)],
        ids=repr,
    )
    def test_is_on_record(self, workshop: Workshop, afterwards: str, answer: ImagineError | None) -> None:
        job = submit(workshop.database)

        def meanwhile() -> None:
            getattr(self, afterwards)(workshop, job)
            workshop.stop()

        workshop.dispatcher.happenings = [meanwhile]
        workshop.dispatcher.answer = answer

        workshop.take_a_turn()

        assert workshop.attempts()[1:] == [("image", answer.reason if answer else "ok")]

    def test_is_on_record_where_a_chat_does_not_take_the_picture(self, workshop: Workshop) -> None:
        workshop.take_turns_until_over(submit(workshop.database))
        outbox = Outbox(workshop.database)
        [home] = outbox.claim(BOT, limit=1)

        outbox.give_up(home, "blocked")

        assert workshop.attempts() == [("prompt", "ok"), ("image", "ok")]


class TestOrdersThatNobodyWantsAnyMore:
    def withdrawals(self, workshop: Workshop) -> list[tuple[int, dict[str, Any]]]:
        with workshop.database.reading() as connection:
            rows = connection.execute(select(tables.errands).where(tables.errands.c.kind == ErrandKind.CANCEL_ORDER))
            return [(row.question["job_id"], row.question["handle"]) for row in rows]

    def test_one_that_waits_at_its_provider_is_withdrawn(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [StillPainting({"order": 1}, retry_after=1.0)]
        workshop.take_a_turn()

        workshop.jobs.cancel([job.id])

        assert self.withdrawals(workshop) == [(job.id, {"order": 1})]

    def test_one_that_was_placed_during_the_cancel_is_withdrawn(self, workshop: Workshop) -> None:
        job = submit(workshop.database)

        def cancel() -> None:
            workshop.jobs.cancel([job.id])
            workshop.dispatcher.happenings = []
            raise StillPainting({"order": 2}, retry_after=1.0)

        workshop.dispatcher.happenings = [cancel]
        workshop.take_a_turn()

        assert self.withdrawals(workshop) == [(job.id, {"order": 2})]
        assert read(workshop.database, job).state is State.CANCELLED

    def test_one_that_another_worker_goes_on_with_is_not(self, workshop: Workshop) -> None:
        job = submit(workshop.database)

        def lose() -> None:
            turns_of(workshop.database).release("worker")
            claim(workshop.database, "another")
            raise StillPainting({"order": 3}, retry_after=1.0)

        workshop.dispatcher.happenings = [lose]
        workshop.take_a_turn()

        assert self.withdrawals(workshop) == []
        assert read(workshop.database, job).worker == "another"

    def test_without_an_order_there_is_nothing_to_withdraw(self, workshop: Workshop) -> None:
        job = submit(workshop.database)

        workshop.jobs.cancel([job.id])

        assert self.withdrawals(workshop) == []


class TestOurOwnFaults:
    @pytest.mark.parametrize("room", ["writer", "dispatcher"])
    def test_after_a_bug_the_person_gets_an_apology(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture, room: str
    ) -> None:
        job = submit(workshop.database)
        getattr(workshop, room).happenings = [ZeroDivisionError()]

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.reason) == (State.FAILED, "unexpected")
        assert [due.id for due in Outbox(workshop.database).claim(BOT, limit=10)] == [job.id]
        assert "work failed unexpectedly" in caplog.messages

    def test_what_only_the_owner_can_mend_is_an_error_in_the_log(
        self, workshop: Workshop, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [BadCredentials("401")]

        workshop.take_a_turn()

        assert read(workshop.database, job).reason == "bad_credentials"
        assert [record.levelname for record in caplog.records if record.msg == "work given up"] == ["ERROR"]

    def test_the_log_holds_no_word_of_the_user(self, workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
        submit(workshop.database, "my secret garden")
        workshop.dispatcher.happenings = [ServiceBusy(), ZeroDivisionError()]

        with caplog.at_level(logging.DEBUG):
            workshop.take_a_turn()
            workshop.let_time_pass()
            workshop.take_a_turn()

        assert not any("garden" in str(vars(record)) for record in caplog.records)

    def test_pictures_that_can_not_be_kept_now_are_painted_later(self, workshop: Workshop) -> None:
        job = submit(workshop.database)
        workshop.dispatcher.happenings = [StoreAway("disk full")]

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.stage) == (State.WAITING, Stage.RETRYING)


class TestAPictureToStartFrom:
    ABLE = Parameters(model="black-forest-labs/FLUX.2-dev")

    def ask(self, workshop: Workshop, request: Request, lineage: Lineage | None = None, *, message: int) -> Job:
        """Have a request painted; what the dispatcher was told is its newest order."""
        job, _ = workshop.jobs.submit(request, address=Address(BOT, 7, message), sender=Sender(7), lineage=lineage)
        return workshop.take_turns_until_over(job)

    def test_is_the_one_that_a_follow_up_changes_also_when_it_is_painted_again(self, workshop: Workshop) -> None:
        parent = self.ask(workshop, Request("a fox", self.ABLE), message=1)
        night = Request("make it night", self.ABLE)

        row = self.ask(workshop, night, Lineage.following(parent.id, 2), message=2)
        self.ask(workshop, night, Lineage(row.id, "again", row.prompt), message=3)

        assert parent.image_key is not None
        original = workshop.images.get(parent.image_key)
        assert [order.source for order in workshop.dispatcher.orders] == [None, original, original]

    def test_is_the_one_that_came_with_the_idea_before_all_others(
        self, workshop: Workshop, picture_file: Callable[..., bytes]
    ) -> None:
        parent = self.ask(workshop, Request("a fox", self.ABLE), message=1)
        sent = Picture(keep_sent(workshop.images, 7, 2, picture_file()), "image/png")

        self.ask(workshop, Request("here", self.ABLE, picture=sent), Lineage.following(parent.id, 2), message=2)

        assert workshop.dispatcher.orders[-1].source == picture_file()

    def test_is_none_for_edited_words_where_it_is_only_described_and_once_it_is_gone(self, workshop: Workshop) -> None:
        parent = self.ask(workshop, Request("a fox", self.ABLE), message=1)
        described = Request("at night", replace(self.ABLE, describe=True))
        self.ask(workshop, described, Lineage.following(parent.id, 2), message=2)
        row = self.ask(workshop, Request("at night", self.ABLE), Lineage.following(parent.id, 3), message=3)
        self.ask(workshop, Request("a wolf", self.ABLE), Lineage(row.id, "edit 4", RED_FOX), message=4)
        with workshop.database.writing() as connection:
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == row.id).values(image_key="gone.png"))
        self.ask(workshop, Request("at dawn", self.ABLE), Lineage.following(row.id, 5), message=5)

        started = [order.source is not None for order in workshop.dispatcher.orders]
        assert started == [False, False, True, False, False]

    def test_goes_to_another_model_where_the_wished_one_can_start_from_none(self, workshop: Workshop) -> None:
        parent = self.ask(workshop, Request("a fox"), message=1)

        night = self.ask(workshop, Request("at night"), Lineage.following(parent.id, 2), message=2)

        first, second = workshop.dispatcher.orders
        assert night.state is State.FINISHED
        assert (first.source, second.source is not None) == (None, True)
        assert second.starters  # models that can, for the dispatcher to choose


class TestALargerPicture:
    def ask(self, workshop: Workshop) -> Job:
        picture = Picture(keep_sent(workshop.images, 7, 1, workshop.dispatcher._picture.data), "image/png")
        request = Request("", Parameters(upscale=2), picture=picture)
        return workshop.jobs.submit(request, address=Address(1, 7, 1), sender=Sender(7))[0]

    def test_is_made_here_and_paid_by_nobody(self, workshop: Workshop) -> None:
        job = self.ask(workshop)

        workshop.take_a_turn()

        job = read(workshop.database, job)
        assert (job.state, job.owner_pays) == (State.FINISHED, False)
        assert job.recipe is not None
        assert (job.recipe.model, job.recipe.provider) == ("lanczos", "local")
        with PIL.Image.open(io.BytesIO(workshop.images.get(str(job.image_key)))) as larger:
            assert larger.size == (job.recipe.width, job.recipe.height) == (128, 96)
        assert (workshop.writer.ideas, workshop.dispatcher.orders, workshop.attempts()) == ([], [], [])

    def test_is_made_once_more_where_its_worker_died(self, workshop: Workshop) -> None:
        job = self.ask(workshop)
        claim(workshop.database, "a worker that dies", lease=ALREADY_OVER)
        turns_of(workshop.database).sweep(most_due=10)

        workshop.take_a_turn()

        assert read(workshop.database, job).state is State.FINISHED


class TestWhoseKeyPays:
    def test_the_record_says_so(self, workshop: Workshop) -> None:
        submit(workshop.database)

        workshop.take_a_turn()

        with workshop.database.reading() as connection:
            paid = connection.execute(select(tables.attempts.c.user_id).where(tables.attempts.c.step == "image"))
            assert [row.user_id for row in paid] == [7]

    def test_it_is_never_the_owners_where_somebody_asked_on_their_own(self, workshop: Workshop) -> None:
        keys = Keys(workshop.database)
        keys.put(7, HUGGINGFACE, sealed="s", last_four="1234", bot_id=BOT, message_id=1, language="en")
        job = submit(workshop.database)
        keys.remove(7, HUGGINGFACE)

        workshop.take_a_turn()

        assert read(workshop.database, job).reason == "own_key_gone"
        assert workshop.dispatcher.orders == []
