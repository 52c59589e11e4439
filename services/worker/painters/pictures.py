"""Reads the picture, or where it is, out of the JSON shapes that several providers share. Pure."""

import base64
import binascii

from services.worker.painters.errors import error_text, read_failure, tells_an_error
from services.worker.painters.http import HttpResponse
from services.worker.painters.provider import Found, first
from shared.errors import BadPicture, ImagineError, ServiceBusy, UnexpectedAnswer
from shared.json_types import JsonValue

KEYS = ("b64_json", "url", "image", "generated_image")  # under which a picture lies; the last two are custom handlers'
LONGEST_PATH = 500  # characters; what is longer, and no URL, is base64
LISTS = ("data", "images", "output", "image_result")  # of pictures


def read_b64(text: str) -> bytes:
    """Decode base64, with or without ``data:image/png;base64,`` before it.

    Raises:
        BadPicture: It is no base64.
    """
    try:
        return base64.b64decode(text.rpartition(",")[2])
    except (binascii.Error, ValueError) as error:
        raise BadPicture("not_an_image", "the picture's base64 is broken") from error


def read_item(item: JsonValue) -> Found | None:
    """One picture: an object with one of ``KEYS``, ``"https://…"``, ``"data:image/…"`` or base64; None for others."""
    if isinstance(item, dict):
        item = next((item[key] for key in KEYS if item.get(key)), None)
        if isinstance(item, str) and not item.startswith(("http://", "https://", "data:")):
            return Found(read_b64(item))
    if not isinstance(item, str) or not item:
        return None
    if item.startswith("data:") or (len(item) > LONGEST_PATH and ":" not in item):
        return Found(read_b64(item))
    return Found(item)


def read_json_picture(answer: HttpResponse, provider: str) -> Found:
    """The first picture of one of ``LISTS``, of a list alone, or the only one.

    Raises:
        ImagineError: There is none; which error it is depends on what the answer says.
    """
    content = answer.json
    if content is None:
        raise ServiceBusy(f"{provider} answered without JSON")
    listed = [content.get(name) for name in LISTS] if isinstance(content, dict) else []
    for item in (*map(first, listed), first(content)):
        if isinstance(item, dict | str) and (found := read_item(item)):
            return found
    raise no_picture(answer, provider)


def unknown_state(answer: HttpResponse, provider: str, state: JsonValue) -> ImagineError:
    """The error for an answer with an order in an unknown state, or without an order."""
    if not isinstance(state, str) and tells_an_error(answer.body):
        return read_failure(answer.status, answer.headers, answer.body, provider=provider)
    return UnexpectedAnswer(f"{provider} told of an order in a state that nobody knows, or that can't be looked for")


def no_picture(answer: HttpResponse, provider: str) -> ImagineError:
    """The error for a success without a picture in it."""
    if isinstance(answer.json, dict) and error_text(answer.body):
        return read_failure(answer.status, answer.headers, answer.body, provider=provider)
    return BadPicture("not_an_image", f"{provider} answered {answer.status} without a picture")
