"""Talk, ``/describe`` and the buttons under answers: what is asked of Gemini, what is stopped, drawn or refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.bot.chat.buttons import AnswerButtons
from services.bot.chat.describe import Describe
from services.bot.chat.drawings import Drawings
from services.bot.chat.handler import MAX_REPLY_UNITS, ChatHandler
from services.bot.chat.keyboards import under_answer, under_description, while_answering
from services.bot.chat.stream import AnswerStreams
from services.bot.texts.locales import say
from shared.errands import Errand, ErrandKind, ErrandResult
from shared.jobs import Job, State
from shared.questions import Asked, Question
from shared.store import tables
from shared.store.albums import Albums
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from tests.bot.handler_rig import ADA, BOB, GROUP, PICTURE, HandlerRig, a_keyboard
from tests.bot.stage import BOT
from tests.builders import claim_errand

A_FOX: ErrandResult = {"drawing": {"idea": "a red fox", "wished": False}}
SIX_FOXES: ErrandResult = {"drawing": {"idea": "a red fox", "wished": True, "count": 6}}
PROMPTS: ErrandResult = {"prompts": [{"title": "Fox", "prompt": "a fox"}, {"title": "Snow", "prompt": "a fox in snow"}]}
NOT_YOURS = say("chat_pressed_not_yours", "en")


class Rig(HandlerRig):
    """What people ask Gemini, and what has come of it."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.updates = Updates(database, BOT)
        streams = AnswerStreams(self.bot, BOT, self.errands, self.messages, self.limit)
        self.chat = ChatHandler(
            self.errands,
            self.conversations,
            self.choices,
            self.files,
            self.tickets,
            streams,
            self.updates,
            Albums(database),
        )
        drawings = Drawings(self.bot, self.choices, self.promise)
        self.under_answers = AnswerButtons(self.errands, drawings, self.messages, self.authorization)
        self.describe = Describe(
            self.errands,
            self.jobs,
            self.choices,
            self.files,
            self.tickets,
            streams,
            self.promise,
            self.authorization,
            self.questions,
        )

    def asked(self) -> list[Errand]:
        """Everything that was asked of Gemini, in order."""
        with self.database.reading() as connection:
            ids = connection.scalars(select(tables.errands.c.id).order_by(tables.errands.c.id)).all()
        return [one for one in map(self.errands.read, ids) if one is not None]

    def talk(self, text: str, chat: int = ADA, **content: Any) -> list[Errand]:
        """What is asked where Ada writes this."""
        before = {one.id for one in self.asked()}
        self.say(self.chat.ask, ADA, text, chat, **content)
        return [one for one in self.asked() if one.id not in before]

    def answered(self, result: ErrandResult | None = None, chat: int = ADA, answer: str = "Foxes are red.") -> Errand:
        """A question of Ada's with its answer."""
        [asked] = self.talk("foxes?", chat)
        self.errands.finish(claim_errand(self.database), answer=answer, result=result)
        return self.errands.read(asked.id) or asked

    def described(self) -> tuple[Errand, int]:
        """A picture of Ada's in the group, described; and the message that says so."""
        self.say(self.describe.command, ADA, "/describe", GROUP, **self.a_photo())
        [asked] = self.asked()
        self.errands.finish(claim_errand(self.database), result=PROMPTS)
        errand = self.errands.read(asked.id) or asked
        return errand, self.post(GROUP, "Two prompts", under_description(errand))

    def pressed(
        self, handle: Any, data: str, message: int, *, who: int = ADA, chat: int = ADA, old: bool = False
    ) -> list[Job]:
        """Let somebody press; returns what was ordered."""
        before = self.newest()
        self.press(handle, who, data, chat, message, old=old)
        return self.ordered(after=before)


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestTalk:
    def test_is_asked_once_whatever_comes_twice(self, rig: Rig) -> None:
        [asked] = rig.talk("foxes?", message_id=900)

        assert (asked.kind, asked.question["text"], asked.sender.id) == (ErrandKind.CHAT, "foxes?", ADA)
        assert rig.tickets.on_their_way() == 1
        assert rig.talk("foxes?", message_id=900) == []
        assert rig.tickets.on_their_way() == 1

    def test_in_reply_to_words_has_them_with_it(self, rig: Rig) -> None:
        [asked] = rig.talk("why?", reply_to=rig.wrote("fox " * MAX_REPLY_UNITS))

        assert asked.question["reply_to"].startswith("fox fox")
        assert len(asked.question["reply_to"]) <= MAX_REPLY_UNITS

    def test_brings_files_of_its_own_and_of_what_it_replies_to(self, rig: Rig) -> None:
        [asked] = rig.talk("which is nicer?", reply_to=rig.wrote("", **rig.a_photo()), **rig.a_photo())

        theirs, its_own = asked.question["attachments"]
        assert rig.images.get(its_own["key"]) == rig.images.get(theirs["key"]) == PICTURE.data
        assert its_own["message_id"] == asked.address.message_id != theirs["message_id"]

    def test_about_a_file_that_can_not_be_had_is_not_asked(self, rig: Rig) -> None:
        gone = {"photo": [{"file_id": "gone", "file_unique_id": "x", "width": 64, "height": 64}]}

        assert rig.talk("what is this?", **gone) == []
        assert rig.said == [say("file_gone", "en")]

    def test_about_what_can_not_be_looked_at_is_asked_and_that_is_said(self, rig: Rig) -> None:
        story = rig.wrote("", story={"chat": {"id": 5, "type": "private"}, "id": 1})

        assert len(rig.talk("what is this?", reply_to=story)) == 1
        assert rig.said == [say("hint_unseen_in_chat", "en")]

    def test_is_forgotten_with_new(self, rig: Rig) -> None:
        [before] = rig.talk("foxes?")
        rig.say(rig.chat.start_over, ADA, "/new")
        assert rig.said == [say("chat_new", "en")]

        [after] = rig.talk("foxes?")

        assert before.conversation_id == after.conversation_id
        assert after.id != before.id


