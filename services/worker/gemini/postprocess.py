"""A draft, or the person's own words → the prompt: within the limits, in its style, without contradictions. Pure."""

import re

from services.worker.gemini.answers import Draft
from services.worker.gemini.prompt_length import cut, estimate_tokens, few_words
from services.worker.gemini.prompt_request import PromptRequest
from shared.catalogue import Dialect
from shared.jobs import Earlier, Prompt
from shared.styles import Style

NEGATIVE_TOKENS = 75
TITLE_CHARACTERS = 60


def finish(draft: Draft, request: PromptRequest, *, model: str) -> Prompt:
    """Hold a draft to the limits, and see to it that the negative prompt begins with what the user doesn't want.

    Args:
        model: Who wrote it.
    """
    text = cut(draft.prompt.strip(" ,;"), request.token_limit)
    ours = join_tags(draft.negative, request.style.negative if request.style else "") if request.takes_negative else ""
    # Diffusion models read English: what is written in another script, Gemini has put into English.
    translated = request.takes_negative and draft.negative and not request.unwanted.isascii()
    # Kept also where the wished model takes none: another one may have to paint.
    negative = join_tags("" if translated else request.unwanted, without_contradictions(ours, text))
    return Prompt(
        text=text,
        negative=cut(negative, min(request.token_limit, NEGATIVE_TOKENS)),
        title=few_words(draft.title.strip(" \"'“”.") or request.idea, characters=TITLE_CHARACTERS),
        language=draft.language,
        model=model,
    )


def own_words(
    idea: str,
    *,
    dialect: Dialect = "prose",
    style: Style | None = None,
    unwanted: str = "",
    earlier: Earlier | None = None,
    subject: str = "",
    token_limit: int | None = None,
) -> Prompt:
    """Take the user's own words for the prompt, for when Gemini can't write one, or shall not.

    Args:
        earlier: The picture that the words change: they follow its prompt. A variation of it has the same prompt.
        subject: The words that the idea speaks of: it follows them.
        token_limit: What the diffusion model reads; the words are kept whole, the earlier prompt gets
            the room that is left, and so does the subject.
    """
    words = " ".join(idea.split())
    text = _after(subject, words, token_limit) if subject else words
    if earlier is not None:
        varied = earlier.variation is not None
        text = earlier.prompt if varied else _after(earlier.prompt, words, token_limit)
    return Prompt(
        text=_with_style(text, style, dialect),
        negative=join_tags(unwanted, style.negative if style else ""),
        title=few_words(words, characters=TITLE_CHARACTERS),
        language="und",
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
