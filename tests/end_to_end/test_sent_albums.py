"""An album sent to Gemini: several messages, one question."""

from io import BytesIO

import PIL.Image
import pytest

from tests.end_to_end.installation import wait_until
from tests.end_to_end.test_chat import STREAM, answered, errands, labels

FILES = "/getFile$"


def a_photo(colour):
    content = BytesIO()
    PIL.Image.new("RGB", (64, 48), colour).save(content, "JPEG")
    return content.getvalue()


def send_album(sandbox, person, caption="Which is which?", colours=("red", "green", "blue"), album="77"):
    """Send photos together, the first with a caption; returns their messages."""
    with sandbox.together():
        return [
            sandbox.say(person, caption if place == 0 else None, photo=a_photo(colour), media_group_id=album)
            for place, colour in enumerate(colours)
        ]


def shown_to_gemini(sandbox):
    """How many files went along with each question."""
    return [str(entry["body"]).count("inlineData") for entry in sandbox.journal("gemini", STREAM)]


class TestAnAlbum:
    def test_is_one_question_about_all_of_it(self, installation, sandbox):
        ada = sandbox.person("Ada")

        album = send_album(sandbox, ada)
        answered(installation, sandbox, ada)
        sandbox.say(ada, "echo: thanks")
        answered(installation, sandbox, ada, count=2)

        first, _ = errands(installation, ada)
        keys = [f"sent/{ada['id']}/{one['message_id']}" for one in album]
        assert [one["key"] for one in first.question["attachments"]] == keys
        assert first.question["text"] == "Which is which?"
        assert len(sandbox.from_bot(ada)) == 2
        assert shown_to_gemini(sandbox)[0] == 3

    @pytest.mark.parametrize("after", [0, 2])
    def test_survives_the_death_of_everybody(self, installation, sandbox, after):
        """They die while files are being fetched; which ones were there already doesn't matter."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path=FILES, skip=after, times=None, gate="files")

        album = send_album(sandbox, ada)
        sandbox.wait_at_gate("files", count=3 - after)
        installation.kill()
        sandbox.clear_faults()
        installation.start()
        answered(installation, sandbox, ada)

        [errand] = wait_until(lambda: [one for one in errands(installation, ada) if one.delivered_at])
        assert len(errand.question["attachments"]) == len(album)
        assert len(sandbox.from_bot(ada)) == 1

    def test_of_which_a_file_is_gone_is_about_the_others(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path=FILES, preset="bad-request", arguments={"text": "wrong file_id"})

        send_album(sandbox, ada)

        # As long as the file that is gone is all of it, there is nothing to answer.
        [errand] = wait_until(
            lambda: [one for one in errands(installation, ada) if one.state == "finished" and one.delivered_at]
        )
        assert len(errand.question["attachments"]) == 2
        assert len([one for one in sandbox.from_bot(ada) if not labels(one)]) == 1

    def test_can_be_stopped_while_it_is_fetched(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path=FILES, times=None, gate="files")
        send_album(sandbox, ada)
        sandbox.wait_at_gate("files", count=3)

        sandbox.say(ada, "/stop")
        sandbox.wait_for_message(ada)
        sandbox.open_gate("files")
        sandbox.say(ada, "echo: on we go")
        answered(installation, sandbox, ada, count=2)

        assert [one.state for one in errands(installation, ada)] == ["cancelled", "finished"]

    def test_is_followed_by_the_next_one(self, installation, sandbox):
        ada = sandbox.person("Ada")

        send_album(sandbox, ada, "These?", album="78")
        send_album(sandbox, ada, "And these?", ("red", "blue"), album="79")
        answered(installation, sandbox, ada, count=2)

        asked = {one.question["text"]: len(one.question["attachments"]) for one in errands(installation, ada)}
        assert asked == {"These?": 3, "And these?": 2}
