"""Words → search terms, in all languages that the bot speaks."""

import pytest

from shared.search_terms import of_group, of_person, owned, terms_of, wanted_terms


def finds(search: str, text: str) -> bool:
    """Whether a search finds a text, as both databases do it."""
    terms = terms_of([text])
    wanted = wanted_terms(search)
    return bool(wanted) and all(
        any(one == term or (is_beginning and one.startswith(term)) for one in terms) for term, is_beginning in wanted
    )


class TestASearch:
    @pytest.mark.parametrize(
        ("search", "text"),
        [
            ("fox", "Two foxes in the snow"),
            ("SNOW fox", "a fox in the snow"),
            ("coração", "um coracao de gelo"),
            ("fuchs", "Ein FUCHS im Schnee"),
            ("strasse", "eine Straße im Regen"),
            ("nino", "un niño con globo"),
            ("forêt", "une foret en automne"),
            ("лис", "рыжая лисица в снегу"),
            ("ёлка", "елка в огнях"),
            ("狐狸", "一只红色狐狸在雪中"),
            ("狐", "一只红色狐狸在雪中"),
            ("红色狐狸", "一只红色狐狸在雪中"),
            ("中", "一只红色狐狸在雪中"),
            ("ثعلب", "الثعلب الأحمر في الثلج"),
            ("الثعلب", "ثعلب أحمر"),
            ("احمر", "ثعلب أحمر"),
            ("4k 狐狸", "狐狸4K壁纸"),
        ],
    )
    def test_finds_words_however_they_are_written(self, search: str, text: str) -> None:
        assert finds(search, text)

    @pytest.mark.parametrize(
        ("search", "text"),
        [("ox", "a fox"), ("fox cat", "a fox"), ("狸狐", "红色狐狸"), ("!?", "a fox"), ("", "a fox"), ("a", "apple")],
    )
    def test_finds_nothing_else(self, search: str, text: str) -> None:
        assert not finds(search, text)

    def test_can_not_name_anybody_elses_pictures(self) -> None:
        theirs = owned(of_person(7), "fox")

        assert theirs not in terms_of([theirs])
        assert not any("_" in term for term, _ in wanted_terms(theirs))
        assert len({of_person(7), of_person(-7), of_group(-7)}) == 3

    def test_holds_no_sign_that_a_database_reads(self) -> None:
        signs = "'\"*:&|!()<->\\ \0 _"

        assert wanted_terms(f"fox{signs}cat{signs}") == [("fox", True), ("cat", True)]
        assert terms_of([f"fox{signs}cat{signs}"]) == ["fox", "cat"]
