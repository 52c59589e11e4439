"""Messages as handlers get them, and how they are answered."""

import asyncio
from datetime import UTC, datetime

from telegram import Chat, Message, Update, User
from telegram.ext import ApplicationBuilder, CallbackContext

from sandbox.client import SandboxClient
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.incoming import Incoming, for_message
from tests.bot.delivery_rig import bot_at
from tests.builders import BOT


class Echo:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.heard: list[Incoming] = []

    @for_message
    async def hear(self, asked: Incoming) -> None:
        self.heard.append(asked)


def heard_of(sandbox: SandboxClient, update: Update, arguments: list[str] | None = None) -> list[Incoming]:
    async def scene() -> list[Incoming]:
        async with bot_at(sandbox, FloodLimit()) as bot:
            context, echo = CallbackContext(ApplicationBuilder().bot(bot).build()), Echo()
            context.args = arguments
            await echo.hear(update, context)
            return echo.heard

    return asyncio.run(scene())


def a_message() -> Message:
    return Message(5, datetime.now(UTC), Chat(7, Chat.PRIVATE), from_user=User(7, "Ada", False, language_code="de"))


def test_a_handler_is_told_who_wrote_where_and_what_followed_the_command(sandbox: SandboxClient) -> None:
    [asked] = heard_of(sandbox, Update(1, message=a_message()), ["5", "7d"])

    assert (asked.address.bot_id, asked.address.chat_id, asked.address.message_id) == (BOT, 7, 5)
    assert asked.address.private
    assert (asked.sender.id, asked.language, asked.arguments) == (7, "de", ["5", "7d"])


def test_what_is_no_command_has_no_arguments(sandbox: SandboxClient) -> None:
    [asked] = heard_of(sandbox, Update(1, message=a_message()))

    assert asked.arguments == ()


def test_an_update_without_a_message_is_left_alone(sandbox: SandboxClient) -> None:
    assert heard_of(sandbox, Update(1)) == []


def test_the_answer_replies_to_the_message(sandbox: SandboxClient) -> None:
    async def scene() -> tuple[Message, Message]:
        async with bot_at(sandbox, FloodLimit()) as bot:
            ada = sandbox.person("Ada")
            sandbox.say(ada, "hello")
            chat = Chat(ada["id"], Chat.PRIVATE)
            first = await bot.send_message(chat.id, "a message to reply to")
            message = Message(first.message_id, datetime.now(UTC), chat, from_user=User(ada["id"], "Ada", is_bot=False))
            asked = Incoming.of(message, bot)
            return first, await asked.answer("<b>Here</b> you are", quiet=True)

    sandbox.reset()
    first, answer = asyncio.run(scene())

    assert answer.text == "Here you are"
    assert answer.reply_to_message is not None
    assert answer.reply_to_message.message_id == first.message_id
    [*_, last] = sandbox.journal("telegram", "/sendMessage$")
    assert last["status"] == 200
