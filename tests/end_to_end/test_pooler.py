"""Bot and worker behind PgBouncer that lends a session to each transaction, as hosts of Postgres offer it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.store.database import Database
from tests.end_to_end.installation import MODEL, Installation, installed
from tests.servers import PgBouncer

PEOPLE = 6

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.skipif(not PgBouncer.is_installed(), reason="needs PgBouncer"),
]


@pytest.fixture
def installation(migrated_postgres_url: str, tmp_path: Path) -> Iterator[Installation]:
    with closing(Database(migrated_postgres_url)) as there:
        bouncer = PgBouncer(there)
        with (
            bouncer.running(past=True),
            installed(
                "distributed",
                tmp_path,
                DATABASE_URL=bouncer.url,
                G2D_DATABASE_DIRECT_URL=migrated_postgres_url,
                G2D_IMAGE_MODEL=MODEL,
            ) as made,
        ):
            made.start()
            yield made


def test_pictures_and_answers_come_as_without_it(installation: Installation) -> None:
    sandbox = installation.sandbox
    people = [sandbox.person(f"Person {number}") for number in range(PEOPLE)]

    for person in people:
        sandbox.say(person, "/imagine a red fox --raw")
    for person in people:
        sandbox.wait_for(lambda person=person: sandbox.photos(person), what="the picture")
    sandbox.say(people[0], "hello")
    sandbox.wait_for(lambda: len(sandbox.from_bot(people[0])) > 1, chat=people[0], what="the answer")

    assert "lock of this process lost" not in installation.log
    assert "no lock can be held" not in installation.log
