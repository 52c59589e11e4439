"""``/privacy`` and ``/deletemydata``, as people see them."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from services.bot.settings.own_data import tell
from services.bot.texts.locales import languages, say
from shared.redaction import GOOGLE
from shared.retention import Retention
from shared.store import tables
from shared.store.keys import Keys
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, EVE, GROUP, Button, Scene

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_KEEP_SENT_DAYS="3")
    yield Scene(stage)
    stage.close()


def said(outcome: Outcome) -> str:
    [values] = [values for name, values in outcome.sent if name in {"sendMessage", "editMessageText"}]
    return str(values["text"])


def buttons(outcome: Outcome) -> list[str]:
    [values] = [values for _, values in outcome.sent if "reply_markup" in values]
    return [one["callback_data"] for row in json.loads(values["reply_markup"])["inline_keyboard"] for one in row]


class TestPrivacy:
    def test_tells_what_the_owner_has_set(self, scene: Scene) -> None:
        outcome = scene.send(EVE, EVE, {"text": "/privacy"})

        assert "Files that you send: 3 days" in said(outcome)
        assert "Google is called with the owner's key, HuggingFace with the owner's key." in said(outcome)
        assert buttons(outcome) == ["mydata ask"]

    def test_tells_whose_keys_call_the_services(self, scene: Scene) -> None:
        Keys(scene.stage.database).put(
            EVE, GOOGLE, sealed="s", last_four="1234", bot_id=BOT, message_id=1, language="en"
        )

        outcome = scene.send(EVE, EVE, {"text": "/privacy"})

        assert "Google is called with your own key, HuggingFace with the owner's key." in said(outcome)

    @pytest.mark.parametrize("language", languages())
    def test_tells_the_times_in_every_language(self, language: str) -> None:
        text = tell(Retention(files=WEEK, updates=WEEK, details=WEEK, pictures=timedelta(days=90)), {}, language)

        assert "90" in text
        assert say("privacy_always", language) in text
        assert "{" not in text


class TestDeletion:
    def test_in_private_asks_twice_and_then_is_a_workers(self, scene: Scene) -> None:
        card = scene.send(ADA, ADA, {"text": "/deletemydata"})
        assert buttons(card) == ["mydata ask", "mydata keep"]
        shown = scene.said_by_bot(ADA)[-1]

        again = scene.press(ADA, "mydata ask", ADA, shown)
        last = scene.press(ADA, "mydata delete", ADA, shown)

        assert buttons(again) == ["mydata delete", "mydata keep"]
        assert said(last) == say("forget_running", "en")
        [asked] = [row for (table, _), row in last.changed.items() if table == "errands"]
        assert (asked["kind"], asked["user_id"], asked["state"]) == ("forget", ADA, "queued")
        assert json.loads(asked["shown"])["messages"] == [shown]

    def test_can_be_left(self, scene: Scene) -> None:
        scene.send(ADA, ADA, {"text": "/deletemydata"})

        left = scene.press(ADA, "mydata keep", ADA, scene.said_by_bot(ADA)[-1])

        assert said(left) == say("forget_kept", "en")
        assert not left.changed

    def test_is_not_begun_by_a_press_that_no_message_offers(self, scene: Scene) -> None:
        outcome = scene.press(BOB, "mydata delete", BOB)

        assert not [table for table, _ in outcome.changed if table == "errands"]

    def test_in_a_group_leads_to_the_private_chat(self, scene: Scene) -> None:
        assert said(scene.send(ADA, GROUP, {"text": "/deletemydata"})) == say("own_data_in_private", "en")


class TestAPictureWhoseOriginalIsGone:
    @pytest.fixture
    def button(self, scene: Scene) -> Button:
        mine = scene.jobs[f"{ADA} in {ADA}"]
        found = next(one for one in scene.buttons if one.data == f"file {mine}" and one.chat_id == ADA)
        with scene.stage.database.writing() as connection:
            connection.execute(update(tables.jobs).values(image_key=None, file_id="photo"))
        return found

    def test_tells_that_there_is_no_file_any_more(self, scene: Scene, button: Button) -> None:
        outcome = scene.press(ADA, button.data, ADA, button.message_id)

        assert outcome.answer["text"] == say("pressed_file_over", "en")

    @pytest.mark.parametrize("action", ["vary", "again"])
    def test_can_be_made_again(self, scene: Scene, button: Button, action: str) -> None:
        outcome = scene.press(ADA, button.data.replace("file", action), ADA, button.message_id)

        assert {row["state"] for (table, _), row in outcome.changed.items() if table == "jobs"} == {"queued"}

    def test_can_be_edited(self, scene: Scene, button: Button) -> None:
        outcome = scene.press(ADA, button.data.replace("file", "edit"), ADA, button.message_id)

        assert [name for name, _ in outcome.sent] == ["sendMessage"]
