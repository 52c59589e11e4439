"""Whose update is handled when, and what becomes of presses that have to wait."""

import asyncio
from typing import Any

import pytest
from telegram import Bot, CallbackQuery, Update

from services.bot.intake.dispatcher import MOMENT_S, PLACES, SHARE, Dispatcher, origin_of
from services.bot.telegram.callback_queries import ANSWER_WITHIN_S, acknowledge
from tests.bot.patient_loop import run

BOT = Bot("4242:" + "a" * 35)
GROUP = -100


class AnsweringBot(Bot):
    """Takes answers to presses and remembers when each came."""

    def __init__(self) -> None:
        super().__init__("4242:" + "a" * 35)
        self._unfreeze()
        self.answers: list[tuple[float, str, str | None]] = []

    async def answer_callback_query(self, callback_query_id: str, text: str | None = None, **_: Any) -> bool:
        self.answers.append((round(asyncio.get_running_loop().time(), 3), callback_query_id, text))
        return True


def a_message(number: int, person: int = 1, chat: int | None = None) -> Update:
    where = {"id": chat or person, "type": "supergroup" if chat else "private"}
    sender = {"id": person, "is_bot": False, "first_name": "Ada"}
    body = {"message_id": number, "date": 1, "chat": where, "from": sender, "text": "hello"}
    return _update({"update_id": number, "message": body}, BOT)


def a_file(number: int) -> Update:
    body = a_message(number).to_dict()
    del body["message"]["text"]
    body["message"]["document"] = {"file_id": "f", "file_unique_id": "u"}
    return _update(body, BOT)


def a_press(number: int, person: int = 1, chat: int | None = None, bot: Bot = BOT) -> Update:
    sender = {"id": person, "is_bot": False, "first_name": "Ada"}
    under = a_message(number, person, chat).to_dict()["message"]
    query = {"id": f"q{number}", "from": sender, "chat_instance": "1", "data": "again 1", "message": under}
    return _update({"update_id": number, "callback_query": query}, bot)


def a_query(number: int, person: int = 1) -> Update:
    sender = {"id": person, "is_bot": False, "first_name": "Ada"}
    body = {"id": f"q{number}", "from": sender, "query": "f" * number, "offset": ""}
    return _update({"update_id": number, "inline_query": body}, BOT)


def a_change(number: int, status: str = "kicked", chat: int | None = None) -> Update:
    """Somebody blocks or unblocks the bot, or a group removes it or lets it in."""
    where = {"id": chat or 1, "type": "supergroup" if chat else "private"}
    us = {"id": 4242, "is_bot": True, "first_name": "Bot"}
    members = {"old_chat_member": {"user": us, "status": "member"}, "new_chat_member": {"user": us, "status": status}}
    if status == "kicked":
        members["new_chat_member"]["until_date"] = 0
    change = {"chat": where, "from": {"id": 1, "is_bot": False, "first_name": "Ada"}, "date": 1} | members
    return _update({"update_id": number, "my_chat_member": change}, BOT)


def _update(body: dict[str, Any], bot: Bot) -> Update:
    update = Update.de_json(body, bot)
    assert update is not None
    return update


class Stage:
    """A dispatcher, and handlers that are told how long they take."""

    def __init__(self) -> None:
        self.dispatcher = Dispatcher()
        self.begun: list[tuple[float, int]] = []
        self.ended: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, update: Update, *, takes_s: float = 0.0) -> None:
        handling = self._handle(update.update_id, takes_s)
        self._tasks.append(asyncio.create_task(self.dispatcher.process_update(update, handling)))

    async def all_handled(self) -> None:
        await asyncio.gather(*self._tasks)

    def begun_at(self, number: int) -> float:
        return next(at for at, one in self.begun if one == number)

    async def _handle(self, number: int, takes_s: float) -> None:
        self.begun.append((round(asyncio.get_running_loop().time(), 3), number))
        await asyncio.sleep(takes_s)
        self.ended.append(number)


