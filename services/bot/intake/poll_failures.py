"""Decides what follows a failed call of the poller. Pure: failure and history in, pause, log line and remedy out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.retrying import FIRST_PAUSE_S, pause_s

CERTAIN_AFTER_S = 60.0  # Telegram's servers now and then answer 401 or 404 by mistake, for seconds
LONGEST_FLOOD_WAIT_S = 3600.0  # then it is worth asking, whatever was said
WEBHOOK = "webhook is active"
OTHER_POLLER = "terminated by other getupdates request"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no answer; ``cause`` says why, without the URL."""

    cause: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer with an error's HTTP status.

    Attributes:
        description: Telegram's own words, or what stood in their place.
        retry_after_s: Seconds to wait, where Telegram named them.
    """

    status: int
    description: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Nonsense:
    """An answer that is not the Bot API's; ``found`` says what it is, without repeating it."""

    found: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """The database does not answer, so the updates can be neither written down nor confirmed."""


Failure = Unreachable | Refused | Nonsense | NotKept


@dataclass(frozen=True, slots=True)
class Next:
    """What follows.

    Attributes:
        wait_s: Seconds until the next call.
        event: The log line; ``fields`` are its fields.
        delete_webhook: Updates go to a webhook until it is deleted.
        token_is_wrong: Telegram has refused the token for so long that it will not change its mind.
    """

    wait_s: float
    level: int
    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    delete_webhook: bool = False
    token_is_wrong: bool = False


def kind_of(failure: Failure) -> object:
    """What failures must have in common to count as the same one going on."""
    return failure.status if isinstance(failure, Refused) else type(failure)


def after(
    failure: Failure,
    *,
    failures: int,
    lasting_s: float,
    address: str,
    certain_after_s: float = CERTAIN_AFTER_S,
    first_pause_s: float = FIRST_PAUSE_S,
) -> Next:
    """Choose pause, log line and remedy.

    Args:
        failures: In a row, this one included.
        lasting_s: For how long there have been failures of this kind and no others.
        address: Of the Bot API server, for the log.
        certain_after_s: So long a refusal lasts that is no mistake.
        first_pause_s: After the first failure.
    """
    wait = pause_s(failures, first_s=first_pause_s)
    match failure:
        case NotKept():
            return Next(wait, logging.WARNING, "updates not written down: the database is away")
        case Unreachable(cause):
            fields = {"address": address, "error": cause}
            return Next(wait, logging.WARNING, "Telegram can't be reached, trying again", fields)
        case Nonsense(found):
            fields = {"address": address, "found": found}
            return Next(wait, logging.WARNING, "the answer is not the Bot API's, trying again", fields)
        case Refused():
            return _after_refusal(
                failure, wait, again=lasting_s > 0, certain=lasting_s >= certain_after_s, address=address
            )


def _after_refusal(failure: Refused, wait: float, *, again: bool, certain: bool, address: str) -> Next:
    told = {"status": failure.status, "description": failure.description}
    level = logging.ERROR if certain else logging.WARNING
    match failure.status:
        case 401 if certain:
            event = "Telegram has refused TELEGRAM_BOT_TOKEN for a minute: it was revoked or mistyped"
            return Next(wait, level, event, told, token_is_wrong=True)
        case 401:
            return Next(wait, level, "Telegram refuses TELEGRAM_BOT_TOKEN, asking again", told)
        case 404:
            event = "there is no Bot API at this address; check TELEGRAM_API_URL"
            return Next(wait, level, event, {"address": address} | told)
        case 409 if WEBHOOK in failure.description.lower():
            return Next(wait, logging.WARNING, "updates go to a webhook, deleting it", told, delete_webhook=True)
        case 409 if again and OTHER_POLLER in failure.description.lower():
            event = "another process polls with this bot's token; only one may run"
            return Next(wait, logging.ERROR, event, told)
        case 409 if OTHER_POLLER in failure.description.lower():
            event = "another poll has ended this one: a process polls with this bot's token, or our own was cut off"
            return Next(wait, logging.WARNING, event, told)
        case 429:
            wait = max(wait, min(failure.retry_after_s or 0.0, LONGEST_FLOOD_WAIT_S))
            return Next(wait, logging.WARNING, "Telegram asks to wait", told)
        case status if status >= 500:
            return Next(wait, logging.WARNING, "Telegram is out of order, trying again", {"address": address} | told)
        case _:
            return Next(wait, level, "Telegram refuses to give updates, trying again", told)
