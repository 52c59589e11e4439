"""What people are told when a budget on the owner's keys does not suffice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from stage import Outcome, Stage
from updates_scene import EVE, Scene

from services.bot.budgets.refusals import way_out, write_refusal
from services.bot.locales import languages, say
from services.bot.texts.number_format import time_until
from shared.errors import BudgetUsedUp, QueueFull


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_USER_PICTURES_DAY="3")
    yield Scene(stage)
    stage.close()


@pytest.fixture
def scene(_scene: Scene) -> Scene:
    _scene.stage.reset()
    return _scene


def told(outcome: Outcome) -> dict[str, Any]:
    [values] = [values for name, values in outcome.sent if name == "sendMessage"]
    return dict(values)


class TestRefusals:
    def test_say_what_is_left_and_lead_to_ones_own_keys(self, scene: Scene) -> None:
        outcome = scene.send(EVE, EVE, {"text": "/imagine a red fox --n 4"})

        said = told(outcome)
        assert said["text"].startswith(say("budget_day", "en", left=3, most=3, count=4))
        [[button]] = json.loads(said["reply_markup"])["inline_keyboard"]
        assert button["url"].endswith("?start=keys")
        assert not {table for table, _ in outcome.changed} & {"jobs", "stages"}

    def test_of_batches_come_at_the_start(self, scene: Scene) -> None:
        scene.send(EVE, EVE, {"text": "/batch\none\ntwo\nthree\nfour"})
        batch = max(row["id"] for (table, _), row in scene.stage.rows().items() if table == "batches")

        outcome = scene.press(EVE, f"batch {batch} start", EVE)

        assert told(outcome)["text"].startswith(say("budget_day", "en", left=3, most=3, count=4))
        assert not {table for table, _ in outcome.changed} & {"batches", "jobs"}

    @pytest.mark.parametrize("language", languages())
    def test_tell_when_it_begins_anew(self, language: str) -> None:
        error = BudgetUsedUp("budget_month", 8 * 86_400, left=1, most=20, count=2)

        assert time_until(8 * 86_400, language) in write_refusal(error, language)

    def test_that_time_alone_mends_have_no_button(self) -> None:
        assert way_out(QueueFull(most=3), "en", "a_bot") is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(90 * 60, "1 hr 30 min"), (47.6 * 3600, "47 hr 36 min"), (5e5, "6 days")]
)
def test_long_waits_are_told_in_days(seconds: float, words: str) -> None:
    assert time_until(seconds, "en") == words
