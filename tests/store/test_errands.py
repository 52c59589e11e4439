"""Errands: asked once, run by one worker at a time, brought home, and a conversation's turns in their order."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errands import Conversation, Errand, ErrandKind
from shared.jobs import Address, Sender, State, Writing
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.jobs import LostTurn
from shared.store.leases import MAX_LOSSES
from tests.builders import ALREADY_OVER, AN_HOUR, BOT, UNCAPPED, turns_of, while_written_to
from tests.builders import claim_errand as claim

_messages = itertools.count(1)


def ask(
    database: Database,
    text: str = "hello",
    *,
    kind: ErrandKind = ErrandKind.CHAT,
    chat: int = 7,
    message: int | None = None,
    conversation: Conversation | None = None,
    writing: Writing | None = None,
    user: int = 7,
    private: bool = True,
    policy: QueuePolicy = UNCAPPED,
) -> Errand:
    """Submit what a message asked for; each call is another message unless ``message`` says which."""
    errand, _ = Errands(database, policy).submit(
        kind,
        {"text": text},
        address=Address(BOT, chat, message or next(_messages), private=private),
        sender=Sender(user),
        writing=writing,
        conversation_id=conversation.id if conversation else None,
    )
    return errand


def answer(database: Database, said: str = "hi", **asked: Any) -> Errand:
    """Ask and answer, with nothing else in the queue."""
    ask(database, **asked)
    errand = claim(database)
    Errands(database).finish(errand, answer=said)
    return read(database, errand)


def read(database: Database, errand: Errand) -> Errand:
    now = Errands(database).read(errand.id)
    assert now is not None
    return now


class TestAsking:
    def test_what_was_asked_is_read_back(self, database: Database) -> None:
        asked = ask(database, "who are you?", writing=Writing(model="gemini-x", temperature=0.3))

        kept = read(database, asked)

        assert (kept.kind, kept.state, kept.question) == (ErrandKind.CHAT, State.QUEUED, {"text": "who are you?"})
        assert kept.writing == Writing(model="gemini-x", temperature=0.3)

    def test_the_same_message_is_one_errand_of_a_kind(self, database: Database) -> None:
        first = ask(database, message=1)

        assert ask(database, message=1).id == first.id
        assert ask(database, message=1, kind=ErrandKind.DESCRIBE).id != first.id

    def test_twenty_threads_that_hand_in_one_message_make_one_errand(self, database: Database) -> None:
        place = Conversations(database).of(BOT, 7)
        with ThreadPoolExecutor(20) as threads:
            ids = set(threads.map(lambda _: ask(database, message=1, conversation=place).id, range(20)))

        assert len(ids) == 1


class TestTurns:
    def test_the_oldest_comes_first(self, database: Database) -> None:
        asked = [ask(database).id for _ in range(5)]

        assert [claim(database).id for _ in range(5)] == asked
        assert turns_of(database).claim_next("worker") is None

    def test_a_conversations_turns_wait_for_one_another(self, database: Database) -> None:
        talk = Conversations(database).of(BOT, 7)
        first, second = ask(database, conversation=talk), ask(database, conversation=talk)
        other = ask(database, chat=8)

        begun = claim(database)
        assert (begun.id, claim(database).id) == (first.id, other.id)
        assert turns_of(database).claim_next("worker") is None

        Errands(database).wait(begun, seconds=-1, reason="service_busy", failures=1)
        begun = claim(database)
        assert begun.id == first.id
        Errands(database).finish(begun, answer="hi")
        assert claim(database).id == second.id

    def test_threads_never_run_two_turns_of_a_conversation_at_once_or_out_of_order(self, database: Database) -> None:
        talks = [Conversations(database).of(BOT, chat) for chat in range(3)]
        asked = {talk.id: [ask(database, conversation=talk).id for _ in range(6)] for talk in talks}
        taken: dict[int, list[int]] = {talk.id: [] for talk in talks}
        at_work: dict[int, threading.Lock] = {talk.id: threading.Lock() for talk in talks}
        done = threading.Semaphore(0)
        collided = []

        def work(name: str) -> None:
            while not collided and sum(map(len, taken.values())) < 18:
                errand = turns_of(database).claim_next(name)
                if errand is None or errand.conversation_id is None:
                    continue
                lock = at_work[errand.conversation_id]
                if not lock.acquire(blocking=False):
                    collided.append(errand.id)
                    return
                taken[errand.conversation_id].append(errand.id)
                lock.release()
                Errands(database).finish(errand, answer="hi")
                done.release()

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(work, [f"worker {number}" for number in range(6)]))

        assert not collided
        assert taken == asked

    @pytest.mark.distributed
    def test_an_errand_that_somebody_writes_to_is_waited_for(self, postgres: Database) -> None:
        """Its only ticket comes while the bot notes that it is to stop."""
        errand = ask(postgres)

        claimed = while_written_to(
            postgres,
            tables.errands,
            errand.id,
            {"stop_asked": True},
            lambda: turns_of(postgres).claim_next("worker"),
        )

        assert claimed is not None
        assert (claimed.id, claimed.stop_asked) == (errand.id, True)

    def test_one_errand_goes_to_one_of_many_workers(self, database: Database) -> None:
        asked = {ask(database).id for _ in range(20)}
        with ThreadPoolExecutor(8) as threads:
            claimed = list(threads.map(lambda number: claim(database, f"worker {number}").id, range(20)))

        assert sorted(claimed) == sorted(asked)

    def test_a_dead_workers_errand_is_taken_over_and_the_dead_can_write_no_more(self, database: Database) -> None:
        ask(database)
        dead = claim(database, "dead", lease=ALREADY_OVER)

        found = turns_of(database).sweep(most_due=10)
        assert found is not None
        assert (found.revived, found.due) == (1, 1)
        heir = claim(database, "heir")

        with pytest.raises(LostTurn):
            Errands(database).say_more(dead, "too late")
        Errands(database).finish(heir, answer="in time")
        assert read(database, heir).answer == "in time"

    def test_a_living_worker_keeps_what_it_renews(self, database: Database) -> None:
        ask(database)
        errand = claim(database, lease=ALREADY_OVER)

        assert turns_of(database).renew("worker", errands=[errand.id]) == 1

        found = turns_of(database).sweep(most_due=10)
        assert found is not None
        assert found.revived == 0

    @pytest.mark.parametrize("kind", [ErrandKind.CHAT, ErrandKind.CANCEL_ORDER])
    def test_an_errand_that_kills_workers_ends_with_a_reason(self, database: Database, kind: ErrandKind) -> None:
        asked = ask(database, kind=kind)
        for _ in range(MAX_LOSSES):
            claim(database, lease=ALREADY_OVER)
            turns_of(database).sweep(most_due=10)

        ended = read(database, asked)
        assert (ended.state, ended.reason) == (State.FAILED, "worker_lost")
        assert len(ErrandOutbox(database).claim(BOT, limit=5)) == (kind is ErrandKind.CHAT)

    def test_one_that_is_held_past_its_deadline_ends_and_a_late_answer_is_dropped_but_counted(
        self, database: Database
    ) -> None:
        ask(database)
        errand = claim(database, lease=ALREADY_OVER, deadline=ALREADY_OVER)

        assert turns_of(database).renew("worker", errands=[errand.id]) == 0
        found = turns_of(database).sweep(most_due=10)
        assert found is not None
        assert found.late == 1
        with pytest.raises(LostTurn):
            Errands(database).finish(errand, answer="too late", chat_model="gemini-x", tokens_in=3, tokens_out=4)

        ended = read(database, errand)
        assert (ended.state, ended.reason, ended.answer) == (State.FAILED, "out_of_time", None)
        assert (ended.chat_model, ended.tokens_in, ended.tokens_out) == ("gemini-x", 3, 4)

    def test_a_worker_that_stops_gives_back_its_own(self, database: Database) -> None:
        ask(database)
        ask(database)
        mine, theirs = claim(database, "mine"), claim(database, "theirs")

        assert turns_of(database).release("mine") == 1
        assert (read(database, mine).state, read(database, theirs).state) == (State.QUEUED, State.WORKING)


class TestStopping:
    def test_what_nobody_has_begun_is_cancelled(self, database: Database) -> None:
        asked = ask(database)

        stopped = Errands(database).ask_to_stop(asked.id)

        assert stopped is not None
        assert (stopped.state, stopped.stop_asked) == (State.CANCELLED, True)
        assert turns_of(database).claim_next("worker") is None

    def test_a_worker_hears_of_it_when_it_says_more(self, database: Database) -> None:
        ask(database)
        errand = claim(database)
        assert not Errands(database).say_more(errand, "Once")

        Errands(database).ask_to_stop(errand.id)

        assert Errands(database).say_more(errand, "Once upon")
        Errands(database).finish(errand, answer="Once upon")
        assert read(database, errand).state is State.FINISHED

    def test_what_has_ended_stays_as_it_is(self, database: Database) -> None:
        ended = answer(database)

        assert Errands(database).ask_to_stop(ended.id) == ended
        assert Errands(database).ask_to_stop(ended.id + 1) is None


class TestTheWayHome:
    def test_an_answer_is_claimed_once_and_delivered(self, database: Database) -> None:
        done = answer(database, "hello there")

        claimed = ErrandOutbox(database).claim(BOT, limit=5)
        assert [(errand.id, errand.answer, errand.delivery_tries) for errand in claimed] == [
            (done.id, "hello there", 1)
        ]
        assert ErrandOutbox(database).claim(BOT, limit=5) == []

        ErrandOutbox(database).delivered(done.id, shown={"messages": [4], "said": 1})
        ErrandOutbox(database).release_all(BOT)
        assert ErrandOutbox(database).claim(BOT, limit=5) == []
        assert read(database, done).shown == {"messages": [4], "said": 1}

    def test_what_was_not_sent_comes_again_when_it_is_due(self, database: Database) -> None:
        done = answer(database)
        ErrandOutbox(database).claim(BOT, limit=5)

        ErrandOutbox(database).not_sent(done.id, retry_after_s=3600)
        assert ErrandOutbox(database).claim(BOT, limit=5) == []

        ErrandOutbox(database).not_sent(done.id, retry_after_s=-1)
        assert [errand.delivery_tries for errand in ErrandOutbox(database).claim(BOT, limit=5)] == [2]

    def test_each_bot_takes_its_own_oldest_first(self, database: Database) -> None:
        chat, described = answer(database), answer(database, kind=ErrandKind.DESCRIBE)

        assert ErrandOutbox(database).claim(BOT + 1, limit=5) == []
        assert [errand.id for errand in ErrandOutbox(database).claim(BOT, limit=1)] == [chat.id]
        assert [errand.id for errand in ErrandOutbox(database).claim(BOT, limit=5)] == [described.id]

    def test_what_is_being_said_is_streaming_until_it_ends(self, database: Database) -> None:
        ask(database)
        errand = claim(database)
        Errands(database).say_more(errand, "Once")

        assert [(e.id, e.answer) for e in Errands(database).streaming(BOT)] == [(errand.id, "Once")]
        assert Errands(database).keep_shown(errand.id, {"messages": [1], "said": 1})
        Errands(database).finish(errand, answer="Once more")
        assert Errands(database).streaming(BOT) == []
        ErrandOutbox(database).delivered(errand.id)
        assert not Errands(database).keep_shown(errand.id, {"messages": [1], "said": 1})

    def test_an_answer_may_hold_what_no_database_takes(self, database: Database) -> None:
        assert answer(database, "nul \0 and half \ud83d").answer == "nul  and half ?"


class TestConversations:
    def test_each_chat_and_topic_has_its_own(self, database: Database) -> None:
        book = Conversations(database)
        places = [(BOT, 7, None), (BOT, 8, None), (BOT, 8, 3), (BOT + 1, 7, None)]

        ids = [book.of(*place).id for place in places]

        assert len(set(ids)) == 4
        assert [book.of(*place).id for place in places] == ids

    def test_only_answered_turns_are_remembered(self, database: Database) -> None:
        book = Conversations(database)
        talk = book.of(BOT, 7)
        good = answer(database, "hi", conversation=talk)
        answer(database, " ", conversation=talk)
        ask(database, conversation=talk)
        Errands(database).give_up(claim(database), "idea_refused")
        answer(database, "to somebody else", conversation=book.of(BOT, 8))

        assert [turn.id for turn in book.exchanges(talk)] == [good.id]
        assert book.exchanges(talk, before=good.id) == []

    def test_a_new_start_forgets_turns_and_summary(self, database: Database) -> None:
        book = Conversations(database)
        talk = book.of(BOT, 7)
        old = answer(database, conversation=talk)
        assert book.keep_summary(talk, "They said hello.", until=old.id)

        book.start_over(talk.id)

        now = book.of(BOT, 7)
        assert (now.summary, book.exchanges(now)) == (None, [])
        assert not book.keep_summary(talk, "a summary that comes too late", until=old.id)

    def test_what_was_said_shortly_before_is_that_of_the_same_place(self, database: Database) -> None:
        book = Conversations(database)
        said = answer(database, conversation=book.of(BOT, 7))
        answer(database, chat=8, conversation=book.of(BOT, 8))
        assert said.ended_at is not None

        def before(moment: datetime, chat: int = 7) -> list[int]:
            address = Address(BOT, chat, 1)
            return [turn.id for turn in book.shortly_before(address, moment, within=AN_HOUR, limit=4)]

        assert before(said.ended_at) == [said.id]
        assert before(said.ended_at + 2 * AN_HOUR) == []
        assert before(said.ended_at - timedelta(seconds=1)) == []
        assert before(said.ended_at, chat=9) == []

    def test_a_summary_stands_for_its_turns(self, database: Database) -> None:
        book = Conversations(database)
        talk = book.of(BOT, 7)
        first, second = (answer(database, conversation=talk) for _ in range(2))

        book.keep_summary(talk, "They said hello.", until=first.id)

        now = book.of(BOT, 7)
        assert (now.summary, [turn.id for turn in book.exchanges(now)]) == ("They said hello.", [second.id])
