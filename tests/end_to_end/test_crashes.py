"""kill -9 at the worst moments: every idea still becomes a photo, and only one."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from shared.jobs import State
from shared.store import tables
from tests.end_to_end.installation import PAINTING, calls_about, wait_until

JOBS = 20


def asked(sandbox, person, count):
    """So many different ideas, one message each; returns the messages' ids."""
    return [sandbox.say(person, f"/imagine a fox, number {number}")["message_id"] for number in range(count)]


def answered(installation, sandbox, person):
    """To which messages a person's photos are the answers, in order."""
    photos = {photo["message_id"] for photo in sandbox.photos(person)}
    found = [row.message_id for row in installation.rows(person) if row.delivered_message_id in photos]
    assert len(found) == len(photos)
    return sorted(found)


class TestAWorkerThatIsKilled:
    def test_in_the_middle_of_twenty_jobs_loses_and_doubles_none(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, skip=5, times=None, gate="huggingface")

        requests = asked(sandbox, ada, JOBS)
        sandbox.wait_at_gate("huggingface", count=JOBS - 5)
        installation.wait_for_deliveries(ada, 5)
        installation.worker.kill()
        sandbox.open_gate("huggingface")
        installation.start()
        installation.wait_for_deliveries(ada, JOBS)

        assert answered(installation, sandbox, ada) == requests
        assert len(calls_about(sandbox, ada, "/sendPhoto$")) == JOBS

    def test_pays_for_no_prompt_again_that_was_written_down(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("huggingface")
        installation.worker.kill()
        sandbox.open_gate("huggingface")
        installation.start()
        installation.delivered(request)

        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_asks_a_provider_for_what_it_had_ordered_and_orders_nothing_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 1})
        sandbox.arm("router", path="/status$", gate="look", drop="before")
        try:
            request = sandbox.say(ada, "/imagine a fox in the snow --model FLUX.1-dev")
            sandbox.wait_at_gate("look")
            installation.worker.kill()
            sandbox.clear_faults()
            installation.start()
            installation.delivered(request)
        finally:
            sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})

        orders = [one for one in sandbox.journal("router", "/fal-ai/") if one["method"] == "POST"]
        assert len(orders) == 1
        assert len(sandbox.photos(ada)) == 1

    def test_pays_for_no_picture_again_that_was_kept(self, installation, sandbox):
        """As if it had died between keeping the picture and recording it."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", gate="telegram", drop="before")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("telegram")
        installation.kill()
        forget_the_end_of(installation, request)
        sandbox.clear_faults()
        installation.start()
        installation.delivered(request)

        assert len(sandbox.journal("router", PAINTING)) == 1
        assert len(sandbox.photos(ada)) == 1


class TestAWorkerThatStoodStill:
    def test_does_not_take_itself_for_dead_and_pay_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path="generateContent", gate="gemini")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        sandbox.wait_at_gate("gemini")
        installation.worker.freeze()
        wait_until(lambda: installation.row(request).lease_until < datetime.now(UTC), what="the lease's end")
        sandbox.open_gate("gemini")
        installation.worker.thaw()
        job = installation.delivered(request)

        assert (job.claims, job.losses) == (1, 0)
        assert len(sandbox.journal("gemini", "generateContent")) == 1


def forget_the_end_of(installation, request):
    """Put a job's row back to what it was before its picture was recorded."""
    job_id = installation.row(request).id
    with installation.database.writing() as connection:
        connection.execute(
            update(tables.jobs)
            .where(tables.jobs.c.id == job_id)
            .values(
                state=State.QUEUED, stage="painting", recipe=None, image_key=None, ended_at=None, sending_since=None
            )
        )


