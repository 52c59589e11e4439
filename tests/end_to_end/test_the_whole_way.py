"""From /imagine to the photo, when nothing goes wrong: with the settings an owner starts with."""

from io import BytesIO
from typing import Any, NamedTuple

import PIL.Image
import pytest
from sqlalchemy import Row

from sandbox.client import Json, SandboxClient
from services.worker.images.metadata import read_recipe
from shared.jobs import State
from tests.end_to_end.installation import BOT_ID, Installation, calls_about

SETTINGS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _a_line_at_the_providers(_installation: Installation) -> None:
    """The first look at each picture finds it unfinished."""
    _installation.sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 1})


class TestAnIdea:
    def test_comes_back_as_a_photo(self, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine a cat on a roof")
        [photo] = sandbox.wait_for_photo(ada)

        assert "reply_to_message" not in photo
        assert photo["caption"].startswith("a cat on a roof\n")
        with PIL.Image.open(BytesIO(sandbox.file(photo["photo"]))) as picture:
            assert picture.size == (1024, 1024)

    def test_is_accompanied_by_one_message_that_tells_every_stage_and_then_goes(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path="generateContent", gate="gemini")
        sandbox.arm("router", gate="huggingface")

        request = sandbox.say(ada, "/imagine a cat on a roof")
        writing = sandbox.wait_for_message(ada, lambda message: "Writing the prompt" in message["text"])
        sandbox.open_gate("gemini")
        painting = sandbox.wait_for_message(ada, lambda message: "Creating the picture" in message["text"])
        sandbox.open_gate("huggingface")
        sandbox.wait_for_photo(ada)
        installation.delivered(request)
        installation.no_status_left(ada)

        assert painting["message_id"] == writing["message_id"]
        assert "reply_to_message" not in writing
        assert [message for message in sandbox.from_bot(ada) if "photo" not in message] == []

    def test_shows_that_a_photo_is_on_its_way(self, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", gate="huggingface")

        sandbox.say(ada, "/imagine a cat on a roof")
        action = sandbox.wait_for(lambda: action_in(sandbox, ada), what="the chat action")
        sandbox.open_gate("huggingface")

        assert action == "upload_photo"


def action_in(sandbox: SandboxClient, chat: Json) -> str | None:
    """What a chat is shown that the bot is doing."""
    return next((call["body"]["action"] for call in calls_about(sandbox, chat, "/sendChatAction$")), None)


class Finished(NamedTuple):
    """An idea whose way has ended."""

    ada: Json
    request: Json
    photo: Json
    row: Row[Any]


@pytest.fixture(scope="module")
def finished(_installation: Installation) -> Finished:
    """One picture, for all who only look at what is left of it."""
    _installation.start()
    sandbox = _installation.sandbox
    ada = sandbox.person("Ada", language_code="de")
    request = sandbox.say(ada, "/imagine a cat on a roof")
    [photo] = sandbox.wait_for_photo(ada)
    return Finished(ada, request, photo, _installation.delivered(request))


class TestTheRecord:
    def test_tells_who_asked_for_what_where_and_what_came_of_it(self, finished):
        row, photo = finished.row, finished.photo

        assert (row.user_id, row.language) == (finished.ada["id"], "de")
        assert (row.bot_id, row.chat_id, row.topic_id) == (BOT_ID, finished.ada["id"], None)
        assert row.message_id == finished.request["message_id"]
        assert row.idea == "a cat on a roof"
        assert "cat" in row.prompt
        assert row.negative_prompt is not None
        assert row.chat_model == "gemini-3.8-flash"
        assert (row.image_model, row.provider) == ("black-forest-labs/FLUX.1-dev", "fal-ai")
        assert row.parameters.keys() >= {"model", "seed", "width", "height", "steps", "guidance"}
        assert (row.recipe["width"], row.recipe["height"]) == (1024, 1024)
        assert row.recipe["seed"] == row.seed
        assert (row.state, row.reason) == (State.FINISHED, None)
        assert row.media_type == "image/jpeg"
        assert (row.delivered_message_id, row.file_id) == (photo["message_id"], photo["photo"][-1]["file_id"])

    def test_tells_when_each_stage_was_reached(self, installation, finished):
        stages = installation.stages(finished.row.id)

        times = [stage.at for stage in stages]
        assert list(dict.fromkeys(stage.stage for stage in stages)) == ["queued", "writing", "painting", "sending"]
        assert times == sorted(times)
        row = finished.row
        assert row.created_at <= row.started_at <= row.ended_at <= row.delivered_at

    def test_tells_of_every_call_that_was_paid_for(self, installation, finished):
        attempts = installation.attempts(finished.row.id)

        calls = [(one.step, one.service, one.outcome, one.status) for one in attempts]
        assert calls[0] == ("prompt", "gemini", "ok", 200)
        assert calls[-1] == ("image", "fal-ai", "ok", 200)

    def test_keeps_the_original_with_its_recipe_in_the_file(self, installation, finished):
        recipe = read_recipe(installation.picture(finished.row.image_key))

        assert recipe is not None
        assert (recipe.prompt, recipe.seed) == (finished.row.prompt, finished.row.seed)
        assert recipe.model == finished.row.image_model
