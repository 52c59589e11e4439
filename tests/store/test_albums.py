"""Albums: messages that arrive one by one, in any order and perhaps twice, are one question."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Sender, State
from shared.store import tables
from shared.store.albums import LONGEST, REPLIED, Albums, Place
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from tests.builders import ALREADY_OVER, BOT, turns_of


def of_album(database: Database, album: str = "77") -> Errand:
    errand, _ = Errands(database).submit(
        ErrandKind.CHAT,
        {"text": "", "attachments": [], "awaited": []},
        address=Address(BOT, 7, 12, album=album),
        sender=Sender(7),
        after=LONGEST,
    )
    return errand


def a_file(number: int) -> dict[str, Any]:
    return {"key": f"sent/7/{number}", "media_type": "image/jpeg", "name": "photo.jpg", "message_id": number}


def words(text: str = "") -> dict[str, str]:
    return {"text": text}


def claim(database: Database) -> Errand | None:
    return turns_of(database).claim_next("worker")


def let_time_pass(database: Database) -> None:
    """Let whatever is waited for have taken its time."""
    with database.writing() as connection:
        connection.execute(update(tables.errands).values(not_before=datetime.now(UTC) + ALREADY_OVER))


def keys(errand: Errand) -> list[str]:
    return [one["key"] for one in errand.question["attachments"]]


def test_messages_are_one_question_in_their_order(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)

    for number, text in ((13, ""), (12, "What is this?"), (14, "")):
        assert of_album(database).id == errand.id
        assert albums.join(errand.id, number, words(text)) is Place.HERE
        assert albums.bring(errand.id, number, [a_file(number)])
    assert claim(database) is None
    let_time_pass(database)

    question = claim(database)
    assert question is not None
    assert question.question["text"] == "What is this?"
    assert keys(question) == ["sent/7/12", "sent/7/13", "sent/7/14"]
    assert (question.address.message_id, question.address.album) == (12, "77")


def test_what_the_album_replies_to_joins_it_once_before_all(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)
    replied = a_file(12) | {"key": "sent/7/12-replied", "message_id": REPLIED}

    for number in (13, 12):
        albums.join(errand.id, number, words())
        albums.bring(errand.id, number, [a_file(number), replied])
    let_time_pass(database)
    question = claim(database)

    assert question is not None
    assert keys(question) == ["sent/7/12-replied", "sent/7/12", "sent/7/13"]
    assert question.address.message_id == 12


def test_a_message_that_comes_twice_is_there_once(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)

    for _ in range(2):
        albums.join(errand.id, 12, words("Look!"))
        albums.bring(errand.id, 12, [a_file(12)])
    let_time_pass(database)

    question = claim(database)
    assert question is not None
    assert (question.question["text"], keys(question)) == ("Look!", ["sent/7/12"])
    assert albums.join(errand.id, 12, words("Look!")) is Place.DONE


def test_a_file_under_way_is_waited_for_longer(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)

    albums.join(errand.id, 12, words())
    albums.join(errand.id, 13, words())
    albums.bring(errand.id, 12, [a_file(12)])

    with database.reading() as connection:
        row = connection.execute(select(tables.errands)).one()
    assert row.not_before > datetime.now(UTC) + LONGEST / 2


def test_what_comes_when_it_is_being_answered_stands_apart(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)
    albums.join(errand.id, 12, words())
    albums.join(errand.id, 13, words())
    albums.bring(errand.id, 12, [a_file(12)])
    let_time_pass(database)
    assert claim(database) is not None

    assert not albums.bring(errand.id, 13, [a_file(13)])
    assert albums.join(errand.id, 14, words()) is Place.APART


def test_a_file_that_is_not_to_be_had_is_left_out(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)
    for number in (12, 13):
        albums.join(errand.id, number, words("both"))

    albums.bring(errand.id, 12, [])
    albums.bring(errand.id, 13, [a_file(13)])
    let_time_pass(database)

    question = claim(database)
    assert question is not None
    assert keys(question) == ["sent/7/13"]


def test_no_file_at_all_is_no_question_until_one_comes(database: Database) -> None:
    albums, errand = Albums(database), of_album(database)
    albums.join(errand.id, 12, words("both"))

    albums.bring(errand.id, 12, [])
    let_time_pass(database)
    assert claim(database) is None
    assert ErrandOutbox(database).claim(BOT, limit=10) == []

    assert albums.join(errand.id, 13, words()) is Place.HERE
    albums.bring(errand.id, 13, [a_file(13)])
    let_time_pass(database)
    question = claim(database)
    assert question is not None
    assert (question.question["text"], keys(question)) == ("both", ["sent/7/13"])


@pytest.mark.parametrize("joined", [True, False])
def test_what_was_stopped_stays_so(database: Database, joined: bool) -> None:
    albums, errand = Albums(database), of_album(database)
    albums.join(errand.id, 12, words())
    if joined:
        albums.join(errand.id, 13, words())

    Errands(database).ask_to_stop(errand.id)

    if joined:
        assert albums.bring(errand.id, 13, [a_file(13)])
    else:
        assert albums.join(errand.id, 13, words()) is Place.DONE
    stopped = Errands(database).read(errand.id)
    assert stopped is not None
    assert (stopped.state, keys(stopped)) == (State.CANCELLED, [])
