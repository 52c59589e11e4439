"""``/settings`` shows the sheet of sample pictures where there is one, and words and buttons where there is none."""

import io
import json
from collections.abc import Iterator
from typing import Any

import PIL.Image
import pytest

from services.bot.texts.locales import say
from services.contact_sheet import SIDE, sheet_of
from shared.images import Images
from shared.samples import SampleKind, Sheet
from shared.sheets import Sheets
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, Scene

KEY = "samples/style-1.jpg"


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


@pytest.fixture
def sheets(scene: Scene) -> Iterator[Sheets]:
    """The scene's sheets: one of styles."""
    images = Images(scene.stage.settings.image_store_url)
    images.keep_sheet(KEY, sheet_of([None] * 2, ["noir", "oil"]))
    made = Sheets(images)
    made.put(Sheet(SampleKind.STYLE, KEY, ("noir", "oil")))
    yield made
    images.delete(["samples/style.json"])


def names(outcome: Outcome) -> list[str]:
    return [name for name, _ in outcome.sent]


def labels(outcome: Outcome) -> list[str]:
    rows = json.loads(outcome.sent[-1][1]["reply_markup"])["inline_keyboard"]
    return [button["text"] for row in rows for button in row]


def opened(scene: Scene) -> Outcome:
    scene.say(ADA, "/settings")
    return scene.press(ADA, "set style", ADA)


class TestAPageWithASheet:
    def test_is_a_photo_in_the_place_of_the_message_with_its_numbers_on_the_buttons(
        self, scene: Scene, sheets: Sheets
    ) -> None:
        outcome = opened(scene)

        assert names(outcome) == ["deleteMessage", "sendPhoto"]
        assert say("settings_sheet", "en") in outcome.sent[-1][1]["caption"]
        assert {"1", "2", "photo"} <= set(labels(outcome))

    def test_is_sent_by_telegrams_own_id_from_the_second_time_on(self, scene: Scene, sheets: Sheets) -> None:
        opened(scene)
        known = sheets.read(SampleKind.STYLE, BOT)

        outcome = opened(scene)

        assert known is not None
        assert outcome.sent[-1][1]["photo"] == known.file_id

    def test_is_uploaded_again_where_telegram_does_not_know_that_id(self, scene: Scene, sheets: Sheets) -> None:
        sheets.keep_file(Sheet(SampleKind.STYLE, KEY, ()), BOT, "unknown")

        outcome = opened(scene)

        assert names(outcome) == ["deleteMessage", "sendPhoto", "sendPhoto"]

    def test_takes_a_choice_and_leads_back_to_words(self, scene: Scene, sheets: Sheets) -> None:
        opened(scene)

        chosen = scene.press(ADA, "set style oil", ADA)
        back = scene.press(ADA, "set home", ADA)

        assert names(chosen) == ["editMessageCaption"]
        assert "✓ 2" in labels(chosen)
        assert names(back) == ["deleteMessage", "sendMessage"]
        assert "🖌 Style: oil" in labels(back)

    def test_is_sent_once_where_its_button_was_pressed_twice(self, scene: Scene, sheets: Sheets) -> None:
        scene.say(ADA, "/settings")
        settings = scene.said_by_bot(ADA)[-1]
        scene.press(ADA, "set style", ADA, settings)

        assert names(scene.press(ADA, "set style", ADA, settings)) == ["deleteMessage"]

    def test_is_words_where_the_sheet_is_gone_from_the_store(self, scene: Scene, sheets: Sheets) -> None:
        sheets.put(Sheet(SampleKind.STYLE, "samples/gone.jpg", ("noir", "oil")))

        assert names(opened(scene)) == ["deleteMessage", "sendMessage"]


def test_a_page_without_a_sheet_is_written_into_the_message(scene: Scene) -> None:
    outcome = opened(scene)

    assert names(outcome) == ["editMessageText"]
    assert "noir" in labels(outcome)


def test_names_stand_below_the_pictures_however_long_they_are() -> None:
    data: Any = sheet_of([None] * 4, ["oil", "a-very-long-name-of-a-model-" * 9])

    with PIL.Image.open(io.BytesIO(data)) as picture:
        assert picture.width > 3 * SIDE
