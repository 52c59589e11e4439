"""Telegram's updates, written down before Telegram may forget them."""

import json
from datetime import timedelta

import pytest
from builders import BOT

from shared.store.database import Database
from shared.store.updates import MAX_TRIES, RawUpdate, Updates

HELLO = RawUpdate(1, '{"update_id":1,"message":{"text":"hello \\u0000"}}')
WORLD = RawUpdate(2, '{"update_id":2,"message":{"text":"world"}}')
UNREADABLE = RawUpdate(3, '{"update_id":3,"novelty":{}}', readable=False)


@pytest.fixture
def updates(database: Database) -> Updates:
    return Updates(database, BOT)


class TestKeeping:
    def test_what_was_kept_is_unhandled_oldest_first(self, updates: Updates) -> None:
        updates.keep([WORLD, HELLO])

        assert updates.unhandled(most=10) == [HELLO, WORLD]

    def test_nothing_is_fine_too(self, updates: Updates) -> None:
        assert updates.keep([]) == frozenset()

    def test_an_update_that_comes_again_is_kept_once(self, updates: Updates) -> None:
        updates.keep([HELLO])
        updates.keep([HELLO, WORLD])

        assert updates.unhandled(most=10) == [HELLO, WORLD]

    def test_an_update_that_was_handled_needs_no_handling_when_it_comes_again(self, updates: Updates) -> None:
        updates.keep([HELLO])
        updates.handled([HELLO.update_id])

        assert updates.keep([HELLO, WORLD]) == {HELLO.update_id}
        assert updates.unhandled(most=10) == [WORLD]

    def test_an_unreadable_update_is_kept_but_needs_no_handling(self, updates: Updates) -> None:
        assert updates.keep([HELLO, UNREADABLE]) == {UNREADABLE.update_id}

        assert updates.unhandled(most=10) == [HELLO]

    def test_a_whole_answer_of_telegram_fits(self, updates: Updates) -> None:
        hundred = [RawUpdate(number, "{}") for number in range(2**40, 2**40 + 100)]

        assert updates.keep(hundred) == frozenset()

        assert updates.unhandled(most=1000) == hundred

    def test_two_bots_count_their_updates_each(self, database: Database, updates: Updates) -> None:
        other = Updates(database, BOT + 1)
        updates.keep([HELLO])
        other.keep([HELLO])

        other.handled([HELLO.update_id])

        assert updates.unhandled(most=10) == [HELLO]
        assert other.unhandled(most=10) == []


class TestAnAlbum:
    def of(self, update_id: int, album: str, **fields: str) -> RawUpdate:
        return RawUpdate(update_id, json.dumps({"message": {"media_group_id": album, **fields}}))

    def test_has_the_captions_of_its_messages_wherever_they_stand(self, updates: Updates) -> None:
        updates.keep([self.of(4, "7", caption="/imagine"), WORLD, self.of(5, "7"), UNREADABLE])

        assert updates.captions_of("7", near=5) == ["/imagine"]

    def test_has_no_captions_of_others(self, updates: Updates) -> None:
        updates.keep([self.of(4, "7"), self.of(5, "8", caption="/imagine"), self.of(100, "7", caption="/imagine")])

        assert updates.captions_of("7", near=4) == []


class TestFeedingAgain:
    def test_what_was_handled_does_not_come_again(self, updates: Updates) -> None:
        updates.keep([HELLO, WORLD])

        updates.handled([HELLO.update_id, WORLD.update_id])

        assert updates.unhandled(most=10) == []

    def test_an_update_is_tried_so_often_and_no_more(self, updates: Updates) -> None:
        updates.keep([HELLO])

        looks = [updates.unhandled(most=10) for _ in range(MAX_TRIES + 2)]

        assert looks == [[HELLO]] * MAX_TRIES + [[]] * 2

    def test_what_may_still_have_a_handler_at_work_is_left_alone(self, updates: Updates) -> None:
        updates.keep([HELLO])

        assert updates.unhandled(most=10, older_than=timedelta(minutes=1)) == []
        assert updates.unhandled(most=10) == [HELLO]

    def test_the_oldest_come_first_when_not_all_do(self, updates: Updates) -> None:
        updates.keep([WORLD, HELLO])

        assert updates.unhandled(most=1) == [HELLO]


class TestForgetting:
    def test_what_was_handled_long_ago_is_forgotten(self, updates: Updates) -> None:
        updates.keep([HELLO, WORLD])
        updates.handled([HELLO.update_id])

        assert updates.forget(older_than=timedelta(days=1)) == 0
        assert updates.forget(older_than=timedelta(0)) == 1
        assert updates.keep([HELLO]) == frozenset()

    def test_what_was_not_handled_is_never_forgotten(self, updates: Updates) -> None:
        updates.keep([HELLO])

        assert updates.forget(older_than=timedelta(0)) == 0
        assert updates.unhandled(most=10) == [HELLO]
