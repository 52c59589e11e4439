"""How a worker's slots are shared out: no kind of work can keep another one from beginning."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from services.worker.engine.slots import Slots, needed_by
from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Sender, State
from shared.queue_policy import Flow, slots_of
from shared.store.turns import PICTURE, PICTURE_ALONE, QUESTION, Claim, Standing, choose
from tests.builders import BOT, a_job

AN_ERRAND = Errand(1, ErrandKind.CHAT, Address(BOT, 7, 1), Sender(7), {}, State.WORKING, datetime.now(UTC))


class TestShares:
    @pytest.mark.parametrize(
        ("slots", "questions", "pictures", "batches"),
        [(1, 1, 1, 1), (2, 1, 2, 1), (8, 7, 8, 7), (16, 14, 15, 13), (128, 112, 120, 104), (1024, 896, 1000, 872)],
    )
    def test_each_flow_leaves_some_to_the_others(self, slots: int, questions: int, pictures: int, batches: int) -> None:
        assert slots_of(slots) == {Flow.QUESTIONS: questions, Flow.PICTURES: pictures, Flow.BATCHES: batches}


class TestSlots:
    def test_a_flow_without_a_slot_left_is_not_served(self) -> None:
        slots = Slots({Flow.QUESTIONS: 1, Flow.PICTURES: 2, Flow.BATCHES: 1})

        assert slots.take() == {Flow.QUESTIONS, Flow.PICTURES, Flow.BATCHES}
        assert slots.take() == {Flow.PICTURES}
        assert slots.take() == frozenset()

        slots.give_back({Flow.BATCHES})
        assert slots.take() == {Flow.BATCHES}

    def test_a_batchs_picture_needs_a_slot_of_both_kinds(self) -> None:
        assert needed_by(a_job(batch_id=3)) == {Flow.PICTURES, Flow.BATCHES}
        assert needed_by(a_job()) == {Flow.PICTURES}
        assert needed_by(AN_ERRAND) == {Flow.QUESTIONS}
        assert needed_by(None) == frozenset()

    def test_threads_never_take_more_than_there_are(self) -> None:
        slots, barrier = Slots({Flow.PICTURES: 5}), threading.Barrier(20)

        def take(_: int) -> bool:
            barrier.wait()
            return bool(slots.take())

        with ThreadPoolExecutor(20) as pool:
            assert sum(pool.map(take, range(20))) == 5


class TestChoice:
    @pytest.mark.parametrize(
        ("standing", "flows", "chosen"),
        [
            (Standing(None, None, None), set(Flow), None),
            (Standing(5.0, 4.0, 6.0), set(Flow), PICTURE),
            (Standing(3.0, 4.0, 6.0), set(Flow), QUESTION),
            (Standing(4.0, 4.0, 4.0), set(Flow), QUESTION),
            (Standing(5.0, 4.0, 6.0), {Flow.QUESTIONS, Flow.PICTURES}, QUESTION),
            (Standing(5.0, 1.0, 4.0), {Flow.QUESTIONS, Flow.PICTURES}, PICTURE_ALONE),
            (Standing(None, 1.0, None), {Flow.QUESTIONS, Flow.PICTURES}, None),
            (Standing(None, 1.0, 2.0), {Flow.QUESTIONS}, None),
            (Standing(5.0, 1.0, 2.0), {Flow.QUESTIONS}, QUESTION),
            (Standing(5.0, 1.0, 2.0), set(), None),
        ],
    )
    def test_the_lowest_turn_comes_first_among_what_may_be_served(
        self, standing: Standing, flows: set[Flow], chosen: Claim | None
    ) -> None:
        assert choose(standing, flows) is chosen