class TestABotThatIsKilled:
    def test_answers_what_it_had_read_and_not_handled(self, installation, sandbox):
        people = [sandbox.person(f"Person {number}") for number in range(10)]
        sandbox.arm("telegram", path="/sendMessage$", times=None, gate="telegram", drop="before")
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")

        for number, person in enumerate(people):
            sandbox.say(person, "/help" if number % 2 else "/imagine a fox in the snow")
        sandbox.wait_at_gate("telegram", count=len(people))
        installation.bot.kill()
        sandbox.clear_faults()
        installation.start()

        for person in people[::2]:
            installation.wait_for_deliveries(person, 1)
            assert len(sandbox.photos(person)) == 1
        for person in people[1::2]:
            sandbox.wait_for_message(person, lambda message: "would you like to know" in message["text"])

    def test_leaves_no_status_message_behind(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.announced(request)
        installation.bot.kill()
        sandbox.open_gate("huggingface")
        installation.start()
        installation.delivered(request)
        installation.no_status_left(ada)

        assert ["photo" in message for message in sandbox.from_bot(ada)] == [True]

    def test_hears_afterwards_what_was_said_meanwhile(self, installation, sandbox):
        ada = sandbox.person("Ada")

        installation.bot.kill()
        requests = asked(sandbox, ada, 5)
        installation.start()
        installation.wait_for_deliveries(ada, 5)

        assert answered(installation, sandbox, ada) == requests

    def test_does_not_send_again_what_it_had_sent_when_it_died(self, installation, sandbox):
        """The status message goes after the photo: where it is gone, the photo is there."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/deleteMessage$", body=str(ada["id"]), gate="telegram")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.announced(request)
        sandbox.open_gate("huggingface")
        sandbox.wait_at_gate("telegram")
        installation.bot.kill()
        sandbox.open_gate("telegram")
        sandbox.wait_for(lambda: all("photo" in message for message in sandbox.from_bot(ada)))
        installation.start()
        row = installation.delivered(request)

        assert len(sandbox.photos(ada)) == 1
        assert len(calls_about(sandbox, ada, "/sendPhoto$")) == 1
        assert row.state == State.FINISHED

    def test_rather_sends_a_photo_twice_than_never(self, installation, sandbox):
        """It died so early after the photo that nothing tells whether the photo went out."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/deleteMessage$", body=str(ada["id"]), gate="telegram", drop="before")
        sandbox.arm("router", path=PAINTING, gate="huggingface")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.announced(request)  # A picture that overtakes its status message is known to be there at once.
        sandbox.open_gate("huggingface")
        sandbox.wait_at_gate("telegram")
        installation.bot.kill()
        sandbox.clear_faults()
        installation.start()
        installation.delivered(request)
        installation.no_status_left(ada)

        assert len(sandbox.photos(ada)) == 2
        assert all("photo" in message for message in sandbox.from_bot(ada))


class TestUpdates:
    def test_that_get_lost_on_their_way_come_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/getUpdates$", times=3, drop="after")

        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.delivered(request)

        assert len(sandbox.photos(ada)) == 1

    @pytest.mark.parametrize(
        "content",
        [
            {"message": {"message_id": "one", "date": "yesterday"}},
            {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "from": {"id": "x"}}},
            {"message": 17},
            {"callback_query": {}},
        ],
        ids=["wrong types", "a sender without a name", "no object", "an empty object"],
    )
    def test_that_nobody_can_read_stop_nothing(self, installation, sandbox, content):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        reply = {"ok": True, "result": [{"update_id": 1} | content]}
        sandbox.arm("telegram", path="/getUpdates$", reply=reply)

        # The poll under way ends with Bob's message, and the next one meets what can't be read.
        sandbox.say(bob, "/help")
        sandbox.wait_for_message(bob)
        sandbox.wait_for(lambda: sandbox.faults()[0]["hits"])
        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.delivered(request)

        assert len(sandbox.photos(ada)) == 1

    def test_that_come_twice_make_one_picture(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.delivered(request)
        update_id = update_of(installation, request)
        # Telegram starts counting anew after a week without updates, so the number alone proves nothing.
        again, renumbered = ({"update_id": number, "message": request} for number in (update_id, update_id - 1_000_000))
        sandbox.arm("telegram", path="/getUpdates$", reply={"ok": True, "result": [renumbered, again]})

        sandbox.say(bob, "/help")
        wait_until(lambda: is_handled(installation, renumbered["update_id"]), what="the renumbered update")
        installation.delivered(sandbox.say(bob, "/imagine a fox in the snow"))

        assert len(installation.rows(ada)) == 1
        assert len(sandbox.photos(ada)) == 1


def update_of(installation, message):
    """The number of the update that brought a message."""
    with installation.database.reading() as connection:
        rows = connection.execute(select(tables.updates.c.update_id, tables.updates.c.body))
        return next(row.update_id for row in rows if json.loads(row.body).get("message") == message)


def is_handled(installation, update_id):
    with installation.database.reading() as connection:
        found = select(tables.updates.c.handled_at).where(tables.updates.c.update_id == update_id)
        return connection.scalar(found) is not None


class TestAnEndInPeace:
    def test_lets_jobs_under_way_end_and_loses_none(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")

        requests = asked(sandbox, ada, 5)
        sandbox.wait_at_gate("huggingface", count=5)
        for service in installation.services:
            service.ask_to_stop()
        sandbox.open_gate("huggingface")
        statuses = [service.wait() for service in installation.services]
        paid = len(sandbox.journal("router", PAINTING))
        installation.start()
        installation.wait_for_deliveries(ada, 5)

        assert statuses == [0] * len(installation.services)
        assert answered(installation, sandbox, ada) == requests
        assert len(sandbox.journal("router", PAINTING)) == paid == 5
