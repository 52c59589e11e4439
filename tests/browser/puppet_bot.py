"""A bot that does exactly what a test tells it, over the sandbox's Bot API."""

from __future__ import annotations

import io
import itertools
from typing import Any

import requests
from PIL import Image

Json = dict[str, Any]

bot_ids = itertools.count(700_001)


def a_jpeg(width: int = 1200, height: int = 800, colour: str = "teal") -> bytes:
    """A plain picture of that many pixels."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG")
    return file.getvalue()


class Bot:
    """Speaks the Bot API when it is told to, and does nothing by itself."""

    def __init__(self, sandbox_url: str, http: requests.Session) -> None:
        self.id = next(bot_ids)
        self._url = f"{sandbox_url}/telegram/bot{self.id}:{'A' * 35}"
        self._http = http
        self._next_update = 0
        self.username = self.call("getMe")["username"]

    def call(self, method: str, *, files: dict[str, bytes] | None = None, **parameters: Any) -> Any:
        """Call a method; with files (by the names of their fields) nested parameters are JSON texts."""
        url = f"{self._url}/{method}"
        if files is None:
            answer = self._http.post(url, json=parameters, timeout=30)
        else:
            named = {name: (f"{name}.jpg", content, "image/jpeg") for name, content in files.items()}
            answer = self._http.post(url, data=parameters, files=named, timeout=30)
        said = answer.json()
        assert said["ok"], said
        return said["result"]

    def next_update(self) -> Json:
        """The next thing that somebody did, as the update's only other field: ``{"message": …}``."""
        [update] = self.call("getUpdates", offset=self._next_update, limit=1, timeout=20)
        self._next_update = update.pop("update_id") + 1
        return dict(update)

    def say(self, chat_id: int, text: str, **more: Any) -> int:
        """Send a text; the message's id comes back."""
        return int(self.call("sendMessage", chat_id=chat_id, text=text, **more)["message_id"])
