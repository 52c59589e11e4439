"""Decides what follows an error of a call to Telegram. Pure: error and number of tries in, outcome out.

The texts are those of the Bot API server and of TDLib, on which it runs (https://github.com/tdlib). What these two
refuse by themselves they say in English sentences; what Telegram's servers refuse is a code in capitals, which the Bot
API server passes on with the status 400, also where it was 403. Both are compared in lower case.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

# Bounds of what is tried again. With the pauses below they come to about a day, two hours, and half a minute.
MAX_TRIES = 300  # of what Telegram has certainly not taken
MAX_UNSURE_TRIES = 30  # of what it may have taken: each try may show it once more
MAX_UNKNOWN_TRIES = 5  # of what it refused in words that are not known here
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
LONGEST_WORDS = 200  # characters of Telegram's own words in a log line


class NotConnected(NetworkError):
    """No connection was made, so Telegram has got nothing."""


class NotTelegram(NetworkError):
    """The answer is not Telegram's: a proxy's page, or one that has no meaning in the Bot API.

    Attributes:
        status: Its HTTP status, 400 or more.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status} without an answer of the Bot API")
        self.status = status


class EntityTooLarge(BadRequest):
    """The server, or a proxy before it, takes no request of this size (413)."""


class Refusal(StrEnum):
    """Why Telegram does not take a message as it is. What is given up is recorded with the value."""

    CHAT_GONE = "chat_gone"  # blocked, removed, deactivated or unknown: nothing can be sent there
    WRITING_FORBIDDEN = "writing_forbidden"
    PHOTOS_FORBIDDEN = "photos_forbidden"
    FILES_FORBIDDEN = "files_forbidden"
    TOPIC_CLOSED = "topic_closed"
    TOO_LARGE = "too_large"
    UNREACHABLE = "unreachable"  # no answer, or none but "later", as often as it was tried
    UNKNOWN = "refused"  # in words that are not known here: ours to mend
    # These are mended by sending the message in another way (``sending``).
    TOPIC_GONE = "topic_gone"
    REPLY_GONE = "reply_gone"
    NOT_A_PHOTO = "not_a_photo"
    ENTITIES = "entities"
    # Of edits and deletions.
    MESSAGE_GONE = "message_gone"
    NOT_EDITABLE = "not_editable"


# What people of the chat can mend, not the bot's owner.
CHATS_OWN = frozenset(
    {
        Refusal.CHAT_GONE,
        Refusal.WRITING_FORBIDDEN,
        Refusal.PHOTOS_FORBIDDEN,
        Refusal.FILES_FORBIDDEN,
        Refusal.TOPIC_CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was wanted is the case already: an edit that changes nothing, or a deletion of what is gone."""


@dataclass(frozen=True, slots=True)
class Again:
    """Telegram has certainly not taken it: try again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unsure:
    """Telegram may have taken it: in so many seconds find out, or try again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram will not take it as it is, however often it is tried."""

    reason: Refusal


@dataclass(frozen=True, slots=True)
class ChatGone:
    """Nothing can be sent to this chat any more, not even words."""


Outcome = Sent | Again | Unsure | Refused | ChatGone

NOT_MODIFIED = "message is not modified"
IN_ANOTHER_WAY = frozenset({Refusal.TOPIC_GONE, Refusal.REPLY_GONE, Refusal.NOT_A_PHOTO, Refusal.ENTITIES})
# The first line with a text that the message contains decides.
TEXTS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.TOO_LARGE, ("request entity too large", "file is too big")),
    (Refusal.TOPIC_CLOSED, ("topic_closed",)),
    (Refusal.TOPIC_GONE, ("message thread not found", "topic not found", "topic_deleted", "topic_id_invalid")),
    (Refusal.REPLY_GONE, ("message to be replied not found", "reply_message_id_invalid")),
    (Refusal.FILES_FORBIDDEN, ("rights to send documents", "chat_send_docs_forbidden")),
    (
        Refusal.WRITING_FORBIDDEN,
        (
            "rights to send text messages",
            "rights to send a message",
            "no write access to the chat",
            "need administrator rights in the channel chat",
            "chat_send_plain_forbidden",
            "chat_write_forbidden",
            "chat_guest_send_forbidden",
            "chat_admin_required",
            "chat_restricted",
            "user_banned_in_channel",
        ),
    ),
    (Refusal.PHOTOS_FORBIDDEN, ("rights to send", "chat_send_photos_forbidden", "chat_send_media_forbidden")),
    (
        Refusal.MESSAGE_GONE,
        (
            "message to edit not found",
            "message to delete not found",
            "message_id_invalid",
        ),
    ),
    (Refusal.NOT_EDITABLE, ("message can't be edited", "message can't be deleted")),
    (Refusal.ENTITIES, ("can't parse entities", "entity_", "entities_")),
    # Telegram has more codes for photos than are known here. As a document, a picture is not looked at.
    (Refusal.NOT_A_PHOTO, ("photo_", "image_", "photo has unsupported extension", "wrong file identifier")),
    (
        Refusal.CHAT_GONE,
        (
            "chat not found",
            "chat was deleted",
            "chat_id_invalid",
            "peer_id_invalid",
            "channel_invalid",
            "channel_private",
            "user is deactivated",
            "user_deactivated",
            "user_is_blocked",
            "user_is_bot",
            "bot was blocked",
            "bot was kicked",
            "bot is not a member",
        ),
    ),
)


