"""Tickets on their way through the broker, with the broker that is meant and without it."""

import base64
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from celery import Celery
from kombu import Consumer, Message, Queue

from shared.background_tickets import SENDERS, BackgroundTickets
from shared.celery_tickets import QUEUE, TASK, CeleryTickets, make_celery
from shared.tickets import LocalTickets, Tickets
from tests.servers import RedisServer

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture(params=["local", pytest.param("celery", marks=pytest.mark.distributed)])
def tickets(request: pytest.FixtureRequest) -> Tickets:
    """Tickets of either kind, of which none is on its way."""
    return LocalTickets() if request.param == "local" else request.getfixturevalue("celery_tickets")


@pytest.fixture
def celery_tickets(redis_url: str) -> Iterator[CeleryTickets]:
    """Tickets over a queue that is empty."""
    app = make_celery(redis_url)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_declare(QUEUE)
        connection.default_channel.queue_purge(QUEUE)
    yield CeleryTickets(app)
    app.close()


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
        CeleryTickets(make_celery(redis_url)).send()

        with redis.Redis.from_url(redis_url) as connection:
            (message,) = (json.loads(one) for one in connection.lrange(QUEUE, 0, -1))
        args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
        assert message["headers"]["task"] == TASK
        assert (args, kwargs) == ([], {})


class TestLocalTickets:
    def test_one_that_is_due_is_taken_at_once(self) -> None:
        tickets = LocalTickets()
        tickets.send(2)

        assert [tickets.take(0) for _ in range(3)] == [True, True, False]

    def test_one_for_later_is_taken_when_it_is_due(self) -> None:
        tickets = LocalTickets()
        sent_at = time.monotonic()
        tickets.send(after_s=0.05)

        assert tickets.take(10)
        assert time.monotonic() - sent_at >= 0.05
        assert tickets.on_their_way() == 0

    def test_the_earliest_comes_first(self) -> None:
        tickets = LocalTickets()
        tickets.send(after_s=3600)
        tickets.send(after_s=0)

        assert tickets.take(0)
        assert not tickets.take(0)

    def test_who_waits_is_woken(self) -> None:
        tickets, taken = LocalTickets(), []
        taker = threading.Thread(target=lambda: taken.append(tickets.take(30)))
        taker.start()

        tickets.send()

        taker.join(10)
        assert taken == [True]

    def test_once_closed_nobody_waits_and_nothing_is_given_out(self) -> None:
        tickets = LocalTickets()
        tickets.send()

        tickets.close()

        assert not tickets.take(30)


class TestTheApplication:
    def test_two_applications_in_one_process_are_strangers(self) -> None:
        one, other = make_celery(NOWHERE), make_celery(NOWHERE)

        @one.task(name=TASK, shared=False)
        def take_a_turn() -> None:
            return

        assert TASK in one.tasks
        assert TASK not in other.tasks


@pytest.mark.distributed
class TestABrokerThatIsAway:
    @pytest.mark.timeout(30)
    def test_nothing_is_thrown_and_nobody_waits_for_ever(self, deaf_port: int) -> None:
        tickets = CeleryTickets(make_celery(f"redis://127.0.0.1:{deaf_port}/0"))

        tickets.send(100)

        assert tickets.on_their_way() is None

    @pytest.mark.timeout(30)
    def test_one_that_goes_and_comes_back_is_used_again(self, own_redis: RedisServer) -> None:
        tickets = CeleryTickets(make_celery(own_redis.url))
        tickets.send()
        assert tickets.on_their_way() == 1

        own_redis.stop()
        tickets.send()
        assert tickets.on_their_way() is None

        own_redis.start()
        tickets.send(2)
        assert tickets.on_their_way() == 2


class EndsSenders:
    """A Celery application that ends the thread which sends, so many times."""

    def __init__(self, app: Celery, times: int) -> None:
        self._app = app
        self._times = times
        self.ended: list[threading.Thread] = []

    @property
    def producer_pool(self) -> Any:
        if self._times:
            self._times -= 1
            self.ended.append(threading.current_thread())
            raise SystemExit
        return self._app.producer_pool

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        return self._app.send_task(*args, **kwargs)


def in_background(url: str) -> BackgroundTickets:
    return BackgroundTickets(lambda: CeleryTickets(make_celery(url)))


