"""What people ask for while faults strike: every kind of request, each in a chat of its own, at a steady rate."""

import io
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import PIL.Image

from sandbox.client import Json, SandboxClient

PATIENCE_S = 240.0  # of a person who waits for what is to be pressed
QUEUED = "FLUX.1-dev"  # a model whose providers queue orders


@dataclass
class Asked:
    """A request in a chat of its own, and what is to come of it.

    Attributes:
        wanted: How many messages of each kind the chat shows in the end.
        presses: Whether a part of it comes of a button below the first picture.
        trouble: What a person could not do, because the bot had not shown it.
    """

    kind: str
    chat: int
    wanted: Counter[str]
    at: float
    presses: bool = False
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
    "queued at a provider": Kind(8, {"picture": 1}, f"/imagine pier {{n}} at dawn --model {QUEUED}"),
    "in a group": Kind(8, {"picture": 1}, "/imagine harbour {n} at night", in_group=True),
    "album": Kind(12, {"picture": 3, "words": 1}, "/imagine boat {n} at sea --n 3"),
    "batch": Kind(8, {"picture": 3, "words": 2}, "/batch\nfox {n} in the snow\nowl {n} at dusk --n 2", _start),
    "question": Kind(15, {"words": 1}, "What is a lighthouse? ({n})"),
    "describe": Kind(8, {"words": 1}, "/describe", with_photo=True),
    "batch of 30": Kind(1, {"picture": 30, "words": 4}, "/batch\n" + "heron {n} in the reeds --n 10\n" * 3, _start),
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

    def begin(self, seconds: float, rate: float) -> None:
        """Ask for so many seconds, from a thread of its own."""
        self._asking = threading.Thread(target=self._ask_for, args=(seconds, rate), daemon=True)
        self._asking.start()

    def end(self) -> list[Asked]:
        """Wait until everybody has done what they wanted to; returns what was asked for."""
        self._asking.join()
        return self.asked

    def _ask_for(self, seconds: float, rate: float) -> None:
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
            presses = kind.press is not None and kind.press is not _start
            asked = Asked(name, chat["id"], Counter(kind.wanted), time.time(), presses)
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
