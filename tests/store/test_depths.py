"""How much waits, of what, in which state, and for how long."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from shared.errands import ErrandKind
from shared.jobs import Address, Request, Sender
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.depths import OF_BATCH, PICTURE, QUESTION, read_depths
from shared.store.errands import Errands
from shared.store.workers import Workers
from tests.builders import AN_HOUR, BOT, submit, submit_and_claim, submit_and_fail, submit_and_finish


def counts(database: Database) -> dict[tuple[str, str], int]:
    return {(one.kind, one.state): one.count for one in read_depths(database).queues}


def test_work_is_counted_by_kind_and_state(database: Database) -> None:
    submit_and_claim(database)
    submit(database)
    submit(database, policy=QueuePolicy(in_flight=2))
    batch, _ = Batches(database).ask(
        [Request("a fox")] * 2, address=Address(BOT, 8, 1), sender=Sender(8), source="telegram"
    )
    Batches(database).start(batch.id)
    Batches(database).fill(batch.id)
    for kind in (ErrandKind.CHAT, ErrandKind.CANCEL_ORDER):
        Errands(database).submit(kind, {}, address=Address(BOT, 7, 2), sender=Sender(7))

    found = counts(database)

    assert found[PICTURE, "working"] == found[PICTURE, "queued"] == found[PICTURE, "held"] == 1
    assert found[QUESTION, "queued"] == 1
    assert sum(count for (kind, _), count in found.items() if kind == OF_BATCH) == 2


def test_the_oldest_tells_its_age_and_batches_count_apart(database: Database) -> None:
    submit(database)
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    with database.writing() as connection:
        connection.execute(update(tables.jobs).values(created_at=long_ago))
    submit(database)

    depths = read_depths(database)

    assert (depths.count("queued"), round(depths.oldest_s("queued"), -1)) == (2, 600)
    assert depths.oldest_s("working") == 0


def test_what_ended_waits_for_its_delivery(database: Database) -> None:
    submit_and_finish(database)
    submit_and_fail(database)
    Workers(database).beat("worker", 8, lease=AN_HOUR)

    depths = read_depths(database)

    assert (depths.undelivered, depths.workers, depths.slots, depths.queues) == (2, 1, 8, ())
