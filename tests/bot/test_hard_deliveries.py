"""Deliveries that don't go as planned, each of which has to come to an end."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select

from sandbox.client import SandboxClient
from services.bot.telegram.errors import MAX_UNKNOWN_TRIES
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.texts.locales import say
from services.health import Sign
from shared.batches import Counts, DeliveryFormat
from shared.errands import ErrandKind, ErrandResult
from shared.errors import StoreAway
from shared.images import Images
from shared.jobs import Job, Parameters
from shared.store import tables
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errand_outbox import ErrandOutbox
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.bot.delivery_rig import Bot, Rig, a_noise
from tests.builders import BOT, UNCAPPED
from tests.sqlite_tables import create_tables

PICTURES = "/(sendPhoto|sendDocument|sendMediaGroup)$"
MESSAGE = "/sendMessage$"


@pytest.fixture
def rig(sandbox: SandboxClient, sqlite_url: str, tmp_path: Path) -> Iterator[Rig]:
    database = Database(sqlite_url)
    create_tables(database)
    yield Rig(sandbox, database, tmp_path / "images")
    assert sandbox.violations() == []
    database.close()


def fall_silent_while_sending(rig: Rig) -> None:
    """Another process claims what is due, and dies."""
    assert rig.outbox.claim(BOT, limit=10)
    rig.outbox.release_all(BOT)


def is_put_back(row: Row[Any]) -> bool:
    return row.delivery_not_before is not None


def delivered(rig: Rig, job: Job) -> Row[Any]:
    return rig.deliver(tables.jobs, job.id)


class TestADeliveryThatSomebodyBegan:
    def test_is_made_while_the_status_message_is_still_there(self, rig: Rig) -> None:
        job = rig.picture()
        fall_silent_while_sending(rig)

        row = delivered(rig, job)

        assert row.delivered_message_id is not None
        assert rig.in_chat() == ["photo"]

    def test_is_not_made_again_when_the_status_message_is_gone(self, rig: Rig) -> None:
        job = rig.picture()
        rig.sandbox.delete(rig.messages()[0])
        fall_silent_while_sending(rig)

        row = delivered(rig, job)

        assert row.undelivered_reason is None
        assert rig.in_chat() == []

    def test_ends_when_the_chat_was_closed_to_us_meanwhile(self, rig: Rig) -> None:
        job = rig.picture()
        fall_silent_while_sending(rig)
        rig.sandbox.arm("telegram", path="editMessageText", preset="forbidden")

        row = delivered(rig, job)

        assert row.delivered_message_id is None
        assert row.undelivered_reason == "chat_gone"

    @pytest.mark.parametrize("fault", [{"preset": "too-many-requests"}, {"drop": "before"}], ids=str)
    def test_stays_uncertain_while_nobody_can_look(self, rig: Rig, fault: dict[str, Any]) -> None:
        """Were it marked as not sent, it would be sent again without a look."""
        job = rig.picture()
        fall_silent_while_sending(rig)
        rig.sandbox.arm("telegram", path="editMessageText", times=None, **fault)

        row = rig.deliver(tables.jobs, job.id, until=is_put_back)

        assert row.delivered_at is None
        assert row.sending_since is not None
        assert rig.in_chat() == ["Painting"]


class TestAPictureThatIsGone:
    @pytest.mark.parametrize("count", [1, 3])
    def test_is_apologised_for(self, rig: Rig, count: int) -> None:
        job = rig.picture(count=count, kept=False)

        delivered(rig, job)

        (apology,) = rig.in_chat()
        assert "Something unexpected went wrong" in apology


class TestAnAlbumThatTelegramTook:
    """One failed message below it is no reason to send six photos of three."""

    @pytest.mark.parametrize(
        "fault", [{"preset": "internal-error"}, {"drop": "before"}, {"preset": "too-many-requests"}], ids=str
    )
    @pytest.mark.parametrize("times", [1, 2])
    def test_is_not_sent_again_for_the_message_below_it(self, rig: Rig, fault: dict[str, Any], times: int) -> None:
        job = rig.picture(count=3)
        rig.sandbox.arm("telegram", path=MESSAGE, times=times, **fault)

        row = delivered(rig, job)

        *album, choice = rig.in_chat()
        assert album == ["photo"] * 3
        assert "3 pictures. Choose one:" in choice
        assert row.delivered_message_id is not None

    def test_of_a_batch_gets_its_buttons_although_telegram_falters(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=2)
        rig.sandbox.arm("telegram", path=MESSAGE, times=2, preset="bad-gateway")

        rig.deliver(tables.batches, batch_id)

        assert len([data for data in rig.buttons() if data.startswith("pick ")]) == 2
        assert rig.calls("sendMediaGroup") == [200]

    def test_of_a_batch_gets_its_buttons_also_where_the_bot_was_killed_before_them(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=2)
        album = [job.id for job in rig.batches.jobs(batch_id)]
        rig.batches.sent(batch_id, [(job_id, None, None) for job_id in album], without_buttons=album)

        rig.deliver(tables.batches, batch_id)

        assert [data.split()[0] for data in rig.buttons()].count("pick") == 2
        assert rig.calls("sendMediaGroup") == []

    def test_of_a_batch_gets_its_buttons_also_where_only_the_witness_tells_that_it_came(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=2)
        album = [job.id for job in rig.batches.jobs(batch_id)]
        rig.batches.begin_sending(batch_id, album, {"text": "What it said before", "markup": None})

        rig.deliver(tables.batches, batch_id)

        assert [data.split()[0] for data in rig.buttons()].count("pick") == 2
        assert rig.calls("sendMediaGroup") == []

    def test_of_a_batch_is_the_last_one_where_the_process_is_told_to_end(self, rig: Rig) -> None:
        """Many would take minutes, within Telegram's limits, and one that is cut off in the middle comes twice."""
        batch_id = rig.batch(pictures=12)
        rig.sandbox.arm("telegram", path="sendMediaGroup", gate="album")

        async def end_meanwhile(bot: Bot, limit: FloodLimit) -> None:
            whole = rig.batch_delivery(bot, limit)
            carrying = asyncio.ensure_future(whole.carry_on(Sign()))
            await asyncio.to_thread(rig.sandbox.wait_at_gate, "album")
            whole.wind_down()
            rig.sandbox.open_gate("album")
            await whole.finish()
            carrying.cancel()

        rig.with_bot(end_meanwhile)

        row = rig.row(tables.batches, batch_id)
        assert (row.delivered_at, row.delivery_lease_until, row.without_buttons) == (None, None, None)
        assert len(rig.batches.to_send(batch_id)) == 2
        assert rig.deliver(tables.batches, batch_id).delivered_at is not None
        assert rig.calls("sendMediaGroup") == [200, 200]

    def test_is_delivered_also_where_words_are_forbidden(self, rig: Rig) -> None:
        job = rig.picture(count=3)
        rig.sandbox.arm("telegram", path=MESSAGE, preset="bad-request", arguments={"text": "CHAT_SEND_PLAIN_FORBIDDEN"})

        row = delivered(rig, job)

        assert row.undelivered_reason is None
        assert rig.in_chat() == ["photo"] * 3

    def test_is_found_again_by_who_goes_on_after_a_kill(self, rig: Rig) -> None:
        job = rig.picture(count=3)
        rig.sandbox.arm("telegram", path=MESSAGE, times=None, preset="bad-gateway")
        rig.deliver(tables.jobs, job.id, until=is_put_back)
        rig.sandbox.clear_faults()
        rig.outbox.release_all(BOT)

        delivered(rig, job)

        assert rig.calls("sendMediaGroup") == [200]


