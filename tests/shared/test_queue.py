"""Tickets on their way through the broker, with the broker that is meant and without it."""

import base64
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from shared.queue import QUEUE, TASK, Tickets, make_celery


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.distributed)])
def tickets(request: pytest.FixtureRequest) -> Iterator[Tickets]:
    """Tickets by way of either broker, whose queue is empty."""
    app = make_celery(request.getfixturevalue("redis_url") if request.param == "redis" else None)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_declare(QUEUE)
        connection.default_channel.queue_purge(QUEUE)
    yield Tickets(app)
    app.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class RedisServer:
    """A Redis of our own, to be stopped and started at will."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    def start(self) -> None:
        """Start, and come back when it takes connections."""
        command = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert any("Ready to accept connections" in line for line in self._process.stdout)

    def stop(self) -> None:
        """Stop as a crash would."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


class TestTickets:
    def test_each_is_on_its_way_until_somebody_takes_it(self, tickets: Tickets) -> None:
        tickets.send()
        tickets.send(3)

        assert tickets.on_their_way() == 4

    def test_without_any_there_are_none(self, tickets: Tickets) -> None:
        assert tickets.on_their_way() == 0

    def test_one_for_later_is_on_its_way_as_well(self, tickets: Tickets) -> None:
        tickets.send(after_s=3600)

        assert tickets.on_their_way() == 1

    @pytest.mark.distributed
    def test_a_ticket_says_that_there_is_work_and_nothing_else(self, redis_url: str) -> None:
        Tickets(make_celery(redis_url)).send()

        with redis.Redis.from_url(redis_url) as connection:
            (message,) = (json.loads(one) for one in connection.lrange(QUEUE, 0, -1))
        args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
        assert message["headers"]["task"] == TASK
        assert (args, kwargs) == ([], {})


class TestTheApplication:
    def test_two_applications_in_one_process_are_strangers(self) -> None:
        one, other = make_celery(None), make_celery(None)

        @one.task(name=TASK, shared=False)
        def take_a_turn() -> None:
            return

        assert TASK in one.tasks
        assert TASK not in other.tasks


@pytest.mark.distributed
class TestABrokerThatIsAway:
    @pytest.mark.timeout(30)
    def test_nothing_is_thrown_and_nobody_waits_for_ever(self) -> None:
        tickets = Tickets(make_celery(f"redis://127.0.0.1:{free_port()}/0"))

        tickets.send(100)

        assert tickets.on_their_way() is None

    @pytest.mark.timeout(30)
    def test_one_that_goes_and_comes_back_is_used_again(self, own_redis: RedisServer) -> None:
        tickets = Tickets(make_celery(own_redis.url))
        tickets.send()
        assert tickets.on_their_way() == 1

        own_redis.stop()
        tickets.send()
        assert tickets.on_their_way() is None

        own_redis.start()
        tickets.send(2)
        assert tickets.on_their_way() == 2
