"""Two bot libraries that know nothing of the sandbox work against it as against Telegram."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram import InputMediaPhoto as PtbInputMediaPhoto
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter
from telegram.ext import Application, ApplicationBuilder, CallbackQueryHandler, CommandHandler, ContextTypes

from sandbox.client import SandboxClient
from tests.sandbox.raw_bot import TOKEN, picture

if TYPE_CHECKING:
    from aiogram import Bot as AiogramBot
    from aiogram.types import Message as AiogramMessage

Context = ContextTypes.DEFAULT_TYPE


def ptb(url: str, token: str = TOKEN) -> Application[Any, Any, Any, Any, Any, Any]:
    return (
        ApplicationBuilder()
        .token(token)
        .base_url(f"{url}/telegram/bot")
        .base_file_url(f"{url}/telegram/file/bot")
        .build()
    )


class TestPythonTelegramBot:
    def test_a_conversation(self, people: SandboxClient) -> None:
        content = picture(640, 480)
        application = ptb(people.url)

        async def imagine(update: Update, context: Context) -> None:
            assert update.message is not None
            status = await update.message.reply_html(f"<b>painting</b> {' '.join(context.args or [])}")
            await update.message.reply_chat_action("upload_photo")
            keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Again", callback_data="again")]])
            await update.message.reply_photo(content, filename="fox.png", caption="a fox", reply_markup=keyboard)
            await status.delete()

        async def again(update: Update, _: Context) -> None:
            assert update.callback_query is not None
            await update.callback_query.answer("Once more")
            await update.callback_query.edit_message_caption("again")

        async def run(ada: Any) -> str:
            application.add_handler(CommandHandler("imagine", imagine))
            application.add_handler(CallbackQueryHandler(again))
            async with application:
                assert application.updater is not None
                await application.start()
                await application.updater.start_polling()
                [photo] = await asyncio.to_thread(people.wait_for_photo, ada)
                query_id = await asyncio.to_thread(people.press, ada, photo, "Again")
                await asyncio.to_thread(people.wait_for_message, ada, lambda message: message.get("caption") == "again")
                file = await application.bot.get_file(photo["photo"][-1]["file_id"])
                assert bytes(await file.download_as_bytearray()) == content
                await application.updater.stop()
                await application.stop()
            return query_id

        ada = people.person("Ada")
        people.say(ada, "/imagine a red fox")
        query_id = asyncio.run(run(ada))

        assert people.callback(query_id)["text"] == "Once more"
        [deleted] = [one for one in people.messages(ada, with_deleted=True) if one.get("deleted")]
        assert deleted["text"] == "painting a red fox"
        assert people.violations() == []

    def test_albums_and_media_edits(self, people: SandboxClient) -> None:
        ada = people.person("Ada")
        people.say(ada, "/start")

        async def run() -> None:
            async with ptb(people.url) as application:
                bot = application.bot
                album = await bot.send_media_group(ada["id"], [PtbInputMediaPhoto(picture()) for _ in range(3)])
                assert len({message.media_group_id for message in album}) == 1
                single = await bot.send_photo(ada["id"], picture())
                edited = await single.edit_media(PtbInputMediaPhoto(picture(99, 99), caption="new"))
                assert not isinstance(edited, bool)
                assert edited.photo[-1].width == 99
                again = await bot.send_document(ada["id"], picture(), filename="fox.png")
                assert again.document is not None

        asyncio.run(run())

        assert people.violations() == []

    def test_refusals_become_its_own_errors(self, people: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PTB_TIMEDELTA", "true")
        ada = people.person("Ada")
        people.say(ada, "/start")
        group = people.group(ada, kind="group")

        async def run() -> None:
            async with ptb(people.url) as application:
                bot = application.bot
                with pytest.raises(BadRequest, match="Chat not found"):
                    await bot.send_message(12345, "x")
                moved = people.migrate(group)
                with pytest.raises(ChatMigrated) as migrated:
                    await bot.send_message(group["id"], "x")
                assert migrated.value.new_chat_id == moved["id"]
                people.block(ada)
                with pytest.raises(Forbidden, match="bot was blocked by the user"):
                    await bot.send_message(ada["id"], "x")
                people.arm("telegram", preset="too-many-requests", arguments={"retry_after": 9})
                with pytest.raises(RetryAfter):
                    await bot.send_message(moved["id"], "x")
                people.arm("telegram", preset="unauthorized")
                with pytest.raises(InvalidToken):
                    await bot.send_message(moved["id"], "x")

        asyncio.run(run())


class TestAiogram:
    """It is imported here, for that takes seconds of all processes that only collect these tests."""

    def bot(self, people: SandboxClient) -> AiogramBot:
        from aiogram import Bot as AiogramBot
        from aiogram.client.session.aiohttp import AiohttpSession
        from aiogram.client.telegram import TelegramAPIServer

        server = TelegramAPIServer.from_base(f"{people.url}/telegram")
        return AiogramBot(TOKEN, session=AiohttpSession(api=server))

    def test_a_conversation(self, people: SandboxClient) -> None:
        from aiogram import Dispatcher
        from aiogram.types import BufferedInputFile

        content = picture(640, 480)
        dispatcher = Dispatcher()

        @dispatcher.message()
        async def paint(message: AiogramMessage) -> None:
            await message.answer("<i>painting</i>", parse_mode="HTML")
            await message.reply_photo(BufferedInputFile(content, "fox.png"), caption="a fox")

        async def run(ada: Any) -> None:
            async with self.bot(people) as bot:
                polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, polling_timeout=1))
                await asyncio.to_thread(people.wait_for_photo, ada)
                await dispatcher.stop_polling()
                await polling

        ada = people.person("Ada")
        people.say(ada, "/imagine a red fox")
        asyncio.run(run(ada))

        said, painting, photo = people.messages(ada)
        assert painting["entities"] == [{"type": "italic", "offset": 0, "length": 8}]
        assert photo["reply_to_message"]["message_id"] == said["message_id"]
        assert people.file(photo["photo"]) == content
        assert people.violations() == []

    def test_albums_and_refusals(self, people: SandboxClient) -> None:
        from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter
        from aiogram.types import BufferedInputFile, InputMediaPhoto

        ada = people.person("Ada")
        people.say(ada, "/start")

        async def run() -> None:
            async with self.bot(people) as bot:
                media = [InputMediaPhoto(media=BufferedInputFile(picture(), f"{n}.png")) for n in range(2)]
                album = await bot.send_media_group(ada["id"], list(media))
                assert [message.photo is not None for message in album] == [True, True]
                with pytest.raises(TelegramBadRequest, match="chat not found"):
                    await bot.send_message(12345, "x")
                people.block(ada)
                with pytest.raises(TelegramForbiddenError):
                    await bot.send_message(ada["id"], "x")
                people.arm("telegram", preset="too-many-requests", arguments={"retry_after": 9})
                with pytest.raises(TelegramRetryAfter) as refused:
                    await bot.send_message(ada["id"], "x")
                assert refused.value.retry_after == 9

        asyncio.run(run())

        assert people.violations() == []