class TestAnAlbum:
    def send(self, rig: Rig, text: str = "", **content: Any) -> list[Errand]:
        return rig.talk(text, media_group_id="12", **rig.a_photo(), **content)

    def test_is_one_question(self, rig: Rig) -> None:
        [asked] = self.send(rig, "which is nicer?")

        assert self.send(rig) == []
        read = rig.errands.read(asked.id)
        assert read is not None
        assert (read.question["text"], len(read.question["attachments"])) == ("which is nicer?", 2)

    def test_whose_caption_is_a_command_is_none(self, rig: Rig) -> None:
        number = 5_000
        caption = {"message": {"message_id": number + 1, "media_group_id": "12", "caption": "/imagine at night"}}
        rig.updates.keep([RawUpdate(1, json.dumps(caption), True, chat_id=ADA, message_id=number + 1)])

        assert self.send(rig, message_id=number) == []

    def test_whose_caption_turns_out_to_be_a_command_is_withdrawn(self, rig: Rig) -> None:
        [asked] = self.send(rig)

        rig.say(rig.chat.leave_album, ADA, "/imagine at night", media_group_id="12", **rig.a_photo())

        read = rig.errands.read(asked.id)
        assert read is None or read.state is State.CANCELLED
        assert self.send(rig) == []


class TestStop:
    def test_ends_what_is_written_for_the_sender_here(self, rig: Rig) -> None:
        [mine] = rig.talk("foxes?")

        rig.say(rig.under_answers.stop, BOB, "/stop", GROUP)
        assert rig.said == [say("chat_nothing_to_stop", "en")]
        rig.say(rig.under_answers.stop, ADA, "/stop")

        assert (rig.said, [one.state for one in rig.asked()]) == ([], [State.CANCELLED])
        assert rig.asked()[0].id == mine.id

    def test_by_a_button_asks_the_worker_that_writes(self, rig: Rig) -> None:
        [asked] = rig.talk("foxes?")
        claim_errand(rig.database)

        rig.pressed(rig.under_answers.press, f"stop {asked.id}", rig.post(ADA, "…", while_answering(asked)))

        assert rig.answer == (say("chat_pressed_stop", "en"), False)
        assert rig.asked()[0].stop_asked

    def test_of_an_answer_that_is_there_is_over(self, rig: Rig) -> None:
        errand = rig.answered()

        rig.pressed(rig.under_answers.press, f"stop {errand.id}", rig.post(ADA, "…", while_answering(errand)))

        assert rig.answer == (say("chat_pressed_over", "en"), False)

    def test_of_somebody_elses_answer_is_refused(self, rig: Rig) -> None:
        [asked] = rig.talk("foxes?", GROUP)
        message = rig.post(GROUP, "…", while_answering(asked))

        rig.pressed(rig.under_answers.press, f"stop {asked.id}", message, who=BOB, chat=GROUP)

        assert rig.answer == (NOT_YOURS, True)
        assert rig.asked()[0].state is State.QUEUED

    def test_of_a_draft_is_for_its_person(self, rig: Rig) -> None:
        [asked] = rig.talk("foxes?")
        for chat, state in ((BOB, State.QUEUED), (ADA, State.CANCELLED)):
            stopped = {"chat": {"id": chat, "type": "private"}, "draft_id": asked.id}
            rig.run(rig.under_answers.stop_draft(rig.update({"stopped_message_generation": stopped}), rig.context))

            assert rig.asked()[0].state is state