class Forgetful(Outbox):
    """An outbox whose database is away when an album is to be noted, for the first time."""

    was_away = False

    def arrived(self, job: Job, messages: Mapping[int, tuple[int, str | None]]) -> None:
        if not self.was_away:
            self.was_away = True
            raise StoreAway("away")
        super().arrived(job, messages)


class AwayAfterAnAlbum(Jobs):
    """A record that does not answer for the first time when an album is there and is to be noted as delivered."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.reads = 0

    def siblings(self, job: Job) -> list[Job]:
        self.reads += 1
        if self.reads == 2:
            raise StoreAway("away")
        return super().siblings(job)


class AwayAfterAnAlbumOfABatch(Batches):
    """A record that does not answer for the first time after an album has come."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.database, UNCAPPED)
        self._rig = rig
        self.was_away = False

    def counts(self, batch_id: int) -> Counts:
        if self._rig.calls("sendMediaGroup") and not self.was_away:
            self.was_away = True
            raise StoreAway("away")
        return super().counts(batch_id)


class TestADatabaseThatIsAway:
    def test_after_an_albums_buttons_is_no_reason_to_send_them_again(self, rig: Rig) -> None:
        job = rig.picture(count=3)
        rig.jobs = jobs = AwayAfterAnAlbum(rig.database)

        delivered(rig, job)

        assert jobs.reads > 2
        assert rig.calls("sendMessage").count(200) == 2  # the announcement, and the buttons

    def test_after_an_album_of_a_batch_is_no_reason_to_send_it_again(self, rig: Rig) -> None:
        rig.batches = batches = AwayAfterAnAlbumOfABatch(rig)

        rig.deliver(tables.batches, rig.batch(pictures=3), until=lambda row: batches.was_away and not row.sending)

        assert rig.calls("sendMediaGroup") == [200]

    def test_when_an_album_has_arrived_is_no_reason_to_send_it_again(self, rig: Rig) -> None:
        job = rig.picture(count=3)
        rig.outbox = outbox = Forgetful(rig.database)

        delivered(rig, job)

        assert outbox.was_away
        assert rig.calls("sendMediaGroup") == [200]


