"""Runs the worker's rounds and its consumer of tickets, and shuts them down in order."""

import logging
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from services.health import TAKES_TICKETS, Sign, Signs
from services.retrying import FIRST_PAUSE_S
from services.supervision import Threads
from services.worker.build import Parts
from shared.errors import StoreAway
from shared.settings import WorkerSettings
from shared.store.database import Database
from shared.store.process_locks import KEEP_S, DeadWorkers, ProcessLock
from shared.store.process_locks import LOOK_S as DEATH_LOOK_S
from shared.store.workers import Workers
from shared.tickets import LocalTickets

if TYPE_CHECKING:
    from shared.celery_tickets import CeleryTickets

log = logging.getLogger(__name__)

RENEWALS_A_LEASE = 4  # so that a few may fail before a living worker loses its jobs
LATE = 2 / 3  # of a lease: an outage in which somebody's leases run out keeps all others from renewing for longer
MAX_TICKETS = 500  # topped up in one sweep
STOP_S = 20.0  # for jobs under way to come to an end by themselves
LAST_ROUND_S = 3.0  # for all rounds, each of which takes milliseconds unless it calls a service


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each of a worker's rounds is made; in seconds.

    Attributes:
        refresh_look_s: Between two looks whether lists of models are due.
        check_s: Between two looks for keys that nobody has checked.
        first_pause_s: Before a thread that has ended is started again, the first time.
    """

    sweep_s: float = 3.0
    consumer_look_s: float = 5.0
    clean_up_look_s: float = 30.0
    refresh_look_s: float = 60.0
    check_s: float = 1.0
    renew_encryption_s: float = 3600.0
    first_pause_s: float = FIRST_PAUSE_S


USUAL = Pace()


class Worker:
    """One worker process: the slots that serve tickets, the renewal of leases, and the sweep."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        tickets: "CeleryTickets | LocalTickets",
        *,
        signs: Signs | None = None,
        pace: Pace = USUAL,
    ) -> None:
        """Build everything; nothing connects yet."""
        signs = signs or Signs()
        # No other process may ever have this name: leases are held under it.
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._database = database
        self._tickets = tickets
        self._parts = Parts(settings, database.for_many_threads())
        # Renewals must not stand in line behind the very threads whose leases they renew.
        self._lifeline = database.apart()
        self._turns = self._parts.turns(self._lifeline)
        self._renewed_at = time.monotonic()
        self._workers = Workers(self._lifeline)
        self._lock = ProcessLock(self._lifeline, self.name)
        self._dead_workers = DeadWorkers(self._lifeline, self._lock)
        self._says_locked = False
        self._runner = self._parts.runner(self.name, self._tickets)
        self._consumer = self._parts.taker(self._runner, tickets, signs.of(TAKES_TICKETS))
        self._untaken = LocalTickets()  # those that the broker does not take: this process serves them itself
        self._standby = None if settings.embedded else self._parts.standby(self._runner, self._untaken)
        self._stopping = threading.Event()
        self._winding_down_since: float | None = None
        self._rounds = Threads(self._make_rounds(signs, pace), first_pause_s=pace.first_pause_s)

    def _make_rounds(self, signs: Signs, pace: Pace) -> dict[str, Callable[[], None]]:
        def again(act: Callable[[], None], every_s: float, sign: Sign | None = None) -> Callable[[], None]:
            return partial(self._again_and_again, act, every_s, sign)

        parts = self._parts
        among_others = {
            "keep lock": again(self._keep_lock, KEEP_S),
            "look for dead workers": again(self._look_for_dead, DEATH_LOOK_S),
        }
        return {
            **({} if self._settings.embedded else among_others),
            "renew leases": again(self._renew, self._settings.lease_s / RENEWALS_A_LEASE, signs.of("renews leases")),
            "sweep": again(self._sweep, pace.sweep_s, signs.of("sweeps")),
            "look at consumer": again(self._consumer.look, pace.consumer_look_s),
            "check keys": again(parts.checks.check_new, pace.check_s),
            "renew encryption": again(parts.user_keys.renew_all, pace.renew_encryption_s),
            "clean up": again(parts.housekeeping.look, pace.clean_up_look_s, signs.of("cleans up")),
            "refresh image models": again(parts.image_models.refresh_if_due, pace.refresh_look_s),
            "refresh chat models": again(parts.chat_models.refresh_if_due, pace.refresh_look_s),
        }

    @property
    def died(self) -> bool:
        """Whether it takes no tickets any more although nobody stopped it."""
        return self._consumer.died

    def start(self) -> None:
        """Begin to take tickets, in threads of its own."""
        if self._settings.embedded:
            # Each holder of a lease in this folder's database is dead: only one process at a time may use it.
            self._turns.release(None)
            self._workers.gone(None)
        else:
            self._lock.keep()
        self._consumer.start()
        if self._standby is not None:
            self._standby.start()
        self._rounds.start()
        log.info("worker started", extra={"worker": self.name, "slots": self._settings.slots})

    def wind_down(self) -> None:
        """Begin no more jobs; those under way go on. Does not wait, as ``stop`` does, whose seconds count from here."""
        self._runner.stop()
        self._winding_down_since = self._winding_down_since or time.monotonic()

    def stop(self, timeout_s: float = STOP_S) -> bool:
        """Take no more tickets, let jobs under way end, and give back those that don't within so many seconds.

        Returns:
            Whether all threads came to an end; otherwise a call to some service is still under way.
        """
        self.wind_down()
        ends_at = (self._winding_down_since or time.monotonic()) + timeout_s
        self._consumer.stop(max(ends_at - time.monotonic(), 0.0))
        if self._standby is not None:
            self._standby.stop(max(ends_at - time.monotonic(), 0.0))
        self._stopping.set()
        # A round that is still under way must not tell that this worker is there after it said that it is gone.
        self._rounds.join(LAST_ROUND_S)
        try:
            self._workers.gone(self.name)
            released = self._turns.release(self.name)
        except StoreAway:
            released = None  # Their leases run out by themselves.
        self._lock.close()
        if self._lifeline is not self._database:
            self._lifeline.close()
        self._parts.decoder.close()
        log.info("worker stopped", extra={"worker": self.name, "released": released})
        return not (self._consumer.is_alive or (self._standby is not None and self._standby.is_alive))

    def look_after(self) -> None:
        """Start again those of its threads that have ended; to be called about every second."""
        if not self._stopping.is_set():
            self._rounds.look_after()

    def _again_and_again(self, act: Callable[[], None], every_s: float, sign: Sign | None = None) -> None:
        name, sign = threading.current_thread().name, sign or Sign()
        while not self._stopping.is_set():
            try:
                act()
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("round missed", extra={"round": name, "error": str(error)})
            except Exception:
                # Top-level handler of a thread: a round that fails must not be the last one.
                log.exception("round failed", extra={"round": name})
            self._stopping.wait(every_s * random.uniform(0.8, 1.2))

    def _renew(self) -> None:
        self._renew_leases()
        self._beat()

    def _renew_leases(self) -> None:
        if time.monotonic() - self._renewed_at > LATE * self._settings.lease_s:
            # What kept this worker from it, such as the database, has kept the others from it, too.
            self._turns.renew_all()
        self._runner.renew(self._turns)
        self._renewed_at = time.monotonic()

    def _beat(self) -> None:
        if self._consumer.is_alive:
            is_held = self._lock.is_held
            lock_key = self._lock.key if is_held else None
            lease = timedelta(seconds=self._settings.lease_s)
            self._workers.beat(self.name, self._settings.slots, lease=lease, lock_key=lock_key)
            self._says_locked = is_held

    def _keep_lock(self) -> None:
        self._lock.keep()
        if self._lock.is_held is not self._says_locked:
            # Who holds no lock must not go on saying so: others would take it for dead.
            self._beat()

    def _look_for_dead(self) -> None:
        dead = self._dead_workers.look()
        if dead:
            log.warning("workers died", extra={"workers": sorted(dead)})
            self._sweep(dead)
            self._dead_workers.forget(dead)

    def _sweep(self, dead: Collection[str] = ()) -> None:
        # A process that was stopped for a while, with its machine or by its load, must not take itself for dead.
        self._renew_leases()
        found = self._turns.sweep(most_due=MAX_TICKETS, dead=dead)
        if found is None:
            return
        if found.revived or found.lost:
            log.warning("work of dead workers found", extra={"revived": found.revived, "lost": found.lost})
        if found.late:
            log.warning("work ended at its deadline", extra={"late": found.late})
        if found.due:
            self._send_missing(found.due)

    def _send_missing(self, due: int) -> None:
        """Send the tickets that are missing; what the broker does not take is served here, as it is in the record."""
        under_way = self._tickets.on_their_way()
        missing = due if under_way is None else due - under_way
        if missing <= 0 or (under_way is not None and self._tickets.send(missing)):
            return
        missing -= self._untaken.on_their_way()
        if missing > 0:
            self._untaken.send(missing)
