"""What Telegram shows of the bot before the first message is ours in every language, unless the owner wrote it."""

import asyncio
import html
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.help.command_menus import codes
from services.bot.help.profile import ABOUT, DESCRIPTION, is_to_be_set, keep_profile
from services.bot.telegram.transport import Transport
from services.bot.texts.locales import say
from tests.builders import BOT

TOKEN = f"{BOT}:" + "p" * 35


@pytest.fixture(autouse=True)
def _fresh(sandbox: SandboxClient) -> None:
    sandbox.reset()  # It knows a bot by its id, and other tests give this one another token.


def keep(sandbox: SandboxClient, before: Callable[[ExtBot[None]], Awaitable[object]] | None = None) -> None:
    """Keep the profile until all languages have been looked at."""

    async def scene() -> None:
        bot: ExtBot[None] = ExtBot(
            TOKEN,
            base_url=f"{sandbox.url}/telegram/bot",
            request=Transport(8),
            get_updates_request=Transport(1),
        )
        async with bot:
            if before is not None:
                await before(bot)
            keeping = asyncio.create_task(keep_profile(bot))
            # Each text is set before the next one is looked at.
            await asyncio.to_thread(
                sandbox.wait_for, lambda: len(sandbox.journal("telegram", "getMyShortDescription")) == len(codes())
            )
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    asyncio.run(scene())


def told(sandbox: SandboxClient, method: str) -> int:
    return len([call for call in sandbox.journal("telegram", method) if call["status"] == 200])


class TestTheProfile:
    def test_is_set_in_every_language_and_then_left_alone(self, sandbox: SandboxClient) -> None:
        keep(sandbox)
        assert told(sandbox, "setMyDescription") == len(codes())
        sandbox.clear_journal()

        keep(sandbox)

        assert told(sandbox, "setMyDescription") == 0

    def test_that_the_owner_wrote_stays(self, sandbox: SandboxClient) -> None:
        keep(sandbox, lambda bot: bot.set_my_description("Ada's own bot"))

        # The one that the owner set; languages without a text of their own show it, too.
        assert told(sandbox, "setMyDescription") == 1


class TestWhatIsSet:
    @pytest.mark.parametrize("key", [DESCRIPTION, ABOUT])
    def test_takes_the_place_of_nothing_and_of_ours_in_another_language(self, key: str) -> None:
        ours, theirs = html.unescape(say(key, "pt-BR")), html.unescape(say(key, "en"))

        assert is_to_be_set(key, "", ours)
        assert is_to_be_set(key, theirs, ours)
        assert not is_to_be_set(key, ours, ours)
        assert not is_to_be_set(key, "Ada's own bot", ours)