class AwayAtFirst(Images):
    """An image store that does not answer the first time."""

    was_away = False

    def get(self, key: str) -> bytes:
        if not self.was_away:
            self.was_away = True
            raise StoreAway("away")
        return super().get(key)


class TestAnImageStoreThatIsAway:
    """Nobody waits for the lease of the delivery that met it."""

    @pytest.fixture(autouse=True)
    def _away(self, rig: Rig, tmp_path: Path) -> None:
        rig.left_s = 0.1
        rig.images = AwayAtFirst((tmp_path / "images").as_uri())

    def test_is_asked_again_soon(self, rig: Rig) -> None:
        row = delivered(rig, rig.picture())

        assert row.delivery_tries == 2
        assert rig.in_chat() == ["photo"]

    def test_is_asked_again_soon_for_a_batch_too(self, rig: Rig) -> None:
        rig.deliver(tables.batches, rig.batch(pictures=2))

        assert rig.in_chat().count("photo") == 2
        assert rig.calls("sendMediaGroup") == [200]


class Broken(Images):
    """An image store with a bug."""

    def get(self, key: str) -> bytes:
        raise ZeroDivisionError(key)


class TestABugOfOurs:
    def test_ends_the_delivery_after_some_tries(self, rig: Rig) -> None:
        job = rig.picture()
        rig.tried_before(tables.jobs, job.id, MAX_UNKNOWN_TRIES - 1)
        rig.images = Broken("file:///nowhere")

        row = delivered(rig, job)

        assert row.undelivered_reason == "refused"
        assert len(rig.in_chat()) == 1

    def test_ends_a_batch_too(self, rig: Rig) -> None:
        batch_id = rig.batch()
        rig.tried_before(tables.batches, batch_id, MAX_UNKNOWN_TRIES - 1)
        rig.images = Broken("file:///nowhere")

        row = rig.deliver(tables.batches, batch_id)

        assert row.undelivered_reason == "refused"
        assert rig.buttons() == [f"batch {batch_id} again"]


class TestALongAnswer:
    LONG = "\n\n".join(f"Paragraph {number}: " + "words " * 200 for number in range(12))

    def test_goes_on_where_it_was_broken_off(self, rig: Rig) -> None:
        errand = rig.answer(self.LONG)
        rig.sandbox.arm("telegram", path=MESSAGE, skip=1, preset="internal-error")

        rig.deliver(tables.errands, errand.id)

        said = rig.in_chat()
        assert "Paragraph 0:" in said[0]
        assert sum(text.count("Paragraph") for text in said) == 12
        assert rig.calls("editMessageText") == [200]

    def test_keeps_what_was_said_where_the_rest_is_refused(self, rig: Rig) -> None:
        errand = rig.answer(self.LONG)
        rig.tried_before(tables.errands, errand.id, 4)
        rig.sandbox.arm("telegram", path=MESSAGE, preset="bad-request", arguments={"text": "SOMETHING_NEW"})

        row = rig.deliver(tables.errands, errand.id)

        beginning, why = rig.in_chat()
        assert "Paragraph 0:" in beginning
        assert "Telegram refused this" in why
        assert row.undelivered_reason == "refused"


