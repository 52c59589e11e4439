"""Days and months by which budgets are counted."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.budgets import Budgets, Period
from shared.jobs import Writing

NIGHT = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("period", Period)
def test_the_last_of_the_year_ends_with_it(period: Period) -> None:
    assert period.seconds_left(NIGHT) == 1800


def test_they_begin_at_midnight_in_utc_wherever_it_is_asked() -> None:
    in_delhi = NIGHT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert Period.DAY.began(in_delhi) == datetime(2026, 12, 31, tzinfo=UTC)
    assert Period.MONTH.began(in_delhi) == datetime(2026, 12, 1, tzinfo=UTC)


class TestWhatMayBeChosen:
    SOME = Budgets(chat_models=frozenset({"gemini-a", "gemini-b"}), output_tokens=1_000)

    @pytest.mark.parametrize(("model", "counts"), [("gemini-a", True), ("models/gemini-b", True), ("gemini-c", False)])
    def test_a_model_that_is_not_named_gives_way_to_the_usual_one(self, model: str, counts: bool) -> None:
        assert self.SOME.may_choose(model) is counts
        assert self.SOME.bound(Writing(model=model)).model == (model if counts else None)
        assert Budgets().bound(Writing(model=model)).model == model

    @pytest.mark.parametrize(("wished", "limit"), [(None, None), (999, 999), (65_536, 1_000)])
    def test_an_answer_is_no_longer_than_the_owner_wants(self, wished: int | None, limit: int | None) -> None:
        assert self.SOME.bound(Writing(output_tokens=wished)).output_tokens == limit
        assert Budgets().bound(Writing(output_tokens=wished)).output_tokens == wished
