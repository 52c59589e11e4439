"""The buttons under pictures and status messages: each carries an action, a job's id, perhaps a choice. Pure."""

from collections.abc import Sequence

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.budgets.refusals import after_failure
from services.bot.pictures.captions import label_in_batch
from services.bot.telegram import callback_data as data
from services.bot.texts.button_rows import in_rows
from services.bot.texts.failure_summary import main_reason, reasons_of
from services.bot.texts.locales import say
from services.bot.texts.utf16 import units
from shared.catalogue import Catalogue, Model, google_name
from shared.errors import (
    BadPicture,
    GeminiBusy,
    GeminiUnpaid,
    GeminiUnreachable,
    ImagineError,
    ModelGated,
    ModelLoading,
    ModelNotServed,
    NoPainterLeft,
    OutOfTime,
    PainterDenied,
    PictureGone,
    PictureLargeEnough,
    PictureNotFetched,
    PictureRefused,
    PictureUnreadable,
    QuotaExhausted,
    RequestRefused,
    ServiceBusy,
    ServiceUnreachable,
    UnknownPictureFormat,
)
from shared.jobs import STRENGTHS, Job, State
from shared.preferences import RATIOS

MAX_COPY = 256  # UTF-16 units, Telegram's limit for a copy button
A_ROW = 4
MODELS = 8
OTHERS = 3  # models that are offered after a failure
MENDED_BY_MODELS = {
    kind.reason
    for kind in (
        PictureRefused,
        BadPicture,
        UnknownPictureFormat,
        PictureNotFetched,
        ModelLoading,
        ServiceBusy,
        ServiceUnreachable,
        OutOfTime,
        ModelNotServed,
        ModelGated,
        PainterDenied,
        RequestRefused,
        NoPainterLeft,
    )
}
# Where Gemini was to create the picture; where it writes the prompt, another image model is of no use.
OF_GEMINI = {kind.reason for kind in (GeminiBusy, GeminiUnreachable, QuotaExhausted, GeminiUnpaid)}
# Another picture has to be sent.
NOT_MENDED_BY_TIME = {kind.reason for kind in (PictureUnreadable, PictureGone, PictureLargeEnough)}


def picture(job: Job, *, of_several: bool = False) -> InlineKeyboardMarkup:
    """What can be done with a picture; with one that was only made larger, not much."""
    if job.request.parameters.upscale is not None:
        return InlineKeyboardMarkup([_buttons(job, data.DELETE)])
    rows = in_rows(_buttons(job, data.AGAIN, data.VARY, data.EDIT, data.FILE, data.MORE), 3)
    if job.recipe is not None and job.recipe.strength is not None:
        rows.insert(0, _strengths(job, job.recipe.strength))
    if of_several:
        rows.append(_buttons(job, data.BACK))
    return InlineKeyboardMarkup(rows)


def more(job: Job) -> InlineKeyboardMarkup:
    """What else can be done with a picture."""
    language = job.sender.language
    buttons = _buttons(job, data.RATIO, data.MODEL, data.UPSCALE)
    if job.prompt is not None and units(job.prompt.text) <= MAX_COPY:
        buttons.append(InlineKeyboardButton(say("button_copy", language), copy_text=CopyTextButton(job.prompt.text)))
    elif job.prompt is not None:
        buttons += _buttons(job, data.PROMPT)
    buttons += _buttons(job, data.DELETE)
    return _choices(job, buttons, 2)


def really_delete(job: Job) -> InlineKeyboardMarkup:
    """The question whether a picture shall go."""
    sure = _button(say("button_delete_now", job.sender.language), job, data.DELETE, data.FOR_GOOD)
    return _choices(job, [sure], 1)


def _buttons(job: Job, *actions: str) -> list[InlineKeyboardButton]:
    language = job.sender.language
    return [_button(say(f"button_{action}", language), job, action) for action in actions]


def status(job: Job) -> InlineKeyboardMarkup:
    """What can be done with a job under way."""
    label = say("button_cancel", job.sender.language)
    return InlineKeyboardMarkup([[_button(label, job, data.CANCEL)]])


