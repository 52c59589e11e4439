"""What a message brings, and what it points at."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Message

from services.bot.telegram.contents import Target, contents_of
from services.bot.telegram.files import Sent
from tests.builders import BOT

ADA, US = {"id": 7, "is_bot": False, "first_name": "Ada"}, {"id": BOT, "is_bot": True, "first_name": "Painter"}
HERE = {"id": 7, "type": "private", "first_name": "Ada"}
USUAL = {"date": int(datetime(2026, 1, 2, tzinfo=UTC).timestamp()), "chat": HERE, "from": ADA}
ORIGIN = {"type": "user", "date": 1, "sender_user": ADA}


def a_file(**fields: Any) -> dict[str, Any]:
    return {"file_id": "F", "file_unique_id": "U", "file_size": 5} | fields


PHOTO = {"photo": [a_file(width=90, height=90, file_id="small"), a_file(width=900, height=900)]}
TEXT_FILE = {"document": a_file(file_name="notes.txt", mime_type="text/plain")}
SIZED = {"width": 512, "height": 512}
STICKER = {"sticker": a_file(**SIZED, type="regular", is_animated=False, is_video=False)}
VIDEO = {"video": a_file(**SIZED, duration=3)}
# Telegram calls an animation a document, too.
ANIMATION = {"animation": a_file(**SIZED, duration=3), "document": a_file(file_name="a.mp4", mime_type="video/mp4")}
STORY = {"story": {"chat": HERE, "id": 3}}
LIVE_PHOTO = {"live_photo": a_file(**SIZED, duration=3) | PHOTO}

SENT_PHOTO = Sent("F", "image/jpeg", "photo.jpg", 5)
SENT_TEXT = Sent("F", "text/plain", "notes.txt", 5)
SENT_STICKER = Sent("F", "image/webp", "sticker.webp", 5)


def moving(how: str) -> dict[str, Any]:
    return {"sticker": STICKER["sticker"] | {f"is_{how}": True}}


def target_of(**message: Any) -> Target:
    read = Message.de_json({"message_id": 2, **USUAL, "text": "/imagine"} | message, None)
    return contents_of(read, BOT).target


def in_reply_to(**replied: Any) -> Target:
    return target_of(reply_to_message={"message_id": 1, **USUAL} | replied)


def in_reply_to_another_chat(quote: str | None = None, **replied: Any) -> Target:
    quoted = {} if quote is None else {"quote": {"text": quote, "position": 0}}
    return target_of(external_reply={"origin": ORIGIN} | replied, **quoted)


class TestAMessageByItself:
    def test_points_at_nothing(self) -> None:
        assert target_of() == Target()

    def test_brings_its_own_file(self) -> None:
        read = Message.de_json({"message_id": 2, **USUAL, **PHOTO, "caption": "/imagine"}, None)

        assert contents_of(read, BOT).file == contents_of(read, BOT).picture == SENT_PHOTO


class TestAReply:
    @pytest.mark.parametrize(
        ("replied", "file"),
        [(PHOTO, SENT_PHOTO), (LIVE_PHOTO, SENT_PHOTO), (TEXT_FILE, SENT_TEXT), (STICKER, SENT_STICKER)],
        ids=["photo", "live photo", "text file", "sticker"],
    )
    def test_points_at_a_file_here_and_in_another_chat(self, replied: dict[str, Any], file: Sent) -> None:
        assert in_reply_to(**replied) == Target(file=file)
        assert in_reply_to_another_chat(**replied) == Target(file=file)

    def test_points_at_words(self) -> None:
        assert in_reply_to(text="a lighthouse") == Target("a lighthouse")
        assert in_reply_to(**PHOTO, caption="my cat") == Target("my cat", SENT_PHOTO)

    def test_does_not_take_a_command_for_words(self) -> None:
        assert in_reply_to(text="/imagine@paint_bot a lighthouse").words == "a lighthouse"

    def test_points_at_the_words_that_were_quoted(self) -> None:
        quote = {"text": "lighthouse", "position": 2, "is_manual": True}
        replied = {"message_id": 1, **USUAL, "text": "a lighthouse in a storm"}

        assert target_of(reply_to_message=replied, quote=quote) == Target("lighthouse", is_quoted=True)

    def test_to_another_chat_has_the_words_that_telegram_quotes(self) -> None:
        assert in_reply_to_another_chat(quote="a lighthouse") == Target("a lighthouse")

    @pytest.mark.parametrize(
        "replied",
        [VIDEO, ANIMATION, STORY, moving("animated"), moving("video")],
        ids=["video", "animation", "story", "animated sticker", "video sticker"],
    )
    def test_may_point_at_what_can_not_be_looked_at(self, replied: dict[str, Any]) -> None:
        assert in_reply_to(**replied) == Target(is_unseen=True)
        assert in_reply_to_another_chat(**replied) == Target(is_unseen=True)
        assert in_reply_to(**replied, caption="my cat") == Target("my cat", is_unseen=True)

    def test_to_words_of_another_chat_that_are_not_told_points_at_what_can_not_be_seen(self) -> None:
        assert in_reply_to_another_chat() == Target(is_unseen=True)

    def test_to_a_story_points_at_what_can_not_be_seen(self) -> None:
        assert target_of(reply_to_story=STORY["story"]) == Target(is_unseen=True)

    def test_knows_what_the_bot_itself_has_sent(self) -> None:
        assert in_reply_to(text="What should I create?", **{"from": US}).is_ours

    def test_knows_a_post_that_all_comments_reply_to(self) -> None:
        assert in_reply_to(text="News", is_automatic_forward=True).opens_comments

    def test_to_the_beginning_of_a_topic_points_at_nothing(self) -> None:
        assert in_reply_to(forum_topic_created={"name": "Foxes", "icon_color": 1}) == Target()
