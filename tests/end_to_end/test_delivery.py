"""The last step, when Telegram makes it hard: recorded first, then sent until it is there."""

import base64
import io
import os

import PIL.Image
import pytest

from services.worker.images.metadata import read_recipe
from shared.jobs import State
from tests.end_to_end.installation import PAINTING, calls_about


class TestTheRecord:
    def test_is_complete_before_telegram_hears_of_the_photo(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", gate="telegram")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("telegram")
        row = installation.row(request)
        original = installation.picture(row.image_key)
        sandbox.open_gate("telegram")
        installation.delivered(request)

        assert (row.state, row.delivered_at) == (State.FINISHED, None)
        assert row.ended_at is not None
        assert row.sending_since is not None
        assert read_recipe(original) is not None


class TestAPhotoThatTelegramDidNotTake:
    def test_because_of_its_flood_limit_is_sent_once_when_the_time_has_come(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", preset="too-many-requests", arguments={"retry_after": 1})

        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        refused, taken = calls_about(sandbox, ada, "/sendPhoto$")
        assert (refused["status"], taken["status"]) == (429, 200)
        assert taken["at"] - refused["at"] >= 1
        assert len(sandbox.photos(ada)) == 1

    def test_because_the_connection_broke_is_sent_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", drop="before")

        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        assert len(sandbox.photos(ada)) == 1

    def test_because_telegram_is_down_is_sent_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", preset="bad-gateway")
        sandbox.arm("telegram", path="/sendPhoto$", preset="internal-error")

        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        assert [call["status"] for call in calls_about(sandbox, ada, "/sendPhoto$")] == [502, 500, 200]
        assert len(sandbox.photos(ada)) == 1

    def test_as_a_photo_is_sent_as_a_document(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm(
            "telegram", path="/sendPhoto$", preset="bad-request", arguments={"text": "PHOTO_INVALID_DIMENSIONS"}
        )

        row = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
        installation.no_status_left(ada)

        [message] = sandbox.from_bot(ada)
        assert row.file_id == message["document"]["file_id"]
        assert message["caption"].startswith("a fox in the snow")


def noise(width, height):
    """A picture of so many pixels that nothing can compress."""
    file = io.BytesIO()
    PIL.Image.frombytes("RGB", (width, height), os.urandom(3 * width * height)).save(file, "PNG")
    return file.getvalue()


class TestAPictureThatIsNoPhoto:
    """Telegram takes up to 10 MB, 10,000 pixels of width and height together, and one side 20 times the other."""

    @pytest.mark.parametrize(
        ("width", "height"),
        [
            pytest.param(2048, 1792, id="heavy"),
            pytest.param(8000, 2100, id="large"),
            pytest.param(2100, 100, id="narrow"),
        ],
    )
    def test_comes_as_a_document_with_its_caption_and_buttons(self, installation, sandbox, width, height):
        ada = sandbox.person("Ada")
        picture = noise(width, height) if width < 8000 else in_stripes(width, height)
        sandbox.arm("router", path=PAINTING, **painted_as(picture))

        row = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
        installation.no_status_left(ada)

        [message] = sandbox.from_bot(ada)
        assert message["document"]["file_id"] == row.file_id
        assert message["caption"].startswith("a fox in the snow")
        assert "🔁 Again" in str(message["reply_markup"])
        with PIL.Image.open(io.BytesIO(sandbox.file(message["document"]))) as sent:
            assert sent.size == (width, height)

    def test_among_several_makes_documents_of_all(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, body='"seed":8', **painted_as(noise(2100, 100)))

        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow --n 3 --seed 7"))
        installation.no_status_left(ada)

        *album, control = sandbox.from_bot(ada)
        assert [set(message) & {"photo", "document"} for message in album] == [{"document"}] * 3
        assert len({message["media_group_id"] for message in album}) == 1
        assert "3 pictures. Choose one:" in control["text"]


def in_stripes(width, height):
    """A picture of so many pixels in few bytes."""
    file = io.BytesIO()
    PIL.Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def painted_as(picture):
    """A fault with which the painter's answer is this picture."""
    return {"reply_base64": base64.b64encode(picture).decode(), "headers": {"Content-Type": "image/png"}}


class TestAPhotoThatTelegramTookWithoutSayingSo:
    def test_arrives_and_may_arrive_twice(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", drop="after")

        row = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        photos = sandbox.photos(ada)
        assert 1 <= len(photos) <= 2
        assert row.delivered_message_id == photos[-1]["message_id"]


class TestAPersonWhoIsGone:
    def test_ends_the_job_without_a_message(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("huggingface")
        sandbox.block(ada)
        sandbox.open_gate("huggingface")
        row = installation.delivered(request)

        assert (row.state, row.delivered_message_id, row.file_id) == (State.FINISHED, None, None)
        assert len(calls_about(sandbox, ada, "/sendPhoto$")) <= 1  # none where the bot has heard of it before


class TestARequestThatIsDeleted:
    def test_gets_its_photo_all_the_same(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("huggingface")
        sandbox.delete(request)
        sandbox.open_gate("huggingface")
        installation.delivered(request)

        [photo] = sandbox.photos(ada)
        assert "reply_to_message" not in photo


class TestAGroupThatBecomesASupergroup:
    def test_gets_its_photo_under_its_new_number(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada, kind="group")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        sandbox.say(ada, "/imagine a fox in the snow", chat=group)
        sandbox.wait_at_gate("huggingface")
        moved = sandbox.migrate(group)
        sandbox.open_gate("huggingface")
        [photo] = sandbox.wait_for_photo(moved)

        assert photo["caption"].startswith("a fox in the snow")
