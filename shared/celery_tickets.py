"""Tickets (``tickets.py``) as Celery's messages over Redis."""

import logging
import ssl
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TASK = "take_a_turn"
QUEUE = "turns"
BROKER_TIMEOUT_S = 3.0
CONNECTIONS = 32  # for sending, a process: with Celery's 10, a hundred slots that set their jobs aside stand in line


def make_celery(redis_url: str) -> Celery:
    """Make the Celery application. Opens no connection."""
    app = Celery("g2d", set_as_current=False)
    app.conf.update(
        broker_url=redis_url,
        broker_transport_options={
            "socket_timeout": 5.0,
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 15,
            "retry_on_timeout": True,
        },
        broker_transport="shared.redis_transport:Transport",
        broker_use_ssl=_tls(redis_url),
        broker_pool_limit=CONNECTIONS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A ticket is acknowledged when it is taken: what it stands for is in the database.
        task_acks_late=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        # A job under way is leased in the database; cancelling it would waste what was paid.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_redirect_stdouts=False,
    )
    return app


def _tls(redis_url: str) -> dict[str, object] | None:
    """How Redis's certificate is checked: always, unless the URL says ``ssl_cert_reqs``. Celery's default is never."""
    url = urlsplit(redis_url)
    if url.scheme != "rediss" or "ssl_cert_reqs" in parse_qs(url.query):
        return None
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED}


class CeleryTickets:
    """Sends tickets from the thread that asks. One that can't be sent is no error: the sweep sends another."""

    def __init__(self, app: Celery) -> None:
        self.app = app

    def send(self, count: int = 1, *, after_s: float | None = None) -> bool:
        """Say that there is work, now or in so many seconds. Blocks for seconds when the broker is away.

        Returns:
            Whether the broker has taken all of them.
        """
        try:
            with self.app.producer_pool.acquire(block=True, timeout=BROKER_TIMEOUT_S) as producer:
                for _ in range(count):
                    self.app.send_task(TASK, producer=producer, countdown=after_s, retry=False)
        except (KombuError, RedisError, OSError) as error:
            log.warning("ticket not sent", extra={"error": type(error).__name__})
            return False
        return True

    def on_their_way(self) -> int | None:
        """How many tickets nobody has taken yet; None when the broker doesn't answer."""
        try:
            with self.app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_S)
                return int(connection.default_channel.queue_declare(QUEUE).message_count)
        except (KombuError, RedisError, OSError) as error:
            log.warning("broker not reached", extra={"error": type(error).__name__})
            return None

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002
        """Whether all tickets have left: none waits here."""
        return True
