"""What a batch's message says of how far it has come."""

from datetime import UTC, datetime, timedelta
from typing import Any

from builders import BOT

from services.bot.batch_progress import progress
from shared.batches import Batch, BatchState, Counts, Way
from shared.jobs import Address, Sender

NOW = datetime.now(UTC)


def said(state: BatchState, **counts: Any) -> list[str]:
    batch = Batch(1, "telegram", Address(BOT, 7, 1), Sender(7), 40, Way.ALBUMS, state, NOW, started_at=NOW)
    return progress(batch, Counts(**counts), "en", NOW).splitlines()[1:]


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
