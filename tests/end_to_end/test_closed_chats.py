"""A bot that is blocked or removed paints for nobody; who comes back gets what was finished."""

import pytest
from sqlalchemy import func, select

from shared.jobs import State
from shared.store import tables
from tests.end_to_end.installation import MODEL, PAINTING, calls_about, wait_until
from tests.end_to_end.pressing import answer_to, says

SETTINGS = {"G2D_IMAGE_MODEL": MODEL, "G2D_USER_IN_FLIGHT": "2", "G2D_LEASE_S": "3"}


def states(installation, chat):
    return [State(row.state) for row in installation.rows(chat)]


def begin(installation, sandbox, person, chat, count):
    """Ask for pictures, of which the first is painted until the gate opens."""
    sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")
    name = "" if chat is person else "@sandbox_bot"
    for number in range(count):
        sandbox.say(person, f"/imagine{name} fox number {number}", chat=chat)
    wait_until(lambda: len(installation.rows(chat)) == count, what="all requests")
    sandbox.wait_at_gate("huggingface", count=1)


def pressed(sandbox, person, message, button):
    return answer_to(sandbox, sandbox.press(person, message, button))


def buttons(message):
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def answers_given_up(installation, chat):
    errands = tables.errands.c
    ended = (errands.undelivered_reason == "chat_gone", errands.delivered_at.is_not(None))
    with installation.database.reading() as connection:
        return connection.scalar(select(func.count()).where(errands.chat_id == chat["id"], *ended))


