"""Feeds made-up updates to a whole bot: fetched, redacted, stored, read, handled. Not part of the suite.

    make fuzz ARGS="--minutes 10"

Updates are those that Telegram sends, with fields that people and changed clients fill in as they like, and now and
then a value of another type than Telegram's. After each one no handler has failed, it took less than ``LONGEST_S``, and
no key that it held is in the record, in a row or in a call. The first update that breaks this is made as small as
possible, printed, and ends the run with exit status 1.
"""

import json
import logging
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from telegram.error import TelegramError

from services.bot.help.command_menus import COMMANDS
from services.bot.texts.locales import languages, say
from shared.redaction import visible
from shared.store.updates import Updates
from tests.bot.stage import BOT, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, CHANNEL, EVE, GROUP, OLD_GROUP, OTHER, PEOPLE, WORDS, Scene
from tests.fuzz.rounds import arguments, play

LONGEST_S = 5.0  # for one update; a usual one takes some milliseconds
KEY = "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"
LIMITS = [0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30]

ids = st.sampled_from([*PEOPLE, GROUP, OTHER, CHANNEL, OLD_GROUP, BOT, *LIMITS])
keys = st.sampled_from([KEY, "\u200b".join(KEY), "\u00ad".join(KEY), f"{KEY[:9]}\u2060{KEY[9:]}"])
commands = st.sampled_from([*COMMANDS, "start", "img", "batch", "describe", "stop", "new", "status", "nonsense"])
flags = st.sampled_from(
    ["--ar 16:9", "--n 4", "--seed 7", "--raw", "--no fog", "--style oil", "--model x", "—ar", "--", "{a,b}"]
)
links = st.sampled_from(["keys", "help-batch", "settings-ratio-3", "claim-x", "settings-top_k-" + "9" * 30])
questions = st.sampled_from([
    say(key, language, number="3", prompt="a fox", name="x", least="0", most="9")
    for key in ("ask_idea", "edit_prompt", "ask_key_google", "ask_key_huggingface", "settings_ask")
    for language in languages()
])  # fmt: skip
typed = st.one_of(
    st.text(max_size=80),
    st.builds(" ".join, st.lists(st.one_of(st.text(max_size=20), flags, keys), max_size=6)),
    st.builds("/{} {}".format, commands, st.one_of(st.text(max_size=60), flags, keys, links)),
    st.builds("/{}@sandbox_bot {}".format, commands, st.text(max_size=40)),
    questions,
    st.sampled_from(["-", "0,7", "16:9", "\0", "\ud83d", "\u202e", "🦊" * 400, "a" * 4096, "{" * 60, "<b>&amp;</"]),
)
data = st.one_of(
    st.text(min_size=1, max_size=64),
    keys,
    st.tuples(
        st.sampled_from([*WORDS, "batch", "models", "key:add:google"]),
        st.one_of(st.integers(-1, 60), ids).map(str),
        st.one_of(st.sampled_from(["", "start", "zip", "16:9", "all 0", "@1", "sure"]), st.text(max_size=12)),
    ).map(" ".join),
)
names = st.one_of(
    st.sampled_from(["3.jpg", "ideas.csv", "ideas.jsonl", "a.txt", "", "x" * 300]), st.text(max_size=40), keys
)
file = st.fixed_dictionaries(
    {"file_id": st.text(max_size=20), "file_unique_id": st.just("x")},
    optional={
        "file_name": names,
        "mime_type": st.sampled_from(["image/png", "image/heic", "text/csv", "application/pdf", "", "x/y; z"]),
        "file_size": st.sampled_from(LIMITS),
    },
)
user = st.builds(
    lambda one, about: {"id": one, "is_bot": False, "first_name": "x", **about},
    ids,
    st.fixed_dictionaries({}, optional={"language_code": st.text(max_size=40), "username": st.text(max_size=10)}),
)
KINDS = {ADA: "private", BOB: "private", CAROL: "private", EVE: "private", CHANNEL: "channel", OLD_GROUP: "group"}
chat = st.sampled_from([ADA, EVE, GROUP, OTHER, CHANNEL, OLD_GROUP, 5]).map(
    lambda one: {"id": one, "type": KINDS.get(one, "supergroup" if one < 0 else "private"), "title": "x"}
)
entity = st.builds(
    lambda kind, offset, length, more: {"type": kind, "offset": offset, "length": length, **more},
    st.sampled_from(["bot_command", "mention", "text_link", "text_mention", "bold", "url", "nonsense"]),
    st.integers(0, 90),
    st.integers(0, 90),
    st.fixed_dictionaries(
        {}, optional={"url": st.one_of(typed, links.map("https://t.me/x?start={}".format)), "user": user}
    ),
)
entities = st.lists(entity, max_size=3)
contents: dict[str, st.SearchStrategy[Any]] = {
    "text": typed,
    "caption": typed,
    "entities": entities,
    "caption_entities": entities,
    "sender_chat": chat,
    "message_thread_id": st.sampled_from([1, 2, *LIMITS]),
    "is_topic_message": st.booleans(),
    "media_group_id": st.sampled_from(["1", "x" * 60, ""]),
    "quote": st.fixed_dictionaries({"text": typed, "position": st.integers(0, 9)}),
    "photo": st.lists(file.map(lambda one: {**one, "width": 9, "height": 9}), max_size=2),
    "document": file,
    "voice": file.map(lambda one: {**one, "duration": 1}),
    "audio": file.map(lambda one: {**one, "duration": 1, "title": "x", "performer": KEY}),
    "video": file.map(lambda one: {**one, "duration": 1, "width": 9, "height": 9}),
    "contact": st.fixed_dictionaries({"first_name": typed, "phone_number": st.just("1")}),
    "migrate_to_chat_id": ids,
    "migrate_from_chat_id": ids,
    "is_automatic_forward": st.just(True),
    "forum_topic_created": st.just({"name": "x", "icon_color": 1}),
    "new_chat_title": typed,
}


