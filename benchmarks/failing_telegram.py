"""What becomes of people's requests while one in a hundred calls to Telegram goes wrong.

    .venv/bin/python -m benchmarks.failing_telegram                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.failing_telegram --distributed  # g2d bot, one g2d worker, Postgres, Redis

A steady load of every kind of request, each in a chat of its own, for so many --minutes, against a sandbox with
Telegram's flood limits. Calls of every method, polls included, go wrong in every way in which Telegram and what lies
before it do; a seed chooses. Afterwards the chats, the sandbox's journal and the record are read. Prints a table and a
line of JSON; the exit status is 1 if anything was violated:

- each request has its one outcome. What Telegram took without saying so may be there twice: that is counted apart, and
  only where such a fault struck in that chat;
- no status message stands, and no button of one;
- every call was as the Bot API describes it, and Telegram refused none for a flood in a group or in all;
- in the record everything has ended, and is delivered or removed; no update waits;
- the services' logs have no error.
"""

import argparse
import io
import json
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import PIL.Image
from sqlalchemy import Select, func, select

from benchmarks.installation import Installed, installed, options
from sandbox.client import Json, SandboxClient
from shared.store import tables
from shared.store.database import Database

Fault = dict[str, Any]

GEMINI_S, PAINTER_S = 0.5, 1.5
CALLS_A_REQUEST = 15  # more than there are, polls included: what was not struck is disarmed
PATIENCE_S = 240.0  # of a person who waits for what is to be pressed
STANDING = ("cancel ", "stop ")  # how the data of a button begin that stands below a status message
UNDER_WAY = ("⏸", "✖️ Cancel")

# Telegram did nothing, and says so or says nothing.
NOT_TAKEN: tuple[Fault, ...] = (
    {"drop": "before"},
    {"drop": "before", "delay_s": 90},  # a call that hangs until its time is up
    {"preset": "internal-error"},
    *({"preset": "bad-gateway", "arguments": {"status": status}} for status in (502, 503, 504)),
    {"preset": "not-json"},
    {"preset": "unauthorized"},
    {"preset": "conflict"},
    {"status": 404, "reply": "<html><head><title>404 Not Found</title></head></html>"},
    *({"preset": "too-many-requests", "arguments": {"retry_after": seconds}} for seconds in (1, 2, 8)),
)
# Telegram did what it was asked for, and nobody hears of it.
TAKEN: tuple[Fault, ...] = (
    {"drop": "after"},
    {"truncate": 20},
    {"truncate": 20, "no_length": True},
    {"drip_s": 60},
    {"delay_s": 30},  # long after the caller has hung up
)
# What Telegram refuses in words. Others would be lies here: of a chat that is gone, or a message that still stands.
REFUSALS: dict[str, tuple[Fault, ...]] = {
    "sendPhoto": tuple(
        {"preset": "bad-request", "arguments": {"text": text}}
        for text in (
            "PHOTO_INVALID_DIMENSIONS",
            "IMAGE_PROCESS_FAILED",
            "message to be replied not found",
            "SOMETHING_NEW",
        )
    ),
    "sendMediaGroup": (
        {"preset": "bad-request", "arguments": {"text": "PHOTO_SAVE_FILE_INVALID"}},
        {"preset": "bad-request", "arguments": {"text": "SOMETHING_NEW"}},
    ),
    "answerCallbackQuery": ({"preset": "query-too-old"},),
    "sendChatAction|sendMessageDraft": ({"preset": "bad-request", "arguments": {"text": "SOMETHING_NEW"}},),
}


def main() -> None:
    """Let it happen, print what came of it, and exit with 1 if something was violated."""
    arguments = options(__doc__, database="g2d_failing_telegram", port=8179)
    arguments.add_argument("--minutes", type=float, default=5)
    arguments.add_argument("--rate", type=float, default=0.7, help="requests a second")
    arguments.add_argument("--share", type=float, default=0.01, help="of the calls to Telegram that go wrong")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--settle", type=float, default=420, help="seconds that the end may take at most")
    wanted = arguments.parse_args()

    with installed(wanted, G2D_LOG_FORMAT="json") as made, closing(Database(made.database_url)) as database:
        happened = _let_it_happen(made, database, wanted)
        violations = list(_judge(happened, made, database))
    _report(happened, violations, wanted)
    sys.exit(1 if violations else 0)


# The requests


