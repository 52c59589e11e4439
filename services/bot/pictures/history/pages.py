"""What a message of ``/history`` says, and its buttons. Pure."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, WebAppInfo

from services.bot.pictures.captions import idea_of
from services.bot.telegram import callback_data as data
from services.bot.texts.button_rows import cut, in_rows
from services.bot.texts.locales import say
from services.bot.texts.number_format import date
from services.bot.texts.utf16 import shorten
from shared.catalogue import name_of
from shared.history import HistoryView, Wanted
from shared.jobs import Job

MAX_TITLE, MAX_PROMPT = 200, 600  # UTF-16 units; a caption may have 1024
MAX_MODELS = 6  # offered as a filter
A_ROW = 5  # numbers


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a history.

    Attributes:
        newer, older: Whether there are others.
    """

    job: Job
    newer: bool
    older: bool
    is_favourite: bool


def write_picture(page: Page, view: HistoryView, language: str) -> str:
    """A picture's title, prompt and facts, as Telegram HTML."""
    job = page.job
    title = shorten(idea_of(job), MAX_TITLE)
    prompt = shorten(job.prompt.text, MAX_PROMPT) if job.prompt is not None and job.prompt.text != title else ""
    facts = [name_of(job.recipe.model)] if job.recipe is not None else []
    if job.recipe is not None and job.recipe.seed is not None:
        facts.append(html.unescape(say("caption_seed", language, seed=str(job.recipe.seed))))
    facts.append(date(job.created_at, language))
    lines = [f"<b>{html.escape(title, quote=False)}</b>"]
    if prompt:
        lines.append(f"<blockquote expandable>{html.escape(prompt, quote=False)}</blockquote>")
    lines.append(html.escape(" · ".join(facts), quote=False))
    if filters := write_filters(view.wanted, language):
        lines.append(filters)
    return "\n".join(lines)


def write_filters(wanted: Wanted, language: str) -> str:
    """Which pictures are shown, as Telegram HTML; empty where all are."""
    parts = [html.escape(wanted.search, quote=False)] if wanted.search else []
    parts += ["⭐"] if wanted.favourites else []
    parts += [html.escape(name_of(wanted.model), quote=False)] if wanted.model else []
    parts += [say("button_history_here", language)] if wanted.chat_id is not None else []
    return f"🔎 {' · '.join(parts)}" if parts else ""


def gallery_button(url: str, language: str) -> InlineKeyboardButton:
    """Opens the gallery."""
    return InlineKeyboardButton(say("button_gallery", language), web_app=WebAppInfo(f"{url}/"))


def under_picture(
    page: Page, view: HistoryView, language: str, *, gallery_url: str | None = None
) -> InlineKeyboardMarkup:
    """What can be done with a picture, and where to go from it."""

    def button(label: str, word: str) -> InlineKeyboardButton:
        return InlineKeyboardButton(label, callback_data=data.of_history(view.id, word, page.job.id))

    star = say("button_history_starred" if page.is_favourite else "button_history_star", language)
    turns = [button(star, data.STAR)]
    if page.newer:
        turns.insert(0, button("‹", data.NEWER))
    if page.older:
        turns.append(button("›", data.OLDER))
    others = [
        button(say("button_history_open", language), data.OPEN),
        button(say("button_history_sheet", language), data.SHEET),
        button(say("button_history_filter", language), data.FILTER),
        button(say("button_delete", language), data.ASK),
    ]
    gallery = [[gallery_button(gallery_url, language)]] if gallery_url else []
    return InlineKeyboardMarkup([turns, *in_rows(others, 2), *gallery])


def really_remove(view: HistoryView, job_id: int, language: str) -> InlineKeyboardMarkup:
    """The question whether a picture shall go for good."""
    sure = InlineKeyboardButton(
        say("button_history_remove", language), callback_data=data.of_history(view.id, data.REMOVE, job_id)
    )
    return InlineKeyboardMarkup([[sure], [_back(view, job_id, language)]])


def under_sheet(
    jobs: Sequence[Job], view: HistoryView, language: str, *, newer: int | None, older: int | None
) -> InlineKeyboardMarkup:
    """The numbers of a sheet's pictures.

    Args:
        newer, older: The first picture of the sheet before, and of the one after.
    """
    numbers = [
        InlineKeyboardButton(str(place), callback_data=data.of_history(view.id, data.SHOW, job.id))
        for place, job in enumerate(jobs, 1)
    ]
    turns = [
        InlineKeyboardButton(label, callback_data=data.of_history(view.id, data.SHEET, first))
        for label, first in (("‹", newer), ("›", older))
        if first is not None
    ]
    rows = [*in_rows(numbers, A_ROW), turns, [_back(view, jobs[0].id, language)]]
    return InlineKeyboardMarkup([row for row in rows if row])


def under_filters(
    view: HistoryView, job_id: int, models: Sequence[str], language: str, *, may_be_here: bool
) -> InlineKeyboardMarkup:
    """The filters, each with its state."""
    wanted = view.wanted

    def switch(label: str, word: str, choice: str = "", *, is_on: bool) -> InlineKeyboardButton:
        text = cut(f"{'☑' if is_on else '☐'} {label}")
        return InlineKeyboardButton(text, callback_data=data.of_history(view.id, word, job_id, choice))

    buttons = [switch(say("button_history_favourites", language), data.STARRED, is_on=wanted.favourites)]
    if may_be_here:
        buttons.append(switch(say("button_history_here", language), data.HERE, is_on=wanted.chat_id is not None))
    of_models = models[:MAX_MODELS]
    buttons += [switch(name_of(one), data.OF_MODEL, data.code_of(one), is_on=one == wanted.model) for one in of_models]
    everything = InlineKeyboardButton(
        say("button_history_all", language), callback_data=data.of_history(view.id, data.ALL, job_id)
    )
    return InlineKeyboardMarkup([*in_rows(buttons, 2), [everything], [_back(view, job_id, language)]])


def show_all(view: HistoryView, language: str) -> InlineKeyboardMarkup:
    """Where a search found nothing: all pictures."""
    label, all_of_it = say("button_history_all", language), data.of_history(view.id, data.ALL, 0)
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=all_of_it)]])


def _back(view: HistoryView, job_id: int, language: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(say("button_back", language), callback_data=data.of_history(view.id, data.SHOW, job_id))
