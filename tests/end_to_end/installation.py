"""A whole installation as its owner runs it: real processes with settings in their environment, against a sandbox."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlalchemy import Row, delete, exists, or_, select

from sandbox.app import Sandbox
from sandbox.client import Json, SandboxClient
from shared.images import Images
from shared.store import tables
from shared.store.database import Database
from tests.end_to_end import forked
from tests.servers import migrated_postgres, redis_database

T = TypeVar("T")

BOT_ID = 4242
BOT_TOKEN = f"{BOT_ID}:AAF-end-to-end-end-to-end-end-to-end"
GEMINI_KEY = "AIzaSy-end-to-end-end-to-end-end-to-end"
SECRET_KEY = base64.urlsafe_b64encode(b"end-to-end" * 3 + b"!!").decode()
HF_TOKEN = "hf_endtoendendtoendendtoendendtoend"

# HuggingFace itself serves this model: one request a picture, and it takes a negative prompt.
MODEL = "stabilityai/stable-diffusion-3-medium-diffusers"
PAINTING = "/hf-inference/"  # the path of such a request

START_S = 60.0  # two cores may be busy with more than us
END_S = 40.0
PATIENCE_S = 60.0  # as two cores may be busy with more than us
LOOK_EVERY_S = 0.05
KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "TZ")  # of this process's own environment

G2D = str(Path(sys.executable).with_name("g2d"))


def environment(settings: dict[str, str]) -> dict[str, str]:
    """An environment with these settings, and nothing of what the machine has set."""
    own = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("COVERAGE_")}
    return own | settings


def is_answer(message: Json) -> bool:
    """Whether a message is a whole answer of Gemini's, or other words of ours that nothing can be done with."""
    buttons = [button["text"] for row in message.get("reply_markup", {}).get("inline_keyboard", ()) for button in row]
    return "text" in message and ("reply_markup" not in message or buttons == ["🎨 Draw this"])


def calls_about(sandbox: SandboxClient, chat: Json, path: str = "") -> list[Json]:
    """The bot's calls about a chat, of the methods that match a regular expression; late ones about others may come."""
    return [
        call
        for call in sandbox.journal("telegram", path)
        if str((call["body"] or {}).get("chat_id")) == str(chat["id"])
    ]


def is_fetched(sandbox: SandboxClient, message: Json) -> bool:
    """Whether the bot has asked for the photo of a message."""
    ids = {size["file_id"] for size in message["photo"]}
    return any(call["body"]["file_id"] in ids for call in sandbox.journal("telegram", "/getFile$"))


