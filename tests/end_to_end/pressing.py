"""Presses buttons that others open."""

from sandbox.client import Json, SandboxClient

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
