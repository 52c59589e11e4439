"""The present does not jump, whatever the machine's clock does."""

import pytest

from shared.clock import JUMP_S, SLEW, Clock

HOUR_S = 3_600.0


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.passed_s = 50.0
        self.set_by_s = 1_000_000.0

    def wall(self) -> float:
        return self.passed_s + self.set_by_s

    def clock(self) -> Clock:
        return Clock(wall=self.wall, elapsed=lambda: self.passed_s)


class TestTheClockOfOneMachine:
    def test_goes_with_the_wall_clock(self) -> None:
        machine = Machine()
        clock = machine.clock()

        machine.passed_s += 7

        assert clock.present().timestamp() == machine.wall()

    @pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
    def test_does_not_jump_with_it(self, step_s: float) -> None:
        machine = Machine()
        clock = machine.clock()
        before = clock.present().timestamp()

        machine.set_by_s += step_s

        assert clock.present().timestamp() == before

    @pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
    def test_comes_closer_to_it_and_never_goes_back(self, step_s: float) -> None:
        machine = Machine()
        clock = machine.clock()
        machine.set_by_s += step_s
        told = []

        for _ in range(12):
            machine.passed_s += HOUR_S
            told.append(clock.present().timestamp())

        assert told == sorted(told)
        assert told[0] == pytest.approx(machine.wall() - 11 * HOUR_S - step_s * (1 - SLEW))
        assert told[-1] == machine.wall()

    def test_takes_over_a_date_that_the_machine_did_not_know(self) -> None:
        machine = Machine()
        clock = machine.clock()

        machine.set_by_s += JUMP_S + 1

        assert clock.present().timestamp() == machine.wall()


class TestTheClockOfAServer:
    def test_is_followed_at_once_and_alone(self) -> None:
        machine = Machine()
        clock = machine.clock()

        clock.go_by(5_000.0, asked_at=machine.passed_s)
        machine.set_by_s += HOUR_S
        machine.passed_s += 7

        assert clock.present().timestamp() == 5_007.0

    def test_was_read_half_way_between_question_and_answer(self) -> None:
        machine = Machine()
        clock = machine.clock()
        asked_at = machine.passed_s

        machine.passed_s += 0.5
        clock.go_by(5_000.0, asked_at=asked_at)

        assert clock.present().timestamp() == 5_000.25

    @pytest.mark.parametrize(("answer_s", "told"), [(0.1, 5_000.08), (2.0, 9_000.0)])
    def test_does_not_make_the_present_tremble(self, answer_s: float, told: float) -> None:
        """Neither an answer that differs by less than it took to come counts, nor one that took long."""
        machine = Machine()
        clock = machine.clock()
        clock.go_by(5_000.0, asked_at=machine.passed_s)
        asked_at = machine.passed_s

        machine.passed_s += answer_s
        clock.go_by(told, asked_at=asked_at)

        assert clock.present().timestamp() == pytest.approx(5_000.0 + answer_s)