def wait_until(look: Callable[[], T | None], *, timeout_s: float = PATIENCE_S, what: str = "what was awaited") -> T:
    """Look until there is something to see; for what the sandbox doesn't notice.

    Raises:
        TimeoutError: ``timeout_s`` have passed.
    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"{what} did not happen within {timeout_s} s")


def settings_for(sandbox_url: str, folder: Path) -> dict[str, str]:
    """The settings of an embedded installation that keeps everything in ``folder``."""
    return {
        "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
        "TELEGRAM_API_URL": f"{sandbox_url}/telegram",
        "G2D_ACCESS": "open",
        # Tests ask faster than people do: with the usual limit, the time would tell which status messages are sent.
        "G2D_MESSAGES_PER_SECOND": "1000",
        "G2D_USER_PICTURES_DAY": "0",
        "G2D_USER_PICTURES_MONTH": "0",
        "G2D_GROUP_PICTURES_DAY": "0",
        "G2D_USER_TOKENS_DAY": "0",
        "G2D_MONEY_DAY": "0",
        "G2D_MONEY_MONTH": "0",
        "GOOGLE_API_KEY": GEMINI_KEY,
        "GOOGLE_GEMINI_BASE_URL": f"{sandbox_url}/gemini",
        "HF_TOKEN": HF_TOKEN,
        "HF_ROUTER_URL": f"{sandbox_url}/router",
        "HF_ENDPOINT": f"{sandbox_url}/hub",
        "HF_IMAGE_HOSTS": sandbox_url,
        "G2D_DATA_DIR": str(folder / "data"),
        "IMAGE_STORE_URL": (folder / "images").as_uri(),
        "DATABASE_URL": f"sqlite:///{folder / 'g2d.db'}",
    }


class Service:
    """One process of ours, and what it logs."""

    def __init__(self, command: str, settings: dict[str, str], folder: Path) -> None:
        self.command = command
        self.configure(settings)
        self._folder = folder
        self._process: BaseProcess | None = None
        self._log = folder / f"{command}.{id(self)}.log"

    def configure(self, settings: dict[str, str]) -> None:
        """Take these settings at the next start."""
        self._environment = environment(settings)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def log(self) -> str:
        """All it has said, over all its lives."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def cores(self) -> set[int]:
        """On which cores any of its threads may run. On Linux alone."""
        found = set()
        for thread in Path(f"/proc/{self._pid}/task").iterdir():
            with suppress(ProcessLookupError):  # It has ended meanwhile.
                found |= os.sched_getaffinity(int(thread.name))
        return found

    def start(self) -> None:
        self._process = forked.start([self.command], self._environment, self._folder, self._log)

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and wait; returns its exit status."""
        return self._end(signal.SIGTERM)

    def ask_to_stop(self) -> None:
        """Ask it to end, and don't wait."""
        if self._process is not None and self.is_running:
            os.kill(self._pid, signal.SIGTERM)

    def freeze(self) -> None:
        """Let no time pass for it, as on a machine that is put to sleep or hopelessly overloaded."""
        os.killpg(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood."""
        os.killpg(self._pid, signal.SIGCONT)

    def wait(self, *, timeout_s: float = END_S) -> int:
        """Wait for its end; returns its exit status."""
        assert self._process is not None
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"g2d {self.command} did not end within {timeout_s} s")
        return self._process.exitcode

    @property
    def _pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self.is_running:
            os.killpg(self._pid, number)
        return self.wait()


class Installation:
    """Bot and workers, with a sandbox, a database and a folder of their own."""

    def __init__(self, sandbox: SandboxClient, settings: dict[str, str], folder: Path, *, workers: int) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.folder = folder
        self.is_embedded = "REDIS_URL" not in settings
        url = settings["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
        self.database = Database(url, settings.get("G2D_DATABASE_DIRECT_URL"))
        self._images = Images(settings["IMAGE_STORE_URL"])
        if self.is_embedded:
            self.bot = self.worker = self._service("run")
            self.services = [self.bot]
        else:
            self.bot = self._service("bot")
            self.workers = [self._service("worker") for _ in range(workers)]
            self.worker = self.workers[0]
            self.services = [self.bot, *self.workers]

    def _service(self, command: str) -> Service:
        return Service(command, self.settings, self.folder)

    def start(self) -> None:
        """Start what isn't running; returns when the bot asks Telegram for updates."""
        seen = max((entry["id"] for entry in self.sandbox.journal()), default=0)
        sleeping = [service for service in self.services if not service.is_running]
        for service in sleeping:
            service.start()
        if self.bot in sleeping:
            self.sandbox.wait_for(lambda: self._polls(after=seen), timeout_s=START_S, what="the bot's first poll")

    def _polls(self, *, after: int) -> bool:
        if not self.bot.is_running:
            raise AssertionError(f"the bot ended:\n{self.bot.log}")
        return bool(self.sandbox.journal("telegram", "/getUpdates$", after=after))

    def restart_with(self, **settings: str) -> None:
        """Stop, and start with other settings, which hold from now on."""
        for service in self.services:
            service.stop()
        self.settings |= settings
        for service in self.services:
            service.configure(self.settings)
        self.start()

    def kill(self) -> None:
        """End all processes at once, in the middle of whatever they do."""
        for service in self.services:
            service.kill()

    @property
    def log(self) -> str:
        return "\n".join(f"{service.command}:\n{service.log}" for service in self.services)

    # The record

    def row(self, request: Json) -> Row[Any] | None:
        """The row of the job that a message asked for, if there is one."""
        found = self.rows(request["chat"], request)
        return found[0] if found else None

    def rows(self, chat: Json, request: Json | None = None) -> list[Row[Any]]:
        """The rows of all jobs of a chat, or of one message in it."""
        jobs = tables.jobs.c
        wanted = select(tables.jobs).where(jobs.chat_id == chat["id"]).order_by(jobs.id)
        if request is not None:
            wanted = wanted.where(jobs.message_id == request["message_id"])
        with self.database.reading() as connection:
            return list(connection.execute(wanted))

    def delivered(self, request: Json, *, timeout_s: float = PATIENCE_S) -> Row[Any]:
        """Wait until a job's way has ended; returns its row."""

        def look() -> Row[Any] | None:
            row = self.row(request)
            return row if row is not None and row.delivered_at is not None else None

        return wait_until(look, timeout_s=timeout_s, what="the delivery's mark")

    def wait_for_deliveries(self, chat: Json, count: int, *, timeout_s: float = PATIENCE_S) -> list[Row[Any]]:
        """Wait until the way of so many jobs of a chat has ended; returns their rows."""

        def look() -> list[Row[Any]] | None:
            ended = [row for row in self.rows(chat) if row.delivered_at is not None]
            return ended if len(ended) >= count else None

        return wait_until(look, timeout_s=timeout_s, what=f"delivery {count}")

    def announced(self, request: Json) -> Row[Any]:
        """Wait until the number of a job's status message is written down; returns its row."""

        def look() -> Row[Any] | None:
            row = self.row(request)
            return row if row is not None and row.status_message_id is not None else None

        return wait_until(look, what="the number of the status message")

    def all_handled(self) -> None:
        """Wait until the bot has taken in and handled all that people did so far."""
        unhandled = exists().where(tables.updates.c.handled_at.is_(None))

        def look() -> bool:
            # What is confirmed was written down before.
            if self.sandbox.call("GET", "/bot")["pending_updates"]:
                return False
            with self.database.reading() as connection:
                return not connection.scalar(select(unhandled))

        wait_until(look, what="the end of all handlers")

    def bear_no_grudge(self) -> None:
        """Let services be asked as if none had failed before."""
        with self.database.writing() as connection:
            connection.execute(delete(tables.circuits))

    def no_status_left(self, *chats: Json) -> None:
        """Wait until no status message is on its way to these chats or to be removed from them.

        A result may overtake the answer to the call that announced it: then that message goes seconds after it.
        """
        ids, removals = [chat["id"] for chat in chats], tables.removals.c
        on_its_way = [
            exists().where(table.c.chat_id.in_(ids), table.c.status_sending_since.is_not(None))
            for table in (tables.jobs, tables.errands)
        ]
        to_remove = exists().where(removals.chat_id.in_(ids))

        def look() -> bool:
            with self.database.reading() as connection:
                return not connection.scalar(select(or_(*on_its_way, to_remove)))

        wait_until(look, what="the end of all status messages")

    def stages(self, job_id: int) -> list[Row[Any]]:
        """When a job reached which stage, in order."""
        return self._parts(tables.stages, job_id)

    def attempts(self, job_id: int) -> list[Row[Any]]:
        """The calls to services on a job's behalf, in order."""
        return self._parts(tables.attempts, job_id)

    def _parts(self, table: Any, job_id: int) -> list[Row[Any]]:
        with self.database.reading() as connection:
            return list(connection.execute(select(table).where(table.c.job_id == job_id).order_by(table.c.id)))

    def picture(self, image_key: str) -> bytes:
        """An original out of the image store."""
        return self._images.get(image_key)

    def close(self) -> None:
        self.kill()
        self.database.close()


@contextmanager
def installed(size: str, folder: Path, *, workers: int = 1, **settings: str) -> Iterator[Installation]:
    """An installation of a size, ``embedded`` or ``distributed``; nothing runs yet, and nothing is left afterwards."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox())
        places = settings_for(sandbox.url, folder)
        if size == "distributed":
            places["DATABASE_URL"] = stack.enter_context(migrated_postgres())
            places["G2D_SECRET_KEY"] = SECRET_KEY
            places["REDIS_URL"] = stack.enter_context(redis_database())
        client = stack.enter_context(SandboxClient(sandbox.url, bot=BOT_ID))
        # Providers with a queue have each picture ready at the first look.
        client.call("PUT", "/router/_sandbox", json={"queue_polls": 0, "same_picture": True})
        made = Installation(client, places | settings, folder, workers=workers)
        stack.callback(made.close)
        yield made


def run_forked(command: str, settings: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, in a process that need not import anything."""
    with TemporaryDirectory() as outputs:
        said, errors = Path(outputs) / "said", Path(outputs) / "errors"
        process = forked.start([command], environment(settings), folder, said, errors)
        process.join(START_S)
        if process.exitcode is None:
            assert process.pid is not None
            os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f"g2d {command} did not end within {START_S} s")
        texts = said.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")
    print(texts[1])
    return subprocess.CompletedProcess([G2D, command], process.exitcode, *texts)


def run(command: str, settings: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end as an owner does, with all that a start takes."""
    done = subprocess.run(
        [G2D, command],
        check=False,
        capture_output=True,
        text=True,
        env=environment(settings),
        cwd=folder,
        timeout=START_S,
        stdin=subprocess.DEVNULL,
    )
    print(done.stderr)
    return done
