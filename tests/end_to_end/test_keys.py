"""A person's own keys from the message that brings them to the call they pay for; plain nowhere on the way."""

import redis
from installation import MODEL, PAINTING
from sqlalchemy import Text, cast, select

from sandbox.client import mask
from shared.store import tables

GOOGLE_KEY = "AIzaSyPERSONALpersonalPERSONALpersonalPER"
TOKEN = "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"
REFUSED_TOKEN = "hf_REFUSEDrefusedREFUSEDrefusedREFU"
STRAY = "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"
PLAIN = (GOOGLE_KEY, TOKEN, REFUSED_TOKEN, STRAY)
SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_LOG_LEVEL": "DEBUG"}


def bring(sandbox, person, service, key):
    """Add a key as a person does; returns what the bot makes of it."""
    before = {message["message_id"] for message in sandbox.from_bot(person)}
    sandbox.say(person, "/keys")

    def new(words):
        return lambda message: message["message_id"] not in before and words in message.get("text", "")

    card = sandbox.wait_for_message(person, new("Your own keys"))
    labels = [button["text"] for row in card["reply_markup"]["inline_keyboard"] for button in row]
    sandbox.press(person, card, next(label for label in labels if label in {f"Add {service}", f"Replace {service}"}))
    question = sandbox.wait_for_message(person, new("Reply to this message"))
    brought = sandbox.say(person, key, reply_to_message_id=question["message_id"])
    told = sandbox.wait_for_message(
        person, lambda message: any(new(words)(message) for words in ("works", "refuses", "can't be a", "is no"))
    )
    kept = [message["message_id"] for message in sandbox.messages(person)]
    assert brought["message_id"] not in kept
    return told["text"]


def written_down(installation):
    """All values in all tables, and the bytes of the database's files where it has its own."""
    with installation.database.reading() as connection:
        # Value by value: a row as a whole shows no more than the ends of a long text.
        values = [
            str(value)
            for table in tables.metadata.sorted_tables
            for row in connection.execute(select(*(cast(column, Text) for column in table.c)))
            for value in row
        ]
    files = [file.read_bytes().decode("latin-1") for file in installation.folder.rglob("g2d.db*")]
    return "\n".join(values + files)


def in_redis(installation):
    """All keys and values that the broker holds."""
    if installation.is_embedded:
        return ""
    with redis.Redis.from_url(installation.settings["REDIS_URL"]) as client:
        return "\n".join(f"{key!r} {_value(client, key)!r}" for key in client.keys("*"))


def _value(client, key):
    kind = client.type(key).decode()
    readers = {"string": client.get, "hash": client.hgetall, "set": client.smembers}
    if kind == "list":
        return client.lrange(key, 0, -1)
    return client.zrange(key, 0, -1) if kind == "zset" else readers[kind](key)


class TestOwnKeys:
    def test_are_checked_and_used_and_plain_nowhere(self, installation, sandbox):
        ada = sandbox.person("Ada")

        assert "works" in bring(sandbox, ada, "Google", GOOGLE_KEY)
        fault = sandbox.arm("hub", path="whoami", status=401, reply={"error": "Invalid username or password."})
        assert "refuses" in bring(sandbox, ada, "HuggingFace", REFUSED_TOKEN)
        sandbox.clear_faults(fault["id"])
        assert "works" in bring(sandbox, ada, "HuggingFace", TOKEN)
        start = max(entry["id"] for entry in sandbox.journal())
        assert installation.delivered(sandbox.say(ada, "/imagine a fox")).state == "finished"
        sandbox.say(ada, "echo: hello again")
        sandbox.wait_for_message(
            ada, lambda message: "hello again" in message.get("text", "") and "reply_markup" in message
        )
        calls = [
            *sandbox.journal("gemini", "enerateContent", after=start),
            *sandbox.journal("router", PAINTING, after=start),
        ]
        paid_by = {entry["headers"].get("x-goog-api-key") or entry["headers"].get("authorization") for entry in calls}
        assert len(calls) == 3
        assert paid_by == {mask(GOOGLE_KEY), f"Bearer {mask(TOKEN)}"}

        sandbox.say(ada, f"/imagine a fox {STRAY}")
        sandbox.wait_for_message(ada, lambda message: "There was a key" in message.get("text", ""))
        for service in installation.services:
            service.stop()
        told = [entry for entry in sandbox.journal("telegram") if not entry["path"].endswith("/getUpdates")]
        places = {
            "database": written_down(installation),
            "log": installation.log,
            "redis": in_redis(installation),
            "telegram": str([{**entry, "answer": None, "reply": None, "response": None} for entry in told]),
        }
        assert "g2d-sealed:" in places["database"]
        assert [(place, key) for place, text in places.items() for key in PLAIN if key in text] == []

    def test_one_that_is_refused_in_use_is_told_and_not_replaced_by_the_owners(self, installation, sandbox):
        bob = sandbox.person("Bob")
        assert "works" in bring(sandbox, bob, "HuggingFace", TOKEN)
        sandbox.arm("router", path=PAINTING, preset="bad-token")

        row = installation.delivered(sandbox.say(bob, "/imagine a fox"))

        assert (row.state, row.reason) == ("failed", "own_key_refused")
        sandbox.say(bob, "/keys")
        sandbox.wait_for_message(bob, lambda message: "was refused" in message.get("text", ""))

    def test_a_group_is_led_into_private(self, installation, sandbox):
        carol = sandbox.person("Carol")
        group = sandbox.group(carol)
        sandbox.say(carol, "/keys", chat=group)
        shown = sandbox.wait_for_message(group, lambda message: "reply_markup" in message)

        assert shown["reply_markup"]["inline_keyboard"][0][0]["url"].endswith("?start=keys")
        sandbox.say(carol, "/start keys")
        sandbox.wait_for_message(carol, lambda message: "Your own keys" in message.get("text", ""))
