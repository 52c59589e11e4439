"""Styles as data: the shipped ones, and an owner's own."""

from pathlib import Path

import pytest

from shared.settings import SettingsError
from shared.styles import Style, Styles

SHIPPED = list(Styles())
HOUSE = """
[house-style]
title = "Our house style"
prose = "Painted the way we always do."
tags = "ours"
"""


@pytest.fixture
def owners_file(tmp_path: Path) -> Path:
    return tmp_path / "styles.toml"


class TestTheShippedStyles:
    def test_there_is_a_good_dozen(self):
        assert len(SHIPPED) >= 12

    @pytest.mark.parametrize("style", SHIPPED, ids=lambda style: style.name)
    def test_each_speaks_both_dialects(self, style: Style):
        assert style.words("prose") == style.prose
        assert style.words("tags") == style.tags
        assert style.prose.endswith(".")
        assert "," in style.tags
        assert "." not in style.tags
        assert style.negative

    @pytest.mark.parametrize("style", SHIPPED, ids=lambda style: style.name)
    def test_each_is_meant_by_its_name_and_by_its_title(self, style: Style):
        assert Styles().find_by_name(style.name) == Styles().find_by_name(style.title) == [style]

    @pytest.mark.parametrize("style", SHIPPED, ids=lambda style: style.name)
    def test_none_forbids_what_it_asks_for(self, style: Style):
        assert not {tag.strip() for tag in style.negative.split(",")} & {tag.strip() for tag in style.tags.split(",")}


class TestAnOwnersStyles:
    def test_come_beside_the_shipped_ones(self, owners_file: Path):
        owners_file.write_text(HOUSE, encoding="utf-8")

        styles = Styles(owners_file)

        assert styles.style("house-style") == Style(
            "house-style", "Our house style", "Painted the way we always do.", "ours"
        )
        assert styles.style("noir") == Styles().style("noir")

    def test_go_before_a_shipped_one_of_the_same_name(self, owners_file: Path):
        owners_file.write_text(HOUSE.replace("house-style", "noir"), encoding="utf-8")

        style = Styles(owners_file).style("noir")

        assert style is not None
        assert style.title == "Our house style"

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("[noir", "can't be read"),
            ("[House]\n" + HOUSE.partition("\n[house-style]\n")[2], "House"),
            ("[a]\ntitle = 'A'\nprose = 'a'", "needs title, prose and tags"),
            (HOUSE + "weight = 3", "nothing else"),
            (HOUSE + "negative = 3", "negative"),
            (HOUSE.replace('"ours"', '" "'), "tags"),
            (HOUSE.replace('"ours"', f'"{"o" * 501}"'), "500"),
            ("noir = 'dark'", "noir"),
        ],
    )
    def test_with_a_mistake_keep_us_from_starting_and_are_told(self, owners_file: Path, content: str, complaint: str):
        owners_file.write_text(content, encoding="utf-8")

        with pytest.raises(SettingsError, match=complaint) as caught:
            Styles(owners_file)

        assert str(owners_file) in str(caught.value)

    def test_that_are_not_there_keep_us_from_starting_too(self, owners_file: Path):
        with pytest.raises(SettingsError, match="can't be read"):
            Styles(owners_file)


class TestAName:
    @pytest.mark.parametrize("name", [None, "", "nothing"])
    def test_of_no_style_is_no_style(self, name: str | None):
        assert Styles().style(name) is None

    @pytest.mark.parametrize("words", ["", "?", "baroque"])
    def test_that_fits_none_means_none(self, words: str):
        assert Styles().find_by_name(words) == []
