"""Presses buttons, also those that others open, and reads what was answered."""

from sandbox.client import Json, SandboxClient
from services.bot.telegram.callback_queries import ANSWER_WITHIN_S

MORE, DELETE, DELETE_NOW = "⋯ More", "🗑 Delete", "🗑 Delete now"


def with_buttons(sandbox: SandboxClient, message: Json, label: str) -> Json:
    """A message once it shows a button."""
    return sandbox.wait_for_message(
        message["chat"],
        lambda one: one["message_id"] == message["message_id"] and label in str(one.get("reply_markup")),
    )


def press_through(sandbox: SandboxClient, person: Json, message: Json, *labels: str) -> str:
    """Press one button after the other, each when the message shows it; returns the last callback query's id."""
    *opening, last = labels
    for label in opening:
        sandbox.press(person, with_buttons(sandbox, message, label), label)
    return sandbox.press(person, with_buttons(sandbox, message, last), last)


def delete(sandbox: SandboxClient, person: Json, message: Json) -> str:
    """Delete a picture by its buttons; returns the last callback query's id."""
    return press_through(sandbox, person, message, MORE, DELETE, DELETE_NOW)


def answer_to(sandbox: SandboxClient, query_id: str) -> Json:
    """Wait for the answer to a press."""
    return sandbox.wait_for(lambda: (answer := sandbox.callback(query_id))["answered"] and answer, what="an answer")


def says(answer: Json, words: str) -> bool:
    """Whether a press was answered with words like these, or so late that the bot leaves all words out."""
    return words in answer.get("text", "") or _was_late(answer)


def warns(answer: Json) -> bool:
    """Whether a press was answered with an alert, or so late that the bot leaves it out."""
    return bool(answer["show_alert"]) or _was_late(answer)


def _was_late(answer: Json) -> bool:
    return "text" not in answer and answer["after_s"] >= ANSWER_WITHIN_S