class TestTicketsInTheBackground:
    @pytest.mark.distributed
    def test_each_is_on_its_way(self, celery_tickets: CeleryTickets) -> None:
        background = BackgroundTickets(lambda: celery_tickets)

        background.send()
        background.send(3)
        background.send(after_s=3600)

        assert background.flush(timeout_s=10)
        assert celery_tickets.on_their_way() == 5

    def test_without_any_there_is_nothing_to_wait_for(self) -> None:
        assert in_background(NOWHERE).flush(timeout_s=0)

    @pytest.mark.distributed
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_senders_that_have_ended_are_started_again(self, celery_tickets: CeleryTickets) -> None:
        app = EndsSenders(celery_tickets.app, times=1)
        background = BackgroundTickets(lambda: CeleryTickets(cast("Celery", app)))
        background.send()  # lost with its thread: the sweeper sends another
        assert background.flush(timeout_s=20)
        # What it leaves behind is told when it has ended, and would be told in the next test otherwise.
        app.ended[0].join(20)

        background.send(2)

        assert background.flush(timeout_s=20)
        assert celery_tickets.on_their_way() == 2

    def test_no_thread_is_started_before_the_first(self) -> None:
        before = threading.active_count()

        in_background(NOWHERE)

        assert threading.active_count() == before

    def test_what_sends_them_is_made_once_and_not_before_it_is_needed(self) -> None:
        made: list[LocalTickets] = []
        background = BackgroundTickets(lambda: made.append(LocalTickets()) or made[-1])
        nothing_yet = made.copy()

        background.prepare()
        background.send(3)

        assert background.flush(timeout_s=20)
        assert background.on_their_way() == 3
        assert (nothing_yet, len(made)) == ([], 1)

    @pytest.mark.distributed
    @pytest.mark.timeout(60)
    def test_nobody_waits_for_a_broker_that_is_frozen(self, own_redis: RedisServer) -> None:
        background = in_background(own_redis.url)
        background.send()
        assert background.flush(timeout_s=30)

        own_redis.freeze()
        for _ in range(20):
            background.send()
        # They are still waiting: all that were asked for, for both threads wait for an answer.
        assert not background.flush(timeout_s=0)
        own_redis.thaw()

        assert background.flush(timeout_s=30)
        assert background.on_their_way() == 21

    @pytest.mark.distributed
    @pytest.mark.timeout(60)
    def test_a_broker_that_is_gone_keeps_no_more_than_its_own_threads(self, deaf_port: int) -> None:
        before = threading.active_count()
        background = in_background(f"redis://127.0.0.1:{deaf_port}/0")

        for _ in range(10):
            background.send()

        assert threading.active_count() <= before + SENDERS
        assert background.flush(timeout_s=30)  # Nothing of it is logged into later tests.


@pytest.mark.distributed
class TestAQueueThatOthersWroteTo:
    @pytest.mark.parametrize(
        "entry",
        [b"not json at all", b"5", b"[]", b"{}", b"null", b'{"body": 1}', b'{"properties": []}', b"\xff\xfe", b""],
    )
    def test_what_is_no_message_is_discarded_and_the_next_ticket_is_taken(self, redis_url: str, entry: bytes) -> None:
        app = make_celery(redis_url)
        with redis.Redis.from_url(redis_url) as client:
            client.lpush(QUEUE, entry)
        CeleryTickets(app).send()
        taken = []

        def take(_: object, message: Message) -> None:
            taken.append(message.headers["task"])
            message.ack()

        with app.connection_for_read() as connection:
            queue = Queue(QUEUE, channel=connection.default_channel)
            with connection.Consumer([queue], callbacks=[take], accept=["json"]):
                while not taken:
                    connection.drain_events(timeout=5)

        assert taken == [TASK]


@contextmanager
def two_taken(url: str) -> Iterator[list[Message]]:
    """A consumer that takes two tickets at a time, and has taken them; a third waits."""
    app, taken = make_celery(url), list[Message]()
    CeleryTickets(app).send(3)
    with app.connection_for_read() as connection:
        channel = connection.channel()
        channel.basic_qos(0, 2, False)
        consumer = Consumer(channel, [Queue(QUEUE)], on_message=taken.append, accept=["json"])
        consumer.consume()
        while len(taken) < 2:
            connection.drain_events(timeout=5)
        yield taken
    app.close()


@pytest.mark.distributed
class TestTicketsThatWereTaken:
    """Of several that a process took at once, before it began with them."""

    def test_no_more_are_taken_and_redis_knows_nothing_of_them(self, redis_url: str) -> None:
        with two_taken(redis_url) as taken, redis.Redis.from_url(redis_url) as client:
            assert client.llen(QUEUE) == 1
            assert [name for name in client.scan_iter() if b"unacked" in name] == []
            assert not taken[0].channel.qos.can_consume()

    def test_a_process_that_stops_gives_them_back(self, redis_url: str) -> None:
        with two_taken(redis_url) as taken:
            taken[0].ack()
            taken[0].channel.close()

        with redis.Redis.from_url(redis_url) as client:
            assert client.llen(QUEUE) == 2

    def test_what_redis_does_not_take_back_is_left_to_the_sweep_and_not_kept_in_a_file(
        self, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "files"))
        (tmp_path / "files").mkdir()
        with two_taken(own_redis.url) as taken:
            own_redis.stop()
            taken[0].channel.close()
        own_redis.start()

        assert list((tmp_path / "files").iterdir()) == []


class TestEncryptedConnections:
    def test_the_certificate_is_checked(self) -> None:
        app = make_celery("rediss://redis.example:6379/0")

        assert app.conf.broker_use_ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED}

    @pytest.mark.parametrize("url", ["redis://redis.example:6379/0", "rediss://redis.example/0?ssl_cert_reqs=none"])
    def test_unless_there_is_none_or_the_url_says_otherwise(self, url: str) -> None:
        assert make_celery(url).conf.broker_use_ssl is None
