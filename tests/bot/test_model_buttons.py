"""The buttons that choose a model."""

import pytest

from services.bot.pictures.keyboards import MODELS, models
from services.bot.settings.menu import Menu
from services.bot.settings.models_menu import ModelsMenu
from services.bot.telegram.callback_data import MODEL, code_of, read_record
from services.bot.texts.locales import say
from services.bot.texts.paging import part
from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.preferences import Preferences
from shared.styles import Styles
from tests.bot.test_captions import finished
from tests.builders import FOX_RECIPE

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
    read_back = [read_record(data) for data in pressed]
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

    @pytest.mark.parametrize("private", [True, False])
    def test_are_one_page_with_a_row_each_and_the_rest_one_tap_away(self, private: bool):
        menu = Menu(Catalogue(), ChatModels(USUAL), Styles(None))
        chosen = Preferences(ratio=(16, 9), as_file=True)

        text, keyboard = menu.page("home", "", chosen, "en", private=private)

        first = ["🎨 Image model: FLUX.1-dev", "📐 Ratio: 16:9", "🖌 Style: default", "📄 Send as file ✅"]
        language = ["🌍 Language: as in Telegram"] if private else []
        assert [[button.text for button in row] for row in keyboard.inline_keyboard] == [
            [label] for label in (*first, *language, "Advanced ›")
        ]
        assert text.count("\n") == 1

    def test_have_nothing_that_the_chosen_model_does_not_use(self):
        def pages(model: str) -> set[str]:
            menu = Menu(Catalogue(), ChatModels(model), Styles(None))
            rows = menu.page("more", "", Preferences(), "en", private=True)[1].inline_keyboard
            return {str(button.callback_data).split()[1] for row in rows for button in row}

        assert {"temperature", "top_p", "top_k"} <= pages("gemini-3.5-flash")
        assert pages("gemini-3.8-flash") == {
            "chat_model", "prompt_tokens", "output_tokens", "rewriting", "photos", "reset", "home",
        }  # fmt: skip

    def test_have_switches_that_show_their_state_and_say_what_they_will_be(self):
        menu = Menu(Catalogue(), ChatModels(USUAL), Styles(None))

        def switch(as_file: bool) -> tuple[str, object]:
            rows = menu.page("home", "", Preferences(as_file=as_file), "en", private=True)[1].inline_keyboard
            return next((one.text, one.callback_data) for row in rows for one in row if "file" in one.text)

        assert switch(False) == ("📄 Send as file ☐", "set as_file on")
        assert switch(True) == ("📄 Send as file ✅", "set as_file off")

    def test_lead_back_to_the_page_that_they_stand_on(self):
        menu = Menu(Catalogue(), ChatModels(USUAL), Styles(None))

        def back(page: str) -> object:
            return menu.page(page, "", Preferences(), "en", private=True)[1].inline_keyboard[-1][0].callback_data

        assert (back("ratio"), back("more"), back("chat_model"), back("reset")) == (
            "set home", "set home", "set more", "set more",
        )  # fmt: skip

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

        def about(model: str) -> str:
            return ModelsMenu(catalogue, chat_models).page("about", code_of(model), Preferences(), "en")[0]

        assert say("models_served", "en", providers="fal-ai, replicate") in about("Qwen/Qwen-Image")
        assert say("models_prose", "en") in about("Qwen/Qwen-Image")
        assert say("models_steps", "en", least=1, usual=30, n=50) in about("Qwen/Qwen-Image")
        assert say("models_served_here", "en") in about("me/mine")

    def test_are_a_line_each_with_speed_what_for_and_photos(self, chat_models: ChatModels):
        text, buttons = ModelsMenu(Catalogue(), chat_models).page("image", "", Preferences(), "en")

        assert "✓ <b>FLUX.1-dev</b>: detail" in text.splitlines()
        assert "<b>FLUX.1-schnell</b>: ⚡ fast · drafts" in text.splitlines()
        assert "<b>FLUX.2-dev</b>: detail · 🖼 takes photos" in text.splitlines()
        assert buttons.inline_keyboard[0][0].callback_data == f"models about {code_of('black-forest-labs/FLUX.1-dev')}"

    def test_have_a_page_each_with_the_button_that_chooses(self, chat_models: ChatModels):
        menu, qwen = ModelsMenu(Catalogue(), chat_models), code_of("Qwen/Qwen-Image")
        _, buttons = menu.page("about", qwen, Preferences(), "en")

        [[use], [back]] = buttons.inline_keyboard
        assert (use.callback_data, back.callback_data) == (f"models image {qwen}", "models image")
        assert menu.change("about", qwen) is None
        assert menu.change("image", qwen) == {"image_model": "Qwen/Qwen-Image"}

    @pytest.mark.parametrize(("words", "found"), [("flux", 4), ("qwen", 1), ("fluks", 6), ("xyzzy", 0)])
    def test_are_searched_by_a_part_of_the_name(self, words: str, found: int, chat_models: ChatModels):
        text, buttons = ModelsMenu(Catalogue(), chat_models).search(words, Preferences(), "en")

        named = [one for row in buttons.inline_keyboard for one in row if "about" in str(one.callback_data)]
        assert len(named) == found
        assert words in text

    def test_claim_nothing_of_what_nobody_asked_about(self, chat_models: ChatModels):
        flux = code_of("black-forest-labs/FLUX.1-dev")
        text, _ = ModelsMenu(Catalogue(), chat_models).page("about", flux, Preferences(), "en")

        assert "🟢" not in text
        assert say("models_state_unknown", "en") in text

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
        assert "🕯" in text