def several(jobs: Sequence[Job], bot_username: str) -> InlineKeyboardMarkup:
    """Which of several pictures is meant; an album can't carry buttons, so they stand under a message of their own."""
    numbers = [_button(str(job.number + 1), job, data.PICK) for job in jobs if job.state is State.FINISHED]
    rows = in_rows(numbers, A_ROW + 1)
    missing = sum(job.state is State.FAILED for job in jobs)
    if missing:
        label = say("button_rest", jobs[0].sender.language, n=missing)
        rows.append([_button(label, jobs[0], data.REST)])
    mended = after_failure(main_reason(reasons_of(jobs)), jobs[0].sender.language, bot_username)
    return InlineKeyboardMarkup([*rows, *(mended.inline_keyboard if mended else ())])


def failed(jobs: Sequence[Job], catalogue: Catalogue, bot_username: str) -> InlineKeyboardMarkup | None:
    """What can be done about a request of which nothing came; None: its person has to send something else."""
    job, language = jobs[0], jobs[0].sender.language
    reason = next((one.reason for one in jobs if one.reason), ImagineError.reason)
    if reason in NOT_MENDED_BY_TIME:
        return None
    rows = [[_button(say("button_try_again", language), job, data.REST)]]
    wished = catalogue.wished(job.request.parameters.model)
    if reason in MENDED_BY_MODELS or (reason in OF_GEMINI and google_name(wished.id)):
        rows += in_rows(
            [
                _button(f"🎨 {model.name}", job, data.MODEL, data.code_of(model.id))
                for model in other_models(job, reason, catalogue)
            ],
            2,
        )
    mended = after_failure(reason, language, bot_username)
    return InlineKeyboardMarkup([*rows, *(mended.inline_keyboard if mended else ())])


def other_models(job: Job, reason: str, catalogue: Catalogue) -> list[Model]:
    """Up to three models that may do what another one did not: with a picture to start from, those that can."""
    wished = catalogue.wished(job.request.parameters.model)
    tried = catalogue.in_order(wished.id) if reason == NoPainterLeft.reason else (wished.id,)
    must_start = job.request.picture is not None and bool(wished.starting)
    able = [
        model
        for model in catalogue.offered()
        if model.id not in tried and (model.providers or model.served) and (model.starting or not must_start)
    ]
    return able[:OTHERS]


def _strengths(job: Job, painted: float) -> list[InlineKeyboardButton]:
    """How far a model may go from the picture that it started from; what it went is marked."""
    labels = {name: say(f"button_{name}", job.sender.language) for name in STRENGTHS}
    return [
        _button(f"✓ {labels[name]}" if strength == painted else labels[name], job, data.STRENGTH, name)
        for name, strength in STRENGTHS.items()
    ]


def album(jobs: Sequence[Job]) -> InlineKeyboardMarkup:
    """Which picture of a batch's album is meant."""
    numbers = [_button(label_in_batch(job), job, data.PICK) for job in jobs]
    return InlineKeyboardMarkup(in_rows(numbers, A_ROW + 1))


def ratios(job: Job) -> InlineKeyboardMarkup:
    """The ratios to choose from."""
    buttons = [_button(ratio, job, data.RATIO, ratio) for ratio in RATIOS]
    return _choices(job, buttons, A_ROW)


def models(job: Job, catalogue: Catalogue) -> InlineKeyboardMarkup:
    """The first models to choose from."""
    buttons = [_button(model.name, job, data.MODEL, data.code_of(model.id)) for model in catalogue.offered(MODELS)]
    return _choices(job, buttons, 2)


def _choices(job: Job, buttons: list[InlineKeyboardButton], a_row: int) -> InlineKeyboardMarkup:
    back = _button(say("button_back", job.sender.language), job, data.PICK)
    return InlineKeyboardMarkup([*in_rows(buttons, a_row), [back]])


def _button(label: str, job: Job, action: str, choice: str = "") -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=data.of_record(action, job.id, choice))
