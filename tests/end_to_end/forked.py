"""Starts processes of ours quickly: each is forked from one that has imported everything already.

Importing takes a process a second of CPU and more, and the tests start some hundreds of them. What the command line
does by itself at a start, and the imports, are tested by those that run ``g2d`` (``installation.run``,
``test_start.py``).
"""

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

IMPORTED = [
    "alembic.command",
    "celery.app.amqp",
    "celery.backends.base",
    "celery.concurrency.thread",
    "celery.events.receiver",
    "celery.loaders.app",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "cryptography.hazmat.backends.openssl.backend",
    "kombu.transport.redis",
    "services.batch_cli",
    "services.bot.app",
    "services.cli",
    "services.doctor.at_start",
    "services.metrics.server",
    "services.runtime",
    "services.worker.app",
    "services.worker.takers.celery_worker",
    "shared.celery_tickets",
    "shared.migrations",
    "shared.redis_transport",
    "shared.store.lock_session",
    "shared.tickets",
    "tests.end_to_end.rehearsed",  # The last one: it freezes what is there. It is found from the repository.
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(IMPORTED)


def start(
    arguments: list[str], environment: dict[str, str], folder: Path, log: Path, errors: Path | None = None
) -> ForkServerProcess:
    """Start ``g2d`` with these arguments, in a session and with an environment of its own, in ``folder``.

    Args:
        log: What it writes is added to this file.
        errors: Where its errors go, if not there too.
    """
    ready, is_ready = _context.Pipe(duplex=False)
    process = _context.Process(
        target=_run, args=(arguments, environment, folder, (log, errors or log), is_ready), daemon=False
    )
    process.start()
    is_ready.close()
    with ready:
        ready.poll(None)
    return process


def _run(
    arguments: list[str], environment: dict[str, str], folder: Path, outputs: tuple[Path, Path], is_ready: Connection
) -> None:
    os.setsid()
    is_ready.close()
    for number, output in enumerate(outputs, 1):
        with output.open("ab") as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["g2d", *arguments]

    from services.cli import main

    main()
