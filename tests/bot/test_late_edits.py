"""An edit that the bot gave up may take effect after those that followed: the message says its last word once more."""

from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Row, Table, select, update
from telegram.error import TimedOut

from sandbox.client import SandboxClient
from services.bot.telegram.flood_limit import LATE_WITHIN_S, ONCE, FloodLimit
from shared.batches import DeliveryFormat
from shared.clock import present
from shared.errands import ErrandKind
from shared.store import tables
from shared.store.database import Database
from tests.bot.delivery_rig import Bot, Rig
from tests.builders import ALREADY_OVER

NO_TIME: dict[str, Any] = {"read_timeout": 0.1, "write_timeout": 0.1, "connect_timeout": 0.1}


@pytest.fixture
def rig(sandbox: SandboxClient, database: Database, tmp_path: Any) -> Rig:
    return Rig(sandbox, database, tmp_path)


def deliver_after_an_edit_without_answer(rig: Rig, table: Table, row_id: int, until: Any = None) -> Row[Any]:
    """Make the announcement say something that Telegram shows when the gate opens, and then deliver."""
    rig.sandbox.arm("telegram", path="/editMessageText$", gate="late")
    [announcement] = rig.messages()

    async def scene(bot: Bot, limit: FloodLimit) -> Row[Any]:
        with suppress(TimedOut):
            place = rig.chat_id, announcement["message_id"]
            await bot.edit_message_text("still at it", *place, rate_limit_args=ONCE, **NO_TIME)
        return await rig.deliver_with(bot, limit, table, row_id, until=until)

    return rig.with_bot(scene)


def let_telegram_act_at_last(rig: Rig) -> None:
    rig.sandbox.open_gate("late")
    rig.sandbox.wait_for(lambda: "still at it" in rig.in_chat(), what="the edit that was given up")


class TestALateEdit:
    def test_of_a_batch_is_undone(self, rig: Rig) -> None:
        batch_id = rig.batch()
        deliver_after_an_edit_without_answer(rig, tables.batches, batch_id)
        told = rig.in_chat()
        let_telegram_act_at_last(rig)

        with rig.database.writing() as connection:
            [due] = connection.scalars(select(tables.removals.c.not_before)).all()
            connection.execute(update(tables.removals).values(not_before=present() + ALREADY_OVER))
        rig.deliver(tables.batches, batch_id, until=lambda _: "still at it" not in rig.in_chat())

        assert LATE_WITHIN_S / 2 < (due - present()).total_seconds() <= LATE_WITHIN_S
        assert rig.in_chat() == told
        assert "2/2" in told[0]

    @pytest.mark.parametrize(
        ("kind", "text"),
        [(ErrandKind.CHAT, "A fox is red."), (ErrandKind.CHAT, "A fox is red. " * 400), (ErrandKind.DESCRIBE, "")],
        ids=["in a message", "in several", "description"],
    )
    def test_of_an_answer_is_undone(self, rig: Rig, kind: ErrandKind, text: str) -> None:
        answer = rig.answer(text, kind=kind)
        row = deliver_after_an_edit_without_answer(
            rig, tables.errands, answer.id, until=lambda row: row.delivery_not_before is not None
        )
        told = rig.in_chat()
        let_telegram_act_at_last(rig)

        with rig.database.writing() as connection:
            connection.execute(update(tables.errands).values(delivery_not_before=present() + ALREADY_OVER))
        rig.deliver(tables.errands, answer.id)

        assert row.delivered_at is None
        assert told
        assert rig.in_chat() == told
        assert rig.calls("sendMessage").count(200) == len(told)  # The announcement, and what did not fit into it.

    @pytest.mark.parametrize("delivery_format", DeliveryFormat)
    def test_after_a_batch_is_no_reason_to_send_its_pictures_again(
        self, rig: Rig, delivery_format: DeliveryFormat
    ) -> None:
        batch_id = rig.batch(delivery_format=delivery_format)
        deliver_after_an_edit_without_answer(rig, tables.batches, batch_id)
        told = rig.in_chat()
        let_telegram_act_at_last(rig)

        with rig.database.writing() as connection:
            connection.execute(update(tables.removals).values(not_before=present() + ALREADY_OVER))
        rig.deliver(tables.batches, batch_id, until=lambda _: "still at it" not in rig.in_chat())

        assert rig.in_chat() == told
        assert rig.calls("sendMediaGroup") + rig.calls("sendDocument") == [200]

    def test_may_change_the_witness_of_an_album_which_then_tells_nothing(self, rig: Rig) -> None:
        """The change would be taken for the arrival of an album that Telegram never took."""
        batch_id = rig.batch()
        rig.sandbox.arm("telegram", path="/sendMediaGroup$", drop="before")

        row = deliver_after_an_edit_without_answer(
            rig, tables.batches, batch_id, until=lambda row: row.delivery_not_before is not None
        )
        let_telegram_act_at_last(rig)
        with rig.database.writing() as connection:
            connection.execute(update(tables.batches).values(delivery_not_before=present() + ALREADY_OVER))
        rig.deliver(tables.batches, batch_id)

        assert row.sending
        assert rig.in_chat().count("photo") == 2

    def test_that_was_answered_is_none(self, rig: Rig) -> None:
        answer = rig.answer("A fox is red.")

        row = rig.deliver(tables.errands, answer.id)

        assert row.delivery_not_before is None
