"""Paths below the router: which ones may be called with a token. Pure.

A path may come from the Hub (a provider's name for a model) or from a provider's answer (where an order is to be
looked for). Neither may choose the host that gets the token, nor leave the provider's part of the router.
"""

import re

from shared.errors import UnexpectedAnswer
from shared.json_types import JsonValue

MAX_PATH_LENGTH = 1_000  # characters
# No '%', so that nothing is decoded into a '.', a '/' or a control character on the way. No segment of dots alone.
_SEGMENT = r"(?!\.+(?:/|\Z))[A-Za-z0-9._~@:+=,-]+"
_PATH = re.compile(rf"(?:/{_SEGMENT})+")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(/[^?#]*)(?:[?#].*)?")


def checked(path: str) -> str:
    """The path itself, if it is made of plain segments: no scheme, host, query, fragment, '..', '//', '%' or '\\'.

    Raises:
        UnexpectedAnswer: It is not.
    """
    if len(path) > MAX_PATH_LENGTH or not _PATH.fullmatch(path):
        raise UnexpectedAnswer("a path holds what no path below the router may hold")
    return path


def joined(*segments: JsonValue) -> str | None:
    """A path made of these segments; None where one of them cannot be a segment, or is no text."""
    texts = [segment for segment in segments if isinstance(segment, str) and "/" not in segment]
    path = "".join(f"/{text}" for text in texts)
    return path if len(texts) == len(segments) and _is_path(path) else None


def path_of(url: JsonValue) -> str | None:
    """The path of an http(s) URL in a provider's answer; None where it is none, or cannot be called.

    The URL's host is not looked at: the path is called below the router.
    """
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    return found[1] if found is not None and _is_path(found[1]) else None


def _is_path(path: str) -> bool:
    return len(path) <= MAX_PATH_LENGTH and _PATH.fullmatch(path) is not None
