"""How exactly a guess is told."""

import pytest

from services.bot.texts.number_format import rounded


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, 10),
        (10.0, 10),
        (10.1, 20),
        (59.0, 60),
        (61.0, 120),
        (599.0, 600),
        (601.0, 900),
        (3_600.0, 3_600),
        (3_601.0, 5_400),
        (100_000.0, 100_800),
    ],
)
def test_a_guess_is_never_more_exact_than_it_is(seconds: float, told: int) -> None:
    assert rounded(seconds) == told
