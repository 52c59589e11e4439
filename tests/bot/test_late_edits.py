"""An edit that the bot gave up may take effect after those that followed: the message says its last word once more."""

from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Row, Table, select, update
from telegram.error import TimedOut

from sandbox.client import SandboxClient
from services.bot.telegram.flood_limit import LATE_WITHIN_S, ONCE, FloodLimit
from shared.clock import present
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

    def test_of_an_answer_is_undone(self, rig: Rig) -> None:
        answer = rig.answer("A fox is red.")
        row = deliver_after_an_edit_without_answer(
            rig, tables.errands, answer.id, until=lambda row: row.delivery_not_before is not None
        )
        told = rig.in_chat()
        let_telegram_act_at_last(rig)

        with rig.database.writing() as connection:
            connection.execute(update(tables.errands).values(delivery_not_before=present() + ALREADY_OVER))
        rig.deliver(tables.errands, answer.id)

        assert row.delivered_at is None
        assert told == rig.in_chat() == ["A fox is red."]

    def test_that_was_answered_is_none(self, rig: Rig) -> None:
        answer = rig.answer("A fox is red.")

        row = rig.deliver(tables.errands, answer.id)

        assert row.delivery_not_before is None
