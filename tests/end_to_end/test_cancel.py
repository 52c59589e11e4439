"""Cancelling: by button, by command, for oneself alone, and without a picture afterwards."""

import pytest
from installation import PAINTING, wait_until

from shared.jobs import State


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture
def request_(installation, sandbox, ada):
    """A request whose picture is being painted until the gate opens; its status message is there."""
    sandbox.arm("router", path=PAINTING, gate="painter")
    asked = sandbox.say(ada, "/imagine a fox in the snow")
    sandbox.wait_at_gate("painter")
    return asked


def no_picture_comes(installation, sandbox, ada, request):
    row = installation.delivered(request)
    sandbox.open_gate("painter")
    later = sandbox.say(ada, "/imagine a lighthouse")
    [photo] = sandbox.wait_for_photo(ada, count=1)
    assert photo["reply_to_message"]["message_id"] == later["message_id"]
    assert row.state == State.CANCELLED


class TestCancel:
    def test_the_button_ends_it_and_takes_the_status_message_away(self, installation, sandbox, ada, request_):
        status = sandbox.wait_for_message(ada, lambda one: "✖" in str(one.get("reply_markup")))

        query = sandbox.press(ada, status, "✖ Cancel")
        reply = sandbox.wait_for(lambda: (got := sandbox.callback(query))["answered"] and got, what="an answer")

        assert reply["text"] == "Cancelled."
        no_picture_comes(installation, sandbox, ada, request_)
        assert status["message_id"] not in {one["message_id"] for one in sandbox.from_bot(ada)}

    def test_the_command_in_reply_ends_it(self, installation, sandbox, ada, request_):
        sandbox.say(ada, "/cancel", reply_to_message_id=request_["message_id"])

        sandbox.wait_for_message(ada, lambda one: one.get("text") == "Cancelled.")
        no_picture_comes(installation, sandbox, ada, request_)

    def test_an_order_that_waits_at_its_provider_is_withdrawn(self, installation, sandbox, ada):
        sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 10_000})
        try:
            asked = sandbox.say(ada, "/imagine a fox in the snow --model schnell")
            wait_until(lambda: (row := installation.row(asked)) and row.handle)

            sandbox.say(ada, "/cancel", reply_to_message_id=asked["message_id"])
            sandbox.wait_for(lambda: sandbox.journal("router", "/cancel"), what="the withdrawal")
        finally:
            sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 1})

        assert [(one["method"], one["status"]) for one in sandbox.journal("router", "/cancel")] == [("PUT", 202)]
        no_picture_comes(installation, sandbox, ada, asked)

    def test_nobody_else_may(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.arm("router", path=PAINTING, gate="painter")
        asked = sandbox.say(ada, "/imagine a fox in the snow", chat=group)
        sandbox.wait_at_gate("painter")

        sandbox.say(bob, "/cancel", chat=group, reply_to_message_id=asked["message_id"])
        sandbox.wait_for_message(group, lambda one: "nothing of yours" in one.get("text", ""))
        sandbox.open_gate("painter")

        assert len(sandbox.wait_for_photo(group, count=1)) == 1

    def test_the_queue_lists_what_one_waits_for(self, installation, sandbox, ada, request_):
        wait_until(lambda: installation.row(request_))
        sandbox.say(ada, "/queue")

        listed = sandbox.wait_for_message(ada, lambda one: "a fox in the snow" in one.get("text", ""))
        sandbox.press(ada, listed, "✖ 1")

        no_picture_comes(installation, sandbox, ada, request_)
