"""Prometheus metrics: counters of a process's events, and figures read from the record."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import product
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.metrics.meters import Meters
from shared.clock import present
from shared.errors import StoreAway
from shared.jobs import Attempt
from shared.prices import MICRO
from shared.store.depths import KINDS, Depths
from shared.store.job_states import UNDER_WAY

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class PrometheusMeters(Meters):
    """The counters of one process."""

    def __init__(self, registry: CollectorRegistry, *, slots: int = 0) -> None:
        """Register them; ``slots`` is how many a worker has."""
        self._ended = Counter(
            "g2d_work_ended", "Pictures and questions that ended", ["kind", "outcome", "reason"], registry=registry
        )
        self._waits = Counter("g2d_work_waits", "Times that work was put aside", ["kind", "reason"], registry=registry)
        self._stages = Histogram(
            "g2d_stage_seconds",
            "waiting: until a worker, prompt_call, image_call: one call each, whole: to the end, delivery: after it",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._calls = Counter(
            "g2d_upstream_calls", "Calls for pictures", ["step", "provider", "outcome", "status"], registry=registry
        )
        self._cost = Counter("g2d_calls_cost_dollars", "What they cost the owner", ["provider"], registry=registry)
        # A counter never falls, so what orders that came to nothing did not cost after all is counted apart.
        self._returned = Counter(
            "g2d_calls_returned_dollars", "What of it was taken back", ["provider"], registry=registry
        )
        self._busy = Gauge("g2d_slots_busy", "Slots that have work in hand", ["kind"], registry=registry)
        self._deliveries = Counter("g2d_deliveries", "Messages with results", ["what", "outcome"], registry=registry)
        self._floods = Counter("g2d_flood_waits", "Times that Telegram said to wait", ["endpoint"], registry=registry)
        self._flood_seconds = Counter("g2d_flood_wait_seconds", "How long it said", registry=registry)
        if slots:
            Gauge("g2d_slots", "Slots of this worker", registry=registry).set(slots)

    def began(self, kind: str, created_at: datetime) -> None:
        """Time what waited for a worker."""
        if kind == "picture":
            self._stages.labels("waiting").observe(_since(created_at))

    def busy(self, kind: str, more: int) -> None:
        """Count slots."""
        self._busy.labels(kind).inc(more)

    def called(self, attempt: Attempt) -> None:
        """Count and time a call."""
        provider = "gemini" if attempt.step == "prompt" else attempt.service.partition("/")[0]
        status = str(attempt.status) if attempt.status is not None else ""
        self._calls.labels(attempt.step, provider, attempt.outcome, status).inc()
        self._stages.labels(f"{attempt.step}_call").observe(attempt.duration_ms / 1000)
        (self._cost if attempt.cost >= 0 else self._returned).labels(provider).inc(abs(attempt.cost) / MICRO)

    def waits(self, kind: str, reason: str) -> None:
        """Count what was put aside."""
        self._waits.labels(kind, reason).inc()

    def ended(self, kind: str, outcome: str, reason: str = "", *, created_at: datetime | None = None) -> None:
        """Count an end, and time it."""
        self._ended.labels(kind, outcome, reason).inc()
        if created_at is not None and kind == "picture":
            self._stages.labels("whole").observe(_since(created_at))

    def delivered(self, what: str, outcome: str, *, ended_at: datetime | None = None) -> None:
        """Count a delivery, and time it."""
        self._deliveries.labels(what, outcome).inc()
        if ended_at is not None:
            self._stages.labels("delivery").observe(_since(ended_at))

    def flooded(self, endpoint: str, seconds: float) -> None:
        """Count a flood wait."""
        self._floods.labels(endpoint).inc()
        self._flood_seconds.inc(max(seconds, 0.0))


class RecordCollector(Collector):
    """What the record says at the moment of asking. The bot's alone: of several processes each would say the same."""

    def __init__(self, read: Callable[[], Depths]) -> None:
        """Call ``read`` each time that somebody asks, once at a time."""
        self._read = read
        self._lock = Lock()

    def describe(self) -> list[Metric]:
        """Nothing before somebody asks: that would read the database at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read, and tell; while the database is away, that alone."""
        with self._lock:
            try:
                depths: Depths | None = self._read()
            except StoreAway:
                depths = None
        yield GaugeMetricFamily("g2d_record_up", "Whether the database answers", value=float(depths is not None))
        if depths is not None:
            yield from _told(depths)


def _told(depths: Depths) -> Iterator[Metric]:
    depth = GaugeMetricFamily("g2d_queue_depth", "Work that has not ended", labels=["kind", "state"])
    oldest = GaugeMetricFamily("g2d_queue_oldest_seconds", "Age of its oldest", labels=["kind", "state"])
    # An empty queue is 0: a metric without a sample can be neither drawn nor compared.
    found = {(one.kind, one.state): one for one in depths.queues}
    for kind, state in product(KINDS, UNDER_WAY):
        one = found.get((kind, state))
        depth.add_metric([kind, state], one.count if one else 0)
        oldest.add_metric([kind, state], one.oldest_s if one else 0)
    yield from (depth, oldest)
    yield GaugeMetricFamily("g2d_outbox_depth", "What ended and is not delivered", value=depths.undelivered)
    yield GaugeMetricFamily("g2d_outbox_oldest_seconds", "Age of its oldest", value=depths.undelivered_s)
    yield GaugeMetricFamily("g2d_workers_alive", "Workers with a sign of life", value=depths.workers)
    yield GaugeMetricFamily("g2d_workers_slots", "Their slots", value=depths.slots)
    spent = GaugeMetricFamily("g2d_spent_dollars", "What the owner's keys cost, estimated", labels=["period"])
    spent.add_metric(["day"], depths.spent.day / MICRO)
    spent.add_metric(["month"], depths.spent.month / MICRO)
    spent.add_metric(["under way"], depths.spent.reserved / MICRO)
    yield spent


def registry_of_process() -> CollectorRegistry:
    """An empty registry, but for what the system says of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def _since(instant: datetime) -> float:
    return max((present() - instant).total_seconds(), 0.0)
