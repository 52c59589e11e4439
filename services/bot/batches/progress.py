"""A batch's one message: what it is before it starts, how far it has come, what came of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.telegram.refusals import explain
from services.bot.texts.button_rows import in_rows
from services.bot.texts.failure_summary import main_reason, write_reason
from services.bot.texts.number_format import duration, money, number, rounded
from services.bot.texts.utf16 import units
from shared.batches import Batch, BatchReading, BatchState, Counts, Way

ACTION = "batch"
START, CANCEL, PAUSE, RESUME, RETRY, AGAIN = "start", "cancel", "pause", "resume", "retry", "again"
MAX_UNITS = 4_000  # of the 4096 that Telegram takes
PROBLEMS_SHOWN, HINTS_SHOWN = 5, 3
BAR = 20  # characters
FEWEST = 3  # pictures whose ends tell a rate


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
) -> str:
    """What a batch would be, as Telegram HTML.

    Args:
        put_away: How many batches may wait for their start, where an older one was put away for this one.
        seconds: How long it may take, where that is known.
        room: How many pictures this person's batches may have before it.
    """
    ideas = say("batch_ideas", language, n=len(reading.requests))
    lines = [say("batch_summary", language, ideas=ideas, n=reading.pictures)]
    left = room - reading.pictures
    lines.append(say("batch_leaves", language, n=left) if left >= 0 else say("batch_too_large_now", language, n=room))
    if seconds is not None:
        lines.append(say("batch_estimate", language, time=duration(rounded(seconds), language)))
    lines += _costs(costs or Costs(), language)
    if put_away is not None:
        lines.append(say("batch_oldest_put_away", language, most=put_away))
    lines += [say(hint.reason, language, **hint.values) for hint in reading.hints[:HINTS_SHOWN]]
    if len(reading.hints) > HINTS_SHOWN:
        lines.append(say("batch_more_hints", language, n=len(reading.hints) - HINTS_SHOWN))
    return fitting([*lines, *problems(reading, language)])


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
        f"<b>{number(problem.line, language)}</b>: {say(problem.reason, language, **problem.values)}"
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
    waiting = batch.pictures - done if batch.state is not BatchState.CANCELLED else 0
    lines = [
        say(f"batch_{batch.state}" if batch.undelivered_reason is None else "batch_undelivered", language),
        f"<code>{'█' * filled}{'░' * (BAR - filled)}</code> {of_all}",
        say("batch_counts", language, done=counts.finished, failed=counts.failed, waiting=waiting),
    ]
    if counts.home:
        lines.append(say("batch_home", language, n=counts.home))
    rate = _rate(counts, now or datetime.now(UTC))
    if batch.state is BatchState.RUNNING and rate and waiting:
        a_minute, left = number(round(rate * 60, 1), language), duration(rounded(waiting / rate), language)
        lines.append(say("batch_rate", language, rate=a_minute, time=left))
    if batch.undelivered_reason is not None:
        lines.append(explain(batch.undelivered_reason, language))
    if batch.state in {BatchState.FINISHED, BatchState.CANCELLED}:
        lines += write_reason(counts.reasons, language)
    return "\n".join(lines)


def _rate(counts: Counts, now: datetime) -> float | None:
    """Pictures a second of late; None when too few have ended to tell."""
    if counts.recent < FEWEST or counts.recent_since is None:
        return None
    return (counts.recent - 1) / max((now - counts.recent_since).total_seconds(), 1.0)


def keyboard(batch: Batch, counts: Counts, bot_username: str) -> InlineKeyboardMarkup | None:
    """What can be done with a batch as it stands."""
    language = batch.sender.language

    def button(action: str, label: str) -> InlineKeyboardButton:
        return InlineKeyboardButton(label, callback_data=keyboards.data(ACTION, batch.id, action))

    mended = keyboards.after_failure(main_reason(counts.reasons), language, bot_username)
    stop = button(CANCEL, say("button_batch_cancel", language))
    if batch.undelivered_reason is not None:
        return InlineKeyboardMarkup([[button(AGAIN, say("button_batch_again", language))]])
    match batch.state:
        case BatchState.ASKED:
            ways = [
                button(way, ("✓ " if way is batch.way else "") + say(f"button_batch_{way}", language))
                for way in (Way.ALBUMS, Way.ZIP)
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
