"""A wish → the question that Gemini gets: what it is told, the person's words, the form of the answer. Pure."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from google.genai import types

from services.worker.gemini.files import File
from services.worker.gemini.marks import mark
from services.worker.gemini.ways import Way, fields
from shared.catalogue import Dialect
from shared.jobs import Earlier, Writing
from shared.styles import Style

# Thoughts are paid from the same purse as the answer, so it has to be far larger than any prompt.
ROOM_TOKENS = 8_192
MORE_ROOM_TOKENS = 32_768
TOKENS_PER_WORD = {"tags": 2.0, "prose": 1.6}  # by our own estimate, punctuation included
MOST_WORDS = {"tags": 60, "prose": 160}  # beyond that, diffusion models lose the thread


@dataclass(frozen=True, slots=True)
class Wish:
    """What prompt is asked for, whichever model answers in the end.

    Attributes:
        dialect: ``tags`` for models that read a list of tags, ``prose`` for those that read sentences.
        token_limit: What the diffusion model's text encoder reads, start and end marks not counted.
        takes_negative: Whether the diffusion model reads a negative prompt.
        writing: Which chat model, where it is another than the usual one, and how freely it may choose its words.
        style: What the picture shall look like.
        unwanted: What shall not be seen, in the user's words.
        talk: What was said in the chat a little earlier, in case the idea refers to it.
        earlier: The picture that the idea changes, where it is a follow-up, or that is to be varied.
        picture: What the person sent along; without words, something like it is wanted.
        subject: The words that the idea speaks of, such as a message that it replies to.
    """

    idea: str
    dialect: Dialect
    token_limit: int
    takes_negative: bool
    writing: Writing = field(default_factory=Writing)
    style: Style | None = None
    unwanted: str = ""
    talk: str = ""
    earlier: Earlier | None = None
    picture: File | None = None
    subject: str = ""


def compose(wish: Wish, way: Way, safety: Mapping[str, str]) -> tuple[list[types.Content], types.GenerateContentConfig]:
    """Put the question together, of the fields that the model takes."""
    instruction, question = _instruction(wish), _question(wish)
    config = fields(way, wish.writing, safety, output_tokens=MORE_ROOM_TOKENS if way.roomy else ROOM_TOKENS)
    if way.takes("system_instruction"):
        config["system_instruction"] = instruction
    else:
        question = f"{instruction}\n\n{question}"
    if way.takes("schema"):
        config |= {"response_mime_type": "application/json", "response_schema": answer_schema(wish)}
    else:
        names = ", ".join(f'"{name}"' for name in _answer_fields(wish))
        question = f"{question}\n\nAnswer with one JSON object with the text fields {names}, and nothing else."
    seen = [wish.picture.part()] if wish.picture else []
    contents = [types.Content(role="user", parts=[*seen, types.Part(text=question)])]
    return contents, types.GenerateContentConfig(**config)


def _instruction(wish: Wish) -> str:
    """What Gemini is told: about this kind of diffusion model, then about this picture."""
    texts = _texts()["direction"]
    parts = [instruct(wish.dialect, wish.token_limit, takes_negative=wish.takes_negative)]
    if wish.style or wish.unwanted:
        parts.append(_direct(wish))
    if wish.earlier:
        parts.append(_go_back_to(wish.earlier))
    if wish.subject:
        parts.append(texts["subject"].strip())
    if wish.talk:
        parts.append(texts["talk"].strip())
    if wish.picture:
        parts.append(texts["picture"].strip())
    return "\n\n".join(parts)


def instruct(dialect: Dialect, token_limit: int, *, takes_negative: bool) -> str:
    """Return the system instruction for one kind of diffusion model."""
    texts = _texts()
    words = max(1, min(MOST_WORDS[dialect], int(token_limit / TOKENS_PER_WORD[dialect])))
    form = texts["dialect"][dialect].replace("{tokens}", str(token_limit)).replace("{words}", str(words))
    negative = texts["negative"]["wanted"] if takes_negative else ""
    return f"{texts['instruction'].strip()}\n{negative.strip()}\n\n{form.strip()}"


def _direct(wish: Wish) -> str:
    texts = _texts()["direction"]
    parts = []
    if wish.style:
        words = wish.style.words(wish.dialect)
        parts.append(texts["style"].replace("{title}", wish.style.title).replace("{words}", words))
    if wish.unwanted:
        parts.append(texts["unwanted"])
        parts.append(texts["unwanted_as_negative"] if wish.takes_negative else texts["unwanted_left_out"])
    return "\n".join(part.strip() for part in parts)


def _go_back_to(earlier: Earlier) -> str:
    texts = _texts()["direction"]
    if earlier.variation is None:
        return str(texts["earlier"]).strip()
    aspects = texts["aspects"]
    return str(texts["variation"]).strip().replace("{aspect}", aspects[earlier.variation % len(aspects)])


def _question(wish: Wish) -> str:
    """What the person said, each thing between its marks; the idea last."""
    parts = []
    if wish.talk:
        parts.append(mark(wish.talk, "talk"))
    if wish.unwanted:
        parts.append(mark(wish.unwanted, "unwanted"))
    if wish.earlier:
        parts.append(mark(f"Idea: {wish.earlier.idea}\nPrompt: {wish.earlier.prompt}", "earlier"))
    if wish.subject:
        parts.append(mark(wish.subject, "subject"))
    return "\n\n".join([*parts, mark(wish.idea, "idea")])


def answer_schema(wish: Wish) -> types.Schema:
    """Return the form of the answer; the language and the title first, so that they survive a cut."""
    names = _answer_fields(wish)
    return types.Schema(
        type=types.Type.OBJECT,
        properties={name: types.Schema(type=types.Type.STRING) for name in names},
        required=names,
        property_ordering=names,
    )


def _answer_fields(wish: Wish) -> list[str]:
    return ["language", "title", "prompt", *(["negative_prompt"] if wish.takes_negative else [])]


@functools.cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("prompts.toml").read_text(encoding="utf-8"))
