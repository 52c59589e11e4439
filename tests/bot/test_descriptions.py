"""Prompts for a picture, as one message with a button for each."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.constants import InlineKeyboardButtonLimit

from services.bot.chat.descriptions import prompts_of, write_description
from services.bot.chat.keyboards import under_description
from services.bot.texts.locales import languages
from services.bot.texts.markdown import MAX_UNITS
from services.bot.texts.utf16 import units
from services.worker.gemini.descriptions import MAX_PROMPT, MAX_TITLE, PROMPTS
from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Sender, State
from tests.builders import BOT

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


def an_errand(*prompts: tuple[str, str], language: str = "en", number: int = 5) -> Errand:
    result = {"prompts": [{"title": title, "prompt": prompt} for title, prompt in prompts]}
    address, sender = Address(BOT, 7, 1), Sender(7, language)
    return Errand(number, ErrandKind.DESCRIBE, address, sender, {}, State.FINISHED, datetime.now(UTC), result=result)


def marked(errand: Errand, kind: str) -> list[str]:
    """What is marked so in the message, as Telegram counts."""
    piece = write_description(errand)
    text = piece.text.encode("utf-16-le")
    places = [(one.offset * 2, one.length * 2) for one in piece.entities if one.type == kind]
    return [text[at : at + length].decode("utf-16-le") for at, length in places]


class TestTheMessage:
    @given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=PROMPTS))
    def test_shows_every_prompt_in_full_to_be_copied(self, prompts: list[tuple[str, str]]) -> None:
        errand = an_errand(*prompts)

        assert marked(errand, "code") == [prompt for _, prompt in prompts]
        assert marked(errand, "bold") == [f"{number}. {title}" for number, (title, _) in enumerate(prompts, 1)]

    @pytest.mark.parametrize("language", languages())
    def test_is_never_longer_than_telegram_takes(self, language: str) -> None:
        longest = ("𝕿" * MAX_TITLE, "a" * MAX_PROMPT)

        assert units(write_description(an_errand(*[longest] * PROMPTS, language=language)).text) <= MAX_UNITS

    def test_of_one_prompt_speaks_of_one(self) -> None:
        assert write_description(an_errand(("Fox", "a fox"))).text.startswith("🔎 A prompt for this picture.")


class TestTheButtons:
    def test_carry_errand_and_number_within_telegrams_limit(self) -> None:
        keyboard = under_description(an_errand(("Fox & snow", "a fox"), ("Light", "light"), number=2**63 - 1))
        assert keyboard is not None

        buttons = [row[0] for row in keyboard.inline_keyboard]
        assert [one.text for one in buttons] == ["🎨 1. Fox & snow", "🎨 2. Light"]
        assert buttons[1].callback_data == f"like {2**63 - 1} 2"
        assert len(buttons[1].callback_data) <= InlineKeyboardButtonLimit.MAX_CALLBACK_DATA

    def test_are_none_where_it_brought_nothing(self) -> None:
        assert under_description(an_errand()) is None
        assert prompts_of(an_errand()) == []
