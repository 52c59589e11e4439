"""A closed bot: claimed by its owner, asked by strangers in vain and at no cost, opened to one by a press."""

import io
import re

from PIL import Image
from sqlalchemy import func, select

from shared.store import tables
from tests.end_to_end.installation import MODEL, wait_until

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_LEASE_S": "3", "G2D_ACCESS": "request"}
KINDS = ("group", "supergroup", "channel")


def a_photo():
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "PNG")
    return picture.getvalue()


def asked_of_services(sandbox):
    """The calls to Gemini and HuggingFace that somebody pays for; lists of models are free."""
    calls = [*sandbox.journal("gemini"), *sandbox.journal("router"), *sandbox.journal("hub")]
    return [call for call in calls if call["method"] != "GET"]


def claim_link(installation):
    found = re.findall(r"https://t\.me/\w+\?start=(claim-[\w-]+)", installation.bot.log)
    return found[-1] if found else None


def wait_for_the_end_of_all(installation, sandbox, owner):
    """Wait until all that was sent so far is handled: it was fetched before what the owner says now."""

    def answers():
        return [one for one in sandbox.from_bot(owner) if "/imagine" in one["text"]]

    before = len(answers())
    sandbox.say(owner, "/help")
    sandbox.wait_for(lambda: len(answers()) > before, what="the answer")
    updates = tables.updates.c
    unhandled = select(func.count()).where(updates.handled_at.is_(None), updates.readable)

    def is_over():
        with installation.database.reading() as connection:
            return connection.scalar(unhandled) == 0

    wait_until(is_over, what="the end of all updates")


def everything_that_could_cost(sandbox, person, chat=None):
    """Let somebody ask for whatever a handler would pay for."""
    for words in ("/imagine a fox", "/imagine@sandbox_bot a fox", "hello, @sandbox_bot!", "/describe", "/start keys"):
        sandbox.say(person, words, chat=chat)
    sandbox.say(person, "/describe@sandbox_bot", chat=chat, photo=a_photo())
    edited = sandbox.say(person, "a typo", chat=chat)
    sandbox.edit(edited, "/imagine a boat")


def test_a_bot_is_claimed_closed_to_strangers_and_opened_by_its_owner(installation, sandbox):
    ada, eve, mallory = sandbox.person("Ada"), sandbox.person("Eve"), sandbox.person("Mallory")
    link = wait_until(lambda: claim_link(installation), what="the link in the log")
    sandbox.say(ada, f"/start {link}")
    assert "yours now" in sandbox.wait_for_message(ada)["text"]
    sandbox.say(mallory, f"/start {link}")

    everything_that_could_cost(sandbox, eve)
    groups = [sandbox.group(mallory, kind=kind) for kind in KINDS]
    for group in groups:
        everything_that_could_cost(sandbox, mallory, group)
    wait_for_the_end_of_all(installation, sandbox, ada)

    assert asked_of_services(sandbox) == []
    assert installation.rows(eve) == []
    assert [len(sandbox.from_bot(chat)) for chat in (eve, mallory, *groups)] == [1, 1, 1, 1, 0]
    assert "private" in sandbox.from_bot(eve)[0]["text"]

    card = next(one for one in sandbox.from_bot(ada) if f"{eve['id']}" in one["text"])
    sandbox.press(ada, card, "✅ Approve")
    sandbox.wait_for_message(eve, lambda one: "You have access" in one["text"])
    sandbox.say(eve, "/imagine a fox")
    sandbox.wait_for_photo(eve)

    blocked = next(one for one in sandbox.from_bot(ada) if str(mallory["id"]) in one["text"])
    sandbox.press(ada, blocked, "🚫 Block")
    sandbox.wait_for_message(mallory, lambda one: "can't use" in one["text"])
    before = len(sandbox.messages(mallory))
    everything_that_could_cost(sandbox, mallory)
    wait_for_the_end_of_all(installation, sandbox, ada)
    assert len(sandbox.from_bot(mallory)) == 2
    assert len(sandbox.messages(mallory)) == before + 7
