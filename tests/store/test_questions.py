"""Questions that the next message in a private chat may answer."""

from shared.questions import Asked, Place, Question
from shared.store.database import Database
from shared.store.questions import Questions
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT

HERE = Place(7)
KEY = Question(Asked.KEY, {"service": "google"})


def test_is_open_until_it_ends(database: Database) -> None:
    questions = Questions(database, BOT)
    questions.ask(HERE, KEY)
    [asked] = questions.open_in([7, 8])

    Updates(database, BOT).keep([RawUpdate(1, "{}")], ended=[asked])

    assert (asked.place, asked.question) == (HERE, KEY)
    assert questions.open_in([7, 8]) == []


def test_takes_the_place_of_the_one_before(database: Database) -> None:
    questions = Questions(database, BOT)
    for question in (KEY, Question(Asked.IDEA)):
        questions.ask(HERE, question)

    assert [one.question for one in questions.open_in([7])] == [Question(Asked.IDEA)]


def test_that_was_asked_meanwhile_stays_open(database: Database) -> None:
    questions = Questions(database, BOT)
    questions.ask(HERE, KEY)
    [before] = questions.open_in([7])
    questions.ask(HERE, KEY)

    Updates(database, BOT).keep([RawUpdate(1, "{}")], ended=[before])

    assert len(questions.open_in([7])) == 1


def test_is_one_a_topic_a_chat_and_a_bot(database: Database) -> None:
    questions = Questions(database, BOT)
    places = {HERE, Place(7, topic_id=3), Place(8)}
    for place in places:
        questions.ask(place, KEY)
    Questions(database, BOT + 1).ask(HERE, KEY)

    assert {one.place for one in questions.open_in([7, 8])} == places
    assert questions.open_in([]) == []
