"""From nothing to the present schema and back, on both databases."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from shared.errands import ErrandKind
from shared.errors import StoreAway
from shared.jobs import Address, Picture, Request, Sender
from shared.migrations import SCHEMA, config, is_current, migrate, revisions
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.sent_files import SentFiles
from shared.store.tables import metadata
from tests import sqlite_schema
from tests.builders import BOT, claim, claim_errand
from tests.servers import postgres_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of either kind without any table."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'g2d.db'}")
        yield made
        made.close()
        return
    with postgres_database() as url:
        made = Database(url.replace("postgresql://", "postgresql+psycopg://", 1))
        yield made
        made.close()


def tables_of(database: Database) -> set[str]:
    with database.reading() as connection:
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
        return {name for name in names if not is_of_full_text(name)}


def is_of_full_text(name: str | None) -> bool:
    """Whether something is the index of search terms; in SQLite that is a table, with others that belong to it."""
    return (name or "").startswith("picture_terms_index")


def downgrade(database: Database, revision: str) -> None:
    with database.writing() as connection:
        command.downgrade(config(connection), revision)


class TestMigrations:
    def test_a_bare_database_is_not_current_and_a_migrated_one_is(self, bare: Database) -> None:
        assert not is_current(bare)

        migrate(bare)

        assert is_current(bare)

    def test_migrations_and_tables_have_not_drifted_apart(self, bare: Database) -> None:
        migrate(bare)

        with bare.reading() as connection:
            known = {"include_object": lambda _, name, *__: not (bare.is_sqlite and is_of_full_text(name))}
            opts = {"compare_server_default": not bare.is_sqlite, **known}
            context = MigrationContext.configure(connection, opts=opts)
            assert compare_metadata(context, metadata) == []

    def test_a_second_time_changes_nothing(self, bare: Database) -> None:
        migrate(bare)
        migrate(bare)

        assert tables_of(bare) == set(metadata.tables)

    def test_every_step_can_be_taken_back(self, bare: Database) -> None:
        migrate(bare)
        steps = list(ScriptDirectory.from_config(config()).walk_revisions())

        for step in steps:
            assert step.revision is not None
            downgrade(bare, "-1")
        assert tables_of(bare) == set()

        migrate(bare)
        assert tables_of(bare) == set(metadata.tables)

    def test_a_new_database_of_sqlite_is_what_all_steps_come_to(self, tmp_path: Path) -> None:
        assert SCHEMA.read_text(encoding="utf-8") == sqlite_schema.schema(), "please run `make schema`"

        with Database(f"sqlite:///{tmp_path / 'g2d.db'}") as database:
            migrate(database)
            with database.reading() as connection:
                made = sqlite_schema.statements(connection)
                [revision] = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()

        assert "\n\n".join(made) + "\n" == SCHEMA.read_text(encoding="utf-8")
        assert revision == ScriptDirectory.from_config(config()).get_current_head()

    def test_there_is_one_newest_step(self) -> None:
        assert len(ScriptDirectory.from_config(config()).get_heads()) == 1

    def test_files_are_named_for_their_steps_in_order(self) -> None:
        steps = ScriptDirectory.from_config(config()).walk_revisions()

        assert revisions() == tuple(step.revision for step in steps)[::-1]

    def test_several_processes_may_migrate_at_once(self, bare: Database) -> None:
        url = bare.engine.url.render_as_string(hide_password=False)
        code = (
            "import sys; from shared.migrations import migrate; from shared.store.database import Database;"
            "database = Database(sys.argv[1]); sys.stdin.read(1); migrate(database); database.close()"
        )
        root = Path(__file__).parents[2]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, url],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": str(root)},
            )
            for _ in range(2)
        ]

        errors = [process.communicate(b"!")[1].decode() for process in processes]

        assert [process.returncode for process in processes] == [0, 0], errors
        assert is_current(bare)
        assert tables_of(bare) == set(metadata.tables)


class TestWhatPeopleHaveSentSoFar:
    def test_is_deleted_as_well_when_it_is_old(self, bare: Database) -> None:
        migrate(bare)
        attachment = {"key": "sent/-100/2-replied", "media_type": "image/jpeg", "name": "f.jpg", "message_id": 0}
        jobs, errands = Jobs(bare), Errands(bare)
        for number, key in enumerate(("sent/7/1", "sent/7/1", "000000/5.jpg")):
            idea = Request("a fox", picture=Picture(key, "image/jpeg"))
            jobs.submit(idea, address=Address(BOT, 7, number), sender=Sender(7))
            jobs.give_up(claim(bare), "picture_unreadable", [])
        question = {"text": "What is it?", "attachments": [attachment]}
        errands.submit(ErrandKind.CHAT, question, address=Address(BOT, -100, 3, private=False), sender=Sender(7))
        errands.give_up(claim_errand(bare), "unexpected")

        downgrade(bare, "0013")
        migrate(bare)

        assert set(SentFiles(bare).claim_old(timedelta(0), limit=9)) == {"sent/7/1", "sent/-100/2-replied"}


class TestAnUnreachableDatabase:
    @pytest.mark.parametrize(
        "url",
        [
            "sqlite:////nowhere/at/all/g2d.db",
            pytest.param("postgresql+psycopg://nobody@127.0.0.1:1/nothing", marks=pytest.mark.distributed),
        ],
    )
    def test_it_is_an_error_that_time_can_mend(self, url: str) -> None:
        database = Database(url)

        with pytest.raises(StoreAway):
            is_current(database)
        with pytest.raises(StoreAway):
            migrate(database)
        database.close()
