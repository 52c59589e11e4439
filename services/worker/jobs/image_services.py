"""The image services: HuggingFace's providers and Gemini's own models, each on the key of the person who asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from services.worker.engine.user_keys import ClientPool
from services.worker.painters.dispatcher import OnAttempt, PaintDispatcher, PaintRequest
from services.worker.painters.http import Countdown
from shared.catalogue import USUAL_OF_GOOGLE, Catalogue, google_name
from shared.errors import ElsewhereError, ImagineError, KeyNeeded, NoPainterLeft, OwnKeyGone, QuotaExhausted
from shared.jobs import Image, Job, Recipe

# What one service says that leaves the order to the next.
PASSED_ON = (ElsewhereError, NoPainterLeft, QuotaExhausted, KeyNeeded, OwnKeyGone)


@dataclass(frozen=True, slots=True)
class Part:
    """What one of the services is asked for."""

    is_googles: bool
    order: PaintRequest


class ImageServices:
    """Has an order painted by the first service that can."""

    def __init__(
        self,
        catalogue: Catalogue,
        huggingface: ClientPool[PaintDispatcher],
        google: ClientPool[PaintDispatcher] | None = None,
        *,
        edits: bool = False,
    ) -> None:
        """Lend dispatchers.

        Args:
            edits: Whether Gemini's usual image model starts from pictures where the wished model can't.
        """
        self._catalogue = catalogue
        self._huggingface = huggingface
        self._google = google
        self._edits = edits

    def paint(
        self, order: PaintRequest, job: Job, *, timeout_s: float, noting: Callable[[bool], OnAttempt]
    ) -> tuple[Image, Recipe]:
        """Have the order of a job painted.

        Args:
            noting: Takes note of calls that are made on the owner's key, or on the person's.

        Raises:
            ImagineError: As ``PaintDispatcher.paint`` and ``ClientPool.borrow`` do; of several failures that of the
                wished model's service.
        """
        countdown, failures = Countdown(timeout_s), list[tuple[bool, ImagineError]]()
        for part in parts_of(order, self._catalogue, edits=self._edits):
            pool = self._google if part.is_googles else self._huggingface
            if pool is None:
                continue
            try:
                # On the user's own key, or the owner's where that was reckoned with.
                with pool.borrow(job.sender.id, may_be_owners=job.owner_pays) as borrowed:
                    on_attempt = noting(borrowed.owner_pays)
                    return borrowed.client.paint(part.order, timeout_s=countdown.left, on_attempt=on_attempt)
            except PASSED_ON as error:
                failures.append((part.is_googles, error))
        wished = google_name(order.models[0]) is not None
        raise next((error for googles, error in reversed(failures) if googles is wished), failures[0][1])


def parts_of(order: PaintRequest, catalogue: Catalogue, *, edits: bool) -> list[Part]:
    """Who is asked for what, in order: the wished model's service, then the other one with what is left. Pure.

    An order that is under way is HuggingFace's.
    """
    googles = tuple(model for model in order.models if google_name(model) is not None)
    hubs = tuple(model for model in order.models if google_name(model) is None)
    starters = tuple(model for model in order.starters if google_name(model) is None)
    changing = tuple(model for model in order.starters if google_name(model) is not None)
    of_hub = Part(False, replace(order, models=hubs, starters=starters))
    of_google = Part(True, replace(order, models=googles, starters=changing, handle=None))
    if order.handle is not None:
        return [of_hub, of_google] if googles else [of_hub]
    if googles[:1] == order.models[:1]:
        return [of_google, of_hub] if hubs else [of_google]
    rest = [of_google] if googles else []
    if order.source is None or not edits:
        return [of_hub, *rest]
    return [*_edited_by_google(of_hub.order, catalogue), *rest]


def _edited_by_google(order: PaintRequest, catalogue: Catalogue) -> Iterator[Part]:
    """The wished model first, if it starts from pictures; then Gemini's; then all else that HuggingFace has."""
    wished, others = order.starters[:1], order.starters[1:]
    if any(catalogue.model(model).starting for model in wished):
        yield Part(False, replace(order, models=(), starters=wished))
    yield Part(True, replace(order, models=(), starters=(USUAL_OF_GOOGLE,)))
    yield Part(False, replace(order, starters=others))
