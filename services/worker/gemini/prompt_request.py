"""A request → the question that Gemini gets: what it is told, the person's words, the form of the answer. Pure."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from google.genai import types

from services.worker.gemini.fallbacks import RequestPlan, request_fields
from services.worker.gemini.files import File
from services.worker.gemini.marks import mark
from shared.catalogue import Dialect
from shared.jobs import Earlier, Writing
from shared.styles import Style

# Thoughts are paid from the same purse as the answer, so it has to be far larger than any prompt.
ROOM_TOKENS = 8_192
MORE_ROOM_TOKENS = 32_768
TOKENS_PER_WORD = {"tags": 2.0, "prose": 1.6}  # by our own estimate, punctuation included
MAX_WORDS = {"tags": 60, "prose": 160}  # beyond that, diffusion models lose the thread


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """A wish for a prompt, independent of the model that writes it.

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


def compose_request(
    request: PromptRequest, plan: RequestPlan, safety: Mapping[str, str]
) -> tuple[list[types.Content], types.GenerateContentConfig]:
    """Compose the request, with the fields that the model takes."""
    instruction, question = _instruction(request), _question(request)
    names = _answer_fields(request)
    config = _config(plan, request.writing, tuple(safety.items()), names)
    if plan.takes("system_instruction"):
        config = config.model_copy(update={"system_instruction": instruction})
    else:
        question = f"{instruction}\n\n{question}"
    if not plan.takes("schema"):
        quoted = ", ".join(f'"{name}"' for name in names)
        question = f"{question}\n\nAnswer with one JSON object with the text fields {quoted}, and nothing else."
    seen = [request.picture.part()] if request.picture else []
    return [types.Content(role="user", parts=[*seen, types.Part(text=question)])], config


@functools.lru_cache(maxsize=100)  # ways to ask: few people choose how their prompts are written
def _config(
    plan: RequestPlan, writing: Writing, safety: tuple[tuple[str, str], ...], names: tuple[str, ...]
) -> types.GenerateContentConfig:
    """What is sent beside the words, built and checked once for all questions that are put in one way."""
    fields = request_fields(plan, writing, dict(safety), output_tokens=MORE_ROOM_TOKENS if plan.roomy else ROOM_TOKENS)
    if plan.takes("schema"):
        fields |= {"response_mime_type": "application/json", "response_schema": answer_schema(names)}
    return types.GenerateContentConfig(**fields)


def _instruction(request: PromptRequest) -> str:
    """What Gemini is told: about this kind of diffusion model, then about this picture."""
    texts = _texts()["direction"]
    parts = [system_instruction(request.dialect, request.token_limit, takes_negative=request.takes_negative)]
    if request.style or request.unwanted:
        parts.append(_direct(request))
    if request.earlier:
        parts.append(_go_back_to(request.earlier))
    if request.subject:
        parts.append(texts["subject"].strip())
    if request.talk:
        parts.append(texts["talk"].strip())
    if request.picture:
        parts.append(texts["picture"].strip())
    return "\n\n".join(parts)


@functools.lru_cache(maxsize=100)  # one for each painter in use: hundreds of questions under way share its text
def system_instruction(dialect: Dialect, token_limit: int, *, takes_negative: bool) -> str:
    """Return the system instruction for one kind of diffusion model."""
    texts = _texts()
    words = max(1, min(MAX_WORDS[dialect], int(token_limit / TOKENS_PER_WORD[dialect])))
    form = texts["dialect"][dialect].replace("{tokens}", str(token_limit)).replace("{words}", str(words))
    negative = texts["negative"]["wanted"] if takes_negative else ""
    return f"{texts['instruction'].strip()}\n{negative.strip()}\n\n{form.strip()}"


def _direct(request: PromptRequest) -> str:
    texts = _texts()["direction"]
    parts = []
    if request.style:
        words = request.style.words(request.dialect)
        parts.append(texts["style"].replace("{title}", request.style.title).replace("{words}", words))
    if request.unwanted:
        parts.append(texts["unwanted"])
        parts.append(texts["unwanted_as_negative"] if request.takes_negative else texts["unwanted_left_out"])
    return "\n".join(part.strip() for part in parts)


def _go_back_to(earlier: Earlier) -> str:
    texts = _texts()["direction"]
    if earlier.variation is None:
        return str(texts["earlier"]).strip()
    aspects = texts["aspects"]
    return str(texts["variation"]).strip().replace("{aspect}", aspects[earlier.variation % len(aspects)])


def _question(request: PromptRequest) -> str:
    """What the person said, each thing between its marks; the idea last."""
    parts = []
    if request.talk:
        parts.append(mark(request.talk, "talk"))
    if request.unwanted:
        parts.append(mark(request.unwanted, "unwanted"))
    if request.earlier:
        parts.append(mark(f"Idea: {request.earlier.idea}\nPrompt: {request.earlier.prompt}", "earlier"))
    if request.subject:
        parts.append(mark(request.subject, "subject"))
    return "\n\n".join([*parts, mark(request.idea, "idea")])


def answer_schema(names: tuple[str, ...]) -> types.Schema:
    """Return the form of an answer with these fields."""
    return types.Schema(
        type=types.Type.OBJECT,
        properties={name: types.Schema(type=types.Type.STRING) for name in names},
        required=list(names),
        property_ordering=list(names),
    )


def _answer_fields(request: PromptRequest) -> tuple[str, ...]:
    """The language and the title first, so that they survive a cut."""
    return ("language", "title", "prompt", *(["negative_prompt"] if request.takes_negative else []))


@functools.cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("prompts.toml").read_text(encoding="utf-8"))
