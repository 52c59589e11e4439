"""What the record has of one person besides their pictures, as their export tells it.

A table is named in ``WHOSE``, or in ``ELSEWHERE`` with the place where an export has it, or why it does not. A test
goes through all tables.
"""

from datetime import date, datetime

from sqlalchemy import select

from shared.store import tables
from shared.store.database import Database

NEWEST = 5_000  # rows of a table; what is older is pruned before there are so many, but for favourites
WHOSE = {  # the column with the person's number
    "users": "id",
    "access": "id",
    "access_links": "created_by",
    "attempts": "user_id",
    "batches": "user_id",
    "broadcasts": "asked_by",
    "broadcast_receivers": "user_id",
    "conversations": "chat_id",
    "edit_hints": "chat_id",
    "errands": "user_id",
    "favourites": "owner_id",
    "history_views": "user_id",
    "inline_ideas": "user_id",
    "keys": "user_id",
    "open_questions": "chat_id",
    "sent_files": "user_id",
}
ELSEWHERE = {
    "jobs": "history.json, and the files themselves",
    "stages": "when each step of a picture began; history.json has when it was asked for and ended",
    "picture_terms": "the words of jobs once more, for searches",
    "updates": "messages as Telegram sent them, for some days, in groups those of others as well; the chat has them",
    "removals": "numbers of messages that are about to be deleted",
    "flood_waits": "until when Telegram takes no messages for a chat",
    "moved_chats": "groups that became supergroups",
    **dict.fromkeys(("alerts", "circuits", "models", "spending", "workers"), "nobody's"),
}
SECRET = {("keys", "sealed"), ("access_links", "digest")}  # what opens something to whoever gets hold of the file

Cell = str | int | float | bool | None | list[object] | dict[str, object]


def record_of(database: Database, person: int) -> dict[str, list[dict[str, Cell]]]:
    """The rows of a person by table, the newest first; tables without any are left out."""
    found = {name: _rows(database, name, column, person) for name, column in WHOSE.items()}
    return {name: rows for name, rows in found.items() if rows}


def _rows(database: Database, name: str, column: str, person: int) -> list[dict[str, Cell]]:
    table = tables.metadata.tables[name]
    newest = [key.desc() for key in table.primary_key.columns]
    theirs = select(table).where(table.c[column] == person).order_by(*newest).limit(NEWEST)
    with database.reading() as connection:
        return [
            {one.name: _cell(row[one]) for one in table.columns if _is_told(name, one.name, row[one])}
            for row in connection.execute(theirs).mappings()
        ]


def _is_told(name: str, column: str, one: object) -> bool:
    return one is not None and (name, column) not in SECRET


def _cell(one: object) -> Cell:
    if isinstance(one, datetime | date):
        return one.isoformat()
    if isinstance(one, str | int | float | bool | list | dict) or one is None:
        return one
    return str(one)
