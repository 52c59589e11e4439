"""``/settings`` and ``/models``: who may choose, which choices are taken, and what is asked for again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from telegram import InlineKeyboardMarkup

from services.bot.settings.chat_model_choice import ChatModelChoice
from services.bot.settings.handler import SettingsHandler
from services.bot.settings.menu import LABELS, Menu
from services.bot.settings.models import ModelsCommand
from services.bot.settings.models_menu import CHAT, ModelsMenu
from services.bot.settings.sheets import SheetPhotos
from services.bot.telegram.callback_data import code_of
from services.bot.texts.locales import say
from shared.budgets import Budgets
from shared.chat_models import ChatModels, shipped
from shared.preferences import Preferences
from shared.questions import Asked, Question
from shared.sheets import Sheets
from shared.store.database import Database
from shared.store.keys import Keys
from tests.bot.handler_rig import ADA, BOB, CAROL, GROUP, HandlerRig, a_keyboard
from tests.bot.stage import BOT

USUAL, DEAR, *_ = shipped()
USUAL_ONLY = Budgets(chat_models=frozenset({USUAL}))


class Rig(HandlerRig):
    """Whose owner pays for one chat model alone."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        chat_models = ChatModels(USUAL)
        may_have = ChatModelChoice(Keys(database), USUAL_ONLY)
        self.settings = SettingsHandler(
            self.people,
            self.choices,
            Menu(self.catalogue, chat_models, self.styles),
            self.authorization,
            self.questions,
            may_have,
            SheetPhotos(Sheets(self.images), self.images, BOT),
        )
        pages = ModelsMenu(self.catalogue, chat_models)
        self.models = ModelsCommand(self.people, self.choices, pages, self.authorization, may_have)

    def menu(self, chat: int = ADA, keyboard: InlineKeyboardMarkup | None = None) -> int:
        """The message with the settings."""
        return self.post(chat, "Settings", keyboard or a_keyboard("set home"))

    def chosen(self, whose: int = ADA) -> Preferences:
        return self.people.preferences(whose)

    def set(self, data: str, *, who: int = ADA, chat: int = ADA) -> None:
        """Let somebody press under the settings."""
        self.press(self.settings.press, who, f"set {data}", chat, self.menu(chat))

    def type(self, words: str, name: str, *, who: int = ADA, chat: int = ADA) -> None:
        """Let somebody answer the question for an exact value."""
        question = Question(Asked.VALUE, {"name": name, "settings": self.menu(chat)})
        self.say(self.settings.reply, who, words, chat, answers=question)


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestWho:
    def test_may_choose_for_a_group_is_its_admin(self, rig: Rig) -> None:
        for who, ratio in ((BOB, None), (CAROL, (16, 9))):
            rig.set("ratio 16:9", who=who, chat=GROUP)

            assert rig.chosen(GROUP).ratio == ratio
            assert (rig.answer == (say("settings_not_admin", "en"), True)) is (who == BOB)

    def test_may_open_the_settings_of_a_group_is_its_admin(self, rig: Rig) -> None:
        rig.say(rig.settings.command, BOB, "/settings", GROUP)
        assert rig.said == [say("settings_not_admin", "en")]

        rig.say(rig.settings.command, CAROL, "/settings", GROUP)
        assert rig.said != [say("settings_not_admin", "en")]

    def test_types_a_value_for_a_group_is_its_admin(self, rig: Rig) -> None:
        rig.type("77", "prompt_tokens", who=BOB, chat=GROUP)

        assert (rig.said, rig.chosen(GROUP).prompt_tokens) == ([say("settings_not_admin", "en")], 80)

    def test_follows_a_link_of_ours_gets_their_own_settings_in_private_alone(self, rig: Rig) -> None:
        rig.say(rig.settings.link, ADA, "/start settings-top_k-3", GROUP)
        assert rig.changes == []

        rig.say(rig.settings.link, ADA, "/start settings-top_k-3")
        assert say(LABELS["top_k"], "en") in rig.said[0]


class TestAChoice:
    def test_of_a_chat_model_that_the_owner_does_not_pay_for_is_refused(self, rig: Rig) -> None:
        rig.set(f"chat_model {code_of(DEAR)}")

        assert rig.answer == (say("chat_model_own_keys", "en"), True)
        assert rig.chosen().chat_model is None

    @pytest.mark.parametrize("data", ["ratio 16:10", "top_k many", "style nonsense", "nonsense on"])
    def test_that_is_none_changes_nothing(self, rig: Rig, data: str) -> None:
        rig.set(data)

        assert (rig.answer, rig.chosen()) == ((None, False), Preferences())

    def test_of_a_language_is_spoken_at_once(self, rig: Rig) -> None:
        menu = rig.menu()

        rig.press(rig.settings.press, ADA, "set language de", ADA, menu)

        assert rig.chosen().language == "de"
        assert say("settings_language", "de") in rig.message(ADA, menu)["text"]

    def test_of_all_that_is_usual_asks_first(self, rig: Rig) -> None:
        rig.people.choose(ADA, "en", ratio=(3, 2))

        rig.set("reset")
        assert rig.chosen().ratio == (3, 2)
        rig.set("reset sure")

        assert (rig.chosen(), rig.answer) == (Preferences(), (say("settings_reset_done", "en"), False))


class TestAnExactValue:
    def test_is_asked_for_and_that_is_written_down(self, rig: Rig) -> None:
        rig.set("top_k ask")

        question = rig.asks(ADA)
        assert question is not None
        assert (question.kind, question.about["name"]) == (Asked.VALUE, "top_k")
        assert rig.chosen().top_k is None

    def test_is_taken_and_the_settings_show_it(self, rig: Rig) -> None:
        rig.type("0,7", "temperature")

        assert rig.chosen().temperature == 0.7
        assert rig.changes == ["sendMessage", "editMessageText"]

    @pytest.mark.parametrize(("typed", "says"), [("warm", "settings_unreadable"), ("99", "settings_out_of_range")])
    def test_that_is_none_is_refused_with_its_limits_and_asked_for_again(self, rig: Rig, typed: str, says: str) -> None:
        rig.type(typed, "temperature")

        name = say("settings_temperature", "en")
        assert rig.said == [say(says, "en", name=name, least="0", most="2")]
        assert rig.asks(ADA) is not None
        assert rig.chosen().temperature is None


class TestModels:
    def press(self, rig: Rig, data: str, who: int, chat: int) -> None:
        rig.press(rig.models.press, who, data, chat, rig.post(chat, "Models", a_keyboard("models image")))

    def test_are_chosen_for_a_group_by_its_admin_and_looked_at_by_everybody(self, rig: Rig) -> None:
        model = rig.catalogue.offered()[1].id
        data = f"models image {code_of(model)}"

        self.press(rig, data, BOB, GROUP)
        assert (rig.answer, rig.chosen(GROUP).image_model) == ((say("settings_not_admin", "en"), True), None)
        self.press(rig, "models image @1", BOB, GROUP)
        assert rig.answer == (None, False)
        self.press(rig, data, CAROL, GROUP)

        assert (rig.answer, rig.chosen(GROUP).image_model) == ((say("models_chosen", "en"), False), model)

    def test_that_the_owner_does_not_pay_for_are_refused(self, rig: Rig) -> None:
        self.press(rig, f"models {CHAT} {code_of(DEAR)}", ADA, ADA)

        assert rig.answer == (say("chat_model_own_keys", "en"), True)
        assert rig.chosen().chat_model is None

    def test_are_found_by_words(self, rig: Rig) -> None:
        rig.say(rig.models.command, ADA, "/models qwen")

        assert "Qwen" in rig.said[0]
