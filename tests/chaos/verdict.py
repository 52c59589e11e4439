"""What became of each request, and what is wrong with it: read from the chats, the sandbox's journal and the record."""

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, or_, select

from sandbox.client import Json, SandboxClient
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database
from tests.chaos.faults import Fault
from tests.chaos.load import Asked
from tests.chaos.telegram_faults import name_of, was_taken

STANDING = ("cancel ", "stop ")  # how the data of a button begin that stands below a status message
UNDER_WAY = ("⏸", "✖️ Cancel")
AFTERMATH_S = 20.0  # how long errors are logged, and calls are doubled, over a fault that has ended
JOURNAL_LOOK_S = 20.0
OTHER_POLLER = "another process polls with this bot's token"


@dataclass(frozen=True)
class Struck:
    """A fault that was made, in Unix seconds."""

    fault: Fault
    begun: float
    ended: float

    def covers(self, begun: float, ended: float) -> bool:
        """Whether something that took place from one moment to another may come of it."""
        return self.begun - 1 <= ended and begun <= self.ended + AFTERMATH_S


@dataclass(frozen=True)
class Chat:
    """What a chat shows in the end."""

    shown: Counter[str]
    standing: list[str]


@dataclass(frozen=True)
class Recorded:
    """What the record has of a chat: how much of its work failed, and why."""

    reasons: list[str] = field(default_factory=list)  # of what failed
    pictures_failed: int = 0


@dataclass
class Happened:
    """What was asked for, what struck, and what was written down of it."""

    asked: list[Asked]
    struck: list[Struck]
    calls: list[Json]
    faults: dict[int, Json]
    chats: dict[int, Chat]
    recorded: dict[int, Recorded]
    settled_s: float

    def calls_of(self, chat: int) -> list[Json]:
        """The calls for one chat, in order."""
        return [one for one in self.calls if one["chat"] == chat]


# Reading


