"""A message that a handler serves: who wrote it, where, and how it is answered."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Self, TypeVar

from telegram import Bot, ForceReply, InlineKeyboardMarkup, Message, Update
from telegram.ext import ContextTypes

from services.bot.telegram.addresses import address_of, answer, sender_of
from shared.jobs import Address, Sender

T = TypeVar("T")
Serving = Coroutine[object, object, None]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, read for its handler.

    Attributes:
        address: Where answers go.
        arguments: The words after the command.
    """

    message: Message
    address: Address
    sender: Sender
    bot: Bot
    arguments: Sequence[str] = ()

    @classmethod
    def of(cls, message: Message, bot: Bot, arguments: Sequence[str] = ()) -> Self:
        """Read a message."""
        return cls(message, address_of(message, bot.id), sender_of(message), bot, arguments)

    @property
    def language(self) -> str:
        """The sender's; an IETF tag."""
        return self.sender.language

    async def answer(
        self, text: str, buttons: InlineKeyboardMarkup | ForceReply | None = None, *, quiet: bool = False
    ) -> Message:
        """Answer with Telegram HTML; ``quiet``: without a notification.

        Raises:
            TelegramError: Telegram did not take it.
        """
        return await self.bot.send_message(
            text=text, reply_markup=buttons, disable_notification=quiet or None, **answer(self.address)
        )


def for_message(
    handle: Callable[[T, Incoming], Serving],
) -> Callable[[T, Update, ContextTypes.DEFAULT_TYPE], Serving]:
    """Make a handler of the library of a method that serves messages; updates without one are left alone."""

    @wraps(handle)
    async def handler(self: T, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.effective_message
        if message is not None:
            await handle(self, Incoming.of(message, context.bot, context.args or ()))

    return handler
