"""What people sent, in the record: counted by person and day, and deleted when nobody needs it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, update

from shared.errands import ErrandKind
from shared.errors import TooMuchSent
from shared.jobs import Address, Picture, Request, Sender
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.sent_files import MEGABYTE, SentFiles
from tests.builders import ALREADY_OVER, BOT, claim, claim_errand

ADA, BOB = Sender(7), Sender(8)
WEEK = timedelta(days=7)


@pytest.fixture
def files(database: Database) -> SentFiles:
    """The record, with room for 100 MB a person and day."""
    return SentFiles(database, most_megabytes=100)


def let_pass(database: Database, key: str, **ago: float) -> None:
    """Have a file sent so long ago."""
    sent = update(tables.sent_files).where(tables.sent_files.c.key == key)
    with database.writing() as connection:
        connection.execute(sent.values(kept_at=datetime.now(UTC) - timedelta(**ago)))


def rows(database: Database) -> list[str]:
    with database.reading() as connection:
        return sorted(connection.scalars(select(tables.sent_files.c.key)))


class TestTheLimitOfADay:
    def test_lets_in_what_fits_to_the_byte(self, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 60 * MEGABYTE)
        files.make_room("sent/7/2", ADA, 40 * MEGABYTE)

        with pytest.raises(TooMuchSent):
            files.make_room("sent/7/3", ADA, 1)

    def test_tells_when_there_is_room_again(self, database: Database, files: SentFiles) -> None:
        for number, hours in enumerate((20, 10, 1)):
            files.make_room(f"sent/7/{number}", ADA, 30 * MEGABYTE)
            let_pass(database, f"sent/7/{number}", hours=hours)

        with pytest.raises(TooMuchSent) as small:
            files.make_room("sent/7/9", ADA, 20 * MEGABYTE)
        with pytest.raises(TooMuchSent) as large:
            files.make_room("sent/7/9", ADA, 50 * MEGABYTE)

        assert small.value.values == {"most": 100}
        assert small.value.seconds == pytest.approx(4 * 3600, abs=60)
        assert large.value.seconds == pytest.approx(14 * 3600, abs=60)

    def test_is_each_person_s_own_and_over_after_a_day(self, database: Database, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 100 * MEGABYTE)

        files.make_room("sent/8/1", BOB, 100 * MEGABYTE)
        let_pass(database, "sent/7/1", hours=24.1)
        files.make_room("sent/7/2", ADA, 100 * MEGABYTE)

    def test_counts_the_same_file_once_by_its_last_size(self, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 90 * MEGABYTE)
        files.make_room("sent/7/1", ADA, 50 * MEGABYTE)

        files.make_room("sent/7/2", ADA, 50 * MEGABYTE)

    @pytest.mark.parametrize(("counts", "room"), [(True, 0), (False, 100)])
    def test_counts_what_was_fetched_and_refused_but_not_what_could_not_be_fetched(
        self, files: SentFiles, counts: bool, room: int
    ) -> None:
        files.make_room("sent/7/1", ADA, 100 * MEGABYTE)
        files.not_kept("sent/7/1", counts=counts)

        if room:
            files.make_room("sent/7/2", ADA, room * MEGABYTE)
        else:
            with pytest.raises(TooMuchSent):
                files.make_room("sent/7/2", ADA, 1)

    def test_holds_for_files_that_come_at_the_same_moment(self, files: SentFiles) -> None:
        def comes(number: int) -> bool:
            try:
                files.make_room(f"sent/7/{number}", ADA, 30 * MEGABYTE)
            except TooMuchSent:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(comes, range(8))) == 3


def asks_for_a_picture(database: Database) -> Callable[[], None]:
    jobs, request = Jobs(database), Request("a fox", picture=Picture("sent/7/1", "image/jpeg"))
    jobs.submit(request, address=Address(BOT, 7, 1), sender=ADA)
    return lambda: jobs.give_up(claim(database), "picture_unreadable", [])


def asks_gemini(database: Database) -> Callable[[], None]:
    attachment = {"key": "sent/7/1", "media_type": "image/jpeg", "name": "photo.jpg", "message_id": 1}
    return _errand(database, ErrandKind.CHAT, {"text": "what is it?", "attachments": [attachment]})


def asks_for_a_description(database: Database) -> Callable[[], None]:
    return _errand(database, ErrandKind.DESCRIBE, {"picture": {"key": "sent/7/1", "media_type": "image/jpeg"}})


def _errand(database: Database, kind: ErrandKind, question: dict[str, object]) -> Callable[[], None]:
    errands = Errands(database)
    errands.submit(kind, question, address=Address(BOT, 7, 1), sender=ADA)
    return lambda: errands.give_up(claim_errand(database), "unexpected")


class TestDeleting:
    def test_is_for_what_is_old_enough_the_oldest_first(self, database: Database, files: SentFiles) -> None:
        for number, days in enumerate((6.9, 8, 9, 10)):
            files.make_room(f"sent/7/{number}", ADA, 1)
            let_pass(database, f"sent/7/{number}", days=days)

        assert set(files.claim_old(WEEK, limit=2)) == {"sent/7/3", "sent/7/2"}
        assert files.claim_old(WEEK, limit=2) == ["sent/7/1"]

    @pytest.mark.parametrize("needing", [asks_for_a_picture, asks_gemini, asks_for_a_description])
    def test_waits_for_work_that_needs_the_file(
        self, database: Database, files: SentFiles, needing: Callable[[Database], Callable[[], None]]
    ) -> None:
        for key in ("sent/7/1", "sent/7/11"):
            files.make_room(key, ADA, 1)
            let_pass(database, key, days=8)
        end = needing(database)

        assert files.claim_old(WEEK, limit=9) == ["sent/7/11"]
        end()
        assert files.claim_old(WEEK, limit=9) == ["sent/7/1"]

    def test_of_what_is_of_no_use_does_not_wait_for_its_age(self, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 1)
        files.make_room("sent/7/2", ADA, 1)
        files.refuse(["sent/7/2", "000000/5.jpg"])

        assert files.claim_refused(limit=9) == ["sent/7/2"]

    def test_is_one_process_s_until_its_lease_runs_out(self, database: Database, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 1)
        files.refuse(["sent/7/1"])

        assert files.claim_refused(limit=9) == ["sent/7/1"]
        assert SentFiles(database).claim_refused(limit=9) == []
        with database.writing() as connection:  # It died before it was done.
            connection.execute(update(tables.sent_files).values(leased_until=datetime.now(UTC) + ALREADY_OVER))
        assert SentFiles(database).claim_refused(limit=9) == ["sent/7/1"]

    def test_is_done_once_and_forgotten_after_a_day(self, database: Database, files: SentFiles) -> None:
        for number, days in enumerate((0, 8)):
            files.make_room(f"sent/7/{number}", ADA, 1)
            let_pass(database, f"sent/7/{number}", days=days)
        files.refuse(["sent/7/0", "sent/7/1"])
        files.gone(files.claim_refused(limit=9))

        assert files.claim_refused(limit=9) == []
        assert files.forget(limit=9) == 1
        assert rows(database) == ["sent/7/0"]

    def test_does_not_read_all_that_was_ever_asked(self, sqlite: Database) -> None:
        """SQLite lets nobody else write meanwhile."""
        run = list[tuple[str, tuple[object, ...]]]()

        @event.listens_for(sqlite.engine, "before_cursor_execute")
        def note(_: object, __: object, statement: str, values: tuple[object, ...], *___: object) -> None:
            run.append((statement, values))

        SentFiles(sqlite).claim_old(WEEK, limit=9)
        [claim] = [one for one in run if one[0].startswith("UPDATE sent_files")]
        with sqlite.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {claim[0]}", claim[1]).all()

        steps = [str(step[3]) for step in plan if "errands" in str(step[3]) or "jobs" in str(step[3])]
        assert len(steps) == 2
        assert all(" USING INDEX ix_" in step for step in steps), steps

    def test_leaves_a_file_that_was_sent_again(self, files: SentFiles) -> None:
        files.make_room("sent/7/1", ADA, 1)
        files.refuse(["sent/7/1"])
        files.make_room("sent/7/1", ADA, 1)

        assert files.claim_refused(limit=9) == []
