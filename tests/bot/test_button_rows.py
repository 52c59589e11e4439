"""Labels of buttons, in every language: none is cut on a narrow phone."""

from datetime import UTC, datetime

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.batches import progress as progress_lines
from services.bot.pictures import keyboards
from services.bot.settings.menu import ADVANCED, HOME, LABELS, RESET, Menu
from services.bot.settings.models_menu import CHAT, GONE, ModelsMenu
from services.bot.texts.button_rows import ROW, in_rows, is_readable, width
from services.bot.texts.locales import languages
from shared.batches import Batch, BatchState, Counts, DeliveryFormat
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.jobs import Address, Prompt, Sender
from shared.preferences import Preferences
from shared.styles import Styles
from tests.builders import BOT, RED_FOX, a_job

LONG_PROMPT = Prompt("a fox, " * 50)


def a_button(label: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data="x")


def labels(rows: list[list[InlineKeyboardButton]]) -> list[list[str]]:
    return [[button.text for button in row] for row in rows]


class TestRows:
    def test_hold_as_many_as_wanted_in_order(self) -> None:
        assert labels(in_rows([a_button(name) for name in "abcde"], 2)) == [["a", "b"], ["c", "d"], ["e"]]
        assert in_rows([], 2) == []

    def test_hold_fewer_where_a_label_is_long(self) -> None:
        long, half = "o" * (ROW // 2 + 1), "o" * (ROW // 2)

        assert labels(in_rows([a_button(one) for one in ("a", long, "b", half, half)], 2)) == [
            ["a"],
            [long],
            ["b", half],
            [half],
        ]

    @pytest.mark.parametrize(
        ("label", "letters"), [("Again", 5), ("🔁 Again", 8), ("✏️ Edit", 7), ("再来一张", 8), ("\u200fأُ", 1)]
    )
    def test_count_what_is_seen(self, label: str, letters: int) -> None:
        assert width(label) == letters


def keyboards_in(language: str) -> list[InlineKeyboardMarkup | None]:
    person = Sender(1, language)
    settings = Menu(Catalogue(), ChatModels("gemini-3.5-flash"), Styles(None))
    models = ModelsMenu(Catalogue(), ChatModels("gemini-3.5-flash"))
    return [
        *(keyboards.picture(a_job(sender=person, prompt=one), of_several=True) for one in (RED_FOX, LONG_PROMPT)),
        keyboards.ratios(a_job(sender=person)),
        keyboards.models(a_job(sender=person), Catalogue()),
        *(
            progress_lines.keyboard(
                Batch(1, "telegram", Address(BOT, 7, 1), person, 40, way, state, datetime.now(UTC)),
                Counts(failed=1_000),
                "a_bot",
            )
            for state in BatchState
            for way in DeliveryFormat
        ),
        *(
            settings.page(page, "", Preferences(), language, private=True)[1]
            for page in (HOME, ADVANCED, RESET, *LABELS)
        ),
        *(models.page(listed, "", Preferences(), language)[1] for listed in (CHAT, GONE)),
    ]


@pytest.mark.parametrize("language", languages())
def test_every_label_can_be_read(language: str) -> None:
    for keyboard in keyboards_in(language):
        for row in keyboard.inline_keyboard if keyboard else ():
            assert is_readable(list(row)), labels([list(row)])
