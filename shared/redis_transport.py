"""Celery's Redis transport, as our queue needs it.

What a worker has taken it remembers in memory alone. The library writes each message into Redis once more until it is
acknowledged, which is a quarter of what a worker does for a picture; a ticket that a killed worker takes along is sent
anew by the sweep, long before the library would look for it.

Others can write to the queue: what is no message is discarded, with a log line. And a server changes: as a replica,
with its memory full or while it loads its data it refuses commands, for as long as that takes. The library ends a
worker at such a refusal; here it connects anew.
"""

import logging
from queue import Empty
from typing import Any

from kombu.transport import redis, virtual
from redis.exceptions import ReadOnlyError, ResponseError

log = logging.getLogger(__name__)


class QoS(virtual.QoS):
    """Which tickets this worker has taken and not begun with: no more than it has slots."""

    def restore_unacked(self) -> list[Any]:
        """Give them back, as far as the broker takes them. The library would keep the others in a file."""
        super().restore_unacked()  # type: ignore[no-untyped-call]
        return []


class Channel(redis.Channel):
    """Goes on after an entry of the list that is no message; the library's own ends its worker."""

    ack_emulation = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self.QoS = QoS  # type: ignore[assignment]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("queue entry is no message, discarded", extra={"error": type(error).__name__})  # noqa: TRY400
            raise Empty from None

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        try:
            super()._put(queue, message, **options)  # type: ignore[no-untyped-call]
        except ReadOnlyError:
            # By now the address may be another server's: connections that are open lead to the one before.
            self._disconnect_pools()  # type: ignore[no-untyped-call]
            raise


class Transport(redis.Transport):
    """To be named as Celery's ``broker_transport``."""

    connection_errors = (*redis.Transport.connection_errors, ResponseError)
    Channel = Channel
