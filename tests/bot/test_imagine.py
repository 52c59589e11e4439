"""``/imagine`` and what is like it: what is ordered, with which words, what is asked back, and what is refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from telegram import Update

from services.bot.pictures.follow_ups import FollowUps, is_follow_up
from services.bot.pictures.imagine import MAX_PARAMETERS
from services.bot.pictures.upscale import Upscale
from services.bot.telegram.incoming import Incoming
from services.bot.texts.locales import as_read, say
from shared.errands import ErrandKind
from shared.jobs import Address, Job, Parameters, Sender, State
from shared.questions import Asked, Question
from shared.store.database import Database
from tests.bot.handler_rig import ADA, BOB, GROUP, PICTURE, HandlerRig
from tests.bot.stage import BOT
from tests.builders import UNCAPPED, claim_errand

IDEA = Question(Asked.IDEA)
OTHER_USER = {"id": 555, "is_bot": False, "first_name": "Eve"}


class Rig(HandlerRig):
    """What people write, and what is ordered."""

    def __init__(self, database: Database, folder: Path, **policy: Any) -> None:
        super().__init__(database, folder, **policy)
        self.talked: list[Incoming] = []
        self.follow_ups = FollowUps(self.jobs, self.imagine, self._talk, in_groups="mention")
        self.upscale = Upscale(self.jobs, self.promise, self.files)

    async def _talk(self, asked: Incoming) -> None:
        self.talked.append(asked)

    def typed(self, words: str = "", chat: int = ADA, **content: Any) -> list[Job]:
        """What ``/imagine`` orders for Ada."""
        return self.orders_of(self.imagine.command, ADA, f"/imagine {words}".strip(), chat, **content)


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestTheCommand:
    def test_orders_the_idea_and_promises_it(self, rig: Rig) -> None:
        [job] = rig.typed("a red fox --ar 16:9 --n 1")

        assert (job.request.idea, job.request.parameters.ratio) == ("a red fox", (16, 9))
        assert (job.parent_id, job.state, job.sender.id) == (None, State.QUEUED, ADA)
        assert job.status_message_id is not None

    def test_takes_what_was_chosen_in_the_settings_where_the_words_say_nothing(self, rig: Rig) -> None:
        rig.people.choose(ADA, "en", ratio=(3, 2), as_file=True)

        [usual], [typed] = rig.typed("a red fox"), rig.typed("a red fox --ar 1:1")

        assert (usual.request.parameters.ratio, typed.request.parameters.ratio) == ((3, 2), (1, 1))
        assert typed.request.parameters.as_file

    def test_says_in_one_quiet_message_what_was_corrected(self, rig: Rig) -> None:
        rig.typed("a red fox --hd --seed 4")

        [_, hints] = rig.calls("sendMessage")
        assert hints["text"] == say("hint_skipped", "en", names="--hd")
        assert hints["disable_notification"] == "true"

    def test_that_can_not_be_read_is_refused_and_may_be_edited(self, rig: Rig) -> None:
        assert rig.typed("a red fox --ar wide") == []

        refused = say("parameter_unreadable", "en", name="--ar", value="wide", example="--ar 16:9")
        assert rig.said == [f"{refused}\n{say('edit_to_retry', 'en')}"]

    def test_in_a_full_queue_is_refused_and_not_hinted_at(self, record: Database, tmp_path: Path) -> None:
        with Rig(record, tmp_path / "images", policy=replace(UNCAPPED, queued=1, in_flight=1)) as rig:
            assert len(rig.typed("a red fox")) == 1

            assert rig.typed("a blue whale --hd") == []
            assert rig.said == [say("queue_full", "en", n=1)]


class TestWithoutAnIdea:
    def test_asks_for_it_in_private_and_remembers_that(self, rig: Rig) -> None:
        assert rig.typed() == []

        assert rig.said == [say("ask_idea", "en")]
        assert rig.asks(ADA) == IDEA

    def test_repeats_the_parameters_that_were_typed(self, rig: Rig) -> None:
        assert rig.typed("--ar 16:9") == []

        assert rig.said == [say("ask_idea_with", "en", parameters="--ar 16:9")]
        assert rig.asks(ADA) == Question(Asked.IDEA, {"parameters": "--ar 16:9"})

    def test_repeats_no_book(self, rig: Rig) -> None:
        assert rig.typed(f"--no {'fog ' * MAX_PARAMETERS}") == []

        assert rig.said == [say("idea_too_long", "en", n=MAX_PARAMETERS)]
        assert rig.asks(ADA) is None

    def test_says_that_what_it_points_at_can_not_be_looked_at(self, rig: Rig) -> None:
        story = rig.wrote("", story={"chat": {"id": 5, "type": "private"}, "id": 1})

        assert rig.typed(reply_to=story) == []
        assert rig.said == [say("unseen", "en")]
        assert rig.asks(ADA) is None


class TestTheAnswerToTheQuestion:
    def test_is_painted_with_the_parameters_of_the_question_unless_it_says_otherwise(self, rig: Rig) -> None:
        question = Question(Asked.IDEA, {"parameters": "--ar 16:9 --steps 9"})

        [job] = rig.orders_of(rig.imagine.reply, ADA, "a red fox --ar 1:1", answers=question)

        assert (job.request.parameters.ratio, job.request.parameters.steps) == ((1, 1), 9)

    @pytest.mark.parametrize("language", ["en", "pt-br", "ru"])
    def test_is_known_in_a_group_by_the_words_of_the_question(self, rig: Rig, language: str) -> None:
        asked = rig.post(GROUP, as_read(say("ask_idea_with", language, parameters="--ar 16:9")))

        [job] = rig.orders_of(rig.imagine.reply, ADA, "a red fox", GROUP, reply_to=asked)

        assert (job.request.idea, job.request.parameters.ratio) == ("a red fox", (16, 9))

    def test_takes_no_parameters_from_a_person_who_says_what_we_ask(self, rig: Rig) -> None:
        said = rig.wrote(as_read(say("ask_idea_with", "en", parameters="--ar 16:9")), GROUP)

        [job] = rig.orders_of(rig.imagine.reply, ADA, "a red fox", GROUP, reply_to=said)

        assert job.request.parameters.ratio is None

    @pytest.mark.parametrize("is_ours", [True, False])
    @pytest.mark.parametrize("key", ["ask_idea", "ask_idea_with"])
    def test_is_one_where_it_is_marked_so_or_replies_to_the_words_of_the_bot(
        self, rig: Rig, key: str, is_ours: bool
    ) -> None:
        asked = as_read(say(key, "en", **({"parameters": "--ar 16:9"} if key == "ask_idea_with" else {})))
        seen: list[bool] = []

        async def look(update: Update, _: object) -> None:
            assert update.message is not None
            seen.append(rig.imagine.is_reply(update.message, rig.bot.bot))

        rig.say(look, ADA, "a red fox", GROUP, reply_to=rig.post(GROUP, asked) if is_ours else rig.wrote(asked, GROUP))
        rig.say(look, ADA, "a red fox", **({"answers": IDEA} if is_ours else {}))

        assert seen == [is_ours, is_ours]

    def test_that_can_not_be_read_is_asked_for_again_and_can_not_be_edited(self, rig: Rig) -> None:
        assert rig.orders_of(rig.imagine.reply, ADA, "a fox --ar wide", answers=IDEA) == []

        assert say("edit_to_retry", "en") not in rig.said[0]
        assert rig.asks(ADA) == IDEA


class TestAPictureWithTheCommand:
    def test_is_what_the_words_are_to_change(self, rig: Rig) -> None:
        [job] = rig.typed("at night", **rig.a_photo())

        assert job.request.picture is not None
        assert rig.images.get(job.request.picture.key) == PICTURE.data

    def test_alone_is_enough(self, rig: Rig) -> None:
        [job] = rig.typed(**rig.a_photo())

        assert (job.request.idea, job.request.picture is not None) == ("", True)

    def test_that_is_none_is_refused(self, rig: Rig) -> None:
        file = {"file_id": "x", "file_unique_id": "x", "file_name": "a.pdf", "mime_type": "application/pdf"}

        assert rig.typed("at night", document=file) == []
        assert rig.said == [say("picture_of_wrong_type", "en")]


class TestInReply:
    def test_to_our_picture_the_words_say_what_shall_be_different(self, rig: Rig) -> None:
        before = rig.paint(rig.ask(parameters=Parameters(ratio=(16, 9), style="noir")))
        photo = rig.deliver(before)

        [job] = rig.typed("at night --style anime", reply_to=photo)

        assert (job.parent_id, job.request.idea) == (before.id, "at night")
        assert (job.request.parameters.ratio, job.request.parameters.style) == ((16, 9), "anime")

    def test_to_words_they_say_how_these_are_painted(self, rig: Rig) -> None:
        written = rig.wrote("a lighthouse in a storm", GROUP)

        [job] = rig.typed("as a woodcut", GROUP, reply_to=written)

        assert (job.request.subject, job.request.idea) == ("a lighthouse in a storm", "as a woodcut")

    def test_to_words_and_without_any_these_are_the_idea(self, rig: Rig) -> None:
        [job] = rig.typed("", GROUP, reply_to=rig.wrote("a lighthouse in a storm", GROUP))

        assert (job.request.idea, job.request.subject) == ("a lighthouse in a storm", "")

    def test_to_our_picture_they_keep_its_negative_but_neither_seed_nor_number(self, rig: Rig) -> None:
        before = rig.paint(rig.ask(parameters=Parameters(seed=7, negative="people"), count=2))

        [job] = rig.typed("at night", reply_to=rig.deliver(before))

        given = job.request.parameters
        assert (given.negative, given.seed, job.request.count) == ("people", None, 1)

    @pytest.mark.parametrize(("words", "idea"), [("a fox", "a fox"), ("", "What shall we paint?")])
    def test_to_a_post_on_which_all_comment_they_stand_alone_unless_there_are_none(
        self, rig: Rig, words: str, idea: str
    ) -> None:
        channel = {"id": -5, "type": "channel", "title": "Foxes daily"}
        post = rig.wrote("What shall we paint?", GROUP, is_automatic_forward=True, sender_chat=channel)

        [job] = rig.typed(words, GROUP, reply_to=post)

        assert (job.request.idea, job.request.subject) == (idea, "")

    def test_to_what_the_bot_says_they_stand_alone(self, rig: Rig) -> None:
        ours = rig.post(ADA, "Your queue is empty")

        [job] = rig.typed("a red fox", reply_to=ours)

        assert job.request.subject == ""

    def test_to_an_answer_of_geminis_they_say_how_it_is_painted(self, rig: Rig) -> None:
        ours = rig.post(ADA, "Foxes are red.")
        conversation = rig.conversations.of(BOT, ADA, None)
        errand, _ = rig.errands.submit(
            ErrandKind.CHAT,
            {"text": "foxes?"},
            address=Address(BOT, ADA, rig.wrote("foxes?", who=ADA)),
            sender=Sender(ADA),
            conversation_id=conversation.id,
        )
        rig.errands.finish(claim_errand(rig.database), answer="Foxes are red.", chat_model="gemini")
        rig.errands.keep_shown(errand.id, {"messages": [ours], "said": 1})

        [job] = rig.typed("as a woodcut", reply_to=ours)

        assert job.request.subject == "Foxes are red."

    def test_to_a_quotation_of_whatever_message_it_is_what_is_painted(self, rig: Rig) -> None:
        ours = rig.post(ADA, "Your queue is empty")

        [job] = rig.typed("as a woodcut", reply_to=ours, quote={"text": "empty", "position": 14})

        assert job.request.subject == "empty"

    def test_to_somebodys_photo_it_is_changed(self, rig: Rig) -> None:
        theirs = rig.wrote("", GROUP, **rig.a_photo())

        [job] = rig.typed("at night", GROUP, reply_to=theirs)

        assert job.request.picture is not None

    @pytest.mark.parametrize(
        "content",
        [
            {"story": {"chat": {"id": 5, "type": "private"}, "id": 1}},
            {"document": {"file_id": "x", "file_unique_id": "x", "file_name": "a.pdf", "mime_type": "application/pdf"}},
        ],
        ids=["a story", "a file of words"],
    )
    def test_to_what_can_not_be_looked_at_the_words_are_painted_and_that_is_said(
        self, rig: Rig, content: dict[str, Any]
    ) -> None:
        assert len(rig.typed("a red fox", reply_to=rig.wrote("", **content))) == 1
        assert rig.said[-1] == say("hint_unseen", "en")


class TestTheExample:
    def press(self, rig: Rig, **how: bool) -> list[Job]:
        before = rig.newest()
        rig.press(rig.imagine.press_example, ADA, "try", ADA, rig.post(ADA, "Hello!"), **how)
        return rig.ordered(after=before)

    def test_is_painted_for_who_pressed_as_they_like_it(self, rig: Rig) -> None:
        rig.people.choose(ADA, "en", ratio=(3, 2))

        [job] = self.press(rig)

        assert (job.request.idea, job.sender.id) == (as_read(say("ask_idea_placeholder", "en")), ADA)
        assert job.request.parameters.ratio == (3, 2)
        assert rig.answer == (say("pressed", "en"), False)

    def test_of_a_message_of_long_ago_is_answered_alone(self, rig: Rig) -> None:
        assert self.press(rig, old=True) == []
        assert rig.answer == (say("pressed", "en"), False)


class TestAFollowUp:
    def test_orders_our_picture_with_the_change(self, rig: Rig) -> None:
        before = rig.paint(rig.ask())

        [job] = rig.orders_of(rig.follow_ups.reply, ADA, "at night", reply_to=rig.deliver(before))

        assert (job.parent_id, job.request.idea) == (before.id, "at night")

    def test_to_a_picture_that_the_record_does_not_know_is_talk(self, rig: Rig) -> None:
        photo = rig.post(ADA, "a fox", **rig.a_photo())

        assert rig.orders_of(rig.follow_ups.reply, ADA, "at night", reply_to=photo) == []
        assert [one.message.text for one in rig.talked] == ["at night"]

    @pytest.mark.parametrize(
        ("text", "in_groups", "is_one"),
        [
            ("at night", "mention", False),
            ("@sandbox_bot at night", "mention", True),
            ("at night", "reply", True),
        ],
    )
    def test_in_a_group_names_the_bot_unless_its_owner_wants_otherwise(
        self, rig: Rig, text: str, in_groups: Any, is_one: bool
    ) -> None:
        photo = rig.post(GROUP, "a fox", **rig.a_photo())
        rig.say(rig.follow_ups.reply, BOB, text, GROUP, reply_to=photo)
        message = rig.talked[-1].message

        assert is_follow_up(message, rig.bot.bot, in_groups=in_groups) is is_one


class TestALargerPicture:
    def test_of_ours_starts_from_the_original(self, rig: Rig) -> None:
        before = rig.paint(rig.ask())

        [job] = rig.orders_of(rig.upscale.command, ADA, "/upscale", reply_to=rig.deliver(before))

        assert job.request.picture is not None
        assert (job.parent_id, job.request.picture.key) == (before.id, before.image_key)

    def test_of_one_that_was_sent_starts_from_what_telegram_has(self, rig: Rig) -> None:
        [job] = rig.orders_of(rig.upscale.command, ADA, "/upscale", **rig.a_photo())

        assert job.request.picture is not None
        assert rig.images.get(job.request.picture.key) == PICTURE.data
        assert job.parent_id is None

    def test_of_a_file_that_telegram_does_not_hand_out_is_refused(self, rig: Rig) -> None:
        photo = {"photo": [{"file_id": "gone", "file_unique_id": "x", "width": 64, "height": 64}]}

        assert rig.orders_of(rig.upscale.command, ADA, "/upscale", **photo) == []
        assert rig.said == [say("file_gone", "en")]