@dataclass
class Asked:
    """A request in a chat of its own, and what is to come of it.

    Attributes:
        wanted: How many messages of each kind the chat shows in the end.
        trouble: What a person could not do, because the bot had not shown it.
    """

    kind: str
    chat: int
    wanted: Counter[str]
    at: float
    trouble: str = ""


Talk = Callable[[SandboxClient, Json, Json], str]


@dataclass(frozen=True)
class Kind:
    """A kind of request: how a person asks, what comes of it, and how often it is asked for beside others."""

    weight: int
    wanted: dict[str, int]
    words: str
    press: Talk | None = None
    with_photo: bool = False
    in_group: bool = False


def _wait(client: SandboxClient, chat: Json, has: Callable[[Json], Any]) -> Json:
    return client.wait_for_message(chat, has, timeout_s=PATIENCE_S)


def _start(client: SandboxClient, person: Json, chat: Json) -> str:
    summary = _wait(client, chat, lambda one: "▶️ Start" in str(one.get("reply_markup")))
    return client.press(person, summary, "▶️ Start")


def _press(button: str) -> Talk:
    def press(client: SandboxClient, person: Json, chat: Json) -> str:
        photo = _wait(client, chat, lambda one: button in json.dumps(one.get("reply_markup"), ensure_ascii=False))
        return client.press(person, photo, button)

    return press


KINDS = {
    "picture": Kind(30, {"picture": 1}, "/imagine lighthouse {n} in a storm"),
    "in a group": Kind(8, {"picture": 1}, "/imagine harbour {n} at night", in_group=True),
    "album": Kind(12, {"picture": 3, "words": 1}, "/imagine boat {n} at sea --n 3"),
    "batch": Kind(8, {"picture": 3, "words": 1}, "/batch\nfox {n} in the snow\nowl {n} at dusk --n 2", _start),
    "question": Kind(15, {"words": 1}, "What is a lighthouse? ({n})"),
    "describe": Kind(8, {"words": 1}, "/describe", with_photo=True),
    "help": Kind(6, {"words": 1}, "/help"),
    "again": Kind(6, {"picture": 2}, "/imagine hut {n} in the hills", _press("🔁 Again")),
    "original": Kind(4, {"picture": 2}, "/imagine mill {n} by a brook", _press("📄 File")),
    "edit": Kind(3, {"picture": 1, "words": 1}, "/imagine oak {n} on a hill", _press("✏️ Edit")),
}


