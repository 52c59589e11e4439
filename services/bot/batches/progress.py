"""Writes a batch's message: its summary before the start, its progress, its result. Pure."""

from dataclasses import dataclass
from datetime import datetime
from html import escape

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.budgets.refusals import after_failure
from services.bot.telegram.callback_data import BATCH, of_record
from services.bot.telegram.refusals import explain
from services.bot.texts.button_rows import in_rows
from services.bot.texts.failure_summary import main_reason, write_reason
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration, money, number, rounded
from services.bot.texts.utf16 import shorten, units
from shared.batches import SHOWN, Batch, BatchReading, BatchState, Counts, DeliveryFormat
from shared.clock import present
from shared.errors import IdeaRefused, PictureRefused
from shared.jobs import Request

START, CANCEL, PAUSE, RESUME, RETRY, AGAIN = "start", "cancel", "pause", "resume", "retry", "again"
MAX_UNITS = 4_000  # of the 4096 that Telegram takes
PROBLEMS_SHOWN, HINTS_SHOWN, IDEAS_SHOWN = 5, 3, 3
BAR = 20  # characters
FEW_LEFT = 100  # pictures; a limit that is farther away is not worth a word
FAILURES_SHOWN = 5
FIRST_WORDS = 40  # UTF-16 units of an idea that failed
FEWEST = 3  # pictures whose ends tell a rate
REFUSED = {IdeaRefused.reason, PictureRefused.reason}  # for what they are: another try is refused again


@dataclass(frozen=True, slots=True)
class Costs:
    """What a batch would take of the owner's.

    Attributes:
        cost: In millionths of a dollar.
        left: Pictures that its person may still have on the owner's key; None: any number.
        fits: Whether it could start now.
    """

    cost: int = 0
    left: int | None = None
    fits: bool = True


def summary(
    reading: BatchReading,
    seconds: float | None,
    room: int,
    language: str,
    *,
    put_away: int | None = None,
    costs: Costs | None = None,
    preview: bool = False,
) -> str:
    """What a batch would be, as Telegram HTML.

    Args:
        preview: Whether to show how the first ideas were read, which nobody has seen in the chat.
        put_away: How many batches may wait for their start, where an older one was put away for this one.
        seconds: How long it may take, where that is known.
        room: How many pictures this person's batches may have before it.
    """
    ideas = say("batch_ideas", language, n=len(reading.requests))
    lines = [say("batch_summary", language, ideas=ideas, n=reading.pictures)]
    left = room - reading.pictures
    if left < FEW_LEFT:
        key, n = ("batch_leaves", left) if left >= 0 else ("batch_too_large_now", room)
        lines.append(say(key, language, n=n))
    if seconds is not None:
        lines.append(say("batch_estimate", language, time=duration(rounded(seconds), language)))
    lines += _costs(costs or Costs(), language)
    if preview:
        lines += [say("batch_preview", language), *map(_shown, reading.requests[:IDEAS_SHOWN])]
    if put_away is not None:
        lines.append(say("batch_oldest_put_away", language, most=put_away))
    lines += [say(hint.reason, language, **hint.values) for hint in reading.hints[:HINTS_SHOWN]]
    if len(reading.hints) > HINTS_SHOWN:
        lines.append(say("batch_more_hints", language, n=len(reading.hints) - HINTS_SHOWN))
    return fitting([*lines, *problems(reading, language)])


def _shown(request: Request) -> str:
    idea = request.idea
    return f"• {escape(idea if len(idea) <= SHOWN else f'{idea[: SHOWN - 1]}…')}"


def _costs(costs: Costs, language: str) -> list[str]:
    lines = []
    if costs.cost:
        lines.append(say("batch_cost", language, cost=money(costs.cost, language)))
    if costs.left is not None:
        lines.append(say("batch_left", language, left=costs.left))
    if not costs.fits:
        lines.append(say("batch_does_not_fit", language))
    return lines


def problems(reading: BatchReading, language: str) -> list[str]:
    """The first lines that can't be painted, and how many there are."""
    if not reading.problems:
        return []
    told = [
        f"{_line(problem.line, language)}: {say(problem.reason, language, **problem.values)}"
        for problem in reading.problems[:PROBLEMS_SHOWN]
    ]
    return [say("batch_problems", language, n=len(reading.problems)), *told]


def fitting(lines: list[str]) -> str:
    """As many whole lines as one message holds."""
    while len(lines) > 1 and units("\n".join(lines)) > MAX_UNITS:
        lines = [*lines[:-2], "…"] if lines[-1] == "…" else [*lines[:-1], "…"]
    return "\n".join(lines)


