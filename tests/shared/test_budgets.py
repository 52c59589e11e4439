"""Days and months by which budgets are counted."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.budgets import Period

NIGHT = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("period", Period)
def test_the_last_of_the_year_ends_with_it(period: Period) -> None:
    assert period.seconds_left(NIGHT) == 1800


def test_they_begin_at_midnight_in_utc_wherever_it_is_asked() -> None:
    in_delhi = NIGHT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert Period.DAY.began(in_delhi) == datetime(2026, 12, 31, tzinfo=UTC)
    assert Period.MONTH.began(in_delhi) == datetime(2026, 12, 1, tzinfo=UTC)