class ForgetfulOfAnswers(ErrandOutbox):
    """The database goes away when an answer is there, and comes back."""

    was_away = False

    def delivered(self, errand_id: int, **values: Any) -> None:
        if not ForgetfulOfAnswers.was_away:
            ForgetfulOfAnswers.was_away = True
            raise StoreAway("away")
        super().delivered(errand_id, **values)


class TestAnAnswerThatAsksForAPicture:
    def drawing(self, **values: Any) -> ErrandResult:
        return {"end": "whole", "drawing": {"idea": "a fox in the snow", "wished": True} | values}

    def jobs(self, rig: Rig) -> list[Row[Any]]:
        with rig.database.reading() as connection:
            return list(connection.execute(select(tables.jobs).order_by(tables.jobs.c.id)))

    def test_has_it_ordered_in_reply_to_the_message_instead_of_words(self, rig: Rig) -> None:
        errand = rig.answer("", result=self.drawing(ratio=[16, 9]))

        rig.deliver(tables.errands, errand.id)

        [job] = self.jobs(rig)
        assert (job.idea, job.user_id) == ("a fox in the snow", rig.person["id"])
        assert job.message_id == rig.request["message_id"]
        assert rig.in_chat() == ["🎨 Queued. Your picture is next."]
        assert rig.buttons() == [f"cancel {job.id}"]

    def test_is_one_order_also_where_its_delivery_is_made_again(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.bot.delivery_rig.ErrandOutbox", ForgetfulOfAnswers)
        errand = rig.answer("A fox? Here it comes.", result=self.drawing(count=2))

        rig.deliver(tables.errands, errand.id)

        assert ForgetfulOfAnswers.was_away
        assert [job.number for job in self.jobs(rig)] == [0, 1]
        assert len(rig.in_chat()) == 2

    def test_asks_first_where_many_are_wanted(self, rig: Rig) -> None:
        errand = rig.answer("", result=self.drawing(count=6))

        rig.deliver(tables.errands, errand.id)

        assert self.jobs(rig) == []
        assert rig.buttons() == [f"drawmany {errand.id} 6", f"drawmany {errand.id} 4"]

    def test_offers_a_button_where_it_only_shows_one(self, rig: Rig) -> None:
        errand = rig.answer("Snow lies on the hills.", result=self.drawing(wished=False))

        rig.deliver(tables.errands, errand.id)

        assert rig.buttons() == [f"draw {errand.id}"]
        assert self.jobs(rig) == []

    def test_has_no_button_where_it_shows_none(self, rig: Rig) -> None:
        rig.deliver(tables.errands, rig.answer("You are welcome.").id)

        assert rig.buttons() == []


class TestAnAnswerThatWasStopped:
    def test_says_so(self, rig: Rig) -> None:
        errand = rig.answer("Once upon a **time**", result={"end": "stopped"})

        rig.deliver(tables.errands, errand.id)

        assert rig.in_chat() == ["Once upon a time\n\n⏹ Stopped."]


class TestWhatCanBeSentInAnotherWay:
    @pytest.mark.parametrize("count", [1, 3])
    def test_goes_to_the_group_when_its_topic_is_gone(self, rig: Rig, count: int) -> None:
        job = rig.picture(count=count)
        rig.sandbox.remove_topic(rig.group, rig.topic)

        delivered(rig, job)

        assert rig.in_chat()[:count] == ["photo"] * count

    @pytest.mark.parametrize("text", ["message to be replied not found", "REPLY_MESSAGE_ID_INVALID"])
    def test_is_no_reply_when_the_request_is_gone(self, rig: Rig, text: str) -> None:
        job = rig.picture()
        rig.sandbox.arm("telegram", path=PICTURES, preset="bad-request", arguments={"text": text})

        delivered(rig, job)

        (photo,) = rig.messages()
        assert "reply_to_message" not in photo

    @pytest.mark.parametrize("text", ["PHOTO_EXT_INVALID", "PHOTO_SOMETHING_NEW", "IMAGE_PROCESS_FAILED"])
    @pytest.mark.parametrize("count", [1, 3])
    def test_is_a_document_where_it_is_no_photo(self, rig: Rig, text: str, count: int) -> None:
        job = rig.picture(count=count)
        rig.sandbox.arm("telegram", path=PICTURES, preset="bad-request", arguments={"text": text})

        delivered(rig, job)

        assert rig.in_chat()[:count] == ["document"] * count

    def test_is_a_document_in_a_batch_too(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=3)
        rig.sandbox.arm("telegram", path=PICTURES, preset="bad-request", arguments={"text": "PHOTO_EXT_INVALID"})

        rig.deliver(tables.batches, batch_id)

        assert rig.in_chat().count("document") == 3

    def test_is_plain_text_where_its_entities_are_refused(self, rig: Rig) -> None:
        errand = rig.answer("A **bold** word")
        rig.sandbox.arm(
            "telegram", path="editMessageText", preset="bad-request", arguments={"text": "ENTITY_BOUNDS_INVALID"}
        )

        rig.deliver(tables.errands, errand.id)

        (message,) = rig.messages()
        assert message["text"] == "A bold word"
        assert "entities" not in message


class TestAServerThatTakesNoLargeRequests:
    """As nginx does, which takes 1 MB unless it is told otherwise."""

    LIMIT = 200_000
    NOISE = a_noise(400)  # 480 kB; its smallest JPEG has 70

    @pytest.fixture(autouse=True)
    def _proxy(self, rig: Rig) -> None:
        rig.sandbox.arm("telegram", times=None, larger_than=self.LIMIT, preset="too-large")

    @pytest.mark.parametrize("count", [1, 2])
    @pytest.mark.parametrize("as_file", [False, True])
    def test_gets_smaller_jpegs(self, rig: Rig, count: int, as_file: bool) -> None:
        job = rig.picture(count=count, picture=self.NOISE, parameters=Parameters(as_file=as_file))

        row = delivered(rig, job)

        assert rig.in_chat()[:count] == ["document" if as_file else "photo"] * count
        assert row.undelivered_reason is None

    def test_gets_them_in_a_batch_too(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=2, picture=self.NOISE)

        row = rig.deliver(tables.batches, batch_id)

        assert rig.in_chat().count("photo") == 2
        assert row.undelivered_reason is None

    def test_gets_more_and_smaller_zips(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=5, delivery_format=DeliveryFormat.ZIP, picture=a_noise(180))  # 97 kB each

        row = rig.deliver(tables.batches, batch_id)

        assert rig.in_chat().count("document") == 3
        assert row.undelivered_reason is None


class TestWhatWasGivenUp:
    def test_is_delivered_when_it_is_asked_for_again(self, rig: Rig) -> None:
        job = rig.picture(count=2)
        rig.sandbox.arm(
            "telegram", path=PICTURES, preset="bad-request", arguments={"text": "CHAT_SEND_PHOTOS_FORBIDDEN"}
        )
        delivered(rig, job)

        assert rig.outbox.send_again(job)
        row = delivered(rig, job)

        assert rig.in_chat()[1:3] == ["photo", "photo"]
        assert row.undelivered_reason is None
        assert not rig.outbox.send_again(job)

    @pytest.mark.parametrize("kind", [ErrandKind.CHAT, ErrandKind.DESCRIBE])
    def test_is_kept_of_answers_too(self, rig: Rig, kind: ErrandKind) -> None:
        errand = rig.answer(kind=kind)
        rig.tried_before(tables.errands, errand.id, MAX_UNKNOWN_TRIES - 1)
        rig.sandbox.arm("telegram", path="/editMessageText$", preset="bad-request", arguments={"text": "SOMETHING_NEW"})
        rig.deliver(tables.errands, errand.id)
        assert rig.in_chat()[0].endswith(say("undelivered_answer_kept", "en"))

        assert ErrandOutbox(rig.database).send_again(errand.id)
        row = rig.deliver(tables.errands, errand.id)

        assert row.undelivered_reason is None
        assert ("Hello" if kind is ErrandKind.CHAT else "a red fox in deep snow") in rig.in_chat()[-1]

    def test_of_a_batch_too(self, rig: Rig) -> None:
        batch_id = rig.batch(pictures=2)
        rig.sandbox.arm(
            "telegram", path=PICTURES, preset="bad-request", arguments={"text": "CHAT_SEND_PHOTOS_FORBIDDEN"}
        )
        rig.deliver(tables.batches, batch_id)
        assert rig.buttons() == [f"batch {batch_id} again"]

        assert rig.batches.send_again(batch_id)
        rig.deliver(tables.batches, batch_id)

        assert rig.in_chat().count("photo") == 2
        assert {button.split()[0] for button in rig.buttons()} == {"pick"}
