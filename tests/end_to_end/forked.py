"""Starts processes of ours quickly: each is forked from one that has imported everything already.

Importing takes a process 1.5 to 3 s of CPU, and the tests start some hundreds of them. What the command line does by
itself at a start, and the imports, are tested by those that run ``g2d`` (``installation.run``, ``test_start.py``).
"""

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

IMPORTED = [
    "alembic.command",
    "services.bot.app",
    "services.cli",
    "services.runtime",
    "services.worker.app",
    "shared.migrations",
    "shared.queue",
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(IMPORTED)


def start(arguments: list[str], environment: dict[str, str], folder: Path, log: Path) -> ForkServerProcess:
    """Start ``g2d`` with these arguments in a session of its own; both its outputs go to the end of ``log``."""
    ready, is_ready = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(arguments, environment, folder, log, is_ready), daemon=False)
    process.start()
    is_ready.close()
    with ready:
        ready.poll(None)
    return process


def _run(arguments: list[str], environment: dict[str, str], folder: Path, log: Path, is_ready: Connection) -> None:
    os.setsid()
    is_ready.close()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments

    from services.cli import main

    main()
