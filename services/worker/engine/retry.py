"""Decides what follows a failure. Pure: error, number of failures and time left in, decision out."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from shared.clock import present
from shared.errands import Errand
from shared.errors import (
    BadPicture,
    ImagineError,
    ModelLoading,
    OutOfTime,
    PromptUnderWay,
    StillPainting,
    StoreAway,
    TransientError,
)
from shared.jobs import Job, Stage

MAX_FAILURES = 5  # of one step; a model that loads, an order under way and our own database do not count
MAX_BROKEN = 3  # pictures of one job that came broken, each of which may have been charged for
BASE_S = 1.0
MAX_PAUSE_S = 30.0
MAX_ANNOUNCED_S = 120.0  # a service may ask for more; looking earlier costs one request
MAX_NAP_WHILE_LOADING_S = 20.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again in so many seconds.

    Attributes:
        failures: What to write down as the number of failures of this step.
        estimate_s: What a person may be told about the wait; None when nobody knows.
    """

    seconds: float
    stage: Stage
    failures: int
    estimate_s: float | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There will be no picture; ``reason`` is the key of the sentence that says why."""

    reason: str


def seconds_left(work: Job | Errand, limit: float) -> float:
    """Until the deadline of a job or an errand, at most so many.

    Raises:
        OutOfTime: It has passed.
    """
    left = _left(work)
    if left <= 0:
        raise OutOfTime
    return min(left, limit)


def require_time(work: Job | Errand) -> None:
    """Raise OutOfTime where the deadline has passed: nothing is begun for a person who was told so."""
    seconds_left(work, math.inf)


def _left(work: Job | Errand) -> float:
    return math.inf if work.deadline is None else (work.deadline - present()).total_seconds()


def after(
    error: ImagineError,
    *,
    failures: int,
    seconds_left: float,
    rng: Callable[[], float] = random.random,
) -> Wait | GiveUp:
    """Choose between waiting and giving up.

    Args:
        error: What went wrong.
        failures: Failed tries of this step before this one, from 0.
        seconds_left: Until the job's deadline.
        rng: Gives 0 to 1: spreads out the tries of jobs that failed together.
    """
    if not isinstance(error, TransientError):
        return GiveUp(error.reason)
    if isinstance(error, BadPicture) and not error.is_broken:
        # Other seeds have been tried, and all of them were paid for.
        return GiveUp(error.reason)

    wait = _wait(error, failures, rng)
    if wait.failures > (MAX_BROKEN if isinstance(error, BadPicture) else MAX_FAILURES):
        return GiveUp(error.reason)
    if wait.seconds >= seconds_left:
        return GiveUp(error.reason if isinstance(error, ModelLoading | BadPicture) else OutOfTime.reason)
    return wait


def _wait(error: TransientError, failures: int, rng: Callable[[], float]) -> Wait:
    announced = error.retry_after
    match error:
        case PromptUnderWay():
            return Wait(announced or BASE_S, Stage.WRITING, failures)
        case StillPainting():
            return Wait(announced or BASE_S, Stage.PAINTING, failures)
        case ModelLoading():
            # The estimate is a hint, often far too long: look at half time, and not too rarely.
            nap = min(max((announced or 20.0) / 2, 1.0), MAX_NAP_WHILE_LOADING_S)
            return Wait(nap * (0.8 + 0.4 * rng()), Stage.WAKING, failures, announced)
        case StoreAway():
            return Wait(BASE_S + rng(), Stage.RETRYING, failures)
    if announced is not None:
        seconds = min(announced, MAX_ANNOUNCED_S) + rng()
        return Wait(seconds, Stage.RETRYING, failures + 1, seconds)
    pause = min(BASE_S * 2.0**failures, MAX_PAUSE_S)
    return Wait(pause * (0.5 + rng()), Stage.RETRYING, failures + 1)
