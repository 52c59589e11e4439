"""A whole bot whose handlers get updates directly: no network, no rounds, its record in SQLite, Telegram in memory.

``Stage.handle`` gives an update to the handlers as the poller would, and tells what came of it: calls to Telegram, and
which rows changed. ``Stage.reset`` puts record and Telegram back to where the scene began.
"""

import asyncio
import copy
import json
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from cryptography.fernet import Fernet
from telegram import Update
from telegram.ext import ContextTypes
from telegram.request import BaseRequest, RequestData

from sandbox.bodies import Upload
from sandbox.journal import Changes
from sandbox.telegram.api import BotApi, Call
from sandbox.telegram.errors import ApiError
from sandbox.telegram.world import Chat, World
from services.bot.app import Bot
from services.bot.intake.annotations import Notes
from services.bot.intake.key_redaction import redact_update
from services.bot.intake.poller import parse, raw_update, redacted
from services.bot.telegram.flood_limit import FloodLimit
from shared.key_cipher import KeyCipher
from shared.settings import BotSettings
from shared.store.database import Database
from shared.store.updates import RawUpdate
from shared.tickets import LocalTickets
from tests.sqlite_tables import create_tables

BOT = 4242
TOKEN = f"{BOT}:{'a' * 35}"
ASKING = {"getChatAdministrators", "getChat", "getFile"}  # calls that change nothing anywhere
Rows = dict[tuple[str, Any], dict[str, Any]]
T = TypeVar("T")


class Unlimited(FloodLimit):
    """Lets every call through at once: what is tested here is which calls there are, not when."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Any:
        return await callback(*args, **kwargs)


class Loopback(BaseRequest):
    """Carries the library's calls to the sandbox's Telegram inside this process, and keeps them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.world = World(Changes())

    @property
    def read_timeout(self) -> float:
        return 1.0

    async def initialize(self) -> None:
        return

    async def shutdown(self) -> None:
        return

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *args: Any, **kwargs: Any
    ) -> tuple[int, bytes]:
        del args, kwargs
        name = url.rpartition("/")[2]
        values = dict(request_data.json_parameters) if request_data else {}
        files = request_data.multipart_data if request_data else {}
        uploads = {field: Upload(name, kind, bytes(content)) for field, (name, content, kind) in files.items()}
        if "/file/" in url:
            return await self._download(url)
        self.calls.append((name, values))
        try:
            call = Call(self.world, self.world.bot_of_token(TOKEN), name, values, uploads)
            return 200, json.dumps({"ok": True, "result": await BotApi(self.world).run(call)}).encode()
        except ApiError as error:
            body = {"ok": False, "error_code": error.code, "description": error.description}
            return error.code, json.dumps(body | {"parameters": error.parameters}).encode()

    async def _download(self, url: str) -> tuple[int, bytes]:
        file = self.world.files.find_path(unquote(url).partition(TOKEN + "/")[2])
        content = await self.world.files.content(file) if file is not None else None
        return (200, content) if content is not None else (404, b'{"ok": false, "description": "Not Found"}')


@dataclass(frozen=True)
class Outcome:
    """What an update came to."""

    calls: list[tuple[str, dict[str, Any]]]
    before: Rows = field(repr=False)
    after: Rows = field(repr=False)

    @property
    def answer(self) -> dict[str, Any]:
        """The answer to the press; empty where there was none."""
        return next((values for name, values in self.calls if name == "answerCallbackQuery"), {})

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls that show or change something, beside the answer to the press."""
        return [one for one in self.calls if one[0] not in ASKING | {"answerCallbackQuery"}]

    @property
    def changed(self) -> dict[tuple[str, Any], dict[str, Any]]:
        """Rows that are new or other than before, as they are now; those that are gone, as they were."""
        gone = {key: row for key, row in self.before.items() if key not in self.after}
        return gone | {key: row for key, row in self.after.items() if self.before.get(key) != row}


class Stage:
    """The bot, its record, and Telegram."""

    token = TOKEN

    def __init__(self, folder: Path, **settings: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.file = folder / "g2d.db"
        self.cipher = KeyCipher(Fernet.generate_key().decode())
        self.telegram = Loopback()
        self.database = Database(f"sqlite:///{self.file}")
        create_tables(self.database)
        values = {"TELEGRAM_BOT_TOKEN": TOKEN, "G2D_DATA_DIR": str(folder), "G2D_ACCESS": "open"} | settings
        self.settings = BotSettings.model_validate(values)
        self._reader = sqlite3.connect(self.file, isolation_level=None)
        self._reader.row_factory = sqlite3.Row
        self._beginning = sqlite3.connect(":memory:")
        self._errors: list[Exception] = []
        self.run(self._build())

    async def _build(self) -> None:
        self.bot = bot = Bot(self.settings, self.database, LocalTickets())
        self.application = bot._application
        telegram = self.application.bot
        telegram._request = (self.telegram, self.telegram)
        telegram._rate_limiter = Unlimited()
        self.application.add_error_handler(self._failed)
        await self.application.initialize()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self._reader.close()
        self._beginning.close()
        self.database.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def begin(self) -> None:
        """Take things as they are now as the beginning."""
        self._reader.backup(self._beginning)
        self._said = [(chat, copy.deepcopy(chat.posts)) for chat in self.chats()]

    def reset(self) -> None:
        """Put record and Telegram back to the beginning."""
        self._beginning.backup(self._reader)
        for chat, posts in self._said:
            chat.posts = copy.deepcopy(posts)

    def chats(self) -> list[Chat]:
        """Every chat that Telegram knows."""
        return [*self.telegram.world.groups.values(), *self.telegram.world.bot(BOT).private_chats.values()]

    def handle(self, body: dict[str, Any]) -> Outcome:
        """Give the handlers an update as Telegram sends it, sealed as the poller does.

        Raises:
            Exception: What a handler failed with.
        """
        update = Update.de_json(redact_update(body, self.cipher, BOT), self.application.bot)
        assert update is not None
        return self._handle(update)

    def feed(self, body: dict[str, Any]) -> tuple[RawUpdate, Outcome | None]:
        """Take an update in as the poller does, whatever its form; returns what is written down of it.

        Raises:
            Exception: What a handler failed with.
        """
        [(number, sealed)] = redacted([body], self.cipher, BOT).items()
        update = parse(number, sealed, self.application.bot)
        raw = raw_update(number, sealed, Notes(), readable=update is not None)
        return raw, None if update is None else self._handle(update)

    def _handle(self, update: Update) -> Outcome:
        self.telegram.calls = []
        before = self.rows()
        self._errors.clear()
        self.run(self.application.process_update(update))
        for error in self._errors:
            raise error
        return Outcome(self.telegram.calls, before, self.rows())

    async def _failed(self, _: object, context: ContextTypes.DEFAULT_TYPE) -> None:
        if context.error is not None:
            self._errors.append(context.error)

    def rows(self) -> Rows:
        """All rows of the record, by table and key."""
        names = [
            row["name"]
            for row in self._reader.execute(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            )
        ]
        return {
            (name, row["_number"]): dict(row)
            for name in names
            for row in self._reader.execute(f"SELECT rowid AS _number, * FROM {name}")
        }
