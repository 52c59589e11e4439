"""How the two kinds of work write down what the runner decides, and which handler does what."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from services.worker.engine import retry
from shared.errands import Errand, ErrandKind, files_of
from shared.errors import (
    FileNotUnderstood,
    FileRefused,
    FileTooLarge,
    ImagineError,
    PermanentError,
    PictureUnreadable,
    StillPainting,
)
from shared.jobs import Attempt, Job
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.sent_files import SentFiles
from shared.tickets import Tickets

# What the files are not, that somebody sent along: they are deleted.
OF_NO_USE = frozenset(kind.reason for kind in (PictureUnreadable, FileNotUnderstood, FileRefused, FileTooLarge))

W_contra = TypeVar("W_contra", contravariant=True)


class Record(Protocol[W_contra]):
    """What the runner needs of one kind of work."""

    def run(self, work: W_contra, attempts: list[Attempt]) -> None:
        """Do it and record the result; safe to repeat from the start.

        Args:
            attempts: Takes the calls to services that are not written down yet.

        Raises:
            ImagineError: It failed; ``retry.after`` decides what follows.
            LostTurn: It belongs to another worker by now, or was cancelled.
        """

    def failures(self, work: W_contra) -> int:
        """Count the failed tries of the present step."""

    def wait(self, work: W_contra, wait: retry.Wait, error: ImagineError, attempts: Sequence[Attempt]) -> None:
        """Put it aside for a while. Raises LostTurn as ``run``."""

    def give_up(self, work: W_contra, reason: str, attempts: Sequence[Attempt]) -> None:
        """Record that nothing comes of it, and why. Raises LostTurn as ``run``."""

    def drop(self, work: W_contra, error: ImagineError) -> None:
        """Let go of what a failed try left behind, when the work is no longer this worker's."""


class Painting(Protocol):
    """Makes pictures (``jobs.picture.PictureJob``)."""

    def run(self, job: Job, attempts: list[Attempt]) -> None:
        """Make the picture and record it; raises as ``Record.run``."""


class Pictures:
    """The record of jobs."""

    def __init__(self, jobs: Jobs, painting: Painting, tickets: Tickets, sent_files: SentFiles) -> None:
        self._jobs = jobs
        self._painting = painting
        self._tickets = tickets
        self._sent_files = sent_files

    def run(self, work: Job, attempts: list[Attempt]) -> None:
        """Make the picture."""
        self._painting.run(work, attempts)

    def failures(self, work: Job) -> int:
        """Read the row: a step that was done meanwhile has set the count back."""
        return (self._jobs.read(work.id) or work).failures

    def wait(self, work: Job, wait: retry.Wait, error: ImagineError, attempts: Sequence[Attempt]) -> None:
        """Put the job aside, with the order that is under way at a provider."""
        self._jobs.wait(
            work,
            seconds=wait.seconds,
            stage=wait.stage,
            reason=error.reason,
            failures=wait.failures,
            estimate_s=wait.estimate_s,
            handle=error.handle if isinstance(error, StillPainting) else None,
            attempts=attempts,
        )

    def give_up(self, work: Job, reason: str, attempts: Sequence[Attempt]) -> None:
        """End the job without a picture."""
        self._jobs.give_up(work, reason, attempts)
        if reason in OF_NO_USE and work.request.picture is not None:
            self._sent_files.refuse([work.request.picture.key])

    def drop(self, work: Job, error: ImagineError) -> None:
        """Have an order withdrawn that was made while its job was being cancelled."""
        if isinstance(error, StillPainting) and self._jobs.withdraw(work, error.handle):
            self._tickets.send()


class Handler(Protocol):
    """Runs the errands of one kind."""

    def run(self, errand: Errand) -> None:
        """Do what was asked and record it with ``Errands.finish``; raises as ``Record.run``."""


class Questions:
    """The record of errands, each run by the handler of its kind."""

    def __init__(self, errands: Errands, handlers: Mapping[ErrandKind, Handler], sent_files: SentFiles) -> None:
        self._errands = errands
        self._handlers = handlers
        self._sent_files = sent_files

    def run(self, work: Errand, attempts: list[Attempt]) -> None:  # noqa: ARG002 - an errand records its calls itself
        """Run the errand, unless the person has stopped it."""
        if work.stop_asked:
            self._stop(work)
            return
        handler = self._handlers.get(work.kind)
        if handler is None:
            raise PermanentError(f"nobody runs errands of the kind {work.kind}")
        retry.require_time(work)
        handler.run(work)

    def _stop(self, errand: Errand) -> None:
        """End what the person stopped while no worker was at it: a worker that had begun it died."""
        if errand.answer:
            self._errands.finish(errand, answer=errand.answer, result={"end": "stopped"}, chat_model=errand.chat_model)
        else:
            self._errands.cancel(errand)

    def failures(self, work: Errand) -> int:
        """Count as the errand was claimed: it has one step."""
        return work.failures

    def wait(self, work: Errand, wait: retry.Wait, error: ImagineError, attempts: Sequence[Attempt]) -> None:  # noqa: ARG002
        """Put the errand aside."""
        self._errands.wait(work, seconds=wait.seconds, reason=error.reason, failures=wait.failures)

    def give_up(self, work: Errand, reason: str, attempts: Sequence[Attempt]) -> None:  # noqa: ARG002
        """End the errand with nothing, or nothing more."""
        self._errands.give_up(work, reason)
        if reason in OF_NO_USE:
            self._sent_files.refuse(files_of(work))

    def drop(self, work: Errand, error: ImagineError) -> None:
        """Nothing: a failed try of an errand leaves nothing behind."""
