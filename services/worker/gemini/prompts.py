"""Idea → prompt: lets Gemini write what a diffusion model wants to read, and holds it to the limits."""

import functools
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from types import MappingProxyType
from typing import Any

from google.genai import types

from services.worker.gemini.answers import Draft, Garbled, Unfinished, read_answer, salvage
from services.worker.gemini.client import Failure, Gemini, Unreadable
from services.worker.gemini.failures import FieldRefused, ModelGone
from services.worker.gemini.files import File
from services.worker.gemini.models import family_of, next_model, plain_name
from services.worker.gemini.prompt_length import cut, estimate_tokens, few_words
from services.worker.gemini.quotas import Quotas
from services.worker.gemini.transport import Rehearsal
from shared.catalogue import Dialect
from shared.errors import (
    IdeaRefused,
    ImagineError,
    ModelNotServed,
    QuotaExhausted,
    RequestRefused,
    ServiceUnreachable,
    UnexpectedAnswer,
)
from shared.jobs import Attempt, Earlier, Prompt
from shared.styles import Style

_Result = Draft | Unfinished | Garbled | ModelGone | FieldRefused | ImagineError

BLOCK_ONLY_HIGH: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
        ),
        "BLOCK_ONLY_HIGH",
    )
)
# Thoughts are paid from the same purse as the answer, so it has to be far larger than any prompt.
ROOM_TOKENS = 8_192
MORE_ROOM_TOKENS = 32_768
NEGATIVE_TOKENS = 75
TOKENS_PER_WORD = {"tags": 2.0, "prose": 1.6}  # by our own estimate, punctuation included
MOST_WORDS = {"tags": 60, "prose": 160}  # beyond that, diffusion models lose the thread
TITLE_CHARACTERS = 60
CALL_S = 60.0  # a prompt takes seconds, half a minute with many thoughts; who is silent longer has lost it
MAX_CALLS = 8  # of one writing: successors, refused fields and a second try together


@dataclass(frozen=True, slots=True)
class Sampling:
    """How freely the model may choose its words; sent only to models that take it.

    Attributes:
        temperature: 0 to 2.
        top_p: 0 to 1.
        top_k: Words to choose from, 1 or more.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None

    def config(self) -> dict[str, float]:
        given = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for, whichever model answers in the end."""

    idea: str
    dialect: Dialect
    token_limit: int
    takes_negative: bool
    sampling: Sampling
    style: Style | None = None
    unwanted: str = ""
    talk: str = ""
    earlier: Earlier | None = None
    picture: File | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """How to ask: what changes from one call to the next.

    Attributes:
        refused: Fields that this model did not take; keys of ``failures.REFUSABLE``.
        roomy: Whether to give more room and think less.
    """

    model: str
    refused: frozenset[str] = frozenset()
    roomy: bool = False


