"""Files that people send, fetched from Telegram or out of the folder of a Bot API server in local mode."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from telegram import Bot, Message

from sandbox.client import Json, SandboxClient
from services.bot.telegram.files import Files, Sent, sent_with
from services.bot.telegram.local_files import find_in, is_local
from services.bot.telegram.transport import Transport
from shared.errors import (
    FileGone,
    FileNotUnderstood,
    FileOutOfReach,
    FileTooLarge,
    FileTooLargeToFetch,
    PictureUnreadable,
    ServiceUnreachable,
    TooMuchSent,
    UserError,
)
from shared.images import Images
from shared.jobs import Address, Sender
from shared.media_types import TEXT_BYTES, Purpose
from shared.store.database import Database
from shared.store.sent_files import MEGABYTE, SentFiles
from tests.builders import BOT
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
ON_ITS_DISK = f"/var/lib/telegram-bot-api/{TOKEN}/documents/file_0.txt"


@pytest.fixture
def file_id(sandbox: SandboxClient) -> str:
    """A file that Ada has sent."""
    sent = sandbox.say(sandbox.person("Ada"), document=b"a red fox", file_name="fox.txt")
    return str(sent["document"]["file_id"])


@asynccontextmanager
async def a_bot(sandbox: SandboxClient) -> AsyncIterator[Bot]:
    url = f"{sandbox.url}/telegram"
    # The library asks who it is before anything else.
    async with Bot(
        TOKEN, f"{url}/bot", f"{url}/file/bot", request=Transport(1), get_updates_request=Transport(1)
    ) as bot:
        yield bot


def read(sandbox: SandboxClient, file_id: str, tmp_path: Path, folder: Path | None = None) -> bytes:
    """Fetch a file as the bot does."""

    async def fetch() -> bytes:
        async with a_bot(sandbox) as bot:
            unused = SentFiles(Database("sqlite://"))
            return await Files(bot, Images(tmp_path.as_uri()), unused, folder).read(file_id)

    return asyncio.run(fetch())


def telegram_says(sandbox: SandboxClient, path: str) -> None:
    """Let getFile tell of a file under this path."""
    told: Json = {"file_id": "X", "file_unique_id": "Y", "file_size": 9, "file_path": path}
    sandbox.arm("telegram", path="/getFile$", times=None, status=200, reply={"ok": True, "result": told})


def a_server_s_folder(tmp_path: Path, content: bytes = b"a red fox") -> Path:
    """The folder of a local Bot API server, mounted elsewhere, with the file of ``ON_ITS_DISK`` in it."""
    folder = tmp_path / "mounted"
    file = folder / TOKEN / "documents/file_0.txt"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return folder


def told_the_owner(caplog: pytest.LogCaptureFixture) -> Json:
    """The fields of the one error that our own code has logged."""
    [told] = [vars(one) for one in caplog.records if one.levelno == logging.ERROR and one.name.startswith("services")]
    return told


class TestAFileOfTelegrams:
    def test_is_read(self, sandbox: SandboxClient, file_id: str, tmp_path: Path) -> None:
        assert read(sandbox, file_id, tmp_path) == b"a red fox"

    def test_that_telegram_has_no_more_is_gone(
        self, sandbox: SandboxClient, file_id: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        reply = {"ok": False, "error_code": 400, "description": "Bad Request: wrong file_id"}
        sandbox.arm("telegram", path="/getFile$", status=400, reply=reply)

        with pytest.raises(FileGone):
            read(sandbox, file_id, tmp_path)

        assert "file gone" in caplog.messages

    def test_that_is_not_at_its_address_once_is_looked_for_again(
        self, sandbox: SandboxClient, file_id: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.arm("telegram", path="/file/", status=404, reply="<html>404 Not Found</html>")

        assert read(sandbox, file_id, tmp_path) == b"a red fox"
        assert caplog.messages.count("file not found at its address") == 1

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_that_is_never_at_its_address_is_out_of_reach_and_the_owner_reads_why(
        self, sandbox: SandboxClient, file_id: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        sandbox.arm("telegram", path="/file/", times=None, status=status, reply="<html>no</html>")

        with pytest.raises(FileOutOfReach):
            read(sandbox, file_id, tmp_path)

        assert "TELEGRAM_API_URL" in told_the_owner(caplog)["to_do"]

    @pytest.mark.parametrize(
        "fault", [{"drop": "before"}, {"preset": "bad-gateway"}, {"status": 404, "reply": "<html>"}]
    )
    def test_is_asked_for_later_while_telegram_does_not_answer(
        self, sandbox: SandboxClient, file_id: str, tmp_path: Path, fault: Any
    ) -> None:
        sandbox.arm("telegram", path="/getFile$", **fault)

        with pytest.raises(ServiceUnreachable):
            read(sandbox, file_id, tmp_path)


class TestAFileOfALocalServer:
    @pytest.mark.parametrize("of_this_bot_alone", [False, True])
    def test_is_read_out_of_the_mounted_folder(
        self, sandbox: SandboxClient, tmp_path: Path, *, of_this_bot_alone: bool
    ) -> None:
        folder = a_server_s_folder(tmp_path)
        telegram_says(sandbox, ON_ITS_DISK)

        assert read(sandbox, "X", tmp_path, folder / TOKEN if of_this_bot_alone else folder) == b"a red fox"
        assert sandbox.journal("telegram", "/file/") == []

    def test_may_be_larger_than_we_take(self, sandbox: SandboxClient, tmp_path: Path) -> None:
        folder = a_server_s_folder(tmp_path, bytes(20 * 1024 * 1024 + 1))
        telegram_says(sandbox, ON_ITS_DISK)

        with pytest.raises(FileTooLargeToFetch):
            read(sandbox, "X", tmp_path, folder)

    @pytest.mark.parametrize("is_mounted", [False, True])
    def test_that_can_not_be_read_is_the_owner_s_to_mend(
        self, sandbox: SandboxClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, is_mounted: bool
    ) -> None:
        telegram_says(sandbox, ON_ITS_DISK)

        with pytest.raises(FileOutOfReach):
            read(sandbox, "X", tmp_path, tmp_path if is_mounted else None)

        told = told_the_owner(caplog)
        assert "G2D_BOT_API_FILES" in told["to_do"]
        assert told["file"] == "/var/lib/telegram-bot-api/TOKEN/documents/file_0.txt"


class TestTheFolder:
    @pytest.mark.parametrize("path", [ON_ITS_DISK, rf"C:\bots\{TOKEN}\documents\file_0.txt"])
    def test_has_the_file_under_the_end_of_its_path(self, tmp_path: Path, path: str) -> None:
        folder = a_server_s_folder(tmp_path)

        assert is_local(path)
        assert find_in(folder, path) == folder / TOKEN / "documents/file_0.txt"

    @pytest.mark.parametrize("path", ["photos/file_1.jpg", "documents/a:/b.txt"])
    def test_is_not_asked_for_a_path_that_is_no_absolute_one(self, path: str) -> None:
        assert not is_local(path)

    @pytest.mark.parametrize(
        "path", ["/srv/../secret.txt", "/srv/linked.txt", "/srv/linked/secret.txt", "/srv/no.txt", "/srv", "/", "/a\0b"]
    )
    def test_gives_nothing_that_is_outside_of_it(self, tmp_path: Path, path: str) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text("secret")
        folder = a_server_s_folder(tmp_path)
        (folder / "linked.txt").symlink_to(outside / "secret.txt")
        (folder / "linked").symlink_to(outside)

        assert find_in(folder, path) is None


class Store:
    """An image store, the record of what lies in it, and Ada, who sends files."""

    def __init__(self, sandbox: SandboxClient, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder / "images"
        self.database = Database(f"sqlite:///{folder / 'g2d.db'}")
        create_tables(self.database)
        self.record = SentFiles(self.database)
        self.ada = Sender(sandbox.person("Ada")["id"], "de")

    def keep(self, data: bytes, media_type: str, name: str = "file", purpose: Purpose = Purpose.TALK) -> str:
        """Let Ada send a file, and fetch it as a handler does."""
        document = self.sandbox.say({"id": self.ada.id}, document=data, file_name="f")["document"]
        sent = Sent(document["file_id"], media_type, name, len(data))

        async def fetch() -> str:
            async with a_bot(self.sandbox) as bot:
                files = Files(bot, Images(self.folder.as_uri()), self.record)
                return await files.keep(sent, purpose, Address(BOT, self.ada.id, 1), self.ada)

        return asyncio.run(fetch())

    def there(self) -> list[str]:
        return [str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file()]

    def asked_telegram(self) -> bool:
        return bool(self.sandbox.journal("telegram", "/getFile$"))


@pytest.fixture
def store(sandbox: SandboxClient, tmp_path: Path) -> Iterator[Store]:
    made = Store(sandbox, tmp_path)
    yield made
    made.database.close()


class TestKeeping:
    def test_is_for_what_is_of_use(self, store: Store) -> None:
        picture = io.BytesIO()
        PIL.Image.new("RGB", (8, 8)).save(picture, "PNG")

        key = store.keep(picture.getvalue(), "image/png", "fox.png", Purpose.PICTURE)

        assert store.there() == [key] == [f"sent/{store.ada.id}/1"]

    @pytest.mark.parametrize(
        ("data", "media_type", "name", "purpose", "error"),
        [
            (b"PK", "application/zip", "a.zip", Purpose.TALK, FileNotUnderstood),
            (b"PK", "text/plain", "a.zip", Purpose.TALK, FileNotUnderstood),
            (bytes(TEXT_BYTES + 1), "text/plain", "a.txt", Purpose.TALK, FileTooLarge),
            (b"<svg/>", "image/svg+xml", "a.svg", Purpose.PICTURE, PictureUnreadable),
        ],
    )
    def test_asks_telegram_for_nothing_that_is_told_to_be_of_none(
        self, store: Store, data: bytes, media_type: str, name: str, purpose: Purpose, error: type[UserError]
    ) -> None:
        with pytest.raises(error):
            store.keep(data, media_type, name, purpose)

        assert not store.asked_telegram()

    @pytest.mark.parametrize(
        ("media_type", "purpose", "error"),
        [("text/plain", Purpose.TALK, FileNotUnderstood), ("image/png", Purpose.PICTURE, PictureUnreadable)],
    )
    def test_leaves_nothing_of_what_only_says_that_it_is_of_use(
        self, store: Store, media_type: str, purpose: Purpose, error: type[UserError]
    ) -> None:
        with pytest.raises(error):
            store.keep(b"PK\x03\x04\x00", media_type, purpose=purpose)

        assert store.asked_telegram()
        assert store.there() == []

    def test_ends_where_a_person_has_sent_enough_and_tells_when_it_goes_on(self, store: Store) -> None:
        store.record.make_room("sent/7/99", store.ada, 200 * MEGABYTE)

        with pytest.raises(TooMuchSent) as refused:
            store.keep(b"a red fox", "text/plain")

        assert refused.value.values == {"most": 200, "time": "24 Std."}
        assert not store.asked_telegram()

    def test_does_not_count_what_telegram_does_not_give(self, store: Store) -> None:
        store.sandbox.arm("telegram", path="/getFile$", preset="bad-gateway")
        store.record.make_room("sent/7/99", store.ada, 199 * MEGABYTE)
        with pytest.raises(ServiceUnreachable):
            store.keep(b"a red fox" * 9, "text/plain")

        store.record.make_room("sent/7/98", store.ada, MEGABYTE)


@pytest.mark.parametrize("told", [-(2**63), -1, None])
def test_a_size_below_nothing_is_none(told: int | None) -> None:
    file = {"file_id": "x", "file_unique_id": "x", "file_size": told}
    message = Message.de_json(
        {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"}, "document": file}, None
    )
    sent = sent_with(message)

    assert sent is not None
    assert sent.size == 0
