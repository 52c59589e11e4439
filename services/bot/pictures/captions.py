"""Writes captions: idea, prompt, model, seed, steps, time. Pure."""

import html
from collections.abc import Sequence

from services.bot.texts.failure_summary import reasons_of, write_reason
from services.bot.texts.locales import as_read, say
from services.bot.texts.number_format import number
from services.bot.texts.utf16 import shorten, units
from shared.batches import place_of
from shared.catalogue import name_of
from shared.jobs import Job, Recipe, State

MAX_UNITS = 1024  # Telegram's limit for a caption after its tags are read; counted in UTF-16 to be safe
MAX_TITLE_UNITS = 80
MAX_BEFORE_UNITS = 36  # of a title that also says what is changed
MAX_NEGATIVE_UNITS = 200


def write_caption(job: Job, *, default_model: str, before: str = "") -> str:
    """Write a finished job's caption, as Telegram HTML within Telegram's limit.

    Args:
        default_model: The model that is meant by a request that names none.
        before: The idea that a follow-up changes.
    """
    if job.request.parameters.upscale is not None and job.recipe is not None:
        return _write_enlarged(job, job.recipe)
    title = title_of(job, before)
    wished = job.request.parameters.model or default_model
    remarks = "".join(f"\n{one}" for one in _remarks(job, wished))
    below = "".join(f"\n{line}" for line in (_left_out(job), _facts(job), _over(job, wished)) if line)
    room = MAX_UNITS - sum(map(units, (title, below, remarks))) - len("\n\n")
    prompt = job.prompt.text if job.prompt is not None and job.prompt.text != title else ""
    quote = f"{shorten(prompt, room)}{below}".strip("\n")
    parts = [f"<b>{_escape(title)}</b>", f"<blockquote expandable>{_escape(quote)}</blockquote>" if quote else ""]
    return "\n".join(filter(None, parts)) + (f"\n<i>{_escape(remarks[1:])}</i>" if remarks else "")


def _write_enlarged(job: Job, recipe: Recipe) -> str:
    """What was made larger, how, and how large it is."""
    size = {"width": str(recipe.width), "height": str(recipe.height)}
    title = [f"<b>{_escape(shorten(job.request.idea, MAX_TITLE_UNITS))}</b>"] if job.request.idea else []
    return "\n".join([*title, say("caption_enlarged", job.sender.language, **size)])


def write_album(jobs: Sequence[Job]) -> str:
    """Write the caption of an album of different ideas: which picture is which, as Telegram HTML."""
    room = (MAX_UNITS - len(jobs) * len("1000.10 \n")) // len(jobs)
    return "\n".join(
        f"<b>{label_in_batch(job)}</b> {_escape(shorten(idea_of(job), min(room, MAX_TITLE_UNITS)))}" for job in jobs
    )


def label_in_batch(job: Job) -> str:
    """Which picture of its batch a job is: ``7``, or ``7.2`` for the second one of the seventh line."""
    line, number_in_line = place_of(job)
    return f"{line}.{number_in_line}" if job.request.count > 1 else str(line)


def title_of(job: Job, before: str = "") -> str:
    """The idea, at most 80 UTF-16 units of it; of a follow-up with what it changes."""
    idea = idea_of(job)
    if not before:
        return shorten(idea, MAX_TITLE_UNITS)
    before = shorten(before, MAX_BEFORE_UNITS)
    change = shorten(idea, MAX_TITLE_UNITS - units(before) - len("  → "))
    return as_read(say("caption_change", job.sender.language, before=before, change=change))


def idea_of(job: Job) -> str:
    """What was typed; where a picture came without words, the title that Gemini found, or what was meant."""
    return idea_or(job.request.idea, job.prompt.title if job.prompt else None, job.sender.language)


def idea_or(idea: str, title: str | None, language: str) -> str:
    """What was typed, or the title, or what was meant by a picture without words."""
    return idea or title or html.unescape(say("idea_like_this", language))


def _left_out(job: Job) -> str:
    """What should not be seen: as the model was told it, else as it was asked for."""
    words = (job.recipe.negative if job.recipe is not None else "") or job.request.parameters.negative or ""
    return _say("caption_without", job.sender.language, words=shorten(words, MAX_NEGATIVE_UNITS)) if words else ""


def _over(job: Job, wished: str) -> str:
    """Whether the model started from the picture itself; of another model than the wished one a remark says so."""
    if job.recipe is None or not job.recipe.over_picture or job.recipe.model != wished:
        return ""
    return _say("caption_over_picture", job.sender.language, model=name_of(job.recipe.model))


def _facts(job: Job) -> str:
    language = job.sender.language
    facts = []
    if job.recipe is not None:
        facts.append(name_of(job.recipe.model))
        if job.recipe.seed is not None:
            facts.append(_say("caption_seed", language, seed=str(job.recipe.seed)))
    facts += _wishes(job, language)
    if job.ended_at is not None:
        seconds = max(1, round((job.ended_at - job.created_at).total_seconds()))
        facts.append(_say("caption_seconds", language, n=seconds))
    return " · ".join(facts)


def _wishes(job: Job, language: str) -> list[str]:
    """The steps, and what was asked for besides the idea, but the model and seed, which are told anyway."""
    wishes, given = [], job.request.parameters
    if given.ratio is not None:
        wishes.append(f"{given.ratio[0]}:{given.ratio[1]}")
    if given.style is not None:
        wishes.append(given.style)
    steps = job.recipe.steps if job.recipe is not None else None
    if (steps := steps or given.steps) is not None:
        wishes.append(_say("caption_steps", language, n=steps))
    if job.recipe is not None and job.recipe.strength is not None:
        wishes.append(_say("caption_strength", language, strength=number(job.recipe.strength, language)))
    if given.guidance is not None:
        wishes.append(_say("caption_guidance", language, guidance=number(given.guidance, language)))
    if given.raw:
        wishes.append(_say("caption_raw", language))
    return wishes


def _say(key: str, language: str, **values: object) -> str:
    """A sentence as people read it: the caption as a whole is escaped in the end."""
    return html.unescape(say(key, language, **values))


def _remarks(job: Job, wished: str) -> list[str]:
    """What went another way than it should have."""
    language = job.sender.language
    remarks = []
    if job.recipe is not None and job.recipe.model != wished:
        key = "caption_other_starter" if job.recipe.over_picture else "caption_other_model"
        remarks.append(say(key, language, wished=name_of(wished), taken=name_of(job.recipe.model)))
    if job.prompt is not None and job.prompt.model is None and not job.request.parameters.raw:
        remarks.append(say("caption_same_prompt" if job.is_variation else "caption_own_words", language))
    if job.recipe is None or job.recipe.over_picture:
        return [html.unescape(remark) for remark in remarks]
    if job.request.picture is not None and job.prompt is not None:
        if job.prompt.model is None:
            remarks.append(say("caption_picture_not_seen", language))
        elif job.request.parameters.describe:
            remarks.append(say("caption_only_described", language))
        else:
            remarks.append(say("caption_picture_described", language, model=name_of(job.recipe.model)))
    return [html.unescape(remark) for remark in remarks]


def write_choice(siblings: Sequence[Job]) -> str:
    """Write what stands over the numbers of several pictures, as Telegram HTML."""
    done = sum(job.state is State.FINISHED for job in siblings)
    language = siblings[0].sender.language
    if done == len(siblings):
        return say("several_done", language, n=done)
    some = say("several_some", language, done=done, n=len(siblings))
    return "\n".join([some, *write_reason(reasons_of(siblings), language)])


def _escape(text: str) -> str:
    return html.escape(text, quote=False)
