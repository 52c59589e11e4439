"""Each block of commands in README and docs works: it is run here, or each of its lines is parsed by what would run it.

A line that no rule knows fails, until it has a rule or stands in ``NOT_TRIED`` with the reason.
"""

import csv
import importlib.util
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from sandbox.client import SandboxClient
from services import cli
from shared.batches import COLUMNS
from tests.test_documents import DOCUMENTS, ROOT

NO_COMMANDS = {"", "mermaid"}  # a drawing
NOT_TRIED = {
    r"git clone .*": "fetches a repository, whose address the reader knows",
    r"git pull": "the same",
    r"git checkout VERSION": "needs that version",
    r"mv data data-newer": "needs a record; tests/end_to_end/test_backup.py restores one",
    r"docker volume rm g2d_postgres": "needs an engine",
    r"install -d -m 700 /etc/g2d": "writes outside the checkout",
    r"cd .*": "enters what was fetched",
    r"useradd .*": "makes a user of the machine",
    r"install -d -m 700 -o g2d .*": "needs that user",
    r"install -m 600 -o g2d .*": "needs that user",
    r"kubectl create namespace g2d": "needs a cluster; tests/test_kubernetes.py checks what is applied",
    r"kubectl (wait|logs) .*": "needs a cluster",
    r"docker compose exec -T postgres (pg_dump|pg_restore) .*": "needs Postgres in a container",
    r"[A-Z0-9_]+=postgresql://\S+": "a setting, not a command; docs/settings.md names it",
    r"docker buildx build .*": "needs an engine with emulation of other processors",
}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COMPOSE_OPTIONS = {
    "up": {"--build", "--detach", "--wait"},
    "exec": {"-T"},
    "run": {"--rm", "--no-deps", "-T", "--entrypoint"},
    "stop": set(),
    "down": {"--volumes"},
}


