"""A record in which people have a row in every table, with their number or words in every column that can hold them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Table, insert, select, update

from services.worker.housekeeping import EVERY_S, Housekeeping
from services.worker.jobs.forget import ForgetJob
from shared.errands import Errand, ErrandKind
from shared.images import Images
from shared.jobs import Address, Image, Sender
from shared.retention import Retention
from shared.store import tables
from shared.store.aging import Aging
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.personal_data import PersonalData
from shared.store.sent_files import SentFiles
from shared.store.types import Instant, Json, Terms
from tests.builders import BOT, keep_sent, runner_of

ADA, BOB = 700_700_7, 800_800_8
WORDS = {ADA: "ädA1", BOB: "bØb2"}  # as short as the shortest column
YESTERDAY, MONTHS_AGO = (datetime.now(UTC) - timedelta(days=days) for days in (1, 70))

WEEK = timedelta(days=7)

# These hold nothing of people's. A new table is either emptied, or named here.
OF_NOBODY = {"alerts", "circuits", "models", "spending", "workers"}
# Numbers that are of use to nobody after a while: of a chat that Telegram closed for some time, of a group that moved,
# of a message that is about to be removed.
PASSING = {"flood_waits", "moved_chats", "removals"}
PERSONS = {"user_id", "chat_id", "asked_by", "created_by", "decided_by", "owner_id"}
NO_WORDS: dict[str, dict[str, Any]] = {  # what must have a value of its own
    "jobs": {"state": "finished", "stage": "sending", "parent_id": None, "batch_id": None, "image_key": "000000/1.png"},
    "errands": {"state": "finished", "kind": "chat", "conversation_id": None, "chat_model": "gemini"},
    "batches": {"state": "finished", "way": "zip", "source": "telegram"},
    "attempts": {"step": "image", "service": "fal-ai", "model": "org/model", "outcome": "ok", "group_id": None},
    "keys": {"service": "google", "state": "accepted"},
    "access": {"role": "member", "decided_by": 1},
    "broadcasts": {"state": "finished"},
    "stages": {"stage": "sending"},
    "open_questions": {"kind": "key"},
}


class House:
    """A record in which two people have a row in every table."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.images = Images(folder.as_uri())
        self.data = PersonalData(database)
        self.errands = Errands(database)

    def fill(self, person: int) -> None:
        for number, table in enumerate(tables.metadata.sorted_tables):
            if table.name not in OF_NOBODY | PASSING:
                self.add(table, person, number)
        self.add(tables.errands, person, 90, kind="describe", owner_tokens=10, ended_at=datetime.now(UTC))
        self.images.put(self.job_of(person), Image(b"a fox", "image/png", 1, 1))
        keep_sent(self.images, person, 1, b"a file")
        with self.database.writing() as connection:
            sent = update(tables.sent_files).where(tables.sent_files.c.user_id == person)
            connection.execute(sent.values(key=f"sent/{person}/1"))
            update_of = update(tables.updates).where(tables.updates.c.chat_id == person)
            connection.execute(update_of.values(body=f'{{"message":{{"from":{{"id":{person},"first_name":"Ada"}}}}}}'))

    def job_of(self, person: int) -> int:
        return person // 100_000

    def add(self, table: Table, person: int, number: int, **values: Any) -> None:
        row = {column.name: value(column, person, number) for column in table.columns} | NO_WORDS.get(table.name, {})
        if table.name in {"jobs", "stages", "attempts", "picture_terms", "favourites"}:
            row |= {"id" if table.name == "jobs" else "job_id": self.job_of(person)}
        if table.name == "jobs":
            row["image_key"] = f"000000/{self.job_of(person)}.png"
        if table.name in {"users", "access"}:
            row["id"] = person
        with self.database.writing() as connection:
            connection.execute(insert(table).values(row | values))

    def left_of(self, person: int) -> set[str]:
        """Every column in which a person's number or words stand."""
        found = set()
        with self.database.reading() as connection:
            for table in tables.metadata.sorted_tables:
                for row in connection.execute(select(table)).mappings():
                    found |= {f"{table.name}.{name}" for name, one in row.items() if is_of(person, one)}
        return found

    def ask(self, person: int = ADA) -> Errand:
        asked, _ = self.errands.submit(
            ErrandKind.FORGET, {}, address=Address(BOT, person, 1), sender=Sender(person, "en")
        )
        return asked

    def run(self) -> None:
        runner_of(self.database, handlers={ErrandKind.FORGET: self.job()}).run()

    def job(self, images: Images | None = None) -> ForgetJob:
        return ForgetJob(self.errands, self.data, images or self.images)

    def clean_up(self) -> None:
        times = iter((0.0, EVERY_S, 2 * EVERY_S))
        Housekeeping(
            SentFiles(self.database),
            Batches(self.database),
            self.data,
            Aging(self.database),
            self.images,
            retention=Retention(files=WEEK, updates=WEEK, details=WEEK),
            clock=lambda: next(times),
        ).look()

    def files(self) -> list[str]:
        return sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())


def value(column: Column[Any], person: int, number: int) -> Any:
    """What stands in a column of a row that is a person's."""
    if column.name in PERSONS:
        return person
    if column.name == "bot_id":
        return BOT
    if column.name in {"lease_until", "delivery_lease_until", "gone_at", "leased_until"}:
        return None
    if column.table.name == "attempts" and column.name == "at":
        return datetime.now(UTC)  # What was paid for counts to the end of its month, and yesterday may be another one.
    match column.type:
        case Json():
            return {"text": WORDS[person], "names": [WORDS[person]]}
        case Instant():
            return YESTERDAY
        case sqlalchemy.Date():
            return YESTERDAY.date()
        case sqlalchemy.Boolean():
            return False
        case Terms():
            return [WORDS[person]]
        case sqlalchemy.types.TypeDecorator():
            return WORDS[person]
    if column.name in {"owner_tokens", "claims"}:
        return 0
    return person % 1000 + 1000 * number if column.primary_key else number


def is_of(person: int, one: Any) -> bool:
    return str(person) in repr(one) or WORDS[person] in repr(one)
