"""Numbers of the settings, as people type them."""

import pytest

from services.bot.settings.exact_values import PRESETS, OutOfRange, Unreadable, limits, presets, read_number
from shared.chat_models import ChatModels

MODEL = ChatModels("gemini-2.5-flash").model(None)


class TestReading:
    @pytest.mark.parametrize(
        ("name", "typed", "number"),
        [
            ("temperature", "0.7", 0.7),
            ("temperature", " 0,7 ", 0.7),
            ("top_p", "1", 1.0),
            ("top_p", "١", 1.0),
            ("top_k", "+40", 40),
            ("top_k", "40.0", 40),
            ("prompt_tokens", "77", 77),
        ],
    )
    def test_a_number_is_read_as_it_is_written_anywhere(self, name: str, typed: str, number: float) -> None:
        assert read_number(name, typed, MODEL) == number

    @pytest.mark.parametrize("typed", ["", "warm", "1e3", "0.7.1", "1" * 20, "nan"])
    def test_anything_else_is_unreadable(self, typed: str) -> None:
        with pytest.raises(Unreadable):
            read_number("temperature", typed, MODEL)

    def test_half_a_token_is_unreadable(self) -> None:
        with pytest.raises(Unreadable):
            read_number("prompt_tokens", "80.5", MODEL)

    @pytest.mark.parametrize(("name", "typed"), [("temperature", "-0.1"), ("top_p", "1.01"), ("top_k", "0")])
    def test_a_number_outside_of_its_limits_is_refused(self, name: str, typed: str) -> None:
        with pytest.raises(OutOfRange):
            read_number(name, typed, MODEL)

    @pytest.mark.parametrize("name", PRESETS)
    def test_both_limits_can_be_chosen_and_nothing_beyond(self, name: str) -> None:
        least, most = limits(name, MODEL)

        assert read_number(name, f"{least:g}", MODEL) == least
        assert read_number(name, f"{most:g}", MODEL) == most
        with pytest.raises(OutOfRange):
            read_number(name, f"{most + 1:g}", MODEL)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_chosen(name: str) -> None:
    assert presets(name, MODEL)
    assert [read_number(name, f"{one:g}", MODEL) for one in presets(name, MODEL)] == presets(name, MODEL)
