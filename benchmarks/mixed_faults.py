"""What becomes of many people's ideas while almost every third call to Gemini and HuggingFace goes wrong.

    .venv/bin/python -m benchmarks.mixed_faults                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.mixed_faults --distributed  # g2d bot, one g2d worker, Postgres, Redis

Every fault that the sandbox knows of the two services strikes, mixed by a seed. When all ideas have ended it prints
what came of them, and what was violated; the exit status is 1 if anything was:

- each idea has one answer in its chat, a photo or an apology, and no bug of ours is the reason of one;
- no slot was held by a wait: of the slots that were busy at once, as many were in HTTP at once; at each look, 4 a
  second, the thread of every busy slot is in a call to a service, at our database or broker, at the kept pictures or at
  work of its own, and none lets time pass otherwise; and who was busy, loading or out of reach is not asked again in
  the same turn;
- Gemini is never asked again once it has written an idea's prompt, and every call to it is in the record.
"""

import argparse
import json
import random
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from benchmarks.installation import installed, options
from sandbox.client import Json, SandboxClient
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database

PAUSE_S = 15  # what services that name a time to wait say
TRANSIENT = frozenset({"service_busy", "service_unreachable", "model_loading"})
LOOK_S = 0.1
# What a busy slot may be at, as benchmarks.busy_slots says.
AT = ("http", "database", "broker", "line", "pictures", "work", "waiting")
LATENCY_S = {"gemini": 2.0, "router": 3.0}
MODELS = ("stable-diffusion-3-medium", "FLUX.1-dev", "FLUX.1-schnell", "Qwen-Image")  # several providers each
IDEA = re.compile(r"lighthouse (\d{4})\b")
EXPLAINED = frozenset({"unexpected", "bad_credentials"})  # reasons that need a call which had that very outcome

Kind = dict[str, Any]


def _preset(name: str, **arguments: Any) -> Kind:
    return {"preset": name, "arguments": arguments}


def _presets(names: str) -> tuple[Kind, ...]:
    return tuple(_preset(name) for name in names.split())


DROPS: tuple[Kind, ...] = ({"drop": "before"}, {"drop": "after"}, {"truncate": 30}, {"truncate": 30, "no_length": True})

GEMINI_COMMON: tuple[Kind, ...] = (
    *DROPS,
    _preset("per-minute-quota", retry_delay=f"{PAUSE_S}s"),
    _preset("per-minute-quota", retry_delay=None),
    *_presets(
        "bare-quota internal overloaded deadline bad-gateway-html thinking-ate-the-budget truncated-json broken-json "
        "fenced-json says only-thoughts no-candidates empty-object empty-body html-200 continuation per-day-quota "
        "prompt-blocked output-blocked"
    ),
)
# Of the account, the model and the request: what they say is true for long, in reality.
GEMINI_RARE: tuple[Kind, ...] = _presets(
    "bad-key missing-key permission country billing api-disabled bad-argument bad-field model-turn-last "
    "retired-model unknown-model"
)

