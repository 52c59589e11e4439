"""Remembers which chat models have nothing left today, so that nobody asks them first again before midnight."""

import contextlib
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

from shared.clock import present
from shared.errors import StoreAway
from shared.store.circuits import Circuit

# Quotas come back at midnight Pacific time. Its winter time holds all year: in summer a model rests an hour longer,
# where the other way round it would be asked in vain for an hour.
PACIFIC = timezone(timedelta(hours=-8))


class QuotaStore(Protocol):
    """Keeps, where all workers see it, until when a service leaves a model alone (``shared.store.circuits``)."""

    def read(self, provider: str, model: str) -> Circuit:
        """How it stands; fresh where nothing is known."""

    def swap(self, provider: str, model: str, *, old: Circuit, new: Circuit) -> bool:
        """Write ``new`` if it still stands as ``old``; whether it did."""


class Quotas:
    """The quotas of the day of one key: Google counts them by account and model. Thread-safe."""

    def __init__(
        self,
        api_key: str,
        store: QuotaStore | None = None,
        *,
        clock: Callable[[], datetime] = present,
    ) -> None:
        """Remember in ``store``; without one, in this object alone."""
        self._account = "gemini-" + hashlib.sha256(api_key.encode()).hexdigest()[:32]
        self._store = store
        self._clock = clock
        self._back_at: dict[str, datetime] = {}

    def used_up(self, model: str) -> bool:
        """Whether a model has nothing left today. While the database is away, only what was seen here is known."""
        back_at = self._back_at.get(model)
        if self._store is not None:
            with contextlib.suppress(StoreAway):
                back_at = self._store.read(self._account, model).open_until
        return back_at is not None and self._clock() < back_at

    def note_used_up(self, model: str) -> None:
        """Write down that a model has nothing left until midnight."""
        back_at = next_midnight(self._clock())
        self._back_at[model] = back_at
        if self._store is None:
            return
        with contextlib.suppress(StoreAway):
            known = self._store.read(self._account, model)
            # Who is faster writes the same.
            self._store.swap(self._account, model, old=known, new=Circuit(open_until=back_at))


def next_midnight(now: datetime) -> datetime:
    """When the quotas of the day come back."""
    tomorrow = now.astimezone(PACIFIC) + timedelta(days=1)
    return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