class Calls:
    """The journal's calls to Telegram, read now and then: it keeps the newest alone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._by_id: dict[int, Json] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep_reading)
        self._thread.start()

    def end(self) -> list[Json]:
        """Read for the last time; returns all calls."""
        self._done.set()
        self._thread.join()
        return list(self._by_id.values())

    def _keep_reading(self) -> None:
        with SandboxClient(self._url) as client:
            while not self._done.wait(JOURNAL_LOOK_S):
                self._read(client)
            self._read(client)

    def _read(self, client: SandboxClient) -> None:
        open_ = (number for number, one in self._by_id.items() if one["done_at"] is None)
        after = min(open_, default=max(self._by_id, default=0) + 1) - 1
        for one in client.journal("telegram", after=after):
            body: Json = one["body"] if isinstance(one["body"], dict) else {}
            kept = {name: one[name] for name in ("id", "at", "done_at", "status", "fault")}
            method = one["path"].rpartition("/")[2]
            self._by_id[one["id"]] = kept | {"method": method, "chat": _number(body.get("chat_id"))}


def _number(chat: Any) -> int | None:
    return int(chat) if str(chat).lstrip("-").isdigit() else None


def read_chat(client: SandboxClient, chat: int) -> Chat:
    """Read what a chat shows now."""
    shown: Counter[str] = Counter()
    standing = []
    for message in client.from_bot({"id": chat}):
        if _is_standing(message):
            standing.append(message.get("text", "")[:80])
        else:
            shown["picture" if "photo" in message or "document" in message else "words"] += 1
    return Chat(shown, standing)


def _is_standing(message: Json) -> bool:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    return any(
        button.get("callback_data", "").startswith(STANDING) or button["text"].startswith(UNDER_WAY)
        for button in buttons
    )


def read_record(database: Database) -> dict[int, Recorded]:
    """Read what the record has, by chat."""
    found: dict[int, Recorded] = {}
    with database.reading() as connection:
        for table in (tables.jobs, tables.errands):
            wanted = select(table.c.chat_id, table.c.reason).where(table.c.state == State.FAILED).order_by(table.c.id)
            for row in connection.execute(wanted):
                one = found.get(row.chat_id, Recorded())
                found[row.chat_id] = Recorded([*one.reasons, row.reason], one.pictures_failed + (table is tables.jobs))
    return found


def unended(database: Database) -> Iterator[str]:
    """What the record must not have in the end."""
    jobs, errands, batches = tables.jobs.c, tables.errands.c, tables.batches.c
    sought: dict[str, Select[Any]] = {
        # What failed of a batch is told by the batch's own message.
        "jobs not delivered": select(func.count()).where(
            jobs.delivered_at.is_(None), or_(jobs.batch_id.is_(None), jobs.state != State.FAILED)
        ),
        "jobs given up": select(func.count()).where(jobs.undelivered_reason.is_not(None)),
        "errands not delivered": select(func.count()).where(errands.delivered_at.is_(None)),
        "errands given up": select(func.count()).where(errands.undelivered_reason.is_not(None)),
        "batches open": select(func.count()).where(batches.delivered_at.is_(None), batches.state != "asked"),
        "batches given up": select(func.count()).where(batches.undelivered_reason.is_not(None)),
        "status messages not found": select(func.count()).where(jobs.status_sending_since.is_not(None)),
        "removals left": select(func.count()).select_from(tables.removals),
        "updates not handled": select(func.count()).where(tables.updates.c.handled_at.is_(None)),
    }
    with database.reading() as connection:
        for what, count in sought.items():
            if found := connection.scalar(count):
                yield f"{found} {what}"


# Judging. Pure.


def may_come_right(asked: Asked, chat: Chat, recorded: Recorded) -> bool:
    """Whether something is still on its way, or is still to be removed; what came twice stays."""
    return bool(chat.standing) or outcome(asked, chat, recorded) == "lost"


def outcome(asked: Asked, chat: Chat, recorded: Recorded) -> str:
    """Sort what a person got: ``as asked``, ``explained``, ``doubled``, ``lost`` or ``standing``.

    What failed has its words in a picture's place; an album whose parts failed is smaller, and its words say why.
    """
    if chat.standing:
        return "standing"
    wanted = Counter(asked.wanted)
    if recorded.reasons:
        wanted["picture"] -= recorded.pictures_failed
        # Words that come with a failed part: those of the album, of the question, or of each picture that was alone.
        fewest = 1 if asked.wanted["words"] else recorded.pictures_failed
        if asked.presses and not chat.shown["picture"]:
            wanted["picture"] = 0  # without the first picture nobody pressed for the second
        if chat.shown["picture"] < wanted["picture"] or chat.shown["words"] < fewest:
            return "lost"
        return "explained" if chat.shown["picture"] == wanted["picture"] else "doubled"
    if wanted - chat.shown:
        return "lost"
    return "doubled" if chat.shown - wanted else "as asked"


def doubts(happened: Happened) -> Counter[int]:
    """By chat: calls that showed something, and whose answer a bot that lived may never have had."""
    found: Counter[int] = Counter()
    unsure = [one for one in happened.struck if one.fault.doubles]
    for call in happened.calls:
        if call["chat"] is None or not call["method"].startswith("send"):
            continue
        fault = happened.faults.get(call["fault"])
        done = call["done_at"] or call["at"] + AFTERMATH_S
        if (fault and was_taken(fault)) or any(one.covers(call["at"], done) for one in unsure):
            found[call["chat"]] += 1
    return found


def violations(happened: Happened, errors: list[tuple[float, str]]) -> Iterator[str]:
    """What breaks the promise."""
    doubtful = doubts(happened)
    for asked in happened.asked:
        chat, recorded = happened.chats[asked.chat], happened.recorded.get(asked.chat, Recorded())
        came = outcome(asked, chat, recorded)
        if came in {"as asked", "explained"} and asked.trouble and not recorded.reasons:
            yield f"{asked.kind} in chat {asked.chat}: {asked.trouble}"
        excused = came == "doubled" and doubtful[asked.chat]
        if came in {"lost", "standing", "doubled"} and not excused:
            yield f"{asked.kind} in chat {asked.chat} {came}: {dict(chat.shown)} of {dict(asked.wanted)}; " + "; ".join(
                [*chat.standing, *recorded.reasons, struck_in(happened, asked)]
            )
    yield from (
        f"log: {line[:700]}"
        for at, line in errors
        if not _is_named(at, line, happened.struck) and not _is_of_a_conflict(at, line, happened)
    )
    floods = [one for one in happened.calls if one["status"] == 429 and one["fault"] is None]
    if beyond := [one for one in floods if one["chat"] is None or one["chat"] < 0]:
        yield f"{len(beyond)} calls refused for a flood in a group or in all"


def _is_named(at: float, line: str, struck: list[Struck]) -> bool:
    return any(one.covers(at, at) and re.search(one.fault.may_say, line) for one in struck)


def _is_of_a_conflict(at: float, line: str, happened: Happened) -> bool:
    """Whether it tells of another poller, as an answer of Telegram said that was made to go wrong."""
    told = (one for one in happened.calls if one["fault"] is not None and at - 60 <= one["at"] <= at + 1)
    return OTHER_POLLER in line and any(happened.faults[one["fault"]].get("preset") == "conflict" for one in told)


def struck_in(happened: Happened, asked: Asked) -> str:
    """What struck while a request was under way: in its chat, and in all."""
    calls = [one for one in happened.calls if one["chat"] == asked.chat and one["fault"] is not None]
    mine = [f"{one['method']} {name_of(happened.faults[one['fault']])}" for one in calls]
    until = max([asked.at + 60, *(one["at"] for one in happened.calls_of(asked.chat))])
    around = [one.fault.name for one in happened.struck if one.covers(asked.at, until)]
    return f"struck: {', '.join(mine) or 'nothing'}; around: {', '.join(around) or 'nothing'}"


def recovery_s(one: Struck, happened: Happened) -> tuple[float | None, float | None]:
    """Seconds from a fault's end to the first message, and until all that was asked for before has arrived.

    Read off the sandbox's clock alone, which no fault moves.
    """
    sent = (
        call["at"]
        for call in happened.calls
        if call["method"].startswith("send") and call["status"] == 200 and call["at"] >= one.ended
    )
    late = [
        arrived - one.ended
        for asked_at, arrived in arrivals(happened)
        if asked_at <= one.ended and arrived >= one.ended
    ]
    first = min(sent, default=None)
    return None if first is None else first - one.ended, max(late, default=None)


def arrivals(happened: Happened) -> Iterator[tuple[float, float]]:
    """When something was asked for, and when its last message came; without what was pressed for later."""
    last: dict[int, float] = {}
    for call in happened.calls:
        if call["method"].startswith(("send", "edit")) and call["status"] == 200 and call["chat"] is not None:
            last[call["chat"]] = max(call["at"], last.get(call["chat"], 0.0))
    return ((one.at, last[one.chat]) for one in happened.asked if not one.presses and one.chat in last)


def errors_in(log: bytes, sizes: list[tuple[float, int]]) -> Iterator[tuple[float, str]]:
    """Lines at ERROR and above and tracebacks, with the Unix seconds at which they were first seen.

    What a line says of its time may come off a clock that was moved.

    Args:
        sizes: How many bytes the log had, look by look.
    """
    begins = 0
    for line in log.decode(errors="replace").splitlines(keepends=True):
        if line.strip() and _tells_of_an_error(line):
            yield next((at for at, size in sizes if size > begins), math.inf), line.rstrip()
        begins += len(line.encode())


def _tells_of_an_error(line: str) -> bool:
    try:
        told = json.loads(line)
    except ValueError:
        return True
    return told["level"].upper() in {"ERROR", "CRITICAL"} or "exception" in told
