"""What follows an error of a call to Telegram: its real texts, each with its outcome."""

from datetime import timedelta

import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from services.bot.telegram.errors import (
    MAX_TRIES,
    MAX_UNKNOWN_TRIES,
    MAX_UNSURE_TRIES,
    Again,
    ChatGone,
    EntityTooLarge,
    NotConnected,
    NotTelegram,
    Refusal,
    Refused,
    Sent,
    Unsure,
    after,
    refusal_of,
)

BAD, FORBIDDEN = "Bad Request: ", "Forbidden: "

CHAT_GONE = [
    Forbidden(FORBIDDEN + "bot was blocked by the user"),
    Forbidden(FORBIDDEN + "user is deactivated"),
    Forbidden(FORBIDDEN + "bot was kicked from the group chat"),
    Forbidden(FORBIDDEN + "bot was kicked from the supergroup chat"),
    Forbidden(FORBIDDEN + "bot was kicked from the channel chat"),
    Forbidden(FORBIDDEN + "bot is not a member of the supergroup chat"),
    Forbidden(FORBIDDEN + "bot is not a member of the channel chat"),
    Forbidden(FORBIDDEN + "the group chat was deleted"),
    Forbidden(FORBIDDEN + "bot can't initiate conversation with a user"),
    Forbidden(FORBIDDEN + "bot can't send messages to bots"),
    Forbidden(FORBIDDEN + "PEER_ID_INVALID"),
    BadRequest(BAD + "chat not found"),
    BadRequest(BAD + "private chat not found"),
    BadRequest(BAD + "PEER_ID_INVALID"),
    BadRequest(BAD + "CHANNEL_PRIVATE"),
    BadRequest(BAD + "CHANNEL_INVALID"),
    BadRequest(BAD + "CHAT_ID_INVALID"),
    BadRequest(BAD + "INPUT_USER_DEACTIVATED"),
    BadRequest(BAD + "USER_IS_BLOCKED"),
]
REFUSED = [
    (Refusal.PHOTOS_FORBIDDEN, BAD + "not enough rights to send photos to the chat"),
    (Refusal.PHOTOS_FORBIDDEN, BAD + "CHAT_SEND_PHOTOS_FORBIDDEN"),
    (Refusal.PHOTOS_FORBIDDEN, BAD + "CHAT_SEND_MEDIA_FORBIDDEN"),
    (Refusal.FILES_FORBIDDEN, BAD + "not enough rights to send documents to the chat"),
    (Refusal.FILES_FORBIDDEN, BAD + "CHAT_SEND_DOCS_FORBIDDEN"),
    (Refusal.WRITING_FORBIDDEN, BAD + "not enough rights to send text messages to the chat"),
    (Refusal.WRITING_FORBIDDEN, BAD + "have no rights to send a message"),
    (Refusal.WRITING_FORBIDDEN, BAD + "have no write access to the chat"),
    (Refusal.WRITING_FORBIDDEN, BAD + "need administrator rights in the channel chat"),
    (Refusal.WRITING_FORBIDDEN, BAD + "CHAT_WRITE_FORBIDDEN"),
    (Refusal.WRITING_FORBIDDEN, BAD + "CHAT_SEND_PLAIN_FORBIDDEN"),
    (Refusal.WRITING_FORBIDDEN, BAD + "CHAT_RESTRICTED"),
    (Refusal.WRITING_FORBIDDEN, BAD + "CHAT_ADMIN_REQUIRED"),
    (Refusal.WRITING_FORBIDDEN, BAD + "USER_BANNED_IN_CHANNEL"),
    (Refusal.TOPIC_CLOSED, BAD + "TOPIC_CLOSED"),
    (Refusal.TOO_LARGE, BAD + "file is too big"),
    (Refusal.TOO_LARGE, BAD + "Request Entity Too Large"),
    (Refusal.MESSAGE_GONE, BAD + "message to edit not found"),
    (Refusal.MESSAGE_GONE, BAD + "message to delete not found"),
    (Refusal.NOT_EDITABLE, BAD + "message can't be edited"),
    (Refusal.NOT_EDITABLE, BAD + "message can't be deleted for everyone"),
    (Refusal.MESSAGE_GONE, BAD + "MESSAGE_ID_INVALID"),
]
MENDED_BY_SENDING_IN_ANOTHER_WAY = [
    (Refusal.TOPIC_GONE, BAD + "message thread not found"),
    (Refusal.TOPIC_GONE, BAD + "TOPIC_DELETED"),
    (Refusal.TOPIC_GONE, BAD + "TOPIC_ID_INVALID"),
    (Refusal.REPLY_GONE, BAD + "message to be replied not found"),
    (Refusal.REPLY_GONE, BAD + "REPLY_MESSAGE_ID_INVALID"),
    (Refusal.NOT_A_PHOTO, BAD + "PHOTO_INVALID_DIMENSIONS"),
    (Refusal.NOT_A_PHOTO, BAD + "PHOTO_EXT_INVALID"),
    (Refusal.NOT_A_PHOTO, BAD + "PHOTO_SAVE_FILE_INVALID"),
    (Refusal.NOT_A_PHOTO, BAD + "PHOTO_SOMETHING_NEW"),
    (Refusal.NOT_A_PHOTO, BAD + "IMAGE_PROCESS_FAILED"),
    (Refusal.NOT_A_PHOTO, BAD + "Photo has unsupported extension. Use one of .jpg, .jpeg, .gif, .png, .tif or .bmp"),
    (Refusal.NOT_A_PHOTO, BAD + 'failed to send message #2 with the error message "PHOTO_INVALID_DIMENSIONS"'),
    (Refusal.NOT_A_PHOTO, BAD + "wrong file identifier/HTTP URL specified"),
    (Refusal.ENTITIES, BAD + "can't parse entities: unsupported start tag"),
    (Refusal.ENTITIES, BAD + "ENTITY_BOUNDS_INVALID"),
]
UNKNOWN = [
    BadRequest(BAD + "BUTTON_DATA_INVALID"),
    BadRequest(BAD + "message text is empty"),
    BadRequest(BAD + "something that nobody has seen yet"),
]
NOT_TAKEN = [
    NotConnected("no connection"),
    InvalidToken("Unauthorized"),
    InvalidToken("Not Found"),
    Conflict("Conflict: terminated by other getUpdates request"),
    NotTelegram(403),
    NotTelegram(404),
    RetryAfter(timedelta(seconds=3)),
    ChatMigrated(-1001),
]
MAYBE_TAKEN = [
    TimedOut(),
    NetworkError("the connection failed"),
    NetworkError("Internal Server Error: restart"),
    NetworkError("Bad Gateway"),
    NotTelegram(502),
    TelegramError("Invalid server response"),
]


