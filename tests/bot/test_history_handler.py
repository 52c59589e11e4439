"""``/history`` and ``/gallery``: which picture is shown, who may press, what a press changes, and what is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.bot.pictures.history.handler import HistoryHandler
from services.bot.telegram.callback_data import code_of
from services.bot.texts.locales import say
from services.contact_sheet import LIMITS, ContactSheets
from shared.child_processes import Limits
from shared.history import MAX_SEARCH
from shared.jobs import Job
from shared.store.database import Database
from shared.store.history import History
from tests.bot.handler_rig import ADA, BOB, CAROL, GROUP, HandlerRig
from tests.bot.stage import BOT

GALLERY = "https://example.org/gallery"


class Rig(HandlerRig):
    """The pictures of a chat, and the message that shows them."""

    def __init__(
        self, database: Database, folder: Path, *, gallery: str | None = None, sheets: Limits = LIMITS
    ) -> None:
        super().__init__(database, folder)
        self.history = History(database, BOT)
        self.handler = HistoryHandler(
            self.history,
            self.jobs,
            self.images,
            self.catalogue,
            self.authorization,
            ContactSheets(sheets),
            gallery_url=gallery,
        )

    def pictures(self, count: int, chat: int = ADA, **recipe: Any) -> list[Job]:
        """So many, delivered, the oldest first."""
        made = [self.paint(self.ask(chat=chat), **recipe) for _ in range(count)]
        for job in made:
            self.deliver(job)
        return made

    def open(self, chat: int = ADA, words: str = "") -> int:
        """Let Ada ask for her pictures; returns the message that came."""
        self.say(self.handler.command, ADA, f"/history {words}".strip(), chat)
        return max(number for number, one in self._chat(chat).posts.items() if one.author_id == BOT)

    def shown(self, message: int, chat: int = ADA) -> int:
        """The job that a message shows."""
        return int(self.buttons(chat, message)[0].split()[3])

    def turns(self, message: int) -> set[str]:
        """To which sides a message offers to turn."""
        return {data.split()[2] for data in self.buttons(ADA, message)} & {"newer", "older"}

    def pressed(self, word: str, job: Job | None, message: int, choice: str = "", **who: Any) -> None:
        """Let a button be pressed, whether or not the message shows it."""
        view = self.buttons(who.get("chat", ADA), message)[0].split()[1]
        data = f"history {view} {word} {job.id if job else 0} {choice}".rstrip()
        self.press(self.handler.press, who.get("by", ADA), data, who.get("chat", ADA), message, old="old" in who)


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestTheCommand:
    def test_shows_the_newest_in_private_ones_own(self, rig: Rig) -> None:
        rig.pictures(1, GROUP)
        mine = rig.pictures(1)[0]

        assert rig.shown(rig.open()) == mine.id

    def test_shows_a_groups_there(self, rig: Rig) -> None:
        theirs = rig.pictures(1, GROUP)[0]
        rig.pictures(1)

        assert rig.shown(rig.open(GROUP), GROUP) == theirs.id

    def test_shows_what_the_words_find(self, rig: Rig) -> None:
        [job] = rig.pictures(1)

        assert rig.shown(rig.open(words="fox")) == job.id

    def test_offers_all_where_the_words_find_none(self, rig: Rig) -> None:
        first = rig.pictures(1)[0]
        message = rig.open(words="whale")
        assert rig.said == [say("history_not_found", "en", search="whale")]

        rig.press(rig.handler.press, ADA, rig.buttons(ADA, message)[0], ADA, message)

        assert rig.answer == (None, False)
        assert rig.calls("editMessageMedia") or rig.calls("sendPhoto")
        assert rig.history.view(int(rig.buttons(ADA, message)[0].split()[1])).wanted.search == ""  # type: ignore[union-attr]
        assert first.id == rig.shown(message)

    def test_searches_for_no_book(self, rig: Rig) -> None:
        rig.open(words="x" * 2 * MAX_SEARCH)

        assert rig.said == [say("history_not_found", "en", search="x" * MAX_SEARCH)]


class TestTheGallery:
    @pytest.mark.parametrize(
        ("url", "chat", "says"),
        [(None, ADA, "gallery_off"), (GALLERY, GROUP, "gallery_private"), (GALLERY, ADA, "gallery_open")],
    )
    def test_opens_in_private_where_the_owner_has_set_one_up(
        self, record: Database, tmp_path: Path, url: str | None, chat: int, says: str
    ) -> None:
        with Rig(record, tmp_path, gallery=url) as rig:
            rig.say(rig.handler.gallery, ADA, "/gallery", chat)

            [sent] = rig.calls("sendMessage")
        assert sent["text"] == say(says, "en")
        assert (f"{GALLERY}/" in json.dumps(sent.get("reply_markup"))) is (says == "gallery_open")


class TestWho:
    def test_has_a_button_of_a_list_that_is_gone_is_told_so(self, rig: Rig) -> None:
        rig.pictures(1)
        message = rig.open()

        rig.press(rig.handler.press, ADA, "history 999 show 0", ADA, message)

        assert rig.answer == (say("history_gone", "en"), True)

    def test_presses_in_somebody_elses_list_is_refused(self, rig: Rig) -> None:
        [older, newest] = rig.pictures(2, GROUP)
        message = rig.open(GROUP)

        rig.pressed("older", newest, message, chat=GROUP, by=BOB)

        assert rig.answer == (say("history_not_yours", "en"), True)
        assert (rig.shown(message, GROUP), older.id < newest.id) == (newest.id, True)

    def test_sends_it_under_a_message_that_shows_no_such_list_changes_nothing(self, rig: Rig) -> None:
        [_, newest] = rig.pictures(2)
        view = rig.buttons(ADA, rig.open())[0].split()[1]

        rig.press(rig.handler.press, ADA, f"history {view} older {newest.id}", ADA, rig.post(ADA, "Hello!"))

        assert (rig.answer, rig.changes) == ((None, False), [])

    def test_is_admin_may_remove_a_members_picture_and_who_is_not_may_not(self, rig: Rig) -> None:
        job = rig.pictures(1, GROUP)[0]
        message = rig.open(GROUP)

        rig.pressed("remove", job, message, chat=GROUP, by=BOB)
        refused, kept = rig.answer, rig.read(job)
        rig.pressed("remove", job, message, chat=GROUP, by=CAROL)

        assert (refused, kept.is_removed) == ((say("pressed_not_yours", "en"), True), False)
        assert rig.read(job).is_removed


class TestTurning:
    def test_stays_at_either_end(self, rig: Rig) -> None:
        [first, last] = rig.pictures(2)
        message = rig.open()

        rig.pressed("newer", last, message)
        assert (rig.shown(message), rig.turns(message)) == (last.id, {"older"})
        rig.pressed("older", last, message)
        rig.pressed("older", first, message)
        assert (rig.shown(message), rig.turns(message)) == (first.id, {"newer"})

    def test_back_to_the_newest_and_from_the_middle_offers_what_there_is(self, rig: Rig) -> None:
        [first, second, _] = rig.pictures(3)
        message = rig.open()

        rig.pressed("newer", first, message)
        assert (rig.shown(message), rig.turns(message)) == (second.id, {"newer", "older"})
        rig.pressed("newer", second, message)

        assert rig.turns(message) == {"older"}

    def test_passes_over_a_picture_that_is_gone(self, rig: Rig) -> None:
        [first, second, third] = rig.pictures(3)
        message = rig.open()
        rig.history.remove(second.id)

        rig.pressed("show", second, message)
        assert rig.shown(message) == first.id
        rig.history.remove(first.id)
        rig.pressed("show", first, message)
        assert rig.shown(message) == third.id

    def test_in_a_message_of_long_ago_sends_another(self, rig: Rig) -> None:
        [_, last] = rig.pictures(2)

        rig.pressed("older", last, rig.open(), old=True)

        assert rig.changes == ["sendPhoto"]

    def test_to_where_nothing_is_left_says_so(self, rig: Rig) -> None:
        [only] = rig.pictures(1)
        message = rig.open()
        rig.history.remove(only.id)

        rig.pressed("show", only, message)

        assert rig.answer == (say("history_empty", "en"), True)


class TestTheOverview:
    def test_of_nothing_says_so(self, rig: Rig) -> None:
        [only] = rig.pictures(1)
        message = rig.open()
        rig.history.remove(only.id)

        rig.pressed("sheet", None, message)

        assert (rig.answer, rig.changes) == ((say("history_empty", "en"), True), [])

    def test_that_can_not_be_drawn_in_time_leaves_the_message_as_it_is(self, record: Database, tmp_path: Path) -> None:
        with Rig(record, tmp_path, sheets=replace(LIMITS, wall_s=0.0)) as rig:
            rig.pictures(1)
            rig.pressed("sheet", None, rig.open())

            assert (rig.answer, rig.changes) == ((say("history_no_sheet", "en"), True), [])


class TestOnePicture:
    @pytest.mark.parametrize("word", ["star", "open", "ask", "remove"])
    def test_that_is_gone_is_said_to_be(self, rig: Rig, word: str) -> None:
        [_, last] = rig.pictures(2)
        message = rig.open()
        rig.history.remove(last.id)

        rig.pressed(word, last, message)

        assert (rig.answer, rig.changes) == ((say("pressed_unknown", "en"), False), [])

    def test_is_a_favourite_until_it_is_pressed_again(self, rig: Rig) -> None:
        [job] = rig.pictures(1)
        message = rig.open()

        rig.pressed("star", job, message)
        assert rig.history.favourites_among(ADA, [job.id]) == {job.id}
        rig.pressed("star", job, message)

        assert rig.history.favourites_among(ADA, [job.id]) == set()

    def test_is_removed_with_its_file_and_the_message_that_brought_it(self, rig: Rig) -> None:
        [job] = rig.pictures(1)
        brought = rig.read(job).delivered_message_id
        message = rig.open()

        rig.pressed("ask", job, message)
        assert rig.answer == (say("history_sure", "en"), True)
        assert not rig.read(job).is_removed
        rig.pressed("remove", job, message)

        assert rig.answer == (say("history_removed", "en"), False)
        assert rig.read(job).is_removed
        with pytest.raises(FileNotFoundError):
            rig.images.get(job.image_key or "")
        # It was the last: the list goes, too.
        assert [rig.message(ADA, one)["deleted"] for one in (brought, message)] == [True, True]


class TestFilters:
    def test_by_model_come_and_go_with_the_same_button(self, rig: Rig) -> None:
        [plain] = rig.pictures(1, model="org/plain")
        [other] = rig.pictures(1, model="org/other")
        message = rig.open()

        rig.pressed("filter", other, message)
        assert f"model {other.id} {code_of('org/plain')}" in " ".join(rig.buttons(ADA, message))
        rig.pressed("model", None, message, code_of("org/plain"))
        assert rig.shown(message) == plain.id
        rig.pressed("model", None, message, code_of("org/plain"))

        assert rig.shown(message) == other.id

    def test_that_leave_nothing_are_not_kept(self, rig: Rig) -> None:
        [job] = rig.pictures(1)
        message = rig.open()

        rig.pressed("starred", job, message)

        assert rig.answer == (say("history_empty", "en"), True)
        view = rig.history.view(int(rig.buttons(ADA, message)[0].split()[1]))
        assert view is not None
        assert not view.wanted.favourites

    def test_of_a_group_have_no_button_for_this_chat(self, rig: Rig) -> None:
        [job] = rig.pictures(1, GROUP)
        message = rig.open(GROUP)

        rig.pressed("filter", job, message, chat=GROUP)

        assert not any(" here " in data for data in rig.buttons(GROUP, message))
