"""``/history``: one message with a picture, whose buttons turn, filter, mark, open and remove."""

import io
from collections.abc import Iterator
from typing import Any

import PIL.Image
import pytest
from sqlalchemy import select, update

from services.bot.telegram.callback_data import read_history
from services.contact_sheet import ContactSheets, sheet_of
from shared.images import Images
from shared.store import tables
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, EVE, GROUP, PICTURE, Scene


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


@pytest.fixture
def scene(_scene: Scene) -> Iterator[Scene]:
    yield _scene
    _scene.stage.reset()


class Shown:
    """The newest message of the bot in a chat."""

    def __init__(self, scene: Scene, chat_id: int = ADA) -> None:
        self.scene, self.chat_id = scene, chat_id
        self.id = scene.said_by_bot(chat_id)[-1]

    @property
    def message(self) -> dict[str, Any]:
        return self.scene.message(self.chat_id, self.id)

    @property
    def words(self) -> list[str]:
        """What its buttons do."""
        return [wanted.word for button in self.buttons if (wanted := read_history(button.get("callback_data")))]

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [button for row in self.message["reply_markup"]["inline_keyboard"] for button in row]

    @property
    def job(self) -> int:
        """The picture that it shows."""
        return next(read.job_id for one in self.buttons if (read := read_history(one["callback_data"])))

    def press(self, word: str, *, who: int = ADA, place: int = 0) -> Outcome:
        data = [one["callback_data"] for one in self.buttons if f" {word} " in f"{one['callback_data']} "]
        return self.scene.press(who, data[place], self.chat_id, self.id)


def history(scene: Scene, words: str = "", who: int = ADA, chat_id: int = ADA) -> Shown:
    scene.say(who, f"/history {words}".strip(), chat_id)
    return Shown(scene, chat_id)


class TestTheCommand:
    def test_shows_the_newest_picture_by_its_file_id(self, scene: Scene) -> None:
        outcome = scene.say(ADA, "/history", ADA)

        [(name, values)] = outcome.sent
        assert (name, "<b>a red fox</b>" in values["caption"]) == ("sendPhoto", True)
        assert isinstance(values["photo"], str)
        assert Shown(scene).words[:2] == ["star", "older"]

    def test_finds_pictures_by_words(self, scene: Scene) -> None:
        assert "🔎 red fox" in history(scene, "red fox").message["caption"]
        assert "Nothing found for “blue whale”" in history(scene, "blue whale").message["text"]

    def test_shows_all_pictures_of_a_group_there(self, scene: Scene) -> None:
        shown, seen = history(scene, who=BOB, chat_id=GROUP), []
        seen.append(shown.job)
        while "older" in shown.words:
            shown.press("older", who=BOB)
            seen.append(shown.job)

        assert {scene.jobs[f"{one} in {GROUP}"] for one in (ADA, GROUP)} <= set(seen)
        assert scene.jobs[f"{ADA} in {ADA}"] not in seen

    def test_says_how_to_begin_where_there_is_no_picture(self, scene: Scene) -> None:
        assert "/imagine" in history(scene, who=EVE, chat_id=EVE).message["text"]


class TestTurning:
    def test_goes_to_the_next_older_picture_and_back_in_the_same_message(self, scene: Scene) -> None:
        shown = history(scene)
        newest = shown.job

        shown.press("older")
        older = shown.job
        shown.press("newer")

        assert older < newest == shown.job
        assert shown.id == scene.said_by_bot(ADA)[-1]

    def test_uploads_the_original_where_a_file_id_is_of_no_use_and_keeps_the_new_one(self, scene: Scene) -> None:
        job = history(scene).job
        Images(scene.stage.settings.image_store_url).put(job, PICTURE)
        with scene.stage.database.writing() as connection:
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == job).values(file_id="another-bots"))

        tried = scene.say(ADA, "/history", ADA)
        again = scene.say(ADA, "/history", ADA)

        assert [name for name, _ in tried.sent] == ["sendPhoto", "sendPhoto"]
        assert [name for name, _ in again.sent] == ["sendPhoto"]
        assert tried.changed["jobs", job]["file_id"] == again.sent[0][1]["photo"]

    def test_shows_an_empty_picture_where_the_original_is_gone_as_well(self, scene: Scene) -> None:
        job = history(scene).job
        values = {"file_id": None, "image_key": "000000/0.jpg"}
        with scene.stage.database.writing() as connection:
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == job).values(values))

        assert history(scene).message["photo"]

    def test_is_for_who_asked_for_the_list(self, scene: Scene) -> None:
        shown = history(scene, chat_id=GROUP)

        outcome = shown.press("older", who=BOB)

        assert "Send /history yourself" in outcome.answer["text"]
        assert outcome.sent == []

    def test_shows_no_picture_that_is_not_of_the_list(self, scene: Scene) -> None:
        shown = history(scene)
        view = read_history(shown.buttons[0]["callback_data"])
        assert view is not None
        other = scene.jobs[f"{GROUP} in {GROUP}"]

        for word in ("show", "star", "open", "ask", "remove"):
            outcome = scene.press(ADA, f"history {view.view_id} {word} {other}", ADA, shown.id)

            assert [name for name, _ in outcome.sent] in (["editMessageMedia"], [])
            assert shown.job < other
            assert ("jobs", other) not in outcome.changed
            assert "favourites" not in {table for table, _ in outcome.changed}


