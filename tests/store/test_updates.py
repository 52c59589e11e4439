"""Telegram's updates, written down before Telegram may forget them."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT

HELLO = RawUpdate(1, '{"update_id":1,"message":{"text":"hello \\u0000"}}')
WORLD = RawUpdate(2, '{"update_id":2,"message":{"text":"world"}}')
UNREADABLE = RawUpdate(3, '{"update_id":3,"novelty":{}}', readable=False)


def unhandled(updates: Updates, *, limit: int) -> list[RawUpdate]:
    """What is to be handled, as a process that starts reads it."""
    return updates.read(updates.unhandled(limit=limit))


@pytest.fixture
def updates(database: Database) -> Updates:
    return Updates(database, BOT)


class TestKeeping:
    def test_what_was_kept_is_unhandled_oldest_first(self, updates: Updates) -> None:
        updates.keep([WORLD, HELLO])

        assert unhandled(updates, limit=10) == [HELLO, WORLD]

    def test_nothing_is_fine_too(self, updates: Updates) -> None:
        assert updates.keep([]) == frozenset()

    def test_an_update_that_comes_again_is_kept_once(self, updates: Updates) -> None:
        updates.keep([HELLO])
        updates.keep([HELLO, WORLD])

        assert unhandled(updates, limit=10) == [HELLO, WORLD]

    @pytest.mark.parametrize("is_handled", [False, True])
    def test_an_update_that_is_known_needs_no_handling_when_it_comes_again(
        self, updates: Updates, *, is_handled: bool
    ) -> None:
        updates.keep([HELLO])
        if is_handled:
            updates.handled([HELLO.update_id])

        assert updates.keep([HELLO, WORLD]) == {WORLD.update_id}
        assert unhandled(updates, limit=10) == ([WORLD] if is_handled else [HELLO, WORLD])

    def test_an_unreadable_update_is_kept_but_needs_no_handling(self, updates: Updates) -> None:
        assert updates.keep([HELLO, UNREADABLE]) == {HELLO.update_id}

        assert unhandled(updates, limit=10) == [HELLO]

    def test_a_whole_answer_of_telegram_fits(self, updates: Updates) -> None:
        hundred = [RawUpdate(number, "{}") for number in range(2**40, 2**40 + 100)]

        assert updates.keep(hundred) == {one.update_id for one in hundred}

        assert unhandled(updates, limit=1000) == hundred

    def test_two_bots_count_their_updates_each(self, database: Database, updates: Updates) -> None:
        other = Updates(database, BOT + 1)
        updates.keep([HELLO])
        other.keep([HELLO])

        other.handled([HELLO.update_id])

        assert unhandled(updates, limit=10) == [HELLO]
        assert other.unhandled(limit=10) == []


class TestAnAlbum:
    def of(self, message_id: int, album: str, *, chat_id: int = 7, **fields: str) -> RawUpdate:
        body = json.dumps({"message": {"media_group_id": album, **fields}})
        return RawUpdate(message_id, body, chat_id=chat_id, message_id=message_id)

    def test_has_the_captions_of_its_messages_wherever_they_stand(self, updates: Updates) -> None:
        updates.keep([self.of(4, "7", caption="/imagine"), WORLD, self.of(5, "7"), UNREADABLE])

        assert updates.captions_of("7", chat_id=7, near=5) == ["/imagine"]

    def test_has_no_captions_of_others(self, updates: Updates) -> None:
        other_chat = self.of(6, "7", chat_id=8, caption="/imagine")
        far_away = self.of(100, "7", caption="/imagine")
        updates.keep([self.of(4, "7"), self.of(5, "8", caption="/imagine"), other_chat, far_away])

        assert updates.captions_of("7", chat_id=7, near=4) == []


class TestATextInParts:
    HEAD, TAIL = RawUpdate(10, '{"message":{"text":"one"}}'), RawUpdate(12, '{"message":{"text":"two"}}', part_of=10)

    def test_is_handled_with_its_first_part(self, updates: Updates) -> None:
        assert updates.keep([self.HEAD, RawUpdate(11, "{}"), self.TAIL]) == {10, 11}

        assert updates.unhandled(limit=10) == [10, 11]
        assert [one.update_id for one in updates.parts_of(10)] == [12]

    def test_may_come_later(self, updates: Updates) -> None:
        updates.keep([self.HEAD])

        assert updates.keep([self.TAIL]) == frozenset()
        assert [one.body for one in updates.join(10)] == [self.TAIL.body]

    def test_is_joined_as_often_as_its_handling_begins(self, updates: Updates) -> None:
        updates.keep([self.HEAD, self.TAIL])

        assert updates.join(10) == updates.join(10)
        assert updates.unhandled(limit=10) == [10]

    def test_does_not_grow_any_more_when_its_handling_has_begun(self, updates: Updates) -> None:
        updates.keep([self.HEAD])
        assert not updates.is_joined(10)
        updates.join(10)

        assert updates.is_joined(10)
        assert updates.keep([self.TAIL]) == {12}
        assert updates.join(10) == []

    def test_does_not_grow_when_it_was_handled_without_anybody_waiting(self, updates: Updates) -> None:
        updates.keep([self.HEAD])
        updates.handled([10])

        assert updates.is_joined(10)
        assert updates.keep([self.TAIL]) == {12}

    def test_without_its_first_part_is_handled_by_itself(self, updates: Updates) -> None:
        assert updates.keep([self.TAIL]) == {12}


class TestAnEditedMessage:
    def version(self, update_id: int, kind: str, words: str) -> RawUpdate:
        return RawUpdate(update_id, json.dumps({kind: {"text": words}}), chat_id=7, message_id=3)

    def test_is_compared_with_the_version_before(self, updates: Updates) -> None:
        updates.keep([self.version(1, "message", "a dog"), self.version(2, "edited_message", "a cat")])

        assert updates.words_before(3, chat_id=7, message_id=3) == "a cat"
        assert updates.words_before(2, chat_id=7, message_id=3) == "a dog"
        assert updates.words_before(1, chat_id=7, message_id=3) is None

    def test_is_told_once_that_it_changes_nothing(self, updates: Updates) -> None:
        assert [updates.may_hint(chat_id=7, message_id=3) for _ in range(2)] == [True, False]
        assert updates.may_hint(chat_id=7, message_id=4)


class TestFeedingAgain:
    def test_what_was_handled_does_not_come_again(self, updates: Updates) -> None:
        updates.keep([HELLO, WORLD])

        updates.handled([HELLO.update_id, WORLD.update_id])

        assert updates.unhandled(limit=10) == []

    def test_what_may_still_have_a_handler_at_work_is_left_alone(self, updates: Updates) -> None:
        updates.keep([HELLO])

        assert updates.unhandled(limit=10, older_than=timedelta(minutes=1)) == []
        assert unhandled(updates, limit=10) == [HELLO]

    def test_the_oldest_come_first_when_not_all_do(self, updates: Updates) -> None:
        updates.keep([WORLD, HELLO])

        assert unhandled(updates, limit=1) == [HELLO]

    def test_what_was_handled_meanwhile_is_not_read(self, updates: Updates) -> None:
        updates.keep([HELLO, WORLD])
        waiting = updates.unhandled(limit=10)

        updates.handled([HELLO.update_id])

        assert updates.read(waiting) == [WORLD]


class TestStartingAgain:
    def test_each_start_is_counted(self, updates: Updates) -> None:
        updates.keep([HELLO, WORLD])

        updates.count_start(HELLO.update_id)
        updates.count_start(HELLO.update_id)

        assert unhandled(updates, limit=10) == [replace(HELLO, starts=2), WORLD]

    def test_those_that_ended_well_are_forgotten(self, updates: Updates) -> None:
        updates.keep([HELLO])
        updates.count_start(HELLO.update_id)

        updates.forget_starts([HELLO.update_id])

        assert unhandled(updates, limit=10) == [HELLO]
