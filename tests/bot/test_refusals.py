"""What Telegram refuses comes to an end, whatever it was: said, recorded, logged once, and nothing goes on lying."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from telegram.error import NetworkError

from sandbox.client import SandboxClient
from services.bot.telegram import repeats
from services.bot.telegram.errors import MAX_UNKNOWN_TRIES, MAX_UNSURE_TRIES, Refusal
from services.bot.telegram.file_answers import answer_with_file
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.sending import Upload
from services.bot.texts.locales import say
from shared.batches import DeliveryFormat
from shared.errands import ErrandKind
from shared.store import tables
from shared.store.database import Database
from tests.bot.delivery_rig import Bot, Rig
from tests.sqlite_tables import create_tables

FILES = "/(sendPhoto|sendDocument|sendMediaGroup)$"
WRITING = "/(sendMessage|editMessageText)$"
EVERYTHING = "/(send|edit|delete)"


@dataclass(frozen=True)
class Delivered:
    """A way out of the bot: how something is made to be delivered, and the row that tells of it."""

    name: str
    table: Table
    begin: Callable[[Rig], int]
    sends: str = FILES


@dataclass(frozen=True)
class Refused:
    """A refusal as Telegram words it.

    Attributes:
        tries: Deliveries that failed before.
        hits: The calls that are refused besides those that send what is to be delivered.
        is_said: Whether people read why.
    """

    reason: Refusal
    fault: dict[str, Any]
    hits: str = "^$"
    tries: int = 0
    is_said: bool = True


WAYS = [
    Delivered("single", tables.jobs, lambda rig: rig.picture().id),
    Delivered("album", tables.jobs, lambda rig: rig.picture(count=3).id),
    Delivered("batch", tables.batches, lambda rig: rig.batch()),
    Delivered("zip", tables.batches, lambda rig: rig.batch(delivery_format=DeliveryFormat.ZIP)),
    Delivered("chat", tables.errands, lambda rig: rig.answer().id, WRITING),
    Delivered("describe", tables.errands, lambda rig: rig.answer(kind=ErrandKind.DESCRIBE).id, WRITING),
]


def bad_request(text: str) -> dict[str, Any]:
    return {"preset": "bad-request", "arguments": {"text": text}}


REFUSALS = {
    "rights": Refused(Refusal.PHOTOS_FORBIDDEN, bad_request("not enough rights to send photos to the chat")),
    "photos": Refused(Refusal.PHOTOS_FORBIDDEN, bad_request("CHAT_SEND_PHOTOS_FORBIDDEN")),
    "media": Refused(Refusal.PHOTOS_FORBIDDEN, bad_request("CHAT_SEND_MEDIA_FORBIDDEN")),
    "files": Refused(Refusal.FILES_FORBIDDEN, bad_request("CHAT_SEND_DOCS_FORBIDDEN")),
    "writing": Refused(Refusal.WRITING_FORBIDDEN, bad_request("CHAT_WRITE_FORBIDDEN"), "/send", is_said=False),
    "topic": Refused(Refusal.TOPIC_CLOSED, bad_request("TOPIC_CLOSED"), "/send", is_said=False),
    "413 page": Refused(Refusal.TOO_LARGE, {"preset": "too-large"}),
    "413 json": Refused(Refusal.TOO_LARGE, {"preset": "too-large", "arguments": {"page": False}}),
    "too big": Refused(Refusal.TOO_LARGE, bad_request("file is too big")),
    "unknown": Refused(Refusal.UNKNOWN, bad_request("SOMETHING_NEW"), tries=MAX_UNKNOWN_TRIES - 1),
    "not even as a document": Refused(Refusal.UNKNOWN, bad_request("PHOTO_EXT_INVALID")),
    "no answer": Refused(Refusal.UNREACHABLE, {"preset": "bad-gateway"}, tries=MAX_UNSURE_TRIES - 1),
}
OF_FILES = [(way, name) for way in WAYS if way.sends == FILES for name in REFUSALS]
# Words that Telegram refuses can't be explained in words.
OF_WORDS = [
    (way, name) for way in WAYS if way.sends == WRITING for name in ("writing", "topic", "unknown", "no answer")
]
UNDER_WAY = re.compile(r"cancel|stop|pause|resume")


@pytest.fixture
def rig(sandbox: SandboxClient, sqlite_url: str, tmp_path: Path) -> Iterator[Rig]:
    database = Database(sqlite_url)
    create_tables(database)
    yield Rig(sandbox, database, tmp_path / "images")
    assert sandbox.violations() == []
    database.close()


def give_up(rig: Rig, way: Delivered, refused: Refused) -> Any:
    """Have everything refused that this way sends, until its delivery has ended; returns its row."""
    row_id = way.begin(rig)
    rig.tried_before(way.table, row_id, refused.tries)
    # Of an answer the first message is refused, and what is said in its place is not, where words can be said.
    times = 1 if way.sends == WRITING and refused.is_said else None
    rig.sandbox.arm("telegram", path=f"{refused.hits}|{way.sends}", times=times, **refused.fault)
    return rig.deliver(way.table, row_id)


@pytest.mark.parametrize(("way", "name"), [*OF_FILES, *OF_WORDS], ids=lambda value: getattr(value, "name", value))
class TestARefusal:
    def test_ends_the_delivery_for_all_to_see(
        self, rig: Rig, caplog: pytest.LogCaptureFixture, way: Delivered, name: str
    ) -> None:
        refused = REFUSALS[name]

        with caplog.at_level(logging.WARNING):
            row = give_up(rig, way, refused)

        assert row.undelivered_reason == refused.reason
        assert [button for button in rig.buttons() if UNDER_WAY.search(button)] == []
        given_up = [record for record in caplog.records if record.message.endswith("given up")]
        assert [record.__dict__["reason"] for record in given_up] == [refused.reason]
        said = say(f"undelivered_{refused.reason}", "en")
        # A batch says it in its progress message, which stands there already.
        assert any(said in text for text in rig.in_chat()) == (refused.is_said or way.table is tables.batches)


def send_for_a_press(rig: Rig) -> None:
    async def act(bot: Bot, _: FloodLimit) -> None:
        with repeats.handling():
            await answer_with_file(bot, rig.address, Upload(b"a prompt", "1.txt"), "en")

    rig.with_bot(act)


OF_ANSWERS = {name: REFUSALS[name] for name in ("files", "topic", "413 page")} | {
    "unknown": Refused(Refusal.UNKNOWN, bad_request("SOMETHING_NEW")),
    "gone": Refused(Refusal.CHAT_GONE, {"preset": "forbidden"}, "/send", is_said=False),
}


class TestAFileThatAButtonAsksFor:
    @pytest.mark.parametrize("refused", OF_ANSWERS.values(), ids=OF_ANSWERS)
    def test_is_refused_for_all_to_see(self, rig: Rig, caplog: pytest.LogCaptureFixture, refused: Refused) -> None:
        rig.sandbox.arm("telegram", path=f"{refused.hits}|{FILES}", times=None, **refused.fault)

        with caplog.at_level(logging.WARNING):
            send_for_a_press(rig)

        is_large = refused.reason is Refusal.TOO_LARGE
        said = say("undelivered_file_too_large" if is_large else f"undelivered_{refused.reason}", "en")
        assert rig.in_chat() == ([said] if refused.is_said else [])
        assert [record.__dict__["reason"] for record in caplog.records] == [refused.reason]

    @pytest.mark.parametrize("fault", [{"preset": "bad-gateway"}, {"drop": "before"}], ids=str)
    def test_is_sent_again_after_a_hiccup(self, rig: Rig, fault: dict[str, Any]) -> None:
        rig.sandbox.arm("telegram", path=FILES, **fault)

        send_for_a_press(rig)

        assert len(rig.sandbox.from_bot(rig.chat_id)) == 1

    def test_is_left_to_a_later_try_where_telegram_does_not_answer(self, rig: Rig) -> None:
        rig.sandbox.arm("telegram", path=FILES, times=None, preset="bad-gateway")

        with pytest.raises(NetworkError):
            send_for_a_press(rig)

        assert rig.in_chat() == []


class TestWordsThatCannotBeSaidEither:
    @pytest.mark.parametrize("way", [way for way in WAYS if way.sends == WRITING], ids=lambda way: way.name)
    def test_leave_nothing_behind_that_promises_an_answer(self, rig: Rig, way: Delivered) -> None:
        row_id = way.begin(rig)
        rig.tried_before(way.table, row_id, MAX_UNKNOWN_TRIES - 1)
        rig.sandbox.arm("telegram", path=WRITING, times=None, **bad_request("SOMETHING_NEW"))

        # What announced the answer is removed after the delivery has ended.
        row = rig.deliver(way.table, row_id, until=lambda row: row.delivered_at is not None and not rig.in_chat())

        assert row.undelivered_reason == Refusal.UNKNOWN


class TestAChatThatIsGone:
    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_ends_the_delivery_without_another_try(
        self, rig: Rig, caplog: pytest.LogCaptureFixture, way: Delivered
    ) -> None:
        gone = Refused(Refusal.CHAT_GONE, {"preset": "forbidden"}, EVERYTHING)

        with caplog.at_level(logging.WARNING):
            row = give_up(rig, way, gone)

        assert row.undelivered_reason == Refusal.CHAT_GONE
        assert [record.levelname for record in caplog.records if record.message.endswith("given up")] == ["WARNING"]
        assert len(rig.calls("send(Photo|Document|MediaGroup)")) <= 1