class TestInlineQueries:
    def test_of_one_person_are_handled_one_at_a_time_and_of_those_that_wait_the_newest(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in (1, 2, 3, 4):
                stage.send(a_query(number), takes_s=MOMENT_S / 2)
            stage.send(a_query(5, person=2))
            await stage.all_handled()
            assert sorted(number for _, number in stage.begun) == [1, 4, 5]
            assert [stage.begun_at(number) for number in (1, 5, 4)] == [0, 0, MOMENT_S / 2]

        run(scene())

    def test_wait_but_a_moment_for_one_that_takes_long(self) -> None:
        async def scene() -> None:
            stage = Stage()
            stage.send(a_query(1), takes_s=30)
            stage.send(a_query(2))
            await stage.all_handled()
            assert stage.begun_at(2) == MOMENT_S

        run(scene())

    def test_that_come_one_after_the_other_are_all_handled(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in (1, 2, 3):
                stage.send(a_query(number))
                await stage.all_handled()
            assert [number for _, number in stage.begun] == [1, 2, 3]

        run(scene())

    def test_hold_up_no_message_of_the_same_person(self) -> None:
        async def scene() -> None:
            stage = Stage()
            stage.send(a_query(1), takes_s=30)
            stage.send(a_message(2))
            await stage.all_handled()
            assert stage.begun_at(2) == 0

        run(scene())


class TestDispatcher:
    def test_handles_an_update_at_once(self) -> None:
        async def scene() -> None:
            stage = Stage()
            stage.send(a_message(1))
            await stage.all_handled()
            assert stage.begun == [(0, 1)]

        run(scene())

    @pytest.mark.parametrize("chat", [None, GROUP], ids=["private", "group"])
    def test_lets_nothing_overtake_a_change_of_our_membership(self, chat: int | None) -> None:
        async def scene() -> None:
            stage = Stage()
            stage.send(a_message(1, chat=chat), takes_s=30)  # came before: nothing waits for its end
            stage.send(a_change(2, "kicked", chat), takes_s=5)
            stage.send(a_change(3, "member", chat), takes_s=5)
            stage.send(a_message(4, chat=chat))
            stage.send(a_press(5, chat=chat, bot=AnsweringBot()))
            stage.send(a_message(6, person=2, chat=-200))
            await stage.all_handled()
            begun = [0, MOMENT_S, 5 + MOMENT_S, 10 + MOMENT_S, 10 + MOMENT_S, 0]
            assert [stage.begun_at(number) for number in range(1, 7)] == begun

        run(scene())

    def test_drops_what_waits_for_a_change_when_it_closes(self) -> None:
        async def scene() -> None:
            stage = Stage()
            stage.send(a_change(1), takes_s=5)
            stage.send(a_message(2))
            await asyncio.sleep(1)
            stage.dispatcher.close()
            await stage.all_handled()
            assert (stage.ended, stage.dispatcher.has(2)) == ([1], False)

        run(scene())

    @pytest.mark.parametrize("chats", [[None] * 6, [GROUP - number for number in range(6)]])
    def test_a_flood_of_one_person_holds_nobody_else_up(self, chats: list[int | None]) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(6 * PLACES):
                stage.send(a_message(number, person=1, chat=chats[number % 6]), takes_s=30)
            stage.send(a_message(10_000, person=2))
            await asyncio.sleep(1)
            assert stage.begun_at(10_000) == 0
            assert len(stage.begun) == SHARE + 1

        run(scene())

    def test_a_flood_of_many_people_holds_nobody_up_for_longer_than_a_moment(self) -> None:
        """They are as many as the places, and wait for Telegram's limits."""

        async def scene() -> None:
            stage = Stage()
            for number in range(PLACES):
                stage.send(a_message(number, person=1000 + number), takes_s=30)
            stage.send(a_message(10_000, person=2))
            await asyncio.sleep(1)
            assert stage.begun_at(10_000) == MOMENT_S

        run(scene())

    def test_quick_updates_wait_for_a_place(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(PLACES + 1):
                stage.send(a_message(number, person=1000 + number), takes_s=0.1)
            await stage.all_handled()
            assert stage.begun_at(PLACES) == 0.1

        run(scene())

    def test_an_update_waits_for_the_end_of_the_one_before_it_or_for_a_moment(self) -> None:
        """So ``/cancel`` finds the picture that was asked for just before it."""

        async def scene() -> None:
            stage = Stage()
            for number, takes_s in enumerate([0.1, 30, 0.1, 0.1]):
                stage.send(a_message(number), takes_s=takes_s)
            stage.send(a_press(4, bot=AnsweringBot()))
            await stage.all_handled()
            begun = [0, 0.1, 0.1 + MOMENT_S, 0.2 + MOMENT_S, 0]
            assert [stage.begun_at(number) for number in range(5)] == pytest.approx(begun)

        run(scene())

    def test_a_persons_updates_are_begun_in_order(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(30):
                stage.send(a_message(number), takes_s=(7 * number % 5) / 10)
            await stage.all_handled()
            assert [number for _, number in stage.begun] == list(range(30))

        run(scene())

    def test_one_that_comes_twice_is_handled_once(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in [*range(SHARE), 10, 10, 0]:
                stage.send(a_message(number), takes_s=1)
            assert not stage.dispatcher.has(10)
            await asyncio.sleep(0)
            assert stage.dispatcher.has(10)
            await stage.all_handled()
            assert sorted(stage.ended) == [*range(SHARE), 10]
            assert not stage.dispatcher.has(10)

        run(scene())

    def test_one_whose_handler_fails_leaves_its_place(self) -> None:
        async def fail() -> None:
            raise ZeroDivisionError

        async def scene() -> None:
            stage = Stage()
            for number in range(2 * SHARE):
                with pytest.raises(ZeroDivisionError):
                    await stage.dispatcher.process_update(a_message(number), fail())
            stage.send(a_message(100))
            await stage.all_handled()
            assert stage.ended == [100]

        run(scene())

    def test_once_closed_it_begins_nothing_more_and_waits_for_what_it_began(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(SHARE + 5):
                stage.send(a_message(number), takes_s=1)
            await asyncio.sleep(0.5)
            stage.dispatcher.close()
            stage.send(a_message(100))
            await stage.all_handled()
            assert sorted(stage.ended) == list(range(SHARE))

        run(scene())


class TestFiles:
    def test_that_are_being_fetched_hold_no_words_up(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(2 * SHARE):
                stage.send(a_file(number), takes_s=30)
            stage.send(a_message(100))
            await asyncio.sleep(1)
            assert stage.begun_at(100) == 0

        run(scene())


class TestPresses:
    def test_do_not_wait_behind_messages(self) -> None:
        async def scene() -> None:
            stage = Stage()
            for number in range(2 * SHARE):
                stage.send(a_message(number, chat=GROUP), takes_s=30)
            stage.send(a_press(100, chat=GROUP, bot=AnsweringBot()))
            await asyncio.sleep(1)
            assert stage.begun_at(100) == 0

        run(scene())

    def test_one_that_has_to_wait_is_answered_in_time_without_words(self) -> None:
        bot = AnsweringBot()

        async def scene() -> None:
            stage = Stage()
            for number in range(SHARE + 1):
                stage.send(a_press(number, bot=bot), takes_s=30)
            await stage.all_handled()
            assert (ANSWER_WITHIN_S, f"q{SHARE}", None) in bot.answers
            assert len(bot.answers) == SHARE + 1

        run(scene())

    def test_one_that_its_handler_answers_is_answered_once(self) -> None:
        bot = AnsweringBot()

        async def scene() -> None:
            press = a_press(1, bot=bot)
            await Dispatcher().process_update(press, _answer(press.callback_query, after_s=1))
            await asyncio.sleep(60)
            assert bot.answers == [(1, "q1", "Done.")]

        run(scene())

    def test_one_that_its_handler_answers_too_late_is_answered_once(self) -> None:
        bot = AnsweringBot()

        async def scene() -> None:
            press = a_press(1, bot=bot)
            await Dispatcher().process_update(press, _answer(press.callback_query, after_s=20))
            assert bot.answers == [(ANSWER_WITHIN_S, "q1", None)]

        run(scene())


async def _answer(query: CallbackQuery | None, *, after_s: float) -> None:
    assert query is not None
    await asyncio.sleep(after_s)
    await acknowledge(query, "Done.")


class TestOrigin:
    def test_members_of_a_group_share_its_limit_and_not_their_own(self) -> None:
        ada, bob = origin_of(a_message(1, person=1, chat=GROUP)), origin_of(a_message(2, person=2, chat=GROUP))

        assert ada.chat == bob.chat
        assert ada.person != bob.person

    def test_anonymous_admins_of_different_groups_are_different_people(self) -> None:
        """Telegram gives all of them one and the same user."""

        def speaking_for(chat: int) -> Update:
            body = a_message(1, person=1087968824, chat=chat).to_dict()
            body["message"]["sender_chat"] = {"id": chat, "type": "supergroup"}
            return _update(body, BOT)

        assert origin_of(speaking_for(GROUP)).person != origin_of(speaking_for(GROUP - 1)).person

    def test_updates_of_nobody_share_no_limit(self) -> None:
        one, other = (origin_of(_update({"update_id": number}, BOT)) for number in (1, 2))

        assert one.person != other.person
        assert one.chat != other.chat
