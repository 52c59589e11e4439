"""``@bot fox`` in any chat: one's own pictures, page by page, and the way to one that nobody has made yet."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.telegram import people
from services.bot.pictures.history.inline import A_PAGE, Asked, read_query, result_of
from shared.history import Preview
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, EVE, GROUP, Scene
from tests.builders import submit_and_finish


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def ask(scene: Scene, who: int, words: str, offset: str = "") -> dict[str, Any]:
    """Type words after the bot's name; returns the answer, empty where the sandbox did not take one."""
    world = scene.stage.telegram.world
    person = world.people[who]
    question = people.ask_inline(world, world.bot(BOT), person, query=words, offset=offset, chat_type="group")
    asked = {"id": question.id, "from": person.user, "query": words, "offset": offset, "chat_type": "group"}
    scene.stage.handle({"update_id": 10**6 + int(question.id) % 10**6, "inline_query": asked})
    return question.answer or {}


def ids(answer: dict[str, Any]) -> list[int]:
    return [int(result["id"]) for result in answer["results"]]


def open_link(scene: Scene, who: int, answer: dict[str, Any]) -> Outcome:
    return scene.say(who, f"/start {answer['button']['start_parameter']}", who)


class TestAQuery:
    def test_finds_ones_own_pictures_of_all_chats_alone(self, scene: Scene) -> None:
        answer = ask(scene, ADA, "red fox")

        assert {scene.jobs[f"{ADA} in {ADA}"], scene.jobs[f"{ADA} in {GROUP}"]} == set(ids(answer))
        assert answer["is_personal"]
        assert answer["cache_time"] <= 10
        assert "button" not in answer
        assert "caption" not in answer["results"][0]

    def test_goes_on_from_an_offset(self, scene: Scene) -> None:
        newest, *others, oldest = ids(ask(scene, ADA, ""))

        assert ids(ask(scene, ADA, "", offset=str(newest))) == [*others, oldest]
        assert ids(ask(scene, ADA, "", offset=str(oldest))) == []

    def test_brings_a_caption_where_that_is_asked_for(self, scene: Scene) -> None:
        [first, *_] = ask(scene, ADA, "fox --caption")["results"]

        assert first["caption"].startswith("<b>a red fox</b>")

    def test_of_somebody_without_pictures_leads_to_the_first(self, scene: Scene) -> None:
        answer = ask(scene, EVE, "")

        assert (answer["results"], answer["button"]["start_parameter"]) == ([], "first-picture")

    @pytest.mark.parametrize("idea", ["🦊", "狐狸", "ثعلب", '"50%_\\off"'])
    def test_that_is_short_or_strange_is_an_idea_all_the_same(self, scene: Scene, idea: str) -> None:
        answer = ask(scene, ADA, idea)

        assert answer["results"] == []
        assert answer["button"]["start_parameter"].startswith("idea-")

    def test_passes_over_what_telegram_does_not_know(self, scene: Scene) -> None:
        known = ids(ask(scene, ADA, ""))
        for _ in range(2 * A_PAGE):  # More than a page is finished; none has a file of Telegram's.
            submit_and_finish(scene.stage.database, user=ADA, bot=BOT)

        assert ids(ask(scene, ADA, "")) == known != []


class TestAnIdeaThatNobodyPaintedYet:
    IDEA = "a blue whale above the clouds, " + "seen from very far away " * 2 + "--ar 16:9"

    def test_is_created_in_the_private_chat_and_leads_back(self, scene: Scene) -> None:
        answer = ask(scene, ADA, self.IDEA)
        outcome = open_link(scene, ADA, answer)

        [job] = [row for (table, _), row in outcome.changed.items() if table == "jobs"]
        assert (job["idea"], job["chat_id"], job["user_id"]) == (self.IDEA.removesuffix(" --ar 16:9"), ADA, ADA)
        assert re.fullmatch(r"[\w-]{1,64}", answer["button"]["start_parameter"])
        assert f'"switch_inline_query": "{self.IDEA}"' in str(outcome.sent[-1][1]["reply_markup"])

    def test_is_nobody_elses(self, scene: Scene) -> None:
        outcome = open_link(scene, BOB, ask(scene, ADA, self.IDEA))

        assert "expired" in outcome.sent[0][1]["text"]
        assert not any(table == "jobs" for table, _ in outcome.changed)


class TestReading:
    @pytest.mark.parametrize(
        ("typed", "offset", "read"),
        [
            ("  red   fox ", "", Asked("red fox", "red fox", with_caption=False, before=None)),
            ("red fox —caption", "17", Asked("red fox", "red fox", with_caption=True, before=17)),
            ("red fox --ar 16:9 —seed 5", "", Asked("red fox", "red fox --ar 16:9 —seed 5", False, None)),
            ("x" * 200, "", Asked("x" * 100, "x" * 200, False, None)),
            ("--CAPTION", "x", Asked("", "", with_caption=True, before=None)),
            ("--captioned", "٣", Asked("", "--captioned", with_caption=False, before=None)),
        ],
    )
    def test_takes_words_and_the_wish_for_a_caption_apart(self, typed: str, offset: str, read: Asked) -> None:
        assert read_query(typed, offset) == read


class TestAResult:
    def test_is_a_photo_or_a_file_as_telegram_has_it(self) -> None:
        photo = result_of(Preview(1, "a red fox", "en", file_id="AgACAgIAAxkBAAI"), with_caption=False)
        file = result_of(Preview(1, "a red fox", "en", file_id="BQACAgIAAxkBAAI"), with_caption=False)

        assert photo is not None
        assert file is not None
        assert (photo.type, file.type) == ("photo", "document")

    @pytest.mark.parametrize("file_id", [None, "", "x", "~~~~", "AwACAgIAAxkBAAI"])
    def test_is_none_where_telegram_has_no_picture(self, file_id: str | None) -> None:
        assert result_of(Preview(1, "a red fox", "en", file_id=file_id), with_caption=False) is None
