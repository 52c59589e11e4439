"""The line without a database: who waits how long, and who gets how much. Pure, and the same at every run.

The turns follow the rules of ``shared/store/fair_queue.py``: ``let_in_at`` and ``QueuePolicy`` are the real ones, the
two lines that place a new job are written here once more. A person here asks either alone or in a batch, so that
nobody's batch is ever shifted behind what its person asks for later.
"""

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass, field

from shared.queue_policy import Flow, QueuePolicy, slots_of
from shared.store.fair_queue import NOTHING_YET, let_in_at

ASKS_AGAIN = 20  # pictures that a person who always waits asks for at a time


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who asks for what.

    Attributes:
        batches: People who ask for a batch of ``of_each`` pictures at the start.
        busy: People who always have some pictures in the line, asked for alone.
        newcomers_a_second: How many people come who ask for one picture, and never again.
        picture_s: How long a picture takes on average; exponentially distributed.
    """

    batches: int = 10
    of_each: int = 1_000
    busy: int = 20
    newcomers_a_second: float = 0.24
    slots: int = 16
    picture_s: float = 20.0
    seconds: float = 7_200.0


@dataclass(slots=True)
class Person:
    """Somebody in the line."""

    id: int
    in_batch: bool
    arrived: float
    last: float = NOTHING_YET
    before: float = 0.0  # turn of the last job let in
    in_flight: int = 0
    held: deque[float] = field(default_factory=deque)

    @property
    def flow(self) -> Flow:
        """The flow in which what they ask for stands."""
        return Flow.BATCHES if self.in_batch else Flow.PICTURES


@dataclass(slots=True)
class Outcome:
    """What came of it: seconds that newcomers waited to be begun with, and each picture's end."""

    waits: list[float] = field(default_factory=list)
    served: list[tuple[float, Person]] = field(default_factory=list)


class Model:
    """One worker, its slots, and the line before it."""

    def __init__(self, crowd: Crowd, *, fair: bool = True, seed: int = 1) -> None:
        self._crowd, self._fair = crowd, fair
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self._people = itertools.count(1)
        self._policy = QueuePolicy()
        self._slots = slots_of(crowd.slots) if fair else dict.fromkeys(Flow, crowd.slots)
        self._line: list[tuple[float, int, Person]] = []
        self._alone: list[tuple[float, int, Person]] = []
        self._gone: set[int] = set()
        self._virtual_time = 0.0
        self._in_batches = self._working = 0
        self._ends: list[tuple[float, int, Person]] = []
        self._newcomers: set[int] = set()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Let the time pass until all newcomers have been begun with."""
        crowd = self._crowd
        for _ in range(crowd.batches):
            self._ask(Person(next(self._people), True, 0.0), crowd.of_each)
        for _ in range(crowd.busy):
            self._ask(Person(next(self._people), False, 0.0), 2 * ASKS_AGAIN)
        now, arrival = 0.0, self._next_arrival(0.0)
        while arrival < crowd.seconds or len(self.outcome.waits) < len(self._newcomers):
            self._begin(now)
            if arrival < min(crowd.seconds, self._ends[0][0]):
                now, arrival = arrival, self._next_arrival(arrival)
                newcomer = Person(next(self._people), False, now)
                self._newcomers.add(newcomer.id)
                self._ask(newcomer, 1)
                continue
            now, _, person = heapq.heappop(self._ends)
            arrival = arrival if arrival < crowd.seconds else float("inf")
            self._end(now, person)
        return self.outcome

    def _next_arrival(self, now: float) -> float:
        return now + self._chance.expovariate(self._crowd.newcomers_a_second)

    def _ask(self, person: Person, count: int) -> None:
        cost = self._policy.cost(person.id, person.flow)
        first = max(self._virtual_time, person.last + cost)
        turns = [first + number * cost for number in range(count)]
        person.last = turns[-1]
        room = 0 if person.held else self._policy.in_flight - person.in_flight
        if not self._fair:
            room = count
        for turn in turns[:room]:
            self._let_in(person, turn)
        person.held.extend(turns[room:])

    def _let_in(self, person: Person, turn: float) -> None:
        number = next(self._numbers)
        entry = (turn if self._fair else 0.0, number, person)
        heapq.heappush(self._line, entry)
        if not person.in_batch:
            heapq.heappush(self._alone, entry)
        person.before, person.in_flight = turn, person.in_flight + 1
        person.last = max(person.last, turn)

    def _begin(self, now: float) -> None:
        while self._working < self._slots[Flow.PICTURES]:
            alone = self._in_batches >= self._slots[Flow.BATCHES]
            lowest = self._first(self._line)
            entry = self._first(self._alone) if alone else lowest
            if entry is None or lowest is None:
                return
            turn, number, person = entry
            self._gone.add(number)
            # A claim that passes batches over takes on the lowest turn in the line.
            self._virtual_time = max(self._virtual_time, lowest[0] if alone else turn)
            self._working += 1
            self._in_batches += person.in_batch
            if person.id in self._newcomers:
                self.outcome.waits.append(now - person.arrived)
            takes = self._chance.expovariate(1 / self._crowd.picture_s)
            heapq.heappush(self._ends, (now + takes, number, person))

    def _first(self, line: list[tuple[float, int, Person]]) -> tuple[float, int, Person] | None:
        while line and line[0][1] in self._gone:
            heapq.heappop(line)
        return line[0] if line else None

    def _end(self, now: float, person: Person) -> None:
        self._working -= 1
        self._in_batches -= person.in_batch
        person.in_flight -= 1
        self.outcome.served.append((now, person))
        if person.held:
            cost = self._policy.cost(person.id, person.flow)
            before = person.before if person.in_flight else None
            self._let_in(person, let_in_at(person.held.popleft(), now=self._virtual_time, before=before, cost=cost))
        elif not person.in_batch and person.id not in self._newcomers and person.in_flight <= ASKS_AGAIN:
            self._ask(person, ASKS_AGAIN)


def jain(shares: list[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)) if any(shares) else 1.0


def fairness(outcome: Outcome, people: range, *, window_s: float, until: float) -> list[float]:
    """Jain's index over the pictures that each of these people got, window by window.

    Only for people who wanted pictures all the time: who wants none is owed none.
    """
    windows: list[dict[int, float]] = [dict.fromkeys(people, 0.0) for _ in range(int(until // window_s))]
    for at, person in outcome.served:
        if person.id in people and at < len(windows) * window_s:
            # A batch's picture counts for less: measured is what each was served of what it is worth.
            windows[int(at // window_s)][person.id] += QueuePolicy().cost(person.id, person.flow)
    return [jain(list(window.values())) for window in windows]
