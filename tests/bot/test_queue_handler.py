"""``/queue``, ``/cancel`` and ``/start``: what is listed, what a press or a reply ends, and what is sent again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telegram.ext import CallbackContext

from services.bot.batches.delivery import BatchDelivery
from services.bot.batches.progress_message import ProgressMessage
from services.bot.chat.delivery import Answers
from services.bot.chat.drawings import Drawings
from services.bot.chat.stream import AnswerStreams
from services.bot.owner.handler import OwnersOverview
from services.bot.pictures.delivery import Delivery
from services.bot.queue.queue import QueueHandler
from services.bot.queue.undelivered import Undelivered
from services.bot.texts.locales import say
from shared.jobs import Job, State
from shared.store.chats import Chats
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.outbox import Outbox
from shared.tickets import LocalTickets
from tests.bot.handler_rig import ADA, BOB, GROUP, HandlerRig, a_keyboard
from tests.bot.stage import BOT

NONE = say("nothing_to_cancel", "en")


class NoBroker(LocalTickets):
    """Tickets whose broker does not answer."""

    def on_their_way(self) -> int | None:
        return None


class Rig(HandlerRig):
    """What people wait for in a chat."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.outbox = Outbox(database)
        errand_outbox = ErrandOutbox(database)
        delivery = Delivery(self.bot, BOT, self.outbox, self.jobs, self.images, catalogue=self.catalogue)
        streams = AnswerStreams(self.bot, BOT, self.errands, self.messages, self.limit)
        drawings = Drawings(self.bot, self.choices, self.promise)
        answers = Answers(self.bot, BOT, errand_outbox, self.errands, streams, draw=drawings.begin)
        progress = ProgressMessage(self.bot, self.batches, self.limit)
        batch_delivery = BatchDelivery(
            self.bot,
            BOT,
            self.batches,
            self.jobs,
            self.images,
            self.tickets,
            progress,
            default_model=self.catalogue.default,
        )
        chats = Chats(database)
        self.handler = QueueHandler(
            self.jobs,
            self.batches,
            chats,
            Undelivered(chats, self.outbox, errand_outbox, delivery, answers),
            self.orders,
            self.status,
            batch_delivery,
            self.authorization,
        )

    def undelivered(self) -> Job:
        """A picture of Ada's that Telegram would not take."""
        job = self.paint(self.ask())
        self.outbox.claim(BOT, limit=1)
        self.outbox.give_up(job, "chat_closed")
        self.outbox.delivered(job.id, message_id=None)
        return job

    def pressed(self, name: str, *, who: int = ADA, chat: int = ADA) -> int:
        """Let somebody press in Ada's list; returns the message with it."""
        message = self.post(chat, "Your queue", a_keyboard(f"queue {ADA} {name} 0"))
        self.press(self.handler.press, who, f"queue {ADA} {name} 0", chat, message)
        return message

    def states(self, *jobs: Job) -> list[State]:
        return [self.read(one).state for one in jobs]


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestCancel:
    def test_of_nothing_says_so(self, rig: Rig) -> None:
        rig.say(rig.handler.cancel, ADA, "/cancel")

        assert rig.said == [NONE]

    def test_ends_the_only_thing(self, rig: Rig) -> None:
        job = rig.ask()

        rig.say(rig.handler.cancel, ADA, "/cancel")

        assert (rig.states(job), rig.said) == ([State.CANCELLED], [say("request_cancelled", "en")])

    def test_of_several_shows_them_and_ends_none(self, rig: Rig) -> None:
        jobs = rig.ask("a red fox"), rig.ask("a blue whale")

        rig.say(rig.handler.cancel, ADA, "/cancel")

        assert rig.states(*jobs) == [State.QUEUED] * 2
        assert all(one.request.idea in rig.said[0] for one in jobs)

    def test_in_reply_ends_what_that_message_asked_for(self, rig: Rig) -> None:
        first, second = rig.ask("a red fox"), rig.ask("a blue whale")

        rig.say(rig.handler.cancel, ADA, "/cancel", reply_to=first.address.message_id)

        assert rig.states(first, second) == [State.CANCELLED, State.QUEUED]

    def test_in_reply_to_something_else_ends_nothing(self, rig: Rig) -> None:
        job = rig.ask()

        rig.say(rig.handler.cancel, ADA, "/cancel", reply_to=rig.post(ADA, "Hello!"))

        assert (rig.states(job), rig.said) == ([State.QUEUED], [NONE])

    def test_is_of_ones_own_in_a_group(self, rig: Rig) -> None:
        hers, his = rig.ask(chat=GROUP), rig.ask(chat=GROUP, user=BOB)

        rig.say(rig.handler.cancel, BOB, "/cancel", GROUP)

        assert rig.states(hers, his) == [State.QUEUED, State.CANCELLED]


class TestTheList:
    def test_has_a_button_that_ends_one_and_one_that_ends_all(self, rig: Rig) -> None:
        jobs = rig.ask("a red fox"), rig.ask("a blue whale"), rig.ask("a green frog")

        message = rig.pressed(f"r{jobs[0].id}")
        assert rig.states(*jobs) == [State.CANCELLED, State.QUEUED, State.QUEUED]
        assert "a red fox" not in rig.message(ADA, message)["text"]
        rig.pressed("all")

        assert rig.states(*jobs) == [State.CANCELLED] * 3

    def test_of_somebody_else_is_refused(self, rig: Rig) -> None:
        job = rig.ask(chat=GROUP)

        rig.pressed("all", who=BOB, chat=GROUP)

        assert rig.answer == (say("pressed_not_yours", "en"), True)
        assert rig.states(job) == [State.QUEUED]

    def test_sends_again_what_could_not_be_delivered_once(self, rig: Rig) -> None:
        job = rig.undelivered()

        rig.pressed("send")
        first = rig.answer
        rig.pressed("send")

        assert [first, rig.answer] == [(say(key, "en"), False) for key in ("pressed", "nothing_to_send")]
        assert [one.id for one in rig.outbox.claim(BOT, limit=9)] == [job.id]


class TestTheStart:
    def test_offers_what_could_not_be_delivered(self, rig: Rig) -> None:
        rig.undelivered()

        rig.say(rig.handler.start, ADA, "/start")

        assert rig.said[-1] == say("undelivered_offer", "en", n=1)
        assert f"queue {ADA} send 0" in str(rig.calls("sendMessage")[-1]["reply_markup"])

    def test_offers_nothing_where_all_has_come(self, rig: Rig) -> None:
        rig.deliver(rig.paint(rig.ask()))

        rig.say(rig.handler.start, ADA, "/start")

        assert not any("queue " in str(one.get("reply_markup")) for one in rig.calls("sendMessage"))


class TestTheOverviewForOwners:
    @pytest.mark.parametrize(("tickets", "is_told"), [(LocalTickets(), False), (NoBroker(), True)])
    def test_tells_of_a_broker_that_does_not_answer(self, rig: Rig, tickets: LocalTickets, is_told: bool) -> None:
        async def command(update: Any, context: CallbackContext[Any, Any, Any, Any]) -> None:
            await OwnersOverview(rig.database, tickets).command(update, context)

        rig.say(command, ADA, "/status")

        assert (say("overview_no_broker", "en") in rig.said[0]) is is_told