class PromptWriter:
    """Lets Gemini write prompts. One for the whole process, for any number of threads.

    Args:
        base_url: Where Gemini is; None for Google's own.
        model: The chat model, unless a call names another.
        slots: Calls at a time.
        safety: Threshold by harm category, in Gemini's words.
        quotas: Knows which models have nothing left today; its own memory, unless given.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        api_version: str = "v1beta",
        model: str,
        slots: int = 128,
        safety: Mapping[str, str] = BLOCK_ONLY_HIGH,
        quotas: Quotas | None = None,
    ) -> None:
        _rehearse()
        self._quotas = quotas or Quotas(api_key)
        self._gemini = Gemini(api_key=api_key, base_url=base_url, api_version=api_version, slots=slots)
        self._model = plain_name(model)
        self._instead = functools.partial(next_model, self._model, used_up=self._quotas.used_up)
        self._safety = [
            types.SafetySetting(category=types.HarmCategory(category), threshold=types.HarmBlockThreshold(threshold))
            for category, threshold in safety.items()
        ]
        # What one call found out, the next need not find out again. Threads may write at once: each entry is put
        # in one step, and two that find the same out write the same.
        self._known_ways: dict[str, _Way] = {}

    def close(self) -> None:
        """Hang up."""
        self._gemini.close()

    def write(
        self,
        idea: str,
        *,
        dialect: Dialect,
        token_limit: int,
        takes_negative: bool,
        seconds: float,
        record: Callable[[Attempt], None],
        model: str | None = None,
        sampling: Sampling | None = None,
        style: Style | None = None,
        unwanted: str = "",
        talk: str = "",
        earlier: Earlier | None = None,
        picture: File | None = None,
    ) -> Prompt:
        """Turn an idea into a prompt in English.

        Args:
            dialect: ``tags`` for models that read a list of tags, ``prose`` for those that read sentences.
            token_limit: What the diffusion model's text encoder reads, start and end marks not counted.
            takes_negative: Whether the diffusion model reads a negative prompt.
            seconds: For all calls together.
            record: Is told of each call.
            model: A chat model other than the usual one.
            style: What the picture shall look like.
            unwanted: What shall not be seen, in the user's words.
            talk: What was said in the chat a little earlier, in case the idea refers to it.
            earlier: The picture that the idea changes, where it is a follow-up, or that is to be varied.
            picture: What the person sent along; without words, something like it is wanted.

        Raises:
            IdeaRefused: Gemini will not write a prompt for this idea.
            ServiceBusy, ServiceUnreachable: Another try may help.
            QuotaExhausted: No model that we know has anything left today.
            BadCredentials: The key, the country or the billing.
            UnexpectedAnswer: No model was left, or none answered what was asked for.
        """
        ends_at = time.monotonic() + seconds
        wish = _Wish(
            idea, dialect, token_limit, takes_negative, sampling or Sampling(), style, unwanted, talk, earlier, picture
        )
        asked = plain_name(model or self._model)
        way = self._known_ways.get(asked, _Way(asked))
        gone: list[str] = []
        spent: list[str] = []  # of the quota of the day
        if self._quotas.used_up(way.model):
            spent.append(way.model)
            way = _Way(self._instead(gone=gone, spent=spent))
        unusable: list[str] = []  # texts of answers that were not what was asked for
        failure: ImagineError = UnexpectedAnswer("Gemini wrote nothing that could be read as a prompt")

        for _ in range(MAX_CALLS):
            result, writer = self._try(wish, way, ends_at - time.monotonic(), record)
            match result:
                case Draft():
                    if not spent:
                        self._known_ways[asked] = replace(way, roomy=False)
                    return _finish(result, wish, writer)
                case ModelGone():
                    gone.append(way.model)
                    way = _Way(self._instead(gone=gone, spent=spent))
                case QuotaExhausted():
                    self._quotas.note_used_up(way.model)
                    spent.append(way.model)
                    way = _Way(self._instead(gone=gone, spent=spent))
                case FieldRefused(field) if field not in way.refused:
                    way = replace(way, refused=way.refused | {field})
                case FieldRefused(field):
                    raise UnexpectedAnswer(f"Gemini refuses {field}, which was not sent")
                case Unfinished(text) | Garbled(text):
                    unusable.append(text)
                    if len(unusable) == 2:
                        break
                    way = replace(way, roomy=way.roomy or isinstance(result, Unfinished))
                case IdeaRefused():
                    raise result
                case ImagineError():
                    failure = result
                    break

        for text in reversed(unusable):
            if draft := salvage(text):
                return _finish(draft, wish, way.model)
        raise failure

    def _try(self, wish: _Wish, way: _Way, seconds: float, record: Callable[[Attempt], None]) -> tuple[_Result, str]:
        """Ask once and record it; returns what came of it, and the model that answered."""
        if seconds <= 0:
            return ServiceUnreachable("no time left to ask Gemini"), way.model
        contents, config = compose(wish, way, self._safety)
        started = time.monotonic()
        answer = self._gemini.ask(way.model, contents, config, seconds=min(seconds, CALL_S))
        attempt = Attempt(
            step="prompt",
            service="gemini",
            model=way.model,
            duration_ms=round((time.monotonic() - started) * 1000),
        )

        result: _Result
        if isinstance(answer, Failure):
            result = Garbled("", "not Gemini's JSON") if isinstance(answer.cause, Unreadable) else answer.cause
            record(replace(attempt, status=answer.status, outcome=_outcome(result), detail=_detail(result)))
            return result, way.model

        try:
            result = read_answer(answer)
        except IdeaRefused as refusal:
            result = refusal
        record(
            replace(
                attempt,
                status=200,
                request_id=answer.response_id,
                outcome=_outcome(result),
                detail=_detail(result) or _usage(answer.usage_metadata),
            )
        )
        return result, plain_name(answer.model_version or way.model)


def own_words(
    idea: str,
    *,
    language: str = "und",
    dialect: Dialect = "prose",
    style: Style | None = None,
    unwanted: str = "",
    earlier: Earlier | None = None,
    token_limit: int | None = None,
) -> Prompt:
    """Take the user's own words for the prompt, for when Gemini can't write one, or shall not.

    Args:
        earlier: The picture that the words change: they follow its prompt. A variation of it has the same prompt.
        token_limit: What the diffusion model reads; the words are kept whole, the earlier prompt gets
            the room that is left.
    """
    words = " ".join(idea.split())
    text = words
    if earlier is not None:
        varied = earlier.variation is not None
        text = earlier.prompt if varied else _after(earlier.prompt, words, token_limit)
    return Prompt(
        text=_with_style(text, style, dialect),
        negative=join_tags(unwanted, style.negative if style else ""),
        title=few_words(words, characters=TITLE_CHARACTERS),
        language=language,
    )


def _after(prompt: str, words: str, token_limit: int | None) -> str:
    room = None if token_limit is None else token_limit - estimate_tokens(f", {words}")
    kept = prompt if room is None else cut(prompt, room) if room > 0 else ""
    return ", ".join(part for part in (kept.strip(" ,.;"), words) if part)


def _with_style(text: str, style: Style | None, dialect: Dialect) -> str:
    if style is None or style.words(dialect).strip(" .") in text:
        return text
    if dialect == "tags":
        return f"{text.rstrip(' ,.')}, {style.tags}"
    return f"{text}{'' if text.endswith(('.', '!', '?', '…')) else '.'} {style.prose}"


def compose(
    wish: _Wish, way: _Way, safety: list[types.SafetySetting]
) -> tuple[list[types.Content], types.GenerateContentConfig]:
    """Put the question together, of the fields that the model takes."""
    family = family_of(way.model)
    config: dict[str, Any] = {"safety_settings": safety}
    instruction = instruct(wish.dialect, wish.token_limit, takes_negative=wish.takes_negative)
    if direction := direct(wish.style, wish.dialect, wish.unwanted, takes_negative=wish.takes_negative):
        instruction = f"{instruction}\n\n{direction}"
    question = mark_idea(wish.idea)
    if wish.earlier is not None:
        told = f"Idea: {wish.earlier.idea}\nPrompt: {wish.earlier.prompt}"
        instruction = f"{instruction}\n\n{_go_back_to(wish.earlier)}"
        question = f"{mark(told, 'earlier')}\n\n{question}"
    if wish.unwanted:
        question = f"{mark(wish.unwanted, 'unwanted')}\n\n{question}"
    if wish.talk:
        instruction = f"{instruction}\n\n{_texts()['direction']['talk'].strip()}"
        question = f"{mark(wish.talk, 'talk')}\n\n{question}"
    if wish.picture is not None:
        instruction = f"{instruction}\n\n{_texts()['direction']['picture'].strip()}"
    if "system_instruction" in way.refused:
        question = f"{instruction}\n\n{question}"
    else:
        config["system_instruction"] = instruction
    config["response_mime_type"] = "application/json"
    config["response_schema"] = answer_schema(takes_negative=wish.takes_negative)
    if "schema" in way.refused:
        del config["response_mime_type"], config["response_schema"]
        fields = ", ".join(f'"{name}"' for name in _fields(takes_negative=wish.takes_negative))
        question = f"{question}\n\nAnswer with one JSON object with the text fields {fields}, and nothing else."
    if family.thinking and "thinking" not in way.refused:
        config["thinking_config"] = family.thinking.config(least=way.roomy)
    if family.sampling and "sampling" not in way.refused:
        config |= wish.sampling.config()
    if "output_tokens" not in way.refused:
        config["max_output_tokens"] = min(MORE_ROOM_TOKENS if way.roomy else ROOM_TOKENS, family.output_tokens)
    if "safety" in way.refused:
        del config["safety_settings"]
    seen = [wish.picture.part()] if wish.picture else []
    contents = [types.Content(role="user", parts=[*seen, types.Part(text=question)])]
    return contents, types.GenerateContentConfig(**config)


def instruct(dialect: Dialect, token_limit: int, *, takes_negative: bool) -> str:
    """Return the system instruction for one kind of diffusion model."""
    texts = _texts()
    words = max(1, min(MOST_WORDS[dialect], int(token_limit / TOKENS_PER_WORD[dialect])))
    form = texts["dialect"][dialect].replace("{tokens}", str(token_limit)).replace("{words}", str(words))
    negative = texts["negative"]["wanted"] if takes_negative else ""
    return f"{texts['instruction'].strip()}\n{negative.strip()}\n\n{form.strip()}"


def direct(style: Style | None, dialect: Dialect, unwanted: str, *, takes_negative: bool) -> str:
    """Return what the instruction says besides about one picture: its style, and that something shall not be seen."""
    texts = _texts()["direction"]
    parts = []
    if style is not None:
        parts.append(texts["style"].replace("{title}", style.title).replace("{words}", style.words(dialect)))
    if unwanted:
        parts.append(texts["unwanted"])
        parts.append(texts["unwanted_as_negative"] if takes_negative else texts["unwanted_left_out"])
    return "\n".join(part.strip() for part in parts)


def _go_back_to(earlier: Earlier) -> str:
    texts = _texts()["direction"]
    if earlier.variation is None:
        return str(texts["earlier"]).strip()
    aspects = texts["aspects"]
    return str(texts["variation"]).strip().replace("{aspect}", aspects[earlier.variation % len(aspects)])


def mark_idea(idea: str) -> str:
    """Put an idea between its marks, where nothing in it can close them."""
    return mark(idea, "idea")


def mark(words: str, name: str) -> str:
    """Put a person's words between marks of that name, where nothing in them can close any of our marks."""
    sound = words.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair would be a 400
    harmless = re.sub(r"<(?=[\s/]*(?:idea|unwanted|talk|earlier))", "‹", sound, flags=re.IGNORECASE)
    return f"<{name}>\n{harmless}\n</{name}>"


