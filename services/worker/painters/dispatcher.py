"""An order goes in; the first painter that can do it paints, and an inspected picture with its recipe comes out."""

import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from services.worker.images.decoder import Decoder
from services.worker.images.metadata import write_recipe
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.errors import ENDPOINT
from services.worker.painters.generation import SEEDS, brief_for, shaped_like
from services.worker.painters.hf_inference import HFInference
from services.worker.painters.http import Countdown, HttpClient
from services.worker.painters.painter import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Brief, Painter, Painting, Target
from services.worker.painters.plainness import asks_for_plain
from services.worker.painters.registry import build_painters
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
    PictureRefused,
    ServiceBusy,
    StillPainting,
    TransientError,
    UnexpectedAnswer,
)
from shared.jobs import Attempt, Image, Parameters, Prompt, Recipe

MAX_PICTURES = 2  # paid for in search of one that can be shown
MIN_CALL_S = 1.0  # of the time allowed that must be left for one more call
MAX_DETAIL = 200  # characters
ECHO = 16  # characters of a prompt by which it is recognised in a service's message

Record = Callable[[Attempt], None]


@dataclass(frozen=True, slots=True)
class Order:
    """A picture that is wanted.

    Attributes:
        models: Ids in the order to try: the wished one first.
        idea: What the prompt was written of.
        source: The file of a picture that the wished model is to start from, if it can.
        handle: ``StillPainting.handle`` of an earlier run, if that was how it ended.
        barred: (model, provider) that failed for good in earlier runs of this job.
        pictures: That earlier runs paid for, and nobody could be shown.
    """

    prompt: Prompt
    parameters: Parameters
    models: tuple[str, ...]
    idea: str = ""
    handle: dict[str, Any] | None = None
    barred: frozenset[tuple[str, str]] = frozenset()
    pictures: int = 0
    source: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Run:
    """What happened so far while an order is being served."""

    order: Order
    countdown: Countdown
    record: Record
    pictures: int = 0
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
            case TransientError():
                self.waits[target.model].append(error)
            case ElsewhereError() | UnexpectedAnswer():
                self.failures.append(error)
            case _:
                raise error


