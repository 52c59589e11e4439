"""The buttons that choose a model."""

import pytest
from builders import FOX_RECIPE
from test_captions import finished

from services.bot.pictures.keyboards import MODEL, MODELS, code_of, models, read
from services.bot.settings.menu import Menu
from services.bot.settings.models_menu import ModelsMenu
from services.bot.texts.paging import part
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.preferences import Preferences
from shared.styles import Styles

USUAL = "gemini-3.8-flash"
LONG = f"{'o' * 95}/{'n' * 96}"
SERVED = {LONG: {"providers": {}}, "Qwen/Qwen-Image": {"providers": {}}}


def refreshed() -> Catalogue:
    catalogue = Catalogue()
    catalogue.refresh(SERVED)
    return catalogue


def codes(catalogue: Catalogue) -> list[str]:
    job = finished(recipe=FOX_RECIPE)
    *rows, _back = models(job, catalogue).inline_keyboard
    pressed = [str(button.callback_data) for row in rows for button in row]
    assert all(len(data.encode()) <= 64 for data in pressed)
    read_back = [read(data) for data in pressed]
    assert all(one is not None and one[:2] == (MODEL, job.id) for one in read_back)
    return [one[2] for one in read_back if one is not None]


def test_a_model_keeps_its_button_when_its_place_changes():
    assert code_of("Qwen/Qwen-Image") in codes(Catalogue())
    assert codes(refreshed()) == [code_of("Qwen/Qwen-Image"), code_of(LONG)]


def test_no_more_are_offered_than_a_hand_can_choose_from():
    catalogue = Catalogue()
    catalogue.refresh({f"who/{number}": {"providers": {}} for number in range(40)})

    assert codes(catalogue) == [code_of(f"who/{number}") for number in range(MODELS)]


class TestSettings:
    def test_offer_what_is_served(self):
        menu = Menu(refreshed(), ChatModels(USUAL), Styles(None))
        *rows, _usual, _back = menu.page("image_model", "", Preferences(), "en", private=True)[1].inline_keyboard
        buttons = [button for row in rows for button in row]

        assert [button.text for button in buttons] == ["Qwen-Image 🟢", f"{'n' * 96} 🟢"]
        assert all(len(str(button.callback_data).encode()) <= 64 for button in buttons)
        assert menu.change("image_model", code_of(LONG), Preferences()) == {"image_model": LONG}

    def test_know_what_the_owners_chat_model_takes_and_what_the_chosen_one_does(self):
        def said(default: str, chosen: str | None) -> str:
            menu = Menu(Catalogue(), ChatModels(default), Styles(None))
            return menu.value("temperature", Preferences(chat_model=chosen, temperature=0.3), "en")

        assert said("gemini-3.5-flash", None) == "0.3"
        assert said("gemini-3.8-flash", None) == "not used by this model"
        assert said("gemini-3.8-flash", "gemini-3.5-flash") == "0.3"

    def test_have_no_preset_beyond_the_models_own_card(self):
        chat_models = ChatModels("gemini-3.5-flash")
        chat_models.refresh({"gemini-3.5-flash": {"max_temperature": 1.0, "output_tokens": 2048, "top_k": 40}})
        menu = Menu(Catalogue(), chat_models, Styles(None))

        def presets(page: str) -> list[str]:
            rows = menu.page(page, "", Preferences(), "en", private=True)[1].inline_keyboard
            return [button.text for row in rows for button in row if button.text[0].isdigit() or "✓" in button.text]

        assert presets("temperature")[-1] == "1"
        assert presets("output_tokens")[-1] == "✓ 2048"
        assert presets("top_k")[-1] == "40"
        assert menu.change("temperature", "1.5", Preferences()) is None


