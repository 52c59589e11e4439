"""What follows a failure."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.engine.retry import MAX_ANNOUNCED_S, MAX_BROKEN, MAX_FAILURES, GiveUp, Wait, after
from shared import errors
from shared.errors import (
    BadBatch,
    BadCredentials,
    BadParameter,
    BadPicture,
    ElsewhereError,
    EmptyIdea,
    GroupQueueFull,
    IdeaRefused,
    ImagineError,
    ModelLoading,
    NoCredit,
    NoPainterLeft,
    OutOfTime,
    PermanentError,
    PictureRefused,
    QueueFull,
    QuotaExhausted,
    ServiceBusy,
    ServiceUnreachable,
    StillPainting,
    StoreAway,
    TransientError,
    UnexpectedAnswer,
    UserError,
)
from shared.jobs import Stage


def decide(error: ImagineError, *, failures: int = 0, seconds_left: float = 600.0) -> Wait | GiveUp:
    return after(error, failures=failures, seconds_left=seconds_left, rng=lambda: 0.5)


OF_THE_BOT = {BadBatch, BadParameter, GroupQueueFull, QueueFull}  # what keeps a request from being taken in


def kinds(parent: type[ImagineError]) -> Iterator[type[ImagineError]]:
    """The parent and all its descendants that a worker may meet."""
    if parent in OF_THE_BOT:
        return
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from kinds(child)


class TestTheTable:
    @pytest.mark.parametrize(
        ("error", "failures", "decision"),
        [
            # Nobody said how long: a pause that doubles.
            (ServiceBusy(), 0, Wait(1.0, Stage.RETRYING, 1)),
            (ServiceBusy(), 1, Wait(2.0, Stage.RETRYING, 2)),
            (ServiceBusy(), 4, Wait(16.0, Stage.RETRYING, 5)),
            (ServiceBusy(), 5, GiveUp("service_busy")),
            (ServiceUnreachable(), 2, Wait(4.0, Stage.RETRYING, 3)),
            (ServiceUnreachable(), 5, GiveUp("service_unreachable")),
            # Its service may be in trouble.
            (BadPicture("not_an_image"), 0, Wait(1.0, Stage.RETRYING, 1)),
            (BadPicture("truncated"), 0, Wait(1.0, Stage.RETRYING, 1)),
            (BadPicture("truncated"), 2, Wait(4.0, Stage.RETRYING, 3)),
            (BadPicture("truncated"), 3, GiveUp("bad_picture")),
            # A whole one that nobody wants to see: other seeds have been tried.
            (BadPicture("black"), 0, GiveUp("bad_picture")),
            (BadPicture("uniform"), 0, GiveUp("bad_picture")),
            (BadPicture("too_large"), 0, GiveUp("bad_picture")),
            # The service said how long.
            (ServiceBusy(retry_after=7), 0, Wait(7.5, Stage.RETRYING, 1, 7.5)),
            (ServiceBusy(retry_after=0), 0, Wait(0.5, Stage.RETRYING, 1, 0.5)),
            (ServiceBusy(retry_after=3600), 0, Wait(120.5, Stage.RETRYING, 1, 120.5)),
            # A cold start: look at half of the estimate, as often as it takes.
            (ModelLoading(retry_after=20), 0, Wait(10.0, Stage.WAKING, 0, 20)),
            (ModelLoading(retry_after=300), 0, Wait(20.0, Stage.WAKING, 0, 300)),
            (ModelLoading(retry_after=0.1), 0, Wait(1.0, Stage.WAKING, 0, 0.1)),
            (ModelLoading(), 4, Wait(10.0, Stage.WAKING, 4)),
            # A provider's own queue.
            (StillPainting({"id": "x"}, retry_after=2), 3, Wait(2.0, Stage.PAINTING, 3)),
            # Our own database or pictures' store.
            (StoreAway(), 5, Wait(1.5, Stage.RETRYING, 5)),
            # What time does not mend.
            (EmptyIdea(), 0, GiveUp("empty_idea")),
            (IdeaRefused(), 0, GiveUp("idea_refused")),
            (PictureRefused(), 0, GiveUp("picture_refused")),
            (NoCredit(), 0, GiveUp("no_credit")),
            (NoPainterLeft(), 0, GiveUp("no_painter_left")),
            (BadCredentials(), 0, GiveUp("bad_credentials")),
            (QuotaExhausted(), 0, GiveUp("quota_exhausted")),
            (UnexpectedAnswer(), 0, GiveUp("unexpected")),
            (OutOfTime(), 0, GiveUp("out_of_time")),
        ],
        ids=repr,
    )
    def test_every_error_has_its_answer(self, error: ImagineError, failures: int, decision: Wait | GiveUp) -> None:
        assert decide(error, failures=failures) == decision

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (ServiceBusy(), "out_of_time"),
            (ServiceBusy(retry_after=60), "out_of_time"),
            (StillPainting({}, retry_after=5), "out_of_time"),
            (StoreAway(), "out_of_time"),
            # These say better why there is no picture.
            (ModelLoading(retry_after=300), "model_loading"),
            (BadPicture("truncated"), "bad_picture"),
        ],
        ids=repr,
    )
    def test_what_would_come_too_late_is_not_waited_for(self, error: ImagineError, reason: str) -> None:
        assert decide(error, seconds_left=0.5) == GiveUp(reason)


SECONDS = st.floats(0, 1e9)
TRANSIENT = st.one_of(
    st.builds(
        lambda kind, seconds: kind("", retry_after=seconds),
        st.sampled_from([ServiceBusy, ServiceUnreachable, ModelLoading, StoreAway, TransientError]),
        st.none() | SECONDS,
    ),
    st.builds(lambda seconds: StillPainting({}, retry_after=seconds), st.floats(0, 3600)),
    st.builds(BadPicture, st.sampled_from(["black", "truncated"])),
)


class TestAlways:
    @given(
        kind=st.sampled_from([*kinds(UserError), *kinds(ElsewhereError), *kinds(PermanentError)]),
        failures=st.integers(0, 100),
        seconds_left=st.floats(-10, 1e6),
    )
    def test_what_time_can_not_mend_is_given_up_at_once(
        self, kind: type[ImagineError], failures: int, seconds_left: float
    ) -> None:
        assert decide(kind(), failures=failures, seconds_left=seconds_left) == GiveUp(kind.reason)

    @given(
        error=TRANSIENT, failures=st.integers(0, 100), seconds_left=st.floats(-10, 1e6), random_number=st.floats(0, 1)
    )
    def test_a_wait_is_positive_and_ends_before_the_deadline(
        self, error: TransientError, failures: int, seconds_left: float, random_number: float
    ) -> None:
        decision = after(error, failures=failures, seconds_left=seconds_left, rng=lambda: random_number)

        if isinstance(decision, Wait):
            assert 0 <= decision.seconds < seconds_left
            assert math.isfinite(decision.seconds)
            assert decision.seconds <= 3600
            assert failures <= decision.failures <= max(failures, MAX_FAILURES)

    @given(seconds=st.floats(0, MAX_ANNOUNCED_S), random_number=st.floats(0, 1))
    def test_nobody_comes_back_sooner_than_a_busy_service_asked(self, seconds: float, random_number: float) -> None:
        decision = after(ServiceBusy(retry_after=seconds), failures=0, seconds_left=1e6, rng=lambda: random_number)

        assert isinstance(decision, Wait)
        assert seconds <= decision.seconds <= seconds + 1

    @given(
        error=st.sampled_from(
            [ServiceBusy(), ServiceUnreachable(), BadPicture("truncated"), ServiceBusy(retry_after=5)]
        )
    )
    def test_a_failing_step_ends_after_so_many_tries(self, error: TransientError) -> None:
        failures, tries = 0, 0
        while isinstance(decision := decide(error, failures=failures, seconds_left=1e9), Wait):
            failures, tries = decision.failures, tries + 1

        assert tries == (MAX_BROKEN if isinstance(error, BadPicture) else MAX_FAILURES)

    def test_jobs_that_failed_together_do_not_come_back_together(self) -> None:
        waits = {after(ServiceBusy(), failures=3, seconds_left=600) for _ in range(20)}

        assert len(waits) > 10
