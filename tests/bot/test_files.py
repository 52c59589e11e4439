"""Files that people send, fetched from Telegram or out of the folder of a Bot API server in local mode."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from builders import BOT
from telegram import Bot

from sandbox.client import Json, SandboxClient
from services.bot.telegram.files import Files
from services.bot.telegram.local_files import find_in, is_local
from services.bot.telegram.transport import Transport
from shared.errors import FileGone, FileOutOfReach, FileTooLargeToFetch, ServiceUnreachable
from shared.images import Images

TOKEN = f"{BOT}:" + "a" * 35
ON_ITS_DISK = f"/var/lib/telegram-bot-api/{TOKEN}/documents/file_0.txt"


@pytest.fixture
def file_id(sandbox: SandboxClient) -> str:
    """A file that Ada has sent."""
    sent = sandbox.say(sandbox.person("Ada"), document=b"a red fox", file_name="fox.txt")
    return str(sent["document"]["file_id"])


def read(sandbox: SandboxClient, file_id: str, tmp_path: Path, folder: Path | None = None) -> bytes:
    """Fetch a file as the bot does."""

    async def fetch() -> bytes:
        url = f"{sandbox.url}/telegram"
        # The library asks who it is before anything else.
        bot = Bot(TOKEN, f"{url}/bot", f"{url}/file/bot", request=Transport(1), get_updates_request=Transport(1))
        async with bot:
            return await Files(bot, Images(tmp_path.as_uri()), folder).read(file_id)

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
