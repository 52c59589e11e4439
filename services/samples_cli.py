"""``g2d samples``: has the pictures made from which people pick styles and models, once for an installation."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import typer

from services import logs, startup
from services.batch_cli import OVER, catalogue_of, painted_by
from services.contact_sheet import ContactSheets, NotDrawn
from shared.batches import Batch, DeliveryFormat
from shared.catalogue import Catalogue, name_of
from shared.errors import BudgetUsedUp, StoreAway
from shared.images import Images
from shared.jobs import Address, Job, Request, Sender
from shared.prices import MICRO
from shared.samples import SampleKind, Sheet, batch_key, request_for, sampled, shown
from shared.settings import Settings, load
from shared.sheets import Sheets
from shared.store.batches import Batches
from shared.store.database import Database
from shared.styles import Styles
from shared.tickets import Tickets

LOOK_EVERY_S = 0.5
MIN_PICTURES = 2  # pictures: nobody picks from one
DONE, FAILED, DECLINED = 0, 1, 2
NOBODY = 0  # a terminal has no bot, no chat and no Telegram user

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made: the requests of each kind."""

    requests: dict[SampleKind, tuple[Request, ...]]

    @property
    def all(self) -> list[Request]:
        """All of them."""
        return [request for kind in self.requests.values() for request in kind]


def samples(*, yes: bool) -> int:
    """Make the sheets, after a question that names their price; returns the exit status."""
    settings = load(Settings)
    with startup.opened(settings) as database:
        catalogue = catalogue_of(settings, database)
    plan = planned(catalogue, Styles(settings.styles_file))
    dollars = settings.prices.of_requests(plan.all) / MICRO
    cost = f"for about ${dollars:.2f} at your cost"
    typer.echo(f"{len(plan.all)} small pictures, {cost}; those that are made already are free.")
    if not yes and not typer.confirm("Make them?", default=False):
        return DECLINED
    logs.set_up(settings.log_format, "WARNING")
    with startup.opened(settings) as database, painted_by(settings, database, needs_gemini=True) as (tickets, _):
        maker = SheetMaker(settings, database, tickets, tell=typer.echo)
        try:
            made = [maker.make(kind, requests) for kind, requests in plan.requests.items()]
        except BudgetUsedUp:
            typer.echo("The money that G2D_MONEY_DAY or G2D_MONEY_MONTH allows does not suffice.", err=True)
            return FAILED
    return DONE if all(made) else FAILED


def planned(catalogue: Catalogue, styles: Styles) -> Plan:
    """The requests for all sheets."""
    return Plan(
        {kind: tuple(request_for(kind, name) for name in sampled(kind, catalogue, styles)) for kind in SampleKind}
    )


def keep_sheet(kind: SampleKind, pictures: Mapping[str, bytes | None], images: Images) -> None:
    """Draw a sheet of these pictures, by the name of the style or model, and take it in the place of an older one.

    Raises:
        NotDrawn: It could not be drawn.
    """
    drawn = ContactSheets().draw(list(pictures.values()), [name_of(name) for name in pictures])
    sheet = Sheet(kind, f"samples/{kind}-{hashlib.sha256(drawn).hexdigest()[:16]}.jpg", tuple(pictures))
    images.keep_sheet(sheet.key, drawn)
    Sheets(images).put(sheet)


class SheetMaker:
    """Makes sheets, through the queue and the workers that make all pictures."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        tickets: Tickets,
        *,
        tell: Tell,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make them in this installation; ``tell`` takes a sentence about each."""
        self._batches = Batches(database, settings.queue_policy)
        self._images = Images(settings.image_store_url)
        self._tickets = tickets
        self._tell = tell
        self._pause = pause

    def make(self, kind: SampleKind, requests: Sequence[Request]) -> bool:
        """Have the pictures made, and a sheet of them; whether there is one.

        Raises:
            BudgetUsedUp: The owner allows no more.
        """
        batches = under_way = [self._ask(kind, request) for request in requests]
        while under_way := [batch for batch in under_way if not self._is_over(batch)]:
            self._pause(LOOK_EVERY_S)
        jobs = [job for batch in batches for job in self._batches.jobs(batch.id)]
        for batch in batches:
            self._batches.delivered(batch.id)
        pictures = shown(kind, jobs)
        words = kind.replace("_", " ")
        if len(pictures) < MIN_PICTURES or not self._draw(kind, pictures):
            self._tell(f"There is no sheet for the {words}: of {len(jobs)} pictures {len(pictures)} came.")
            return False
        self._tell(f"The sheet for the {words} has {len(pictures)} of {len(jobs)} pictures.")
        return True

    def _ask(self, kind: SampleKind, request: Request) -> Batch:
        """Ask for one picture; a batch of its own, so that a sheet with other names pays for these alone."""
        batch, is_new = self._batches.ask(
            [request],
            address=Address(NOBODY, NOBODY, NOBODY),
            sender=Sender(NOBODY),
            source="terminal",
            request_key=batch_key(kind, request),
            delivery_format=DeliveryFormat.FILES,
        )
        self._batches.start(batch.id)
        if not is_new:
            self._batches.go_on(batch.id)  # What failed or was cancelled is tried again; what is there stays.
        return batch

    def _is_over(self, batch: Batch) -> bool:
        try:
            while count := self._batches.fill(batch.id):
                self._tickets.send(count)
            self._batches.finish(batch.id)
            now = self._batches.read(batch.id)
        except StoreAway:
            return False
        return now is not None and now.state in OVER

    def _draw(self, kind: SampleKind, pictures: dict[str, Job]) -> bool:
        """Draw the sheet and keep it; False where it can't be drawn."""
        try:
            keep_sheet(kind, {name: self._picture(job) for name, job in pictures.items()}, self._images)
        except NotDrawn as error:
            self._tell(str(error))
            return False
        return True

    def _picture(self, job: Job) -> bytes | None:
        try:
            return self._images.get(str(job.image_key))
        except FileNotFoundError:
            return None
