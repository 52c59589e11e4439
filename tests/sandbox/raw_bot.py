"""A bot that speaks raw HTTP, without a library between it and the wire."""

from __future__ import annotations

import io
from typing import Any

import requests
from PIL import Image

TOKEN = "7000000123:AAabcdefghijklmnopqrstuvwxyz0123456"


class RawBot:
    """Calls Bot API methods and returns the whole answer: ``{"ok", "result"}`` or ``{"ok", "error_code", …}``."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.token = token
        self.root = f"{url}/telegram"
        self.session = requests.Session()
        self.session.trust_env = False

    def answer(self, method: str, *, files: Any = None, **values: Any) -> requests.Response:
        url = f"{self.root}/bot{self.token}/{method}"
        if files:
            return self.session.post(url, data=values, files=files, timeout=20)
        return self.session.post(url, json=values, timeout=20)

    def __call__(self, method: str, *, files: Any = None, **values: Any) -> Any:
        return self.answer(method, files=files, **values).json()

    def result(self, method: str, **values: Any) -> Any:
        """The result of a call that must succeed."""
        answer = self(method, **values)
        assert answer["ok"], answer
        return answer["result"]

    def refusal(self, method: str, **values: Any) -> str:
        """The description of a call that must be refused."""
        answer = self(method, **values)
        assert not answer["ok"], answer
        return str(answer["description"])


def picture(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(kept, kind)
    return kept.getvalue()
