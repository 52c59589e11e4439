"""Message text → request."""

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import EmptyIdea, IdeaTooLong, NoWordsInIdea, UserError
from shared.ideas import MAX_IDEA_LENGTH, read_idea

ANY_TEXT = st.text(st.characters(), max_size=1200)  # halves of surrogate pairs included


class TestAnIdea:
    @pytest.mark.parametrize(
        ("text", "idea"),
        [
            ("a red fox", "a red fox"),
            ("  a red\tfox \n in\r\nthe snow  ", "a red fox in the snow"),
            ("a\u00a0red\u2003fox\u2028in the snow", "a red fox in the snow"),
            ("a\x00 red\x07 fox\x7f", "a red fox"),
            ("a re\u00add f\u200box", "a red fox"),
            ("half a pair \ud83e of surrogates", "half a pair of surrogates"),
            ("Лиса в снегу", "Лиса в снегу"),
            ("雪の中の狐", "雪の中の狐"),
            ("ثعلب في الثلج", "ثعلب في الثلج"),
            ("می‌خواهم", "می‌خواهم"),
            ("👩‍🚀 on the moon", "👩‍🚀 on the moon"),
            ("❤️", "❤️"),
            ("🦊", "🦊"),
            ("flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
            ("<b>bold</b> & {braces} %s", "<b>bold</b> & {braces} %s"),
            ("42", "42"),
            ("cafe\u0301", "cafe\u0301"),
        ],
    )
    def test_white_space_and_invisible_characters_go_and_everything_visible_stays(self, text: str, idea: str) -> None:
        assert read_idea(text) == idea

    @given(ANY_TEXT)
    def test_it_is_one_tidy_line_that_any_database_and_any_service_takes(self, text: str) -> None:
        with contextlib.suppress(UserError):
            idea = read_idea(text)

            assert 1 <= len(idea) <= MAX_IDEA_LENGTH
            assert idea == " ".join(idea.split())
            assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in idea)
            assert idea.encode("utf-8")

    @given(ANY_TEXT)
    def test_a_tidied_idea_is_tidy(self, text: str) -> None:
        with contextlib.suppress(UserError):
            idea = read_idea(text)

            assert read_idea(idea) == idea

    @given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=50))
    def test_letters_and_digits_of_every_script_stay(self, text: str) -> None:
        assert read_idea(text) == text


class TestWhatIsNoIdea:
    @pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u00a0\u2003"])
    def test_white_space_is_empty(self, text: str) -> None:
        with pytest.raises(EmptyIdea):
            read_idea(text)

    @pytest.mark.parametrize("text", ["...", "?!", "-- –", "\x00\x01", "\u200b\u200b", "\ud800", "\u0301", "\u200d"])
    def test_punctuation_and_control_characters_are_no_words(self, text: str) -> None:
        with pytest.raises(NoWordsInIdea):
            read_idea(text)

    def test_a_thousand_characters_are_taken_and_one_more_is_not(self) -> None:
        assert read_idea("x" * MAX_IDEA_LENGTH) == "x" * MAX_IDEA_LENGTH
        with pytest.raises(IdeaTooLong):
            read_idea("x" * (MAX_IDEA_LENGTH + 1))

    def test_white_space_around_an_idea_does_not_count(self) -> None:
        assert read_idea(" " * 5000 + "a fox" + "\n" * 5000) == "a fox"

    def test_the_error_does_not_tell_the_users_words(self) -> None:
        with pytest.raises(IdeaTooLong) as caught:
            read_idea("my secret " * 200)

        assert "secret" not in str(caught.value)
