"""The buttons under pictures: who may press, what a press orders, shows or deletes, and what it is answered with."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bot.pictures import keyboards
from services.bot.pictures.buttons import MAX_PROMPT_SHOWN, MENTION, ButtonsHandler
from services.bot.telegram.callback_data import code_of
from services.bot.texts.locales import as_read, say
from shared.jobs import STRENGTHS, Job, Parameters, Picture, State
from shared.questions import Asked, Question
from shared.store.database import Database
from shared.store.history import History
from tests.bot.handler_rig import ADA, BOB, CAROL, GROUP, HandlerRig, a_keyboard
from tests.builders import FOX_RECIPE, RED_FOX

UNKNOWN, NOT_YOURS, PRESSED = (say(key, "en") for key in ("pressed_unknown", "pressed_not_yours", "pressed"))


class Rig(HandlerRig):
    """Ada's pictures, and what presses come to."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.handler = ButtonsHandler(
            self.jobs,
            self.images,
            self.catalogue,
            self.styles,
            self.orders,
            self.promise,
            self.messages,
            self.authorization,
            self.questions,
        )

    def a_picture(self, chat: int = ADA, **request: object) -> tuple[Job, int]:
        """One that was delivered, and the message that it came with."""
        job = self.paint(self.ask(chat=chat, **request))
        return job, self.deliver(job)

    def pressed(self, data: str, message: int, *, who: int = ADA, chat: int = ADA, old: bool = False) -> list[Job]:
        """Let somebody press; returns what was ordered."""
        before = self.newest()
        self.press(self.handler.press, who, data, chat, message, old=old)
        return self.ordered(after=before)

    def edited(self, text: str, *, who: int = ADA, chat: int = ADA, **content: object) -> list[Job]:
        """Let somebody answer our question for another prompt; returns what was ordered."""
        before = self.newest()
        self.say(self.handler.edited, who, text, chat, **content)
        return self.ordered(after=before)


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestAPressThatStandsForNothing:
    @pytest.mark.parametrize("data", ["again", "again 9999", "dance {}"])
    def test_is_answered_and_takes_the_dead_buttons_away(self, rig: Rig, data: str) -> None:
        job, _ = rig.a_picture()
        data = data.format(job.id)
        words = rig.post(ADA, "Your picture", a_keyboard(data))

        assert rig.pressed(data, words) == []
        assert rig.answer == (UNKNOWN, False)
        assert rig.message(ADA, words)["deleted"]

    def test_of_a_picture_that_was_removed_leaves_the_photo_without_buttons(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        History(rig.database, job.address.bot_id).remove(job.id)

        assert rig.pressed(f"again {job.id}", photo) == []
        assert rig.answer == (UNKNOWN, False)
        assert not rig.message(ADA, photo)["deleted"]
        assert rig.buttons(ADA, photo) == []


class TestWho:
    def test_else_presses_in_the_group_may_not_delete(self, rig: Rig) -> None:
        job, photo = rig.a_picture(GROUP)

        assert rig.pressed(f"delete {job.id} now", photo, who=BOB, chat=GROUP) == []
        assert rig.answer == (NOT_YOURS, True)
        assert not rig.message(GROUP, photo)["deleted"]

    def test_is_admin_of_the_group_may_delete(self, rig: Rig) -> None:
        job, photo = rig.a_picture(GROUP)

        rig.pressed(f"delete {job.id} now", photo, who=CAROL, chat=GROUP)

        assert rig.message(GROUP, photo)["deleted"]

    def test_presses_in_another_chat_is_refused_and_the_button_goes(self, rig: Rig) -> None:
        job, _ = rig.a_picture(GROUP)
        forwarded = rig.post(BOB, "A picture", keyboards.picture(job))

        assert rig.pressed(f"file {job.id}", forwarded, who=BOB, chat=BOB) == []
        assert rig.answer == (NOT_YOURS, True)
        assert rig.message(BOB, forwarded)["deleted"]


class TestOrders:
    def test_again_is_the_same_prompt_with_another_seed(self, rig: Rig) -> None:
        job, photo = rig.a_picture(parameters=Parameters(seed=5, ratio=(16, 9)))

        [order] = rig.pressed(f"again {job.id}", photo)

        assert rig.answer == (PRESSED, False)
        assert (order.parent_id, order.origin, order.prompt) == (job.id, "again", job.prompt)
        assert order.request.parameters == Parameters(seed=None, ratio=(16, 9))
        assert order.status_message_id is not None

    def test_again_is_one_picture_until_that_has_come(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        [first] = rig.pressed(f"again {job.id}", photo)

        assert rig.pressed(f"again {job.id}", photo) == []
        assert rig.answer == (PRESSED, False)
        rig.paint(first)
        assert len(rig.pressed(f"again {job.id}", photo)) == 1

    def test_a_variation_is_four_that_gemini_writes_anew(self, rig: Rig) -> None:
        job, photo = rig.a_picture(parameters=Parameters(raw=True))

        orders = rig.pressed(f"vary {job.id}", photo)

        assert [one.number for one in orders] == [0, 1, 2, 3]
        assert not orders[0].request.parameters.raw

    def test_a_ratio_keeps_the_seed_and_closes_the_list(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        assert rig.pressed(f"ratio {job.id}", photo) == []
        assert rig.buttons(ADA, photo)[0] == f"ratio {job.id} 1:1"
        [order] = rig.pressed(f"ratio {job.id} 16:9", photo)

        assert (order.request.parameters.ratio, order.request.parameters.seed) == ((16, 9), FOX_RECIPE.seed)
        assert rig.buttons(ADA, photo)[0] == f"again {job.id}"

    @pytest.mark.parametrize("data", ["ratio {} 5:1", "model {} 0123456789ab"])
    def test_a_choice_that_is_none_opens_the_list(self, rig: Rig, data: str) -> None:
        job, photo = rig.a_picture()

        assert rig.pressed(data.format(job.id), photo) == []
        assert rig.answer == (None, False)
        assert rig.buttons(ADA, photo)[0].startswith(data.partition(" ")[0])

    def test_another_model_paints_with_the_same_seed(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        model = rig.catalogue.offered()[1].id

        [order] = rig.pressed(f"model {job.id} {code_of(model)}", photo)

        assert (order.request.parameters.model, order.request.parameters.seed) == (model, FOX_RECIPE.seed)

    def test_from_a_list_that_telegram_shows_no_more_keep_it_as_it_is(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        assert len(rig.pressed(f"ratio {job.id} 16:9", photo, old=True)) == 1
        assert "editMessageReplyMarkup" not in rig.changes
        assert not rig.calls("sendPhoto")

    def test_a_larger_one_starts_from_the_file(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        [order] = rig.pressed(f"upscale {job.id}", photo)

        assert order.request.picture == Picture(job.image_key or "", "image/jpeg")
        assert (order.origin, order.request.parameters.as_file) == ("upscale", True)

    def test_a_larger_one_of_no_picture_is_refused(self, rig: Rig) -> None:
        failed = rig.fail(rig.ask())
        words = rig.post(ADA, "It failed.", a_keyboard(f"upscale {failed.id}"))

        assert rig.pressed(f"upscale {failed.id}", words) == []
        assert rig.answer == (say("pressed_no_file", "en"), True)

    def test_another_strength_goes_to_the_model_that_painted(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        strength = next(iter(STRENGTHS))

        assert rig.pressed(f"strength {job.id} enormous", photo) == []
        assert rig.answer == (None, False)
        [order] = rig.pressed(f"strength {job.id} {strength}", photo)

        assert (order.request.parameters.strength, order.request.parameters.model) == (strength, FOX_RECIPE.model)


class TestTheRest:
    def test_of_several_is_what_failed(self, rig: Rig) -> None:
        first = rig.paint(rig.ask(count=2))
        rig.fail(rig.jobs.siblings(first)[1])
        words = rig.post(ADA, "1 of 2", keyboards.several(rig.jobs.siblings(first), "sandbox_bot"))

        [order] = rig.pressed(f"rest {first.id}", words)

        assert (order.parent_id, order.origin, order.prompt) == (first.id, "rest", first.prompt)
        assert f"rest {first.id}" in rig.buttons(ADA, words)

    def test_of_a_request_in_which_nothing_failed_is_nothing(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        assert rig.pressed(f"rest {job.id}", photo) == []
        assert (rig.answer, rig.changes) == ((None, False), [])

    def test_of_a_failure_on_another_model_closes_the_buttons_too(self, rig: Rig) -> None:
        failed = rig.fail(rig.ask())
        model = rig.catalogue.offered()[1].id
        data = f"model {failed.id} {code_of(model)}"
        words = rig.post(ADA, "It failed.", a_keyboard(data))

        [order] = rig.pressed(data, words)

        assert (order.request.parameters.model, order.origin) == (model, f"model {model}")
        assert rig.buttons(ADA, words) == []
        assert rig.pressed(data, words) == []


class TestCancel:
    def test_ends_what_waits_and_is_over_then(self, rig: Rig) -> None:
        job = rig.ask()
        status = rig.post(ADA, "On it …", keyboards.status(job))

        rig.pressed(f"cancel {job.id}", status)
        first = rig.answer
        rig.pressed(f"cancel {job.id}", status)

        assert rig.read(job).state is State.CANCELLED
        assert [first, rig.answer] == [(say(key, "en"), False) for key in ("request_cancelled", "pressed_over")]

    def test_comes_too_late_for_a_picture_that_is_being_sent(self, rig: Rig) -> None:
        job = rig.paint(rig.ask())
        status = rig.post(ADA, "Painting …", keyboards.status(job))

        rig.pressed(f"cancel {job.id}", status)

        assert rig.answer == (say("pressed_sending", "en"), False)
        assert rig.read(job).state is State.FINISHED


class TestTheFile:
    def test_is_the_original_named_for_what_it_shows(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"file {job.id}", photo)

        assert rig.answer == (None, False)
        assert rig.changes == ["sendDocument"]
        [sent] = [one for one in rig.sent_files() if one["file_name"].endswith(".jpg")]
        assert sent["file_name"] == f"a-red-fox-{job.id}.jpg"

    def test_that_was_deleted_is_over(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        rig.images.delete([job.image_key or ""])

        rig.pressed(f"file {job.id}", photo)

        assert (rig.answer, rig.changes) == ((say("pressed_file_over", "en"), True), [])

    def test_of_a_failure_is_none(self, rig: Rig) -> None:
        failed = rig.fail(rig.ask())
        words = rig.post(ADA, "It failed.", a_keyboard(f"file {failed.id}"))

        rig.pressed(f"file {failed.id}", words)

        assert (rig.answer, rig.changes) == ((say("pressed_no_file", "en"), True), [])

    def test_is_sent_once_for_two_presses_at_a_time(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        presses = [rig.a_press(ADA, f"file {job.id}", ADA, photo) for _ in range(2)]

        async def both() -> None:
            entered, leave = rig.telegram.hold("sendDocument")
            first = asyncio.create_task(rig.handler.press(presses[0], rig.context))
            await entered.wait()
            await rig.handler.press(presses[1], rig.context)
            leave.set()
            await first

        rig.run(both())

        assert len(rig.calls("sendDocument")) == 1
        assert len(rig.calls("answerCallbackQuery")) == 2


class TestDelete:
    def test_asks_first(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"delete {job.id}", photo)
        assert rig.buttons(ADA, photo) == [f"delete {job.id} now", f"pick {job.id}"]
        rig.pressed(f"delete {job.id} now", photo)

        assert rig.message(ADA, photo)["deleted"]
        assert rig.answer == (say("pressed_deleted", "en"), False)

    def test_of_a_message_of_long_ago_does_not_ask(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"delete {job.id}", photo, old=True)

        assert rig.message(ADA, photo)["deleted"]

    def test_from_words_beside_it_takes_the_picture(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        words = rig.post(ADA, "Your picture", keyboards.really_delete(job))

        rig.pressed(f"delete {job.id} now", words)

        assert rig.message(ADA, photo)["deleted"]
        assert not rig.message(ADA, words)["deleted"]

    def test_of_what_is_gone_already_has_happened(self, rig: Rig) -> None:
        job, photo = rig.a_picture()
        rig.pressed(f"delete {job.id} now", photo)

        rig.pressed(f"delete {job.id} now", photo)

        assert rig.answer == (say("pressed_deleted", "en"), False)

    def test_of_words_in_another_chat_than_the_pictures_takes_these(self, rig: Rig) -> None:
        job, photo = rig.a_picture(GROUP)
        words = rig.post(ADA, "Your picture", keyboards.really_delete(job))

        rig.pressed(f"delete {job.id} now", words)

        assert rig.message(ADA, words)["deleted"]
        assert not rig.message(GROUP, photo)["deleted"]

    def test_of_a_message_of_long_ago_in_another_chat_than_the_pictures_deletes_nothing(self, rig: Rig) -> None:
        job, _ = rig.a_picture(GROUP)
        opened = rig.post(ADA, "Your picture", keyboards.picture(job))

        rig.pressed(f"delete {job.id} now", opened, old=True)

        assert rig.answer == (say("pressed_not_deleted", "en"), False)
        assert "deleteMessage" not in rig.changes

    def test_of_a_message_that_shows_no_such_button_deletes_nothing(self, rig: Rig) -> None:
        job = rig.paint(rig.ask())  # It has not come yet.
        words = rig.post(ADA, "Something else", a_keyboard("help talk"))

        rig.pressed(f"delete {job.id} now", words)

        assert rig.answer == (say("pressed_not_deleted", "en"), False)
        assert "deleteMessage" not in rig.changes


class TestLists:
    def test_more_shows_what_is_wanted_less_often(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"more {job.id}", photo)

        assert rig.buttons(ADA, photo) == [
            f"{word} {job.id}" for word in ("ratio", "model", "upscale", "delete", "pick")
        ]

    def test_of_several_open_one_and_lead_back(self, rig: Rig) -> None:
        first = rig.paint(rig.ask(count=2))
        second = rig.paint(rig.jobs.siblings(first)[1])
        words = rig.post(ADA, "2 pictures", keyboards.several([first, second], "sandbox_bot"))

        rig.pressed(f"pick {second.id}", words)
        assert rig.buttons(ADA, words)[-1] == f"back {second.id}"
        assert rig.message(ADA, words)["text"].startswith("2. ")
        rig.pressed(f"back {second.id}", words)

        assert rig.buttons(ADA, words) == [f"pick {first.id}", f"pick {second.id}"]

    def test_of_a_photo_have_no_way_back_to_others(self, rig: Rig) -> None:
        first = rig.paint(rig.ask(count=2))
        photo = rig.deliver(first)

        rig.pressed(f"back {first.id}", photo)

        assert rig.buttons(ADA, photo)[0] == f"again {first.id}"

    def test_of_words_about_one_picture_lead_back_to_its_buttons(self, rig: Rig) -> None:
        job, _ = rig.a_picture()
        words = rig.post(ADA, "Your picture", keyboards.ratios(job))

        rig.pressed(f"back {job.id}", words)

        assert rig.buttons(ADA, words)[0] == f"again {job.id}"


class TestThePrompt:
    def test_is_said_in_words(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"prompt {job.id}", photo)

        assert RED_FOX.text in rig.said[0]

    def test_that_is_too_long_for_a_message_comes_as_a_file(self, rig: Rig) -> None:
        job = rig.paint(rig.ask(), prompt="fox " * MAX_PROMPT_SHOWN)

        rig.pressed(f"prompt {job.id}", rig.deliver(job))

        assert rig.said == []
        assert [one["file_name"] for one in rig.sent_files()] == [f"prompt-{job.id}.txt"]


class TestAskingForAnotherPrompt:
    def test_in_private_is_written_down(self, rig: Rig) -> None:
        job, photo = rig.a_picture()

        rig.pressed(f"edit {job.id}", photo)

        assert RED_FOX.text in rig.said[0]
        assert rig.asks(ADA) == Question(Asked.PROMPT, {"job": job.id})

    def test_in_a_group_asks_the_one_who_pressed(self, rig: Rig) -> None:
        job, photo = rig.a_picture(GROUP)

        rig.pressed(f"edit {job.id}", photo, chat=GROUP)

        [asked] = rig.calls("sendMessage")
        assert f'<a href="tg://user?id={ADA}">{MENTION}</a>' in asked["text"]
        assert "selective" in str(asked["reply_markup"])
        assert rig.asks(GROUP) is None


class TestTheAnswer:
    def test_is_painted_as_it_is(self, rig: Rig) -> None:
        job, _ = rig.a_picture(parameters=Parameters(seed=5, steps=9))

        [order] = rig.edited("a blue whale --ar 16:9", answers=Question(Asked.PROMPT, {"job": job.id}))

        assert (order.parent_id, order.prompt.text if order.prompt else None) == (job.id, "a blue whale")
        assert order.request.parameters == Parameters(seed=None, steps=9, raw=True, ratio=(16, 9))

    @pytest.mark.parametrize("language", ["en", "de", "ru"])
    def test_is_known_by_the_words_that_it_replies_to_in_any_language(self, rig: Rig, language: str) -> None:
        job, _ = rig.a_picture(GROUP)
        question = as_read(say("edit_prompt", language, number=str(job.id), prompt="a fox"))
        asked = rig.post(GROUP, MENTION + question)

        [order] = rig.edited("a blue whale", chat=GROUP, reply_to=asked)

        assert order.parent_id == job.id

    def test_of_somebody_else_is_refused(self, rig: Rig) -> None:
        job, _ = rig.a_picture(GROUP)
        asked = rig.post(GROUP, as_read(say("edit_prompt", "en", number=str(job.id), prompt="a fox")))

        assert rig.edited("a blue whale", who=BOB, chat=GROUP, reply_to=asked) == []
        assert rig.said == [NOT_YOURS]

    def test_is_none_that_replies_to_a_person_who_says_what_we_ask(self, rig: Rig) -> None:
        job, _ = rig.a_picture(GROUP)
        said = rig.wrote(as_read(say("edit_prompt", "en", number=str(job.id), prompt="a fox")), GROUP)

        assert rig.edited("a blue whale", chat=GROUP, reply_to=said) == []
        assert rig.changes == []

    def test_about_a_job_that_is_unknown_is_left_alone(self, rig: Rig) -> None:
        assert rig.edited("a blue whale", answers=Question(Asked.PROMPT, {"job": 9_999})) == []
        assert rig.changes == []

    def test_that_can_not_be_read_is_asked_for_again(self, rig: Rig) -> None:
        job, _ = rig.a_picture()
        question = Question(Asked.PROMPT, {"job": job.id})

        assert rig.edited("a whale --ar wide", answers=question) == []
        assert rig.said == [say("parameter_unreadable", "en", name="--ar", value="wide", example="--ar 16:9")]
        assert rig.asks(ADA) == question

    def test_that_names_no_model_is_asked_which(self, rig: Rig) -> None:
        job, _ = rig.a_picture()
        question = Question(Asked.PROMPT, {"job": job.id})

        assert rig.edited("a whale --model flxu", answers=question) == []
        assert "flxu" in rig.said[0]
        assert "read " in str(rig.calls("sendMessage")[0]["reply_markup"])
        assert rig.asks(ADA) == question

    def test_that_wants_many_is_asked_how_many(self, rig: Rig) -> None:
        job, _ = rig.a_picture()

        assert rig.edited("a whale --n 6", answers=Question(Asked.PROMPT, {"job": job.id})) == []
        assert rig.said == [say("many_ask", "en", n=6)]

    def test_is_told_what_was_left_out_of_it(self, rig: Rig) -> None:
        job, _ = rig.a_picture()

        assert len(rig.edited("a whale --hd", answers=Question(Asked.PROMPT, {"job": job.id}))) == 1
        assert say("hint_skipped", "en", names="--hd") in rig.said
