"""How long one waits: with free slots, behind others, and in a batch."""

from dataclasses import replace

import pytest

from shared.estimates import Throughput, turns_of_others

PACE = Throughput(picture_s=10.0, slot_s=8.0, slots=8, batch_slots=7, busy=8)


class TestOnePicture:
    def test_with_a_free_slot_it_takes_what_a_picture_takes(self) -> None:
        assert replace(PACE, busy=7).seconds(1) == 10.0

    def test_behind_others_it_waits_for_their_slots(self) -> None:
        assert PACE.seconds(8) == 10.0 + 8.0

    def test_free_slots_take_the_first_in_line(self) -> None:
        assert replace(PACE, busy=6).seconds(3) == 10.0 + 1.0

    def test_more_slots_at_work_than_are_alive_are_no_free_ones(self) -> None:
        assert replace(PACE, busy=20).seconds(1) == 11.0


class TestABatch:
    def test_has_the_slots_that_batches_may_have(self) -> None:
        assert PACE.batch_seconds(70, 0, at_a_time=20) == pytest.approx(80.0)

    def test_waits_for_what_has_its_turns_meanwhile(self) -> None:
        assert PACE.batch_seconds(70, 70, at_a_time=20) == pytest.approx(160.0)

    def test_is_held_up_by_the_most_that_one_person_may_have_in_flight(self) -> None:
        assert PACE.batch_seconds(70, 0, at_a_time=2) == 350.0

    def test_of_one_picture_takes_as_long_as_a_picture(self) -> None:
        assert PACE.batch_seconds(1, 0, at_a_time=20) == 10.0


class TestTurnsMeanwhile:
    def test_equals_have_as_many_turns(self) -> None:
        assert turns_of_others(100, 4.0, [(1_000, 4.0), (1_000, 4.0)]) == 200

    def test_who_has_less_is_done_sooner(self) -> None:
        assert turns_of_others(100, 4.0, [(10, 4.0)]) == 10

    def test_a_weight_counts(self) -> None:
        assert turns_of_others(100, 4.0, [(1_000, 2.0), (1_000, 8.0)]) == 200 + 50

    def test_alone_nobody_has_any(self) -> None:
        assert turns_of_others(100, 4.0, []) == 0
