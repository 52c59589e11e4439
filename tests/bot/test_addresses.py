"""Where a message came from, who sent it, and how to answer there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Chat, Message, User

from services.bot.telegram.addresses import address_of, answer, sender_of
from shared.jobs import Address, Sender
from tests.builders import BOT

ADA = User(7, "Ada", is_bot=False, language_code="de")
GROUP_ANONYMOUS_BOT = User(1087968824, "Group", is_bot=True)
PRIVATE = Chat(7, Chat.PRIVATE)
FORUM = Chat(-1005, Chat.SUPERGROUP, is_forum=True)


def a_message(chat: Chat = PRIVATE, **fields: Any) -> Message:
    return Message(99, datetime.now(UTC), chat, **{"from_user": ADA} | fields)


class TestTheAddress:
    def test_a_private_chat(self) -> None:
        assert address_of(a_message(), BOT) == Address(BOT, 7, 99, None, private=True)

    def test_a_group(self) -> None:
        assert address_of(a_message(Chat(-5, Chat.GROUP)), BOT) == Address(BOT, -5, 99, None, private=False)

    def test_a_topic_of_a_forum(self) -> None:
        message = a_message(FORUM, message_thread_id=12, is_topic_message=True)

        assert address_of(message, BOT).topic_id == 12

    def test_a_thread_of_replies_is_no_topic(self) -> None:
        """In a forum's General topic, replies carry a thread id to which nothing can be sent."""
        message = a_message(FORUM, message_thread_id=98)

        assert address_of(message, BOT).topic_id is None


class TestTheSender:
    def test_a_person_with_their_language(self) -> None:
        assert sender_of(a_message()) == Sender(7, "de")

    def test_a_person_whose_language_telegram_does_not_tell(self) -> None:
        assert sender_of(a_message(from_user=User(7, "Ada", is_bot=False))) == Sender(7, "en")

    def test_an_anonymous_admin_is_their_group(self) -> None:
        """All groups' anonymous admins share one user id; counted as one person they would wait for one another."""
        message = a_message(FORUM, from_user=GROUP_ANONYMOUS_BOT, sender_chat=FORUM)

        assert sender_of(message).id == FORUM.id

    def test_a_channel_that_speaks_in_a_group_is_itself(self) -> None:
        channel = Chat(-1009, Chat.CHANNEL)
        message = a_message(FORUM, from_user=User(136817688, "Channel", is_bot=True), sender_chat=channel)

        assert sender_of(message).id == channel.id

    def test_a_post_in_a_channel_is_the_channels(self) -> None:
        channel = Chat(-1009, Chat.CHANNEL)

        assert sender_of(a_message(channel, from_user=None, sender_chat=channel)).id == channel.id
        assert sender_of(a_message(channel, from_user=None)).id == channel.id


class TestTheAnswer:
    @pytest.mark.parametrize("topic_id", [None, 12])
    def test_it_replies_to_the_request_where_it_was_made(self, topic_id: int | None) -> None:
        arguments = answer(Address(BOT, -1005, 99, topic_id, private=False))

        assert (arguments["chat_id"], arguments["message_thread_id"]) == (-1005, topic_id)
        assert arguments["reply_parameters"].message_id == 99

    def test_it_goes_out_even_if_the_request_is_gone(self) -> None:
        assert answer(Address(BOT, 7, 99))["reply_parameters"].allow_sending_without_reply
