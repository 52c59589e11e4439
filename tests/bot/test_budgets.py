"""What people are told when a budget on the owner's keys does not suffice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.bot.budgets.refusals import way_out, write_refusal
from services.bot.settings.models_menu import CHAT
from services.bot.telegram.callback_data import code_of
from services.bot.texts.locales import languages, say
from services.bot.texts.number_format import duration
from shared.access import Profile, Role
from shared.errors import BudgetUsedUp, QueueFull
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store.access import Roles
from shared.store.keys import Keys
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, EVE, GROUP, Scene


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_USER_PICTURES_DAY="3", G2D_CHAT_MODELS="gemini-3.5-flash")
    yield Scene(stage)
    stage.close()


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

        assert duration(8 * 86_400, language) in write_refusal(error, language)

    def test_that_time_alone_mends_have_no_button(self) -> None:
        assert way_out(QueueFull(limit=3), "en", "a_bot") is None


class TestUsage:
    def test_tells_what_is_used_and_left_and_when_it_begins_anew(self, scene: Scene) -> None:
        scene.send(EVE, EVE, {"text": "/imagine a red fox --n 2"})

        said = told(scene.send(EVE, EVE, {"text": "/usage"}))

        assert "Pictures today: 2 of 3, left: 1. Resets in " in said["text"]
        assert "Pictures this month: 2 of 500, left: 498." in said["text"]
        assert "Gemini tokens today: 0 of 500,000" in said["text"]
        assert "Spent" not in said["text"]
        assert "?start=keys" in said["reply_markup"]

    def test_tells_of_a_group_in_the_group_alone(self, scene: Scene) -> None:
        here = told(scene.send(ADA, GROUP, {"text": "/usage"}))["text"]
        alone = told(scene.send(ADA, ADA, {"text": "/usage"}))["text"]

        assert "Pictures of this group today: " in here
        assert "of this group" not in alone

    def test_tells_owners_what_the_bot_has_spent(self, scene: Scene) -> None:
        Roles(scene.stage.database, BOT).decide(Profile(EVE, "Eve"), Role.OWNER, by=None)

        said = told(scene.send(EVE, EVE, {"text": "/usage"}))

        assert say("usage_unlimited", "en") in said["text"]
        assert "Spent by this bot today: $0.00 of $30.00, this month: $0.00 of $300.00." in said["text"]
        assert "reply_markup" not in said

    def test_tells_whose_own_keys_pay_that_no_limit_holds(self, scene: Scene) -> None:
        for service in (GOOGLE, HUGGINGFACE):
            Keys(scene.stage.database).put(
                EVE, service, sealed="s", last_four="1234", bot_id=BOT, message_id=1, language="en"
            )

        said = told(scene.send(EVE, EVE, {"text": "/usage"}))

        assert [line[0] for line in said["text"].splitlines()] == ["<", "🔑", "🔑"]


class TestChatModels:
    DEAR, ALLOWED = code_of("gemini-3.1-pro-preview"), code_of("gemini-3.5-flash")

    @pytest.mark.parametrize("press", [f"models {CHAT} ", "set chat_model "])
    def test_that_the_owner_does_not_name_need_a_key_of_ones_own(self, scene: Scene, press: str) -> None:
        scene.post(EVE, "A list")

        refused = scene.press(EVE, press + self.DEAR, EVE)
        taken = scene.press(EVE, press + self.ALLOWED, EVE)

        assert refused.answer["text"] == say("chat_model_own_keys", "en")
        assert not refused.changed
        assert "users" in {table for table, _ in taken.changed}

    def test_may_all_be_chosen_by_whoever_has_one(self, scene: Scene) -> None:
        Keys(scene.stage.database).put(
            EVE, GOOGLE, sealed="s", last_four="1234", bot_id=BOT, message_id=1, language="en"
        )
        scene.post(EVE, "A list")

        taken = scene.press(EVE, f"models {CHAT} {self.DEAR}", EVE)

        assert "users" in {table for table, _ in taken.changed}


class TestBatchesBeforeTheyStart:
    def test_tell_what_they_may_cost_and_how_many_pictures_are_left(self, scene: Scene) -> None:
        said = told(scene.send(EVE, EVE, {"text": "/batch\none\ntwo"}))["text"]

        assert "about $0.0" in said
        assert say("batch_left", "en", left=3) in said
        assert say("batch_does_not_fit", "en") not in said

    def test_say_when_they_can_not(self, scene: Scene) -> None:
        said = told(scene.send(EVE, EVE, {"text": "/batch\none\ntwo --n 4"}))["text"]

        assert say("batch_does_not_fit", "en") in said
