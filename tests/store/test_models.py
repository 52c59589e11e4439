"""Which models the services name, where every process sees it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.store.database import Database
from shared.store.models import IMAGE, Models

OFTEN, SELDOM = timedelta(0), timedelta(hours=1)
FOX = {"providers": {"fal-ai": "fal-ai/fox"}}


@pytest.fixture
def models(database: Database) -> Models:
    return Models(database)


class TestTheList:
    def test_is_empty_before_anybody_was_asked(self, models: Models) -> None:
        assert models.all(IMAGE) == {}

    def test_is_read_as_it_was_written_in_its_order(self, models: Models) -> None:
        models.replace(IMAGE, {"z/fox": FOX, "a/owl": {"providers": {}}})

        assert list(models.all(IMAGE).items()) == [("z/fox", FOX), ("a/owl", {"providers": {}})]

    def test_a_new_one_takes_the_place_of_the_old_one(self, models: Models) -> None:
        models.replace(IMAGE, {"a/fox": FOX, "a/owl": FOX})
        models.replace(IMAGE, {"a/cat": FOX, "a/fox": {"providers": {}}})

        assert models.all(IMAGE) == {"a/cat": FOX, "a/fox": {"providers": {}}}

    def test_each_kind_has_its_own(self, models: Models) -> None:
        models.replace(IMAGE, {"a/fox": FOX})
        models.replace("chat", {"gemini": {}})
        models.replace(IMAGE, {})

        assert models.all(IMAGE) == {}
        assert models.all("chat") == {"gemini": {}}

    def test_of_two_written_at_once_one_stays_whole(self, models: Models) -> None:
        lists = [{f"{who}/{number}": FOX for number in range(50)} for who in "abcdefgh"]

        with ThreadPoolExecutor(len(lists)) as threads:
            list(threads.map(lambda one: models.replace(IMAGE, one), lists))

        assert models.all(IMAGE) in lists


class TestDue:
    def test_it_is_at_first_and_then_not_for_a_while(self, models: Models) -> None:
        assert models.due(IMAGE, SELDOM)
        assert not models.due(IMAGE, SELDOM)

    def test_it_is_again_when_the_time_has_passed(self, models: Models) -> None:
        models.due(IMAGE, SELDOM)

        assert models.due(IMAGE, OFTEN)

    def test_each_kind_has_its_own_time(self, models: Models) -> None:
        models.due(IMAGE, SELDOM)

        assert models.due("chat", SELDOM)

    def test_a_list_that_was_just_written_is_not(self, models: Models) -> None:
        models.replace(IMAGE, {"a/fox": FOX})

        assert not models.due(IMAGE, SELDOM)

    def test_asking_is_no_model(self, models: Models) -> None:
        models.due(IMAGE, SELDOM)

        assert models.all(IMAGE) == {}

    def test_of_many_who_ask_at_once_one_is_told_so(self, models: Models) -> None:
        with ThreadPoolExecutor(8) as threads:
            told = list(threads.map(lambda _: models.due(IMAGE, SELDOM), range(8)))

        assert sorted(told) == [False] * 7 + [True]