class PaintDispatcher:
    """All painters under one roof. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        discovery: Discovery,
        breaker: CircuitBreaker,
        *,
        router_url: str,
        token: str,
        image_hosts: str,
        endpoint_token: str | None = None,
        decoder: Decoder | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._decoder = decoder = decoder or Decoder()
        painters = build_painters(http, router_url=router_url, token=token, image_hosts=image_hosts, decoder=decoder)
        if endpoint_token:
            # The owner's dedicated endpoints know the owner's token alone, whoever asks.
            owners = build_painters(
                http, router_url=router_url, token=endpoint_token, image_hosts=image_hosts, decoder=decoder
            )
            painters[ENDPOINT] = owners[ENDPOINT]
        self._painters: Mapping[str, Painter] = painters
        self._discovery = discovery
        self._catalogue = discovery.catalogue
        self._breaker = breaker
        self._chance = chance or random.Random()

    def paint(self, order: Order, *, seconds: float, record: Record) -> tuple[Image, Recipe]:
        """Have the order painted by the first target that can.

        Args:
            seconds: For this run, downloads included.
            record: Told of every call that ordered or ended something.

        Raises:
            StillPainting: A provider has it in its queue; come back with the handle. After any other error an
                older handle is worth nothing.
            TransientError: Every provider of the wished model is busy or loading it: come back later.
            PictureRefused: A moderation refused, or only black pictures came.
            BadCredentials: The token was refused.
            NoCredit, ModelGated, PainterDenied, NoPainterLeft: Nobody can; the most telling reason of all.
        """
        run = _Run(order, Countdown(seconds), record, pictures=order.pictures)
        resumed = _read_handle(order.handle)
        if resumed and resumed.target.provider in self._painters:
            run.tried |= resumed.tried
            with _noting(run, resumed.target):
                return self._look(resumed, run)
        for model, task in _ways(order):
            for target in self._discovery.targets(model, task):
                if run.waits[model] and run.countdown.left < MIN_CALL_S:
                    # Calls without time would only count against providers that did nothing wrong.
                    break
                if self._may_call(target, run):
                    with _noting(run, target):
                        return self._order(target, run)
            if run.waits[model]:
                raise min(run.waits[model], key=_wait)
        raise _most_telling(run)

    def withdraw(self, handle: dict[str, Any], *, seconds: float) -> bool:
        """Take an order back for which ``StillPainting`` gave this handle; whether its provider was asked to.

        Raises:
            ImagineError: The provider could not be asked.
        """
        kept = _read_handle(handle)
        painter = self._painters.get(kept.target.provider) if kept else None
        return kept is not None and painter is not None and painter.withdraw(kept.order, seconds=seconds)

    def _may_call(self, target: Target, run: _Run) -> bool:
        pair = (target.model, target.service)
        if pair in run.order.barred or pair in run.tried:
            return False
        seconds = self._breaker.admit(target)
        if seconds:
            run.pauses.append(seconds)
        return not seconds

    def _order(self, target: Target, run: _Run) -> tuple[Image, Recipe]:
        model = self._catalogue.model(target.model)
        parameters = run.order.parameters
        if target.task == IMAGE_TO_IMAGE and run.order.source is not None:
            parameters = shaped_like(parameters, self._decoder.proportions(run.order.source))
        brief = brief_for(model, run.order.prompt, parameters, seed=self._chance.randrange(SEEDS))
        if target.task == IMAGE_TO_IMAGE and target.provider == HFInference.provider:
            brief = replace(brief, seed=None)  # It takes none beside a picture.
        return self._insist(target, brief, run)

    def _look(self, resumed: "_Handle", run: _Run) -> tuple[Image, Recipe]:
        run.pictures = max(run.pictures, resumed.pictures)
        painter = self._painters[resumed.target.provider]
        try:
            painting = self._call(
                resumed.target,
                resumed.brief,
                run,
                partial(painter.look, resumed.target, resumed.order),
                looking=True,
            )
        except BadPicture as error:
            return self._insist(resumed.target, self._another(resumed.brief, error, run), run)
        return _finished(resumed.target, resumed.brief, painting)

    def _insist(self, target: Target, brief: Brief, run: _Run) -> tuple[Image, Recipe]:
        """Order from one target until a picture is worth showing."""
        painter = self._painters[target.provider]
        if target.task == IMAGE_TO_IMAGE and run.order.source is not None:
            source = self._decoder.to_start_from(run.order.source, brief.width, brief.height)
            brief = replace(brief, source=source)
        while True:
            try:
                painting = self._call(target, brief, run, partial(painter.paint, target, brief))
            except BadPicture as error:
                brief = self._another(brief, error, run)
            else:
                return _finished(target, brief, painting)

    def _another(self, brief: Brief, error: BadPicture, run: _Run) -> Brief:
        """The brief for one more try; the same seed would paint the same black picture.

        Raises:
            BadPicture: The picture is broken, which is for ``retry.after``; or of a format that we can't open; or there
                is nothing more to try.
            PictureRefused: Only black ones came.
        """
        if error.is_broken or error.flaw == "unknown_format":
            raise error  # Another seed comes in the same format.
        run.pictures += 1
        if run.pictures >= MAX_PICTURES and error.flaw == "black":
            # Safety checkers of diffusers models answer with black pictures and don't say why.
            raise PictureRefused("only black pictures came") from error
        if run.pictures >= MAX_PICTURES or run.countdown.left < MIN_CALL_S:
            raise error
        return replace(brief, seed=self._chance.randrange(SEEDS)) if brief.seed is not None else brief

    def _call(
        self, target: Target, brief: Brief, run: _Run, act: Callable[..., Painting], *, looking: bool = False
    ) -> Painting:
        """Make one call to a painter and tell everybody how it went."""
        started = time.monotonic()
        outcome: Painting | ImagineError
        try:
            outcome = _worth_showing(act(seconds=run.countdown.left), run.order)
        except ImagineError as error:
            outcome = _without_words(error, brief)
        except Exception as error:
            # A bug of ours, which may have come after the provider was paid.
            run.record(_attempt(target, PermanentError(type(error).__name__), _since_ms(started)))
            raise
        duration_ms = _since_ms(started)
        if not (looking and isinstance(outcome, StillPainting)):
            attempt = _attempt(target, outcome, duration_ms)
            run.record(replace(attempt, pictures=_paid(outcome, looking=looking), megapixels=brief.megapixels))
        if isinstance(outcome, Painting):
            self._breaker.tell(target, None)
            return outcome
        self._breaker.tell(target, outcome)
        if isinstance(outcome, ModelNotServed):
            self._discovery.mark_gone(target)
        if isinstance(outcome, StillPainting):
            raise _Handle(target, brief, outcome.handle, run.pictures, frozenset(run.tried)).wrap(outcome)
        raise outcome


@dataclass(frozen=True, slots=True)
class _Handle:
    """What any process needs to go on with an order.

    Attributes:
        tried: (model, provider) that failed before this order was made: should it fail, too, they are not paid again.
    """

    target: Target
    brief: Brief
    order: dict[str, Any]
    pictures: int
    tried: frozenset[tuple[str, str]]

    def wrap(self, still: StillPainting) -> StillPainting:
        handle = {
            "target": asdict(self.target),
            "brief": asdict(replace(self.brief, source=None)),
            "order": self.order,
            "pictures": self.pictures,
            "tried": sorted(self.tried),
            "position": still.position,  # for people to read
        }
        return StillPainting(handle, retry_after=still.retry_after or 1.0, position=still.position)


def _read_handle(handle: dict[str, Any] | None) -> _Handle | None:
    if not handle:
        return None
    try:
        tried = frozenset((model, provider) for model, provider in handle.get("tried", ()))
        return _Handle(Target(**handle["target"]), Brief(**handle["brief"]), handle["order"], handle["pictures"], tried)
    except (KeyError, TypeError, ValueError):
        # An older version wrote it; the order is lost, and a new one is made.
        return None


@contextlib.contextmanager
def _noting(run: _Run, target: Target) -> Iterator[None]:
    try:
        yield
    except ImagineError as error:
        run.note(target, error)


def _finished(target: Target, brief: Brief, painting: Painting) -> tuple[Image, Recipe]:
    recipe = Recipe(
        model=target.model,
        provider=target.provider,
        prompt=brief.prompt,
        negative=brief.negative or "",
        seed=brief.seed if painting.seed is None else painting.seed,
        width=painting.image.width,
        height=painting.image.height,
        steps=brief.steps,
        guidance=brief.guidance,
        over_picture=target.task == IMAGE_TO_IMAGE,
    )
    return write_recipe(painting.image, recipe), recipe


def _worth_showing(painting: Painting, order: Order) -> Painting:
    """The same painting.

    Raises:
        BadPicture: Nothing is on it, and that is not what was asked for.
    """
    if painting.plain is None or asks_for_plain(order.idea) or asks_for_plain(order.prompt.text):
        return painting
    error = BadPicture(painting.plain)
    # It was ordered, painted and charged for, whoever gets to see it.
    error.status, error.request_id = HTTPStatus.OK, painting.request_id
    raise error


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
            paid = 1  # Painted and charged for, whoever gets to see it.
        case TransientError() if looking:
            paid = 1  # We don't know how it goes on there.
        case _:
            paid = 0
    return paid - looking


def _without_words(error: ImagineError, brief: Brief) -> ImagineError:
    """The error, without what a service may have quoted of the prompt."""
    text = str(error)
    places = [text.find(words[:ECHO]) for words in (brief.prompt, brief.negative) if words]
    quoted = [place for place in places if place >= 0]
    if quoted:
        error.args = (f"{text[: min(quoted)]}…",)
    return error


def _ways(order: Order) -> list[tuple[str, str]]:
    """Models with their tasks, in the order to try: starting from a picture is for the wished model alone."""
    from_words = [(model, TEXT_TO_IMAGE) for model in order.models]
    return from_words if order.source is None else [(order.models[0], IMAGE_TO_IMAGE), *from_words]


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
