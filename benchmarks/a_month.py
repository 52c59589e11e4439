"""How large the tables get in a month of so many pictures a day, with what the owner keeps deleted day by day.

    .venv/bin/python -m benchmarks.a_month                       # 30 days of 10,000 pictures
    .venv/bin/python -m benchmarks.a_month --pictures 1000 --days 60

Makes a Postgres database of its own and removes it. The rows of a day are written in bulk, in the shape that the stores
write; the deletions are those of ``services/worker/housekeeping.py``, as many looks as it takes each day.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from benchmarks.fair_queue import BOT, IDEA, PROMPT, SERVER, database_on
from services.worker.housekeeping import Housekeeping
from shared.images import Images
from shared.retention import Retention
from shared.store import tables
from shared.store.aging import Aging
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.personal_data import PersonalData
from shared.store.picture_terms import all_terms
from shared.store.sent_files import SentFiles

PEOPLE = 1_000
STAGES = ("writing", "painting", "sending")
QUESTIONS = 3  # pictures to a question
DAYS = {"files": 7, "updates": 7, "details": 30, "pictures": 365, "chats": 90}  # the settings' defaults
UPDATE = (
    '{"update_id":%d,"message":{"message_id":%d,"from":{"id":%d,"is_bot":false,"first_name":"Ada","username":"ada_l",'
    '"language_code":"en"},"chat":{"id":%d,"first_name":"Ada","username":"ada_l","type":"private"},"date":1764400000,'
    '"text":"/imagine %s","entities":[{"offset":0,"length":8,"type":"bot_command"}]}}'
)
RECIPE = {
    "model": "black-forest-labs/FLUX.1-dev",
    "provider": "fal-ai",
    "prompt": PROMPT.text,
    "negative": PROMPT.negative,
    "seed": 1234567890,
    "width": 1024,
    "height": 1024,
    "steps": 28,
}
SIZES = text(
    "SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class WHERE relkind = 'r' "
    "AND relnamespace = 'public'::regnamespace ORDER BY bytes DESC"
)


def _terms(person: int) -> list[str]:
    return all_terms(person, person, True, str(RECIPE["model"]), IDEA, PROMPT.title, PROMPT.text)


class Month:
    """A database that is filled day by day, and its housekeeping, whose clock is moved by hand."""

    def __init__(self, database: Database, pictures: int, retention: Retention, folder: Path) -> None:
        self._database = database
        self._pictures = pictures
        self._now = datetime.now(UTC)
        self._second = 0.0
        self._house = Housekeeping(
            SentFiles(database),
            Batches(database),
            PersonalData(database),
            Aging(database, now=lambda: self._now),
            Images(folder.as_uri()),
            retention=retention,
            clock=lambda: self._second,
        )

    def live(self, day: int) -> tuple[float, int]:
        """One day: what is written in it, and the deletions; returns the longest look, in seconds, and how many."""
        first = 1 + day * self._pictures
        with self._database.writing() as connection:
            for table, rows in self._rows(first, first + self._pictures).items():
                connection.execute(insert(tables.metadata.tables[table]), rows)
        self._second += 3_600.0
        looks = list[float]()
        while not looks or self._house.is_due:
            began = time.perf_counter()
            self._house.look()
            looks.append(time.perf_counter() - began)
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))  # In a day autovacuum does it many times.
        self._now += timedelta(days=1)
        return max(looks), len(looks)

    def _rows(self, first: int, last: int) -> dict[str, list[dict[str, Any]]]:
        now, ids = self._now, range(first, last)
        asked = {
            "bot_id": BOT,
            "private": True,
            "language": "en",
            "created_at": now,
            "started_at": now,
            "ended_at": now,
        }
        return {
            "jobs": [asked | self._job(one) for one in ids],
            "stages": [
                {"job_id": one, "stage": stage, "at": now}
                for one in ids
                for stage in ("writing", "painting", "sending")
            ],
            "attempts": [self._attempt(one, step) for one in ids for step in ("prompt", "image")],
            "picture_terms": [{"job_id": one, "terms": _terms(one % PEOPLE + 1)} for one in ids],
            "updates": [self._update(one) for one in ids],
            "errands": [asked | self._question(one) for one in ids if one % QUESTIONS == 0],
        }

    def _job(self, one: int) -> dict[str, Any]:
        person = one % PEOPLE + 1
        return {
            "id": one, "chat_id": person, "user_id": person, "message_id": 2 * one, "request_key": f"m{2 * one}",
            "number": 0, "pictures": 1, "idea": IDEA, "parameters": {}, "state": "finished", "stage": "sending",
            "turn": float(one), "claims": 1, "prompt": PROMPT.text, "negative_prompt": PROMPT.negative,
            "title": PROMPT.title, "idea_language": "en", "chat_model": PROMPT.model, "image_model": RECIPE["model"],
            "provider": "fal-ai", "seed": one, "recipe": RECIPE, "image_key": f"{one // 1000:06d}/{one}.jpg",
            "media_type": "image/jpeg", "delivered_at": self._now, "delivered_message_id": 2 * one + 1,
            "file_id": "AgACAgIAAxkDAAIB" + "x" * 60, "estimate": 25_000,
        }  # fmt: skip

    def _attempt(self, one: int, step: str) -> dict[str, Any]:
        service, model = ("gemini", PROMPT.model) if step == "prompt" else ("fal-ai", RECIPE["model"])
        failed = one % 20 == 0
        return {
            "job_id": one, "step": step, "service": service, "model": model, "status": 503 if failed else 200,
            "request_id": f"req_{one:024d}", "duration_ms": 4_000, "outcome": "service_busy" if failed else "ok",
            "detail": "The model is overloaded. Please try again later." if failed else None, "at": self._now,
            "user_id": one % PEOPLE + 1, "pictures": int(step == "image"), "tokens_in": 900, "tokens_out": 150,
            "cost": 25_000,
        }  # fmt: skip

    def _update(self, one: int) -> dict[str, Any]:
        person = one % PEOPLE + 1
        return {
            "bot_id": BOT, "update_id": one, "body": UPDATE % (one, 2 * one, person, person, IDEA), "readable": True,
            "tries": 0, "received_at": self._now, "handled_at": self._now, "chat_id": person, "message_id": 2 * one,
        }  # fmt: skip

    def _question(self, one: int) -> dict[str, Any]:
        person = one % PEOPLE + 1
        return {
            "id": one, "kind": "chat", "chat_id": person, "user_id": person, "message_id": 2 * one,
            "request_key": f"q{one}", "question": {"text": "What makes a good picture of a lighthouse?"},
            "state": "finished", "answer": "Light, weather and a low horizon. " * 20, "delivered_at": self._now,
            "owner_tokens": 700, "cost": 300, "shown": {"messages": [2 * one + 1], "said": 1},
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000, help="a day")
    parser.add_argument("--days", type=int, default=30)
    for name, days in DAYS.items():
        parser.add_argument(f"--keep-{name}", type=float, default=days, help="days that they are kept")
    chosen = parser.parse_args()
    retention = Retention(**{name: timedelta(days=getattr(chosen, f"keep_{name}")) for name in DAYS})
    with database_on(SERVER) as database, tempfile.TemporaryDirectory() as folder:
        month = Month(database, chosen.pictures, retention, Path(folder))
        for day in range(chosen.days):
            longest, looks = month.live(day)
            if day % 5 == 4 or day == chosen.days - 1:
                with database.reading() as connection:
                    sizes = {name: size for name, size in connection.execute(SIZES) if size > 200_000}
                told = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
                print(f"day {day + 1}: looks {looks}, the longest {longest:.2f} s; {told}", flush=True)


if __name__ == "__main__":
    main()
