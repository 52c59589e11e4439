"""A Redis that becomes a replica, runs out of memory, loads its data or starts anew: workers and senders go on."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery
from celery.worker import state as celery_state

from services.health import Signs
from services.worker.takers.celery_worker import CeleryWorker
from shared.celery_tickets import QUEUE, CeleryTickets, make_celery
from tests.servers import RedisServer

NOBODY = ("127.0.0.1", "1")  # a master that isn't there
PATIENCE_S = 60.0
LOADS_SLOWLY = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")  # µs a key

pytestmark = [
    pytest.mark.distributed,
    # Celery warns at each reconnection of what a later version will do.
    pytest.mark.filterwarnings("ignore::celery.exceptions.CPendingDeprecationWarning"),
]


class Station:
    """A worker that counts the tickets that it takes, and a server that a test may trouble."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.taken = threading.Semaphore(0)
        self.tickets = CeleryTickets(make_celery(server.url))
        self.worker = CeleryWorker(
            self.tickets, self.taken.release, Signs().of("takes tickets"), name="worker", slots=2
        )
        self.worker.start()

    def ask(self, *command: str) -> object:
        with redis.Redis.from_url(self.server.url) as connection:
            return connection.execute_command(*command)

    def takes_a_ticket(self) -> bool:
        """Whether a ticket arrives; one that is lost on the way is followed by another, as the sweep does it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.worker.is_alive:
            self.tickets.send()
            if self.taken.acquire(timeout=1.0):
                while self.taken.acquire(blocking=False):
                    pass
                return True
        return False

    def become_replica(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while self.ask("LLEN", QUEUE) and time.monotonic() < end:
            self.taken.acquire(timeout=0.1)
        self.ask("REPLICAOF", *NOBODY)
        self.tickets.send()
        assert self.ask("LLEN", QUEUE) == 0
        self.ask("REPLICAOF", "NO", "ONE")

    def run_out_of_memory(self) -> None:
        self.ask("CONFIG", "SET", "maxmemory", "1")
        self.tickets.send()
        self.ask("CONFIG", "SET", "maxmemory", "0")

    def restart(self) -> None:
        self.server.stop()
        self.tickets.send()
        self.server.start()

    def load(self) -> None:
        with redis.Redis.from_url(self.server.url) as connection:
            connection.mset({f"key {number}": "x" * 100 for number in range(1_500)})
            connection.save()
        self.server.stop()
        watch = Watch(self.server.url)
        self.server.start(*LOADS_SLOWLY)
        assert watch.saw_loading()


class Watch:
    """Looks whether a server that starts refuses commands because it loads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._saw = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def saw_loading(self) -> bool:
        self._thread.join(PATIENCE_S)
        return self._saw.is_set()

    def _look(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                with redis.Redis.from_url(self._url) as connection:
                    connection.get("key 1")
            except redis.BusyLoadingError:
                self._saw.set()
                return
            except redis.ConnectionError:
                continue
            return


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    if not RedisServer.is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    made = Station(server)
    yield made
    made.worker.stop(20.0)
    server.stop()
    celery_state.should_stop = None


@pytest.mark.parametrize("state", [Station.become_replica, Station.run_out_of_memory, Station.restart, Station.load])
def test_a_worker_goes_on_after_it(station: Station, state: Callable[[Station], None]) -> None:
    assert station.takes_a_ticket()

    state(station)

    assert station.takes_a_ticket()
    assert station.worker.is_alive
    assert not station.worker.died


def test_a_sender_follows_an_address_that_became_another_servers(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with running(tmp_path / "one") as one, running(tmp_path / "other") as other, relay(one.port) as way:
        app: Celery = make_celery(f"redis://127.0.0.1:{way.port}/0")
        tickets = CeleryTickets(app)
        tickets.send()

        with redis.Redis.from_url(one.url) as connection:
            connection.execute_command("REPLICAOF", *NOBODY)
        way.target = other.port
        tickets.send()  # is lost, as the connection still leads to the replica
        tickets.send()

        assert tickets.on_their_way() == 1
        app.close()


@contextmanager
def running(folder: Path) -> Iterator[RedisServer]:
    if not RedisServer.is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(folder)
    server.start()
    yield server
    server.stop()


class Relay(socketserver.ThreadingTCPServer):
    """An address that leads to one server, and later to another; what is connected stays so."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        self.target = target
        super().__init__(("127.0.0.1", 0), RelayHandler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class RelayHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Relay)
        with socket.create_connection(("127.0.0.1", self.server.target)) as there:
            back = threading.Thread(target=pump, args=(there, self.request), daemon=True)
            back.start()
            pump(self.request, there)
            back.join(PATIENCE_S)


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    with Relay(target) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
