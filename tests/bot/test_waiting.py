"""What somebody waits for, as /queue and /cancel see it."""

from datetime import UTC, datetime

import pytest

from services.bot.queue.queue import Waiting
from shared.batches import Batch, BatchState, DeliveryFormat
from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Job, Sender, State
from tests.builders import BOT, a_job

NOW = datetime.now(UTC)
A_BATCH = Batch(
    5, "telegram", Address(BOT, 7, 30), Sender(7), 12, DeliveryFormat.ALBUMS, BatchState.RUNNING, NOW,
    status_message_id=31,
)  # fmt: skip


def an_answer(kind: ErrandKind = ErrandKind.CHAT, words: str = "How are you?") -> Errand:
    return Errand(4, kind, Address(BOT, 7, 40), Sender(7), {"text": words}, State.FINISHED, NOW)


def a_request(count: int = 1, **values: object) -> Waiting:
    jobs = [a_job(id=20 + number, number=number, status_message_id=None if number else 11, **values)
            for number in range(count)]  # fmt: skip
    return Waiting(tuple(jobs))


@pytest.mark.parametrize(
    ("one", "name", "title"),
    [
        (a_request(2), "r20", "a red fox"),
        (Waiting(batch=A_BATCH), "b5", "📦 12"),
        (Waiting(errand=an_answer()), "", "💬 How are you?"),
        (Waiting(errand=an_answer(words="")), "", "💬"),
        (Waiting(errand=an_answer(ErrandKind.DESCRIBE)), "", "🔎 /describe"),
    ],
    ids=["request", "batch", "answer", "answer about a file", "description"],
)
def test_it_has_a_name_for_its_button_and_a_title_for_people(one: Waiting, name: str, title: str) -> None:
    assert (one.name, one.title) == (name, title)


@pytest.mark.parametrize(
    ("one", "messages"),
    [
        (a_request(2), {1, 11, None}),
        (Waiting(batch=A_BATCH), {30, 31}),
        (Waiting(errand=an_answer()), {40}),
    ],
    ids=["request", "batch", "answer"],
)
def test_a_reply_to_what_asked_or_tells_of_it_means_it(one: Waiting, messages: set[int | None]) -> None:
    assert one.messages == messages


@pytest.mark.parametrize(
    ("one", "has_ended", "is_undelivered"),
    [
        (a_request(state=State.QUEUED), False, False),
        (a_request(state=State.WORKING), False, False),
        (a_request(state=State.FINISHED), True, False),
        (a_request(state=State.FAILED), True, False),
        (a_request(state=State.FINISHED, undelivered_reason="chat_gone"), True, True),
        (Waiting(batch=A_BATCH), False, False),
        (Waiting(errand=an_answer()), True, True),
    ],
    ids=["queued", "in work", "finished", "failed", "given up", "batch", "answer"],
)
def test_what_has_ended_is_not_cancelled_and_what_was_given_up_can_be_sent(
    one: Waiting, has_ended: bool, is_undelivered: bool
) -> None:
    assert (one.has_ended, one.is_undelivered) == (has_ended, is_undelivered)


def test_an_answer_is_one_piece_and_a_request_as_many_as_it_has_pictures() -> None:
    jobs: tuple[Job, ...] = a_request(3).jobs

    assert (Waiting(jobs).pieces, Waiting(errand=an_answer()).pieces) == (3, 1)