class TestAPersonWhoBlocksTheBot:
    def test_has_nothing_more_painted(self, installation, sandbox):
        ada = sandbox.person("Ada")
        begin(installation, sandbox, ada, ada, 6)

        sandbox.block(ada)
        wait_until(
            lambda: State.QUEUED not in states(installation, ada) and State.HELD not in states(installation, ada)
        )
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(ada, 6)

        painted = states(installation, ada).count(State.FINISHED)
        assert painted == len(sandbox.journal("router", PAINTING)) <= 2
        assert {row.reason for row in installation.rows(ada) if row.state == State.CANCELLED} == {"chat_gone"}

    def test_is_called_in_no_way_any_more(self, installation, sandbox):
        ada = sandbox.person("Ada")
        begin(installation, sandbox, ada, ada, 1)
        sandbox.wait_for_message(ada, lambda message: "Creating the picture" in message["text"])
        sandbox.block(ada)
        installation.all_handled()
        before = len(calls_about(sandbox, ada))

        sandbox.open_gate("huggingface")
        [row] = installation.wait_for_deliveries(ada, 1)

        assert (row.state, row.undelivered_reason) == (State.FINISHED, "chat_gone")
        assert [call["path"] for call in calls_about(sandbox, ada)][before:] == []

    @pytest.mark.parametrize("has_receipt", [True, False], ids=["ordered", "being ordered"])
    def test_has_what_is_ordered_at_a_provider_withdrawn(self, installation, sandbox, has_receipt):
        ada = sandbox.person("Ada")
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 10_000})
        if not has_receipt:
            sandbox.arm("router", gate="huggingface")
        try:
            sandbox.say(ada, "/imagine a fox in the snow --model schnell")
            if has_receipt:
                wait_until(lambda: any(row.handle for row in installation.rows(ada)), what="an order")
            else:
                sandbox.wait_at_gate("huggingface")

            sandbox.block(ada)
            installation.all_handled()
            sandbox.open_gate("huggingface")
            sandbox.wait_for(lambda: sandbox.journal("router", "/cancel$"), what="the withdrawal")
        finally:
            sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})

        assert states(installation, ada) == [State.CANCELLED]

    def test_is_sent_what_was_finished_when_they_come_back(self, installation, sandbox):
        ada = sandbox.person("Ada")
        begin(installation, sandbox, ada, ada, 1)
        sandbox.block(ada)
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(ada, 1)
        sandbox.clear_faults()

        sandbox.unblock(ada)
        sandbox.say(ada, "/start")
        offer = sandbox.wait_for_message(ada, lambda message: "could not be sent here" in message["text"])
        assert says(pressed(sandbox, ada, offer, "📨 Send it"), "Queued.")

        [photo] = sandbox.wait_for_photo(ada)
        assert photo["caption"].startswith("fox number 0\n")
        sandbox.wait_for(lambda: not any("✖ Cancel" in buttons(one) for one in sandbox.from_bot(ada)), chat=ada)

    def test_is_sent_an_answer_when_they_come_back(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path="streamGenerateContent", gate="gemini")
        sandbox.say(ada, "Hello there")
        sandbox.wait_at_gate("gemini")
        sandbox.block(ada)
        sandbox.open_gate("gemini")
        wait_until(lambda: answers_given_up(installation, ada) == 1)
        sandbox.unblock(ada)

        sandbox.say(ada, "/queue")
        listed = sandbox.wait_for_message(ada, lambda message: "💬 Hello there" in message["text"])
        assert "I was blocked or removed" in listed["text"]
        pressed(sandbox, ada, listed, "📨 Send it")

        sandbox.wait_for_message(ada, lambda message: "Hello!" in message["text"])
        assert answers_given_up(installation, ada) == 0

    def test_is_served_as_before_afterwards(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")
        sandbox.wait_for_message(ada)
        sandbox.block(ada)
        sandbox.unblock(ada)

        sandbox.say(ada, "/imagine a red fox")

        assert len(sandbox.wait_for_photo(ada)) == 1

    def test_is_noticed_by_a_refusal_too(self, installation, sandbox):
        """The update of the block got lost: an edit of the status message is refused."""
        ada = sandbox.person("Ada")
        begin(installation, sandbox, ada, ada, 6)
        sandbox.arm("telegram", path="/(edit|send)", body=str(ada["id"]), times=None, preset="forbidden")

        wait_until(
            lambda: State.QUEUED not in states(installation, ada) and State.HELD not in states(installation, ada)
        )

        assert State.CANCELLED in states(installation, ada)


class TestAGroupThatRemovesTheBot:
    @pytest.mark.parametrize("status", ["kicked", "left"])
    def test_shows_no_status_message_when_the_bot_is_back(self, installation, sandbox, status):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        begin(installation, sandbox, ada, group, 1)
        sandbox.wait_for_message(group, lambda message: "✖ Cancel" in buttons(message))

        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": status})
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(group, 1)
        assert sandbox.photos(group) == []
        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": "member"})

        sandbox.wait_for(lambda: sandbox.from_bot(group) == [], chat=group)

    def test_is_sent_what_was_finished_by_the_queue(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        begin(installation, sandbox, ada, group, 1)
        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": "kicked"})
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(group, 1)
        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": "member"})

        sandbox.say(ada, "/queue@sandbox_bot", chat=group)
        listed = sandbox.wait_for_message(group, lambda message: "fox number 0" in message["text"])
        assert "I was blocked or removed" in listed["text"]
        pressed(sandbox, ada, listed, "📨 Send it")

        assert len(sandbox.wait_for_photo(group)) == 1

    def test_paints_no_more_for_any_of_its_people(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        begin(installation, sandbox, ada, group, 4)
        for number in range(4):
            sandbox.say(bob, f"/imagine@sandbox_bot boat number {number}", chat=group)
        wait_until(lambda: len(installation.rows(group)) == 8)

        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": "kicked"})
        wait_until(lambda: not {State.QUEUED, State.HELD} & set(states(installation, group)))
        sandbox.open_gate("huggingface")
        installation.wait_for_deliveries(group, 8)

        assert states(installation, group).count(State.FINISHED) == len(sandbox.journal("router", PAINTING)) <= 4


class TestTheQueue:
    def test_lists_what_is_being_sent_and_the_status_message_agrees(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendPhoto$", times=None, status=502, reply="<html>Bad Gateway</html>")
        sandbox.say(ada, "/imagine a red fox")
        retrying = "Telegram isn't accepting it right now"
        status = sandbox.wait_for_message(ada, lambda message: retrying in message["text"], timeout_s=30)
        assert buttons(status) == []
        tries = len(calls_about(sandbox, ada, "/sendPhoto$"))
        # Before each try the message is asked whether it is there; it says the same afterwards.
        sandbox.wait_for(lambda: len(calls_about(sandbox, ada, "/sendPhoto$")) > tries, timeout_s=30, what="a try")
        assert [retrying in one["text"] for one in sandbox.from_bot(ada)] == [True]

        sandbox.say(ada, "/queue")
        listed = sandbox.wait_for_message(ada, lambda message: "red fox" in message["text"])
        assert retrying in listed["text"]
        assert buttons(listed) == []

        sandbox.clear_faults()
        sandbox.wait_for(lambda: [1 for one in sandbox.from_bot(ada) if "photo" in one], chat=ada, timeout_s=40)

    def test_lists_what_is_given_up_with_its_reason(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        sandbox.arm(
            "telegram",
            path="/send(Photo|Document)$",
            times=None,
            preset="bad-request",
            arguments={"text": "CHAT_SEND_PHOTOS_FORBIDDEN"},
        )
        installation.delivered(sandbox.say(ada, "/imagine@sandbox_bot a red fox", chat=group))
        sandbox.clear_faults()

        sandbox.say(ada, "/queue@sandbox_bot", chat=group)
        listed = sandbox.wait_for_message(group, lambda message: "red fox" in message["text"])
        assert "I'm not allowed to send photos here" in listed["text"]
        pressed(sandbox, ada, listed, "📨 Send it")

        assert len(sandbox.wait_for_photo(group)) == 1
