"""Leaves a provider alone that keeps failing, and lets one job in a while try it. The policy is pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from services.worker.painters.painter import Target
from shared.clock import present
from shared.errors import ServiceBusy, ServiceUnreachable, StoreAway
from shared.store.circuits import Circuit

FAILURES = 3  # in a row, until the circuit opens
OPEN = timedelta(seconds=15)  # the first time; doubled each time that the trial fails
LONGEST_OPEN = timedelta(minutes=5)
TRIAL = timedelta(seconds=60)  # for one job to try, until another one may
RACES = 5  # writes lost to other workers, until a count is let go


CLOSED = Circuit()


class CircuitStore(Protocol):
    """Keeps the circuits where all workers see them."""

    def read(self, provider: str, model: str) -> Circuit:
        """The circuit; a fresh one where nothing is known.

        Raises:
            StoreAway: The store does not answer.
        """

    def swap(self, provider: str, model: str, *, old: Circuit, new: Circuit) -> bool:
        """Write ``new`` in one step if the circuit still is ``old`` (a fresh one equals none).

        Returns:
            Whether it was; False says that another worker was faster.

        Raises:
            StoreAway: The store does not answer.
        """


def pause(circuit: Circuit, now: datetime) -> float:
    """Seconds that the circuit stays open; 0 when it is closed or due for a trial."""
    if circuit.open_until is None:
        return 0.0
    return max((circuit.open_until - now).total_seconds(), 0.0)


def after_failure(circuit: Circuit, now: datetime) -> Circuit:
    """The circuit after one more failure."""
    if circuit.open_until and not circuit.on_trial:
        # The call was under way when the circuit opened, and says nothing new.
        return circuit
    if not circuit.on_trial and circuit.failures + 1 < FAILURES:
        return replace(circuit, failures=circuit.failures + 1)
    longer: timedelta = OPEN * 2 ** min(circuit.openings, 10)
    return Circuit(0, circuit.openings + 1, now + min(longer, LONGEST_OPEN))


class CircuitBreaker:
    """Asks and tells the circuits. A store that is away lets everything pass: it must not cost a painted picture."""

    def __init__(self, store: CircuitStore, *, clock: Callable[[], datetime] = present) -> None:
        self._store = store
        self._clock = clock

    def admit(self, target: Target) -> float:
        """Seconds to leave the target alone; 0 says: call it now. Of many jobs one gets the 0 for a trial."""
        try:
            circuit = self._store.read(target.service, target.model)
            if circuit.open_until is None:
                return 0.0
            now = self._clock()
            left = pause(circuit, now)
            if left:
                return left
            trial = replace(circuit, open_until=now + TRIAL, on_trial=True)
            mine = self._store.swap(target.service, target.model, old=circuit, new=trial)
        except StoreAway:
            return 0.0
        return 0.0 if mine else TRIAL.total_seconds()

    def tell(self, target: Target, error: Exception | None) -> None:
        """Note how a call ended. Only trouble of the service counts against it: a cold start is none."""
        try:
            if isinstance(error, ServiceBusy | ServiceUnreachable):
                self._change(target, lambda circuit: after_failure(circuit, self._clock()))
            else:
                self._change(target, lambda _: CLOSED)
        except StoreAway:
            return

    def _change(self, target: Target, change: Callable[[Circuit], Circuit]) -> None:
        for _ in range(RACES):
            old = self._store.read(target.service, target.model)
            new = change(old)
            if new == old or self._store.swap(target.service, target.model, old=old, new=new):
                return


class UserKeyBreaker(CircuitBreaker):
    """The common circuits, for calls with a person's own key: a limit of theirs says nothing of the provider."""

    def tell(self, target: Target, error: Exception | None) -> None:
        """Pass on what counts for everybody: a success, and no answer at all."""
        if error is None or isinstance(error, ServiceUnreachable):
            super().tell(target, error)
