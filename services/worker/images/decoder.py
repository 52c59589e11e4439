"""Looks into pictures in child processes: what a file is built to cost, it costs there, and no more than allowed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from services.worker.images import inputs, validation
from services.worker.images.metadata import read_recipe
from services.worker.images.validation import UNKNOWN_FORMAT, Looks
from shared.child_processes import CallFailed, ChildProcesses, Limits, NoChildFree, OverLimit
from shared.errors import BadPicture, PictureLargeEnough, PictureUnreadable, ServiceBusy, UnknownPictureFormat
from shared.jobs import Image, Recipe

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# The largest pictures that are let in take 1 s of CPU, those of 100 scans 5 s.
LIMITS = Limits(cpu_s=8, memory_bytes=384 * 1024 * 1024, wall_s=30.0)
WAIT_S = 60.0  # for a child; what a provider painted is paid for, and worth waiting


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a picture is none that we take: a ``BadPicture`` or ``PictureUnreadable`` on its way out of a child."""

    name: str
    message: str


class Decoder:
    """Two children for all slots of a worker: one for what providers paint, one for what people send. Thread-safe.

    Apart, so that nobody's file can keep finished pictures waiting. Each is started when it is needed first.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Start nothing yet."""
        answers = (Looks, Flaw, Recipe)
        self._painted, self._sent = (
            ChildProcesses(limits, limit=1, warm=1, modules=(__name__,), answers=answers) for _ in range(2)
        )

    def look_at(self, data: bytes) -> Looks:
        """What a provider's picture is and shows.

        Raises:
            BadPicture: It is none, is broken, or takes more to look at than any that we show.
            ServiceBusy: Too many pictures are being looked at.
        """
        try:
            looks = _run(self._painted, _look_at, data)
        except (OverLimit, CallFailed) as error:
            raise BadPicture("too_large", f"a picture of {len(data)} bytes was not looked at: {error}") from error
        if isinstance(looks, Flaw):
            if looks.name == UNKNOWN_FORMAT:
                raise UnknownPictureFormat(looks.message)
            raise BadPicture(looks.name, looks.message)
        return looks

    def recipe_in(self, data: bytes) -> Recipe | None:
        """The recipe that we wrote into a picture; None where there is none.

        Raises:
            ServiceBusy: Too many pictures are being looked at.
        """
        try:
            return _run(self._painted, read_recipe, data)
        except (OverLimit, CallFailed) as error:
            log.warning("recipe not read", extra={"error": str(error), "bytes": len(data)})
            return None

    def for_gemini(self, data: bytes) -> bytes:
        """What Gemini is shown of a picture that somebody sent: a JPEG.

        Raises:
            PictureUnreadable: It is no picture that we can open, or more than we open.
            ServiceBusy: Too many pictures are being looked at.
        """
        return self._of_sent(_for_gemini, data)

    def to_start_from(self, data: bytes, width: int | None, height: int | None) -> bytes:
        """What a painter starts from: a JPEG of at most so many pixels, in its own proportions.

        Raises:
            PictureUnreadable, ServiceBusy: As ``for_gemini``.
        """
        return self._of_sent(_to_start_from, data, width, height)

    def enlarge(self, data: bytes, times: int) -> Image:
        """A picture so many times as large each way, as far as it may be.

        Raises:
            PictureLargeEnough: It hardly could be made larger.
            PictureUnreadable, ServiceBusy: As ``for_gemini``.
        """
        return Image(*self._of_sent(_enlarge, data, times))

    def proportions(self, data: bytes) -> tuple[int, int]:
        """Width and height as a picture is to be looked at, in pixels.

        Raises:
            PictureUnreadable, ServiceBusy: As ``for_gemini``.
        """
        return self._of_sent(_proportions, data)

    def close(self) -> None:
        """End the children, and what they are doing."""
        self._painted.close()
        self._sent.close()

    def _of_sent(self, function: Callable[P, T | Flaw], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            found = _run(self._sent, function, *args, **kwargs)
        except (OverLimit, CallFailed) as error:
            log.warning("picture not opened", extra={"error": str(error)})
            raise PictureUnreadable(f"a picture can't be opened: {error}") from error
        if isinstance(found, Flaw):
            kind = PictureLargeEnough if found.name == PictureLargeEnough.reason else PictureUnreadable
            raise kind(found.message)
        return found


def _run(children: ChildProcesses, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return children.run_within(WAIT_S, function, *args, **kwargs)
    except NoChildFree as error:
        raise ServiceBusy(str(error)) from error


# In the child


def _look_at(data: bytes) -> Looks | Flaw:
    try:
        return validation.look_at(data)
    except BadPicture as error:
        return Flaw(error.flaw, str(error))


def _for_gemini(data: bytes) -> bytes | Flaw:
    try:
        return inputs.for_gemini(data)
    except PictureUnreadable as error:
        return Flaw(error.reason, str(error))


def _to_start_from(data: bytes, width: int | None, height: int | None) -> bytes | Flaw:
    try:
        return inputs.to_start_from(data, width, height)
    except PictureUnreadable as error:
        return Flaw(error.reason, str(error))


def _enlarge(data: bytes, times: int) -> tuple[bytes, str, int, int] | Flaw:
    try:
        return inputs.enlarge(data, times)
    except (PictureUnreadable, PictureLargeEnough) as error:
        return Flaw(error.reason, str(error))


def _proportions(data: bytes) -> tuple[int, int] | Flaw:
    try:
        return inputs.proportions(data)
    except PictureUnreadable as error:
        return Flaw(error.reason, str(error))
