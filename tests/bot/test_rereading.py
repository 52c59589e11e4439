"""What a request leaves open is asked about first, and nothing is written down before the answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.bot.telegram.callback_data import OfMessage, read_message
from services.bot.texts.locales import as_read, languages, say
from shared.catalogue import Catalogue
from shared.store.updates import RawUpdate, Updates
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, GROUP, Scene


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def said(outcome: Outcome) -> dict[str, Any]:
    [values] = [values for name, values in outcome.sent if name == "sendMessage"]
    return dict(values)


def buttons(outcome: Outcome) -> list[str]:
    rows = json.loads(said(outcome)["reply_markup"])["inline_keyboard"]
    return [button["callback_data"] for row in rows for button in row]


def recorded(scene: Scene, who: int, chat: int, content: dict[str, Any]) -> Outcome:
    """What comes of a message that was written down first, as all are."""
    outcome = scene.send(who, chat, content)
    number = int(buttons(outcome)[0].split()[1])
    message = {name: value for name, value in scene.message(chat, number).items() if name != "deleted"}
    body = json.dumps({"update_id": 900_000, "message": message})
    Updates(scene.stage.database, BOT).keep([RawUpdate(900_000, body, True, chat_id=chat, message_id=number)])
    return outcome


def counts(outcome: Outcome) -> list[int]:
    """For each picture that was asked for: how many its request is for."""
    return [row["pictures"] for key, row in outcome.after.items() if key[0] == "jobs" and key not in outcome.before]


@pytest.mark.parametrize("chat", [ADA, GROUP])
def test_the_question_costs_nothing_and_offers_both(scene: Scene, chat: int) -> None:
    asked = scene.send(ADA, chat, {"text": "/imagine a red fox --n 6"})

    assert said(asked)["text"] == say("many_ask", "en", n=6)
    assert [data.split()[2] for data in buttons(asked)] == ["6", "4"]
    assert not {table for table, _ in asked.changed} & {"jobs", "batches", "attempts"}


def test_the_question_tells_of_the_limit_and_the_answer_does_not_again(scene: Scene) -> None:
    asked = recorded(scene, ADA, ADA, {"text": "/imagine a red fox --n 20 --hd"})
    limit = say("hint_clamped", "en", name="--n", wished="20", taken="10")
    assert said(asked)["text"].splitlines() == [limit, say("many_ask", "en", n=10)]

    pressed = scene.press(ADA, buttons(asked)[1], ADA, scene.said_by_bot(ADA)[-1])

    texts = [values["text"] for name, values in pressed.sent if name == "sendMessage"]
    assert say("hint_skipped", "en", names="--hd") in texts
    assert not any("--n" in text for text in texts)


def test_a_refused_command_can_be_edited_and_an_answer_to_a_question_is_asked_for_again(scene: Scene) -> None:
    refused = say("parameter_unreadable", "en", name="--ar", value="wide", example="--ar 16:9")

    typed = said(scene.send(ADA, ADA, {"text": "/imagine a fox --ar wide"}))["text"]
    answered = said(scene.say(ADA, "a fox --ar wide", reply_to_message_id=asked_for_idea(scene)))

    assert typed.splitlines() == [refused, say("edit_to_retry", "en")]
    assert answered["text"] == refused


def asked_for_idea(scene: Scene) -> int:
    """The number of our question what to create."""
    scene.send(ADA, ADA, {"text": "/imagine"})
    return scene.said_by_bot(ADA)[-1]


@pytest.mark.parametrize(("typed", "nearest"), [("/imagin a fox", "/imagine"), ("/pics a fox", None)])
def test_an_unknown_command_is_named_with_one_that_is_like_it(scene: Scene, typed: str, nearest: str | None) -> None:
    command = typed.split(maxsplit=1)[0]
    near, alone = (
        say(key, "en", command=command, nearest=nearest) for key in ("unknown_command", "unknown_command_alone")
    )

    assert said(scene.send(ADA, ADA, {"text": typed}))["text"] == (near if nearest else alone)


@pytest.mark.parametrize("chat", [ADA, GROUP])
@pytest.mark.parametrize(("place", "count"), [(0, 6), (1, 4)])
def test_the_answer_has_so_many_painted(scene: Scene, chat: int, place: int, count: int) -> None:
    asked = recorded(scene, ADA, chat, {"text": "/imagine a red fox --n 6"})
    question = scene.said_by_bot(chat)[-1]

    pressed = scene.press(ADA, buttons(asked)[place], chat, question)

    assert counts(pressed) == [count] * count
    assert scene.message(chat, question)["deleted"]


def test_another_press_has_no_more_painted(scene: Scene) -> None:
    asked = recorded(scene, ADA, ADA, {"text": "/imagine a red fox --n 6"})
    question = scene.said_by_bot(ADA)[-1]
    scene.press(ADA, buttons(asked)[1], ADA, question)

    assert counts(scene.press(ADA, buttons(asked)[0], ADA, question)) == []


def test_others_in_the_group_can_not_answer(scene: Scene) -> None:
    asked = recorded(scene, ADA, GROUP, {"text": "/imagine a red fox --n 6"})
    question = scene.said_by_bot(GROUP)[-1]

    pressed = scene.press(BOB, buttons(asked)[0], GROUP, question)

    assert pressed.sent == []
    assert pressed.answer["text"] == say("pressed_not_yours", "en")
    assert counts(pressed) == []
    assert not scene.message(GROUP, question)["deleted"]


def test_a_message_that_is_forgotten_can_not_be_painted(scene: Scene) -> None:
    asked = scene.send(ADA, ADA, {"text": "/imagine a red fox --n 6"})  # handled, but not written down

    pressed = scene.press(ADA, buttons(asked)[0], ADA)

    assert pressed.answer["text"] == say("many_gone", "en")
    assert counts(pressed) == []


def test_four_need_no_question(scene: Scene) -> None:
    assert counts(scene.send(ADA, ADA, {"text": "/imagine a red fox --n 4"})) == [4] * 4


def test_a_button_of_an_earlier_version_still_counts() -> None:
    assert read_message("many 17 6") == OfMessage(17, 6)


def requests(outcome: Outcome) -> list[tuple[str, dict[str, Any]]]:
    """Idea and parameters of each picture that was asked for."""
    new = [row for key, row in outcome.after.items() if key[0] == "jobs" and key not in outcome.before]
    return [(row["idea"], json.loads(row["parameters"])) for row in new]


class TestAnUnclearName:
    def test_of_a_model_is_asked_about_with_the_nearest(self, scene: Scene) -> None:
        asked = recorded(scene, ADA, ADA, {"text": "/imagine a red fox --ar 16:9 --model fluks"})
        assert said(asked)["text"] == say("choose_model", "en", value="fluks")
        assert len(buttons(asked)) == 3

        [(idea, parameters)] = requests(scene.press(ADA, buttons(asked)[1], ADA))

        assert (idea, parameters["ratio"]) == ("a red fox", [16, 9])
        assert parameters["model"] == "black-forest-labs/FLUX.1-schnell"

    def test_of_a_style_is_asked_about_with_the_nearest(self, scene: Scene) -> None:
        asked = recorded(scene, ADA, GROUP, {"text": "/imagine a red fox --style noor"})

        assert requests(scene.press(BOB, buttons(asked)[0], GROUP)) == []
        [(idea, parameters)] = requests(scene.press(ADA, buttons(asked)[0], GROUP))

        assert (idea, parameters["style"]) == ("a red fox", "noir")

    def test_of_several_models_offers_these_alone(self, scene: Scene) -> None:
        asked = scene.send(ADA, ADA, {"text": "/imagine a red fox --model flux"})

        assert said(asked)["text"] == say("choose_one_meant", "en", value="flux")
        assert len(buttons(asked)) == len(Catalogue().find_by_name("flux"))

    def test_keeps_what_was_chosen_when_more_is_asked(self, scene: Scene) -> None:
        asked = recorded(scene, ADA, ADA, {"text": "/imagine a red fox --n 6 --model fluks"})

        which = scene.press(ADA, buttons(asked)[0], ADA)
        assert said(which)["text"] == say("many_ask", "en", n=6)
        painted = requests(scene.press(ADA, buttons(which)[1], ADA))

        assert [parameters["model"] for _, parameters in painted] == ["black-forest-labs/FLUX.1-dev"] * 4

    def test_that_is_like_none_is_answered_with_the_first_ones(self, scene: Scene) -> None:
        asked = scene.send(ADA, ADA, {"text": "/imagine a red fox --model xyzzy"})

        assert len(buttons(asked)) == 3


class TestParametersWithoutAnIdea:
    def test_in_private_hold_for_the_next_message(self, scene: Scene) -> None:
        asked = scene.send(ADA, ADA, {"text": "/imagine --n 2 --ar 16:9"})
        assert said(asked)["text"] == say("ask_idea_with", "en", parameters="--n 2 --ar 16:9")
        question = {"kind": "idea", "about": {"parameters": "--n 2 --ar 16:9"}}

        painted = requests(scene.send(ADA, ADA, {"text": "a red fox --ar 1:1", "answers_question": question}))

        assert [(idea, parameters["ratio"]) for idea, parameters in painted] == [("a red fox", [1, 1])] * 2

    @pytest.mark.parametrize("language", languages())
    def test_in_a_group_hold_for_the_reply(self, scene: Scene, language: str) -> None:
        words = as_read(say("ask_idea_with", language, parameters="--no <b> & text"))
        question = scene.post(GROUP, words)
        reply = scene.message(GROUP, question)

        [(idea, parameters)] = requests(scene.send(BOB, GROUP, {"text": "a red fox", "reply_to_message": reply}))

        assert (idea, parameters["negative"]) == ("a red fox", "<b> & text")


def test_parameters_of_an_edited_prompt_count(scene: Scene) -> None:
    job = next(row["id"] for (table, _), row in scene.stage.rows().items() if table == "jobs" and row["chat_id"] == ADA)
    answer = {"kind": "prompt", "about": {"job": job}}

    [(idea, parameters)] = requests(scene.send(ADA, ADA, {"text": "a dog --ar 16:9", "answers_question": answer}))

    assert (idea, parameters["ratio"], parameters["raw"]) == ("a dog", [16, 9], True)


@pytest.mark.parametrize("language", languages())
def test_each_language_asks(language: str) -> None:
    assert "6" in say("many_ask", language, n=6)
    assert say("button_many_all", language, n=6) != say("button_many_few", language, n=6)