ROUTER_COMMON: tuple[Kind, ...] = (
    *DROPS,
    _preset("rate-limited", retry_after=PAUSE_S),
    _preset("rate-limited", reset=PAUSE_S),
    _preset("rate-limited"),
    _preset("loading", estimated_time=2.0 * PAUSE_S),
    _preset("loading", without_estimate=True),
    _preset("gateway-timeout", html=False),
    *_presets(
        "loading-html cuda-out-of-memory too-busy bad-gateway-html gateway-timeout json-200-error validation "
        "typed-validation too-big missing-inputs gated"
    ),
    *(_preset("no-credits", wording=wording) for wording in ("depleted", "exceeded", "pay-as-you-go")),
)
# A target that says so is left alone for ten minutes, or a job ends: said once, it leaves somebody to paint.
ROUTER_RARE: dict[str, tuple[Kind, ...]] = {
    "hf-inference": _presets("deprecated"),
    "fal-ai": _presets("not-supported bad-token bad-credentials no-permission"),
    "replicate": _presets("unknown-model"),
    "wavespeed": _presets("repository-not-found"),
    "together": _presets("host-gone"),
}
PICTURES: tuple[Kind, ...] = _presets(
    "black-picture grey-picture wrong-type html-picture json-picture empty-picture truncated-picture bomb-picture "
    "tiny-picture"
)
OF_PROVIDERS: dict[str, tuple[Kind, ...]] = {
    "hf-inference": (*PICTURES, *PICTURES, _preset("moderated", provider="hf-inference")),
    "fal-ai": (
        *_presets("fal-bad-request fal-infrastructure fal-validation"),
        _preset("fal-infrastructure", error_type="runner_disconnected"),
        _preset("moderated", provider="fal-ai"),
    ),
    "replicate": (
        *_presets("replicate-failed replicate-validation"),
        _preset("moderated", provider="replicate"),
    ),
    "wavespeed": (
        *_presets("wavespeed-failed wavespeed-validation"),
        _preset("moderated", provider="wavespeed"),
    ),
    "together": (
        _preset("together-validation"),
        _preset("moderated", provider="together"),
        *(_preset(name, shape="b64_json") for name in ("black-picture", "grey-picture", "truncated-picture")),
    ),
    "nscale": tuple(_preset(name, shape="b64_json") for name in ("black-picture", "empty-picture")),
}


def main() -> None:
    """Let it happen, print what came of it, and exit with 1 if something was violated."""
    arguments = options(__doc__, database="g2d_mixed_faults")
    arguments.add_argument("--ideas", type=int, default=500)
    arguments.add_argument("--users", type=int, default=100)
    arguments.add_argument("--share", type=float, default=0.3, help="of the calls that go wrong")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--slots", type=int, default=32, help="of the worker")
    arguments.add_argument("--deadline", type=int, default=240, help="seconds from an idea's first turn")
    arguments.add_argument("--patience", type=float, default=600, help="seconds for all")
    wanted = arguments.parse_args()

    terms = {
        "G2D_JOB_DEADLINE_S": str(wanted.deadline),
        "G2D_WORKER_SLOTS": str(wanted.slots),
        "G2D_LOG_FORMAT": "json",
    }
    with installed(wanted, watched=True, **terms) as made:
        with closing(Database(made.database_url)) as database:
            happened = _let_it_happen(made.client, database, wanted)
        happened.slots = [json.loads(line) for line in made.slots.read_text(encoding="utf-8").splitlines()[:-1]]
        happened.log = made.log
        print(f"{'distributed' if wanted.distributed else 'embedded'}, seed {wanted.seed}:")
        violations = [*_answers(happened), *_slots(happened), *_prompts(happened), *_own_faults(happened)]
    for violation in violations:
        print(f"VIOLATED: {violation}")
    sys.exit(1 if violations else 0)


@dataclass
class Happened:
    """All that is known after the last idea has ended."""

    seconds: float
    requests: list[Json]
    answers: dict[int, list[Json]]  # message that asked → the bot's messages that reply to it
    strays: int  # messages of the bot that reply to none
    jobs: list[Any]
    attempts: dict[int, list[Any]]
    calls: list[Json]  # of Gemini, the router and the files, as the sandbox read them
    faults: list[Json]
    looks: "Looks"
    complaints: list[Json]
    log: str = ""
    slots: list[Json] = field(default_factory=list)  # look by look, as benchmarks.busy_slots writes them


def _let_it_happen(client: SandboxClient, database: Database, wanted: argparse.Namespace) -> Happened:
    for service, latency_s in LATENCY_S.items():
        client.call("PUT", f"/{service}/_sandbox", json={"latency_s": latency_s})
    client.call("PUT", "/router/_sandbox", json={"same_picture": True})
    _arm(client, wanted.ideas, wanted.share, random.Random(wanted.seed))
    people = [client.person(f"Person {number}") for number in range(wanted.users)]
    looks = Looks()
    with looks.looking(database):
        started = time.time()
        requests = _say_all(client.url, people, wanted.ideas)
        deadline = time.monotonic() + wanted.patience
        while looks.delivered < wanted.ideas and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        seconds = time.time() - started
    answers, strays = _read_chats(client, people, requests)
    with database.reading() as connection:
        jobs = list(connection.execute(select(tables.jobs).order_by(tables.jobs.c.id)))
        attempts = defaultdict(list)
        for row in connection.execute(select(tables.attempts).order_by(tables.attempts.c.id)):
            attempts[row.job_id].append(row)
    calls = [
        one for service in ("gemini", "router", "files") for one in client.journal(service) if one["at"] >= started
    ]
    return Happened(
        seconds, requests, answers, strays, jobs, attempts, calls, client.faults(), looks, client.violations()
    )


