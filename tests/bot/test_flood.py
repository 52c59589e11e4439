"""Telegram's flood limits: kept to by one budget, and obeyed chat by chat where it asks for more patience."""

import asyncio
import contextlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter

from sandbox.telegram.errors import ApiError
from sandbox.telegram.limits import FloodControl
from services.bot.telegram.errors import NotConnected, NotTelegram, seconds_to_wait
from services.bot.telegram.flood_limit import (
    CALLS_AT_ONCE,
    LONGEST_WAIT_S,
    MANY_GONE,
    MESSAGES_PER_S,
    ONCE,
    TRIES,
    FloodLimit,
    Kind,
    key_of,
)
from services.bot.telegram.quotas import COUNTED_WITHIN_S
from services.bot.telegram.quotas import GROUP as GROUP_QUOTA
from services.bot.telegram.repeats import handling
from shared.errors import StoreAway
from tests.bot.patient_loop import run


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


class TestAChatThatIsGone:
    GONE = Forbidden("bot was blocked by the user")

    @pytest.mark.parametrize("endpoint", ["sendPhoto", "editMessageText", "deleteMessage", "sendChatAction"])
    def test_is_not_called_again_in_any_way(self, endpoint: str) -> None:
        async def scene() -> list[int]:
            limit, telegram = FloodLimit(), Telegram(self.GONE)
            for _ in range(2):
                with pytest.raises(Forbidden):
                    await send(limit, telegram, 7, endpoint)
            await send(limit, telegram, 8, endpoint)
            return [chat for _, chat in telegram.called_at]

        assert run(scene()) == [7, 8]

    def test_is_not_known_from_words_that_nobody_knows(self) -> None:
        async def scene() -> str:
            limit, telegram = FloodLimit(), Telegram(Forbidden("something new"))
            with pytest.raises(Forbidden):
                await send(limit, telegram, 7, "deleteMessage")
            return str(await send(limit, telegram, 7))

        assert run(scene()) == "sent"

    def test_has_what_was_asked_for_meanwhile_ended(self) -> None:
        async def scene() -> list[int]:
            limit, gone = FloodLimit(), list[int]()
            limit.tell_of_gone(gone.append)
            limit.close(7)
            with pytest.raises(Forbidden):
                await send(limit, Telegram(), 7)
            return gone

        assert asyncio.run(scene()) == [7]

    def test_is_called_again_once_something_has_come_from_it(self) -> None:
        async def scene() -> Any:
            limit = FloodLimit()
            limit.close(7)
            limit.open(7)
            return await send(limit, Telegram("sent"), 7)

        assert run(scene()) == "sent"

    def test_takes_no_memory_for_ever(self) -> None:
        async def scene() -> list[int]:
            limit, telegram = FloodLimit(), Telegram()
            for chat in range(1, MANY_GONE + 2):
                limit.close(chat)
            for chat in (1, 2):
                with contextlib.suppress(Forbidden):
                    await send(limit, telegram, chat)
            return [chat for _, chat in telegram.called_at]

        assert run(scene()) == [1]


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


class Waits:
    """Remembers flood waits as the record does."""

    def __init__(self) -> None:
        self.noted: dict[str, float] = {}

    def close(self, key: str, seconds: float) -> None:
        self.noted[key] = seconds

    def closed(self) -> dict[str, float]:
        return dict(self.noted)


class AwayWaits(Waits):
    def close(self, key: str, seconds: float) -> None:
        raise StoreAway("away")


async def ask(limit: FloodLimit, telegram: Telegram, endpoint: str, *, tries: int | None = None, **data: Any) -> Any:
    """Make a call of any kind; Telegram remembers it by the number in ``as_``."""
    return await limit.process_request(telegram.call, (data.pop("as_", 0),), {}, endpoint, data, tries)


