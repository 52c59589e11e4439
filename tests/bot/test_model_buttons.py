"""The buttons that choose a model."""

from builders import FOX_RECIPE
from test_captions import finished

from services.bot.keyboards import MODEL, MODELS, code_of, models, read
from services.bot.settings_menu import Menu
from shared.catalogue import Catalogue
from shared.preferences import Preferences
from shared.styles import Styles

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


def test_the_settings_offer_what_is_served():
    menu = Menu(refreshed(), Styles(None))
    *rows, _usual, _back = menu.keyboard("image_model", "", Preferences(), "en", private=True).inline_keyboard
    buttons = [button for row in rows for button in row]

    assert [button.text for button in buttons] == ["Qwen-Image", "n" * 96]
    assert all(len(str(button.callback_data).encode()) <= 64 for button in buttons)
    assert menu.change("image_model", code_of(LONG)) == {"image_model": LONG}
