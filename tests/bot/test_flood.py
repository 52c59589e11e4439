"""Telegram's flood limits, obeyed chat by chat."""

import asyncio
from typing import Any

import pytest
from patient_loop import run
from telegram.error import BadRequest, RetryAfter

from services.bot.flood import CALLS_AT_ONCE, LONGEST_WAIT_S, TRIES, FloodLimit


class Telegram:
    """Answers calls as told, and remembers when each of them came."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.called_at: list[tuple[float, int]] = []
        self.under_way = 0
        self.most_under_way = 0

    async def call(self, chat_id: int, *, takes_s: float = 0.0) -> str:
        self.called_at.append((round(asyncio.get_running_loop().time(), 3), chat_id))
        answer = self._answers.pop(0) if self._answers else "sent"
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(takes_s)
        self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


async def send(
    limit: FloodLimit, telegram: Telegram, chat_id: int, *, tries: int | None = None, takes_s: float = 0.0
) -> Any:
    return await limit.process_request(
        telegram.call, (chat_id,), {"takes_s": takes_s}, "sendPhoto", {"chat_id": chat_id}, tries
    )


class TestFloodLimit:
    def test_a_call_goes_through_at_once(self) -> None:
        telegram = Telegram("sent")

        assert run(send(FloodLimit(), telegram, 1)) == "sent"
        assert telegram.called_at == [(0, 1)]

    def test_a_call_that_was_told_to_wait_waits_so_long_and_tries_again(self) -> None:
        telegram = Telegram(RetryAfter(7))

        assert run(send(FloodLimit(), telegram, 1)) == "sent"
        assert telegram.called_at == [(0, 1), (7, 1)]

    def test_other_chats_do_not_wait(self) -> None:
        telegram, limit = Telegram(RetryAfter(7)), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(send(limit, telegram, 1), send(limit, telegram, 2))

        run(scene())
        assert telegram.called_at == [(0, 1), (0, 2), (7, 1)]

    def test_later_calls_to_a_closed_chat_wait_with_it(self) -> None:
        telegram, limit = Telegram(RetryAfter(7)), FloodLimit()

        async def scene() -> None:
            first = asyncio.create_task(send(limit, telegram, 1))
            await asyncio.sleep(2)
            await send(limit, telegram, 1)
            await first

        run(scene())
        assert sorted(telegram.called_at) == [(0, 1), (7, 1), (7, 1)]

    def test_a_chat_that_is_closed_again_while_a_call_waits_stays_closed_to_it(self) -> None:
        telegram, limit = Telegram(RetryAfter(10), RetryAfter(20)), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(
                send(limit, telegram, 1),
                # Was under way when the chat was closed, and is answered while the first one waits.
                send(limit, telegram, 1, takes_s=5),
            )

        run(scene())
        assert sorted(telegram.called_at) == [(0, 1), (0, 1), (25, 1), (25, 1)]

    def test_a_shorter_wait_does_not_open_a_chat_early(self) -> None:
        telegram, limit = Telegram(RetryAfter(20), RetryAfter(2)), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(send(limit, telegram, 1), send(limit, telegram, 1, takes_s=5))

        run(scene())
        assert sorted(telegram.called_at) == [(0, 1), (0, 1), (20, 1), (20, 1)]

    def test_whoever_is_told_too_often_gets_the_error(self) -> None:
        telegram = Telegram(*[RetryAfter(1)] * TRIES)

        with pytest.raises(RetryAfter):
            run(send(FloodLimit(), telegram, 1))
        assert len(telegram.called_at) == TRIES

    def test_a_call_says_how_often_it_may_be_tried(self) -> None:
        telegram = Telegram(RetryAfter(1))

        with pytest.raises(RetryAfter):
            run(send(FloodLimit(), telegram, 1, tries=1))
        assert telegram.called_at == [(0, 1)]

    def test_a_long_wait_is_handed_back_to_whoever_sends(self) -> None:
        telegram, limit = Telegram(RetryAfter(int(LONGEST_WAIT_S) + 100)), FloodLimit()

        async def scene() -> None:
            with pytest.raises(RetryAfter):
                await send(limit, telegram, 1)
            with pytest.raises(RetryAfter) as caught:
                await send(limit, telegram, 1)
            wait = caught.value.retry_after
            assert (wait if isinstance(wait, int) else wait.total_seconds()) >= LONGEST_WAIT_S

        run(scene())
        assert len(telegram.called_at) == 1

    def test_other_errors_are_none_of_its_business(self) -> None:
        telegram = Telegram(BadRequest("chat not found"))

        with pytest.raises(BadRequest):
            run(send(FloodLimit(), telegram, 1))
        assert len(telegram.called_at) == 1

    def test_few_calls_are_under_way_at_a_time_and_all_get_through(self) -> None:
        telegram, limit = Telegram(), FloodLimit()

        async def scene() -> list[Any]:
            return await asyncio.gather(*(send(limit, telegram, chat, takes_s=1) for chat in range(3 * CALLS_AT_ONCE)))

        assert len(run(scene())) == 3 * CALLS_AT_ONCE
        assert telegram.most_under_way == CALLS_AT_ONCE

    def test_a_call_that_waits_for_its_chat_takes_no_place_of_others(self) -> None:
        telegram, limit = Telegram(*[RetryAfter(20)] * CALLS_AT_ONCE), FloodLimit()

        async def scene() -> None:
            waiting = [asyncio.create_task(send(limit, telegram, 1)) for _ in range(CALLS_AT_ONCE)]
            await asyncio.sleep(1)
            await send(limit, telegram, 2)
            assert telegram.called_at[-1] == (1, 2)
            await asyncio.gather(*waiting)

        run(scene())
