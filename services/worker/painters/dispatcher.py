"""Has a request painted by the first provider that can, and returns the validated picture with its recipe."""

import contextlib
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from services.worker.images.decoder import Decoder
from services.worker.images.metadata import write_recipe
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.generation import SEEDS, request_for, shaped_like
from services.worker.painters.hf_inference import HFInference
from services.worker.painters.http import Countdown
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, GenerationRequest, Painter, Painting, Target
from services.worker.painters.plainness import asks_for_plain
from services.worker.painters.registry import knows_strength
from shared.errors import (
    BadCredentials,
    BadPicture,
    ElsewhereError,
    ImagineError,
    ModelGated,
    ModelNotServed,
    NoCredit,
    NoPainterLeft,
    PainterDenied,
    PermanentError,
    PictureNotFetched,
    PictureOutOfReach,
    PictureRefused,
    ServiceBusy,
    StillPainting,
    TransientError,
    UnexpectedAnswer,
    UnknownPictureFormat,
)
from shared.jobs import STRENGTHS, USUAL_STRENGTH, Attempt, Image, Parameters, Prompt, Recipe
from shared.json_types import JsonObject

log = logging.getLogger(__name__)

MAX_PICTURES = 2  # paid for in search of one that can be shown
MAX_UNFETCHED = 2  # ordered for one job, and not to be had from their providers
MIN_CALL_S = 1.0  # of the time allowed that must be left for one more call
MAX_DETAIL = 200  # characters
ECHO = 16  # characters of a prompt by which it is recognised in a service's message

OnAttempt = Callable[[Attempt], None]


@dataclass(frozen=True, slots=True)
class PaintRequest:
    """A picture that is wanted.

    Attributes:
        models: Ids in the order to try: the wished one first.
        idea: What the prompt was written of.
        source: The file of a picture to start from.
        starters: Ids of those that may start from it, in the order to try: the wished one first.
        handle: ``StillPainting.handle`` of an earlier run, if that was how it ended.
        barred: (model, provider) that failed for good in earlier runs of this job.
        pictures: That earlier runs paid for, and nobody could be shown.
        unfetched: That earlier runs ordered, and could not fetch.
    """

    prompt: Prompt
    parameters: Parameters
    models: tuple[str, ...]
    idea: str = ""
    handle: JsonObject | None = None
    barred: frozenset[tuple[str, str]] = frozenset()
    pictures: int = 0
    unfetched: int = 0
    source: bytes | None = field(default=None, repr=False)
    starters: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """What happened so far while an order is being served."""

    wanted: PaintRequest
    countdown: Countdown
    on_attempt: OnAttempt
    pictures: int = 0
    unfetched: int = 0
    tried: set[tuple[str, str]] = field(default_factory=set)
    waits: dict[str, list[TransientError]] = field(default_factory=lambda: defaultdict(list))
    failures: list[ImagineError] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def note(self, target: Target, error: ImagineError) -> None:
        """Keep what one target said, and go on with the next; raise what no other target can mend."""
        self.tried.add((target.model, target.service))
        match error:
            case StillPainting() | BadPicture():
                raise error
            case PictureNotFetched() if self.unfetched + 1 >= MAX_UNFETCHED:
                raise PictureOutOfReach(str(error)) from error
            case PictureNotFetched():
                self.unfetched += 1
                self.waits[target.model].append(error)
            case TransientError():
                self.waits[target.model].append(error)
            case ElsewhereError() | UnexpectedAnswer():
                self.failures.append(error)
            case _:
                raise error
        # Another target may succeed, and then nobody would hear of it.
        log.warning("image target failed", extra=_fields(target, error))


