"""The command line: what it says of itself, and of settings that it can't work with."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services import cli, console
from services.importing import importing
from shared.settings import BotSettings, NetworkSettings, WorkerSettings

ROOT = Path(__file__).parents[1]
# Each command that reads settings and ends with 2 where they are wrong, with what it has to be given.
COMMANDS = [
    *("run", "bot", "worker", "batch ideas.txt --out pictures", "claim", "health", "migrate", "public-key", "samples"),
    *("admin users", "admin role 7 admin", "admin ban 7", "admin unban 7", "admin invite"),
]
TAKE_NONE = {"demo", "sandbox"}
# What somebody may write into a setting that can't be meant.
WRONG = {
    "TELEGRAM_BOT_TOKEN": "my-bot",
    "TELEGRAM_API_URL": "nonsense",
    "GOOGLE_API_KEY": "two words",  # pragma: allowlist secret
    "GOOGLE_GEMINI_BASE_URL": "nonsense",
    "HF_TOKEN": "two words",
    "HF_ROUTER_URL": "nonsense",
    "HF_ENDPOINTS": "nonsense",
    "HF_IMAGE_HOSTS": "ftp://nonsense",
    "DATABASE_URL": "nonsense",
    "REDIS_URL": "nonsense",
    "IMAGE_STORE_URL": "nonsense",
    "HTTPS_PROXY": "ftp://nonsense",
    "SSL_CERT_FILE": "not-there.pem",
    "G2D_DATA_DIR": "ideas.txt/below-a-file",
    "G2D_SECRET_KEY": "short",  # pragma: allowlist secret
    "G2D_LOG_FORMAT": "poem",
    "G2D_IMAGE_MODEL": "nonsense",
    "G2D_STYLES_FILE": "not-there.toml",
    "G2D_PRICES": "not-there.json",
    "G2D_OWNERS": "ada",
    "G2D_ACCESS": "everybody",
    "G2D_WORKER_SLOTS": "many",
    "G2D_METRICS_PORT": "70000",
    "G2D_MONEY_DAY": "-1",
    "G2D_OWNERS_FILE": "not-there",
}
KINDS = (BotSettings, WorkerSettings)
OF_ALL = ("DATABASE_URL", "G2D_DATA_DIR", "G2D_SECRET_KEY", "IMAGE_STORE_URL", "TELEGRAM_BOT_TOKEN")
OF_A_BATCH = ("DATABASE_URL", "IMAGE_STORE_URL", "G2D_WORKER_SLOTS")  # each reads a file first, which takes a while
FIRST = ("Please set REDIS_URL", "Please set GOOGLE_API_KEY and HF_TOKEN")  # is missing here, and told before others
SOUND = {
    "TELEGRAM_BOT_TOKEN": "4242:AAC-command-line-command-line-command",
    "GOOGLE_API_KEY": "own",  # pragma: allowlist secret
    "HF_TOKEN": "own",
}


@pytest.fixture(autouse=True)
def an_empty_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting from outside, sound ones for keys, and the umask as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    for kind in (*KINDS, NetworkSettings):
        for field in kind.model_fields.values():
            monkeypatch.delenv(str(field.validation_alias), raising=False)
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "ideas.txt").write_text("a fox\n", encoding="utf-8")
    umask = os.umask(0o077)
    yield
    os.umask(umask)


def said_by(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a command that must end with 2 as a terminal would; returns its lines."""
    monkeypatch.setattr(sys, "argv", ["g2d", *command.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.splitlines()


class TestItself:
    def test_it_tells_its_version(self) -> None:
        result = CliRunner().invoke(cli.app, ["--version"])

        assert (result.exit_code, result.output) == (0, f"g2d {version('gemini-to-diffusion')}\n")

    @pytest.mark.parametrize("command", ["", "batch", "admin", "admin users", "doctor"])
    @pytest.mark.parametrize("option", ["-h", "--help"])
    def test_each_command_tells_what_it_is_for(self, command: str, option: str) -> None:
        result = CliRunner().invoke(cli.app, [*command.split(), option])

        assert result.exit_code == 0
        assert "Usage: " in result.output


class TestItsEnd:
    @pytest.mark.parametrize(
        ("error", "status", "told"),
        [
            (SystemExit(2), 2, ""),
            (SystemExit(), 0, ""),
            (KeyboardInterrupt(), 130, ""),
            (OSError(errno.ENOSPC, "No space left on device"), 1, "g2d: No space left on device\n"),
            (PermissionError(errno.EACCES, "Permission denied", "p.jpg"), 1, "g2d: p.jpg: Permission denied\n"),
        ],
    )
    def test_is_told_without_a_traceback(
        self, error: BaseException, status: int, told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def command() -> None:
            raise error

        assert console.status_of(command) == status
        assert capsys.readouterr().err == told

    def test_by_a_bug_is_not_hidden(self) -> None:
        def command() -> None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", "locales/en.po")

        with pytest.raises(FileNotFoundError):
            console.status_of(command)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
    @pytest.mark.parametrize(
        ("command", "streams", "status", "told"),
        [
            ("run", "<&- >&-", 2, "Please set TELEGRAM_BOT_TOKEN"),
            ("batch ideas.txt --dry-run", ">/dev/full", 1, "No space left on device"),
            ("batch ideas.txt --dry-run", "| true", 0, "reads: a fox"),
        ],
    )
    def test_without_streams_that_can_be_used_is_told_all_the_same(
        self, command: str, streams: str, status: int, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TELEGRAM_BOT_TOKEN")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        program = f"{sys.executable} -c 'from services.console import main; main()' {command} {streams}"

        ended = subprocess.run(["sh", "-c", program], check=False, capture_output=True, text=True)

        assert ended.returncode == status
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "Exception ignored" not in ended.stderr


class TestAnInterrupt:
    @pytest.fixture(autouse=True)
    def _is_heard(self) -> Iterator[None]:
        """As in a terminal: a job in the background of a shell that knows no jobs is started deaf to it."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_of_an_import_is_heard_after_it(self) -> None:
        done = []

        def imports() -> None:
            with importing():
                signal.raise_signal(signal.SIGINT)
                done.append("all of it")

        with pytest.raises(KeyboardInterrupt):
            imports()

        assert done == ["all of it"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class TestSettings:
    def test_every_command_is_tried_here(self) -> None:
        names = {
            str(one.name or one.callback.__name__).replace("_", "-")
            for one in cli.app.registered_commands
            if one.callback
        }

        assert names - TAKE_NONE - {"doctor"} == {command.split(maxsplit=1)[0] for command in COMMANDS} - {"admin"}

    @pytest.mark.parametrize("command", COMMANDS)
    def test_that_are_wrong_are_a_line_with_the_name(
        self, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("G2D_LOG_LEVEL", "very-loud")

        said = said_by(command, monkeypatch, capsys)

        assert said[1:] == ["  G2D_LOG_LEVEL: is wrong: no such level; there are DEBUG, INFO, WARNING, ERROR"]

    @pytest.mark.parametrize("command", COMMANDS)
    def test_in_a_file_that_is_no_text_are_a_line_with_its_name(
        self, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path(".env").write_bytes(b"\x7fELF\x00\xff")

        said = said_by(command, monkeypatch, capsys)

        assert said[1:] == ["  .env: can't be read: .env is no text file (save it as UTF-8)"]


def pairs() -> Iterator[tuple[str, str]]:
    """Each command with the wrong settings that it reads: another one would begin to work, and not end."""
    of_bot, of_worker = ({str(one.validation_alias) for one in kind.model_fields.values()} for kind in KINDS)
    of_network = {str(one.validation_alias) for one in NetworkSettings.model_fields.values()}
    read_by = {"run": of_bot | of_worker, "bot": of_bot, "worker": of_worker, "batch": set(OF_A_BATCH), "claim": of_bot}
    for command in COMMANDS:
        read = read_by.get(command.partition(" ")[0])
        for setting in WRONG if read else OF_ALL:
            if read is None or setting.removesuffix("_FILE") in read or setting in read | of_network:
                yield command, setting


class TestAWrongSetting:
    @pytest.mark.timeout(60)
    @pytest.mark.parametrize(("command", "setting"), list(pairs()))
    def test_is_never_a_traceback(
        self, command: str, setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(setting, WRONG[setting])
        monkeypatch.setattr(sys, "stdin", io.StringIO())  # Nobody answers a question.
        monkeypatch.setattr(sys, "argv", ["g2d", *command.split()])

        with pytest.raises(SystemExit) as ended:
            cli.main()

        told = capsys.readouterr().err
        assert "Traceback" not in told
        assert len(told) < 600
        if command.partition(" ")[0] in {"run", "bot", "worker", "batch"}:
            assert ended.value.code == 2
            assert any(name in told for name in (setting, *FIRST))
        else:
            assert ended.value.code in {0, 1, 2}


class TestABatch:
    def test_without_keys_of_this_installation_says_which_are_missing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["g2d", "batch", "ideas.txt"])

        with pytest.raises(SystemExit) as ended:
            cli.main()

        assert ended.value.code == 2
        told = capsys.readouterr().err.splitlines()
        assert told[-1] == "Please set GOOGLE_API_KEY and HF_TOKEN to a key: `own` is for the people of a bot."

    def test_into_a_folder_that_cannot_be_made_says_so(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = said_by("batch ideas.txt --out ideas.txt", monkeypatch, capsys)

        assert said[-1] == "--out: the folder ideas.txt can't be made: File exists."


class TestAnEstimate:
    def test_tells_how_many_pictures_and_what_they_cost(self) -> None:
        Path("ideas.txt").write_text("{red,blue} fox --n 2 --model schnell\na boat\n", encoding="utf-8")

        result = CliRunner().invoke(cli.app, ["batch", "ideas.txt", "--dry-run"])

        assert result.exit_code == 0
        assert result.stdout.startswith("5 pictures of 3 ideas, for about $0.")
        assert not Path("pictures").exists()

    def test_shows_how_the_first_ideas_read(self) -> None:
        Path("ideas.txt").write_bytes("рыжая лиса\nкот\nпёс\nмышь\n".encode("cp1251"))

        told = CliRunner().invoke(cli.app, ["batch", "ideas.txt", "--dry-run"]).stderr.splitlines()

        assert [line for line in told if line.startswith("reads: ")] == [
            "reads: рыжая лиса",
            "reads: кот",
            "reads: пёс",
        ]
        assert any(line.startswith("note: ") and "рыжая лиса" in line for line in told)

    def test_counts_what_would_be_left_out(self) -> None:
        Path("ideas.txt").write_text("a fox\na boat --seed x\n", encoding="utf-8")

        result = CliRunner().invoke(cli.app, ["batch", "ideas.txt", "--dry-run", "--jsonl"])

        assert result.exit_code == 1
        told = json.loads(result.stdout)
        assert (told["ideas"], told["pictures"], told["left_out"]) == (1, 1, 1)
        assert 0 < told["dollars"] < 0.1
