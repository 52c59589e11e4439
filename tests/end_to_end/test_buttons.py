"""The buttons under a picture: what they do, for whom, and that pressing twice is pressing once."""

import io

import pytest
from PIL import Image

from services.worker.images.metadata import read_recipe
from tests.end_to_end.pressing import (
    DELETE,
    DELETE_NOW,
    MORE,
    answer_to,
    delete,
    press_through,
    says,
    warns,
    with_buttons,
)


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture
def photo(installation, sandbox, ada):
    """A picture that is delivered, and known to be: else a bot that is killed would deliver it again."""
    installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
    installation.no_status_left(ada)
    [photo] = sandbox.photos(ada)
    return photo


class TestAgain:
    def test_paints_the_same_prompt_with_another_seed(self, sandbox, ada, photo):
        sandbox.press(ada, photo, "🔁 Again")
        first, second = sandbox.wait_for_photo(ada, count=2)

        assert first["caption"].splitlines()[1] == second["caption"].splitlines()[1]
        assert first["caption"].splitlines()[-1] != second["caption"].splitlines()[-1]
        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_pressed_twice_at_once_paints_once(self, installation, sandbox, ada, photo):
        sandbox.arm("router", path="/hf-inference/", gate="painter")

        presses = [sandbox.press(ada, photo, "🔁 Again") for _ in range(2)]
        answers = [answer_to(sandbox, press) for press in presses]
        installation.all_handled()  # A press is answered before its order is written down.
        sandbox.open_gate("painter")
        sandbox.wait_for_photo(ada, count=2)

        assert all(says(answer, "Queued.") for answer in answers)
        assert len(sandbox.journal("router", "/hf-inference/")) == 2

    def test_works_after_the_bot_was_restarted(self, installation, sandbox, ada, photo):
        installation.kill()
        installation.start()

        sandbox.press(ada, photo, "🔁 Again")

        assert len(sandbox.wait_for_photo(ada, count=2)) == 2


class TestRatioAndModel:
    def test_a_ratio_is_chosen_from_a_list_and_painted(self, sandbox, ada, photo):
        press_through(sandbox, ada, photo, MORE, "📐 Ratio", "16:9")
        wide = sandbox.wait_for_photo(ada, count=2)[-1]

        with Image.open(io.BytesIO(sandbox.file(wide["photo"]))) as picture:
            assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.03)

    def test_a_model_is_chosen_from_a_list_and_paints(self, sandbox, ada, photo):
        press_through(sandbox, ada, photo, MORE, "🎨 Model", "Qwen-Image")

        assert "Qwen-Image" in sandbox.wait_for_photo(ada, count=2)[-1]["caption"]


class TestEdit:
    def test_paints_exactly_the_words_of_the_answer(self, sandbox, ada, photo):
        sandbox.press(ada, photo, "✏️ Edit")
        question = sandbox.wait_for_message(ada, lambda message: "exactly as you write" in message.get("text", ""))
        sandbox.say(ada, "a blue whale <3 clouds", reply_to_message_id=question["message_id"])
        sandbox.wait_for_photo(ada, count=2)

        assert sandbox.journal("router", "/hf-inference/")[-1]["body"]["inputs"] == "a blue whale <3 clouds"
        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_says_how_long_the_words_may_be(self, sandbox, ada, photo):
        sandbox.press(ada, photo, "✏️ Edit")
        question = sandbox.wait_for_message(ada, lambda message: "exactly as you write" in message.get("text", ""))
        sandbox.say(ada, "whale " * 200, reply_to_message_id=question["message_id"])

        assert sandbox.wait_for_message(ada, lambda message: "limit is 1,000 characters" in message.get("text", ""))


class TestOriginalAndDelete:
    def test_the_original_comes_as_a_file_with_its_recipe(self, sandbox, ada, photo):
        sandbox.press(ada, photo, "📄 File")
        message = sandbox.wait_for_message(ada, lambda message: message.get("document"))

        recipe = read_recipe(sandbox.file(message["document"]["file_id"]))
        assert recipe is not None
        assert recipe.prompt in photo["caption"]

    def test_delete_takes_the_picture_out_of_the_chat(self, sandbox, ada, photo):
        press = delete(sandbox, ada, photo)

        assert says(answer_to(sandbox, press), "Deleted.")
        sandbox.wait_for(lambda: not sandbox.photos(ada), chat=ada, what="the removal")

    def test_delete_pressed_twice_at_once_is_answered_twice(self, sandbox, ada, photo):
        sandbox.arm("telegram", path="/deleteMessage$", gate="deletion", times=None)
        asked = press_through(sandbox, ada, photo, MORE, DELETE)
        assert "text" not in answer_to(sandbox, asked)
        sure = with_buttons(sandbox, photo, DELETE_NOW)
        presses = [sandbox.press(ada, sure, DELETE_NOW) for _ in range(2)]
        sandbox.wait_at_gate("deletion", count=2)
        sandbox.open_gate("deletion")

        assert all(says(answer_to(sandbox, press), "Deleted.") for press in presses)
        sandbox.wait_for(lambda: not sandbox.photos(ada), chat=ada, what="the removal")


class TestSomebodyElse:
    def test_can_not_press_the_buttons_of_a_picture_in_a_group(self, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.say(ada, "/imagine a fox in the snow", chat=group)
        [photo] = sandbox.wait_for_photo(group, count=1)

        answer = answer_to(sandbox, sandbox.press(bob, photo, "🔁 Again"))

        assert warns(answer)
        assert says(answer, "Only the person who asked")
        assert len(sandbox.photos(group)) == 1
