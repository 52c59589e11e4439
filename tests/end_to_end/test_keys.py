"""A person's own keys from the message that brings them to the call they pay for; plain nowhere on the way."""

import io
import threading
from contextlib import contextmanager

import PIL.Image
import psycopg
import redis
from cryptography.fernet import Fernet
from psycopg import sql
from sqlalchemy import Text, cast, select

from sandbox.client import mask
from shared.key_cipher import KeyCipher
from shared.store import tables
from shared.store.keys import Keys
from tests.end_to_end.installation import GEMINI_KEY, HF_TOKEN, MODEL, PAINTING, is_answer, wait_until

GOOGLE_KEY = "AIzaSyPERSONALpersonalPERSONALpersonalPER"
TOKEN = "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"
REFUSED_TOKEN = "hf_REFUSEDrefusedREFUSEDrefusedREFU"
STRAY = "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"
LAST_WORD = "that is all"
_buffer = io.BytesIO()
PIL.Image.new("RGB", (64, 64), "red").save(_buffer, "PNG")
PNG = _buffer.getvalue()
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
    question = sandbox.wait_for_message(person, new("Reply with"))
    brought = sandbox.say(person, key, reply_to_message_id=question["message_id"])
    told = sandbox.wait_for_message(
        person,
        lambda message: any(
            new(words)(message) for words in ("works", "rejected your", "can't be a", "This looks like")
        ),
    )
    kept = [message["message_id"] for message in sandbox.messages(person)]
    assert brought["message_id"] not in kept
    return told["text"]


def dumped(installation):
    """What a backup of the database holds: every table as Postgres copies it."""
    if installation.is_embedded:
        return ""
    with psycopg.connect(installation.settings["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        copies = []
        for table in tables.metadata.sorted_tables:
            copies.append(f"COPY {table.name}\n")
            with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table.name))) as rows:
                copies += [bytes(row).decode() for row in rows]
    return "".join(copies)


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


@contextmanager
def overheard(installation):
    """All that clients tell the broker meanwhile, and what it holds in the end; empty where there is none."""
    told = []
    if installation.is_embedded:
        yield told
        return
    with redis.Redis.from_url(installation.settings["REDIS_URL"], socket_timeout=None) as client:
        number = client.connection_pool.connection_kwargs["db"]

        def listen(monitor):
            for heard in monitor.listen():
                if LAST_WORD in heard["command"]:
                    return
                if heard["db"] == number:
                    told.append(heard["command"])

        with client.monitor() as monitor:
            listener = threading.Thread(target=listen, args=(monitor,))
            listener.start()
            try:
                yield told
            finally:
                client.echo(LAST_WORD)
                listener.join()
        told += [f"{key!r} {_value(client, key)!r}" for key in client.keys("*")]


def _value(client, key):
    kind = client.type(key).decode()
    readers = {"string": client.get, "hash": client.hgetall, "set": client.smembers}
    if kind == "list":
        return client.lrange(key, 0, -1)
    return client.zrange(key, 0, -1) if kind == "zset" else readers[kind](key)


def use(installation, sandbox, person):
    """Have a picture painted and a question answered; returns the keys that the services were shown."""
    start = max(entry["id"] for entry in sandbox.journal())
    assert installation.delivered(sandbox.say(person, "/imagine a fox")).state == "finished"
    words = f"hello from {start}"
    sandbox.say(person, f"echo: {words}")
    sandbox.wait_for_message(person, lambda one: one.get("text") == words and is_answer(one))
    calls = [
        *sandbox.journal("gemini", "enerateContent", after=start),
        *sandbox.journal("router", PAINTING, after=start),
    ]
    assert len(calls) == 3
    return {entry["headers"].get("x-goog-api-key") or entry["headers"].get("authorization") for entry in calls}


def rotate(installation):
    """Change the secret as the README tells: the new one before the old one, then the new one alone."""
    kept = installation.folder / "data/secret.key"
    old = installation.settings.get("G2D_SECRET_KEY") or kept.read_text(encoding="ascii")
    new = Fernet.generate_key().decode()
    installation.restart_with(G2D_SECRET_KEY=f"{new},{old}")
    keys, cipher = Keys(installation.database), KeyCipher(new)
    wait_until(
        lambda: all(cipher.decrypt(key.sealed) for key in keys.sealed()) and keys.sealed(), what="keys under a new seal"
    )
    installation.restart_with(G2D_SECRET_KEY=new)


