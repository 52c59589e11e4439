"""Where a message came from, who sent it, and how to answer there. Pure."""

from dataclasses import replace
from typing import TypedDict

from telegram import MaybeInaccessibleMessage, Message, ReplyParameters, User
from telegram.constants import ChatType, ParseMode

from shared.jobs import Address, Sender


def address_of(message: Message, bot_id: int) -> Address:
    """The place to which answers go."""
    # A reply in a forum's General topic carries a thread id, too, but no message can be sent to that thread.
    topic_id = message.message_thread_id if message.is_topic_message else None
    return Address(
        bot_id=bot_id,
        chat_id=message.chat_id,
        message_id=message.message_id,
        topic_id=topic_id,
        private=message.chat.type == ChatType.PRIVATE,
    )


def address_of_press(message: MaybeInaccessibleMessage, asked: Address) -> Address:
    """The place to which answers to a press go: under the message with the button.

    Args:
        asked: The address of what asked for it. Of an old message Telegram tells no more than chat and number.
    """
    if (there := visible(message)) is not None:
        return address_of(there, asked.bot_id)
    private = message.chat.type == ChatType.PRIVATE
    topic_id = None if private and not asked.private else asked.topic_id
    return replace(
        asked,
        chat_id=message.chat.id,
        message_id=message.message_id,
        topic_id=topic_id,
        private=private,
        press=None,
        part=None,
    )


def visible(message: MaybeInaccessibleMessage) -> Message | None:
    """The message under which a button was pressed, if Telegram still shows us what it says.

    The library makes a ``Message`` of one that Telegram keeps to itself, too; its date is 0.
    """
    return message if isinstance(message, Message) and message.is_accessible else None


def sender_of(message: Message) -> Sender:
    """Who asked; for a channel or an anonymous admin that is the chat they speak for."""
    user: User | None = message.from_user
    if message.sender_chat is not None or user is None:
        return Sender(message.sender_chat.id if message.sender_chat else message.chat_id)
    return Sender(user.id, user.language_code or "en")


def reply_to(address: Address) -> ReplyParameters | None:
    """The reply to a request, also where somebody deletes it meanwhile; None where its group has moved without it."""
    return ReplyParameters(address.message_id, allow_sending_without_reply=True) if address.message_id else None


class Where(TypedDict):
    """Arguments of a call: where it sends something to, and that it is Telegram HTML."""

    chat_id: int
    message_thread_id: int | None
    reply_parameters: ReplyParameters | None
    parse_mode: str


def answer(address: Address) -> Where:
    """Arguments for a call that answers the message at this address, in Telegram HTML."""
    return {
        "chat_id": address.chat_id,
        "message_thread_id": address.topic_id,
        "reply_parameters": reply_to(address),
        "parse_mode": ParseMode.HTML,
    }
