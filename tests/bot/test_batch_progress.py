"""What a batch's message says of how far it has come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import BOT

from services.bot.batches.progress import keyboard, progress
from services.bot.locales import say
from shared.batches import Batch, BatchState, Counts, Way
from shared.jobs import Address, Sender

NOW = datetime.now(UTC)


def a_batch(state: BatchState) -> Batch:
    return Batch(1, "telegram", Address(BOT, 7, 1), Sender(7), 40, Way.ALBUMS, state, NOW, started_at=NOW)


def said(state: BatchState, **counts: Any) -> list[str]:
    return progress(a_batch(state), Counts(**counts), "en", NOW).splitlines()[1:]


def a_minute_ago(minutes: int = 1) -> datetime:
    return NOW - timedelta(minutes=minutes)


class TestProgress:
    def test_counts_what_is_done_failed_and_waiting(self) -> None:
        assert said(BatchState.RUNNING, finished=18, failed=2) == [
            "<code>██████████░░░░░░░░░░</code> 20/40",
            "Done: 18 · failed: 2 · waiting: 20",
        ]

    def test_tells_the_rate_of_late_and_the_time_left(self) -> None:
        lines = said(BatchState.RUNNING, finished=20, recent=11, recent_since=a_minute_ago())

        assert lines[-1] == "10 a minute, about 2 min left"

    def test_tells_no_rate_of_a_few_pictures(self) -> None:
        assert len(said(BatchState.RUNNING, finished=2, recent=2, recent_since=a_minute_ago())) == 2

    def test_tells_no_rate_while_it_is_paused(self) -> None:
        assert len(said(BatchState.PAUSED, finished=20, recent=11, recent_since=a_minute_ago())) == 2

    def test_tells_what_is_in_the_chat(self) -> None:
        assert said(BatchState.RUNNING, finished=15, home=10)[-1] == "In the chat: 10 pictures"

    def test_of_a_cancelled_one_counts_what_was_painted(self) -> None:
        assert said(BatchState.CANCELLED, finished=10, cancelled=30) == [
            "<code>█████░░░░░░░░░░░░░░░</code> 10/40",
            "Done: 10 · failed: 0 · waiting: 0",
        ]

    def test_tells_at_the_end_why_most_of_them_failed(self) -> None:
        lines = said(BatchState.FINISHED, finished=36, failed=4, reasons={"no_credit": 3, "bad_picture": 1})

        assert lines[2:] == ["Why 3 pictures failed:", say("no_credit", "en")]

    def test_tells_no_reason_where_each_failed_for_another(self) -> None:
        assert len(said(BatchState.FINISHED, finished=38, failed=2, reasons={"no_credit": 1, "bad_picture": 1})) == 2

    def test_tells_no_reason_while_more_may_come(self) -> None:
        assert len(said(BatchState.RUNNING, finished=18, failed=2, reasons={"no_credit": 2})) == 2


class TestTheButtons:
    @pytest.mark.parametrize(
        ("state", "reason", "labels"),
        [
            (BatchState.FINISHED, "key_needed", [["🔁 Retry 2 failed"], ["🔑 My keys"]]),
            (BatchState.FINISHED, "no_credit", [["🔁 Retry 2 failed"]]),
            (BatchState.CANCELLED, "own_key_refused", [["🔑 My keys"]]),
            (BatchState.RUNNING, "key_needed", [["⏸ Pause", "✖️ Cancel"]]),
        ],
    )
    def test_lead_to_keys_where_these_mend_what_failed(
        self, state: BatchState, reason: str, labels: list[list[str]]
    ) -> None:
        markup = keyboard(a_batch(state), Counts(failed=2, reasons={reason: 2}), "a_bot")

        assert markup is not None
        assert [[button.text for button in row] for row in markup.inline_keyboard] == labels
