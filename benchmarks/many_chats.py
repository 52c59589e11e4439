"""How answers to many people who all ask at the same moment stream, while Telegram is strict.

    .venv/bin/python -m benchmarks.many_chats                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.many_chats --distributed  # g2d bot, one g2d worker, Postgres, Redis

The sandbox counts every message, edit, draft and chat action, and answers 429 to more than 30 a second in all, one a
second in a private chat, 20 a minute in a group. In the groups several people ask at once. Gemini takes a while for
each piece of its answer. Every answer is compared with what was asked for. Prints how many came, what Telegram refused,
and the seconds from a question to its first visible word and to its whole answer; ends with 1 when anything is
missing, wrong, twice or refused.
"""

import sys
import threading
import time
from collections import Counter
from typing import Any

from benchmarks.installation import installed, options
from sandbox.client import SandboxClient

PIECE_S = 1.0  # between two pieces of an answer
WORDS = 60  # in an answer
ASKERS_A_GROUP = 3
SHOWN = {"sendMessage", "editMessageText", "sendMessageDraft"}
PATIENCE_S = 300.0
MARK = "tale-"  # how the first word of each answer begins


def main() -> None:
    """Measure, and print a few lines."""
    arguments = options(__doc__)
    arguments.add_argument("--people", type=int, default=200)
    arguments.add_argument("--groups", type=int, default=5)
    wanted = arguments.parse_args()

    # All of them are to stream at once.
    slots = wanted.people + ASKERS_A_GROUP * wanted.groups
    with installed(wanted, G2D_WORKER_SLOTS=str(slots)) as made:
        client = made.client
        client.call("PUT", "/gemini/_sandbox", json={"chunk_delay_s": PIECE_S})
        client.set_limits(flood="strict")
        size = "distributed" if wanted.distributed else "embedded"
        sys.exit(not _measure(client, size, people=wanted.people, groups=wanted.groups))


def _measure(client: SandboxClient, size: str, *, people: int, groups: int) -> bool:
    questions = [(person, person) for person in (client.person(f"Person {number}") for number in range(people))]
    for number in range(groups):
        members = [client.person(f"Member {number} {other}") for other in range(ASKERS_A_GROUP)]
        group = client.group(*members, title=f"Group {number}")
        questions += [(member, group) for member in members]
    tales = {number: f"{MARK}{number} " + "and on it goes " * (WORDS // 4) for number in range(len(questions))}
    seen = max((entry["id"] for entry in client.journal("telegram")), default=0)
    asked: dict[int, float] = {}
    speakers = [
        threading.Thread(target=_ask, args=(client.url, list(enumerate(questions))[part::8], tales, asked))
        for part in range(8)
    ]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()

    def all_there() -> bool:
        ended = client.journal("telegram", "(sendMessage|editMessageText)$", after=seen)
        return len(_whole(ended, tales)) == len(tales)

    end = time.monotonic() + PATIENCE_S
    while not all_there() and time.monotonic() < end:
        time.sleep(1)

    journal = client.journal("telegram", after=seen)
    first, whole = _first(journal), _whole(journal, tales)
    refused = Counter(_method(one) for one in journal if one["status"] == 429)
    shown = Counter(_method(one) for one in journal if one["status"] == 200 and _method(one) in SHOWN)
    right = [number for number, (_, chat) in enumerate(questions) if _stands_once(client, chat, tales[number])]
    print(f"{size}: {len(whole)} of {len(tales)} answers came, {len(right)} are right and there once")
    print(f"  refused with 429: {dict(refused) or 'nothing'}; shown: {dict(shown)}")
    print(f"  first word after {_spread([at - asked[number] for number, at in first.items()])}")
    print(f"  whole answer after {_spread([at - asked[number] for number, at in whole.items()])}")
    print(f"  all of it within {max(whole.values()) - min(asked.values()):.1f} s")
    return len(right) == len(tales) and not refused


def _ask(url: str, questions: list[Any], tales: dict[int, str], asked: dict[int, float]) -> None:
    with SandboxClient(url) as client:
        for number, (person, chat) in questions:
            mention = "@sandbox_bot " if chat is not person else ""
            asked[number] = time.time()
            client.say(person, f"{mention}echo: {tales[number]}", chat=chat)


def _method(entry: dict[str, Any]) -> str:
    return str(entry["path"]).rpartition("/")[2]


def _number(entry: dict[str, Any]) -> int | None:
    text = str((entry["body"] or {}).get("text") or "")
    return int(text.split(maxsplit=1)[0].removeprefix(MARK)) if text.startswith(MARK) and " " in text else None


def _first(journal: list[dict[str, Any]]) -> dict[int, float]:
    """When the first words of each answer were there."""
    found: dict[int, float] = {}
    for one in journal:
        number = _number(one)
        if number is not None and one["status"] == 200:
            found.setdefault(number, one["done_at"])
    return found


def _whole(journal: list[dict[str, Any]], tales: dict[int, str]) -> dict[int, float]:
    """When each answer stood whole in a message."""
    found: dict[int, float] = {}
    for one in journal:
        number = _number(one)
        if number is None or one["status"] != 200 or _method(one) == "sendMessageDraft":
            continue
        if str(one["body"]["text"]).split() == tales[number].split():
            found.setdefault(number, one["done_at"])
    return found


def _stands_once(client: SandboxClient, chat: dict[str, Any], tale: str) -> bool:
    texts = [message.get("text", "").split() for message in client.from_bot(chat)]
    return texts.count(tale.split()) == 1 and "Thinking" not in str(texts)


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"{ordered[0]:.1f} s at best, p50 {middle:.1f} s, p95 {late:.1f} s"


if __name__ == "__main__":
    main()