class TestPages:
    def test_turn_in_a_round(self):
        first, last = part(range(25), "", 10), part(range(25), "@2", 10)

        assert (list(first.things)[-1], list(last.things)) == (9, [20, 21, 22, 23, 24])
        assert [button.callback_data for button in first.turns(str)] == ["@2", "@0", "@1"]
        assert [button.callback_data for button in last.turns(str)] == ["@1", "@2", "@0"]

    def test_begin_at_what_is_chosen(self):
        assert part(range(25), "", 10, near=13).number == 1

    @pytest.mark.parametrize("choice", ["@99", "@9999999999", "@-1", "@x", "other"])
    def test_of_an_older_and_longer_list_are_mended(self, choice: str):
        assert part(range(25), choice, 10).things

    def test_are_not_there_for_a_short_list(self):
        assert part(range(10), "", 10).turns(str) == []
        assert part([], "", 10).things == []


class TestModels:
    @pytest.fixture
    def chat_models(self) -> ChatModels:
        return ChatModels(USUAL)

    def test_tell_what_a_model_can_do_and_who_serves_it(self, chat_models: ChatModels):
        catalogue = Catalogue()
        catalogue.refresh(
            {"Qwen/Qwen-Image": {"providers": {"fal-ai": "x", "replicate": "y"}}, "me/mine": {"providers": {}}}
        )

        text, _ = ModelsMenu(catalogue, chat_models).page("image", "", Preferences(), "en")

        assert "🟢 served right now by fal-ai, replicate" in text
        assert "whole sentences" in text
        assert "takes 1 to 50 steps, 30 as a rule" in text
        assert "🟢 served by this bot's owner" in text

    def test_claim_nothing_of_what_nobody_asked_about(self, chat_models: ChatModels):
        text, _ = ModelsMenu(Catalogue(), chat_models).page("image", "", Preferences(), "en")

        assert "🟢" not in text
        assert "haven't heard yet" in text

    @pytest.mark.parametrize("listed", ["image", "chat", "gone"])
    def test_fit_their_messages_and_buttons_on_every_page(self, listed: str, chat_models: ChatModels):
        menu = ModelsMenu(refreshed(), chat_models)
        text, buttons = menu.page(listed, "", Preferences(), "en")
        turns = {str(button.callback_data) for row in buttons.inline_keyboard for button in row if "/" in button.text}

        assert len(turns) <= 1
        assert len(text) < 4096
        assert all(len(str(one.callback_data).encode()) <= 64 for row in buttons.inline_keyboard for one in row)

    @pytest.mark.parametrize("listed", ["image", "chat", "gone"])
    def test_have_names_that_are_words_and_never_html(self, listed: str, chat_models: ChatModels):
        """Services name them."""
        name = "<a href='https://evil.example'>gemini</a>"
        chat_models.refresh({name: {}})
        catalogue = refreshed()
        catalogue.refresh({f"org/{name}": {"providers": {name: name}}})
        menu, settings = ModelsMenu(catalogue, chat_models), Menu(catalogue, chat_models, Styles(None))
        chosen = Preferences(chat_model=name, image_model=f"org/{name}")

        texts = [menu.page(listed, "", chosen, "en")[0]]
        texts += [
            settings.page(page, "", chosen, "en", private=True)[0] for page in ("home", "chat_model", "image_model")
        ]

        assert [text for text in texts if "<a" in text] == []

    def test_choose_by_a_tap(self, chat_models: ChatModels):
        menu = ModelsMenu(refreshed(), chat_models)

        assert menu.change("image", code_of(LONG)) == {"image_model": LONG}
        assert menu.change("chat", code_of("gemini-3.5-flash")) == {"chat_model": "gemini-3.5-flash"}
        assert menu.change("gone", code_of("black-forest-labs/FLUX.1-dev")) is None
        assert menu.change("image", code_of("nobody/knows")) is None

    def test_name_the_successors_of_those_that_are_gone(self, chat_models: ChatModels):
        text, _ = ModelsMenu(Catalogue(), chat_models).page("gone", "", Preferences(), "en")

        assert "<b>stable-diffusion-xl-base-1.0</b>" in text
        assert "🕯 its successor is" in text
