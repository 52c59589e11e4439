"""The command line: what it says of itself, and of settings that it can't work with."""

import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services import cli
from shared.settings import BotSettings, WorkerSettings

# Each command that reads settings and ends with 2 where they are wrong, with what it has to be given.
COMMANDS = [
    *("run", "bot", "worker", "batch ideas.txt --out pictures", "claim", "health", "migrate", "public-key"),
    *("admin users", "admin role 7 admin", "admin ban 7", "admin unban 7", "admin invite"),
]
TAKE_NONE = {"demo", "sandbox"}
SOUND = {
    "TELEGRAM_BOT_TOKEN": "4242:AAC-command-line-command-line-command",
    "GOOGLE_API_KEY": "own",  # pragma: allowlist secret
    "HF_TOKEN": "own",
}


@pytest.fixture(autouse=True)
def an_empty_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting from outside, sound ones for keys, and the umask as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    for kind in (BotSettings, WorkerSettings):
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


class TestSettings:
    def test_every_command_is_tried_here(self) -> None:
        names = {
            str(one.name or one.callback.__name__).replace("_", "-")
            for one in cli.app.registered_commands
            if one.callback
        }

        assert names - TAKE_NONE - {"doctor"} == {command.split()[0] for command in COMMANDS} - {"admin"}

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
