"""What a batch's message says of how far it has come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.bot.batches.progress import keyboard, progress, summary
from services.bot.texts.locales import say
from shared.batches import Batch, BatchReading, BatchState, Counts, DeliveryFormat, FailedPicture
from shared.jobs import Address, Request, Sender
from tests.builders import BOT

NOW = datetime.now(UTC)
LONG = "a <fox> and a cat that sleep in the snow together"


def a_batch(state: BatchState) -> Batch:
    return Batch(1, "telegram", Address(BOT, 7, 1), Sender(7), 40, DeliveryFormat.ALBUMS, state, NOW, started_at=NOW)


def said(state: BatchState, **counts: Any) -> list[str]:
    return progress(a_batch(state), Counts(**counts), "en", NOW).splitlines()[1:]


def a_minute_ago(minutes: int = 1) -> datetime:
    return NOW - timedelta(minutes=minutes)


class TestTheSummary:
    def test_of_a_file_begins_with_its_first_ideas(self) -> None:
        reading = BatchReading(tuple(Request(idea) for idea in ("a <fox>", "x" * 100, "a cat", "a cow")))

        shown = summary(reading, None, 100, "en", preview=True).splitlines()[2:]

        assert shown == ["👀 It begins with:", "• a &lt;fox&gt;", f"• {'x' * 59}…", "• a cat"]

    @pytest.mark.parametrize(("room", "is_said"), [(100, True), (102, False), (5_000, False)])
    def test_tells_of_a_limit_that_is_near(self, room: int, is_said: bool) -> None:
        said = summary(BatchReading((Request("a fox", count=2),)), None, room, "en")

        assert (say("batch_leaves", "en", n=room - 2) in said) is is_said

    def test_of_typed_lines_does_not_repeat_them(self) -> None:
        assert "a fox" not in summary(BatchReading((Request("a fox"),)), None, 100, "en")


class TestProgress:
    def test_counts_what_is_done_failed_and_waiting(self) -> None:
        assert said(BatchState.RUNNING, finished=18, failed=2) == [
            "<code>██████████░░░░░░░░░░</code> 20/40",
            "Done: 18 · failed: 2 · waiting: 20",
        ]

    def test_tells_the_rate_of_late_and_the_time_left(self) -> None:
        lines = said(BatchState.RUNNING, finished=20, recent=11, recent_since=a_minute_ago())

        assert lines[-1] == "10 per minute, about 2 min left"

    def test_tells_no_rate_of_a_few_pictures(self) -> None:
        assert len(said(BatchState.RUNNING, finished=2, recent=2, recent_since=a_minute_ago())) == 2

    def test_tells_no_rate_while_it_is_paused(self) -> None:
        assert len(said(BatchState.PAUSED, finished=20, recent=11, recent_since=a_minute_ago())) == 2

    def test_tells_what_is_in_the_chat(self) -> None:
        assert said(BatchState.RUNNING, finished=15, home=10)[-1] == "Sent: 10 pictures"

    def test_of_a_cancelled_one_counts_what_was_painted(self) -> None:
        assert said(BatchState.CANCELLED, finished=10, cancelled=30) == [
            "<code>█████░░░░░░░░░░░░░░░</code> 10/40",
            "Done: 10 · failed: 0 · lines skipped: 0",
        ]

    def test_of_one_that_is_done_counts_the_lines_that_were_skipped_too(self) -> None:
        batch = replace(a_batch(BatchState.FINISHED), skipped=3)

        assert "Done: 38 · failed: 2 · lines skipped: 3" in progress(batch, Counts(finished=38, failed=2), "en")

    def test_tells_at_the_end_why_most_of_them_failed(self) -> None:
        lines = said(BatchState.FINISHED, finished=36, failed=4, reasons={"no_credit": 3, "bad_picture": 1})

        assert lines[2:] == ["Why 3 pictures failed:", say("no_credit", "en"), say("batch_retry_advice", "en")]

    def test_tells_which_failed_by_line_and_first_words(self) -> None:
        failures = (
            FailedPicture(3, LONG, "no_credit"),
            FailedPicture(1_007, "a cat", "bad_picture"),
        )
        counts = {"failed": 4, "reasons": {"no_credit": 3, "bad_picture": 1}, "failures": failures}

        lines = said(BatchState.FINISHED, finished=36, **counts)

        assert lines[4] == "<b>Line 3</b> · a &lt;fox&gt; and a cat that sleep in the …"
        assert lines[5] == f"<b>Line 1,007</b> · a cat: {say('bad_picture', 'en')}"
        assert lines[6] == say("batch_more_failed", "en", n=2)

    def test_does_not_advise_to_retry_what_was_refused_for_its_words(self) -> None:
        lines = said(BatchState.FINISHED, finished=38, failed=2, reasons={"picture_refused": 2})

        assert lines[-1] == say("batch_refused_advice", "en")

    def test_advises_for_what_was_refused_and_for_the_rest_where_both_failed(self) -> None:
        lines = said(BatchState.FINISHED, finished=37, failed=3, reasons={"no_credit": 2, "picture_refused": 1})

        assert lines[-2:] == [say("batch_retry_advice", "en"), say("batch_refused_advice", "en")]

    def test_of_one_that_was_cancelled_before_anything_came_says_so(self) -> None:
        assert progress(a_batch(BatchState.CANCELLED), Counts(cancelled=40), "en") == say("batch_cancelled_empty", "en")

    def test_speaks_of_the_zip_where_pictures_come_in_one(self) -> None:
        batch = replace(a_batch(BatchState.FINISHED), delivery_format=DeliveryFormat.ZIP)

        assert say("batch_in_zip", "en", n=3) in progress(batch, Counts(finished=3, home=3), "en").splitlines()

    def test_tells_no_reason_while_more_may_come(self) -> None:
        assert len(said(BatchState.RUNNING, finished=18, failed=2, reasons={"no_credit": 2})) == 2


class TestTheButtons:
    @pytest.mark.parametrize(
        ("state", "reason", "labels"),
        [
            (BatchState.FINISHED, "key_needed", [["🔁 Retry 2 failed"], ["🔑 Use my own key"]]),
            (BatchState.FINISHED, "no_credit", [["🔁 Retry 2 failed"], ["🔑 Use my own key"]]),
            (BatchState.FINISHED, "picture_refused", [["🔁 Retry 2 failed"]]),
            (BatchState.CANCELLED, "own_key_refused", [["🔑 Use my own key"]]),
            (BatchState.RUNNING, "key_needed", [["⏸ Pause", "✖️ Cancel"]]),
        ],
    )
    def test_lead_to_keys_where_these_mend_what_failed(
        self, state: BatchState, reason: str, labels: list[list[str]]
    ) -> None:
        markup = keyboard(a_batch(state), Counts(failed=2, reasons={reason: 2}), "a_bot")

        assert markup is not None
        assert [[button.text for button in row] for row in markup.inline_keyboard] == labels
