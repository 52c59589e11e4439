"""A person in the browser, and the picture that the guide shows of what they see."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import PIL.Image
from playwright.sync_api import Locator, Page, expect

from sandbox.client import Json
from tests.end_to_end.installation import Installation

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "guide"
WIDTH, LEAST, MOST = 520, 320, 1150  # CSS pixels: as wide as a phone held upright, and as high as there is to see
SHARPNESS = 1.25  # pixels of the picture for one of the page
LARGEST = 150 * 1024  # bytes
COLOURS = (256, 128, 64, 32)  # of the palette, the most that fit
ALL_LOADED = "() => [...document.images].every(image => image.complete && image.naturalWidth)"
CONTENT = "() => document.getElementById('history').scrollHeight"
AROUND = "() => innerHeight - document.getElementById('scroller').clientHeight"


class Scene:
    """What one person does in one chat, with the bot, the worker and the services really there."""

    def __init__(self, installation: Installation, page: Page, person: Json, chat: Json | None = None) -> None:
        self.installation, self.sandbox = installation, installation.sandbox
        self.page, self.person, self.chat = page, person, chat or person
        bot = self.sandbox.call("GET", "/bot")["id"]
        page.goto(f"{self.sandbox.url}/?bot={bot}&user={person['id']}#{self.chat['id']}")
        expect(page.get_by_text("Connecting…")).to_be_hidden()

    def say(self, text: str, who: Json | None = None, **more: Any) -> Json:
        """Write a message into the chat."""
        return self.sandbox.say(who or self.person, text, chat=self.chat, **more)

    def ask(self, text: str, who: Json | None = None, **more: Any) -> Json:
        """Ask for a picture; returns its message, or an album's first, once all of it has come."""
        row = self.installation.delivered(self.say(text, who, **more))
        number = row.delivered_message_id
        return next(one for one in self.sandbox.messages(self.chat) if one["message_id"] == number)

    def wait(self, words: str) -> Json:
        """Wait for a message of the bot with these words, on a button or in its text."""
        return self.sandbox.wait_for_message(self.chat, lambda one: words in str(one))

    def press(self, message: Json, button: str) -> None:
        """Click a button under a message as it stands on the page."""
        self.bubble(message).locator("..").locator(".keyboard").get_by_role("button", name=button).click()

    def bubble(self, message: Json) -> Locator:
        return self.page.locator(f".bubble[data-message-id='{message['message_id']}']")

    def show(self, words: str) -> None:
        """Wait until the page shows these words."""
        expect(self.page.get_by_text(words).last).to_be_visible()

    def look(self, name: str, *, keep: bool) -> None:
        """Take the guide's picture of this name: all that was said, and the whole page around it.

        Args:
            keep: Whether to write it down; a test looks and forgets.
        """
        self.page.wait_for_function(ALL_LOADED)
        expect(self.page.locator(".toast")).to_have_count(0)
        height = self.page.evaluate(CONTENT) + self.page.evaluate(AROUND)
        self.page.set_viewport_size({"width": WIDTH, "height": min(max(height, LEAST), MOST)})
        self.page.mouse.move(0, 0)
        content = self.page.screenshot(animations="disabled", caret="hide")
        if keep:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}.png").write_bytes(small(content))


def small(content: bytes) -> bytes:
    """The same picture in as few bytes as the guide can afford.

    Raises:
        ValueError: Even with few colours it has too many.
    """
    picture = PIL.Image.open(io.BytesIO(content)).convert("RGB")
    for colours in COLOURS:
        file = io.BytesIO()
        picture.quantize(colours, kmeans=1).save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise ValueError(f"a picture of {picture.width} × {picture.height} pixels is too large for the guide")
