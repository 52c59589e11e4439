"""The scripts that install and start the bot without make: tried on Linux, those for Windows read as cmd.exe would."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELL = ["install_linux.sh", "start.sh"]
BATCH = ["install_windows.bat", "start.bat"]
FOR_THE_SCRIPTS = [
    "services",
    "shared",
    "sandbox",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "install_linux.sh",
    "start.sh",
]
# What a person at a terminal has, and where this machine keeps packages; no setting of the bot.
KEPT = re.compile(r"PATH|HOME|LANG|TMPDIR|(PIP|UV|SSL)_\w+|XDG_CACHE_HOME|https?_proxy|HTTPS?_PROXY")


class TestShell:
    @pytest.mark.parametrize("script", SHELL)
    def test_shellcheck_finds_nothing(self, script: str) -> None:
        if shutil.which("shellcheck") is None:
            pytest.skip("shellcheck is not installed")

        done = subprocess.run(["shellcheck", script], cwd=ROOT, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stdout) == (0, "")

    @pytest.mark.parametrize("arguments", [["yes"], ["T", "no"]])
    def test_other_words_are_told_what_can_be_said(self, arguments: list[str]) -> None:
        done = subprocess.run(["./install_linux.sh", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

        assert done.returncode == 2
        assert "use a virtual environment" in done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds, as far as the scripts need it, and nothing installed."""
    made = tmp_path_factory.mktemp("clone")
    for name in [*FOR_THE_SCRIPTS, *(str(lock.relative_to(ROOT)) for lock in ROOT.glob("requirements*.lock"))]:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
            )
        else:
            shutil.copy2(ROOT / name, made / name)
    return made


def ran(folder: Path, *command: str, **variables: str) -> str:
    """What a script said that has to succeed."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    path = os.pathsep.join(one for one in kept["PATH"].split(os.pathsep) if "venv" not in one)
    environment = {**kept, "PATH": path, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestInstalling:
    def test_into_an_environment_that_is_made_anew(self, folder: Path) -> None:
        (folder / ".venv").mkdir()
        (folder / ".venv/left-over").touch()

        said = ran(folder, "./install_linux.sh", "T")

        assert said.splitlines() == [
            "Installing …",
            "Ready. ./start.sh demo shows the bot in a browser, without any key; ./start.sh runs it with yours.",
        ]
        assert not (folder / ".venv/left-over").exists()
        assert ran(folder, "./start.sh", "--version").startswith("g2d ")
        assert "--port" in ran(folder, "./start.sh", "demo", "--help")

        # Without an environment: into the Python that is named, here for brevity the one that was just made.
        (folder / ".venv").rename(folder / "python")
        ran(folder, "./install_linux.sh", "F", "F", PYTHON="python/bin/python")

        assert not (folder / ".venv").exists()


def lines_of(script: str) -> list[str]:
    return (ROOT / script).read_bytes().decode("ascii").split("\r\n")


class TestBatchFiles:
    @pytest.mark.parametrize("script", BATCH)
    def test_every_line_ends_as_windows_wants_it(self, script: str) -> None:
        assert b"\n" not in (ROOT / script).read_bytes().replace(b"\r\n", b"")

    @pytest.mark.parametrize("script", BATCH)
    def test_every_goto_has_its_label_and_every_label_its_goto(self, script: str) -> None:
        text = "\n".join(lines_of(script))

        wanted = set(re.findall(r"\bgoto (\w+)", text))
        assert wanted == set(re.findall(r"^:(\w+)", text, re.MULTILINE))

    @pytest.mark.parametrize("script", BATCH)
    def test_nothing_falls_through_into_a_message_of_failure(self, script: str) -> None:
        before = "exit /b"
        lines = lines_of(script)
        labels = [
            number for number, line in enumerate(lines) if line.startswith((":usage", ":no_", ":failed", ":not_"))
        ]

        assert labels
        assert [lines[number] for number in labels if not lines[number - 2].startswith(before)] == []

    def test_they_install_what_the_linux_one_installs(self) -> None:
        def installed(script: str) -> list[str]:
            text = (ROOT / script).read_text(encoding="utf-8").replace("\\", "/")
            return re.findall(r"(?:-r|--editable) (\S+)", text)

        assert installed("install_windows.bat") == installed("install_linux.sh")
