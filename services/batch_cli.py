"""``g2d batch ideas.csv --out pictures/``: many ideas from a file, through the same queue and workers."""

import hashlib
import html
import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from services import logs, startup
from services.bot.texts.locales import say
from services.importing import importing
from shared.batch_reader import BatchReader
from shared.batches import (
    SHOWN,
    Batch,
    BatchReading,
    BatchState,
    Counts,
    DeliveryFormat,
    Problem,
    file_name,
    outcome,
    write_manifest,
)
from shared.catalogue import Catalogue
from shared.errors import (
    BadCredentials,
    BudgetUsedUp,
    GeminiDenied,
    GeminiNotServedHere,
    GeminiUnpaid,
    ImagineError,
    NoCredit,
    StoreAway,
    UserError,
)
from shared.images import Images
from shared.jobs import ENDED, Address, Job, Sender, State
from shared.migrations import is_current
from shared.prices import MICRO
from shared.settings import Settings, SettingsError, WorkerSettings, load
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.models import IMAGE, Models
from shared.styles import Styles
from shared.tickets import LocalTickets, Tickets

LOOK_EVERY_S = 0.5
NOTES_SHOWN = 3  # ideas, and hints, of a file that was read
ALL_DONE, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
OVER = frozenset({BatchState.FINISHED, BatchState.CANCELLED})
NOBODY = 0  # a terminal has no bot, no chat and no Telegram user
# Reasons for which no other picture will succeed either, with what to do.
HOPELESS = {
    BadCredentials.reason: "A key is not accepted; `g2d doctor` tells which, and what to do.",
    NoCredit.reason: "HuggingFace's credit is used up; there is more at https://huggingface.co/settings/billing.",
    GeminiUnpaid.reason: "Gemini's account has no credit, or is at its spending limit; see https://aistudio.google.com.",
    GeminiNotServedHere.reason: "Google doesn't serve Gemini where this runs.",
    GeminiDenied.reason: "Google doesn't let this key use Gemini; `g2d doctor` tells more.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where pictures and the manifest are written."""

    folder: Path

    def write(self, job: Job, data: bytes) -> Path:
        """Write a picture so that one that is there is whole."""
        path = self.folder / file_name(job)
        unfinished = path.with_name(f"{path.name}.part")
        unfinished.write_bytes(data)
        unfinished.replace(path)
        return path


class Watch:
    """Tells how far a batch has come: a bar on a terminal, lines in a pipe, JSON for machines."""

    def __init__(self, pictures: int, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if not as_json and self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=self._console)
            self._task = self._progress.add_task("painting", total=pictures)
            self._progress.start()

    def tell(self, job: Job, path: Path | None) -> None:
        """Print a picture that has ended."""
        if self._as_json:
            entry = {
                "idea": job.request.idea,
                "line": (job.line or 0) + 1,
                "number": job.number + 1,
                "outcome": outcome(job),
                "file": str(path) if path else None,
                "seed": job.recipe.seed if job.recipe else None,
                "model": job.recipe.model if job.recipe else None,
                "reason": job.reason,
            }
            typer.echo(json.dumps(entry, ensure_ascii=False))
        elif self._progress is None:
            typer.echo(f"{outcome(job)}: {path or file_name(job)}{_why(job)}")
        elif path is None:
            self._progress.console.print(f"{outcome(job)}: {file_name(job)}{_why(job)}", markup=False, soft_wrap=True)

    def advance(self, counts: Counts) -> None:
        """Move the bar."""
        if self._progress is not None and self._task is not None:
            failed = f", {counts.failed} failed" if counts.failed else ""
            self._progress.update(self._task, completed=counts.ended, description=f"painting{failed}")

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()


class Interrupts:
    """Counts Ctrl-C; the second one ends the program at once."""

    def __init__(self) -> None:
        self.asked = False

    def note(self, _: int, __: FrameType | None) -> None:
        """Take note of one."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def batch(file: Path, out: Path, *, as_json: bool) -> int:
    """Paint what the file says; returns the exit status."""
    settings = load(Settings)
    reading = _understood(file, settings)
    if reading is None or not reading.requests:
        return BAD_USAGE
    _make(out)
    logs.set_up(settings.log_format, "WARNING")
    needs_gemini = any(not request.parameters.raw for request in reading.requests)
    with (
        startup.opened(settings) as database,
        painted_by(settings, database, needs_gemini=needs_gemini) as (tickets, goes_on),
    ):
        run = _Run(
            Batches(database, settings.queue_policy),
            Images(settings.image_store_url),
            tickets,
            Place(out),
            as_json=as_json,
            goes_on=goes_on,
        )
        try:
            return run.run(reading, _key(file, out))
        except OSError as error:
            if error.filename is None or not Path(error.filename).is_relative_to(out):
                raise
            typer.echo(f"{error.filename} can't be written: {error.strerror}. Run this again to go on.", err=True)
            return SOME_FAILED


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out: the folder {folder} can't be made: {error.strerror}.") from None


def estimate(file: Path, *, as_json: bool) -> int:
    """Tell how many pictures a file asks for, and what they may cost; returns the exit status."""
    settings = load(Settings)
    reading = _understood(file, settings)
    if reading is None:
        return BAD_USAGE
    dollars = settings.prices.of_requests(reading.requests) / MICRO
    ideas, left_out = len(reading.requests), len(reading.problems)
    if as_json:
        entry = {"ideas": ideas, "pictures": reading.pictures, "dollars": round(dollars, 4), "left_out": left_out}
        typer.echo(json.dumps(entry))
    else:
        skipped = f"; {_counted(left_out, 'line')} would be left out" if left_out else ""
        counted = f"{_counted(reading.pictures, 'picture')} of {_counted(ideas, 'idea')}"
        typer.echo(
            f"{counted}, for about ${dollars:.2f} by the estimates of shared/prices.json and G2D_PRICES{skipped}. "
            "Nothing was ordered."
        )
    return SOME_FAILED if left_out else ALL_DONE


def _understood(file: Path, settings: Settings) -> BatchReading | None:
    """Read a file; tell how the first ideas read, and of each line that is left out. None: it can't be read."""
    try:
        with startup.opened(settings) as database:
            reading = _read(file, settings, catalogue_of(settings, database))
    except (UserError, OSError) as error:
        typer.echo(_sentence(error, file), err=True)
        return None
    for problem in reading.problems:
        typer.echo(f"line {problem.line}: {_plain(say(problem.reason, 'en', **problem.values))}", err=True)
    for hint in reading.hints[:NOTES_SHOWN]:
        typer.echo(f"note: {_plain(say(hint.reason, 'en', **hint.values))}", err=True)
    for request in reading.requests[:NOTES_SHOWN]:
        typer.echo(f"reads: {request.idea[:SHOWN]}", err=True)
    return reading


def catalogue_of(settings: Settings, database: Database) -> Catalogue:
    """The image models that can be wished: those of the last survey, the shipped ones before the first."""
    if not settings.embedded:
        startup.require_tables(database, settings)
    catalogue = Catalogue(settings.image_model)
    if is_current(database):
        catalogue.refresh(Models(database).all(IMAGE))
    return catalogue


def _read(file: Path, settings: Settings, catalogue: Catalogue) -> BatchReading:
    reader = BatchReader(catalogue, Styles(settings.styles_file))
    try:
        return reader.read(file.read_bytes(), file.name, limit=settings.batch_pictures)
    finally:
        reader.close()


def _key(file: Path, out: Path) -> str:
    """The same file with the same content into the same folder is the same batch; anything else is another."""
    whole = b"\0".join((str(file.resolve()).encode(), str(out.resolve()).encode(), file.read_bytes()))
    return f"t{hashlib.sha256(whole).hexdigest()}"


@contextmanager
def painted_by(settings: Settings, database: Database, *, needs_gemini: bool) -> Iterator[tuple[Tickets, bool]]:
    """Who paints: workers elsewhere, the ``g2d run`` that has this folder, or else a worker in this process.

    Yields:
        The way to them, and whether they go on when this process ends.

    Raises:
        SettingsError: A worker in this process would have no key.
    """
    if settings.redis_url is not None:
        from shared.celery_tickets import CeleryTickets, make_celery

        startup.require_tables(database, settings)
        yield CeleryTickets(make_celery(settings.redis_url)), True
        return
    tickets = LocalTickets()
    lock = FileLock(settings.data_dir / "g2d.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield tickets, True  # Nobody takes these; the other process's sweep finds the jobs.
        return
    try:
        with importing():
            from services.worker.app import Worker

        startup.migrate_now(database, startup.place_of(settings))
        own = load(WorkerSettings)
        _require_keys(own, needs_gemini=needs_gemini)
        worker = Worker(own, database, tickets)
        worker.start()
        try:
            yield tickets, False
        finally:
            worker.stop(timeout_s=5.0)
    finally:
        lock.release()


def _require_keys(settings: WorkerSettings, *, needs_gemini: bool) -> None:
    """A terminal has nobody who could bring keys of their own."""
    keys = {
        "GOOGLE_API_KEY": settings.google_api_key if needs_gemini else "",
        "HF_TOKEN": "" if settings.has_google_alone else settings.hf_token,
    }
    missing = [name for name, key in keys.items() if key is None]
    if missing:
        raise SettingsError(f"Please set {' and '.join(missing)} to a key: `own` is for the people of a bot.")


class _Run:
    """One run of the command."""

    def __init__(
        self, batches: Batches, images: Images, tickets: Tickets, place: Place, *, as_json: bool, goes_on: bool
    ) -> None:
        """Tell as JSON or to people; ``goes_on``: somebody paints on when this process ends."""
        self._batches = batches
        self._images = images
        self._tickets = tickets
        self._place = place
        self._as_json = as_json
        self._goes_on = goes_on
        self._told: set[int] = set()
        self._skipped: tuple[Problem, ...] = ()
        self._succeeded = False
        self._stopped_for: str | None = None

    def run(self, reading: BatchReading, key: str) -> int:
        """Ask or go on, watch, and write what comes."""
        self._skipped = reading.problems
        try:
            batch = self._ask(reading, key)
        except BudgetUsedUp as error:
            typer.echo(_plain(say(error.reason, "en", **error.values)), err=True)
            return SOME_FAILED
        watch = Watch(batch.pictures, as_json=self._as_json)
        interrupts = Interrupts()
        before = signal.signal(signal.SIGINT, interrupts.note)
        is_over = False
        try:
            while not is_over and not interrupts.asked:
                is_over = self._look(batch, watch)
                if not is_over:
                    time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            watch.stop()
            signal.signal(signal.SIGINT, before)
        return self._end(batch) if is_over else self._interrupted(batch)

    def _ask(self, reading: BatchReading, key: str) -> Batch:
        batch, is_new = self._batches.ask(
            reading.requests,
            address=Address(NOBODY, NOBODY, NOBODY),
            sender=Sender(NOBODY),
            source="terminal",
            request_key=key,
            delivery_format=DeliveryFormat.FILES,
        )
        self._batches.start(batch.id)
        if not is_new:
            # Running it again goes on with what was left, and tries again what failed or was cancelled.
            self._batches.go_on(batch.id)
        return batch

    def _look(self, batch: Batch, watch: Watch) -> bool:
        """Fill, fetch and count once; whether all has ended."""
        try:
            while count := self._batches.fill(batch.id):
                self._tickets.send(count)
            # Before its pictures are read: what ends after that is fetched at the next look, and there has to be one.
            self._batches.finish(batch.id)
            now = self._batches.read(batch.id)
            for job in self._batches.jobs(batch.id):
                self._fetch(job, watch)
            watch.advance(self._batches.counts(batch.id))
        except StoreAway:
            return False
        return now is not None and now.state in OVER

    def _fetch(self, job: Job, watch: Watch) -> None:
        if job.state not in ENDED or job.id in self._told:
            return
        self._told.add(job.id)
        path = self._place.folder / file_name(job) if job.state is State.FINISHED else None
        is_new = path is None or not path.exists()
        if path is not None and is_new:
            path = self._place.write(job, self._images.get(str(job.image_key)))
        if is_new or self._as_json:  # People need not be told again of what an earlier run wrote.
            watch.tell(job, path)
        self._succeeded |= path is not None and is_new
        if job.state is State.FAILED and job.reason in HOPELESS:
            self._stop(job)

    def _stop(self, job: Job) -> None:
        """End what has not been begun, where no more can succeed."""
        # What a key may do for one model it may not do for another; credit is the account's.
        if self._stopped_for is None and job.batch_id and (job.reason == NoCredit.reason or not self._succeeded):
            self._stopped_for = job.reason
            self._batches.cancel(job.batch_id)
            self._tickets.send()  # What is ordered at a provider is to be withdrawn.

    def _end(self, batch: Batch) -> int:
        jobs = self._write_manifest(batch)
        self._batches.delivered(batch.id)
        failed = sum(job.state is not State.FINISHED for job in jobs)
        lines = len(self._skipped)
        skipped = f", {_counted(lines, 'line')} left out" if lines else ""
        if self._stopped_for:
            typer.echo(f"Stopped early. {HOPELESS[self._stopped_for]} Then run this again to go on.", err=True)
        typer.echo(f"{len(jobs) - failed} of {batch.pictures} pictures are in {self._place.folder}{skipped}", err=True)
        return SOME_FAILED if failed or self._skipped or len(jobs) < batch.pictures else ALL_DONE

    def _interrupted(self, batch: Batch) -> int:
        """Leave it running or cancel it: asked on a terminal, left elsewhere."""
        otherwise = "it goes on by itself" if self._goes_on else "it waits until you run this again"
        question = f"Cancel what has not been painted? (no: {otherwise})"
        with suppress(typer.Abort):  # One more Ctrl-C says nothing of what shall become of it: it is left.
            if sys.stdin.isatty() and typer.confirm(question, default=False):
                self._batches.cancel(batch.id)
                self._tickets.send()  # What is ordered at a provider is to be withdrawn.
        self._write_manifest(batch)
        typer.echo("Run the same command again to go on.", err=True)
        return INTERRUPTED

    def _write_manifest(self, batch: Batch) -> list[Job]:
        jobs = self._batches.jobs(batch.id)
        (self._place.folder / "manifest.csv").write_text(
            write_manifest(jobs, self._skipped), encoding="utf-8-sig", newline=""
        )
        return jobs


def _sentence(error: Exception, file: Path) -> str:
    if isinstance(error, UserError):
        return _plain(say(error.reason, "en", **error.values))
    return f"{file} can't be read: {getattr(error, 'strerror', None) or type(error).__name__}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _why(job: Job) -> str:
    """Why a picture failed, as the end of a line; nothing where it did not."""
    if job.state is not State.FAILED:
        return ""
    return f": {_plain(say(job.reason or ImagineError.reason, 'en'))}"


def _plain(text: str) -> str:
    """A sentence without Telegram's tags."""
    return html.unescape(re.sub(r"</?\w+>", "", text))
