"""Command menus are set beside everything else, and whatever Telegram answers, the others follow."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ExtBot

from sandbox.client import Json, SandboxClient
from services.bot.help.command_menus import is_transient, keep_menus, menus_for, wait_of
from services.bot.telegram.transport import Transport
from services.bot.texts.locales import languages
from shared.access import Known, Profile, Role
from tests.builders import BOT

TOKEN = f"{BOT}:" + "m" * 35
OWNER = Known(Profile(7_000_000_001, "Ada"), Role.OWNER)
ADMIN = Known(Profile(7_000_000_002, "Bob"), Role.ADMIN)


@pytest.fixture(autouse=True)
def _empty(sandbox: SandboxClient) -> None:
    sandbox.reset()  # It knows a bot by its id, and other tests give this one another token.


def set_until(
    sandbox: SandboxClient,
    done: Callable[[], bool],
    managers: Callable[[], list[Known]] = list,
    then: Callable[[], bool] | None = None,
) -> None:
    """Keep the menus until something is the case; say that the managers changed, and go on until ``then`` is so."""

    async def scene() -> None:
        bot: ExtBot[None] = ExtBot(
            TOKEN,
            base_url=f"{sandbox.url}/telegram/bot",
            request=Transport(8),
            get_updates_request=Transport(1),
        )
        async with bot:
            changed = asyncio.Event()
            keeping = asyncio.create_task(keep_menus(bot, managers, changed, first_pause_s=0.01))
            await asyncio.to_thread(sandbox.wait_for, done)
            if then is not None:
                changed.set()
                await asyncio.to_thread(sandbox.wait_for, then)
            assert not keeping.done()
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    asyncio.run(scene())


def told(sandbox: SandboxClient) -> list[Json]:
    """The menus that Telegram took."""
    return [call for call in sandbox.journal("telegram", "setMyCommands") if call["status"] == 200]


class TestMenus:
    def test_there_is_one_a_kind_of_chat_and_language_and_one_for_each_owner(self) -> None:
        assert len(menus_for([])) == 3 * len(languages())
        assert len(menus_for([OWNER, ADMIN])) == 5 * len(languages())

    def test_of_an_admin_has_what_an_admin_may(self) -> None:
        [its_own, *_] = [menu for menu in menus_for([ADMIN]) if menu.scope.type == "chat"]

        assert "ban" in its_own.commands
        assert {"invite", "status"} & set(its_own.commands) == set()

    def test_of_somebody_new_is_set_and_of_somebody_gone_is_removed(self, sandbox: SandboxClient) -> None:
        managers = [[OWNER, ADMIN]]
        everything = len(menus_for([OWNER, ADMIN]))

        def now() -> list[Known]:
            return managers.pop() if managers else [OWNER]

        def removed() -> bool:
            return len(sandbox.journal("telegram", "deleteMyCommands")) == len(languages())

        set_until(sandbox, lambda: len(told(sandbox)) == everything, now, removed)

    def test_those_that_telegram_shows_already_are_left_alone(self, sandbox: SandboxClient) -> None:
        everything = len(menus_for([]))
        set_until(sandbox, lambda: len(told(sandbox)) == everything)
        sandbox.clear_journal()

        set_until(sandbox, lambda: len(sandbox.journal("telegram", "getMyCommands")) == everything)

        assert told(sandbox) == []

    @pytest.mark.parametrize("preset", ["bad-gateway", "internal-error", "too-many-requests"])
    def test_what_time_can_mend_is_tried_again(self, sandbox: SandboxClient, preset: str) -> None:
        arguments = {"arguments": {"retry_after": 1}} if preset == "too-many-requests" else {}
        sandbox.arm("telegram", path="MyCommands", times=2, preset=preset, **arguments)

        set_until(sandbox, lambda: len(sandbox.journal("telegram", "getMyCommands")) > len(menus_for([])))

    def test_one_that_can_not_be_set_holds_up_no_other(self, sandbox: SandboxClient) -> None:
        """Such as that of an owner who has never written to the bot."""
        sandbox.arm("telegram", path="MyCommands", times=3, preset="bad-request")

        set_until(sandbox, lambda: len(sandbox.journal("telegram", "getMyCommands")) == len(menus_for([])))


class TestErrors:
    @pytest.mark.parametrize("error", [RetryAfter(480), NetworkError("502"), TimedOut()])
    def test_time_can_mend_some(self, error: TelegramError) -> None:
        assert is_transient(error)

    @pytest.mark.parametrize("error", [BadRequest("chat not found"), Forbidden("blocked"), TelegramError("?")])
    def test_time_can_not_mend_others(self, error: TelegramError) -> None:
        assert not is_transient(error)

    @pytest.mark.parametrize("wait", [1, 480, timedelta(seconds=480)])
    def test_a_wait_is_obeyed_whatever_its_length(self, wait: int | timedelta) -> None:
        assert wait_of(RetryAfter(wait)) == (wait if isinstance(wait, int) else 480)
        assert wait_of(NetworkError("502")) == 0