class TestDrawing:
    def test_anybody_may_order_what_an_answer_describes(self, rig: Rig) -> None:
        errand = rig.answered(A_FOX, GROUP)
        message = rig.post(GROUP, "Foxes are red.", under_answer(errand))

        [job] = rig.pressed(rig.under_answers.press, f"draw {errand.id}", message, who=BOB, chat=GROUP)

        assert (job.request.idea, job.sender.id) == ("a red fox", BOB)
        assert rig.answer == (say("pressed", "en"), False)

    def test_an_answer_that_says_nothing_of_a_picture_takes_its_words(self, rig: Rig) -> None:
        errand = rig.answered(answer="**Foxes** are\n\nred.")

        [job] = rig.pressed(rig.under_answers.press, f"draw {errand.id}", rig.post(ADA, "…", under_answer(errand)))

        assert job.request.idea == "Foxes are red."

    def test_an_answer_without_words_is_refused(self, rig: Rig) -> None:
        errand = rig.answered(answer="")

        assert rig.pressed(rig.under_answers.press, f"draw {errand.id}", rig.post(ADA, "…")) == []
        assert rig.answer == (say("pressed_unknown", "en"), False)

    @pytest.mark.parametrize(("choice", "count"), [("6", 6), ("4", 4), ("99", 6)])
    def test_many_are_as_many_as_were_chosen_and_no_more_than_were_wished(
        self, rig: Rig, choice: str, count: int
    ) -> None:
        errand = rig.answered(SIX_FOXES)
        message = rig.post(ADA, "6 pictures?", under_answer(errand))

        assert len(rig.pressed(rig.under_answers.press, f"drawmany {errand.id} {choice}", message)) == count
        assert rig.pressed(rig.under_answers.press, f"drawmany {errand.id} {choice}", message) == []

    @pytest.mark.parametrize(("result", "choice"), [(SIX_FOXES, "0"), (SIX_FOXES, "all"), (A_FOX, "4")])
    def test_many_of_what_was_not_wished_are_refused(self, rig: Rig, result: ErrandResult, choice: str) -> None:
        errand = rig.answered(result)

        assert rig.pressed(rig.under_answers.press, f"drawmany {errand.id} {choice}", rig.post(ADA, "…")) == []
        assert rig.answer == (say("pressed_unknown", "en"), False)

    def test_under_an_announcement_of_an_answer_that_is_gone_takes_it_away(self, rig: Rig) -> None:
        errand = rig.answered()
        gone = f"stop {errand.id + 7}"
        announcement = rig.post(ADA, say("chat_thinking", "en"), a_keyboard(gone))
        words = rig.post(ADA, "Foxes are red.", a_keyboard(gone))

        rig.pressed(rig.under_answers.press, gone, announcement)
        rig.pressed(rig.under_answers.press, gone, words)

        assert rig.message(ADA, announcement)["deleted"]
        assert (rig.message(ADA, words)["deleted"], rig.buttons(ADA, words)) == (False, [])


class TestDescribe:
    def test_without_a_picture_asks_for_one(self, rig: Rig) -> None:
        rig.say(rig.describe.command, ADA, "/describe")

        assert (rig.said, rig.asked()) == ([say("describe_what", "en")], [])
        assert rig.asks(ADA) == Question(Asked.PICTURE)

    def test_takes_of_our_pictures_the_original(self, rig: Rig) -> None:
        ours = rig.paint(rig.ask())

        rig.say(rig.describe.command, ADA, "/describe", reply_to=rig.deliver(ours))

        [asked] = rig.asked()
        assert (asked.kind, asked.question["picture"]["key"]) == (ErrandKind.DESCRIBE, ours.image_key)

    def test_of_a_picture_that_can_not_be_had_is_refused(self, rig: Rig) -> None:
        gone = {"photo": [{"file_id": "gone", "file_unique_id": "x", "width": 64, "height": 64}]}

        rig.say(rig.describe.command, ADA, "/describe", **gone)

        assert (rig.said, rig.asked()) == ([say("file_gone", "en")], [])

    def test_paints_the_prompt_that_is_pressed_as_it_is_and_once(self, rig: Rig) -> None:
        errand, message = rig.described()

        [job] = rig.pressed(rig.describe.press, f"like {errand.id} 2", message, chat=GROUP)

        assert (job.request.idea, job.request.parameters.raw) == ("a fox in snow", True)
        assert rig.pressed(rig.describe.press, f"like {errand.id} 2", message, chat=GROUP) == []
        assert rig.answer == (say("describe_pressed_again", "en"), False)

    def test_paints_it_again_where_nothing_came_of_it(self, rig: Rig) -> None:
        errand, message = rig.described()
        [first] = rig.pressed(rig.describe.press, f"like {errand.id} 1", message, chat=GROUP)
        rig.fail(first)

        assert len(rig.pressed(rig.describe.press, f"like {errand.id} 1", message, chat=GROUP)) == 1

    @pytest.mark.parametrize("data", ["like 9999 1", "like {} 0", "like {} 3", "like {} x"])
    def test_of_what_is_not_there_paints_nothing(self, rig: Rig, data: str) -> None:
        errand, message = rig.described()

        assert rig.pressed(rig.describe.press, data.format(errand.id), message, chat=GROUP) == []
        assert rig.answer == (say("describe_pressed_unknown", "en"), False)

    def test_is_painted_for_nobody_else(self, rig: Rig) -> None:
        errand, message = rig.described()

        assert rig.pressed(rig.describe.press, f"like {errand.id} 1", message, who=BOB, chat=GROUP) == []
        assert rig.answer == (say("describe_pressed_not_yours", "en"), True)
