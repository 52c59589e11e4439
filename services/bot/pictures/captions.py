"""The words under a picture: idea, prompt, and how it was made. Pure."""

import html
from collections.abc import Sequence

from services.bot.locales import say
from services.bot.texts.failure_summary import reasons_of, write_reason
from services.bot.texts.number_format import number
from services.bot.texts.utf16 import encoded, units
from shared.jobs import Job, Parameters, State

MAX_UNITS = 1024  # Telegram's limit for a caption after its tags are read; counted in UTF-16 to be safe
MAX_IDEA_UNITS = 300
MAX_TITLE_UNITS = 80
LONG_IDEA_UNITS = 80  # what is shorter is its own title
MAX_NEGATIVE_UNITS = 60


def write_caption(job: Job, *, default_model: str) -> str:
    """Write a finished job's caption, as Telegram HTML within Telegram's limit.

    Args:
        default_model: The model that is meant by a request that names none.
    """
    facts = "\n".join([_facts(job), *_remarks(job, job.request.parameters.model or default_model)])
    idea = shorten(idea_of(job), MAX_IDEA_UNITS)
    title = _title(job)
    room = MAX_UNITS - units(title) - units(idea) - units(facts) - len("\n\n\n")
    parts = [f"<b>{_escape(title)}</b>", _escape(idea)] if title else [f"<b>{_escape(idea)}</b>"]
    if job.prompt is not None and not (job.request.parameters.raw and job.prompt.text == job.request.idea):
        prompt = shorten(job.prompt.text, room)
        parts.append(f"<blockquote expandable>{_escape(prompt)}</blockquote>")
    parts.append(f"<i>{_escape(facts)}</i>")
    return "\n".join(parts)


def idea_of(job: Job) -> str:
    """What was typed; where a picture came without words, the title that Gemini found, or what was meant."""
    title = job.prompt.title if job.prompt else ""
    return job.request.idea or title or html.unescape(say("idea_like_this", job.sender.language))


def _title(job: Job) -> str:
    """The title that Gemini found, for an idea that is too long to be one."""
    if job.prompt is None or units(job.request.idea) <= LONG_IDEA_UNITS:
        return ""
    return shorten(job.prompt.title, MAX_TITLE_UNITS)


def _facts(job: Job) -> str:
    language = job.sender.language
    facts = []
    if job.recipe is not None:
        facts.append(name_of(job.recipe.model))
        if job.recipe.seed is not None:
            facts.append(_say("caption_seed", language, seed=str(job.recipe.seed)))
    facts += _wishes(job.request.parameters, language)
    if job.ended_at is not None:
        seconds = max(1, round((job.ended_at - job.created_at).total_seconds()))
        facts.append(_say("caption_seconds", language, n=seconds))
    return " · ".join(facts)


def _wishes(given: Parameters, language: str) -> list[str]:
    """What was asked for besides the idea, but the model and seed, which are told anyway."""
    wishes = []
    if given.ratio is not None:
        wishes.append(f"{given.ratio[0]}:{given.ratio[1]}")
    if given.style is not None:
        wishes.append(given.style)
    if given.steps is not None:
        wishes.append(_say("caption_steps", language, n=given.steps))
    if given.guidance is not None:
        wishes.append(_say("caption_guidance", language, guidance=number(given.guidance, language)))
    if given.negative:
        wishes.append(_say("caption_without", language, words=shorten(given.negative, MAX_NEGATIVE_UNITS)))
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
        remarks.append(say("caption_other_model", language, wished=name_of(wished), taken=name_of(job.recipe.model)))
    if job.prompt is not None and job.prompt.model is None and not job.request.parameters.raw:
        remarks.append(say("caption_same_prompt" if job.is_variation else "caption_own_words", language))
    if job.recipe is not None and job.recipe.over_picture:
        remarks.append(say("caption_over_picture", language, model=name_of(job.recipe.model)))
    elif job.request.picture is not None and job.recipe is not None and job.prompt is not None:
        if job.prompt.model is None:
            remarks.append(say("caption_picture_not_seen", language))
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


def name_of(model: str) -> str:
    """A model's name without its maker's."""
    return model.rpartition("/")[2]


def shorten(text: str, most: int) -> str:
    """Cut a text to so many UTF-16 units, at a word's end where one is near; the cut is marked."""
    if units(text) <= most:
        return text
    kept = encoded(text)[: 2 * (most - 2)].decode("utf-16-le", errors="ignore")
    whole_words = kept.rpartition(" ")[0]
    return (whole_words if len(whole_words) > len(kept) - 30 else kept).rstrip(" ,;") + " …"


def _escape(text: str) -> str:
    return html.escape(text, quote=False)