# Before


def _arm(client: SandboxClient, ideas: int, share: float, chance: random.Random) -> None:
    """Arm so that of all calls a share goes wrong; each plan is longer than the calls that are to be expected."""
    _arm_plan(client, "gemini", ":generateContent", 3 * ideas, share, chance, GEMINI_COMMON, GEMINI_RARE)
    for provider, own in OF_PROVIDERS.items():
        rare = ROUTER_RARE.get(provider, ())
        calls = 4 * ideas if provider == "fal-ai" else 2 * ideas  # fal's queue is asked several times for a picture.
        _arm_plan(client, "router", f"/{provider}/", calls, share, chance, (*ROUTER_COMMON, *own), rare)
    _arm_plan(
        client, "files", None, ideas, share, chance, (*DROPS, *({"status": code} for code in (403, 404, 500, 503)))
    )


def _arm_plan(
    client: SandboxClient,
    service: str,
    path: str | None,
    calls: int,
    share: float,
    chance: random.Random,
    common: tuple[Kind, ...],
    rare: tuple[Kind, ...] = (),
) -> None:
    """Round after round, every common kind comes once; a rare one comes once at all, and not among the first."""
    struck = [number for number in range(calls) if chance.random() < share]
    kinds: list[Kind] = []
    while len(kinds) < len(struck):
        kinds += chance.sample(common, len(common))
    for place, kind in enumerate(rare):
        kinds.insert(3 + 4 * place, kind)
    del kinds[len(struck) :]
    # An armed fault lets pass what the ones before it have not struck.
    for before, (number, kind) in enumerate(zip(struck, kinds, strict=True)):
        client.arm(service, **({} if path is None else {"path": path}), skip=number - before, **kind)


# During


@dataclass
class Looks:
    """What the record showed, look by look: which turns were under way, and when."""

    turns: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)  # (job, claim) → first, last look
    working: list[tuple[float, int]] = field(default_factory=list)
    waiting: int = 0  # the most at once
    waited_s: float = 0.0  # of all jobs together
    delivered: int = 0

    @contextmanager
    def looking(self, database: Database) -> Iterator[None]:
        """Look on from another thread."""
        done = threading.Event()
        thread = threading.Thread(target=self._look_on, args=(database, done))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _look_on(self, database: Database, done: threading.Event) -> None:
        jobs, last = tables.jobs.c, time.time()
        under_way = select(jobs.id, jobs.claims).where(jobs.state == State.WORKING)
        counts = select(
            func.count().filter(jobs.state == State.WAITING), func.count().filter(jobs.delivered_at.is_not(None))
        )
        while not done.wait(LOOK_S):
            with database.reading() as connection:
                turns = list(connection.execute(under_way))
                now = time.time()
                waiting, self.delivered = connection.execute(counts).one()
            for turn in turns:
                first, _ = self.turns.get((turn.id, turn.claims), (now, now))
                self.turns[turn.id, turn.claims] = (first, now)
            self.working.append((now, len(turns)))
            self.waiting = max(self.waiting, waiting)
            self.waited_s += waiting * (now - last)
            last = now