class People:
    """Ask at a steady rate, each from a thread of its own: some wait for a button."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._url = url
        self._chance = chance
        self.asked: list[Asked] = []
        self._threads: list[threading.Thread] = []
        self._photo = _a_photo()

    def ask_for(self, seconds: float, rate: float) -> None:
        """Ask for so many seconds; returns when everybody has done what they wanted to."""
        names, weights = list(KINDS), [one.weight for one in KINDS.values()]
        begun = time.monotonic()
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            [name] = self._chance.choices(names, weights)
            thread = threading.Thread(target=self._ask, args=(number, name), daemon=True)
            thread.start()
            self._threads.append(thread)
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int, name: str) -> None:
        kind = KINDS[name]
        with SandboxClient(self._url) as client:
            person = client.person(f"Person {number}")
            chat = client.group(person) if kind.in_group else person
            asked = Asked(name, chat["id"], Counter(kind.wanted), time.time())
            self.asked.append(asked)
            photo = self._photo if kind.with_photo else None
            client.say(person, kind.words.format(n=number), chat=chat, photo=photo)
            try:
                if kind.press is not None:
                    kind.press(client, person, chat)
            except TimeoutError as error:
                asked.trouble = str(error)


def _a_photo() -> bytes:
    content = io.BytesIO()
    PIL.Image.new("RGB", (320, 240), "orange").save(content, "JPEG")
    return content.getvalue()


# The faults


def _arm(client: SandboxClient, calls: int, share: float, chance: random.Random) -> None:
    """Arm so that of so many calls a share goes wrong; every way comes once before one comes again."""
    _arm_plan(client, None, calls, share, (*NOT_TAKEN, *TAKEN), chance)
    for path, kinds in REFUSALS.items():
        _arm_plan(client, f"({path})$", calls // 4, share, kinds, chance)


def _arm_plan(
    client: SandboxClient, path: str | None, calls: int, share: float, kinds: Sequence[Fault], chance: random.Random
) -> None:
    struck = [number for number in range(calls) if chance.random() < share]
    ways: list[Fault] = []
    while len(ways) < len(struck):
        ways += chance.sample(kinds, len(kinds))
    # An armed fault lets pass what the ones before it have not struck.
    for before, (number, way) in enumerate(zip(struck, ways, strict=False)):
        client.arm("telegram", **({} if path is None else {"path": path}), skip=number - before, **way)


def _name(fault: Json) -> str:
    words = [fault.get("preset"), f"drop {fault['drop']}" if "drop" in fault else None]
    words += ["truncated"] if "truncate" in fault else []
    words += ["dripping"] if "drip_s" in fault else []
    words += ["late"] if fault.get("delay_s") and "drop" not in fault else ["hanging"] if fault.get("delay_s") else []
    if not any(words):
        return f"{fault.get('status')} page"
    told = fault.get("reply")
    what = told["description"].removeprefix("Bad Request: ") if fault.get("preset") == "bad-request" else None
    return " ".join(word for word in (*words, what) if word)


# What happened


@dataclass
class Happened:
    """What was asked, and what the sandbox wrote down."""

    asked: list[Asked]
    calls: list[Json]
    faults: dict[int, Json]
    settled_s: float
    chats: dict[int, "Chat"] = field(default_factory=dict)


@dataclass
class Chat:
    """What a chat shows in the end."""

    shown: Counter[str]
    standing: list[str]


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
            while not self._done.wait(20):
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


def _let_it_happen(made: Installed, database: Database, wanted: argparse.Namespace) -> Happened:
    client, chance = made.client, random.Random(wanted.seed)
    client.call("PUT", "/gemini/_sandbox", json={"latency_s": GEMINI_S})
    client.call("PUT", "/router/_sandbox", json={"latency_s": PAINTER_S, "same_picture": True})
    client.set_limits(flood="strict", repeated_polls="strict")
    seconds = 60 * wanted.minutes
    _arm(client, int(seconds * wanted.rate * CALLS_A_REQUEST), wanted.share, chance)
    calls, people = Calls(client.url), People(client.url, chance)
    people.ask_for(seconds, wanted.rate)
    faults = {one["id"]: one for one in client.faults() if one["hits"]}
    client.clear_faults()

    begun = time.monotonic()
    happened = Happened(people.asked, [], faults, 0.0)
    left = {one.chat for one in people.asked}
    while time.monotonic() - begun < wanted.settle:
        waiting = list(_waiting(database))
        if not waiting:
            happened.chats |= {chat: _read(client, chat) for chat in left}
            left = {one.chat for one in people.asked if _may_come_right(one, happened.chats[one.chat])}
            if not left:
                break
        time.sleep(2)
    happened.settled_s = time.monotonic() - begun
    happened.chats |= {chat: _read(client, chat) for chat in left}
    happened.calls = calls.end()
    return happened


def _read(client: SandboxClient, chat: int) -> Chat:
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
    for button in (button for row in rows for button in row):
        if button.get("callback_data", "").startswith(STANDING) or button["text"].startswith(UNDER_WAY):
            return True
    return "Painting:" in message.get("text", "")


def _faults_of(asked: Asked, chat: Chat) -> list[str]:
    """What is not as it should be in a chat. Pure."""
    counts = {kind: (chat.shown[kind], asked.wanted[kind]) for kind in sorted({*asked.wanted, *chat.shown})}
    return [f"stands: {text}" for text in chat.standing] + [
        f"{shown} of {kind} instead of {wanted}" for kind, (shown, wanted) in counts.items() if shown != wanted
    ]


def _may_come_right(asked: Asked, chat: Chat) -> bool:
    """Whether something is still on its way, or is still to be removed; what came twice stays. Pure."""
    return bool(chat.standing or asked.wanted - chat.shown)


# What the record must not have in the end


def _waiting(database: Database) -> Iterator[str]:
    jobs, errands, batches = tables.jobs.c, tables.errands.c, tables.batches.c
    sought: dict[str, Select[Any]] = {
        "jobs not delivered": select(func.count()).where(jobs.delivered_at.is_(None)),
        "jobs given up": select(func.count()).where(jobs.undelivered_reason.is_not(None)),
        "jobs failed": select(func.count()).where(jobs.state == "failed"),
        "errands not delivered": select(func.count()).where(errands.delivered_at.is_(None)),
        "errands given up": select(func.count()).where(errands.undelivered_reason.is_not(None)),
        "errands failed": select(func.count()).where(errands.state == "failed"),
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


# The verdict


def _judge(happened: Happened, made: Installed, database: Database) -> Iterator[str]:
    taken = _taken_by_chat(happened)
    for asked in happened.asked:
        chat = happened.chats[asked.chat]
        if asked.trouble:
            yield f"{asked.kind} in chat {asked.chat}: {asked.trouble}"
        if (wrong := _faults_of(asked, chat)) and not _are_doubles(asked, chat, taken[asked.chat]):
            yield f"{asked.kind} in chat {asked.chat}: {'; '.join(wrong)}; struck: {_struck(happened, asked.chat)}"
    yield from (f"the record: {one}" for one in _waiting(database))
    yield from (f"Telegram: {one}" for one in made.client.violations())
    floods = [one for one in happened.calls if one["status"] == 429 and one["fault"] is None]
    if in_groups := [one for one in floods if one["chat"] is None or one["chat"] < 0]:
        yield f"{len(in_groups)} calls refused for a flood in a group or in all"
    lines = made.log.splitlines()
    for line in lines:
        if '"level": "ERROR"' in line or "Traceback" in line:
            yield f"log: {line[:600]}"


def _taken_by_chat(happened: Happened) -> Counter[int]:
    """Calls by chat that showed something and of which the bot never heard that they did."""
    found: Counter[int] = Counter()
    for one in happened.calls:
        fault = happened.faults.get(one["fault"])
        if fault and _was_taken(fault) and one["chat"] is not None and one["method"].startswith("send"):
            found[one["chat"]] += 1
    return found


def _was_taken(fault: Json) -> bool:
    return "status" not in fault and "reply" not in fault and fault.get("drop") != "before"


def _are_doubles(asked: Asked, chat: Chat, taken: int) -> bool:
    """Whether all that is too much may be what Telegram took in silence. Pure."""
    lacking, too_many = asked.wanted - chat.shown, chat.shown - asked.wanted
    most = taken * max(asked.wanted.values())  # an album comes whole
    return not chat.standing and not lacking and 0 < too_many.total() <= most


def _struck(happened: Happened, chat: int) -> str:
    calls = [one for one in happened.calls if one["chat"] == chat and one["fault"] is not None]
    return ", ".join(f"{one['method']} {_name(happened.faults[one['fault']])}" for one in calls) or "nothing"


# The report


def _verdict(chat: Chat, *, wrong: bool, doubled: bool, lacking: bool) -> str:
    if not wrong:
        return "one outcome"
    if chat.standing:
        return "status standing"
    return "doubled" if doubled else "lost" if lacking else "other"


def _report(happened: Happened, violations: list[str], wanted: argparse.Namespace) -> None:
    taken = _taken_by_chat(happened)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for asked in happened.asked:
        chat, row = happened.chats[asked.chat], counts[asked.kind]
        wrong = _faults_of(asked, chat)
        doubled = bool(wrong) and _are_doubles(asked, chat, taken[asked.chat])
        lacking = bool(asked.wanted - chat.shown)
        row["asked"] += 1
        row[_verdict(chat, wrong=bool(wrong), doubled=doubled, lacking=lacking)] += 1
    size = "distributed" if wanted.distributed else "embedded"
    print(f"{size}, {wanted.minutes:g} min at {wanted.rate:g}/s, seed {wanted.seed}:")
    columns = ("asked", "one outcome", "doubled", "lost", "status standing", "other")
    print(f"| kind | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for kind in KINDS:
        row = counts[kind]
        print(f"| {kind} | {' | '.join(str(row[name]) for name in columns)} |")
    struck = Counter(_name(happened.faults[one["fault"]]) for one in happened.calls if one["fault"] in happened.faults)
    methods = Counter(one["method"] for one in happened.calls if one["fault"] is not None)
    floods = sum(one["status"] == 429 and one["fault"] is None for one in happened.calls)
    summary = {
        "size": size,
        "seed": wanted.seed,
        "minutes": wanted.minutes,
        "requests": len(happened.asked),
        "calls": len(happened.calls),
        "struck": sum(struck.values()),
        "ways": dict(struck.most_common()),
        "methods": dict(methods.most_common()),
        "refused_for_a_flood": floods,
        "settled_s": round(happened.settled_s, 1),
        "kinds": {kind: dict(row) for kind, row in counts.items()},
        "violations": len(violations),
    }
    print(json.dumps(summary, ensure_ascii=False))
    for violation in violations:
        print(f"VIOLATED: {violation}")


if __name__ == "__main__":
    main()
