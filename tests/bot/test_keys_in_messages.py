"""A key somebody sends, wherever in a message: nobody acts on it, the message goes, its person is told."""

from collections.abc import Iterator
from typing import Any

import pytest
from stage import Outcome, Stage
from updates_scene import ADA, GROUP, Scene

from sandbox.bodies import Upload
from services.bot.locales import say

KEY = "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"
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
    told = ["key_in_words"] if chat == ADA else ["key_delete_yourself", "key_in_words"]
    assert [values["text"] for _, values in outcome.sent[1:]] == [say(one, "en") for one in told]
    assert_nothing_kept(scene, outcome)


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
    assert scene.stage.box.unseal(key["sealed"]) == KEY


def assert_nothing_kept(scene: Scene, outcome: Outcome) -> None:
    for secret in (KEY, OTHERS):
        assert secret not in str(scene.stage.rows())
        assert secret not in str(outcome.calls)