def soon() -> float:
    return 0.5


def follows(error: TelegramError, tries: int = 1) -> object:
    return after(error, tries=tries, rng=soon)


class TestWhatIsRefusedForGood:
    @pytest.mark.parametrize("error", CHAT_GONE, ids=str)
    def test_ends_with_a_chat_that_is_gone(self, error: TelegramError) -> None:
        assert follows(error) == ChatGone()

    @pytest.mark.parametrize(("reason", "text"), REFUSED)
    def test_is_told_apart_by_its_text(self, reason: Refusal, text: str) -> None:
        assert follows(BadRequest(text)) == Refused(reason)

    def test_includes_a_body_that_is_too_large_for_the_server(self) -> None:
        assert follows(EntityTooLarge("Request Entity Too Large")) == Refused(Refusal.TOO_LARGE)

    @pytest.mark.parametrize(("reason", "text"), MENDED_BY_SENDING_IN_ANOTHER_WAY)
    def test_includes_what_was_sent_in_every_other_way_before(self, reason: Refusal, text: str) -> None:
        assert refusal_of(BadRequest(text)) is reason
        assert follows(BadRequest(text)) == Refused(Refusal.UNKNOWN)

    @pytest.mark.parametrize("error", UNKNOWN, ids=str)
    def test_in_unknown_words_is_tried_a_few_times(self, error: TelegramError) -> None:
        outcomes = [follows(error, tries) for tries in range(1, MAX_UNKNOWN_TRIES + 1)]

        assert outcomes == [Again(1.0), Again(2.0), Again(4.0), Again(8.0), Refused(Refusal.UNKNOWN)]


class TestWhatIsTriedAgain:
    @pytest.mark.parametrize("error", NOT_TAKEN, ids=repr)
    def test_was_certainly_not_taken(self, error: TelegramError) -> None:
        assert isinstance(follows(error), Again)
        assert follows(error, MAX_TRIES) == Refused(Refusal.UNREACHABLE)

    @pytest.mark.parametrize("error", MAYBE_TAKEN, ids=repr)
    def test_may_have_been_taken(self, error: TelegramError) -> None:
        assert follows(error) == Unsure(1.0)
        assert follows(error, MAX_UNSURE_TRIES) == Refused(Refusal.UNREACHABLE)

    def test_waits_as_long_as_telegram_says(self) -> None:
        assert follows(RetryAfter(timedelta(seconds=480))) == Again(480.5)

    def test_goes_to_the_new_id_of_a_group_at_once(self) -> None:
        assert follows(ChatMigrated(-1001)) == Again(0.0)

    def test_waits_longer_each_time_up_to_a_bound(self) -> None:
        pauses = [follows(TimedOut(), tries) for tries in (1, 2, 3, 8, 9, 20)]

        assert pauses == [Unsure(seconds) for seconds in (1.0, 2.0, 4.0, 128.0, 256.0, 300.0)]

    def test_is_spread_out(self) -> None:
        assert after(TimedOut(), tries=3, rng=lambda: 0.0) == Unsure(2.0)
        assert after(TimedOut(), tries=3, rng=lambda: 1.0) == Unsure(6.0)


class TestAnEditThatChangesNothing:
    def test_has_been_made(self) -> None:
        text = "message is not modified: specified new message content and reply markup are exactly the same"

        assert follows(BadRequest(BAD + text)) == Sent()
