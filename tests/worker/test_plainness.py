"""Who asks for one colour and nothing else gets it; who asks for anything else gets another try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.painters.plainness import asks_for_plain


class TestAsking:
    @pytest.mark.parametrize(
        "words",
        [
            "a plain white sheet, nothing else",
            "a plain white sheet",
            "Black square",
            "solid red background",
            "a blank page",
            "An entirely black screen.",
            "Pure white image, no text, no objects, evenly lit",
            "ein leeres weißes Blatt Papier",
            "schwarzes Quadrat",
            "um fundo branco liso",
            "un cuadrado negro",
            "carré noir sur fond noir",
            "чёрный квадрат",
            "纯白色的背景",
            "مربع أسود",
        ],
    )
    def test_for_nothing_but_a_colour_is_understood(self, words: str):
        assert asks_for_plain(words)

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "a fox",
            "a fox on a plain white background",
            "a black cat in a dark room",
            "a black woman",
            "the painting Black Square by Malevich, in a museum",
            "a red car",
            "nothing but trouble",
            "white wedding",
            "a sheet of paper",
            "的一张",
            "чёрный кот",
            "黑猫",
            "a plain white sheet " * 50,
        ],
    )
    def test_for_anything_else_is_not(self, words: str):
        assert not asks_for_plain(words)

    @given(st.text(max_size=400))
    def test_whatever_is_said_there_is_an_answer(self, words: str):
        assert asks_for_plain(words) in {True, False}
