"""Calls to Telegram that go wrong, in every way in which Telegram and what lies before it do; a seed chooses."""

import random
from collections.abc import Sequence
from typing import Any

from sandbox.client import Json, SandboxClient

Fault = dict[str, Any]

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


def arm(client: SandboxClient, calls: int, share: float, chance: random.Random) -> None:
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


def name_of(fault: Json) -> str:
    words = [fault.get("preset"), f"drop {fault['drop']}" if "drop" in fault else None]
    words += ["truncated"] if "truncate" in fault else []
    words += ["dripping"] if "drip_s" in fault else []
    words += ["late"] if fault.get("delay_s") and "drop" not in fault else ["hanging"] if fault.get("delay_s") else []
    if not any(words):
        return f"{fault.get('status')} page"
    told = fault.get("reply")
    what = told["description"].removeprefix("Bad Request: ") if fault.get("preset") == "bad-request" else None
    return " ".join(word for word in (*words, what) if word)


def was_taken(fault: Json) -> bool:
    """Whether Telegram did what it was asked for, and nobody heard of it. Pure."""
    return "status" not in fault and "reply" not in fault and fault.get("drop") != "before"