@dataclass(frozen=True)
class Block:
    """A block of code: its document, the line at which it begins, its language and what it holds."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[str]:
        """One command a line, without comments; a loop of the shell is one."""
        text = re.sub(r"^for .*?^done", "for …", self.text, flags=re.MULTILINE | re.DOTALL)
        lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
        return [command for line in lines if line for command in line.split(" && ")]


def blocks() -> list[Block]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        matches = re.finditer(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        found += [Block(document, text[: match.start()].count("\n") + 1, match[1], match[2]) for match in matches]
    return found


def make(words: list[str]) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert words[1] in targets
    given = shlex.split(" ".join(word.removeprefix("ARGS=") for word in words[2:]))
    has_options(given, ROOT / "tests" / words[1])


def has_options(given: list[str], folder: Path) -> None:
    """Each option of a command is named in the folder whose program reads it."""
    source = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    assert [option for option in given if option.startswith("--") and f'"{option}"' not in source] == []


def g2d(words: list[str]) -> None:
    """Let the real parser read the command, behind variables of the environment."""
    named = next(place for place, word in enumerate(words) if "=" not in word)
    command, rest = get_command(cli.app), words[named + 1 :]
    while rest[:1] and rest[0] in (commands := getattr(command, "commands", {})):
        command = commands[rest.pop(0)]
    command.make_context("g2d", rest)


def benchmark(words: list[str]) -> None:
    assert importlib.util.find_spec(words[2]) is not None
    has_options(words[3:], ROOT / "benchmarks")


def compose(words: list[str]) -> None:
    rest = words[2:]
    while rest[0] in {"-f", "--profile"}:
        if rest[0] == "-f":
            assert (ROOT / rest[1]).exists()
        rest = rest[2:]
    options = COMPOSE_OPTIONS[rest[0]]
    given = rest[1:]
    while given and given[0].startswith("-"):
        option = given.pop(0)
        assert option in options
        if option == "--entrypoint":
            given.pop(0)
    if not given or given[0].startswith("<"):
        return
    assert given[0] in COMPOSE["services"]
    inside = [word for word in given[1:] if word[0] not in "<>"]
    if inside[:1] == ["g2d"]:
        g2d(inside)
    elif rest[0] == "run" and "--entrypoint" not in rest:
        g2d(["g2d", *inside])


def kubectl_apply(words: list[str]) -> None:
    documents = yaml.safe_load_all((ROOT / words[3]).read_text(encoding="utf-8"))
    assert all(document["kind"] for document in documents)


def public_key(words: list[str]) -> None:
    inside = re.search(r"\$\((.*)\)", " ".join(words))
    assert inside is not None
    compose(inside[1].split())


RULES: dict[str, Callable[[list[str]], None]] = {
    r"make [a-z]+( ARGS=.*)?": make,
    r"([A-Z_]+=\S+ )*(\.venv/bin/)?g2d .*": g2d,
    r"\.venv/bin/python -m benchmarks\..*": benchmark,
    r'echo "G2D_PUBLIC_KEY=.*': public_key,
    r"docker compose .*": compose,
    r"kubectl apply .*": kubectl_apply,
}
# What TestRun runs, in the shell.
RUN = (
    r"for …",
    r"umask 077",
    r"install -m 600 \.env\.example \.env",
    r"\.venv/bin/python -c .*VACUUM INTO.*",
    r"tar -[cx]zf images-backup\.tar\.gz .*",
    r"install -m 600 \S+ \S+",
    r"install -d -m 700 data",
)


def tried(command: str) -> None:
    """Try one command, or know why not."""
    if any(re.fullmatch(pattern, command) for pattern in (*NOT_TRIED, *RUN)):
        return
    rule = next((check for pattern, check in RULES.items() if re.fullmatch(pattern, command)), None)
    assert rule is not None, f"no rule knows {command!r}: give it one, or a reason in NOT_TRIED"
    rule(shlex.split(command) if '"$(' not in command else command.split())


class TestEachBlock:
    @pytest.mark.parametrize("block", [one for one in blocks() if one.language == "sh"], ids=str)
    def test_of_commands_is_understood(self, block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("ideas.csv", "ideas.txt"):
            (tmp_path / name).touch()

        for command in block.commands():
            tried(command)

    def test_of_another_language_is_read_by_what_reads_it(self) -> None:
        readers = {"yaml": yaml_block, "csv": csv_block, "python": python_block, "ini": unit_block}

        for block in blocks():
            if block.language not in NO_COMMANDS | {"sh"}:
                readers[block.language](block)

    def test_has_a_reason_that_is_still_needed(self) -> None:
        commands = [command for block in blocks() if block.language == "sh" for command in block.commands()]

        unused = [one for one in (*NOT_TRIED, *RUN) if not any(re.fullmatch(one, command) for command in commands)]
        assert unused == []


def yaml_block(block: Block) -> None:
    assert yaml.safe_load(block.text)["services"].keys() <= COMPOSE["services"].keys()


def csv_block(block: Block) -> None:
    head, *rows = csv.reader(block.text.splitlines())
    assert set(head) <= set(COLUMNS)
    assert {len(row) for row in rows} == {len(head)}


def python_block(block: Block) -> None:
    compile(block.text, str(block), "exec")
    called = set(re.findall(r"people\.(\w+)\(", block.text))
    assert called - set(dir(SandboxClient)) == set()


def unit_block(block: Block) -> None:
    start = re.search(r"^ExecStart=\S+/(g2d .*)$", block.text, re.MULTILINE)
    assert start is not None
    g2d(start[1].split())
    assert {"Wants=network-online.target", "After=network-online.target", "StartLimitIntervalSec=0"} <= set(
        block.text.splitlines()
    )


def run(folder: Path, commands: str) -> None:
    """Run lines of a document in a folder, as a shell does that stops at the first failure."""
    done = subprocess.run(["bash", "-euc", commands], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def block_with(name: str, text: str) -> str:
    """The one block of a document that holds a text."""
    [found] = [block.text for block in blocks() if block.document.name == name and text in block.text]
    return found


class TestRun:
    @pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
    def test_the_secrets_of_an_installation_are_made(self, readme: str, tmp_path: Path) -> None:
        shutil.copy(ROOT / ".env.example", tmp_path)

        run(tmp_path, block_with(readme, "for name in").replace("docker compose up", "true"))

        made = dict(
            re.findall(r"^(G2D_SECRET_KEY|\w+_PASSWORD)=(\S{40,})$", (tmp_path / ".env").read_text(), re.MULTILINE)
        )
        assert made.keys() == {"G2D_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600

    def test_a_backup_of_one_process_comes_back(self, tmp_path: Path) -> None:
        old, new = tmp_path / "old", tmp_path / "new"
        (old / "data/images").mkdir(parents=True)
        (old / "data/images/1.jpg").write_bytes(b"picture")
        (old / "data/secret.key").write_text("secret")
        (old / ".venv/bin").mkdir(parents=True)
        (old / ".venv/bin/python").symlink_to(sys.executable)
        with sqlite3.connect(old / "data/g2d.db") as database:
            database.execute("CREATE TABLE jobs (id INTEGER)")
            database.execute("INSERT INTO jobs VALUES (7)")
        database.close()

        run(old, block_with("operations.md", "VACUUM INTO"))
        new.mkdir()
        for name in ("g2d-backup.db", "images-backup.tar.gz", "secret-backup.key"):
            shutil.copy(old / name, new)
        run(new, block_with("operations.md", "install -m 600 g2d-backup.db"))

        database = sqlite3.connect(new / "data/g2d.db")
        assert database.execute("SELECT id FROM jobs").fetchall() == [(7,)]
        database.close()
        assert (new / "data/images/1.jpg").read_bytes() == b"picture"
        assert (new / "data/secret.key").read_text() == "secret"
        assert (new / "data/secret.key").stat().st_mode & 0o777 == 0o600
