"""A sandbox for the worker's rooms, and what it takes to paint in it."""

import random
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import PIL.Image
import pytest
from sqlalchemy import delete

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from services.worker.images.decoder import Decoder
from services.worker.painters.circuit_breaker import CircuitBreaker
from services.worker.painters.discovery import Discovery
from services.worker.painters.dispatcher import PaintDispatcher, PaintRequest
from services.worker.painters.http import HttpClient
from services.worker.painters.painter import Painter
from services.worker.painters.registry import build_painters
from shared.catalogue import Catalogue
from shared.jobs import Attempt, Image, Parameters, Prompt, Recipe
from shared.store import tables
from shared.store.circuits import Circuits
from shared.store.database import Database
from tests.sqlite_tables import create_tables

TOKEN = "hf_test"
IDLE = {"latency_s": 0.0, "queue_polls": 1, "cold": {}}


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Iterator[SandboxClient]:
    """The sandbox as a test finds it: without faults, nothing in its journal, all models warm."""
    with SandboxClient(_sandbox.url) as client:
        client.clear_faults()
        client.clear_journal()
        client.call("PUT", "/router/_sandbox", json=IDLE)
        client.call("PUT", "/endpoint/_sandbox", json=IDLE)
        yield client
        client.clear_faults()


@pytest.fixture(scope="session")
def http() -> HttpClient:
    return HttpClient(connections=8)


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    one = Decoder()
    yield one
    one.close()


@pytest.fixture
def painters(sandbox: SandboxClient, http: HttpClient, decoder: Decoder) -> dict[str, Painter]:
    url = f"{sandbox.url}/router"
    return build_painters(http, router_url=url, token=TOKEN, image_hosts=sandbox.url, decoder=decoder)


@pytest.fixture(scope="session")
def worker_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('worker') / 'g2d.db'}")
    create_tables(database)
    yield database
    database.close()


@pytest.fixture
def circuits(worker_database: Database) -> Circuits:
    """A store in which all circuits are closed."""
    with worker_database.writing() as connection:
        connection.execute(delete(tables.circuits))
    return Circuits(worker_database)


@pytest.fixture
def discovery(sandbox: SandboxClient, http: HttpClient) -> Discovery:
    return Discovery(http, hub_url=f"{sandbox.url}/hub", catalogue=Catalogue())


class Workbench:
    """A dispatcher, and everything that it tells of its calls."""

    def __init__(self, dispatcher: PaintDispatcher) -> None:
        self.dispatcher = dispatcher
        self.attempts: list[Attempt] = []

    def paint(
        self,
        *models: str,
        text: str = "a lighthouse at dawn",
        negative: str = "",
        width: int = 256,
        height: int = 256,
        timeout_s: float = 20.0,
        handle: dict[str, Any] | None = None,
        barred: frozenset[tuple[str, str]] = frozenset(),
        pictures: int = 0,
        unfetched: int = 0,
        **parameters: Any,
    ) -> tuple[Image, Recipe]:
        order = PaintRequest(
            Prompt(text, negative),
            Parameters(width=width, height=height, **parameters),
            models,
            handle=handle,
            barred=barred,
            pictures=pictures,
            unfetched=unfetched,
        )
        return self.dispatcher.paint(order, timeout_s=timeout_s, on_attempt=self.attempts.append)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(attempt.service, attempt.outcome) for attempt in self.attempts]


@pytest.fixture
def bench(painters: dict[str, Painter], discovery: Discovery, circuits: Circuits, decoder: Decoder) -> Workbench:
    dispatcher = PaintDispatcher(painters, discovery, CircuitBreaker(circuits), decoder=decoder, rng=random.Random(7))
    return Workbench(dispatcher)


@pytest.fixture
def picture_file() -> Callable[..., bytes]:
    """Makes the file of a picture with something on it."""

    def make(form: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
        picture = PIL.Image.linear_gradient("L").resize(size).convert(mode)
        file = BytesIO()
        picture.save(file, form, **options)
        return file.getvalue()

    return make
