"""``/stats``: a chart with its numbers, for owners and admins alone."""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO

import pytest
from PIL import Image

from services.bot.owner.stats import MAX_CAPTION, View, buttons, read_view, tell
from services.bot.texts.locales import languages
from services.stats.drawing import Charts, NotDrawn
from shared.access import Profile, Role
from shared.child_processes import Limits
from shared.store.access import Roles
from shared.store.stats import Day, ModelUse, Stats, Times
from tests.bot.stage import Stage
from tests.bot.updates_scene import ADA, EVE, Scene

BUSY = Stats(
    tuple(Day(date(2026, 11, 1) + timedelta(days=number), 1_200, 3, 9, 9, 40_000, 50_000) for number in range(30)),
    people=12,
    waiting=Times(0.8, 42),
    painting=Times(7, 95),
    reasons={"service_busy": 80, "no_credit": 10},
    models=(ModelUse("org/model", 270, 1_200_000),),
)
LONG = Stats(BUSY.days, models=tuple(ModelUse(f"org/{number}{'m' * 180}", 1, 1) for number in range(5)))


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


@pytest.fixture
def admin(scene: Scene, roles: Roles) -> int:
    roles.decide(Profile(ADA, "Ada"), Role.ADMIN, by=None)
    return ADA


def test_a_chart_comes_and_its_buttons_change_it(scene: Scene, admin: int) -> None:
    sent = scene.send(admin, admin, {"text": "/stats 7"}).calls
    pressed = scene.press(admin, "stats 90 dark", admin).calls

    assert [name for name, _ in sent] == ["sendChatAction", "sendPhoto"]
    assert "The last 7 days" in sent[1][1]["caption"]
    assert "🖼 Created: 8 · failed: 4 · people: 3" in sent[1][1]["caption"]
    assert "stats 7 dark" in sent[1][1]["reply_markup"]
    assert [name for name, _ in pressed] == ["answerCallbackQuery", "sendChatAction", "editMessageMedia"]


def test_others_get_neither(scene: Scene, admin: int) -> None:
    scene.send(admin, admin, {"text": "/stats 7"})

    asked = [name for name, _ in scene.send(EVE, EVE, {"text": "/stats"}).calls]
    pressed = [name for name, _ in scene.press(EVE, "stats 90 dark", EVE).calls]

    assert "sendPhoto" not in asked
    assert pressed == ["answerCallbackQuery"]


@pytest.mark.parametrize(
    ("words", "view"),
    [("", View(30)), ("7", View(7)), ("dark 400", View(90, dark=True)), ("0", View(1)), ("²", View(30))],
)
def test_what_is_typed_is_read(words: str, view: View) -> None:
    assert read_view(words.split()) == view


def test_numbers_are_told_in_words() -> None:
    assert tell(BUSY, "en").splitlines() == [
        "📈 <b>The last 30 days</b> (UTC)",
        "🖼 Created: 36,000 · failed: 90 · people: 12",
        "· failed, <code>service_busy</code>: 80",
        "· failed, <code>no_credit</code>: 10",
        "⏳ Waiting time: half within 1 sec, 95% within 42 sec",
        "🎨 Creation time: half within 7 sec, 95% within 2 min",
        "💶 Estimated cost: $1.50, of which pictures: $1.20",
        "· org/model: 270 · $1.20",
    ]


@pytest.mark.parametrize("language", languages())
def test_each_language_has_words_that_fit_a_caption(language: str) -> None:
    assert len(tell(LONG, language)) <= MAX_CAPTION
    [row] = buttons(View(90), language).inline_keyboard
    assert len({button.text for button in row}) == 3


class TestCharts:
    def test_are_drawn_in_both_themes_and_outside_of_this_process(self) -> None:
        light, dark = (Charts().draw(BUSY, dark=dark) for dark in (False, True))

        with Image.open(BytesIO(light)) as one, Image.open(BytesIO(dark)) as other:
            assert one.size == other.size == (1280, 1280)
            assert one.convert("L").getpixel((2, 2)) > 200 > 100 > other.convert("L").getpixel((2, 2))
        assert "matplotlib" not in sys.modules

    def test_of_nothing_are_drawn_as_well(self) -> None:
        assert Charts().draw(Stats((Day(date(2026, 11, 1)),)))

    def test_that_take_too_long_are_told(self) -> None:
        with pytest.raises(NotDrawn):
            Charts(Limits(cpu_s=30, memory_bytes=2**30, wall_s=0.01)).draw(BUSY)
