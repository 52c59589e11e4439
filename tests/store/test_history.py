"""What people have had made, in both databases: pages, words, favourites, removal."""

from dataclasses import replace

import pytest

from shared.history import Preview, Wanted
from shared.jobs import Job, State
from shared.store.aging import Aging
from shared.store.chat_migration import ChatMigration
from shared.store.database import Database
from shared.store.history import History
from shared.store.jobs import Jobs
from tests.builders import BOT, RED_FOX, submit_and_fail, submit_and_finish

ADA, BOB, GROUP, SUPERGROUP = 7, 8, -100, -1_000_100
OF_ADA = Wanted(BOT, ADA)


@pytest.fixture
def history(database: Database) -> History:
    return History(database, BOT)


def ids(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


class TestPages:
    def test_show_ones_own_finished_pictures_newest_first(self, database: Database, history: History) -> None:
        old, new = (submit_and_finish(database, user=ADA).id for _ in range(2))
        submit_and_finish(database, user=BOB)
        submit_and_finish(database, user=ADA, bot=BOT + 1)
        submit_and_fail(database, user=ADA)

        assert ids(history.page(OF_ADA, limit=9)) == [new, old]

    def test_go_on_from_a_picture_both_ways(self, database: Database, history: History) -> None:
        made = [submit_and_finish(database, user=ADA).id for _ in range(5)]

        assert ids(history.page(OF_ADA, before=made[3], limit=2)) == [made[2], made[1]]
        assert ids(history.page(OF_ADA, after=made[1], limit=2)) == [made[3], made[2]]
        assert history.page(OF_ADA, before=made[0], limit=2) == []

    def test_of_a_group_show_all_that_was_made_there(self, database: Database, history: History) -> None:
        mine = submit_and_finish(database, user=ADA, chat=GROUP, private=False)
        others = submit_and_finish(database, user=BOB, chat=GROUP, private=False)
        alone = submit_and_finish(database, user=ADA)

        assert ids(history.page(Wanted(BOT, GROUP), limit=9)) == [others.id, mine.id]
        assert ids(history.page(OF_ADA, limit=9)) == [alone.id, mine.id]
        assert ids(history.page(replace(OF_ADA, chat_id=ADA), limit=9)) == [alone.id]

    def test_can_be_of_one_model(self, database: Database, history: History) -> None:
        made = submit_and_finish(database, user=ADA)

        assert history.models(OF_ADA) == ["org/model"]
        assert ids(history.page(replace(OF_ADA, model="org/model"), limit=9)) == [made.id]
        assert history.page(replace(OF_ADA, model="org/other"), limit=9) == []

    def test_show_also_what_telegram_alone_has_any_more(self, database: Database, history: History) -> None:
        shown, lost = (submit_and_finish(database, user=ADA).id for _ in range(2))
        history.keep_file_id(shown, "a-file-id")

        Aging(database).originals_gone([shown, lost])

        assert ids(history.page(OF_ADA, limit=9)) == [shown]
        assert history.page(replace(OF_ADA, with_original=True), limit=9) == []


class TestASearch:
    def test_finds_what_has_all_words_in_idea_prompt_or_title(self, database: Database, history: History) -> None:
        fox = submit_and_finish(database, idea="ein Fuchs", user=ADA)
        submit_and_finish(database, idea="ein Fuchs", user=BOB)
        whale = submit_and_finish(database, idea="ein Wal", user=ADA)

        assert ids(history.page(replace(OF_ADA, search="fuchs SNOW"), limit=9)) == [fox.id]
        assert ids(history.page(replace(OF_ADA, search="golden hour"), limit=9)) == [whale.id, fox.id]
        assert ids(history.page(replace(OF_ADA, search="golden"), before=whale.id, limit=9)) == [fox.id]
        assert ids(history.page(replace(OF_ADA, search="golden"), after=fox.id, limit=9)) == [whale.id]
        assert history.page(replace(OF_ADA, search="fuchs wal"), limit=9) == []

    @pytest.mark.parametrize("search", ["'", '"', "a:* | b", "') OR (", "*", "\0", "_u8", "NOT", "{x}: y"])
    def test_takes_any_signs_for_words_alone(self, database: Database, history: History, search: str) -> None:
        submit_and_finish(database, user=BOB)

        assert history.page(replace(OF_ADA, search=search), limit=9) == []

    @pytest.mark.parametrize(("search", "idea"), [("狐狸", "一只红色狐狸在雪中"), ("ثعلب", "الثعلب الأحمر")])
    def test_finds_words_that_no_space_shows(
        self, database: Database, history: History, search: str, idea: str
    ) -> None:
        made = submit_and_finish(database, idea=idea, user=ADA)

        assert ids(history.page(replace(OF_ADA, search=search), limit=9)) == [made.id]

    def test_finds_a_groups_pictures_after_it_moved(self, database: Database, history: History) -> None:
        before = submit_and_finish(database, user=ADA, chat=GROUP, private=False)
        ChatMigration(database, BOT).move(GROUP, SUPERGROUP)
        after = submit_and_finish(database, user=BOB, chat=SUPERGROUP, private=False)

        assert ids(history.page(Wanted(BOT, SUPERGROUP, "fox"), limit=9)) == [after.id, before.id]

    def test_goes_on_beyond_those_that_were_looked_at_one_by_one(self, database: Database) -> None:
        history = History(database, BOT, nearest=2)
        kinds = ("Fuchs", "Wal", "Wal", "Wal", "Fuchs", "Wal", "Fuchs", "Fuchs")
        made = [submit_and_finish(database, idea=f"ein {kind}", user=ADA).id for kind in kinds]
        foxes, wanted = [made[7], made[6], made[4], made[0]], replace(OF_ADA, search="fuchs")

        assert [ids(history.page(wanted, limit=limit)) for limit in (1, 2, 3, 9)] == [
            foxes[:1],
            foxes[:2],
            foxes[:3],
            foxes,
        ]
        assert ids(history.page(wanted, before=made[6], limit=9)) == foxes[2:]
        assert ids(history.page(wanted, after=made[0], limit=2)) == foxes[1:3]
        assert ids(history.page(wanted, after=made[1], limit=9)) == foxes[:3]

    def test_can_be_among_favourites_of_one_chat_and_model(self, database: Database, history: History) -> None:
        made = [submit_and_finish(database, user=ADA).id for _ in range(2)]
        history.set_favourite(ADA, made[0], is_one=True)
        all_at_once = Wanted(BOT, ADA, "fox", favourites=True, model="org/model", chat_id=ADA)

        assert ids(history.page(all_at_once, limit=9)) == [made[0]]


class TestPreviews:
    def test_are_a_page_with_what_a_list_shows(self, database: Database, history: History) -> None:
        made = [submit_and_finish(database, idea="ein Fuchs", user=ADA) for _ in range(3)]
        submit_and_finish(database, idea="ein Fuchs", user=BOB)
        history.keep_file_id(made[1].id, "AgAC")

        shown = Preview(made[1].id, "ein Fuchs", "en", RED_FOX.title, RED_FOX.text, "org/model", "AgAC")
        assert history.previews(OF_ADA, before=made[2].id, limit=1) == [shown]
        assert history.previews(replace(OF_ADA, search="fuchs"), before=made[2].id, limit=9)[0] == shown


class TestFavourites:
    def test_are_a_persons_or_a_groups_own(self, database: Database, history: History) -> None:
        made = submit_and_finish(database, user=ADA, chat=GROUP, private=False)
        history.set_favourite(GROUP, made.id, is_one=True)
        history.set_favourite(GROUP, made.id, is_one=True)

        assert history.favourites_among(GROUP, [made.id]) == {made.id}
        assert history.favourites_among(ADA, [made.id]) == set()
        assert history.page(replace(OF_ADA, favourites=True), limit=9) == []

        history.set_favourite(GROUP, made.id, is_one=False)
        assert history.page(Wanted(BOT, GROUP, favourites=True), limit=9) == []


class TestRemoval:
    def test_leaves_nothing_that_was_said_or_shown(self, database: Database, history: History) -> None:
        made = submit_and_finish(database, idea="my secret wish", user=ADA)
        history.set_favourite(ADA, made.id, is_one=True)

        history.remove(made.id)
        history.remove(made.id)

        left = Jobs(database).read(made.id)
        assert left is not None
        assert left.is_removed
        assert (left.request.idea, left.prompt, left.recipe, left.image_key, left.file_id) == (
            "",
            None,
            None,
            None,
            None,
        )
        assert history.page(OF_ADA, limit=9) == []
        assert history.page(replace(OF_ADA, search="secret"), limit=9) == []
        assert history.favourites_among(ADA, [made.id]) == set()

    def test_keeps_what_budgets_count(self, database: Database, history: History) -> None:
        made = submit_and_finish(database, user=ADA)

        history.remove(made.id)

        left = Jobs(database).read(made.id)
        assert left is not None
        assert (left.state, left.sender.id, left.created_at) == (State.FINISHED, ADA, made.created_at)

    def test_touches_no_other_bots_pictures(self, database: Database, history: History) -> None:
        made = submit_and_finish(database, user=ADA, bot=BOT + 1)

        history.remove(made.id)

        assert Jobs(database).read(made.id) == made


class TestViews:
    def test_are_read_back_as_they_were_changed(self, history: History) -> None:
        opened = history.open_view(replace(OF_ADA, search="fox"), chat_id=ADA, user_id=ADA)
        history.change_view(opened.id, replace(opened.wanted, favourites=True, chat_id=ADA))

        assert history.view(opened.id) == replace(opened, wanted=Wanted(BOT, ADA, "fox", favourites=True, chat_id=ADA))
        assert history.view(opened.id + 1) is None

    def test_of_a_group_are_about_the_group(self, history: History) -> None:
        opened = history.open_view(Wanted(BOT, GROUP), chat_id=GROUP, user_id=ADA)

        assert history.view(opened.id) == opened
