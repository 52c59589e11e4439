"""Has charts drawn in a child process that ends with them, so that no other process carries the library."""

from shared.child_processes import CallFailed, ChildProcesses, Limits, NoChildFree, OverLimit
from shared.store.stats import Stats

LIMITS = Limits(cpu_s=30, memory_bytes=1024 * 1024 * 1024, wall_s=60.0)
CHART = "services.stats.chart"


class NotDrawn(Exception):
    """There is no chart; the message tells why, for the log."""


class Charts:
    """Draws one chart at a time. Thread-safe; blocks."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Start nothing yet."""
        self._children = ChildProcesses(limits, limit=1, modules=(CHART,))

    def draw(self, stats: Stats, *, dark: bool = False) -> bytes:
        """The chart as a PNG.

        Raises:
            NotDrawn: The child failed, or took too long.
        """
        try:
            return self._children.run(_draw, stats, dark)
        except (NoChildFree, OverLimit, CallFailed) as error:
            raise NotDrawn(str(error)) from error


def _draw(stats: Stats, dark: bool) -> bytes:
    """Draw in the child, which has the library."""
    from services.stats.chart import draw

    return draw(stats, dark=dark)
