"""Pictures from which people pick a style or an image model: the same idea in each, on one sheet with numbers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from shared.catalogue import Catalogue
from shared.jobs import Job, Parameters, Request, State
from shared.styles import Styles

IDEA = "a lighthouse on a cliff above the sea, a small red boat, evening light"
SIDE = 512  # pixels, as far as the model goes so low: a sheet shows them smaller
SEED = 7
MAX_NAMES = 18  # on a sheet


class SampleKind(StrEnum):
    """What is picked from a sheet; the name of the setting."""

    STYLE = "style"
    IMAGE_MODEL = "image_model"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in the image store.

    Attributes:
        names: The style, or the model's id, of each picture; they are numbered from 1.
        file_id: As Telegram knows it; None before it was sent.
    """

    kind: SampleKind
    key: str
    names: tuple[str, ...]
    file_id: str | None = None

    def number(self, name: str) -> int | None:
        """The number of a style or model; None for one that is not on the sheet."""
        return self.names.index(name) + 1 if name in self.names else None


def sampled(kind: SampleKind, catalogue: Catalogue, styles: Styles) -> tuple[str, ...]:
    """The names of what a new sheet shows."""
    if kind is SampleKind.STYLE:
        return tuple(style.name for style in styles)[:MAX_NAMES]
    return tuple(model.id for model in catalogue.offered(MAX_NAMES))


def request_for(kind: SampleKind, name: str) -> Request:
    """The request for a picture of a sheet."""
    sized = Parameters(seed=SEED, width=SIDE, height=SIDE)
    parameters = replace(sized, style=name) if kind is SampleKind.STYLE else replace(sized, model=name)
    return Request(IDEA, parameters)


def batch_key(kind: SampleKind, request: Request) -> str:
    """The key of the batch that makes a picture of a sheet: the same picture is paid for once."""
    return f"s{sha256(repr((kind, request)).encode()).hexdigest()}"


def shown(kind: SampleKind, jobs: Iterable[Job]) -> dict[str, Job]:
    """The finished pictures of a sheet, by name. One that another model made in its place shows nothing of its own."""
    named = {
        (job.request.parameters.style if kind is SampleKind.STYLE else job.request.parameters.model): job
        for job in jobs
        if job.state is State.FINISHED and job.image_key is not None
    }
    return {name: job for name, job in named.items() if name is not None and _is_own(kind, name, job)}


def _is_own(kind: SampleKind, name: str, job: Job) -> bool:
    return kind is SampleKind.STYLE or (job.recipe is not None and job.recipe.model == name)
