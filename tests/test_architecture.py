"""Which room knows which, and what no room does."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "services", "sandbox")
MAY_IMPORT_SANDBOX = {"services.cli", "services.demo"}


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


SOURCES = {module_name(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}
# Running it is what makes Alembic migrate; nobody imports it.
IMPORTABLE = [name for name in SOURCES if not name.startswith("shared.migrations.") and not name.endswith("__main__")]


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse(SOURCES[name].read_text(encoding="utf-8"))


@cache
def imports(name: str) -> frozenset[str]:
    """Every module that a module imports, wherever in its code."""
    return frozenset(_imports(name))


def _reads_wall_clock(name: str) -> bool:
    """Whether a module asks for the time of the machine that it runs on."""
    asked = {ast.unparse(node) for node in ast.walk(parsed(name)) if isinstance(node, ast.Attribute)}
    return not asked.isdisjoint({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"})


def _imports(name: str) -> Iterator[str]:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(of: str, *, within: str) -> set[str]:
    """Modules below ``within`` that import ``of`` or anything below it."""
    return {
        name for name in SOURCES if is_below(name, within) and any(is_below(imported, of) for imported in imports(name))
    }


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class TestArrows:
    def test_shared_knows_neither_the_services_nor_the_sandbox(self) -> None:
        assert importers("services", within="shared") == set()
        assert importers("sandbox", within="shared") == set()

    def test_the_services_do_not_know_each_other(self) -> None:
        assert importers("services.worker", within="services.bot") == set()
        assert importers("services.bot", within="services.worker") == set()

    def test_only_command_line_and_demo_know_the_sandbox(self) -> None:
        assert importers("sandbox", within="services") <= MAY_IMPORT_SANDBOX

    def test_the_sandbox_knows_no_service(self) -> None:
        """It stands in for others: it must not share our misunderstandings of them."""
        assert importers("services", within="sandbox") == set()
        assert importers("shared", within="sandbox") == set()

    def test_only_the_worker_knows_gemini(self) -> None:
        knowing = importers("google.genai", within="services") | importers("google.genai", within="shared")

        assert {name for name in knowing if not is_below(name, "services.worker.gemini")} == set()

    def test_only_the_bot_knows_telegram(self) -> None:
        knowing = importers("telegram", within="services") | importers("telegram", within="shared")

        assert {name for name in knowing if not is_below(name, "services.bot")} == set()

    def test_only_the_clock_asks_the_machine_what_time_it_is(self) -> None:
        """A machine's clock jumps. The doctor compares it with others', and files bear its times."""
        of_the_machine = {
            name for name in SOURCES if name.startswith(("services", "shared")) and _reads_wall_clock(name)
        }

        assert of_the_machine == {"shared.clock", "services.doctor.services", "services.health"}

    def test_only_the_store_speaks_sql(self) -> None:
        knowing = importers("sqlalchemy", within="services") | importers("sqlalchemy", within="shared")
        rooms = ("shared.store", "shared.migrations")

        outside = {name for name in knowing if not any(is_below(name, room) for room in rooms)}
        assert outside <= {"services.startup"}  # It tells an unreachable database from a bug.

    def test_only_the_worker_opens_keys(self) -> None:
        opening = {
            name
            for name in SOURCES
            for node in ast.walk(parsed(name))
            if isinstance(node, ast.Attribute) and node.attr == "decrypt"
        }

        assert {name for name in opening if not is_below(name, "services.worker")} <= {
            "shared.key_cipher",
            "shared.key_encryption",
        }

    def test_every_module_is_found(self) -> None:
        assert {"shared.store.jobs", "services.bot.app", "services.worker.app", "sandbox.app"} <= set(SOURCES)


# What each package of the bot may import of the others, lowest first: none imports one below it in this list.
BOT = {
    "texts": (),
    "telegram": ("texts",),
    "intake": ("texts", "telegram"),
    "access": ("texts", "telegram"),
    "budgets": ("texts", "telegram", "access"),
    "help": ("texts", "telegram", "access"),
    "owner": ("texts", "telegram", "access"),
    "settings": ("texts", "telegram", "intake"),
    "orders": (),
    "pictures": ("texts", "telegram", "budgets", "settings", "orders"),
    "chat": ("texts", "telegram", "budgets", "settings", "orders", "pictures"),
    "batches": ("texts", "telegram", "budgets", "settings", "pictures"),
    "queue": ("texts", "telegram", "help", "orders", "pictures", "chat", "batches"),
    "build": (
        *("telegram", "intake", "access", "budgets", "help", "owner", "settings"),
        *("orders", "pictures", "chat", "batches", "queue"),
    ),
    "routes": ("telegram", "intake", "access", "build"),
    "app": ("build", "routes"),
}
# The same of the worker.
WORKER = {
    "images": (),
    "gemini": (),
    "painters": ("images", "gemini"),
    "engine": (),
    "takers": (),
    "jobs": ("images", "gemini", "painters", "engine"),
    "housekeeping": (),
    "build": ("images", "gemini", "painters", "engine", "takers", "jobs", "housekeeping"),
    "app": ("build",),
}
MAX_ARROWS = {"services.bot": 60, "services.worker": 15}


def arrows(service: str) -> set[tuple[str, str]]:
    """Which package or file directly below a service imports which other one."""
    below = len(service) + 1
    return {
        (importer, imported)
        for name in SOURCES
        if is_below(name, service)
        for other in imports(name)
        if is_below(other, service)
        and (importer := name[below:].partition(".")[0])
        and (imported := other[below:].partition(".")[0])
        and importer != imported
    }


@pytest.mark.parametrize(("service", "allowed"), [("services.bot", BOT), ("services.worker", WORKER)])
class TestPackages:
    def test_each_imports_what_it_may_and_nothing_else(self, service: str, allowed: dict[str, tuple[str, ...]]) -> None:
        assert arrows(service) == {(name, other) for name, others in allowed.items() for other in others}

    def test_none_imports_upward(self, service: str, allowed: dict[str, tuple[str, ...]]) -> None:
        order = list(allowed)

        upward = {(name, other) for name, other in arrows(service) if order.index(other) >= order.index(name)}
        assert upward == set()

    def test_there_are_few_arrows(self, service: str, allowed: dict[str, tuple[str, ...]]) -> None:
        assert len(arrows(service)) <= MAX_ARROWS[service]
        assert {name for arrow in arrows(service) for name in arrow} <= set(allowed)


LONGEST_FUNCTION = 45  # lines, with its signature and docstring


class TestFunctions:
    def test_none_is_too_long(self) -> None:
        found = {
            f"{name}.{node.name}"
            for name in SOURCES
            if not is_below(name, "shared.migrations.versions")
            for node in ast.walk(parsed(name))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
        }

        assert found == set()


class TestTheEnvironment:
    def test_it_is_read_in_the_settings_alone(self) -> None:
        telling_a_library = {"services.bot"}  # It sets a switch of the Telegram library, and reads nothing.

        assert {name for name in SOURCES if touches_environment(name)} - telling_a_library == {"shared.settings"}


def touches_environment(name: str) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and is_environment(node))
        for node in ast.walk(parsed(name))
    )


def is_environment(node: ast.ImportFrom) -> bool:
    return bool({alias.name for alias in node.names} & {"environ", "getenv", "environb"})


# Watches what is done while every module is imported; SQLite's in-memory databases count as connections as well.
IMPORT_ALL = """
import importlib, sys
opened = []
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"}:
        opened.append((event, str(arguments)))
    if event == "open" and arguments[1] and set(arguments[1]) & set("wax+"):
        opened.append((event, str(arguments)))
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
    if opened:
        sys.exit(f"{name}: {opened}")
"""


class TestImporting:
    def test_it_opens_no_connection_and_writes_no_file(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-c", IMPORT_ALL, *IMPORTABLE],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize(
        ("doors", "later"),
        [
            ("services.cli", {"telegram", "google.genai", "celery", "sqlalchemy"}),
            ("services.runtime", {"telegram", "google.genai", "celery", "alembic", "psycopg"}),
            ("services.worker.app", {"telegram", "celery", "alembic", "psycopg"}),
            ("services.bot.app", {"google.genai", "celery", "alembic", "psycopg"}),
            ("services.runtime, services.batch_cli", {"telegram", "google.genai"}),
            ("services.bot.app, services.worker.app", {"matplotlib", "prometheus_client"}),
        ],
    )
    def test_it_loads_what_is_asked_for_alone(self, tmp_path: Path, doors: str, later: set[str]) -> None:
        code = f"import sys, {doors}; sys.exit(', '.join({later} & set(sys.modules)))"

        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert done.stderr.strip() == ""


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.endswith("__main__")])
def test_every_module_has_a_doorplate(name: str) -> None:
    """The first line of a module says what it holds; an empty ``__init__`` needs none."""
    tree = parsed(name)

    assert ast.get_docstring(tree) or not tree.body
