"""A process of which one duty hangs ends with a reason, so that whoever runs it starts it again."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sandbox.app import Sandbox
from shared.migrations import migrate
from shared.store.database import Database
from tests.end_to_end.installation import SECRET_KEY, Service, environment, run, settings_for, wait_until
from tests.servers import away

# Duties are tried every second (leases are renewed four times in their time), and one that is not tried for six hangs.
SHORT_LEASE = {"G2D_LEASE_S": "3"}
HASTY = """
    import time
    from services import health, runtime
    from functools import partial
    from services.bot import build
    from services.bot.access import groups
    from services.bot.intake import application, poller
    from services.bot.owner import broadcast
    from services.worker import app
    from services.worker.takers import local_worker
    build.Pace = partial(poller.Pace, poll_s=1)
    app.Worker.__init__.__kwdefaults__["pace"] = app.Pace(sweep_s=0.5, consumer_look_s=0.5)
    application.IDLE_LOOK_S = 0.5
    groups.LOOK_EVERY_S = 0.5
    broadcast.LOOK_EVERY_S = 0.5
    health.Watchdog.__init__.__kwdefaults__ |= {"stuck_s": 15.0, "look_s": 0.5, "last_words_s": 5.0}
"""
HANGS = {
    "renews leases": "app.Worker._renew = lambda self: time.sleep(1000)",
    "takes tickets": "local_worker.LocalTickets.take = lambda self, timeout_s: time.sleep(1000)",
    "polls": "poller.Poller._poll = lambda self: poller.asyncio.sleep(1000)",
    "handles updates": "poller.Poller._poll = lambda self: time.sleep(1000)",
}
# What blocks the event loop keeps the bot from all its duties; which of them is missed first, the start decides.
NAMED = {duty: {duty} for duty in HANGS} | {"handles updates": {"polls", "handles updates"}}


def python(code: str, settings: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a few lines in a process with these settings."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HASTY) + code],
        check=False,
        capture_output=True,
        text=True,
        env=environment(settings),
        cwd=folder,
        timeout=100,
    )


class TestADutyThatHangs:
    @pytest.mark.parametrize("duty", HANGS)
    def test_ends_the_process_with_its_name(self, duty, tmp_path):
        with Sandbox() as sandbox:
            ended = python(
                f"{HANGS[duty]}\nruntime.run_everything()",
                settings_for(sandbox.url, tmp_path) | SHORT_LEASE,
                tmp_path,
            )

        assert ended.returncode == 1
        [line] = [line for line in ended.stderr.splitlines() if "a duty hangs, ending the process" in line]
        assert NAMED[duty] & set(json.loads(line)["duty"].split(", "))

    def test_ends_a_process_that_does_not_react_to_anything(self, tmp_path):
        ended = python(
            """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signs = health.Signs()
signs.of("polls")
watchdog = health.Watchdog(signs, stuck_s=1, look_s=1, last_words_s=0.1)
watchdog.look()
watchdog.look()
time.sleep(1000)
""",
            {},
            tmp_path,
        )

        assert ended.returncode == 1


class TestAWorkerThatDoesNotStartBesideTheBot:
    def test_ends_the_process_with_its_reason(self, tmp_path):
        with Sandbox() as sandbox:
            ended = python(
                "app.Worker.start = lambda self: 1 / 0\nruntime.run_everything()",
                settings_for(sandbox.url, tmp_path),
                tmp_path,
            )

        assert ended.returncode == 1
        assert "bot stopped" in ended.stderr
        assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


class TestTheEnd:
    def test_comes_although_a_thread_waits_for_a_server_that_stands_still(self, tmp_path: Path) -> None:
        """Threads can't be ended, and the event loop's end waits for its own."""
        ended = python(
            """
import asyncio, os, signal
runtime.LATEST_S = 1.0

class Hanging:
    async def run(self, stop, beside):
        hanging = asyncio.get_running_loop().run_in_executor(None, time.sleep, 1000)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

with runtime.stopping() as stop:
    asyncio.run(runtime._serve(Hanging, runtime.Guard(build.BotSettings()), stop))
""",
            settings_for("http://127.0.0.1:9", tmp_path),
            tmp_path,
        )

        assert ended.returncode == 0
        assert "a call hangs, ending without it" in ended.stderr


class TestHealth:
    def test_of_one_process_looks_at_the_duties_of_both_services(self, tmp_path):
        with Sandbox() as sandbox:
            alive = tmp_path / "alive"
            settings = settings_for(sandbox.url, tmp_path) | {"G2D_HEARTBEAT_FILE": str(alive)}
            service = Service("run", settings, tmp_path)
            service.start()
            try:
                wait_until(lambda: alive.exists() and '"renews leases"' in alive.read_text())
                said = run("health", settings, tmp_path)
            finally:
                service.stop()

        written = alive.read_text()
        assert said.stdout == "at work\n"
        assert all(f'"{duty}"' in written for duty in ("polls", "handles updates", "delivers pictures"))
        assert all(f'"{duty}"' in written for duty in ("renews leases", "takes tickets"))


@pytest.mark.distributed
class TestAWorkerThatStartsWhilePostgresIsAway:
    @pytest.mark.parametrize("command", ["bot", "worker"])
    def test_waits_for_it(self, command, postgres_url, redis_url, tmp_path):
        database = Database(postgres_url)
        migrate(database)
        with Sandbox() as sandbox:
            settings = settings_for(sandbox.url, tmp_path)
            settings |= {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "G2D_SECRET_KEY": SECRET_KEY}
            service = Service(command, settings, tmp_path)
            try:
                with away(database):
                    service.start()
                    wait_until(lambda: "waiting for the database" in service.log, timeout_s=60)
                wait_until(lambda: f"{command} started" in service.log, timeout_s=60)
                assert service.stop() == 0
            finally:
                service.kill()
                database.close()

        assert "Traceback" not in service.log