def answer_schema(*, takes_negative: bool) -> types.Schema:
    """Return the form of the answer; the language and the title first, so that they survive a cut."""
    fields = _fields(takes_negative=takes_negative)
    return types.Schema(
        type=types.Type.OBJECT,
        properties={field: types.Schema(type=types.Type.STRING) for field in fields},
        required=fields,
        property_ordering=fields,
    )


def finish(
    draft: Draft,
    idea: str,
    token_limit: int,
    *,
    takes_negative: bool,
    model: str,
    style: Style | None = None,
    unwanted: str = "",
) -> Prompt:
    """Hold a draft to the limits, and see to it that the negative prompt begins with what the user doesn't want."""
    text = cut(draft.prompt.strip(" ,;"), token_limit)
    ours = join_tags(draft.negative, style.negative if style else "") if takes_negative else ""
    # Diffusion models read English: what is written in another script, Gemini has put into English.
    wish = "" if takes_negative and draft.negative and not unwanted.isascii() else unwanted
    # Kept also where the wished model takes none: another one may have to paint.
    negative = join_tags(wish, without_contradictions(ours, text))
    return Prompt(
        text=text,
        negative=cut(negative, min(token_limit, NEGATIVE_TOKENS)),
        title=few_words(draft.title.strip(" \"'“”.") or idea, characters=TITLE_CHARACTERS),
        language=draft.language,
        model=model,
    )


