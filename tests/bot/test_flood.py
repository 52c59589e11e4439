"""Telegram's flood limits: kept to by one budget, and obeyed chat by chat where it asks for more patience."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patient_loop import run
from telegram.error import BadRequest, RetryAfter

from sandbox.telegram.errors import ApiError
from sandbox.telegram.limits import FloodControl
from services.bot.telegram.flood_limit import CALLS_AT_ONCE, LONGEST_WAIT_S, OVERALL, TRIES, FloodLimit, Kind


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
    limit: FloodLimit,
    telegram: Telegram,
    chat_id: int,
    endpoint: str = "sendPhoto",
    *,
    tries: int | None = None,
    takes_s: float = 0.0,
    **data: Any,
) -> Any:
    return await limit.process_request(
        telegram.call, (chat_id,), {"takes_s": takes_s}, endpoint, {"chat_id": chat_id, **data}, tries
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
            calls = (send(limit, telegram, chat, "getChat", takes_s=1) for chat in range(3 * CALLS_AT_ONCE))
            return await asyncio.gather(*calls)

        assert len(run(scene())) == 3 * CALLS_AT_ONCE
        assert telegram.most_under_way == CALLS_AT_ONCE

    def test_a_call_that_waits_for_its_chat_takes_no_place_of_others(self) -> None:
        telegram, limit = Telegram(*[RetryAfter(20)] * CALLS_AT_ONCE), FloodLimit()

        async def scene() -> None:
            waiting = [asyncio.create_task(send(limit, telegram, 1, "getChat")) for _ in range(CALLS_AT_ONCE)]
            await asyncio.sleep(1)
            await send(limit, telegram, 2)
            assert telegram.called_at[-1] == (1, 2)
            await asyncio.gather(*waiting)

        run(scene())


GROUP = -100
CALLS = st.tuples(
    st.sampled_from([1, 2, *range(10, 60), GROUP]),  # the chat
    st.sampled_from(["sendMessage", "editMessageText", "sendMessageDraft", "sendMediaGroup"]),
    st.floats(0, 3),  # seconds since the call before
    st.floats(0, 2),  # seconds until Telegram takes it
    st.floats(0, 2),  # and until its answer is there
)


class StrictTelegram:
    """Counts as the sandbox does when it is strict, at some time between call and answer."""

    def __init__(self) -> None:
        self.control = FloodControl(self)  # type: ignore[arg-type]
        self.control.switch(strict=True)
        self.taken: list[tuple[float, int, str]] = []

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def call(self, chat_id: int, method: str, count: int, there_s: float = 0.0, back_s: float = 0.0) -> None:
        await asyncio.sleep(there_s)
        self.control.take(1, chat_id, count)
        self.taken.append((round(self.time(), 3), chat_id, method))
        await asyncio.sleep(back_s)


async def show(
    limit: FloodLimit, telegram: StrictTelegram, chat_id: int, method: str, there_s: float = 0.0, back_s: float = 0.0
) -> None:
    count = 10 if method == "sendMediaGroup" else 1
    data = {"chat_id": chat_id, "media": [None] * count}
    await limit.process_request(telegram.call, (chat_id, method, count, there_s, back_s), {}, method, data, None)


class TestTheBudget:
    @given(st.lists(CALLS, max_size=80))
    def test_is_never_more_than_telegram_allows(self, calls: list[tuple[int, str, float, float, float]]) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> list[Any]:
            tasks = []
            for chat_id, method, after_s, there_s, back_s in calls:
                await asyncio.sleep(after_s)
                if chat_id > 0 and (method == "sendMediaGroup" or limit.room_in_s(chat_id, Kind.EDIT)):
                    continue  # Where bursts are tolerated, only what may be left out keeps to the second.
                tasks.append(asyncio.create_task(show(limit, telegram, chat_id, method, there_s, back_s)))
            return await asyncio.gather(*tasks, return_exceptions=True)

        # Told by us, that it would take too long, and never by Telegram.
        assert all(result is None or isinstance(result, RetryAfter) for result in run(scene()))

    def test_lets_a_crowd_through_at_full_speed(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(*(show(limit, telegram, chat, "sendMessage") for chat in range(1, 301)))

        run(scene())
        assert len(telegram.taken) == 300
        assert max(at for at, *_ in telegram.taken) == pytest.approx(300 / OVERALL.most - 1, abs=0.1)

    def test_keeps_the_order_within_a_chat(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()
        methods = [f"send{number}" for number in range(30)]

        async def scene() -> None:
            await asyncio.gather(*(show(limit, telegram, GROUP, method) for method in methods))

        run(scene())
        assert [method for *_, method in telegram.taken] == methods

    def test_of_a_chat_holds_up_no_other(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            busy = [asyncio.create_task(show(limit, telegram, GROUP, "sendMessage")) for _ in range(25)]
            await asyncio.gather(*busy, show(limit, telegram, 2, "sendMessage"))

        run(scene())
        assert (0, 2, "sendMessage") in telegram.taken
        assert max(at for at, chat_id, _ in telegram.taken if chat_id == GROUP) == pytest.approx(15)

    def test_of_a_private_chat_bears_bursts_until_telegram_refuses_one(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()
        refused = 0

        async def call(number: int) -> None:
            nonlocal refused
            try:
                await telegram.call(1, str(number), 1)
            except ApiError as error:
                refused += 1
                raise RetryAfter(error.parameters["retry_after"]) from error

        async def scene() -> None:
            for number in range(10):
                await limit.process_request(call, (number,), {}, "sendPhoto", {"chat_id": 1}, None)

        run(scene())
        assert refused == 1
        assert [int(number) for *_, number in telegram.taken] == list(range(10))

    def test_leaves_places_free_for_what_somebody_waits_for(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            edits = 0
            while not limit.room_in_s(edits + 1, Kind.EDIT):
                edits += 1
                await show(limit, telegram, edits, "editMessageText")
            assert 0 < edits < OVERALL.most
            assert limit.room_in_s(1000, Kind.DRAFT) > 0
            await asyncio.gather(*(show(limit, telegram, chat, "sendMessage") for chat in range(2000, 2005)))
            assert telegram.taken[-1][0] == 0

        run(scene())

    def test_tells_when_there_is_room_again(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            while not (wait := limit.room_in_s(1, Kind.DRAFT)):
                await show(limit, telegram, 1, "sendMessageDraft")
            await asyncio.sleep(wait)
            assert limit.room_in_s(1, Kind.DRAFT) == 0

        run(scene())

    def test_has_no_room_for_edits_while_messages_wait(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            sending = [asyncio.create_task(show(limit, telegram, GROUP, "sendMessage")) for _ in range(28)]
            await asyncio.sleep(4)
            assert limit.room_in_s(GROUP, Kind.EDIT) > 0
            assert limit.room_in_s(1, Kind.EDIT) == 0
            await asyncio.gather(*sending)

        run(scene())

    def test_of_one_chat_can_be_so_used_up_that_it_is_put_back(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            sent = await asyncio.gather(
                *(show(limit, telegram, GROUP, "sendMessage") for _ in range(40)), return_exceptions=True
            )
            told = [one for one in sent if isinstance(one, RetryAfter)]
            assert len(told) == 10
            assert len(telegram.taken) == 30

        run(scene())

    def test_forgets_chats_that_are_quiet(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            for chat in range(1, 3000):
                await show(limit, telegram, chat, "sendMessage")

        run(scene())
        assert len(limit._chats) < 1200
