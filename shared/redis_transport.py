"""Celery's Redis transport, for a queue that others can write to: what is no message is discarded, with a log line."""

import logging
from queue import Empty
from typing import Any

from kombu.transport import redis

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Goes on after an entry of the list that is no message; the library's own ends its worker."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("queue entry is no message, discarded", extra={"error": type(error).__name__})  # noqa: TRY400
            raise Empty from None


class Transport(redis.Transport):
    """To be named as Celery's ``broker_transport``."""

    Channel = Channel
