"""A key somebody sends, wherever in a message: nobody acts on it, the message goes, its person is told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.bodies import Upload
from services.bot.texts.locales import say
from shared.redaction import HUGGINGFACE
from shared.store.keys import UNREADABLE, Keys
from shared.store.updates import RawUpdate, Updates
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, GROUP, Scene

KEY = "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"
FOUND = say("key_found", "en", service="HuggingFace")
OTHERS = "sk-proj-PERSONALpersonal0123456789"


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def with_file(name: str, caption: str = "") -> dict[str, Any]:
    return {"caption": caption, "uploads": {"document": Upload(name, "text/plain", b"some words")}}


@pytest.mark.parametrize("chat", [ADA, GROUP])
@pytest.mark.parametrize(
    "message",
    [
        {"text": f"/imagine a fox {KEY}"},
        {"text": "/imagine a fox " + "\u200b".join(KEY)},
        {"text": f"/imagine a fox {OTHERS}"},
        with_file("idea.txt", caption=f"/describe {KEY}"),
        with_file(f"{KEY}.txt", caption="/batch"),
        with_file("\u00ad".join(KEY) + ".txt", caption="/batch"),
        {
            "text": "/imagine this",
            "entities": [{"type": "text_link", "offset": 9, "length": 4, "url": f"https://x/{KEY}"}],
        },
        {"text": "/imagine this", "quote": {"text": KEY, "position": 0}},
        {"contact": {"first_name": KEY, "phone_number": "1"}},
    ],
    ids=["words", "split", "another's", "caption", "file name", "split file name", "link", "quote", "contact"],
)
def test_is_deleted_and_its_person_is_told(scene: Scene, message: dict[str, Any], chat: int) -> None:
    outcome = scene.send(ADA, chat, message)

    assert outcome.changed == {}
    assert outcome.sent[0][0] == "deleteMessage"
    # In this group the bot has no right to delete: then its person is asked to.
    told = [say("key_delete_yourself", "en"), say("key_in_words", "en")]
    if chat == ADA:
        told = [say("key_in_words", "en") if OTHERS in str(message) else FOUND]
    assert [values["text"] for _, values in outcome.sent[1:]] == told
    assert_nothing_kept(scene, outcome)


class TestOneThatNobodyAskedForInPrivate:
    def found(self, scene: Scene) -> int:
        """Its message, which the record knows sealed."""
        outcome = scene.say(ADA, KEY)
        buttons = json.loads(outcome.sent[1][1]["reply_markup"])["inline_keyboard"]
        number = int(buttons[0][0]["callback_data"].rpartition(":")[2])
        assert [button["callback_data"] for button in buttons[0]] == [f"key:use:{number}", f"key:drop:{number}"]
        body = {"message": scene.message(ADA, number) | {"text": str(scene.stage.cipher.encrypt(KEY))}}
        Updates(scene.stage.database, BOT).keep([RawUpdate(1, json.dumps(body), chat_id=ADA, message_id=number)])
        return number

    def test_is_used_where_that_is_wanted(self, scene: Scene) -> None:
        number = self.found(scene)

        outcome = scene.press(ADA, f"key:use:{number}", ADA)

        [key] = [row for (name, _), row in outcome.changed.items() if name == "keys"]
        assert (key["user_id"], key["service"], key["last_four"]) == (ADA, "huggingface", KEY[-4:])
        assert outcome.sent[-1][1]["text"] == say("key_taken", "en", service="HuggingFace")

    def test_is_forgotten_where_it_is_not(self, scene: Scene) -> None:
        number = self.found(scene)

        outcome = scene.press(ADA, f"key:drop:{number}", ADA)

        assert [row for (name, _), row in outcome.changed.items() if name == "keys"] == []
        assert outcome.sent[-1][1]["text"] == say("key_dropped", "en")
        assert "g2d-sealed" not in str(scene.stage.rows())

    def test_is_not_for_others_to_use(self, scene: Scene) -> None:
        number = self.found(scene)

        outcome = scene.press(BOB, f"key:use:{number}", ADA)

        assert outcome.changed == {}


@pytest.mark.parametrize("data", [KEY, f"again {KEY}"])
def test_in_the_data_of_a_press_does_nothing(scene: Scene, data: str) -> None:
    outcome = scene.press(ADA, data, ADA)

    assert (outcome.sent, outcome.changed) == ([], {})


def test_in_an_answer_to_our_question_is_taken_without_the_invisible_signs_in_it(scene: Scene) -> None:
    scene.press(ADA, "key:add:huggingface", ADA)
    question = scene.said_by_bot(ADA)[-1]

    outcome = scene.say(ADA, "\u2060" + "\u200b".join(KEY), reply_to_message_id=question)

    [(_, key)] = [(name, row) for (name, _), row in outcome.changed.items() if name == "keys"]
    assert key["last_four"] == KEY[-4:]
    assert scene.stage.cipher.decrypt(key["sealed"]) == KEY


def test_in_an_answer_to_our_question_for_another_is_asked_about(scene: Scene) -> None:
    scene.press(ADA, "key:add:google", ADA)
    question = scene.said_by_bot(ADA)[-1]

    outcome = scene.say(ADA, KEY, reply_to_message_id=question)

    assert [values["text"] for name, values in outcome.sent if name == "sendMessage"] == [FOUND]
    assert_nothing_kept(scene, outcome)


def test_that_the_installation_can_no_longer_read_is_told_in_the_list_alone(scene: Scene) -> None:
    keys = Keys(scene.stage.database)
    keys.put(BOB, HUGGINGFACE, sealed="sealed", last_four="KEPT", bot_id=BOT, message_id=1, language="en")
    keys.settle(keys.of(BOB)[HUGGINGFACE], UNREADABLE)

    outcome = scene.say(BOB, "/keys")

    assert say("key_unreadable", "en", last_four="KEPT") in outcome.sent[-1][1]["text"]
    assert keys.untold(BOT) == []


def assert_nothing_kept(scene: Scene, outcome: Outcome) -> None:
    for secret in (KEY, OTHERS):
        assert secret not in str(scene.stage.rows())
        assert secret not in str(outcome.calls)