def progress(batch: Batch, counts: Counts, language: str, now: datetime | None = None) -> str:
    """How far a started batch has come, as Telegram HTML."""
    if batch.is_put_away:
        return say("batch_put_away", language)
    done = counts.finished + counts.failed
    filled = BAR * done // max(batch.pictures, 1)
    of_all = f"{number(done, language)}/{number(batch.pictures, language)}"
    is_over = batch.state in {BatchState.FINISHED, BatchState.CANCELLED}
    waiting = 0 if is_over else batch.pictures - done
    ended = {"done": counts.finished, "failed": counts.failed}
    lines = [
        say(f"batch_{batch.state}" if batch.undelivered_reason is None else "batch_undelivered", language),
        f"<code>{'█' * filled}{'░' * (BAR - filled)}</code> {of_all}",
        say("batch_counts_over", language, **ended, skipped=batch.skipped)
        if is_over
        else say("batch_counts", language, **ended, waiting=waiting),
    ]
    if batch.state is BatchState.CANCELLED and not done and batch.undelivered_reason is None:
        return say("batch_cancelled_empty", language)
    if counts.home:
        way = "batch_in_zip" if batch.delivery_format is DeliveryFormat.ZIP else "batch_home"
        lines.append(say(way, language, n=counts.home))
    rate = _rate(counts, now or present())
    if batch.state is BatchState.RUNNING and rate and waiting:
        a_minute, left = number(round(rate * 60, 1), language), duration(rounded(waiting / rate), language)
        lines.append(say("batch_rate", language, rate=a_minute, time=left))
    if batch.undelivered_reason is not None:
        lines.append(explain(batch.undelivered_reason, language))
    if is_over:
        lines += _failures(counts, language)
        lines += _advice(counts, language) if batch.state is BatchState.FINISHED else []
    return fitting(lines)


def _failures(counts: Counts, language: str) -> list[str]:
    """Which pictures failed, and why."""
    if not counts.reasons:
        return []
    main = main_reason(counts.reasons)
    shown = counts.failures[:FAILURES_SHOWN]
    lines = [*write_reason(counts.reasons, language)]
    for one in shown:
        words = escape(shorten(one.idea, FIRST_WORDS), quote=False)
        why = "" if one.reason == main else f": {say(one.reason, language)}"
        lines.append(f"{_line(one.line, language)} · {words}{why}")
    if shown and counts.failed > len(shown):
        lines.append(say("batch_more_failed", language, n=counts.failed - len(shown)))
    return lines


def _line(line: int, language: str) -> str:
    """A line of the message or file: not to be mistaken for the number of a picture, by which albums and ZIPs go."""
    return f"<b>{say('batch_line', language, line=line)}</b>"


def _advice(counts: Counts, language: str) -> list[str]:
    """What helps pictures that failed: those that were refused for their words, and the others."""
    refused = counts.reasons.keys() & REFUSED
    advice = [("batch_retry_advice", counts.reasons.keys() - REFUSED), ("batch_refused_advice", refused)]
    return [say(key, language) for key, reasons in advice if reasons]


def _rate(counts: Counts, now: datetime) -> float | None:
    """Pictures a second of late; None when too few have ended to tell."""
    if counts.recent < FEWEST or counts.recent_since is None:
        return None
    return (counts.recent - 1) / max((now - counts.recent_since).total_seconds(), 1.0)


def keyboard(batch: Batch, counts: Counts, bot_username: str) -> InlineKeyboardMarkup | None:
    """What can be done with a batch as it stands."""
    language = batch.sender.language

    def button(action: str, label: str) -> InlineKeyboardButton:
        return InlineKeyboardButton(label, callback_data=of_record(BATCH, batch.id, action))

    mended = after_failure(main_reason(counts.reasons), language, bot_username)
    stop = button(CANCEL, say("button_batch_cancel", language))
    if batch.undelivered_reason is not None:
        return InlineKeyboardMarkup([[button(AGAIN, say("button_batch_again", language))]])
    match batch.state:
        case BatchState.ASKED:
            ways = [
                button(
                    choice, ("✓ " if choice is batch.delivery_format else "") + say(f"button_batch_{choice}", language)
                )
                for choice in (DeliveryFormat.ALBUMS, DeliveryFormat.ZIP)
            ]
            return InlineKeyboardMarkup([[button(START, say("button_batch_start", language)), stop], *in_rows(ways, 2)])
        case BatchState.RUNNING:
            return InlineKeyboardMarkup([[button(PAUSE, say("button_batch_pause", language)), stop]])
        case BatchState.PAUSED:
            return InlineKeyboardMarkup([[button(RESUME, say("button_batch_resume", language)), stop]])
        case BatchState.FINISHED if counts.failed:
            retry = button(RETRY, say("button_batch_retry", language, n=counts.failed))
            return InlineKeyboardMarkup([[retry], *(mended.inline_keyboard if mended else ())])
        case BatchState.CANCELLED:
            return mended
        case _:
            return None
