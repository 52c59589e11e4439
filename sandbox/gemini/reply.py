"""Puts an answer into the shape of a ``GenerateContentResponse``, cut where the tokens end."""

import base64
import hashlib
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sandbox.gemini.catalogue import Model
from sandbox.gemini.chatting import answer
from sandbox.gemini.drawing import call_for
from sandbox.gemini.looking import subject_of
from sandbox.gemini.prompt_writing import UNSAFE, idea_in, prompt_for, says_why_not, title_for, write_json
from sandbox.gemini.question import BadRequest, Question
from sandbox.gemini.thinking import thought_tokens
from sandbox.pictures import paint, repaint

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_FILE = 258
TOKENS_PER_PICTURE = 1120  # that was painted
SHARE = 0.45  # of what is painted over a picture, that hides what lies beneath
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
HELP = "https://developers.generativeai.google/guide/troubleshooting"
CHUNK = 60  # characters in a piece of a stream
SAFETY_CATEGORIES = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)


@dataclass(frozen=True)
class Written:
    """What the model came to: the text, what it cost in tokens, and why it ended."""

    text: str
    finish_reason: str
    prompt_tokens: int
    thoughts: int
    shows_thoughts: bool
    response_id: str
    picture: bytes | None = None
    call: dict[str, Any] | None = None

    @property
    def tokens(self) -> int:
        said = self.text if self.call is None else json.dumps(self.call)
        return TOKENS_PER_PICTURE if self.picture else tokens_in(said)


def tokens_in(text: str) -> int:
    """Estimate how many tokens ``text`` has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def count_tokens(question: Question) -> int:
    """Count a request's own tokens, files included."""
    files = sum(len(turn.attachments) for turn in question.turns)
    return tokens_in(question.system) + sum(tokens_in(turn.text) for turn in question.turns) + files * TOKENS_PER_FILE


def is_blocked(question: Question) -> bool:
    """Tell whether the words are unfit, and the form of the answer leaves no room to say so."""
    says_no = any(map(says_why_not, (question.schema or {}).get("properties") or {}))
    return bool(UNSAFE.search(question.last.text)) and not says_no


def write(model: Model, question: Question) -> Written:
    """Answer ``question``.

    Raises:
        BadRequest: The model can't be told to think like that.
    """
    config = question.config
    thoughts = thought_tokens(model, config)
    call = call_for(question)
    is_picture_alone = model.paints and config.get("responseModalities") == ["IMAGE"]
    words = "" if call is not None or is_picture_alone else _words(question)
    text, finish_reason = _stopped(words, config.get("stopSequences") or []), "STOP"
    limit = config.get("maxOutputTokens")
    if limit is not None and thoughts + tokens_in(text) > limit:
        finish_reason = "MAX_TOKENS"
        thoughts = min(thoughts, limit)
        text = text[: (limit - thoughts) * CHARACTERS_PER_TOKEN]
    conversation = repr((model.name, question.system, [(turn.role, turn.text) for turn in question.turns]))
    return Written(
        text=text,
        finish_reason=finish_reason,
        prompt_tokens=count_tokens(question),
        thoughts=thoughts,
        shows_thoughts=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
        response_id=hashlib.sha256(conversation.encode()).hexdigest()[:22],
        picture=_painted(question) if model.paints else None,
        call=call,
    )


def _painted(question: Question) -> bytes:
    """Paint what was asked for, over the first picture that came along; in the ratio that was named, or its own."""
    pictures = [one.content for one in question.last.attachments if one.media_type.startswith("image/")]
    ratio = (question.config.get("imageConfig") or {}).get("aspectRatio")
    width, height = _size(ratio) if ratio else _size_like(pictures[0]) if pictures else (1024, 1024)
    idea = idea_in(question.last.text)
    if not pictures:
        return paint(idea, 0, width, height, "image/png")
    try:
        return repaint(pictures[0], idea, 0, (width, height), SHARE, "image/png")
    except ValueError as error:
        raise BadRequest("Unable to process input image. Please retry or report in " + HELP) from error


def _size(ratio: object) -> tuple[int, int]:
    if ratio not in RATIOS:
        raise BadRequest(f"Invalid aspect_ratio: {ratio}", field="generation_config.image_config.aspect_ratio")
    width, height = map(int, str(ratio).split(":"))
    side = (width / height) ** 0.5
    return round(64 * side) * 16, round(64 / side) * 16


