"""What happens around a talk: topics, restarts, deleted messages, a bot that is blocked, a quota that is used up."""

import pytest

from tests.end_to_end.installation import calls_about, wait_until
from tests.end_to_end.test_chat import answered, break_off, errands, growing, labels


def closed(installation, chat, *, count=1):
    """Wait until a chat's errands have all been brought home, so many of them; returns them."""

    def look():
        found = errands(installation, chat)
        return found if len(found) == count and all(one.delivered_at for one in found) else None

    return wait_until(look, what="the end of the errands")


def refused(sandbox, chat, status):
    """The bot's calls to a chat that Telegram refused with a status."""
    return [call["path"].rpartition("/")[2] for call in calls_about(sandbox, chat) if call["status"] == status]


class TestMemory:
    def test_is_one_for_each_topic_of_a_private_chat(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/start")
        topics = [sandbox.topic(ada, name) for name in ("One", "Two")]
        sandbox.say(ada, "My name is Ada", message_thread_id=topics[0])
        answered(installation, sandbox, ada)

        sandbox.say(ada, "What's my name?", message_thread_id=topics[1])
        elsewhere = answered(installation, sandbox, ada, count=2)
        sandbox.say(ada, "What's my name?", message_thread_id=topics[0])
        there = answered(installation, sandbox, ada, count=3)
        sandbox.say(ada, "What's my name?")
        outside = answered(installation, sandbox, ada, count=4)

        assert "haven't told me" in elsewhere["text"]
        assert there["text"] == "Your name is Ada."
        assert "haven't told me" in outside["text"]
        assert [one.get("message_thread_id") for one in (elsewhere, there, outside)] == [topics[1], topics[0], None]

    @pytest.mark.parametrize("way", ["stop", "kill"])
    def test_survives_a_restart_of_everything(self, installation, sandbox, way):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        for one in (ada, bob):
            sandbox.say(one, f"My name is {one['first_name']}")
            closed(installation, one)

        for service in installation.services:
            service.kill() if way == "kill" else service.stop()
        installation.start()

        for one in (ada, bob):
            sandbox.say(one, "What's my name?")
        for one in (ada, bob):
            assert answered(installation, sandbox, one, count=2)["text"] == f"Your name is {one['first_name']}."


class TestADeletedQuestion:
    @pytest.mark.parametrize("place", ["private", "group"])
    def test_is_answered_all_the_same(self, installation, sandbox, place):
        ada = sandbox.person("Ada")
        chat = ada if place == "private" else sandbox.group(ada)
        break_off(sandbox)
        question = sandbox.say(ada, "@sandbox_bot Write a long essay", chat=chat)
        growing(sandbox, chat)

        sandbox.delete(question)
        sandbox.open_gate("rest")
        answered(installation, sandbox, chat)

        [errand] = closed(installation, chat)
        told = sandbox.from_bot(chat)
        assert errand.shown["messages"] == [one["message_id"] for one in told]
        if place == "private":
            assert not any("reply_to_message" in one for one in told)


class TestADeletedAnswer:
    def test_is_let_grow_no_more_and_comes_when_it_is_whole(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        break_off(sandbox)
        sandbox.say(ada, "@sandbox_bot Write a long essay", chat=group)
        begun = growing(sandbox, group)

        sandbox.delete(begun)
        sandbox.open_gate("rest")
        answered(installation, sandbox, group)

        [errand] = closed(installation, group)
        told = sandbox.from_bot(group)
        assert begun["message_id"] not in errand.shown["messages"]
        assert errand.shown["messages"] == [one["message_id"] for one in told]
        # Once while it grows at most, and once at the end.
        assert 1 <= refused(sandbox, group, 400).count("editMessageText") <= 2


class TestABotThatIsBlockedInMidAnswer:
    def test_lets_go_of_it_and_answers_everybody_else(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        break_off(sandbox)
        sandbox.say(ada, "Write a long essay")
        growing(sandbox, ada)

        sandbox.block(ada)
        sandbox.say(bob, "echo: hello")
        assert answered(installation, sandbox, bob)["text"] == "hello"
        sandbox.open_gate("rest")

        [errand] = closed(installation, ada)
        assert (errand.state, sandbox.from_bot(ada)) == ("finished", [])
        # One that was on its way, and one before the bot has heard of it.
        assert len(refused(sandbox, ada, 403)) <= 2

        sandbox.unblock(ada)
        sandbox.say(ada, "echo: back again")
        assert answered(installation, sandbox, ada, count=2)["text"] == "back again"

    def test_lets_go_of_a_group_that_throws_it_out(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        break_off(sandbox)
        sandbox.say(ada, "@sandbox_bot Write a long essay", chat=group)
        growing(sandbox, group)

        sandbox.call("PUT", f"/chats/{group['id']}/bot", json={"status": "kicked"})
        sandbox.open_gate("rest")

        [errand] = closed(installation, group)
        assert errand.state == "finished"
        assert len(refused(sandbox, group, 403)) <= 2


class TestAQuotaOfTheDayThatIsUsedUp:
    def test_is_told_with_what_to_do(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", times=None, preset="per-day-quota")

        sandbox.say(ada, "Hello")
        told = sandbox.wait_for_message(ada, lambda one: "quota is used up" in one["text"])

        assert "after midnight Pacific time" in told["text"]
        assert "/keys" in told["text"]
        assert labels(told) == ["🔑 Use my own key"]
        [errand] = closed(installation, ada)
        assert errand.reason == "quota_exhausted"
