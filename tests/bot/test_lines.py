"""In which order waiting updates are handled, and how many of whom at a time."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from services.bot.intake.lines import Lines, Origin

ADA, BOB, MALLORY = "Ada", "Bob", "Mallory"


def arrive(lines: Lines[str], person: str, name: str, chat: str | None = None) -> bool:
    """Let an update come; whether it is begun at once."""
    origin = Origin(person, chat or person)
    if lines.enter(origin):
        return True
    lines.wait(origin, name)
    return False


def begun(lines: Lines[str]) -> list[str]:
    """Begin all that may begin; returns them in order."""
    found = []
    while (item := lines.begin_next()) is not None:
        found.append(item)
    return found


class TestLines:
    def test_an_update_that_finds_a_place_does_not_wait(self) -> None:
        assert arrive(Lines(places=1, share=1), ADA, "a")

    def test_without_a_place_it_waits_for_one(self) -> None:
        lines: Lines[str] = Lines(places=1, share=1)
        arrive(lines, ADA, "a")

        assert not arrive(lines, BOB, "b")
        assert begun(lines) == []
        lines.leave_place(Origin(ADA, ADA))
        assert begun(lines) == ["b"]

    def test_one_of_the_same_person_in_the_same_chat_begins_when_the_one_before_has_left_its_place(self) -> None:
        lines: Lines[str] = Lines(places=10, share=3)

        assert [arrive(lines, ADA, "a"), arrive(lines, ADA, "b"), arrive(lines, ADA, "c", chat="group")] == [
            True,
            False,
            True,
        ]
        assert begun(lines) == []
        lines.leave_place(Origin(ADA, ADA))
        assert begun(lines) == ["b"]

    def test_a_person_has_no_more_than_a_share(self) -> None:
        lines: Lines[str] = Lines(places=10, share=3)

        assert [arrive(lines, MALLORY, name, chat=name) for name in "abcd"] == [True, True, True, False]
        lines.end(Origin(MALLORY, "a"))
        assert begun(lines) == ["d"]

    def test_a_chat_has_no_more_than_a_share(self) -> None:
        lines: Lines[str] = Lines(places=10, share=3)

        assert [arrive(lines, name, name, chat="group") for name in "abcd"] == [True, True, True, False]
        lines.end(Origin("a", "group"))
        assert begun(lines) == ["d"]

    def test_a_share_in_hand_keeps_no_place_once_it_was_left(self) -> None:
        lines: Lines[str] = Lines(places=3, share=3)
        for name in "abc":
            arrive(lines, MALLORY, name)
            lines.leave_place(Origin(MALLORY, MALLORY))

        assert arrive(lines, ADA, "a")
        assert not arrive(lines, MALLORY, "d")

    def test_a_persons_line_keeps_its_order(self) -> None:
        lines: Lines[str] = Lines(places=1, share=1)
        arrive(lines, ADA, "first")
        for name in "abc":
            arrive(lines, ADA, name)

        order = []
        for _ in "abc":
            lines.end(Origin(ADA, ADA))
            lines.leave_place(Origin(ADA, ADA))
            order += begun(lines)

        assert order == ["a", "b", "c"]

    def test_nobody_overtakes_an_update_of_their_own_in_the_same_chat(self) -> None:
        lines: Lines[str] = Lines(places=1, share=3)
        arrive(lines, BOB, "b")
        arrive(lines, ADA, "a1")
        lines.leave_place(Origin(BOB, BOB))

        assert not arrive(lines, ADA, "a2")
        assert begun(lines) == ["a1"]

    def test_people_come_in_turn_however_much_each_has_sent(self) -> None:
        lines: Lines[str] = Lines(places=1, share=10)
        arrive(lines, "first", "first")
        for number in range(5):
            arrive(lines, MALLORY, f"m{number}", chat=f"group {number}")
        arrive(lines, ADA, "a")

        order = []
        for origin in (Origin("first", "first"), Origin(MALLORY, "group 0"), Origin(ADA, ADA)):
            lines.leave_place(origin)
            order += begun(lines)

        assert order == ["m0", "a", "m1"]

    def test_a_busy_chat_keeps_its_people_from_no_other_chat(self) -> None:
        lines: Lines[str] = Lines(places=10, share=1)
        arrive(lines, BOB, "b", chat="group")
        arrive(lines, ADA, "in the group", chat="group")

        assert arrive(lines, ADA, "in private")

    def test_what_is_cleared_is_gone(self) -> None:
        lines: Lines[str] = Lines(places=1, share=1)
        arrive(lines, ADA, "a")
        arrive(lines, BOB, "b")

        assert lines.clear() == ["b"]
        lines.leave_place(Origin(ADA, ADA))
        assert begun(lines) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.sampled_from(["linger", "end"]), st.integers(0, 9), st.just(0)),
    ),
    max_size=60,
)


@dataclass
class InHand:
    """An update that is being handled."""

    origin: Origin
    has_place: bool = True


class TestAnyCourse:
    @given(STEPS)
    def test_keeps_order_limits_and_loses_nothing(self, steps: list[tuple[str, int, int]]) -> None:
        """``linger``: an update leaves its place and goes on; ``end``: it is handled."""
        lines: Lines[tuple[Origin, int]] = Lines(places=3, share=2)
        in_hand, waiting, order = list[InHand](), list[tuple[Origin, int]](), list[tuple[Origin, int]]()

        for number, (step, which, chat) in enumerate(steps):
            if step == "come":
                origin = Origin(which, chat)
                if lines.enter(origin):
                    in_hand.append(InHand(origin))
                    order.append((origin, number))
                else:
                    lines.wait(origin, (origin, number))
                    waiting.append((origin, number))
            elif which < len(in_hand):
                one = in_hand[which] if step == "linger" else in_hand.pop(which)
                if one.has_place:
                    one.has_place = False
                    lines.leave_place(one.origin)
                if step == "end":
                    lines.end(one.origin)
                while (item := lines.begin_next()) is not None:
                    waiting.remove(item)
                    in_hand.append(InHand(item[0]))
                    order.append(item)

            people = Counter(one.origin.person for one in in_hand)
            chats = Counter(one.origin.chat for one in in_hand)
            places = sum(one.has_place for one in in_hand)
            assert max([*people.values(), *chats.values()], default=0) <= 2
            assert places <= 3
            new = [one.origin for one in in_hand if one.has_place]
            assert len(new) == len(set(new))
            # Whoever waits has a reason to.
            assert places == 3 or all(
                people[one.person] == 2 or chats[one.chat] == 2 or one in new for one, _ in waiting
            )

        for origin in {origin for origin, _ in order}:
            numbers = [number for one, number in order if one == origin]
            assert numbers == sorted(numbers)
