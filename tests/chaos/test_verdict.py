"""What the suite of faults calls kept, doubled, lost and explained, and in which order it strikes."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.faults import DISTRIBUTED, EMBEDDED, FAULTS, Strikes
from tests.chaos.load import Asked
from tests.chaos.plant import CLOCKS, DISK, NETWORK
from tests.chaos.verdict import (
    OTHER_POLLER,
    Chat,
    Happened,
    Recorded,
    Struck,
    errors_in,
    outcome,
    recovery_s,
    violations,
)

PICTURE = Asked("picture", 7, Counter(picture=1), at=100.0)
ALBUM = Asked("album", 7, Counter(picture=3, words=1), at=100.0)
AGAIN = Asked("again", 7, Counter(picture=2), at=100.0, presses=True)
FAILED = Recorded(["unexpected"], pictures_failed=1)
BY_NAME = {fault.name: fault for fault in FAULTS}
SENT = {"id": 1, "at": 101.0, "done_at": 101.1, "status": 200, "fault": None, "method": "sendPhoto", "chat": 7}


def chat(*standing: str, **shown: int) -> Chat:
    return Chat(Counter(shown), list(standing))


class TestAnOutcome:
    @pytest.mark.parametrize(
        ("asked", "shown", "recorded", "came"),
        [
            (PICTURE, chat(picture=1), Recorded(), "as asked"),
            (PICTURE, chat(), Recorded(), "lost"),
            (PICTURE, chat(picture=2), Recorded(), "doubled"),
            (PICTURE, chat("Creating the picture", picture=1), Recorded(), "standing"),
            (PICTURE, chat(words=1), FAILED, "explained"),
            (PICTURE, chat(), FAILED, "lost"),
            (PICTURE, chat(picture=1, words=1), FAILED, "doubled"),
            (ALBUM, chat(picture=2, words=1), FAILED, "explained"),
            (ALBUM, chat(picture=2), FAILED, "lost"),
            (ALBUM, chat(picture=1, words=1), FAILED, "lost"),
            (AGAIN, chat(words=1), FAILED, "explained"),
            (AGAIN, chat(picture=1, words=1), FAILED, "explained"),
        ],
    )
    def test_is_one(self, asked: Asked, shown: Chat, recorded: Recorded, came: str) -> None:
        assert outcome(asked, shown, recorded) == came


def happened(shown: Chat, *calls: dict[str, object], struck: tuple[Struck, ...] = (), **faults: object) -> Happened:
    numbered = {int(number.removeprefix("of_")): fault for number, fault in faults.items()}
    return Happened([PICTURE], list(struck), list(calls), numbered, {7: shown}, {}, settled_s=0.0)


class TestAViolation:
    def test_is_a_double_for_which_nothing_stood_in_the_way(self) -> None:
        [told] = violations(happened(chat(picture=2), SENT, SENT), [])

        assert told.startswith("picture in chat 7 doubled")

    def test_is_no_double_where_nobody_heard_that_telegram_took_it(self) -> None:
        assert not list(violations(happened(chat(picture=2), SENT | {"fault": 3}, SENT, of_3={"drop": "after"}), []))

    def test_is_a_double_over_a_call_that_telegram_did_not_take(self) -> None:
        assert list(violations(happened(chat(picture=2), SENT | {"fault": 3}, SENT, of_3={"drop": "before"}), []))

    def test_is_no_double_that_the_bots_death_explains(self) -> None:
        struck = Struck(BY_NAME["bot killed, back at once"], begun=101.0, ended=101.2)

        assert not list(violations(happened(chat(picture=2), SENT, SENT, struck=(struck,)), []))

    @pytest.mark.parametrize(
        ("at", "line", "is_one"), [(105, "no", True), (105, "broker", False), (900, "broker", True)]
    )
    def test_is_an_error_that_no_fault_explains(self, at: float, line: str, is_one: bool) -> None:
        struck = Struck(BY_NAME["Redis away"], begun=100.0, ended=115.0)

        assert bool(list(violations(happened(chat(picture=1), struck=(struck,)), [(at, line)]))) is is_one

    def test_is_no_error_about_another_poller_that_telegram_was_made_to_tell_of(self) -> None:
        seen = happened(chat(picture=1), SENT | {"fault": 3}, of_3={"preset": "conflict"})

        assert not list(violations(seen, [(101.2, f"bot: {OTHER_POLLER}")]))
        assert list(violations(seen, [(900.0, f"bot: {OTHER_POLLER}")]))

    def test_is_an_album_of_a_batch_without_buttons(self) -> None:
        killed = Struck(BY_NAME["everything killed"], begun=101.0, ended=101.0)
        seen = happened(chat(picture=3, words=1), SENT | {"method": "sendMediaGroup"}, struck=(killed,))
        seen.asked[:] = [Asked("batch", 7, Counter(picture=3, words=2), at=100.0)]

        assert len(list(violations(seen, []))) == 1


class TestRecovery:
    def test_is_counted_from_the_end_of_a_fault(self) -> None:
        struck = Struck(FAULTS[0], begun=90.0, ended=100.0)
        late = {"at": 104.0, "method": "editMessageText"}
        removed = {"at": 109.0, "method": "deleteMessage"}
        seen = happened(chat(picture=1), SENT | {"at": 95.0}, SENT, SENT | late, SENT | removed)
        seen.asked[:] = [Asked("question", 7, Counter(words=1), at=98.0), Asked("help", 8, Counter(words=1), at=101.0)]
        seen.calls.append(SENT | {"at": 120.0, "chat": 8})

        assert recovery_s(struck, seen) == (1.0, 4.0)


class TestTheLog:
    def test_errors_and_tracebacks_have_the_time_at_which_they_were_first_seen(self) -> None:
        lines = [b'{"level": "error"}\n', b'{"level": "info"}\n', b"Traceback\n", b'{"level": "critical"}\n']
        sizes = [(9.0, len(lines[0])), (9.5, len(lines[0]) + 3), (10.0, len(b"".join(lines)))]

        assert [at for at, _ in errors_in(b"".join(lines), sizes)] == [9.0, 10.0, 10.0]


class TestAPlan:
    @pytest.mark.parametrize("size", [EMBEDDED, DISTRIBUTED])
    def test_is_the_same_for_the_same_seed_and_has_every_kind_before_one_comes_again(self, size: str) -> None:
        kinds = [fault for fault in FAULTS if size in fault.sizes]
        plan = Strikes.plan(size, 3_600, seed=3, calm_s=20)

        assert plan == Strikes.plan(size, 3_600, seed=3, calm_s=20)
        assert plan != Strikes.plan(size, 3_600, seed=4, calm_s=20)
        assert {fault.name for _, fault in plan.planned[: len(kinds)]} == {fault.name for fault in kinds}

    def test_lets_one_fault_end_before_the_next_begins(self) -> None:
        plan = Strikes.plan(DISTRIBUTED, 3_600, seed=3, calm_s=20).planned

        assert all(at + fault.seconds < following for (at, fault), (following, _) in pairwise(plan))

    def test_may_be_of_one_kind(self) -> None:
        plan = Strikes.plan(EMBEDDED, 600, seed=3, calm_s=20, only="KILLED")

        assert {fault.name for _, fault in plan.planned} == {"everything killed"}

    def test_is_without_what_this_machine_cannot_do(self) -> None:
        plan = Strikes.plan(DISTRIBUTED, 3_600, seed=3, calm_s=20, without={NETWORK}).planned

        assert {fault.needs for _, fault in plan} == {CLOCKS, DISK, None}

    def test_the_end_of_the_last_is_within_the_time(self) -> None:
        late = [at + fault.seconds for at, fault in Strikes.plan(DISTRIBUTED, 300, seed=3, calm_s=20).planned]

        assert late
        assert max(late) <= 300
