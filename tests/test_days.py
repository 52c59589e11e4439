"""A test of what is counted by the day is begun anew where midnight fell into it, and fails otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.days import within_a_day

EVENING = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "begun"), [(0, 1), (1, 2)])
def test_a_failure_counts_unless_midnight_fell_into_it(minutes: int, begun: int) -> None:
    times = iter([EVENING, EVENING + timedelta(minutes=minutes)])
    runs = []

    def test() -> None:
        runs.append(1)
        raise AssertionError

    with pytest.raises(AssertionError):
        within_a_day(test, clock=lambda: next(times))()
    assert len(runs) == begun