def after(error: TelegramError, *, tries: int, rng: Callable[[], float] = random.random) -> Outcome:
    """Choose what follows a failed call.

    Args:
        tries: Tries so far of what the call is for, this one included.
        rng: Gives 0 to 1: spreads out the tries of messages that failed together.
    """
    if NOT_MODIFIED in error.message.lower():
        return Sent()
    reason = refusal_of(error)
    if reason is Refusal.CHAT_GONE:
        return ChatGone()
    if reason in IN_ANOTHER_WAY:
        return Refused(Refusal.UNKNOWN)  # Every other way has been tried.
    if reason is not None and reason is not Refusal.UNKNOWN:
        return Refused(reason)

    pause = min(FIRST_PAUSE_S * 2.0 ** min(tries - 1, 16), LONGEST_PAUSE_S) * (0.5 + rng())
    match error:
        case ChatMigrated():
            # What belongs to the group has been moved along; the next try goes to its new id.
            return _unless_too_often(Again(0.0), tries, MAX_TRIES)
        case RetryAfter():
            return _unless_too_often(Again(seconds_to_wait(error) + rng()), tries, MAX_TRIES)
        case BadRequest() | Forbidden():
            return _unless_too_often(Again(pause), tries, MAX_UNKNOWN_TRIES, Refusal.UNKNOWN)
        # Telegram and proxies answer 401 and 404 for moments, too. A token that was revoked is the poller's to notice.
        case NotConnected() | InvalidToken() | Conflict():
            return _unless_too_often(Again(pause), tries, MAX_TRIES)
        case NotTelegram(status=status) if status < 500:
            # A proxy's own refusal.
            return _unless_too_often(Again(pause), tries, MAX_TRIES)
    return _unless_too_often(Unsure(pause), tries, MAX_UNSURE_TRIES)


def refusal_of(error: TelegramError) -> Refusal | None:
    """Why Telegram refuses what was sent; None where it does not, but can't do it now or did not answer."""
    if isinstance(error, EntityTooLarge):
        return Refusal.TOO_LARGE
    if not isinstance(error, BadRequest | Forbidden):
        return None
    text = error.message.lower()
    for reason, fragments in TEXTS:
        if any(fragment in text for fragment in fragments):
            return reason
    return Refusal.CHAT_GONE if isinstance(error, Forbidden) else Refusal.UNKNOWN


def says_gone(error: TelegramError) -> bool:
    """Whether Telegram names a reason for which nothing can be sent to a chat; not every 403 does."""
    text = error.message.lower()
    return any(fragment in text for reason, fragments in TEXTS if reason is Refusal.CHAT_GONE for fragment in fragments)


def knows_no_such_photo(error: BadRequest) -> bool:
    """Whether a file id is the reason: it is another bot's, has gone, or is of a file that is no photo."""
    text = error.message.lower()
    of_ids = ("wrong file identifier", "wrong remote file", "can't use file of type", "file_reference", "file_id_")
    return any(fragment in text for fragment in of_ids)


def seconds_to_wait(error: RetryAfter) -> float:
    """How long Telegram said that is to be waited."""
    wait = error.retry_after
    return float(wait) if isinstance(wait, int) else wait.total_seconds()


def words_of(error: TelegramError) -> str:
    """What an error says, for the log."""
    return error.message[:LONGEST_WORDS]


def _unless_too_often(
    outcome: Again | Unsure, tries: int, limit: int, reason: Refusal = Refusal.UNREACHABLE
) -> Again | Unsure | Refused:
    return outcome if tries < limit else Refused(reason)
