"""An owner without any keys: people are asked for theirs, and served on them alone."""

import pytest

from sandbox.client import mask
from tests.end_to_end.installation import MODEL, PAINTING, is_answer
from tests.end_to_end.test_keys import GOOGLE_KEY, TOKEN, bring

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "GOOGLE_API_KEY": "own", "HF_TOKEN": "own"}


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def told(sandbox, chat):
    """The message that asks for keys; its button leads into private."""
    message = sandbox.wait_for_message(chat, lambda one: "your own keys" in one.get("text", ""))
    [button] = message["reply_markup"]["inline_keyboard"][-1]
    assert button["url"].endswith("?start=keys")
    return message


def test_pictures_and_talk_ask_for_keys_and_call_nobody(installation, sandbox, ada):
    assert installation.delivered(sandbox.say(ada, "/imagine a fox")).reason == "key_needed"
    told(sandbox, ada)
    bob = sandbox.person("Bob")
    sandbox.say(bob, "hello")
    told(sandbox, bob)

    assert [entry["path"] for entry in (*sandbox.journal("gemini"), *sandbox.journal("router"))] == []


def test_a_batch_says_once_why_all_of_it_failed_and_leads_to_keys(installation, sandbox, ada):
    sandbox.say(ada, "/batch\na fox\na boat")
    summary = sandbox.wait_for_message(ada, lambda one: "Batch" in one.get("text", ""))
    sandbox.press(ada, summary, "▶️ Start")

    over = sandbox.wait_for_message(ada, lambda one: "is done" in one.get("text", ""), timeout_s=60)

    assert "Why 2 pictures failed:" in over["text"]
    assert over["text"].count("your own keys") == 1
    [[retry], [keys]] = over["reply_markup"]["inline_keyboard"]
    assert retry["text"] == "🔁 Retry 2 failed"
    assert keys["url"].endswith("?start=keys")
    assert len(sandbox.from_bot(ada)) == 1


def test_whoever_brings_them_is_served_on_them(installation, sandbox, ada):
    assert "works" in bring(sandbox, ada, "Google", GOOGLE_KEY)
    assert "works" in bring(sandbox, ada, "HuggingFace", TOKEN)
    sandbox.clear_journal()

    assert installation.delivered(sandbox.say(ada, "/imagine a fox")).state == "finished"
    sandbox.say(ada, "echo: hello again")
    sandbox.wait_for_message(ada, lambda one: one.get("text") == "hello again" and is_answer(one))

    calls = [*sandbox.journal("gemini", "enerateContent"), *sandbox.journal("router", PAINTING)]
    paid_by = {entry["headers"].get("x-goog-api-key") or entry["headers"].get("authorization") for entry in calls}
    assert paid_by == {mask(GOOGLE_KEY), f"Bearer {mask(TOKEN)}"}
