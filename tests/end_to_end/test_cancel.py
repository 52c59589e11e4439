"""Cancelling: by button, by command, for oneself alone, and without a picture afterwards."""

import pytest

from shared.jobs import State
from tests.end_to_end.installation import PAINTING, wait_until
from tests.end_to_end.pressing import answer_to, says, warns


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
    sandbox.say(ada, "/imagine a lighthouse")
    [photo] = sandbox.wait_for_photo(ada, count=1)
    assert photo["caption"].startswith("a lighthouse\n")
    assert row.state == State.CANCELLED


class TestCancel:
    def test_the_button_ends_it_and_takes_the_status_message_away(self, installation, sandbox, ada, request_):
        status = sandbox.wait_for_message(ada, lambda one: "✖" in str(one.get("reply_markup")))

        answer = answer_to(sandbox, sandbox.press(ada, status, "✖ Cancel"))

        assert says(answer, "Cancelled.")
        no_picture_comes(installation, sandbox, ada, request_)
        installation.no_status_left(ada)
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
            sandbox.wait_for(
                lambda: [one for one in sandbox.journal("router", "/cancel") if one["done_at"]], what="the withdrawal"
            )
        finally:
            sandbox.call("PUT", "/router/_sandbox", json={"queue_polls": 0})

        assert [(one["method"], one["status"]) for one in sandbox.journal("router", "/cancel")] == [("PUT", 202)]
        no_picture_comes(installation, sandbox, ada, asked)

    def test_nobody_else_may(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.arm("router", path=PAINTING, gate="painter")
        asked = sandbox.say(ada, "/imagine a fox in the snow", chat=group)
        sandbox.wait_at_gate("painter")

        sandbox.say(bob, "/cancel", chat=group, reply_to_message_id=asked["message_id"])
        sandbox.wait_for_message(group, lambda one: "nothing to cancel" in one.get("text", ""))
        sandbox.open_gate("painter")

        assert len(sandbox.wait_for_photo(group, count=1)) == 1

    def test_the_queue_lists_what_one_waits_for(self, installation, sandbox, ada, request_):
        wait_until(lambda: installation.row(request_))
        sandbox.say(ada, "/queue")

        listed = sandbox.wait_for_message(ada, lambda one: "a fox in the snow" in one.get("text", ""))
        sandbox.press(ada, listed, "✖ Cancel")

        no_picture_comes(installation, sandbox, ada, request_)


class TestTheList:
    """Of one's own things in one chat, with buttons for their owner alone."""

    @pytest.fixture
    def busy(self, sandbox, ada):
        """Nothing that is asked for gets painted."""
        sandbox.arm("router", path=PAINTING, times=None, gate="painter")
        yield
        sandbox.open_gate("painter")

    def listed(self, sandbox, chat, words):
        return sandbox.wait_for_message(chat, lambda one: words in one.get("text", ""))

    def labels(self, message):
        return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]

    def test_has_pages(self, installation, sandbox, ada, busy):
        for number in range(1, 11):
            sandbox.say(ada, f"/imagine fox {number}")
        wait_until(lambda: len(installation.rows(ada)) == 10)

        sandbox.say(ada, "/queue")
        first = self.listed(sandbox, ada, "You have 10 requests in progress")
        assert self.labels(first) == [*(f"✖ fox {number}" for number in range(1, 9)), "▶️", "✖ Cancel all 10"]
        sandbox.press(ada, first, "▶️")
        second = self.listed(sandbox, ada, "9. fox 9")

        assert second["message_id"] == first["message_id"]
        assert self.labels(second) == ["✖ fox 9", "✖ fox 10", "◀️", "✖ Cancel all 10"]
        sandbox.press(ada, second, "✖ Cancel all 10")
        self.listed(sandbox, ada, "have nothing in progress")

    def test_shows_what_is_left_after_one_was_cancelled(self, installation, sandbox, ada, busy):
        for idea in ("a fox", "a boat", "a tree"):
            sandbox.say(ada, f"/imagine {idea}")
        wait_until(lambda: len(installation.rows(ada)) == 3)
        sandbox.say(ada, "/queue")

        message = self.listed(sandbox, ada, "2. a boat")
        [first, second] = [sandbox.press(ada, message, "✖ a boat") for _ in range(2)]
        left = self.listed(sandbox, ada, "2. a tree")

        assert "a boat" not in left["text"]
        answers = [answer_to(sandbox, query) for query in (first, second)]
        for words in ("Cancelled.", "You have nothing to cancel here."):
            assert any(says(answer, words) for answer in answers)
        assert [row.state for row in installation.rows(ada)].count(State.CANCELLED) == 1
        sandbox.press(ada, left, "✖ Cancel all 2")
        self.listed(sandbox, ada, "have nothing in progress")

    def test_says_what_the_status_messages_say(self, installation, sandbox, ada, busy):
        """Sent together they are edited one after the other, as Telegram's limit allows; /queue does not wait."""
        asked = [sandbox.say(ada, f"/imagine {idea}") for idea in ("a fox", "a boat", "a tree")]
        sandbox.wait_at_gate("painter", count=3)
        wait_until(lambda: all(installation.row(one).status_message_id for one in asked))

        sandbox.say(ada, "/queue")
        listed = self.listed(sandbox, ada, "3. a tree")["text"].splitlines()
        of_request = {installation.row(one).idea: installation.row(one).status_message_id for one in asked}
        texts = {one["message_id"]: one["text"].splitlines()[0] for one in sandbox.from_bot(ada)}

        for number, idea in enumerate(("a fox", "a boat", "a tree"), 1):
            said = listed[listed.index(f"{number}. {idea}") + 1]
            assert texts[of_request[idea]] == said == "🎨 Creating the picture …"

    def test_cancels_all_of_one_person_with_their_batches_and_nothing_of_others(self, installation, sandbox, ada, busy):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.say(ada, "/batch\na boat --n 3", chat=group)
        summary = sandbox.wait_for_message(group, lambda one: "▶️ Start" in str(one.get("reply_markup")))
        sandbox.press(ada, summary, "▶️ Start")
        wait_until(lambda: len(installation.rows(group)) == 3)
        mine = sandbox.say(ada, "/imagine a fox", chat=group)
        theirs = sandbox.say(bob, "/imagine a tree", chat=group)
        wait_until(lambda: installation.row(mine) and installation.row(theirs))

        sandbox.say(ada, "/queue", chat=group)
        message = self.listed(sandbox, group, "You have 2 requests in progress")
        assert "Batch of 3 pictures" in message["text"]
        assert "a tree" not in message["text"]
        assert warns(answer_to(sandbox, sandbox.press(bob, message, "✖ Cancel all 2")))
        assert {row.state for row in installation.rows(group)} & {State.CANCELLED} == set()
        sandbox.press(ada, message, "✖ Cancel all 2")
        self.listed(sandbox, group, "have nothing in progress")

        sandbox.wait_for_message(group, lambda one: "Batch cancelled" in one.get("text", ""))
        states = {row.idea: row.state for row in installation.rows(group)}
        assert (states["a boat"], states["a fox"]) == (State.CANCELLED, State.CANCELLED)
        assert states["a tree"] not in {State.CANCELLED, State.FAILED}

    def test_a_batch_is_cancelled_in_reply_to_its_message(self, installation, sandbox, ada, busy):
        asked = sandbox.say(ada, "/batch\na boat --n 3")
        summary = sandbox.wait_for_message(ada, lambda one: "▶️ Start" in str(one.get("reply_markup")))
        sandbox.press(ada, summary, "▶️ Start")
        wait_until(lambda: len(installation.rows(ada)) == 3)

        sandbox.say(ada, "/cancel", reply_to_message_id=asked["message_id"])

        sandbox.wait_for_message(ada, lambda one: "Batch cancelled" in one.get("text", ""))
        assert {row.state for row in installation.rows(ada)} == {State.CANCELLED}
