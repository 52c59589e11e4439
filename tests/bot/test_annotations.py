"""What a message is to a question that is open in its chat, and to the text before it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.bot.intake.annotations import LATE, Annotator, Meaning, Notes, meaning_of
from services.bot.intake.poller import raw_update
from services.bot.telegram.open_questions import MARK
from shared.questions import Asked, OpenQuestion, Place, Question
from shared.store.database import Database
from shared.store.questions import Questions
from shared.store.updates import Updates
from tests.builders import BOT
from tests.sqlite_tables import create_tables

NOW = datetime.now(UTC)
ADA = {"id": 7, "is_bot": False, "first_name": "Ada"}
US = {"id": BOT, "is_bot": True, "first_name": "Painter"}
LONG = "a boat " * 580
Json = dict[str, Any]


def a_message(text: str | None = "a fox", *, after: timedelta = timedelta(minutes=1), **fields: Any) -> Json:
    date = int((NOW + after).timestamp())
    words = {} if text is None else {"text": text}
    return {"message_id": 3, "date": date, "chat": {"id": 7, "type": "private"}, "from": ADA, **words, **fields}


def reply_to(author: Json, **fields: Any) -> Json:
    return {"reply_to_message": {"message_id": 2, "from": author, **fields}}


def to_question(kind: Asked, message: Json, *, now: datetime = NOW + timedelta(hours=1)) -> Meaning:
    return meaning_of(message, OpenQuestion(Place(7), Question(kind), NOW), now=now)


class TestAnOpenQuestion:
    @pytest.mark.parametrize("kind", [Asked.IDEA, Asked.PROMPT, Asked.VALUE, Asked.KEY])
    def test_is_answered_by_the_next_words(self, kind: Asked) -> None:
        assert to_question(kind, a_message("fox")) is Meaning.ANSWER

    @pytest.mark.parametrize("kind", [Asked.IDEA, Asked.PICTURE])
    @pytest.mark.parametrize(
        "picture",
        [
            {"photo": [{}]},
            {"document": {"mime_type": "image/png"}},
            {"document": {"mime_type": "application/octet-stream", "file_name": "IMG_1.HEIC"}},
        ],
        ids=["photo", "file", "file of an unknown type"],
    )
    def test_is_answered_by_a_picture_where_it_can_be(self, kind: Asked, picture: Json) -> None:
        assert to_question(kind, a_message(None, **picture)) is Meaning.ANSWER

    @pytest.mark.parametrize("kind", list(Asked))
    @pytest.mark.parametrize(
        "message",
        [a_message("/queue"), a_message(None, caption="/describe", photo=[{}]), a_message(after=timedelta(minutes=11))],
        ids=["a command", "a command as a caption", "after eleven minutes"],
    )
    def test_ends_when_the_person_goes_on(self, kind: Asked, message: Json) -> None:
        assert to_question(kind, message) is Meaning.END

    def test_does_not_end_while_a_clock_is_ahead(self) -> None:
        message = a_message(after=timedelta(minutes=11))

        assert to_question(Asked.IDEA, message, now=NOW + timedelta(minutes=1)) is Meaning.ANSWER

    def test_ends_with_a_reply_to_the_bot_which_is_read_as_one(self) -> None:
        assert to_question(Asked.IDEA, a_message(**reply_to(US))) is Meaning.END

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            (Asked.IDEA, a_message(**reply_to(ADA))),
            (Asked.IDEA, a_message(external_reply={})),
            (Asked.IDEA, a_message(None, voice={})),
            (Asked.IDEA, a_message(None, photo=[{}], media_group_id="1")),
            (Asked.PICTURE, a_message("a fox")),
            (Asked.VALUE, a_message(None, photo=[{}])),
            (Asked.KEY, a_message("where do I find it?")),
        ],
        ids=["a reply", "a reply elsewhere", "a voice", "an album", "words", "a picture", "talk of a key"],
    )
    def test_stays_open_beside_what_can_not_answer_it(self, kind: Asked, message: Json) -> None:
        assert to_question(kind, message) is Meaning.NOTHING

    def test_is_answered_in_a_topic_where_everything_replies_to_its_beginning(self) -> None:
        beginning = reply_to(US, forum_topic_created={"name": "Foxes"})

        assert to_question(Asked.IDEA, a_message(**beginning)) is Meaning.ANSWER


@pytest.fixture
def book(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    create_tables(made)
    yield made
    made.close()


class Intake:
    """Updates on their way into the database."""

    def __init__(self, book: Database) -> None:
        self.updates = Updates(book, BOT)
        self.questions = Questions(book, BOT)
        self.start()

    def start(self) -> None:
        self._annotator = Annotator(self.questions, self.updates)

    def take(self, *messages: Json, first: int = 1) -> tuple[list[Json], frozenset[int]]:
        """Annotate and keep messages that come together; returns them, and which of them are to be handled."""
        fetched = [{"update_id": first + place, "message": message} for place, message in enumerate(messages)]
        notes: Notes = asyncio.run(self._annotator.annotate(fetched))
        raw = [raw_update(one["update_id"], one, notes, readable=True) for one in fetched]
        return [one["message"] for one in fetched], self.updates.keep(raw, ended=notes.ended)


@pytest.fixture
def intake(book: Database) -> Intake:
    return Intake(book)


class TestAnAnswer:
    def test_is_marked_and_the_question_is_closed(self, intake: Intake) -> None:
        intake.questions.ask(Place(7), Question(Asked.PROMPT, {"job": 12}))

        (answer, more), _ = intake.take(a_message("a whale"), a_message("at night"))

        assert answer[MARK] == {"kind": "prompt", "about": {"job": 12}}
        assert MARK not in more
        assert intake.questions.open_in([7]) == []

    def test_is_not_looked_for_where_somebody_else_was_asked(self, intake: Intake) -> None:
        intake.questions.ask(Place(8), Question(Asked.IDEA))
        intake.questions.ask(Place(7, topic_id=3), Question(Asked.IDEA))

        (message,), _ = intake.take(a_message())

        assert MARK not in message

    def test_in_a_group_is_a_reply_only(self, intake: Intake) -> None:
        intake.questions.ask(Place(-5), Question(Asked.IDEA))

        (message,), _ = intake.take(a_message(chat={"id": -5, "type": "supergroup"}))

        assert MARK not in message


class TestATextThatWasCut:
    def part(self, text: str, number: int, **fields: Any) -> Json:
        return a_message(text, message_id=number, **fields)

    def test_is_handled_once(self, intake: Intake) -> None:
        _, new = intake.take(self.part(LONG, 1), self.part(LONG, 2), self.part("the rest", 3), self.part("hello", 5))

        assert new == {1, 4}
        assert [one.update_id for one in intake.updates.join(1)] == [2, 3]

    def test_is_known_after_a_restart(self, intake: Intake) -> None:
        intake.take(self.part(LONG, 1))
        intake.start()

        _, new = intake.take(self.part("the rest", 2), first=2)

        assert new == frozenset()

    def test_has_no_part_that_comes_when_it_is_being_handled(self, intake: Intake) -> None:
        intake.take(self.part(LONG, 1))
        intake.updates.join(1)

        (late,), new = intake.take(self.part("the rest", 2), first=2)

        assert (late[LATE], new) == (True, {2})

    def test_of_another_person_in_the_group_does_not_go_on(self, intake: Intake) -> None:
        group = {"chat": {"id": -5, "type": "supergroup"}}
        bob = {"from": ADA | {"id": 8}}

        _, new = intake.take(
            self.part(LONG, 1, **group), self.part("hm", 2, **group, **bob), self.part("the rest", 3, **group)
        )

        assert new == {1, 2}


@pytest.mark.parametrize("nonsense", [None, "no list", [7], [{}], [{"update_id": 1, "message": {"chat": 3}}]])
def test_what_telegram_never_sends_is_left_alone(intake: Intake, nonsense: Any) -> None:
    assert asyncio.run(Annotator(intake.questions, intake.updates).annotate(nonsense)) == Notes()