def _say_all(url: str, people: list[Json], ideas: int) -> list[Json]:
    said: list[Json] = []

    def speak(part: int) -> None:
        with SandboxClient(url) as client:
            for number in range(part, ideas, 8):
                model = MODELS[number % len(MODELS)]
                text = f"/imagine lighthouse {number:04} in a storm --model {model}"
                said.append(client.say(people[number % len(people)], text))

    speakers = [threading.Thread(target=speak, args=(part,)) for part in range(8)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    return said


# Afterwards


def _read_chats(client: SandboxClient, people: list[Json], requests: list[Json]) -> tuple[dict[int, list[Json]], int]:
    """The answers by the request's place; the last status messages may be on their way out, and are waited for."""
    asked = {(one["chat"]["id"], one["message_id"]): number for number, one in enumerate(requests)}

    def read() -> tuple[dict[int, list[Json]], int]:
        answers: dict[int, list[Json]] = {number: [] for number in range(len(requests))}
        strays = 0
        for person in people:
            bare = list[Json]()
            for message in client.from_bot(person):
                request = asked.get((person["id"], message.get("reply_to_message", {}).get("message_id")))
                if request is None:
                    bare.append(message)
                else:
                    answers[request].append(message)
            # What answers the only request that a person has left quotes nothing.
            left = [number for (whose, _), number in asked.items() if whose == person["id"] and not answers[number]]
            for number, message in zip(left, bare, strict=False):
                answers[number].append(message)
            strays += max(len(bare) - len(left), 0)
        return answers, strays

    def settled() -> tuple[dict[int, list[Json]], int] | None:
        answers, strays = read()
        return (answers, strays) if not strays and all(len(one) == 1 for one in answers.values()) else None

    try:
        return client.wait_for(settled, timeout_s=15, what="one answer to each")
    except TimeoutError:
        return read()


def _answers(happened: Happened) -> Iterator[str]:
    photos = sum("photo" in one for answers in happened.answers.values() for one in answers)
    failed = [job for job in happened.jobs if job.state == State.FAILED]
    reasons = Counter(job.reason for job in failed)
    own_words = sum(job.state == State.FINISHED and job.chat_model is None for job in happened.jobs)
    print(f"  {len(happened.requests)} ideas in {happened.seconds:.0f} s: {photos} photos ({own_words} in own words)")
    print(f"  {len(failed)} apologies: {', '.join(f'{reason} {count}' for reason, count in reasons.most_common())}")

    counts = Counter(len(answers) for answers in happened.answers.values())
    if set(counts) != {1}:
        yield f"answers an idea (answers: ideas): {dict(counts)}"
    if happened.strays:
        yield f"{happened.strays} messages of the bot answer no idea"
    states = Counter(job.state for job in happened.jobs)
    if photos != states[State.FINISHED] or len(failed) + photos != len(happened.requests):
        yield f"{photos} photos, but the record says {dict(states)}"
    for job in failed:
        outcomes = {one.outcome for one in happened.attempts[job.id]}
        if job.reason == "worker_lost" or (job.reason in EXPLAINED and job.reason not in outcomes):
            yield f"job {job.id} ended with {job.reason}, its calls with {sorted(outcomes)}"
    unexpected = Counter(
        f"{one.service}: {one.detail}"
        for job in failed
        if job.reason == "unexpected"
        for one in happened.attempts[job.id]
        if one.outcome == "unexpected"
    )
    for detail, count in unexpected.most_common():
        print(f"    unexpected {count}: {detail}")


def _slots(happened: Happened) -> Iterator[str]:
    edges = sorted(edge for one in happened.calls if one["done_at"] for edge in ((one["at"], 1), (one["done_at"], -1)))
    calls = most_calls = 0
    for _, step in edges:
        calls += step
        most_calls = max(most_calls, calls)
    looks = happened.looks
    most_working = max((count for _, count in looks.working), default=0)
    beyond = list(_beyond_calls(happened))
    print(
        f"  most at once: {most_working} slots busy, {most_calls} calls in HTTP, {looks.waiting} jobs waiting; "
        f"waits {looks.waited_s:.0f} s together, slots beyond their calls {sum(beyond):.0f} s, "
        f"the longest {max(beyond, default=0.0):.1f} s"
    )
    if most_working > most_calls:
        yield f"{most_working} slots were busy at once, and never more than {most_calls} in HTTP"
    yield from _looks_at_slots(happened.slots)
    # The seconds grow with the machine's load; that nobody was asked again within a turn says it without a clock.
    for job, attempts in happened.attempts.items():
        busy = set()
        for one in attempts:
            asked = (one.at, one.service, one.model)  # what a turn's step called is written down at one moment
            if asked in busy:
                yield f"job {job} waited in its slot and asked {one.service} for {one.model} again"
            if one.outcome in TRANSIENT:
                busy.add(asked)


def _looks_at_slots(slots: list[Json]) -> Iterator[str]:
    looks = [Counter(look["at"]) for look in slots]
    all_of = sum(looks, Counter())
    busier = [look for look in looks if look.total() > look["http"]]
    beside = sum(busier, Counter())
    most_busy = max((look.total() for look in looks), default=0)
    print(
        f"  {len(looks)} looks at busy slots, {most_busy} at most, found them at: "
        + ", ".join(f"{at} {all_of[at]} (at most {max((look[at] for look in looks), default=0)} at once)" for at in AT)
    )
    print(
        f"  in {len(busier)} of the looks more slots were busy than in HTTP; these were at: "
        + ", ".join(f"{at} {beside[at]}" for at in AT if at != "http")
    )
    for stack in sorted({wait for look in slots for wait in look["waits"]}):
        yield f"a slot was held by a wait: {stack[:2_000]}"
    if not all_of["http"]:
        yield "nobody was ever seen in a call: the looks are blind"


def _beyond_calls(happened: Happened) -> Iterator[float]:
    """Seconds that each turn was seen under way beyond its calls: our own work, and waiting for a core."""
    turns = defaultdict(list)
    for (job, claim), (first, last) in happened.looks.turns.items():
        turns[job].append((first, last, claim))
    for job, seen in turns.items():
        calls_s: Counter[int] = Counter()
        for one in happened.attempts[job]:
            # Written down at the end of a step, so the turn has begun; it is the newest that has.
            begun = [claim for first, _, claim in seen if first <= one.at.timestamp()]
            calls_s[max(begun, default=0)] += one.duration_ms / 1000
        for first, last, claim in seen:
            yield max(last - first - calls_s[claim], 0.0)


def _prompts(happened: Happened) -> Iterator[str]:
    asked = Counter(
        found[1]
        for one in happened.calls
        if one["service"] == "gemini" and (found := IDEA.search(str(one["body"]))) is not None
    )
    calls: Counter[int] = Counter()
    for job in happened.jobs:
        outcomes = [one.outcome for one in happened.attempts[job.id] if one.step == "prompt"]
        found = IDEA.search(job.idea)
        number = found[1] if found else ""
        if asked[number] != len(outcomes):
            yield f"job {job.id}: {asked[number]} calls to Gemini, {len(outcomes)} in the record: {outcomes}"
        if "ok" in outcomes[:-1]:
            yield f"job {job.id}: Gemini was asked again after it had written: {outcomes}"
        if job.prompt is not None:
            calls[len(outcomes)] += 1
    print(f"  calls to Gemini a written prompt (calls: jobs): {dict(sorted(calls.items()))}")


def _own_faults(happened: Happened) -> Iterator[str]:
    struck = {
        service: sum(one["hits"] for one in happened.faults if one["service"] == service) for service in LATENCY_S
    }
    made = Counter(one["service"] for one in happened.calls)
    kinds = {(one["service"], _name(one)) for one in happened.faults}
    missed = sorted(kinds - {(one["service"], _name(one)) for one in happened.faults if one["hits"]})
    print("  calls that went wrong: " + ", ".join(f"{name} {struck[name]} of {made[name]}" for name in LATENCY_S))
    print(f"  kinds of fault that struck: {len(kinds) - len(missed)} of {len(kinds)}; not: {missed}")
    for complaint in happened.complaints:
        yield f"Telegram: {complaint}"
    lines = happened.log.splitlines()
    for number, line in enumerate(lines):
        if "failed unexpectedly" in line or "Traceback" in line:
            yield "\n".join(lines[number : number + 30])[:4_000]


def _name(fault: Json) -> str:
    return str(fault.get("preset") or fault.get("drop") or fault.get("status") or "truncate")


if __name__ == "__main__":
    main()
