"""Deliveries that don't go as planned, each of which has to come to an end."""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from builders import BOT, FOX_RECIPE, RED_FOX, show_status, submit_and_claim
from sqlalchemy import select
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.pictures.delivery import Delivery
from services.bot.telegram.transport import Transport
from services.health import Sign
from shared.images import Images
from shared.jobs import Image, Job
from shared.migrations import migrate
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox

TOKEN = f"{BOT}:" + "a" * 35


class Post:
    """One delivery office: a record, an image store and a bot at Telegram's stand-in."""

    def __init__(self, sandbox: SandboxClient, database: Database, folder: Path, picture: bytes) -> None:
        self.sandbox = sandbox
        self.database = database
        asyncio.run(self._with_bot(lambda bot: bot.get_me()))  # Telegram knows the bot from now on.
        self.person = sandbox.person("Ada")["id"]
        sandbox.say(self.person, "/imagine a red fox")
        self.images = Images(folder.as_uri())
        self.outbox = Outbox(database)
        self._picture = picture

    def finished(self, *, status: int | None = None, kept: bool = True) -> Job:
        job = submit_and_claim(self.database, chat=self.person)
        jobs = Jobs(self.database)
        jobs.keep_prompt(job, RED_FOX)
        key = "000000/gone.png"
        if kept:
            key = self.images.put(job.id, Image(self._picture, "image/png", 64, 48))
        if status is not None:
            show_status(self.database, job, status, "painting")
        jobs.finish(job, FOX_RECIPE, image_key=key, media_type="image/png")
        return job

    def say_in_chat(self, text: str) -> int:
        """Let the bot say something; returns the message's id."""
        return asyncio.run(self._with_bot(lambda bot: bot.send_message(self.person, text))).message_id

    def fall_silent_while_sending(self) -> None:
        """Another process claims what is due, and dies."""
        assert self.outbox.claim(BOT, most=10)
        self.outbox.release_all(BOT)

    def deliver(self, *, patience_s: float = 20) -> Any:
        """Empty the outbox until the only job is delivered or put back; returns its row."""
        return asyncio.run(self._with_bot(lambda bot: self._deliver(bot, patience_s)))

    async def _deliver(self, bot: ExtBot[None], patience_s: float) -> Any:
        jobs = Jobs(self.database)
        delivery = Delivery(bot, BOT, self.outbox, jobs, self.images, default_model=FOX_RECIPE.model)
        rounds = asyncio.create_task(delivery.empty_outbox(Sign()))
        try:
            async with asyncio.timeout(patience_s):
                while not self._is_settled(row := self._row()):
                    await asyncio.sleep(0.01)
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)
            await delivery.finish()
        return row

    @staticmethod
    def _is_settled(row: Any) -> bool:
        return row.delivered_at is not None or (row.delivery_tries > 0 and row.delivery_not_before is not None)

    def _row(self) -> Any:
        with self.database.reading() as connection:
            return connection.execute(select(tables.jobs)).one()

    async def _with_bot(self, act: Any) -> Any:
        bot: ExtBot[None] = ExtBot(
            TOKEN,
            base_url=f"{self.sandbox.url}/telegram/bot",
            request=Transport(8),
            get_updates_request=Transport(1),
        )
        async with bot:
            return await act(bot)

    def in_chat(self) -> list[str]:
        """What the bot's messages are, oldest first, deleted ones left out."""
        messages = [message for message in self.sandbox.from_bot(self.person) if not message.get("deleted")]
        return ["photo" if "photo" in message else message["text"] for message in messages]


@pytest.fixture
def post(sandbox: SandboxClient, sqlite_url: str, tmp_path: Path) -> Iterator[Post]:
    sandbox.reset()
    database = Database(sqlite_url)
    migrate(database)
    picture = BytesIO()
    PIL.Image.linear_gradient("L").convert("RGB").save(picture, "PNG")
    yield Post(sandbox, database, tmp_path / "images", picture.getvalue())
    database.close()


class TestADeliveryThatSomebodyBegan:
    def test_is_made_while_the_status_message_is_still_there(self, post: Post) -> None:
        post.finished(status=post.say_in_chat("Painting"))
        post.fall_silent_while_sending()

        row = post.deliver()

        assert row.delivered_message_id is not None
        assert post.in_chat() == ["photo"]

    def test_is_not_made_again_when_the_status_message_is_gone(self, post: Post) -> None:
        post.finished(status=999_999)
        post.fall_silent_while_sending()

        row = post.deliver()

        assert row.delivered_at is not None
        assert post.in_chat() == []

    def test_ends_when_the_chat_was_closed_to_us_meanwhile(self, post: Post) -> None:
        post.finished(status=post.say_in_chat("Painting"))
        post.fall_silent_while_sending()
        post.sandbox.arm("telegram", path="editMessageText", preset="forbidden")

        row = post.deliver()

        assert row.delivered_at is not None
        assert row.delivered_message_id is None

    @pytest.mark.parametrize("fault", [{"preset": "too-many-requests"}, {"drop": "before"}], ids=str)
    def test_stays_uncertain_while_nobody_can_look(self, post: Post, fault: dict[str, Any]) -> None:
        """Were it marked as not sent, it would be sent again without a look."""
        post.finished(status=post.say_in_chat("Painting"))
        post.fall_silent_while_sending()
        post.sandbox.arm("telegram", path="editMessageText", times=None, **fault)

        row = post.deliver()

        assert row.delivered_at is None
        assert row.sending_since is not None
        assert post.in_chat() == ["Painting"]


class TestAPictureThatIsGone:
    def test_is_apologised_for(self, post: Post) -> None:
        post.finished(kept=False)

        row = post.deliver()

        assert row.delivered_at is not None
        (apology,) = post.in_chat()
        assert "Something went wrong" in apology
