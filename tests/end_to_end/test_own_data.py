"""What a person may do with all that is stored of them: read of it, and have it deleted."""

import io
import json
import zipfile

import pytest
from sqlalchemy import select

from shared.errands import ErrandKind
from shared.store import tables
from tests.end_to_end.installation import wait_until


class TestExport:
    def test_sends_pictures_and_history_as_documents_and_keeps_no_part(self, installation, sandbox):
        ada = sandbox.person("Ada")
        made = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))

        sandbox.say(ada, "/export")
        sent = sandbox.wait_for_message(ada, lambda message: "document" in message)
        sandbox.wait_for_message(ada, lambda message: "Your export is complete" in message.get("text", ""))

        archive = zipfile.ZipFile(io.BytesIO(sandbox.file(sent["document"])))
        [picture] = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert archive.read(picture) == installation.picture(made.image_key)
        [told] = json.loads(archive.read("history.json"))
        assert (told["idea"], told["file"]) == ("a fox in the snow", picture.removeprefix("pictures/"))
        assert not list((installation.folder / "images").glob("exports/*/*"))


class TestDeletion:
    def test_asks_twice_survives_a_kill_and_tells_how_much_it_was(self, installation, sandbox):
        ada = sandbox.person("Ada")
        made = installation.delivered(sandbox.say(ada, "/imagine a fox in the snow"))
        sandbox.arm("gemini", path="generateContent", gate="gemini")
        waiting = sandbox.say(ada, "/imagine a hare in the snow")
        sandbox.wait_at_gate("gemini")

        sandbox.say(ada, "/deletemydata")
        card = sandbox.wait_for_message(ada, lambda message: "everything stored about you" in message.get("text", ""))
        sandbox.press(ada, card, "Delete my data …")
        card = sandbox.wait_for_message(ada, lambda message: "can't be undone" in message.get("text", ""))
        sandbox.press(ada, card, "Delete for good")
        sandbox.wait_for_message(ada, lambda message: "Deleting your data" in message.get("text", ""))
        wait_until(lambda: kinds_of_errands(installation, ada), what="the record of the wish")
        installation.worker.kill()
        sandbox.open_gate("gemini")
        installation.start()
        done = sandbox.wait_for_message(ada, lambda message: "Your data is deleted" in message.get("text", ""))

        assert done["message_id"] == card["message_id"]
        assert "Pictures: 1" in done["text"]
        assert installation.rows(waiting["chat"]) == []
        assert len(sandbox.photos(ada)) == 1
        with pytest.raises(FileNotFoundError):
            installation.picture(made.image_key)
        assert kinds_of_errands(installation, ada) == {ErrandKind.FORGET}


def kinds_of_errands(installation, person):
    """What somebody has asked for beside pictures, as far as the record knows of it."""
    with installation.database.reading() as connection:
        return set(connection.scalars(select(tables.errands.c.kind).where(tables.errands.c.user_id == person["id"])))
