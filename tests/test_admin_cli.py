"""``g2d admin`` and ``g2d claim``: who may use the bot, from a terminal."""

import json
import shutil
from collections.abc import Callable
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
from shared.store.jobs import Jobs
from tests.builders import an_attempt, submit_and_claim
from tests.days import within_a_day

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


class TestFigures:
    @pytest.fixture
    def use(self, folder: Path, tables: Path) -> Callable[[], None]:
        """Somebody has a picture made, the only one of this installation."""
        (folder / "data").mkdir()

        def use() -> None:
            shutil.copy(tables, folder / "data" / "g2d.db")
            with Database(f"sqlite:///{folder / 'data' / 'g2d.db'}") as database:
                paid = an_attempt(pictures=1, owner_pays=True, cost=25_000)
                Jobs(database).give_up(submit_and_claim(database), "no_credit", [paid])

        return use

    @within_a_day
    def test_of_some_days_are_told_and_drawn(self, folder: Path, use: Callable[[], None]) -> None:
        use()

        told = run("stats", "7", "--png", "chart.png", "--dark")
        read = json.loads(run("stats", "7", "--json").stdout)

        assert "$0.03" in told.stdout
        assert "failed, no_credit: 1" in told.stdout
        assert (len(read["days"]), read["total"]["pictures"], read["total"]["cost"]) == (7, 1, 25_000)
        assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG")

    def test_that_can_not_be_drawn_are_complained_of(self, use: Callable[[], None]) -> None:
        use()

        assert "nowhere/chart.png can't be written" in run("stats", "--png", "nowhere/chart.png").output

    def test_of_the_moment_are_told(self, use: Callable[[], None]) -> None:
        use()

        assert "failed, no_credit: 1 in the last hour, 1 in the last day" in run("status").stdout
        assert json.loads(run("status", "--json").stdout)["failed"] == {"no_credit": {"hour": 1, "day": 1}}

    @within_a_day
    def test_of_one_person_are_told(self, use: Callable[[], None]) -> None:
        use()

        assert "pictures today: 1 of 50, 49 left, anew in " in run("usage", "7").stdout
        assert json.loads(run("usage", "7", "--json").stdout)["limits"][0]["left"] == 49
        assert run("usage", "@nobody").exit_code == 1

    def test_of_messages_to_all_are_told(self, roles: Roles) -> None:
        roles.decide(Profile(8, "Bob"), Role.MEMBER, by=None)

        [sent] = answer("broadcast", "The bot rests.", "--yes")
        assert (sent["state"], sent["people"], sent["receipts"]) == ("running", 1, {"waiting": 1})
        assert run("broadcast", "Not this one").exit_code == 1
        [kept, stopped] = answer("broadcast", "--stop", "1")
        assert (kept["state"], stopped["state"]) == ("asked", "stopped")
        assert "Nothing with the number 1" in run("broadcast", "--stop", "1").output

    @within_a_day
    def test_of_the_limits_are_told(self, use: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_MONEY_MONTH", "0")
        use()

        told, read = run("budgets").stdout, json.loads(run("budgets", "--json").stdout)

        assert "G2D_MONEY_DAY: 30.0\nG2D_MONEY_MONTH: no limit\nspent today: $0.03" in told
        assert (read["limits"]["G2D_USER_PICTURES_DAY"], read["spent"]["day"]) == (50, 25_000)


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


class TestForgetting:
    def test_waits_for_a_worker_where_none_runs(self, roles: Roles) -> None:
        roles.note(Profile(7, "Ada"))

        done = run("forget", "7", "--yes", "--json")

        assert json.loads(done.stdout) == {"id": 7, "state": "queued", "deleted": {}}

    def test_is_of_people_alone(self, roles: Roles) -> None:
        assert run("forget", "--yes", "--", "-100").exit_code == 1
        assert run("forget", "@nobody", "--yes").exit_code == 1