class TestWhatAFloodWaitCloses:
    @pytest.mark.parametrize(
        ("endpoint", "data", "key"),
        [
            ("sendMessage", {"chat_id": 7}, "7"),
            ("editMessageText", {"chat_id": -100}, "-100"),
            ("deleteMessage", {"chat_id": "@channel"}, "@channel"),
            ("getChatAdministrators", {"chat_id": -100}, "getChatAdministrators -100"),
            ("getFile", {"file_id": "AgAD"}, "getFile AgAD"),
            ("getUserProfilePhotos", {"user_id": 7}, "getUserProfilePhotos 7"),
            ("editMessageText", {"inline_message_id": "x"}, "editMessageText x"),
            ("getMyCommands", {"scope": {"type": "default"}}, "getMyCommands"),
            ("setMyCommands", {}, "setMyCommands"),
            ("answerCallbackQuery", {"callback_query_id": "1"}, None),
            ("answerInlineQuery", {"inline_query_id": "1"}, None),
            ("answerPreCheckoutQuery", {"pre_checkout_query_id": "1"}, None),
        ],
    )
    def test_is_told_by_the_call(self, endpoint: str, data: dict[str, Any], key: str | None) -> None:
        assert key_of(endpoint, data) == key

    @pytest.mark.parametrize(
        ("told", "asked"),
        [
            (("setMyCommands", {}), ("getFile", {"file_id": "a"})),
            (("setMyCommands", {}), ("deleteWebhook", {})),
            (("getFile", {"file_id": "a"}), ("getFile", {"file_id": "b"})),
            (("getChatAdministrators", {"chat_id": -100}), ("sendMessage", {"chat_id": -100})),
            (("sendMessage", {"chat_id": -100}), ("getChatAdministrators", {"chat_id": -100})),
            (("sendMessage", {"chat_id": -100}), ("sendMessage", {"chat_id": 7})),
        ],
    )
    def test_is_nothing_else(self, told: tuple[str, dict[str, Any]], asked: tuple[str, dict[str, Any]]) -> None:
        telegram, limit = Telegram(RetryAfter(480)), FloodLimit()

        async def scene() -> None:
            with pytest.raises(RetryAfter):
                await ask(limit, telegram, told[0], **told[1])
            await ask(limit, telegram, asked[0], as_=2, **asked[1])

        run(scene())
        assert telegram.called_at == [(0, 0), (0, 2)]

    def test_is_all_that_is_said_in_its_chat(self) -> None:
        telegram, limit = Telegram(RetryAfter(7)), FloodLimit()

        async def scene() -> None:
            first = asyncio.create_task(ask(limit, telegram, "editMessageText", chat_id=7, as_=1))
            await asyncio.sleep(1)
            await ask(limit, telegram, "sendMessage", chat_id=7, as_=2)
            await first

        run(scene())
        assert sorted(telegram.called_at) == [(0, 1), (7, 1), (7, 2)]


class TestAnswersToPresses:
    def test_are_not_held_back_by_a_wait_for_answers(self) -> None:
        telegram, limit = Telegram(RetryAfter(480)), FloodLimit()

        async def scene() -> None:
            with pytest.raises(RetryAfter):
                await ask(limit, telegram, "answerCallbackQuery", as_=1)
            await ask(limit, telegram, "answerCallbackQuery", as_=2)

        run(scene())
        assert telegram.called_at == [(0, 1), (0, 2)]

    def test_that_have_to_wait_a_moment_do(self) -> None:
        telegram = Telegram(RetryAfter(2))

        assert run(ask(FloodLimit(), telegram, "answerCallbackQuery")) == "sent"
        assert telegram.called_at == [(0, 0), (2, 0)]

    def test_need_no_place_among_the_calls(self) -> None:
        telegram, limit = Telegram(), FloodLimit()

        async def scene() -> None:
            slow = [
                asyncio.create_task(send(limit, telegram, chat, "getChat", takes_s=60))
                for chat in range(1, CALLS_AT_ONCE + 10)
            ]
            await asyncio.sleep(1)
            await ask(limit, telegram, "answerCallbackQuery", as_=1000)
            assert telegram.called_at[-1] == (1, 1000)
            await asyncio.gather(*slow)

        run(scene())


class TestARestart:
    def test_does_not_open_a_chat_that_was_told_to_wait(self) -> None:
        waits, telegram = Waits(), Telegram(RetryAfter(480))

        async def life(seconds: float) -> None:
            limit = FloodLimit(waits=waits)
            await limit.recall()
            with pytest.raises(RetryAfter) as caught:
                await send(limit, telegram, 7)
            assert seconds_to_wait(caught.value) == pytest.approx(seconds, abs=1)
            await send(limit, telegram, 8)
            await limit.shutdown()

        asyncio.run(life(480))
        asyncio.run(life(480))
        assert [chat for _, chat in telegram.called_at] == [7, 8, 8]

    def test_is_too_slow_for_short_waits_to_be_noted(self) -> None:
        waits = Waits()

        async def scene() -> None:
            limit = FloodLimit(waits=waits)
            with pytest.raises(RetryAfter):
                await send(limit, Telegram(RetryAfter(1)), 7, tries=1)
            await limit.shutdown()

        asyncio.run(scene())
        assert waits.noted == {}

    def test_may_forget_what_could_not_be_written_down(self) -> None:
        async def scene() -> None:
            limit = FloodLimit(waits=AwayWaits())
            with pytest.raises(RetryAfter):
                await send(limit, Telegram(RetryAfter(480)), 7)
            await limit.shutdown()

        asyncio.run(scene())