def _size_like(picture: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            side = (opened.width / opened.height) ** 0.5
    except (OSError, Image.DecompressionBombError):
        return 1024, 1024
    return round(64 * min(max(side, 0.5), 2)) * 16, round(64 / min(max(side, 0.5), 2)) * 16


def whole(model: Model, written: Written, candidates: int = 1) -> dict[str, Any]:
    """Return the answer in one piece."""
    texts = _text_parts(written, written.text)
    parts = [*_thought_parts(written), *_picture_parts(written), *texts, *_call_parts(written)]
    content: dict[str, Any] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    shown = [
        {
            "content": content,
            "finishReason": written.finish_reason,
            "index": index,
            "safetyRatings": _ratings(),
        }
        for index in range(candidates)
    ]
    return _response(model, written, shown, written.tokens * candidates)


def pieces(model: Model, written: Written) -> Iterator[dict[str, Any]]:
    """Return the answer as a stream gives it: the finish reason comes with the last piece."""
    texts = [written.text[i : i + CHUNK] for i in range(0, len(written.text), CHUNK)] or [""]
    for i, text in enumerate(texts):
        parts = (_thought_parts(written) if i == 0 else []) + _text_parts(written, text)
        is_last = i == len(texts) - 1
        parts += [*_picture_parts(written), *_call_parts(written)] if is_last else []
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}}
        candidate |= {"finishReason": written.finish_reason} if is_last else {}
        said = tokens_in(written.text[: i * CHUNK + len(text)])
        yield _response(model, written, [candidate | {"index": 0}], written.tokens if is_last else said)


def _words(question: Question) -> str:
    kind = question.config.get("responseMimeType")
    idea = _idea(question)
    if question.schema is not None:
        value = write_json(question.schema, idea, answer(question))
        return str(value) if kind == "text/x.enum" else json.dumps(value, ensure_ascii=False)
    if kind != "application/json" and (fields := _fields_named(question.last.text)):
        form = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
        return json.dumps(write_json(form, idea, answer(question)), ensure_ascii=False)
    if kind == "application/json":
        return json.dumps({"title": title_for(idea), "prompt": prompt_for(idea)}, ensure_ascii=False)
    return answer(question)


def _idea(question: Question) -> str:
    """Return what is to be painted: what is seen in a picture that came along, and what the words make of it."""
    words = question.last.text
    seen = subject_of(question.last.attachments)
    if seen and not re.search("<idea>", words):
        return seen  # The words only ask to look at it.
    return ", ".join(part for part in (seen, idea_in(words, question.system)) if part)


def _fields_named(text: str) -> list[str]:
    """Return the fields of a JSON object that is asked for in words, in double quotes."""
    _, found, rest = text.rpartition("JSON object")
    return re.findall(r'"(\w+)"', rest) if found else []


def _stopped(text: str, stops: list[str]) -> str:
    ends = [text.index(stop) for stop in stops if stop and stop in text]
    return text[: min(ends)] if ends else text


def _thought_parts(written: Written) -> list[dict[str, Any]]:
    if not (written.shows_thoughts and written.thoughts):
        return []
    return [
        {
            "text": "**Considering the words**\n\nI look at what was said and choose an answer.",
            "thought": True,
        }
    ]


def _text_parts(written: Written, text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    signature = base64.b64encode(f"thought:{written.response_id}".encode()).decode()
    return [{"text": text} | ({"thoughtSignature": signature} if written.thoughts else {})]


def _picture_parts(written: Written) -> list[dict[str, Any]]:
    if written.picture is None:
        return []
    return [{"inlineData": {"mimeType": "image/png", "data": base64.b64encode(written.picture).decode()}}]


def _call_parts(written: Written) -> list[dict[str, Any]]:
    if written.call is None:
        return []
    signature = base64.b64encode(f"thought:{written.response_id}".encode()).decode()
    return [{"functionCall": written.call} | ({"thoughtSignature": signature} if written.thoughts else {})]


def _ratings() -> list[dict[str, str]]:
    return [{"category": category, "probability": "NEGLIGIBLE"} for category in SAFETY_CATEGORIES]


def _response(model: Model, written: Written, candidates: list[dict[str, Any]], said: int) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "promptTokenCount": written.prompt_tokens,
        "totalTokenCount": written.prompt_tokens + said + written.thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": written.prompt_tokens}],
    }
    usage |= {"candidatesTokenCount": said} if said else {}
    usage |= {"thoughtsTokenCount": written.thoughts} if written.thoughts else {}
    return {
        "candidates": candidates,
        "usageMetadata": usage,
        "modelVersion": model.name,
        "responseId": written.response_id,
    }