class TestTheOverview:
    def test_leads_to_a_picture_by_its_number(self, scene: Scene) -> None:
        shown = history(scene)

        shown.press("sheet")
        numbers = [one["text"] for one in shown.buttons if one["text"].isdecimal()]
        shown.press("show", place=1)

        assert numbers[:2] == ["1", "2"]
        assert "star" in shown.words

    def test_is_a_small_picture_also_of_broken_ones(self) -> None:
        drawn = ContactSheets().draw([PICTURE.data, b"no picture", None, *[PICTURE.data] * 6])

        with PIL.Image.open(io.BytesIO(drawn)) as picture:
            assert picture.size == (744, 744)
        assert len(drawn) < 100_000

    def test_is_no_larger_than_its_pictures(self) -> None:
        with PIL.Image.open(io.BytesIO(sheet_of([None] * 2))) as picture:
            assert picture.size == (498, 252)


class TestFavourites:
    def test_are_marked_and_filtered(self, scene: Scene) -> None:
        shown = history(scene)
        shown.press("older")
        job = shown.job

        shown.press("star")
        shown.press("filter")
        shown.press("starred")

        assert shown.job == job
        assert "🔎 ⭐" in shown.message["caption"]
        assert "older" not in shown.words

    def test_that_are_none_any_more_leave_the_list_as_it_is(self, scene: Scene) -> None:
        shown = history(scene)
        shown.press("filter")

        outcome = shown.press("starred")

        assert "Choose another filter" in outcome.answer["text"]
        assert outcome.changed == {}

    def test_of_this_chat_alone(self, scene: Scene) -> None:
        shown = history(scene)
        shown.press("filter")
        shown.press("here")

        while "older" in shown.words:
            shown.press("older")
        assert shown.job >= scene.jobs[f"{ADA} in {ADA}"]


class TestOpening:
    def test_sends_the_picture_again_with_all_its_buttons(self, scene: Scene) -> None:
        shown = history(scene)
        job = shown.job

        outcome = shown.press("open")

        [(name, values)] = outcome.sent
        assert name == "sendPhoto"
        assert all(f'"{word} {job}"' in values["reply_markup"] for word in ("again", "vary", "edit", "file"))

    def test_a_picture_of_a_group_can_be_made_again_from_the_private_chat(self, scene: Scene) -> None:
        shown = history(scene)
        while shown.job != scene.jobs[f"{ADA} in {GROUP}"]:
            shown.press("older")
        shown.press("open")

        outcome = scene.press(ADA, f"again {shown.job}", ADA)

        [made] = [row for (table, _), row in outcome.changed.items() if table == "jobs"]
        assert (made["chat_id"], made["private"], made["parent_id"]) == (ADA, 1, shown.job)


class TestRemoving:
    def test_asks_first_and_then_removes_words_picture_and_message(self, scene: Scene) -> None:
        shown = history(scene)
        shown.press("older")
        job = shown.job
        images = Images(scene.stage.settings.image_store_url)
        key = images.put(job, PICTURE)

        asked = shown.press("ask")
        outcome = shown.press("remove")

        assert "for good" in asked.answer["text"]
        left = outcome.changed["jobs", job]
        assert (left["idea"], left["prompt"], left["image_key"], left["state"]) == ("", None, None, "finished")
        assert ("picture_terms", job) in outcome.changed
        assert "deleteMessage" in [name for name, _ in outcome.sent]
        assert shown.job != job
        with pytest.raises(FileNotFoundError):
            images.get(key)

    def test_of_somebody_elses_picture_is_for_admins(self, scene: Scene) -> None:
        mine = scene.jobs[f"{ADA} in {GROUP}"]
        shown = history(scene, chat_id=GROUP)
        while shown.job != mine:
            shown.press("older")

        by_bob, by_carol = shown.press("ask", who=BOB), shown.press("ask", who=CAROL)

        assert "Only the person" in by_bob.answer["text"]
        assert "for good" in by_carol.answer["text"]

    def test_leaves_old_buttons_without_effect(self, scene: Scene) -> None:
        job = history(scene).job
        shown = Shown(scene)
        shown.press("ask")
        shown.press("remove")

        outcome = scene.press(ADA, f"again {job}", ADA)

        assert outcome.changed == {}
        with scene.stage.database.reading() as connection:
            mine = select(tables.jobs.c.bot_id).where(tables.jobs.c.id == job)
            assert connection.scalar(mine) == BOT
