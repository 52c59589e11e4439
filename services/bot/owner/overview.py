"""Writes the message of ``/status``. Pure."""

from services.bot.texts.locales import say
from services.bot.texts.number_format import duration
from shared.jobs import State
from shared.store.overview import Overview

MAX_LINES = 10  # of a list: one message holds them all


def tell(overview: Overview, language: str, *, broker_answers: bool = True) -> str:
    """All that is known, in Telegram HTML."""
    return "\n\n".join(
        "\n".join(lines)
        for lines in (
            _pictures(overview, language),
            [say("overview_questions", language, n=overview.questions)],
            [*_workers(overview, language), *([] if broker_answers else [say("overview_no_broker", language)])],
            _resting(overview, language),
        )
        if lines
    )


def _pictures(overview: Overview, language: str) -> list[str]:
    under_way = {
        name: overview.pictures.get(state, 0)
        for name, state in (
            ("queued", State.QUEUED),
            ("held", State.HELD),
            ("working", State.WORKING),
            ("waiting", State.WAITING),
        )
    }
    failed = list(overview.failed.items())
    hour, day = (sum(getattr(one, span) for _, one in failed) for span in ("hour", "day"))
    return [
        say("overview_pictures", language, **under_way),
        say("overview_hour", language, finished=overview.finished.hour, failed=hour),
        say("overview_day", language, finished=overview.finished.day, failed=day),
        *(
            say("overview_reason", language, reason=reason, hour=one.hour, day=one.day)
            for reason, one in failed[:MAX_LINES]
        ),
    ]


def _workers(overview: Overview, language: str) -> list[str]:
    if not overview.workers:
        return [say("overview_no_worker", language)]
    return [say("overview_workers", language, n=overview.workers, slots=overview.slots)]


def _resting(overview: Overview, language: str) -> list[str]:
    lines = [
        say(
            "overview_resting",
            language,
            model=one.model,
            provider=one.provider,
            duration=duration(one.seconds, language),
        )
        for one in overview.resting[:MAX_LINES]
    ]
    used_up = [
        say("overview_used_up", language, model=one.model, n=one.keys, duration=duration(one.seconds, language))
        for one in overview.used_up[:MAX_LINES]
    ]
    return [*lines, *used_up] or [say("overview_nothing_rests", language)]
