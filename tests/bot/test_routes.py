"""Which handler serves which update."""

from collections.abc import Iterator
from typing import Any

import pytest
from telegram import Update

from tests.bot.stage import BOT, Stage

PRIVATE = {"id": 7, "type": "private", "first_name": "Ada"}
GROUP = {"id": -1_001_000_000_001, "type": "supergroup", "title": "Foxes"}
ADA = {"id": 7, "is_bot": False, "first_name": "Ada"}
US = {"id": BOT, "is_bot": True, "first_name": "Painter", "username": "sandbox_bot"}
DATE = 1_750_000_000
COMMANDS = {
    "/start": "QueueHandler.start",
    "/start keys": "OwnKeys.command",
    "/start help-batch": "HelpHandler.command",
    "/start help-nothing": "QueueHandler.start",
    "/start settings-ratio-5": "SettingsHandler.link",
    "/help": "HelpHandler.command",
    "/imagine a fox": "Imagine.command",
    "/img a fox": "Imagine.command",
    "/image a fox": "Imagine.command",
    "/draw a fox": "Imagine.command",
    "/paint a fox": "Imagine.command",
    "/describe": "Describe.command",
    "/batch": "BatchCommand.command",
    "/new": "ChatHandler.start_over",
    "/stop": "AnswerButtons.stop",
    "/queue": "QueueHandler.queue",
    "/cancel": "QueueHandler.cancel",
    "/settings": "SettingsHandler.command",
    "/models": "ModelsCommand.command",
    "/keys": "OwnKeys.command",
    "/privacy": "OwnData.privacy",
    "/export": "Exports.command",
    "/deletemydata": "OwnData.delete",
    "/usage": "UsageCommand.command",
    "/imagination": "HelpHandler.hint",
}
PRESSES = {
    "again 17": "ButtonsHandler.press",
    "ratio 17 16:9": "ButtonsHandler.press",
    "nonsense": "ButtonsHandler.press",
    "stop 17": "AnswerButtons.press",
    "draw 17": "AnswerButtons.press",
    "like 17 2": "Describe.press",
    "batch 17 start": "BatchCommand.press",
    "set ratio": "SettingsHandler.press",
    "models image": "ModelsCommand.press",
    "queue 7 all 0": "QueueHandler.press",
    "help batch": "HelpHandler.press",
    "help something": "ButtonsHandler.press",
    "users @0 ": "Members.turn",
    "user 7 show": "Members.person",
    "access 7 member": "Requests.press",
    "stats 30 dark": "StatsCommand.press",
    "try": "Imagine.press_example",
    "set language": "SettingsHandler.press",
    "key:add:google": "OwnKeys.press",
    "key:use:17": "OwnKeys.decide",
    "key:add:other": "ButtonsHandler.press",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


def a_message(text: str, chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    typed = text.split(maxsplit=1)[0]
    marks = [{"type": "bot_command", "offset": 0, "length": len(typed)}] if typed.startswith("/") else []
    return {"message_id": 5, "date": DATE, "chat": chat, "from": ADA, "text": text, "entities": marks} | fields


def served_by(stage: Stage, **content: Any) -> str:
    """The method that serves an update of this content; empty where none does."""
    update = Update.de_json({"update_id": 1, **content}, stage.application.bot)
    for handler in stage.application.handlers[0]:
        taken = handler.check_update(update)
        if taken is not None and taken is not False:
            return str(handler.callback.__qualname__)
    return ""


@pytest.mark.parametrize(("text", "method"), COMMANDS.items())
def test_a_command_has_its_handler(stage: Stage, text: str, method: str) -> None:
    assert served_by(stage, message=a_message(text)) == method


@pytest.mark.parametrize("text", ["/status", "/users", "/invite", "/ban @eve", "/stats"])
def test_what_is_for_owners_is_unknown_to_others(stage: Stage, text: str) -> None:
    assert served_by(stage, message=a_message(text)) == "HelpHandler.hint"


@pytest.mark.parametrize(("data", "method"), PRESSES.items())
def test_a_button_has_its_handler(stage: Stage, data: str, method: str) -> None:
    press = {"id": "1", "from": ADA, "chat_instance": "1", "data": data, "message": a_message("On it", **{"from": US})}

    assert served_by(stage, callback_query=press) == method


class TestPlainWords:
    def test_in_private_are_for_gemini(self, stage: Stage) -> None:
        assert served_by(stage, message=a_message("hello")) == "ChatHandler.ask"

    def test_in_a_group_are_nobodys(self, stage: Stage) -> None:
        assert served_by(stage, message=a_message("hello", GROUP)) == ""

    def test_that_answer_the_question_what_to_paint_are_an_idea(self, stage: Stage) -> None:
        marked = {"answers_question": {"kind": "idea", "about": {}}}

        assert served_by(stage, message=a_message("a red fox", **marked)) == "Imagine.reply"

    def test_that_answer_a_question_for_a_number_are_one(self, stage: Stage) -> None:
        marked = {"answers_question": {"kind": "value", "about": {"name": "top_p", "settings": 4}}}

        assert served_by(stage, message=a_message("0.5", **marked)) == "SettingsHandler.reply"

    def test_that_reply_to_a_picture_of_ours_change_it(self, stage: Stage) -> None:
        photo = [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9}]
        picture = {"message_id": 4, "date": DATE, "chat": PRIVATE, "from": US, "photo": photo}

        assert served_by(stage, message=a_message("make it blue", reply_to_message=picture)) == "FollowUps.reply"

    def test_with_a_key_in_them_are_seen_by_no_other_handler(self, stage: Stage) -> None:
        sealed = str(stage.cipher.encrypt("AIza" + "x" * 35))  # pragma: allowlist secret

        assert served_by(stage, message=a_message(f"/imagine {sealed}")) == "OwnKeys.receive"

    def test_that_were_edited_are_looked_at_anew(self, stage: Stage) -> None:
        assert served_by(stage, edited_message=a_message("hello", edit_date=DATE + 5)) == "Edits.handle"


def test_a_drafts_own_stop_button_has_its_handler(stage: Stage) -> None:
    stopped = {"chat": PRIVATE, "draft_id": 17}

    assert served_by(stage, stopped_message_generation=stopped) == "AnswerButtons.stop_draft"


def test_a_message_that_a_channel_forwards_by_itself_is_left_alone(stage: Stage) -> None:
    assert served_by(stage, message=a_message("hello", GROUP, is_automatic_forward=True)) == "leave_alone"
