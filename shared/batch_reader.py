"""Reads batch files in a child process with limits on CPU, memory and time."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from shared.batches import BatchReading, Problem, read_batch
from shared.catalogue import Catalogue
from shared.child_processes import CallFailed, ChildProcesses, Limits, NoChildFree, OverLimit
from shared.errors import BadBatch, BadParameter
from shared.ideas import Hint
from shared.jobs import Parameters, Request, Writing
from shared.styles import Styles

log = logging.getLogger(__name__)

# 5,000 usual lines take 1 s of CPU, 5,000 of the longest ones 10 s.
LIMITS = Limits(cpu_s=10, memory_bytes=512 * 1024 * 1024, wall_s=30.0)
AT_A_TIME = 1  # readings: others' files wait, and nothing but files


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a batch can't be taken as a whole: ``reason`` and values of a ``BadBatch`` or ``BadParameter``."""

    reason: str
    values: Mapping[str, object]


class BatchReader:
    """Reads texts and files that hold many ideas. Thread-safe."""

    def __init__(self, catalogue: Catalogue, styles: Styles, *, limits: Limits = LIMITS) -> None:
        """Start nothing yet."""
        self._catalogue = catalogue
        self._styles = styles
        answers = (BatchReading, Problem, Request, Parameters, Writing, Hint, Refusal)
        self._children = ChildProcesses(limits, limit=AT_A_TIME, modules=(__name__,), answers=answers)

    def read(self, content: str | bytes, name: str | None, *, shared: str = "", limit: int) -> BatchReading:
        """Read a batch as ``read_batch`` does; waits for readings under way.

        Raises:
            BadBatch: It can't be read as a whole, takes too long, or others' files take all the time.
            BadParameter: The shared parameters can't be read.
        """
        try:
            read = self._children.run(_read, content, name, self._catalogue, self._styles, shared, limit)
        except NoChildFree as error:
            raise BadBatch("batch_readers_busy") from error
        except (OverLimit, CallFailed) as error:
            log.warning("batch not read", extra={"error": str(error), "bytes": len(content)})
            raise BadBatch("batch_takes_too_long") from error
        if isinstance(read, Refusal):
            raise BadBatch(read.reason, **read.values)
        return read

    def close(self) -> None:
        """End what is being read."""
        self._children.close()


def _read(  # noqa: PLR0917 - crosses to another process, where names cost more than they tell
    content: str | bytes, name: str | None, catalogue: Catalogue, styles: Styles, shared: str, limit: int
) -> BatchReading | Refusal:
    try:
        return read_batch(content, name, catalogue, styles, shared=shared, limit=limit)
    except (BadBatch, BadParameter) as error:
        return Refusal(error.reason, error.values)
