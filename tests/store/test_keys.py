"""The rows of people's own keys."""

from shared.store.database import Database
from shared.store.keys import ACCEPTED, REFUSED, UNCHECKED, Keys
from tests.builders import BOT


def put(database: Database, sealed: str = "sealed", *, user: int = 7) -> Keys:
    keys = Keys(database)
    keys.put(user, "google", sealed=sealed, last_four="wxyz", bot_id=BOT, message_id=5, language="en")
    return keys


class TestKeys:
    def test_a_key_belongs_to_one_person(self, database: Database) -> None:
        keys = put(database)

        assert {service: key.state for service, key in keys.of(7).items()} == {"google": UNCHECKED}
        assert keys.of(8) == {}

    def test_a_check_is_taken_by_one_and_told_once(self, database: Database) -> None:
        keys = put(database)
        key = keys.claim_unchecked()

        assert key is not None
        assert keys.claim_unchecked() is None
        assert keys.settle(key, ACCEPTED)
        (untold,) = keys.untold(BOT)
        keys.told(untold)
        assert keys.untold(BOT) == []

    def test_an_answer_about_an_older_key_does_not_touch_the_new_one(self, database: Database) -> None:
        keys = put(database)
        old = keys.claim_unchecked()
        put(database, "another")

        assert old is not None
        assert not keys.settle(old, REFUSED)
        assert keys.of(7)["google"].state == UNCHECKED

    def test_a_refused_key_is_not_kept(self, database: Database) -> None:
        keys = put(database)
        keys.settle(keys.of(7)["google"], REFUSED)

        assert (keys.of(7)["google"].state, keys.of(7)["google"].sealed, keys.sealed()) == (REFUSED, "", [])

    def test_a_removed_key_is_gone(self, database: Database) -> None:
        keys = put(database)

        assert [keys.remove(7, "google"), keys.remove(7, "google")] == [True, False]
        assert keys.of(7) == {}
