"""The buttons under pictures, answers and waits. Stateless: each carries an action, an id, perhaps a choice. Pure."""

import re
from collections.abc import Sequence
from hashlib import sha256

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.helpers import create_deep_linked_url

from services.bot.locales import say
from services.bot.pictures.captions import name_of
from services.bot.texts.button_rows import in_rows
from services.bot.texts.failure_summary import main_reason, reasons_of
from services.bot.texts.utf16 import units
from shared.catalogue import Catalogue
from shared.errands import Errand
from shared.errors import GeminiUnpaid, KeyNeeded, OwnKeyRefused, OwnKeyUnpaid, QuotaExhausted
from shared.jobs import Job, State

MAX_COPY = 256  # UTF-16 units, Telegram's limit for a copy button
RATIOS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9")
A_ROW = 4
MODELS = 8

AGAIN, VARY, EDIT, FILE, DELETE, REST = "again", "vary", "edit", "file", "delete", "rest"
PROMPT = "prompt"  # the whole of one that is too long for a copy button
MORE = "more"  # what is wanted less often than the rest
RATIO, MODEL = "ratio", "model"  # without a choice they open their list, with one they act
FOR_GOOD = "now"  # the choice with which DELETE deletes; without one it asks
PICK, BACK = "pick", "back"  # one picture with its buttons, and from there to all of its request
CANCEL = "cancel"
MENDED_BY_KEYS = {kind.reason for kind in (KeyNeeded, OwnKeyRefused, OwnKeyUnpaid, GeminiUnpaid, QuotaExhausted)}
STOP, DRAW, LIKE = "stop", "draw", "like"  # these carry an errand's id


def data(action: str, job_id: int, choice: str = "") -> str:
    """Write a button's data, at most 64 bytes."""
    return f"{action} {job_id} {choice}".rstrip()


def read(text: str | None) -> tuple[str, int, str] | None:
    """Read a button's data back; None where it isn't ours."""
    action, _, rest = (text or "").partition(" ")
    number, _, choice = rest.partition(" ")
    return (action, int(number), choice) if re.fullmatch(r"\d{1,18}", number, re.ASCII) else None


def job_of(text: str) -> int | None:
    """The job that a button's data name."""
    wanted = read(text)
    return wanted[1] if wanted else None


def code_of(model_id: str) -> str:
    """What stands for a model in a button's data: its id may be too long for it, and its place in a list changes."""
    return sha256(model_id.encode()).hexdigest()[:12]


def picture(job: Job, *, of_several: bool = False) -> InlineKeyboardMarkup:
    """What can be done with a picture."""
    rows = [*in_rows(_buttons(job, AGAIN, VARY, EDIT), 3), *in_rows(_buttons(job, FILE, MORE), 2)]
    if of_several:
        rows.append(_buttons(job, BACK))
    return InlineKeyboardMarkup(rows)


def more(job: Job) -> InlineKeyboardMarkup:
    """What else can be done with a picture."""
    language = job.sender.language
    buttons = _buttons(job, RATIO, MODEL)
    if job.prompt is not None and units(job.prompt.text) <= MAX_COPY:
        buttons.append(InlineKeyboardButton(say("button_copy", language), copy_text=CopyTextButton(job.prompt.text)))
    elif job.prompt is not None:
        buttons += _buttons(job, PROMPT)
    buttons += _buttons(job, DELETE)
    return _choices(job, buttons, 2)


def really_delete(job: Job) -> InlineKeyboardMarkup:
    """The question whether a picture shall go."""
    sure = InlineKeyboardButton(
        say("button_delete_now", job.sender.language), callback_data=data(DELETE, job.id, FOR_GOOD)
    )
    return _choices(job, [sure], 1)


def _buttons(job: Job, *actions: str) -> list[InlineKeyboardButton]:
    language = job.sender.language
    return [
        InlineKeyboardButton(say(f"button_{action}", language), callback_data=data(action, job.id))
        for action in actions
    ]


def status(job: Job) -> InlineKeyboardMarkup:
    """What can be done with a job under way."""
    label = say("button_cancel", job.sender.language)
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=data(CANCEL, job.id))]])


def several(jobs: Sequence[Job], bot_username: str) -> InlineKeyboardMarkup:
    """Which of several pictures is meant; an album can't carry buttons, so they stand under a message of their own."""
    numbers = [
        InlineKeyboardButton(str(job.number + 1), callback_data=data(PICK, job.id))
        for job in jobs
        if job.state is State.FINISHED
    ]
    rows = in_rows(numbers, A_ROW + 1)
    missing = sum(job.state is State.FAILED for job in jobs)
    if missing:
        label = say("button_rest", jobs[0].sender.language, n=missing)
        rows.append([InlineKeyboardButton(label, callback_data=data(REST, jobs[0].id))])
    mended = after_failure(main_reason(reasons_of(jobs)), jobs[0].sender.language, bot_username)
    return InlineKeyboardMarkup([*rows, *(mended.inline_keyboard if mended else ())])


def ratios(job: Job) -> InlineKeyboardMarkup:
    """The ratios to choose from."""
    buttons = [InlineKeyboardButton(ratio, callback_data=data(RATIO, job.id, ratio)) for ratio in RATIOS]
    return _choices(job, buttons, A_ROW)


def models(job: Job, catalogue: Catalogue) -> InlineKeyboardMarkup:
    """The first models to choose from."""
    buttons = [
        InlineKeyboardButton(name_of(model.id), callback_data=data(MODEL, job.id, code_of(model.id)))
        for model in catalogue.offered(MODELS)
    ]
    return _choices(job, buttons, 2)


def _choices(job: Job, buttons: list[InlineKeyboardButton], a_row: int) -> InlineKeyboardMarkup:
    back = InlineKeyboardButton(say("button_back", job.sender.language), callback_data=data(PICK, job.id))
    return InlineKeyboardMarkup([*in_rows(buttons, a_row), [back]])


def while_answering(errand: Errand) -> InlineKeyboardMarkup:
    """What can be done with an answer that is being written."""
    return _one(say("button_stop", errand.sender.language), data(STOP, errand.id))


def under_answer(errand: Errand) -> InlineKeyboardMarkup:
    """What can be done with an answer."""
    return _one(say("button_draw", errand.sender.language), data(DRAW, errand.id))


def after_failure(reason: str | None, language: str, bot_username: str) -> InlineKeyboardMarkup | None:
    """The way to ``/keys``, in private, for what a key of one's own can mend."""
    if reason not in MENDED_BY_KEYS:
        return None
    url = create_deep_linked_url(bot_username, "keys")
    return InlineKeyboardMarkup.from_button(InlineKeyboardButton(say("button_keys", language), url=url))


def _one(label: str, callback_data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=callback_data)]])