def message(*, deep: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """A message as Telegram tells it; ``deep``: it may reply to another."""
    optional = dict(contents)
    if deep:
        from_us = st.just({"id": BOT, "is_bot": True, "first_name": "x", "username": "sandbox_bot"})
        replied = st.builds(lambda one, who: {**one, "from": who}, message(deep=False), st.one_of(from_us, user))
        optional |= {"reply_to_message": replied, "reply_markup": markup}
    needed = {
        "message_id": st.one_of(st.integers(1, 70), ids),
        "date": st.integers(0, 2**31),
        "chat": chat,
        "from": user,
    }
    return st.fixed_dictionaries(needed, optional=optional).map(fitting)


def fitting(said: dict[str, Any]) -> dict[str, Any]:
    """A message without what Telegram never sends: entities without words, or beyond their end."""
    fits = dict(said)
    for words, marks in (("text", "entities"), ("caption", "caption_entities")):
        units = len(fits.get(words, "").encode("utf-16-le", "surrogatepass")) // 2
        found = [one for one in fits.pop(marks, ()) if one["length"] > 0 and one["offset"] + one["length"] <= units]
        fits |= {marks: found} if found and units else {}
    return fits


markup = st.lists(st.fixed_dictionaries({"text": st.just("x"), "callback_data": data}), max_size=3).map(
    lambda row: {"inline_keyboard": [row]}
)
press = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=9),
        "from": user,
        "chat_instance": st.just("1"),
        "data": data,
        "message": message(),
    }
)
update = st.one_of(
    st.fixed_dictionaries({"message": message()}),
    st.fixed_dictionaries({"callback_query": press}),
    st.fixed_dictionaries({"edited_message": message()}),
    st.fixed_dictionaries({"stopped_message_generation": st.fixed_dictionaries({"chat": chat, "draft_id": ids})}),
    st.dictionaries(st.sampled_from(["channel_post", "my_chat_member", "poll", "inline_query", "nonsense"]), st.text()),
)
anything = st.recursive(
    st.none() | st.booleans() | ids | st.text(max_size=9),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=5,
)


def spoiled(body: Any, chooser: random.Random, value: Any) -> Any:
    """The same with another value in one place."""
    if not isinstance(body, dict) or not body or chooser.random() < 0.2:
        return value
    name = chooser.choice(sorted(body))
    return {**body, name: spoiled(body[name], chooser, value)}


broken = st.builds(spoiled, update, st.randoms(use_true_random=False), anything)
updates = st.one_of(*[st.tuples(st.just(True), update)] * 3, st.tuples(st.just(False), broken))
presses = st.tuples(st.just(True), st.fixed_dictionaries({"callback_query": press}))


class Feeder:
    """Feeds updates to a bot, and looks at what came of each."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(Stage(folder))
        self._updates = Updates(self.scene.stage.database, BOT)
        self.count = 0

    def feed(self, body: Any, *, is_telegrams: bool) -> None:
        """Feed one; handlers may fail at one that Telegram would not send.

        Raises:
            AssertionError: Something is wrong with how it was taken.
        """
        stage = self.scene.stage
        started = time.monotonic()
        self.count += 1
        numbered = {**(body if isinstance(body, dict) else {}), "update_id": self.count}
        try:
            raw, outcome = stage.feed(numbered)
        except TelegramError:
            return  # The sandbox refused a call, as Telegram would: a chat that isn't there, and the like.
        except Exception:
            if is_telegrams:
                raise
            return
        self._updates.keep([raw])
        took = time.monotonic() - started
        if outcome is not None and (outcome.changed or outcome.sent):
            assert KEY not in visible(str(outcome.after)), "a key is in a row"
            assert KEY not in visible(str(outcome.calls)), "a key is in a call"
            stage.reset()
        assert KEY not in visible(json.loads(json.dumps(raw.body))), "a key is in the record"
        assert took < LONGEST_S, f"it took {took:.1f} s"


def main() -> int:
    """Feed for so many minutes; returns the exit status."""
    parser = arguments()
    parser.add_argument("--presses", action="store_true", help="feed presses of buttons alone")
    read = parser.parse_args()
    logging.disable(logging.CRITICAL)
    feeder = Feeder(Path(tempfile.mkdtemp(prefix="g2d-fuzz-")))

    def look(fed: tuple[bool, Any]) -> None:
        feeder.feed(fed[1], is_telegrams=fed[0])

    play(presses if read.presses else updates, look, minutes=read.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
