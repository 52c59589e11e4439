"""Questions to Gemini in the fair order: beside pictures, within their caps, and in their conversations' order."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.errands import Conversation, Errand, ErrandKind
from shared.errors import GroupQuestionsFull, QuestionsFull
from shared.jobs import Address, Job, Sender, Stage, State
from shared.queue_policy import Flow, QueuePolicy
from shared.store.albums import LONGEST, Albums, Place
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from tests.builders import (
    ALREADY_OVER,
    BOT,
    UNCAPPED,
    claim_errand,
    submit,
    submit_and_claim,
    turns_of,
)

TWO = replace(UNCAPPED, questions_in_flight=2)
_messages = itertools.count(1)


def ask(
    database: Database,
    *,
    user: int = 7,
    chat: int | None = None,
    message: int | None = None,
    kind: ErrandKind = ErrandKind.DESCRIBE,
    talk: Conversation | None = None,
    private: bool = True,
    policy: QueuePolicy = UNCAPPED,
) -> Errand:
    """Ask something new, unless ``message`` says which message asks."""
    errand, _ = Errands(database, policy).submit(
        kind,
        {"text": "hello"},
        address=Address(BOT, user if chat is None else chat, message or next(_messages), private=private),
        sender=Sender(user),
        conversation_id=talk.id if talk else None,
    )
    return errand


def state(database: Database, errand: Errand) -> State:
    now = Errands(database).read(errand.id)
    assert now is not None
    return now.state


def claim_some(database: Database, count: int) -> list[Job | Errand]:
    claimed = [turns_of(database).claim_next("worker") for _ in range(count)]
    return [work for work in claimed if work is not None]


class TestOneFairOrder:
    def test_a_newcomers_picture_comes_next_after_somebody_with_many_questions(self, database: Database) -> None:
        for _ in range(60):
            ask(database, user=1)
        claim_some(database, 10)

        newcomer = submit(database, user=2)

        assert newcomer.id in {work.id for work in claim_some(database, 2) if isinstance(work, Job)}

    def test_a_newcomers_question_comes_next_after_somebody_with_a_hundred_pictures(self, database: Database) -> None:
        for _ in range(100):
            submit(database, user=1)
        claim_some(database, 10)

        newcomer = ask(database, user=2)

        assert newcomer.id in {work.id for work in claim_some(database, 2) if isinstance(work, Errand)}

    def test_four_questions_cost_as_much_as_a_picture(self, database: Database) -> None:
        submit_and_claim(database, user=3)
        for _ in range(40):
            submit(database, user=1)
            ask(database, user=2)

        served = Counter(work.sender.id for work in claim_some(database, 25))

        assert served == {1: 5, 2: 20}

    def test_ones_own_questions_do_not_wait_for_ones_own_pictures(self, database: Database) -> None:
        for _ in range(20):
            submit(database, user=1)
        asked = ask(database, user=1)

        assert asked.id in {work.id for work in claim_some(database, 2) if isinstance(work, Errand)}

    def test_whoever_weighs_more_gets_more(self, database: Database) -> None:
        policy = replace(UNCAPPED, weights={2: 3.0})
        submit_and_claim(database, user=3)
        for _ in range(40):
            ask(database, user=1, policy=policy)
            ask(database, user=2, policy=policy)

        served = Counter(work.sender.id for work in claim_some(database, 20))

        assert served == {1: 5, 2: 15}

    def test_a_worker_may_pass_over_pictures_or_questions(self, database: Database) -> None:
        asked, picture = ask(database), submit(database)
        turns = turns_of(database)

        assert turns.claim_next("worker", flows={Flow.QUESTIONS}) == replace(asked, **_as_claimed(database, asked))
        assert turns.claim_next("worker", flows={Flow.QUESTIONS}) is None
        claimed = turns.claim_next("worker", flows={Flow.PICTURES})
        assert isinstance(claimed, Job)
        assert claimed.id == picture.id

    def test_who_is_passed_over_is_not_overtaken_by_newcomers(self, database: Database) -> None:
        """Many questions are served while no slot is left for pictures: that must not count against pictures."""
        submit_and_claim(database, user=9)
        waiting = submit(database, user=1)
        for _ in range(40):
            ask(database, user=2)
        for _ in range(40):
            turns_of(database).claim_next("worker", flows={Flow.QUESTIONS})

        later = submit(database, user=3)

        order = [work.id for work in claim_some(database, 2)]
        assert order == [waiting.id, later.id]
        submit(database, user=1)
        submit(database, user=3)
        assert {work.sender.id for work in claim_some(database, 2)} == {1, 3}

    def test_an_order_to_be_cancelled_comes_at_once_and_costs_nobody_a_turn(self, database: Database) -> None:
        job = submit_and_claim(database, user=1)
        for _ in range(20):
            submit(database, user=2)
        claim_some(database, 5)
        Jobs(database).wait(
            job, seconds=60, stage=Stage.PAINTING, reason="service_busy", failures=0, handle={"order": "abc"}
        )

        Jobs(database).cancel([job.id])

        assert claim_errand(database).kind is ErrandKind.CANCEL_ORDER
        asked = ask(database, user=1)
        assert asked.id in {work.id for work in claim_some(database, 2) if isinstance(work, Errand)}


def _as_claimed(database: Database, errand: Errand) -> dict[str, object]:
    now = Errands(database).read(errand.id)
    assert now is not None
    return {name: getattr(now, name) for name in ("state", "claims", "worker", "deadline", "started_at")}


class TestCaps:
    def test_what_is_over_a_persons_share_is_held_back_and_let_in_when_one_ends(self, database: Database) -> None:
        asked = [ask(database, policy=TWO) for _ in range(4)]
        assert [state(database, one) for one in asked] == [State.QUEUED, State.QUEUED, State.HELD, State.HELD]

        first = claim_errand(database)
        assert turns_of(database).claim_next("worker") is not None
        assert turns_of(database).claim_next("worker") is None
        Errands(database, TWO).finish(first, answer="hi")

        assert [state(database, one) for one in asked[2:]] == [State.QUEUED, State.HELD]

    @pytest.mark.parametrize(
        "end",
        [
            lambda errands, errand: errands.give_up(errand, "service_busy"),
            lambda errands, errand: errands.cancel(errand),
            lambda errands, errand: errands.finish(errand, result={"prompts": []}),
        ],
        ids=["given up", "cancelled", "finished"],
    )
    def test_however_it_ends(self, database: Database, end: Callable[[Errands, Errand], None]) -> None:
        _, _, held = (ask(database, policy=TWO) for _ in range(3))

        end(Errands(database, TWO), claim_errand(database))

        assert state(database, held) is State.QUEUED

    def test_one_that_is_stopped_before_it_began_makes_room(self, database: Database) -> None:
        first, _, held = (ask(database, policy=TWO) for _ in range(3))

        Errands(database, TWO).ask_to_stop(first.id)

        assert state(database, held) is State.QUEUED

    def test_one_that_took_its_workers_along_makes_room(self, database: Database) -> None:
        _, _, held = (ask(database, policy=TWO) for _ in range(3))
        claim_errand(database, lease=ALREADY_OVER, deadline=ALREADY_OVER)

        turns_of(database, policy=TWO).sweep(most_due=10)

        assert state(database, held) is State.QUEUED

    def test_one_that_waits_keeps_its_place(self, database: Database) -> None:
        _, _, held = (ask(database, policy=TWO) for _ in range(3))

        Errands(database, TWO).wait(claim_errand(database), seconds=60, reason="service_busy", failures=1)

        assert state(database, held) is State.HELD

    def test_a_sweep_lets_in_what_a_larger_share_allows(self, database: Database) -> None:
        asked = [ask(database, policy=TWO) for _ in range(4)]

        turns_of(database, policy=UNCAPPED).sweep(most_due=10)

        assert {state(database, one) for one in asked} == {State.QUEUED}

    def test_too_many_are_refused(self, database: Database) -> None:
        policy = replace(TWO, questions_queued=3)
        for _ in range(3):
            ask(database, policy=policy)

        with pytest.raises(QuestionsFull) as refusal:
            ask(database, policy=policy)

        assert refusal.value.reason == "questions_full"
        assert ask(database, user=8, policy=policy).state is State.QUEUED

    def test_a_message_that_comes_twice_is_no_question_too_many(self, database: Database) -> None:
        policy = replace(UNCAPPED, questions_queued=1)
        asked = ask(database, message=5, policy=policy)

        assert ask(database, message=5, policy=policy).id == asked.id

    def test_a_group_has_a_cap_of_its_own(self, database: Database) -> None:
        policy = replace(UNCAPPED, questions_queued_in_group=2)
        for user in (1, 2):
            ask(database, user=user, chat=-5, private=False, policy=policy)

        with pytest.raises(GroupQuestionsFull):
            ask(database, user=3, chat=-5, private=False, policy=policy)

        assert ask(database, user=3, chat=-6, private=False, policy=policy)
        assert ask(database, user=3, policy=policy)

    def test_orders_to_be_cancelled_count_as_nobodys_questions(self, database: Database) -> None:
        job = submit_and_claim(database, user=7)
        Jobs(database).wait(
            job, seconds=60, stage=Stage.PAINTING, reason="service_busy", failures=0, handle={"order": "abc"}
        )
        Jobs(database).cancel([job.id])

        asked = [ask(database, user=7, policy=TWO) for _ in range(2)]

        assert {one.state for one in asked} == {State.QUEUED}


class TestConversations:
    def test_a_turn_is_held_back_until_the_one_before_it_has_ended(self, database: Database) -> None:
        talk = Conversations(database).of(BOT, 7)
        first, second, third = (ask(database, kind=ErrandKind.CHAT, talk=talk) for _ in range(3))
        assert [one.state for one in (first, second, third)] == [State.QUEUED, State.HELD, State.HELD]

        Errands(database).finish(claim_errand(database), answer="hi")

        assert [state(database, one) for one in (second, third)] == [State.QUEUED, State.HELD]

    def test_in_a_group_the_next_turn_may_be_somebody_elses(self, database: Database) -> None:
        talk = Conversations(database).of(BOT, -5)
        ask(database, user=1, chat=-5, kind=ErrandKind.CHAT, talk=talk, private=False)
        second = ask(database, user=2, chat=-5, kind=ErrandKind.CHAT, talk=talk, private=False)

        Errands(database).finish(claim_errand(database), answer="hi")

        assert claim_errand(database).id == second.id

    def test_a_turn_of_somebody_who_has_enough_in_flight_waits_for_both(self, database: Database) -> None:
        one = replace(UNCAPPED, questions_in_flight=1)
        talk = Conversations(database).of(BOT, -5)
        ask(database, user=1, chat=-5, kind=ErrandKind.CHAT, talk=talk, private=False, policy=one)
        ask(database, user=2, policy=one)
        turn = ask(database, user=2, chat=-5, kind=ErrandKind.CHAT, talk=talk, private=False, policy=one)
        first, other = claim_errand(database), claim_errand(database)

        Errands(database, one).finish(first, answer="hi")
        assert state(database, turn) is State.HELD

        Errands(database, one).finish(other, answer="hi")
        assert state(database, turn) is State.QUEUED

    def test_an_album_behind_an_earlier_turn_gathers_its_files_and_then_waits_for_more(
        self, database: Database
    ) -> None:
        talk = Conversations(database).of(BOT, 7)
        ask(database, kind=ErrandKind.CHAT, talk=talk)
        gathering = {"text": "", "attachments": [], "awaited": []}
        album, _ = Errands(database).submit(
            ErrandKind.CHAT,
            gathering,
            address=Address(BOT, 7, 99, album="a1"),
            sender=Sender(7),
            conversation_id=talk.id,
            after=LONGEST,
        )
        assert Albums(database).join(album.id, 99, {"text": "what is this?"}) is Place.HERE
        assert state(database, album) is State.HELD

        Errands(database).finish(claim_errand(database), answer="hi")

        assert state(database, album) is State.WAITING
        assert turns_of(database).claim_next("worker") is None
