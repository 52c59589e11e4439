"""Serves ``/healthz``, ``/readyz`` and ``/metrics``: off unless ``G2D_METRICS_PORT`` is set, on this machine alone.

/healthz: whether each duty of the process was done of late; /readyz: whether each thing that it needs answers. Both
answer 200 or 503, with JSON that names them.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from services.health import MAX_SILENCE_S, Signs
from services.metrics.meters import listen
from shared.errors import StoreAway
from shared.images import Images
from shared.migrations import Tables, state_of
from shared.settings import Settings
from shared.store.database import Database
from shared.store.depths import read_depths
from shared.tickets import Tickets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

REQUEST_S = 10.0  # for one to arrive
NO_JOB = 0  # the id of none

Check = Callable[[], str | None]


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing: somebody asks every few seconds."""


@contextmanager
def served(
    settings: Settings, database: Database, tickets: Tickets, signs: Signs, *, of_record: bool, slots: int = 0
) -> Iterator[None]:
    """Serve as long as the block runs, if a port is set; a port that is taken is a line in the log.

    Args:
        of_record: Whether to tell what the record says, too; one process of an installation does.
        slots: How many a worker in this process has.
    """
    if settings.metrics_port is None:
        yield
        return
    from prometheus_client import make_wsgi_app
    from prometheus_client.exposition import ThreadingWSGIServer

    from services.metrics.prometheus import PrometheusMeters, RecordCollector, registry_of_process

    registry = registry_of_process()
    meters = PrometheusMeters(registry, slots=slots)
    if of_record:
        registry.register(RecordCollector(lambda: read_depths(database)))
    app = routes(signs, checks_of(settings, database, tickets), make_wsgi_app(registry))
    try:
        server = make_server(
            settings.metrics_host, settings.metrics_port, app, server_class=ThreadingWSGIServer, handler_class=_Handler
        )
    except (OSError, OverflowError) as error:
        # Pictures matter more than figures.
        address = f"{settings.metrics_host}:{settings.metrics_port}"
        log.error("metrics are not served", extra={"address": address, "error": str(error)})  # noqa: TRY400
        yield
        return
    log.info("metrics are served", extra={"address": f"http://{settings.metrics_host}:{server.server_port}/metrics"})
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    listen(meters)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        listen(None)


def routes(signs: Signs, checks: Mapping[str, Check], metrics: "WSGIApplication") -> "WSGIApplication":
    """The three pages."""

    def app(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start)
            case "/healthz":
                return _told(start, health_of(signs))
            case "/readyz":
                return _told(start, {name: check() for name, check in checks.items()} | health_of(signs))
        return _answer(start, HTTPStatus.NOT_FOUND, {"pages": ["/healthz", "/readyz", "/metrics"]})

    return app


def health_of(signs: Signs) -> dict[str, str | None]:
    """What is wrong with each duty; None: nothing."""
    return {duty: None if age < MAX_SILENCE_S else f"not done for {age:.0f} s" for duty, age in signs.ages().items()}


def checks_of(settings: Settings, database: Database, tickets: Tickets) -> dict[str, Check]:
    """What a process needs, each with a question whether it answers."""
    images = Images(settings.image_store_url)
    return {
        "database": lambda: _database(database),
        "broker": lambda: None if tickets.on_their_way() is not None else "does not answer",
        "image store": lambda: _images(images),
    }


def _database(database: Database) -> str | None:
    try:
        return None if state_of(database) is Tables.CURRENT else "its tables are of another version"
    except StoreAway:
        return "does not answer"


def _images(images: Images) -> str | None:
    try:
        images.find(NO_JOB)
    except StoreAway:
        return "does not answer"
    return None


def _told(start: "StartResponse", found: Mapping[str, str | None]) -> list[bytes]:
    is_well = not any(found.values())
    told = {name: wrong or "ok" for name, wrong in found.items()}
    return _answer(start, HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, told)


def _answer(start: "StartResponse", status: HTTPStatus, told: Mapping[str, object]) -> list[bytes]:
    start(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
    return [json.dumps(told, indent=1).encode()]
