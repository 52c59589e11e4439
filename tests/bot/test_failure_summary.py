"""Why pictures failed is said once for all of them."""

import pytest

from services.bot.texts.failure_summary import main_reason, reasons_of, write_reason
from services.bot.texts.locales import say
from shared.errors import ImagineError, ServiceBusy
from shared.jobs import State
from tests.builders import a_job

BUSY = ServiceBusy.reason


def test_only_those_that_failed_are_counted() -> None:
    failed = a_job(state=State.FAILED, reason=BUSY)

    assert reasons_of([failed, failed, a_job(state=State.FINISHED), a_job(state=State.CANCELLED)]) == {BUSY: 2}


def test_one_without_a_reason_counts_as_unexpected() -> None:
    assert reasons_of([a_job(state=State.FAILED)]) == {ImagineError.reason: 1}


@pytest.mark.parametrize(
    ("reasons", "main"), [({}, None), ({"a": 1}, "a"), ({"a": 1, "b": 1}, None), ({"a": 2, "b": 1}, "a")]
)
def test_the_reason_of_more_than_half_is_the_main_one(reasons: dict[str, int], main: str | None) -> None:
    assert main_reason(reasons) == main


def test_the_main_reason_is_said_with_how_many_it_stopped() -> None:
    assert write_reason({BUSY: 3, "idea_refused": 1}, "en") == [say("failed_because", "en", n=3), say(BUSY, "en")]


def test_where_each_failed_for_another_reason_nothing_is_said() -> None:
    assert write_reason({BUSY: 1, "idea_refused": 1}, "en") == []
