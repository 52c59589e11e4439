"""Why pictures of one request or batch failed, said once for all of them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from services.bot.texts.locales import say
from shared.errors import ImagineError
from shared.jobs import Job, State


def reasons_of(jobs: Iterable[Job]) -> Counter[str]:
    """How many of these failed for which reason."""
    return Counter(job.reason or ImagineError.reason for job in jobs if job.state is State.FAILED)


def main_reason(reasons: Mapping[str, int]) -> str | None:
    """The reason that stands behind more than half of the failures, if there is one."""
    return next((reason for reason, count in reasons.items() if 2 * count > sum(reasons.values())), None)


def write_reason(reasons: Mapping[str, int], language: str) -> list[str]:
    """Say why most of them failed, as lines of Telegram HTML; none where each failed for another reason."""
    reason = main_reason(reasons)
    if reason is None:
        return []
    return [say("failed_because", language, n=reasons[reason]), say(reason, language)]