class TestOwnKeys:
    def test_are_checked_used_resealed_and_removed_and_plain_nowhere(self, installation, sandbox):
        ada = sandbox.person("Ada")
        own, owners = (
            {mask(GOOGLE_KEY), f"Bearer {mask(TOKEN)}"},
            {mask(GEMINI_KEY), f"Bearer {mask(HF_TOKEN)}"},
        )
        with overheard(installation) as broker:
            assert "works" in bring(sandbox, ada, "Google", GOOGLE_KEY)
            fault = sandbox.arm("hub", path="whoami", status=401, reply={"error": "Invalid username or password."})
            assert "rejected" in bring(sandbox, ada, "HuggingFace", REFUSED_TOKEN)
            sandbox.clear_faults(fault["id"])
            assert "works" in bring(sandbox, ada, "HuggingFace", TOKEN)
            assert use(installation, sandbox, ada) == own

            for words in ({"text": f"/imagine a fox {STRAY}"}, {"text": f"what is {STRAY}?", "photo": PNG}):
                self.stray(sandbox, ada, lambda words=words: sandbox.say(ada, **words))
            innocent = sandbox.say(ada, "/queue")
            self.stray(sandbox, ada, lambda: sandbox.edit(innocent, f"/queue {STRAY}"))

            rotate(installation)
            assert use(installation, sandbox, ada) == own

            sandbox.say(ada, "/keys")
            for service in ("Google", "HuggingFace"):
                card = sandbox.wait_for_message(ada, lambda one, word=f"Remove {service}": word in str(one))
                sandbox.press(ada, card, f"Remove {service}")
            wait_until(lambda: not Keys(installation.database).of(ada["id"]), what="the removal")
            assert use(installation, sandbox, ada) == owners
            for service in installation.services:
                service.stop()

        told = [entry for entry in sandbox.journal("telegram") if not entry["path"].endswith("/getUpdates")]
        places = {
            "database": written_down(installation),
            "dump": dumped(installation),
            "log": installation.log,
            "broker": "\n".join(broker),
            "telegram": str([{**entry, "answer": None, "reply": None, "response": None} for entry in told]),
        }
        assert "g2d-sealed:" in places["database"]
        assert "sendMessage" in places["telegram"]
        assert installation.is_embedded or ("LPUSH" in places["broker"] and "COPY keys" in places["dump"])
        assert [(place, key) for place, text in places.items() for key in PLAIN if key in text] == []

    def stray(self, sandbox, person, send):
        """A key got into a message: it goes, and nothing else comes of it."""
        before = {message["message_id"] for message in sandbox.from_bot(person)}
        sent = send()
        sandbox.wait_for_message(
            person,
            lambda one: (
                one["message_id"] not in before
                and any(words in one.get("text", "") for words in ("Your message contained a key", "This looks like a"))
            ),
        )
        assert sent["message_id"] not in [message["message_id"] for message in sandbox.messages(person)]

    def test_one_that_is_refused_in_use_is_told_and_not_replaced_by_the_owners(self, installation, sandbox):
        bob = sandbox.person("Bob")
        assert "works" in bring(sandbox, bob, "HuggingFace", TOKEN)
        sandbox.arm("router", path=PAINTING, preset="bad-token")

        row = installation.delivered(sandbox.say(bob, "/imagine a fox"))

        assert (row.state, row.reason) == ("failed", "own_key_refused")
        sandbox.clear_faults()
        again = installation.delivered(sandbox.say(bob, "/imagine an owl"))
        assert (again.state, again.reason) == ("failed", "own_key_refused")
        assert {entry["headers"]["authorization"] for entry in sandbox.journal("router", PAINTING)} == {
            f"Bearer {mask(TOKEN)}"
        }
        shown = sandbox.wait_for_message(bob, lambda message: "was rejected" in message.get("text", ""))
        assert "?start=keys" in str(shown["reply_markup"])
        sandbox.say(bob, "/keys")
        sandbox.wait_for_message(bob, lambda message: "rejected ❌" in message.get("text", ""))

    def test_a_group_is_led_into_private(self, installation, sandbox):
        carol = sandbox.person("Carol")
        group = sandbox.group(carol)
        sandbox.say(carol, "/keys", chat=group)
        shown = sandbox.wait_for_message(group, lambda message: "reply_markup" in message)

        assert shown["reply_markup"]["inline_keyboard"][0][0]["url"].endswith("?start=keys")
        sandbox.say(carol, "/start keys")
        sandbox.wait_for_message(carol, lambda message: "Your own keys" in message.get("text", ""))
