"""Runs ``g2d`` and counts its way to the database and to Redis: statements, transactions, commands.

    python -m benchmarks.counting FILE worker

The counts since the start are written to FILE as JSON each time the process gets SIGUSR2.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, Pool, event

COUNTS: Counter[str] = Counter()


def main() -> None:
    """Count, and run."""
    target = Path(sys.argv.pop(1))
    event.listen(Engine, "before_cursor_execute", _statement)
    event.listen(Engine, "commit", lambda _: COUNTS.update(["commits"]))
    event.listen(Pool, "connect", lambda *_: COUNTS.update(["connections opened"]))
    _count_redis()
    signal.signal(signal.SIGUSR2, lambda *_: _write(target))
    from services.cli import main as g2d

    g2d()


def _statement(_connection, _cursor, statement: str, *_) -> None:
    verb, _, rest = statement.partition(" ")
    COUNTS["statements"] += 1
    COUNTS[f"statement {verb} {' '.join(rest.split())[:160]}"] += 1


def _count_redis() -> None:
    from redis.connection import AbstractConnection

    send = AbstractConnection.send_packed_command

    def counted(self, command, *args, **kwargs):
        COUNTS["redis"] += 1
        return send(self, command, *args, **kwargs)

    AbstractConnection.send_packed_command = counted


def _write(target: Path) -> None:
    target.with_suffix(".new").write_text(json.dumps(COUNTS.copy()), encoding="utf-8")
    target.with_suffix(".new").rename(target)


if __name__ == "__main__":
    main()
