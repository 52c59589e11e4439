"""/upscale: of which picture it asks for a larger one."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.bot.texts.locales import say
from tests.bot.stage import Outcome, Stage
from tests.bot.updates_scene import ADA, Scene


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def asked_for(outcome: Outcome) -> list[dict[str, Any]]:
    return [row for key, row in outcome.after.items() if key[0] == "jobs" and key not in outcome.before]


def ours(scene: Scene) -> int:
    return scene.jobs[f"{ADA} in {ADA}"]


def test_a_button_orders_it_from_the_original(scene: Scene) -> None:
    [row] = asked_for(scene.press(ADA, f"upscale {ours(scene)}", ADA))

    assert (row["origin"], row["parent_id"], row["prompt"]) == (
        "upscale",
        ours(scene),
        "a red fox in deep snow, golden hour",
    )
    assert row["picture_key"].startswith("000000/")
    assert '"upscale": 2' in row["parameters"]
    assert (row["owner_pays"], row["estimate"]) == (0, 0)


def test_the_command_asks_which_where_it_replies_to_none(scene: Scene) -> None:
    outcome = scene.send(ADA, ADA, {"text": "/upscale"})

    assert [values["text"] for name, values in outcome.sent if name == "sendMessage"] == [say("upscale_what", "en")]
    assert asked_for(outcome) == []
