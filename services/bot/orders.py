"""Place, repeat, cancel: what handlers ask for, without Telegram."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from shared.catalogue import Catalogue
from shared.jobs import VARIATION, Address, Job, Lineage, Parameters, Picture, Prompt, Request, Sender, State
from shared.store.batches import Batches
from shared.store.jobs import Jobs
from shared.tickets import Tickets

log = logging.getLogger(__name__)

SEEDS = 2**32  # a seed that is asked for is below this; a provider may tell a larger one
UPSCALE = 2  # times as large each way
VARIATIONS = 4  # at a press, as people know it from Midjourney


@dataclass(frozen=True, slots=True)
class Order:
    """A request for pictures, and what it was made from."""

    request: Request
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An order in the record.

    Attributes:
        job: Its first picture's.
        is_new: False where it was placed before.
        shown: How it stands, as the status message is to say it; empty where none is sent now.
    """

    job: Job
    is_new: bool
    shown: str


class Orders:
    """Writes orders down, and tells the workers. All methods block."""

    def __init__(self, jobs: Jobs, batches: Batches, tickets: Tickets, describe_waiting: Callable[[Job], str]) -> None:
        self._jobs = jobs
        self._batches = batches
        self._tickets = tickets
        self._describe_waiting = describe_waiting

    def place(self, order: Order, address: Address, sender: Sender, *, status_after: int | None) -> Placed:
        """Write an order down and send its tickets; one that is known stays as it is.

        Args:
            status_after: The number that its status message comes after; None: none is sent now.

        Raises:
            QueueFull: This person, or everybody together, has asked for too much.
        """
        request, lineage = order.request, order.lineage
        job, is_new = self._jobs.submit(
            request, address=address, sender=sender, lineage=lineage, status_after=status_after
        )
        placed = Placed(job, is_new, "" if status_after is None else self._describe_waiting(job))
        if is_new:
            log.info("pictures asked for", extra={"job_id": job.id, "pictures": request.count})
            self._tickets.send(request.count)
        return placed

    def cancel(self, request: Iterable[Job]) -> bool:
        """Cancel what has not ended of a request; whether there was something."""
        cancelled = self._jobs.cancel(job.id for job in request)
        if cancelled:
            self._tickets.send(len(cancelled))  # Held ones may have come into the line.
        return bool(cancelled)

    def cancel_batch(self, batch_id: int) -> bool:
        """Cancel a batch; whether it had not ended."""
        cancelled = self._batches.cancel(batch_id)
        if cancelled:
            self._tickets.send()  # Its person's other batches may come in, and orders are to be withdrawn.
        return cancelled


# Repeats: what is asked for with a picture's buttons. Pure.


def again(job: Job, catalogue: Catalogue) -> Order:
    """The same once more, with another seed."""
    return _from_prompt(job, "again", replace(job.request.parameters, seed=None), catalogue)


def in_ratio(job: Job, ratio: tuple[int, int], catalogue: Catalogue) -> Order:
    """The same in another ratio of width to height, with the seed that it was painted with."""
    name = f"ratio {ratio[0]}:{ratio[1]}"
    return _from_prompt(job, name, replace(_with_its_seed(job), ratio=ratio), catalogue)


def in_strength(job: Job, strength: str) -> Order:
    """The same from the model that painted it, going further from the picture that it started from, or less far."""
    model = job.recipe.model if job.recipe is not None else job.request.parameters.model
    parameters = replace(_with_its_seed(job), model=model, strength=strength)
    return _of(job, parameters, Lineage(job.id, f"strength {strength}", job.prompt))


def larger(idea: str, picture: Picture) -> Request:
    """A picture larger, as a file: of a photo Telegram would keep no more pixels than before."""
    return Request(idea, Parameters(upscale=UPSCALE, as_file=True), picture=picture)


def upscaled(job: Job) -> Order | None:
    """A job's picture larger; None where there is none."""
    if job.image_key is None or job.media_type is None:
        return None
    picture = Picture(job.image_key, job.media_type)
    return Order(larger(job.request.idea, picture), Lineage(job.id, "upscale", job.prompt))


def on_model(job: Job, model_id: str, catalogue: Catalogue) -> Order:
    """The same from another model, with the same seed; steps and guidance mean something else to it."""
    return _from_prompt(job, f"model {model_id}", _for_model(_with_its_seed(job), model_id), catalogue)


def variations(job: Job) -> Order:
    """Four others like it. Gemini is asked to rewrite also what it was told to leave alone before."""
    parameters = replace(job.request.parameters, seed=None, raw=False)
    return _of(job, parameters, Lineage(job.id, VARIATION), count=VARIATIONS)


def missing(job: Job, siblings: Sequence[Job]) -> Order | None:
    """Those pictures of a request that failed; None where none did."""
    failed = [one for one in siblings if one.state is State.FAILED]
    if not failed:
        return None
    # One may have failed before its prompt was written; the others then have theirs.
    usual = next((one.prompt for one in siblings if one.prompt is not None), None)
    lineage = Lineage(
        job.id,
        "rest",
        each=tuple(one.request.parameters for one in failed),
        prompts=tuple(one.prompt or usual for one in failed),
    )
    return _of(job, failed[0].request.parameters, lineage, count=len(failed))


def missing_on_model(job: Job, siblings: Sequence[Job], model_id: str, catalogue: Catalogue) -> Order | None:
    """Those pictures of a request that failed, from another model; None where none did."""
    order = missing(job, siblings)
    if order is None or order.lineage is None:
        return None
    same = catalogue.wished(job.request.parameters.model).dialect == catalogue.wished(model_id).dialect
    kept = same or job.request.parameters.raw
    each = tuple(_for_model(one, model_id) for one in order.lineage.each)
    prompts = order.lineage.prompts if kept else tuple(None for _ in each)
    lineage = replace(order.lineage, origin=f"model {model_id}", each=each, prompts=prompts)
    return Order(replace(order.request, parameters=_for_model(order.request.parameters, model_id)), lineage)


def edited(job: Job, read: Request, *, message_id: int, language: str) -> Order:
    """Exactly the words with which a message answered; they are a prompt already. Parameters in it count."""
    given, old = asdict(read.parameters), replace(job.request.parameters, raw=True, seed=None)
    if read.parameters.ratio is not None:
        old = replace(old, width=None, height=None)
    if read.parameters.model is not None:
        old = replace(old, steps=None, guidance=None)
    named = {name: value for name, value in given.items() if value is not None and value is not False}
    parameters = replace(old, **named)
    request = Request(read.idea, parameters, count=read.count, writing=job.request.writing)
    return Order(request, Lineage(job.id, f"edit {message_id}", Prompt(read.idea, language=language)))


def _with_its_seed(job: Job) -> Parameters:
    seed = job.recipe.seed if job.recipe is not None else None
    return replace(job.request.parameters, seed=seed) if seed is not None and seed < SEEDS else job.request.parameters


def _for_model(parameters: Parameters, model_id: str) -> Parameters:
    return replace(parameters, model=model_id, steps=None, guidance=None)


def _from_prompt(job: Job, origin: str, parameters: Parameters, catalogue: Catalogue) -> Order:
    """A picture from this one's prompt; for a model of the other dialect it is written anew, from the idea."""
    old, new = (catalogue.wished(one.model) for one in (job.request.parameters, parameters))
    prompt = job.prompt if old.dialect == new.dialect or parameters.raw else None
    return _of(job, parameters, Lineage(job.id, origin, prompt))


def _of(job: Job, parameters: Parameters, lineage: Lineage, *, count: int = 1) -> Order:
    return Order(replace(job.request, parameters=parameters, count=count), lineage)
