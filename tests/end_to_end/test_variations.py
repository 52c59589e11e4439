"""Variations: four siblings of a picture, each with a prompt of its own that Gemini rewrote a little."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import PAINTING

VARIATIONS = "✨ Vary"


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def painted(installation, sandbox, ada, words):
    row = installation.delivered(sandbox.say(ada, words))
    return row, sandbox.photos(ada)[-1]


def varied(installation, ada):
    """The rows of the variations, once they are all delivered."""
    return installation.wait_for_deliveries(ada, 5)[1:]


class TestVariations:
    def test_come_as_an_album_of_four_with_prompts_of_their_own(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow --seed 7 --ar 3:2")

        sandbox.press(ada, photo, VARIATIONS)
        rows = varied(installation, ada)

        album = sandbox.photos(ada)[1:]
        assert len({one["media_group_id"] for one in album}) == 1
        assert len({parent.prompt, *(row.prompt for row in rows)}) == 5
        assert all(row.prompt.startswith("a fox in the snow, ") for row in rows)
        assert {(row.parent_id, row.origin, row.idea) for row in rows} == {(parent.id, "vary", "a fox in the snow")}
        assert {tuple(row.parameters["ratio"]) for row in rows} == {(3, 2)}
        assert {row.parameters["seed"] for row in rows} == {None}

    def test_are_told_apart_by_their_numbers(self, installation, sandbox, ada):
        _, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        sandbox.press(ada, photo, VARIATIONS)
        rows = varied(installation, ada)
        control = sandbox.wait_for_message(ada, lambda one: f"pick {rows[0].id}" in str(one.get("reply_markup")))

        for number, row in enumerate(rows, 1):
            sandbox.wait_for_message(ada, lambda one, row=row: f"pick {row.id}" in str(one.get("reply_markup")))
            sandbox.press(ada, control, f"pick {row.id}")
            shown = sandbox.wait_for_message(ada, lambda one, row=row: row.prompt in one.get("text", ""))
            assert shown["message_id"] == control["message_id"]
            assert shown["text"].startswith(f"{number}. a fox in the snow\n")
            assert f"pick {row.id}" == control["reply_markup"]["inline_keyboard"][0][number - 1]["callback_data"]
            sandbox.press(ada, control, f"back {row.id}")

    def test_of_somebodys_own_words_are_written_by_gemini(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox on a roof --raw")

        sandbox.press(ada, photo, VARIATIONS)
        rows = varied(installation, ada)

        assert parent.chat_model is None
        assert all(row.chat_model and row.prompt.startswith("a fox on a roof, ") for row in rows)

    def test_without_gemini_are_painted_with_the_same_prompt_and_say_so(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        sandbox.arm("gemini", path="generateContent", times=None, preset="per-day-quota")

        sandbox.press(ada, photo, VARIATIONS)
        rows = varied(installation, ada)

        assert {row.prompt for row in rows} == {parent.prompt}
        assert len({row.seed for row in rows}) == 4
        assert "this is the same prompt again" in sandbox.photos(ada)[1]["caption"]

    def test_that_failed_are_tried_again_with_their_own_prompts(self, installation, sandbox, ada):
        _, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        for word in ("dusk", "trees"):
            sandbox.arm("router", path=PAINTING, body=word, times=None, preset="moderated")
        sandbox.press(ada, photo, VARIATIONS)
        rows = varied(installation, ada)
        failed = [row for row in rows if row.state == State.FAILED]
        sandbox.clear_faults()

        control = sandbox.wait_for_message(ada, lambda one: "Retry the missing" in str(one.get("reply_markup")))
        sandbox.press(ada, control, "🔁 Retry the missing 2")
        again = installation.wait_for_deliveries(ada, 7)[5:]

        assert len(failed) == 2
        assert [row.prompt for row in again] == [row.prompt for row in failed]

    def test_of_a_variation_go_on_from_its_own_prompt(self, installation, sandbox, ada):
        _, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        sandbox.press(ada, photo, VARIATIONS)
        second = varied(installation, ada)[1]
        control = sandbox.wait_for_message(ada, lambda one: f"pick {second.id}" in str(one.get("reply_markup")))

        sandbox.press(ada, control, f"vary {second.id}")
        rows = installation.wait_for_deliveries(ada, 9)[5:]

        assert {row.parent_id for row in rows} == {second.id}
        assert all("in the light of dusk" in row.prompt for row in rows)
