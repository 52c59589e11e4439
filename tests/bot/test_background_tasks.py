"""Every background task of the bot is killed in turn, and the bot goes on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from services.bot.app import END_S, STOP_S, Bot
from services.health import LOOK_S, Signs, Watchdog
from shared.settings import BotSettings
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from shared.tickets import LocalTickets
from tests.builders import submit_and_fail
from tests.end_to_end.installation import settings_for
from tests.sqlite_tables import create_tables

T = TypeVar("T")
PATIENCE_S = 30


@pytest.fixture
def telegram() -> Iterator[SandboxClient]:
    with Sandbox() as server, SandboxClient(server.url) as client:
        yield client


class Running:
    """A bot in this process, without a worker."""

    def __init__(self, bot: Bot, telegram: SandboxClient, signs: Signs) -> None:
        self.bot = bot
        self.signs = signs
        self._telegram = telegram

    @staticmethod
    def task(name: str) -> "asyncio.Task[None] | None":
        found = [task for task in asyncio.all_tasks() if task.get_name() == name and not task.done()]
        assert len(found) <= 1
        return found[0] if found else None

    async def until(self, look: Callable[[], T | None], what: str) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while (seen := look()) is None:
                await asyncio.sleep(0.01)
        assert seen is not None, what
        return seen

    async def kill(self, name: str) -> None:
        """End a task, and wait until another one has taken its place."""
        killed = await self.until(lambda: self.task(name), f"{name} runs")
        killed.cancel()
        await self.until(
            lambda: task if (task := self.task(name)) is not killed and task is not None else None, f"{name} runs again"
        )

    async def is_answered(self) -> bool:
        """Whether somebody who writes now is answered."""
        ada = await asyncio.to_thread(self._telegram.person, "Ada")
        await asyncio.to_thread(self._telegram.say, ada, "/help")
        return bool(await asyncio.to_thread(self._telegram.wait_for, lambda: self._telegram.from_bot(ada)))


def play(
    telegram: SandboxClient,
    folder: Path,
    scene: Callable[[Running], Awaitable[None]],
    *,
    stop_s: float = STOP_S,
    end_s: float = END_S,
) -> list[RawUpdate]:
    """Play a scene with a bot that runs, and stop it in order; returns the updates that are not handled then."""
    settings = BotSettings.model_validate(settings_for(telegram.url, folder))
    database, signs = Database(settings.database_url), Signs()
    create_tables(database)

    async def on_stage() -> None:
        stop, bot = (
            asyncio.Event(),
            Bot(settings, database, LocalTickets(), signs=signs, stop_s=stop_s, end_s=end_s, first_pause_s=0.01),
        )
        running = asyncio.create_task(bot.run(stop))
        await scene(Running(bot, telegram, signs))
        assert not running.done()
        stop.set()
        await asyncio.wait_for(running, PATIENCE_S)

    try:
        asyncio.run(on_stage())
        return Updates(database, settings.bot_id).unhandled(limit=10)
    finally:
        database.close()


class TestBackgroundTasks:
    def test_each_is_started_again_when_it_is_killed(self, telegram: SandboxClient, tmp_path: Path) -> None:
        async def scene(running: Running) -> None:
            names = list(running.bot._rounds())
            assert len(names) > 10
            for name in names:
                await running.kill(name)
            assert await running.is_answered()

        play(telegram, tmp_path, scene)

    def test_none_is_left_when_the_bot_has_ended(self, telegram: SandboxClient, tmp_path: Path) -> None:
        left: list[str] = []

        async def scene(running: Running) -> None:
            left.extend(running.bot._rounds())
            await running.until(lambda: Running.task("polls"), "polls")

        play(telegram, tmp_path, scene)

        async def names() -> set[str]:
            return {task.get_name() for task in asyncio.all_tasks()}

        assert not asyncio.run(names()) & set(left)

    def test_every_duty_shows_signs_of_life(self, telegram: SandboxClient, tmp_path: Path) -> None:
        async def scene(running: Running) -> None:
            assert await running.is_answered()
            silent = {duty for duty, tries in running.signs.tries().items() if not tries}
            await running.until(
                lambda: True if not {duty for duty, tries in running.signs.tries().items() if not tries} else None,
                f"signs of {silent}",
            )

        play(telegram, tmp_path, scene)

    def test_a_start_that_waits_for_telegram_is_no_hanging_duty(self, telegram: SandboxClient, tmp_path: Path) -> None:
        telegram.arm("telegram", path="getMe", times=None, preset="bad-gateway")

        async def scene(running: Running) -> None:
            watchdog = Watchdog(running.signs, stuck_s=2 * LOOK_S, end=lambda: None)
            for tries in range(1, 6):
                await running.until(
                    lambda tries=tries: True if running.signs.tries()["polls"] >= tries else None, "another try"
                )
                watchdog.look()
            assert watchdog.reason is None

        play(telegram, tmp_path, scene)


class TestStopping:
    def test_a_handler_that_does_not_end_is_run_again_after_the_next_start(
        self, telegram: SandboxClient, tmp_path: Path
    ) -> None:
        telegram.arm("telegram", path="sendMessage", gate="for ever")

        async def scene(running: Running) -> None:
            ada = await asyncio.to_thread(telegram.person, "Ada")
            await asyncio.to_thread(telegram.say, ada, "/help")
            await asyncio.to_thread(telegram.wait_at_gate, "for ever")

        assert len(play(telegram, tmp_path, scene, stop_s=0.1)) == 1

    def test_a_delivery_that_does_not_end_is_left_to_the_next_start(
        self, telegram: SandboxClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Telegram may have calls wait, and one kind of delivery was waited for after the other."""
        telegram.arm("telegram", path="sendMessage", gate="for ever")

        async def scene(running: Running) -> None:
            ada = await asyncio.to_thread(telegram.person, "Ada")
            await running.until(lambda: Running.task("deliver pictures"), "deliveries")
            bot = running.bot._parts.application.bot.id
            await asyncio.to_thread(submit_and_fail, running.bot._database, bot=bot, user=ada["id"])
            await asyncio.to_thread(telegram.wait_at_gate, "for ever")

        play(telegram, tmp_path, scene, end_s=0.2)

        assert "deliveries are still under way" in caplog.text