class PaintDispatcher:
    """All painters under one roof. Thread-safe."""

    def __init__(
        self,
        painters: Mapping[str, Painter],
        discovery: Discovery,
        breaker: CircuitBreaker,
        *,
        decoder: Decoder | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Paint with these painters, by provider."""
        self._decoder = decoder or Decoder()
        self._painters = painters
        self._discovery = discovery
        self._catalogue = discovery.catalogue
        self._breaker = breaker
        self._rng = rng or random.Random()

    def paint(self, wanted: PaintRequest, *, timeout_s: float, on_attempt: OnAttempt) -> tuple[Image, Recipe]:
        """Have the order painted by the first target that can.

        Args:
            timeout_s: For this run, downloads included.
            on_attempt: Told of every call that ordered or ended something.

        Raises:
            StillPainting: A provider has it in its queue; come back with the handle. After any other error an
                older handle is worth nothing.
            TransientError: Every provider of the wished model is busy or loading it: come back later.
            PictureRefused: A moderation refused, or only black pictures came.
            PictureOutOfReach: Pictures were ordered, and none could be fetched.
            BadCredentials: The token was refused.
            NoCredit, ModelGated, PainterDenied, NoPainterLeft: Nobody can; the most telling reason of all.
        """
        run = _Run(wanted, Countdown(timeout_s), on_attempt, pictures=wanted.pictures, unfetched=wanted.unfetched)
        resumed = _read_handle(wanted.handle)
        if resumed and resumed.target.provider in self._painters:
            run.tried |= resumed.tried
            with _noting(run, resumed.target):
                return self._look(resumed, run)
        for models, task in _models_and_tasks(wanted):
            for target in self._targets(models, task, run):
                with _noting(run, target):
                    return self._order(target, run)
            waits = [wait for model in models for wait in run.waits[model]]
            if waits:
                raise min(waits, key=_wait)
        raise _most_telling(run)

    def _targets(self, models: Iterable[str], task: str, run: _Run) -> Iterator[Target]:
        """The targets that may be called now, in order."""
        for model in models:
            for target in self._discovery.targets(model, task):
                if run.waits[model] and run.countdown.left < MIN_CALL_S:
                    # Calls without time would only count against providers that did nothing wrong.
                    break
                if self._may_call(target, run):
                    yield target

    def withdraw(self, handle: JsonObject, *, timeout_s: float) -> bool:
        """Take an order back for which ``StillPainting`` gave this handle; whether its provider was asked to.

        Raises:
            ImagineError: The provider could not be asked.
        """
        kept = _read_handle(handle)
        painter = self._painters.get(kept.target.provider) if kept else None
        return kept is not None and painter is not None and painter.withdraw(kept.order, timeout_s=timeout_s)

    def _may_call(self, target: Target, run: _Run) -> bool:
        pair = (target.model, target.service)
        if target.provider not in self._painters or pair in run.wanted.barred | run.tried:
            return False
        seconds = self._breaker.admit(target)
        if seconds:
            run.pauses.append(seconds)
        return not seconds

    def _order(self, target: Target, run: _Run) -> tuple[Image, Recipe]:
        model = self._catalogue.model(target.model)
        parameters = run.wanted.parameters
        if target.task == IMAGE_TO_IMAGE and run.wanted.source is not None:
            parameters = shaped_like(parameters, self._decoder.proportions(run.wanted.source))
        request = request_for(model, run.wanted.prompt, parameters, seed=self._rng.randrange(SEEDS))
        if target.task == IMAGE_TO_IMAGE:
            request = replace(request, instruction=run.wanted.idea)
        if target.task == IMAGE_TO_IMAGE and target.provider == HFInference.provider:
            request = replace(request, seed=None)  # It takes none beside a picture.
        if knows_strength(target):
            request = replace(request, strength=STRENGTHS[parameters.strength or USUAL_STRENGTH])
        return self._insist(target, request, run)

    def _look(self, resumed: "_Handle", run: _Run) -> tuple[Image, Recipe]:
        run.pictures = max(run.pictures, resumed.pictures)
        painter = self._painters[resumed.target.provider]
        try:
            painting = self._call(
                resumed.target,
                resumed.request,
                run,
                partial(painter.look, resumed.target, resumed.order),
                looking=True,
            )
        except BadPicture as error:
            return self._insist(resumed.target, self._another(resumed.request, error, run), run)
        return _finished(resumed.target, resumed.request, painting)

    def _insist(self, target: Target, request: GenerationRequest, run: _Run) -> tuple[Image, Recipe]:
        """Order from one target until a picture is worth showing."""
        painter = self._painters[target.provider]
        if target.task == IMAGE_TO_IMAGE and run.wanted.source is not None:
            source = self._decoder.to_start_from(run.wanted.source, request.width, request.height)
            request = replace(request, source=source)
        while True:
            try:
                painting = self._call(target, request, run, partial(painter.paint, target, request))
            except BadPicture as error:
                request = self._another(request, error, run)
            else:
                return _finished(target, request, painting)

    def _another(self, request: GenerationRequest, error: BadPicture, run: _Run) -> GenerationRequest:
        """The request for one more try; the same seed would paint the same black picture.

        Raises:
            BadPicture: The picture is broken, which is for ``retry.after``; or of a format that we can't open; or there
                is nothing more to try.
            PictureRefused: Only black ones came.
        """
        if error.is_broken or isinstance(error, UnknownPictureFormat):
            raise error
        run.pictures += 1
        if run.pictures >= MAX_PICTURES and error.flaw == "black":
            # Safety checkers of diffusers models answer with black pictures and don't say why.
            raise PictureRefused("only black pictures came") from error
        if run.pictures >= MAX_PICTURES or run.countdown.left < MIN_CALL_S:
            raise error
        return replace(request, seed=self._rng.randrange(SEEDS)) if request.seed is not None else request

    def _call(
        self,
        target: Target,
        request: GenerationRequest,
        run: _Run,
        act: Callable[..., Painting],
        *,
        looking: bool = False,
    ) -> Painting:
        """Make one call to a painter and tell everybody how it went."""
        started = time.monotonic()
        outcome: Painting | ImagineError
        try:
            outcome = _worth_showing(act(timeout_s=run.countdown.left), run.wanted)
        except ImagineError as error:
            outcome = _without_words(error, request)
        except Exception as error:
            # A bug of ours, which may have come after the provider was paid.
            run.on_attempt(_attempt(target, PermanentError(type(error).__name__), _since_ms(started)))
            raise
        duration_ms = _since_ms(started)
        if not (looking and isinstance(outcome, StillPainting)):
            attempt = _attempt(target, outcome, duration_ms)
            run.on_attempt(replace(attempt, pictures=_paid(outcome, looking=looking), megapixels=request.megapixels))
        if isinstance(outcome, Painting):
            self._breaker.tell(target, None)
            return outcome
        trouble = outcome.trouble if isinstance(outcome, StillPainting) else None
        self._breaker.tell(target, trouble or outcome)
        if isinstance(outcome, ModelNotServed):
            self._discovery.mark_gone(target)
        if isinstance(outcome, StillPainting):
            raise _Handle(target, request, outcome.handle, run.pictures, frozenset(run.tried)).wrap(outcome)
        raise outcome


@dataclass(frozen=True, slots=True)
class _Handle:
    """What any process needs to go on with an order.

    Attributes:
        tried: (model, provider) that failed before this order was made: should it fail, too, they are not paid again.
    """

    target: Target
    request: GenerationRequest
    order: JsonObject
    pictures: int
    tried: frozenset[tuple[str, str]]

    def wrap(self, still: StillPainting) -> StillPainting:
        handle: JsonObject = {
            "target": asdict(self.target),
            "brief": asdict(replace(self.request, source=None)),
            "order": self.order,
            "pictures": self.pictures,
            "tried": [list(pair) for pair in sorted(self.tried)],
            "position": still.position,  # for people to read
        }
        return StillPainting(handle, retry_after=still.retry_after or 1.0, position=still.position)


def _read_handle(handle: dict[str, Any] | None) -> _Handle | None:
    if not handle:
        return None
    try:
        tried = frozenset((model, provider) for model, provider in handle.get("tried", ()))
        return _Handle(
            Target(**handle["target"]), GenerationRequest(**handle["brief"]), handle["order"], handle["pictures"], tried
        )
    except (KeyError, TypeError, ValueError):
        # An older version wrote it; the order is lost, and a new one is made.
        return None


@contextlib.contextmanager
def _noting(run: _Run, target: Target) -> Iterator[None]:
    try:
        yield
    except ImagineError as error:
        run.note(target, error)


def _finished(target: Target, request: GenerationRequest, painting: Painting) -> tuple[Image, Recipe]:
    recipe = Recipe(
        model=target.model,
        provider=target.provider,
        prompt=request.prompt,
        negative=request.negative or "",
        seed=request.seed if painting.seed is None else painting.seed,
        width=painting.image.width,
        height=painting.image.height,
        steps=request.steps,
        guidance=request.guidance,
        over_picture=target.task == IMAGE_TO_IMAGE,
        strength=request.strength,
    )
    return write_recipe(painting.image, recipe), recipe


def _worth_showing(painting: Painting, wanted: PaintRequest) -> Painting:
    """The same painting.

    Raises:
        BadPicture: Nothing is on it, and that is not what was asked for.
    """
    if painting.plain is None or asks_for_plain(wanted.idea) or asks_for_plain(wanted.prompt.text):
        return painting
    error = BadPicture(painting.plain)
    # It was ordered, painted and charged for, although nobody is shown it.
    error.status, error.request_id = HTTPStatus.OK, painting.request_id
    raise error


def _fields(target: Target, error: ImagineError) -> JsonObject:
    """The fields of a failure's log line; the words of the prompt are not in it."""
    return {
        "model": target.model,
        "provider": target.service,
        "reason": error.reason,
        "error": str(error)[:MAX_DETAIL],
        "status": error.status,
        "request_id": error.request_id,
    }


def _since_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _attempt(target: Target, outcome: Painting | ImagineError, duration_ms: int) -> Attempt:
    attempt = Attempt("image", target.service, target.model, duration_ms, request_id=outcome.request_id)
    match outcome:
        case Painting():
            return replace(attempt, status=200)
        case StillPainting():
            return replace(attempt, status=200, detail="ordered")
    return replace(attempt, outcome=outcome.reason, status=outcome.status, detail=str(outcome)[:MAX_DETAIL])


def _paid(outcome: Painting | ImagineError, *, looking: bool) -> int:
    """Pictures that a call was paid for with: an order is paid when it is made, and taken back if it fails there."""
    match outcome:
        case Painting() | StillPainting():
            paid = 1
        case BadPicture(flaw="not_an_image"):
            paid = 0
        case BadPicture():
            paid = 1  # Painted and charged for, although nobody is shown it.
        case TransientError() if looking:
            paid = 1  # We don't know how it goes on there.
        case _:
            paid = 0
    return paid - looking


def _without_words(error: ImagineError, request: GenerationRequest) -> ImagineError:
    """The error, without what a service may have quoted of the prompt."""
    text = str(error)
    places = [text.find(words[:ECHO]) for words in (request.prompt, request.negative) if words]
    quoted = [place for place in places if place >= 0]
    if quoted:
        error.args = (f"{text[: min(quoted)]}…",)
    return error


def _models_and_tasks(wanted: PaintRequest) -> list[tuple[tuple[str, ...], str]]:
    """Models with their tasks, in the order to try; those of one line are waited for together.

    The wished model is waited for alone, for starting from a picture as for painting from words.
    """
    from_words: list[tuple[tuple[str, ...], str]] = [((model,), TEXT_TO_IMAGE) for model in wanted.models]
    if wanted.source is None or not wanted.starters:
        return from_words
    wished, others = wanted.starters[:1], wanted.starters[1:]
    return [(wished, IMAGE_TO_IMAGE), (others, IMAGE_TO_IMAGE), *from_words]


def _wait(error: TransientError) -> float:
    return error.retry_after or 0.0


def _most_telling(run: _Run) -> ImagineError:
    if run.pauses:
        return ServiceBusy("every provider that could paint is being left alone", retry_after=min(run.pauses))
    telling = [error for error in run.failures if not isinstance(error, ModelNotServed)]
    for kind in (PictureRefused, BadCredentials):
        for error in telling:
            if isinstance(error, kind):
                return error
    if telling and all(isinstance(error, NoCredit) for error in telling):
        return telling[0]
    if telling and all(isinstance(error, PainterDenied) for error in telling):
        return telling[0]
    return next((error for error in telling if isinstance(error, ModelGated)), NoPainterLeft("no target is left"))
