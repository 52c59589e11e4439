"""What a person chose once: how it is kept, and what it does to a request."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs import Parameters, Request, Writing
from shared.preferences import Preferences

ALL = Preferences(
    chat_model="gemini-3.5-flash",
    image_model="Qwen/Qwen-Image",
    temperature=0.7,
    top_p=0.9,
    top_k=40,
    prompt_tokens=120,
    output_tokens=512,
    ratio=(16, 9),
    style="noir",
    as_file=True,
    rewriting=False,
    photos=False,
    language="pt_BR",
)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)


class TestTheKeptForm:
    def test_gives_back_what_was_chosen(self) -> None:
        assert Preferences.from_json(ALL.to_json()) == ALL

    def test_holds_nothing_that_is_usual(self) -> None:
        assert Preferences().to_json() == {}
        assert Preferences(top_k=5).to_json() == {"top_k": 5}

    def test_is_read_without_what_is_unknown_or_bad(self) -> None:
        kept = {"temperature": 7, "top_k": "many", "ratio": [16], "style": "noir", "of_a_later_version": 1}

        assert Preferences.from_json(kept) == Preferences(style="noir")

    @given(st.dictionaries(st.sampled_from(sorted(Preferences.model_fields)), json) | json)
    def test_can_be_anything(self, kept: object) -> None:
        read = Preferences.from_json(kept)

        assert Preferences.from_json(read.to_json()) == read


class TestAChoice:
    @pytest.mark.parametrize(
        "change",
        [
            {"temperature": 2.1},
            {"temperature": float("nan")},
            {"top_p": -0.1},
            {"top_k": 0},
            {"prompt_tokens": 9},
            {"output_tokens": None},
            {"colour": "blue"},
        ],
    )
    def test_that_is_none_is_refused(self, change: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="references"):
            ALL.but(**change)

    def test_leaves_the_others(self) -> None:
        assert ALL.but(top_k=None) == Preferences.from_json({**ALL.to_json(), "top_k": None})


class TestTheDefaults:
    def test_fill_in_what_the_message_did_not_fix(self) -> None:
        filled = ALL.defaults_for(Request("a fox"))

        assert filled.parameters == Parameters(
            model="Qwen/Qwen-Image", ratio=(16, 9), style="noir", raw=True, as_file=True, describe=True
        )
        assert filled.writing == Writing("gemini-3.5-flash", 0.7, 0.9, 40, 120, 512)

    def test_leave_what_it_fixed(self) -> None:
        fixed = Parameters(model="a/b", ratio=(1, 1), style="oil", seed=7, steps=3)

        assert ALL.defaults_for(Request("a fox", fixed)).parameters == replace(
            fixed, raw=True, as_file=True, describe=True
        )

    def test_give_no_ratio_to_a_size(self) -> None:
        assert ALL.defaults_for(Request("a fox", Parameters(width=512))).parameters.ratio is None

    def test_of_somebody_who_chose_nothing_leave_all_but_the_prompts_length(self) -> None:
        filled = Preferences().defaults_for(Request("a fox", count=3))

        assert filled == Request("a fox", count=3, writing=Writing(prompt_tokens=80, output_tokens=2048))
