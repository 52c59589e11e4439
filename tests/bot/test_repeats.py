"""Which calls are made again at once after a hiccup, how soon, and how often."""

import asyncio
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from services.bot.telegram.errors import EntityTooLarge, NotConnected, NotTelegram
from services.bot.telegram.repeats import (
    FIRST_TRY_S,
    PAUSES_S,
    handling,
    is_for_handler,
    is_repeatable,
    may_upload,
    pause_s,
    time_limit_s,
)

RESET, LATE, REFUSED, BAD_GATEWAY = NetworkError("reset"), TimedOut(), NotConnected("refused"), NotTelegram(502)
HICCUPS = [RESET, LATE, REFUSED, BAD_GATEWAY]
LASTING = [
    BadRequest("chat not found"),
    EntityTooLarge("Request Entity Too Large"),
    Forbidden("bot was blocked by the user"),
    InvalidToken(),
    Conflict("terminated"),
    ChatMigrated(-100),
    RetryAfter(7),
    NotTelegram(403),
]


def repetitions(error: TelegramError, endpoint: str, *, for_handler: bool) -> int:
    """How often a call that fails again and again is repeated."""
    pauses = [
        pause_s(error, endpoint, failures=failures, for_handler=for_handler, rng=lambda: 0.5)
        for failures in range(1, 20)
    ]
    return pauses.index(None)


class TestHowOften:
    @pytest.mark.parametrize("endpoint", ["getFile", "getChatAdministrators", "editMessageText", "deleteMessage"])
    @pytest.mark.parametrize("for_handler", [True, False])
    @pytest.mark.parametrize(("error", "times"), [(RESET, 3), (REFUSED, 3), (BAD_GATEWAY, 3), (LATE, 1)])
    def test_what_may_happen_twice_is_repeated_for_everybody(
        self, endpoint: str, for_handler: bool, error: TelegramError, times: int
    ) -> None:
        assert repetitions(error, endpoint, for_handler=for_handler) == times

    @pytest.mark.parametrize(("error", "times"), [(REFUSED, 3), (RESET, 1), (BAD_GATEWAY, 1), (LATE, 1)])
    def test_a_handlers_message_is_repeated_once_where_it_may_have_arrived(
        self, error: TelegramError, times: int
    ) -> None:
        assert repetitions(error, "sendMessage", for_handler=True) == times

    @pytest.mark.parametrize("error", HICCUPS)
    @pytest.mark.parametrize("endpoint", ["sendMessage", "sendPhoto", "sendMediaGroup", "copyMessage"])
    def test_a_delivery_decides_by_itself(self, endpoint: str, error: TelegramError) -> None:
        assert repetitions(error, endpoint, for_handler=False) == 0

    @pytest.mark.parametrize("error", LASTING)
    @pytest.mark.parametrize("endpoint", ["sendMessage", "getFile"])
    def test_what_would_fail_again_is_not_repeated(self, endpoint: str, error: TelegramError) -> None:
        assert repetitions(error, endpoint, for_handler=True) == 0


class TestHowSoon:
    def test_a_hiccup_is_over_within_a_moment(self) -> None:
        first = pause_s(RESET, "sendMessage", failures=1, for_handler=True)

        assert first is not None
        assert first < 0.2

    @given(st.floats(0, 1))
    def test_all_repetitions_together_take_a_few_seconds(self, random_number: float) -> None:
        pauses = [
            pause_s(RESET, "getFile", failures=failures, for_handler=True, rng=lambda: random_number)
            for failures in range(1, len(PAUSES_S) + 1)
        ]

        assert sum(pause or 0.0 for pause in pauses) < 5

    def test_a_handler_waits_a_few_seconds_for_its_first_answer(self) -> None:
        assert time_limit_s("sendMessage", failures=0, for_handler=True) == FIRST_TRY_S
        assert FIRST_TRY_S < 5

    @pytest.mark.parametrize(
        ("endpoint", "failures", "for_handler"),
        [("sendMessage", 1, True), ("sendMessage", 0, False), ("sendDocument", 0, True)],
    )
    def test_later_tries_deliveries_and_files_have_the_usual_time(
        self, endpoint: str, failures: int, for_handler: bool
    ) -> None:
        assert time_limit_s(endpoint, failures=failures, for_handler=for_handler) is None


METHODS = [
    name for name, _ in inspect.getmembers(Bot, inspect.iscoroutinefunction) if name[0].islower() and "_" not in name
]


class TestMethods:
    def test_every_method_of_the_library_that_creates_something_is_not_repeatable(self) -> None:
        creating = [name for name in METHODS if name.startswith(("send", "copy", "forward", "create", "post", "gift"))]

        assert len(creating) > 30
        assert [name for name in creating if is_repeatable(name)] == ["sendChatAction", "sendMessageDraft"]

    @pytest.mark.parametrize("endpoint", ["sendPhoto", "sendDocument", "sendMediaGroup", "editMessageMedia"])
    def test_those_with_files_may_take_long(self, endpoint: str) -> None:
        assert may_upload(endpoint)

    @pytest.mark.parametrize(
        "endpoint", ["sendMessage", "sendChatAction", "sendMessageDraft", "editMessageText", "getFile", "copyMessage"]
    )
    def test_those_without_may_not(self, endpoint: str) -> None:
        assert not may_upload(endpoint)


class TestWhose:
    def test_calls_of_tasks_that_a_handler_starts_are_its_own(self) -> None:
        async def scene() -> tuple[bool, bool, bool]:
            async def ask() -> bool:
                return is_for_handler()

            with handling():
                (started,) = await asyncio.gather(asyncio.create_task(ask()))
                inside = is_for_handler()
            return inside, started, is_for_handler()

        assert asyncio.run(scene()) == (True, True, False)
