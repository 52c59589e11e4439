"""Marks around what people, files and earlier answers say in a question to Gemini; none of it can close them. Pure."""

import re
from typing import Literal, get_args

from shared.redaction import INVISIBLE_SIGNS, visible

Name = Literal[
    "idea", "unwanted", "talk", "earlier", "subject",  # in a question for a prompt
    "in_reply_to", "file", "summary", "user", "model", "drawable", "created_picture",  # in a chat
]  # fmt: skip
MAX_LABEL = 120  # characters

_BETWEEN = f"[{INVISIBLE_SIGNS}]*"
_NAME = "|".join(_BETWEEN.join(name) for name in get_args(Name))
# A mark of ours, opening or closing, also with spaces, invisible signs, other brackets or attributes in it.
_MARK = re.compile(rf"[<＜﹤](?=[\s/{INVISIBLE_SIGNS}]*(?:{_NAME})(?!\w))", re.IGNORECASE)


def mark(words: str, name: Name, /, **attributes: str) -> str:
    """Put words between marks of that name.

    Args:
        attributes: Stand in the opening mark, on one line each and cut to ``MAX_LABEL`` characters.
    """
    labels = "".join(f' {attribute}="{label(value)}"' for attribute, value in attributes.items())
    return f"<{name}{labels}>\n{unmarked(words)}\n</{name}>"


def unmarked(words: str) -> str:
    """Words in which nothing reads like one of our marks."""
    sound = words.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair would be a 400
    return _MARK.sub("‹", sound)


def label(words: str) -> str:
    """A name that somebody gave, for a place where quotes, brackets and line breaks mean something."""
    plain = visible(words).translate(str.maketrans('<＜﹤>"[]', "‹‹‹›'()"))
    return " ".join(plain.encode("utf-8", "replace").decode("utf-8").split())[:MAX_LABEL]