class TestHiccups:
    """A connection that is reset, an answer that is none, a server that restarts."""

    @pytest.mark.parametrize(
        "error", [NetworkError("reset"), NotConnected("refused"), NotTelegram(502), KeyError("result")]
    )
    @pytest.mark.parametrize("endpoint", ["sendMessage", "editMessageText", "getChatAdministrators", "getFile"])
    def test_cost_a_handler_no_time(self, endpoint: str, error: Exception) -> None:
        telegram = Telegram(error)

        async def scene() -> None:
            with handling():
                await send(FloodLimit(), telegram, 7, endpoint)

        run(scene())
        assert len(telegram.called_at) == 2
        assert telegram.called_at[1][0] < 0.5

    @pytest.mark.parametrize("endpoint", ["sendMessage", "editMessageText", "getChatAdministrators"])
    def test_of_an_answer_that_does_not_come_cost_a_few_seconds(self, endpoint: str) -> None:
        telegram = Telegram()

        async def scene() -> None:
            hanging = [70.0, 0.0]

            async def call() -> str:
                return await telegram.call(7, takes_s=hanging.pop(0))

            with handling():
                await FloodLimit().process_request(call, (), {}, endpoint, {"chat_id": 7}, None)

        run(scene())
        assert len(telegram.called_at) == 2
        assert telegram.called_at[1][0] < 5

    def test_are_left_to_a_delivery_to_decide(self) -> None:
        telegram = Telegram(NetworkError("reset"))

        with pytest.raises(NetworkError):
            run(send(FloodLimit(), telegram, 7))
        assert len(telegram.called_at) == 1

    def test_are_left_to_whoever_says_so(self) -> None:
        telegram = Telegram(NetworkError("reset"))

        async def scene() -> None:
            with handling():
                await send(FloodLimit(), telegram, 7, "editMessageText", tries=ONCE)

        with pytest.raises(NetworkError):
            run(scene())
        assert len(telegram.called_at) == 1

    def test_count_as_messages_each_time(self) -> None:
        """A try that failed may have reached Telegram all the same."""
        telegram, limit = Telegram(NetworkError("reset")), FloodLimit()

        async def scene() -> None:
            with handling():
                await send(limit, telegram, GROUP, "sendMessage")
            await asyncio.gather(*(send(limit, telegram, GROUP) for _ in range(GROUP_QUOTA.most - 1)))

        run(scene())
        assert telegram.called_at[-1][0] > 1


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
        assert max(at for at, *_ in telegram.taken) == pytest.approx(300 / MESSAGES_PER_S, abs=0.4)

    @pytest.mark.parametrize("latency_s", [0.05, 0.3])
    def test_loses_no_more_than_the_time_that_answers_take(self, latency_s: float) -> None:
        """So long Telegram may count a message that was sent; to be sure, the second begins with the answer."""
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            calls = (show(limit, telegram, chat, "sendPhoto", 0.0, latency_s) for chat in range(1, 601))
            await asyncio.gather(*calls)

        run(scene())
        assert len(telegram.taken) == 600
        assert max(at for at, *_ in telegram.taken) < 600 / MESSAGES_PER_S * (1 + latency_s) + 0.5

    def test_spreads_calls_evenly_when_there_are_many(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(*(show(limit, telegram, chat, "sendMessage") for chat in range(1, 181)))

        run(scene())
        times = [at for at, *_ in telegram.taken if at > 3]
        assert len(times) > 60
        assert max(later - earlier for earlier, later in pairwise(times)) < 2.1 / MESSAGES_PER_S

    def test_lets_a_few_through_at_once(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            await asyncio.gather(*(show(limit, telegram, chat, "sendMessage") for chat in range(1, 21)))

        run(scene())
        assert {at for at, *_ in telegram.taken} == {0.0}

    def test_is_not_used_up_by_calls_that_hang(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()

        async def scene() -> None:
            hanging = [
                asyncio.create_task(show(limit, telegram, chat, "sendPhoto", 0.0, 600.0))
                for chat in range(1, MESSAGES_PER_S + 1)
            ]
            await asyncio.sleep(1)
            await show(limit, telegram, 1000, "sendMessage")
            assert telegram.taken[-1][0] < COUNTED_WITHIN_S + 2
            await asyncio.gather(*hanging)

        run(scene())

    def test_counts_what_a_network_held_up_when_it_arrives(self) -> None:
        telegram, limit = StrictTelegram(), FloodLimit()
        held_up_s = 3 * COUNTED_WITHIN_S

        async def scene() -> None:
            chats = range(1, MESSAGES_PER_S - 5)
            held_up = [asyncio.create_task(show(limit, telegram, chat, "sendPhoto", held_up_s)) for chat in chats]
            await asyncio.sleep(held_up_s + 0.01)
            await asyncio.gather(*(show(limit, telegram, chat, "sendPhoto") for chat in range(100, 130)), *held_up)

        run(scene())
        assert len(telegram.taken) == MESSAGES_PER_S - 6 + 30

    def test_is_as_large_as_the_owner_says(self) -> None:
        limit, called_at = FloodLimit(messages_per_s=5), list[float]()

        async def call() -> None:
            called_at.append(asyncio.get_running_loop().time())

        async def scene() -> None:
            chats = range(1, 26)
            await asyncio.gather(
                *(limit.process_request(call, (), {}, "sendMessage", {"chat_id": chat}, None) for chat in chats)
            )

        run(scene())
        assert called_at[-1] == pytest.approx(25 / 5, abs=0.8)

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
            assert 0 < edits < MESSAGES_PER_S
            assert limit.room_in_s(1000, Kind.DRAFT) > 0
            await asyncio.gather(*(show(limit, telegram, chat, "sendMessage") for chat in range(2000, 2005)))
            assert telegram.taken[-1][0] < 6 / MESSAGES_PER_S

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