def _finish(draft: Draft, wish: _Wish, model: str) -> Prompt:
    return finish(
        draft,
        wish.idea,
        wish.token_limit,
        takes_negative=wish.takes_negative,
        model=model,
        style=wish.style,
        unwanted=wish.unwanted,
    )


def join_tags(*lists: str) -> str:
    """Join comma-separated lists of tags into one in which each stands once."""
    once: dict[str, str] = {}
    for tag in (part.strip() for tags in lists for part in tags.split(",")):
        if tag:
            once.setdefault(tag.casefold(), tag)
    return ", ".join(once.values())


def without_contradictions(negative: str, prompt: str) -> str:
    """Leave out of a negative prompt what the prompt itself asks for."""
    wanted = prompt.lower()
    writes = re.search(r'"[^"]+"|“[^”]+”', prompt) is not None
    return ", ".join(
        tag
        for tag in (part.strip() for part in negative.split(","))
        if tag
        and not re.search(rf"(?<!\w){re.escape(tag.lower())}(?!\w)", wanted)
        and not (writes and re.search(r"\b(?:texts?|letter(?:s|ing)?|words?|writing|typography)\b", tag.lower()))
    )


@functools.cache
def _rehearse() -> None:
    """Ask once without a network.

    The SDK builds its data models at their first use, for 0.2 s of CPU. Threads that start with a full queue
    would all do so at once, and stand in one another's way for many seconds.
    """
    wish = _Wish("", "tags", 75, takes_negative=True, sampling=Sampling())
    way = _Way("")
    gemini = Gemini(api_key="-", base_url=None, api_version="v1beta", slots=1, transport=Rehearsal())
    gemini.ask("rehearsal", *compose(wish, way, []), seconds=1.0)
    gemini.close()


def _fields(*, takes_negative: bool) -> list[str]:
    return ["language", "title", "prompt", *(["negative_prompt"] if takes_negative else [])]


@functools.cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("prompts.toml").read_text(encoding="utf-8"))


def _outcome(result: _Result) -> str:
    match result:
        case Draft():
            return "ok"
        case ModelGone():
            return ModelNotServed.reason
        case FieldRefused():
            return RequestRefused.reason
        case ImagineError():
            return result.reason
        case _:
            return UnexpectedAnswer.reason


def _detail(result: _Result) -> str | None:
    match result:
        case Unfinished():
            return "the answer ended at the token limit"
        case Garbled(_, flaw):
            return flaw
        case ModelGone():
            return "no such model"
        case FieldRefused(field):
            return f"{field} refused"
        case ImagineError():
            return str(result)
        case _:
            return None


def _usage(usage: types.GenerateContentResponseUsageMetadata | None) -> str | None:
    """Tell the tokens that were paid for."""
    if usage is None:
        return None
    counts = (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count)
    return "{} tokens in, {} out, {} thought".format(*(count or 0 for count in counts))
