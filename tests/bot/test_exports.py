"""``/export``: one at a time a person; its parts are sent in order, each once, and then what is left is packed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from services.bot.settings.export import Exports
from services.bot.texts.locales import say
from shared.errands import Errand, ErrandKind, ErrandResult
from shared.store import tables
from shared.store.database import Database
from tests.bot.handler_rig import ADA, GROUP, HandlerRig
from tests.bot.stage import BOT
from tests.builders import claim_errand


class Rig(HandlerRig):
    """Ada's exports."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.handler = Exports(self.bot, BOT, self.errands, self.images, self.tickets)

    def export(self, chat: int = ADA) -> list[Errand]:
        """All exports after Ada has asked for one."""
        self.say(self.handler.command, ADA, "/export", chat)
        return self.exports()

    def exports(self) -> list[Errand]:
        """All exports, in order."""
        with self.database.reading() as connection:
            ids = connection.scalars(select(tables.errands.c.id).order_by(tables.errands.c.id)).all()
        return [one for one in map(self.errands.read, ids) if one is not None]

    def packed(self, *parts: bytes, is_all: bool = True) -> Errand:
        """An export that a worker has packed into these parts."""
        [errand] = self.export()
        keys = [f"export/{number}.zip" for number in range(len(parts))]
        for key, data in zip(keys, parts, strict=True):
            self.images.keep_sent(key, data)
        result: ErrandResult = {
            "parts": [{"key": key, "pictures": 2, "bytes": 3, "last": 9} for key in keys],
            "done": 4,
            "pictures": 9,
            "last": 9,
            "is_all": is_all,
        }
        self.errands.finish(claim_errand(self.database), result=result)
        return self.errands.read(errand.id) or errand

    def send(self, errand: Errand) -> list[str]:
        """The names of the documents that come of it."""
        before = len(self.sent_files())
        self.run(self.handler.send(errand))
        return [one["file_name"] for one in self.sent_files()[before:]]

    def has(self, key: str) -> bool:
        """Whether a part is still stored."""
        try:
            self.images.get(key)
        except FileNotFoundError:
            return False
        return True


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestTheCommand:
    def test_begins_one_and_says_so_in_the_message_that_tells_how_far_it_is(self, rig: Rig) -> None:
        [errand] = rig.export()

        assert (errand.kind, rig.said) == (ErrandKind.EXPORT, [say("export_begins", "en")])
        assert errand.shown is not None
        assert rig.message(ADA, errand.shown["messages"][0])["text"].startswith(say("export_begins", "en")[:10])
        assert rig.tickets.on_their_way() == 1

    def test_while_one_is_under_way_begins_no_other(self, rig: Rig) -> None:
        [errand] = rig.export()

        assert rig.export() == [errand]
        assert rig.said == [say("export_under_way", "en")]

    def test_in_a_group_is_refused(self, rig: Rig) -> None:
        assert rig.export(GROUP) == []
        assert rig.said == [say("own_data_in_private", "en")]


class TestItsParts:
    def test_are_sent_in_order_and_kept_no_longer(self, rig: Rig) -> None:
        errand = rig.packed(b"one", b"two")

        assert rig.send(errand) == [f"export-{errand.id}-1.zip", f"export-{errand.id}-2.zip"]
        assert not rig.has("export/0.zip")
        assert rig.exports() == [rig.errands.read(errand.id)]

    def test_that_were_sent_before_a_crash_are_not_sent_again(self, rig: Rig) -> None:
        errand = rig.packed(b"one", b"two")
        assert errand.shown is not None
        rig.errands.keep_shown(errand.id, {**errand.shown, "parts": 1})

        assert rig.send(rig.errands.read(errand.id) or errand) == [f"export-{errand.id}-2.zip"]

    def test_of_which_one_is_gone_are_the_others(self, rig: Rig) -> None:
        errand = rig.packed(b"one", b"two")
        rig.images.delete(["export/0.zip"])

        assert rig.send(errand) == [f"export-{errand.id}-2.zip"]

    def test_are_followed_by_what_there_was_no_room_for_once(self, rig: Rig) -> None:
        errand = rig.packed(b"one", is_all=False)

        rig.send(errand)
        rig.send(rig.errands.read(errand.id) or errand)

        [_, rest] = rig.exports()
        assert rest.question == {"last": 9, "part": 1, "goes_on": True}
        assert rest.shown is not None
        assert errand.shown is not None
        assert rest.shown["messages"] == errand.shown["messages"]
