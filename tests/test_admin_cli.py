"""``g2d admin`` and ``g2d claim``: who may use the bot, from a terminal."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sandbox.app import Sandbox
from services.cli import app
from shared.access import Profile, Role
from shared.migrations import migrate
from shared.store.access import Roles
from shared.store.access_links import AccessLinks, LinkKind
from shared.store.database import Database

BOT = 42
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh installation's folder, whose bot does not run and whose Telegram is away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", f"{BOT}:{'a' * 35}")
    monkeypatch.setenv("TELEGRAM_API_URL", NOWHERE)
    for name in ("DATABASE_URL", "REDIS_URL", "G2D_DATA_DIR", "G2D_OWNERS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables; making them takes longer than the tests."""
    file = tmp_path_factory.mktemp("sqlite") / "g2d.db"
    with Database(f"sqlite:///{file}") as made:
        migrate(made)
    return file


@pytest.fixture
def roles(folder: Path, tables: Path) -> Roles:
    (folder / "data").mkdir()
    shutil.copy(tables, folder / "data" / "g2d.db")
    return Roles(Database(f"sqlite:///{folder / 'data' / 'g2d.db'}"), BOT)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["admin", *words] if words[0] != "claim" else list(words))


def answer(*words: str) -> list[dict[str, object]]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


class TestPeople:
    def test_get_roles_by_id_and_by_name(self, roles: Roles) -> None:
        roles.note(Profile(8, "Bob", "bobby"))

        assert answer("role", "7", "owner")[0]["role"] == "owner"
        assert answer("role", "@Bobby", "admin")[0]["id"] == 8

        assert [(one["id"], one["role"]) for one in answer("users")] == [(7, "owner"), (8, "admin")]
        assert [one["username"] for one in answer("users", "bob")] == ["bobby"]

    def test_are_blocked_and_let_in_again(self, roles: Roles) -> None:
        assert answer("ban", "7")[0]["role"] == "blocked"
        assert answer("unban", "7")[0]["role"] == "member"

    def test_are_listed_in_words_too(self, roles: Roles) -> None:
        roles.decide(Profile(7, "Ada", "ada"), Role.OWNER, by=None)

        assert run("users").stdout.split() == ["7", "owner", "Ada", "@ada"]

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["ban", "@nobody"], "has not met"),
            (["ban", "somebody"], "has not met"),
            (["ban", "0"], "has not met"),
            (["role", "--", "-5", "admin"], "A group can be"),
            (["invite", "0"], "g2d admin invite 5 7d"),
        ],
    )
    def test_that_make_no_sense_are_complained_of(self, roles: Roles, words: list[str], complaint: str) -> None:
        done = run(*words)

        assert done.exit_code == 1
        assert complaint in done.output

    def test_keep_the_last_owner(self, roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
        answer("role", "7", "owner")
        assert "Nobody else owns this bot" in run("ban", "7").output

        monkeypatch.setenv("G2D_OWNERS", "9")
        assert "G2D_OWNERS names this owner" in run("ban", "9").output


class TestLinks:
    def test_name_the_bot_and_open(self, roles: Roles, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        links = AccessLinks(Database(f"sqlite:///{folder / 'data' / 'g2d.db'}"), BOT, roles)
        with Sandbox() as sandbox:
            monkeypatch.setenv("TELEGRAM_API_URL", f"{sandbox.url}/telegram")
            claimed, invited = run("claim").stdout.strip(), json.loads(run("invite", "5", "2h", "--json").stdout)

        assert claimed.startswith("https://t.me/")
        assert (invited["uses"], invited["lasts_s"]) == (5, 7_200)
        for kind, link in ((LinkKind.CLAIM, claimed), (LinkKind.INVITE, invited["link"])):
            code = link.rpartition(f"?start={kind}-")[2]
            assert links.redeem(kind, code, Profile(len(link), "Somebody")) is not None

    def test_are_commands_where_telegram_is_away(self, folder: Path) -> None:
        assert "write to the bot: /start claim-" in run("claim").stdout

    def test_make_no_second_owner(self, roles: Roles) -> None:
        roles.decide(Profile(7, "Ada"), Role.OWNER, by=None)

        done = run("claim")

        assert done.exit_code == 1
        assert "has an owner already" in done.output
