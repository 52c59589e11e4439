"""Buttons under the bot's other messages, days later: Telegram no longer tells what they stand under."""

import pytest

from tests.end_to_end.installation import PAINTING
from tests.end_to_end.pressing import says

TWO_DAYS_S = 2 * 24 * 60 * 60  # for so long Telegram tells what a button stands under


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def pressed_later(sandbox, ada, message, button):
    """Press a button two days after its message came; returns what was answered."""
    sandbox.advance_clock(TWO_DAYS_S + 1)
    query_id = sandbox.press(ada, message, button)
    return sandbox.wait_for(lambda: (answer := sandbox.callback(query_id))["answered"] and answer, what="an answer")


@pytest.mark.parametrize(
    ("command", "button", "words"),
    [
        ("/settings", "set ratio", "21:9"),
        ("/models", "💬 Chat models", "gemini-3"),
        ("/queue", "queue {ada} nothing 0", "have nothing in progress"),
        ("/help", "🎛 Parameters", "--raw"),
        ("/keys", "key:remove:google", "Your own keys"),
    ],
)
def test_a_list_is_shown_anew(installation, sandbox, ada, command, button, words):
    if command == "/queue":
        sandbox.arm("router", path=PAINTING, gate="painter")
        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("painter")
        sandbox.wait_for_message(ada)  # Its status message: the next one is the list.
    said = sandbox.say(ada, command)
    old = sandbox.wait_for_message(ada, lambda one: one["message_id"] > said["message_id"] and "reply_markup" in one)
    if command == "/queue":
        sandbox.open_gate("painter")
        installation.delivered(request)

    answer = pressed_later(sandbox, ada, old, button.format(ada=ada["id"]))

    assert not answer["show_alert"]
    assert sandbox.wait_for_message(ada, lambda one: one["message_id"] != old["message_id"] and words in str(one))
    assert old in sandbox.messages(ada)


def test_an_answer_is_drawn(installation, sandbox, ada):
    sandbox.say(ada, "Describe an arctic fox.")
    old = sandbox.wait_for_message(ada, lambda one: "Draw this" in str(one.get("reply_markup")))

    answer = pressed_later(sandbox, ada, old, "🎨 Draw this")

    assert says(answer, "Queued.")
    assert sandbox.wait_for_photo(ada)


def test_a_batch_begins(installation, sandbox, ada):
    sandbox.say(ada, "/batch a fox in the snow\na cat on a roof")
    old = sandbox.wait_for_message(ada, lambda one: "▶️ Start" in str(one.get("reply_markup")))

    answer = pressed_later(sandbox, ada, old, "▶️ Start")

    assert not answer["show_alert"]
    assert len(sandbox.wait_for_photo(ada, count=2)) == 2
