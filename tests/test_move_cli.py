"""``g2d move``: the record and the pictures go elsewhere from a terminal, while nothing runs."""

from datetime import timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from services.cli import app
from shared.images import Images
from shared.jobs import Image
from shared.migrations import migrate
from shared.settings import SettingsError
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.workers import Workers
from tests.builders import submit_and_finish
from tests.servers import bucket_server, postgres_database

BOT = 42
BUCKET = "s3://pictures/of/the-bot"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The record of a fresh installation in a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", f"{BOT}:{'a' * 35}")
    for name in ("DATABASE_URL", "REDIS_URL", "G2D_DATA_DIR", "IMAGE_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data").mkdir()
    made = Database(f"sqlite:///{tmp_path / 'data' / 'g2d.db'}")
    migrate(made)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["move", *words])


class TestTheRecord:
    @pytest.mark.distributed
    def test_is_the_same_in_postgres(self, database: Database) -> None:
        job = submit_and_finish(database, idea="a red fox")
        with postgres_database() as url:
            done = run("--to", url)

            assert done.exit_code == 0, done.output
            assert "jobs: 1 rows, checksum " in done.output
            with Database(url.replace("postgresql://", "postgresql+psycopg://", 1)) as moved:
                assert Jobs(moved).read(job.id) == job
            assert run("--to", url).exit_code == 0

    def test_stays_where_the_new_database_does_not_answer(self, database: Database) -> None:
        done = run("--to", "postgresql://nobody@127.0.0.1:9/none")

        assert isinstance(done.exception, SettingsError)
        assert str(done.exception).startswith("--to: the new database can't be used: connection failed: ")

    def test_stays_while_a_process_uses_the_folder(self, database: Database) -> None:
        with FileLock("data/g2d.lock"):
            done = run("--to", "postgresql://nobody@127.0.0.1:9/none")

        assert isinstance(done.exception, SettingsError)
        assert "stop it first" in str(done.exception)

    def test_stays_while_a_worker_lives(self, database: Database) -> None:
        Workers(database).beat("worker", 8, lease=timedelta(minutes=1), lock_key=None)

        done = run("--to", "postgresql://nobody@127.0.0.1:9/none")

        assert "stop all services first" in str(done.exception)

    def test_goes_to_postgres_alone(self, database: Database) -> None:
        assert "--to: write postgresql://" in str(run("--to", "mysql://x").exception)


class TestPictures:
    def test_are_the_same_in_the_other_store_and_stay_where_they_were(self, database: Database, tmp_path: Path) -> None:
        here, there = Images((tmp_path / "data" / "images").as_uri()), (tmp_path / "there").as_uri()
        keys = [here.put(number, Image(b"a fox" * number, "image/png", 1, 1)) for number in range(1, 4)]
        here.keep_sent("sent/7/1", b"a file")

        done = run("images", "--to", there)

        assert done.exit_code == 0, done.output
        assert "4 copied" in done.output
        assert [Images(there).get(key) for key in keys] == [here.get(key) for key in keys]
        assert Images(there).get("sent/7/1") == b"a file"

    def test_that_are_there_already_are_compared_and_mended(self, database: Database, tmp_path: Path) -> None:
        here, there = Images((tmp_path / "data" / "images").as_uri()), Images((tmp_path / "there").as_uri())
        keys = [here.put(number, Image(b"a fox", "image/png", 1, 1)) for number in range(1, 4)]
        there.keep_sent(keys[0], b"a fox")
        there.keep_sent(keys[1], b"a f")  # broken off

        done = run("images", "--to", (tmp_path / "there").as_uri())

        assert "2 copied" in done.output
        assert "1 there already" in done.output
        assert {there.get(key) for key in keys} == {b"a fox"}

    def test_go_into_a_bucket_and_back(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = Images((tmp_path / "data" / "images").as_uri())
        keys = [here.put(number, Image(b"a fox" * number, "image/png", 1, 1)) for number in range(1, 4)]
        here.keep_sent("sent/7/1", b"a file")
        with bucket_server(tmp_path / "server") as environment:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            there = Images(BUCKET)
            there.keep_sent(keys[0], b"a f")  # broken off

            done = run("images", "--to", BUCKET)
            again = run("images", "--to", BUCKET)

            assert "4 copied" in done.output, done.output
            assert "0 copied" in again.output
            assert [there.get(key) for key in keys] == [here.get(key) for key in keys]
            monkeypatch.setenv("IMAGE_STORE_URL", BUCKET)
            back = run("images", "--to", (tmp_path / "back").as_uri())

        assert "4 copied" in back.output, back.output
        assert sorted(Images((tmp_path / "back").as_uri()).keys()) == sorted(here.keys())
