"""What people are told about what they can do: hello, help, and the command menus."""

import pytest

from services.bot.help.command_menus import menus_for
from tests.end_to_end.pressing import answer_to


def labels(message):
    return [button["text"] for row in message.get("reply_markup", {}).get("inline_keyboard", []) for button in row]


def names(menu):
    return [command["command"] for command in menu]


def shows(sandbox, message, words):
    """Wait until a message says something else."""
    return sandbox.wait_for_message(
        message["chat"], lambda one: one["message_id"] == message["message_id"] and words in one["text"]
    )


class TestTheStart:
    def test_offers_an_example_that_is_painted_at_a_press(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/start")
        begun = sandbox.wait_for_message(ada)

        query = sandbox.press(ada, begun, "🎨 Try: a fox in the snow")

        assert "a fox in the snow" in sandbox.wait_for_message(ada, lambda one: "photo" in one)["caption"]
        answer_to(sandbox, query)
        assert labels(begun) == ["🎨 Try: a fox in the snow", "🌍 Language", "❓ Help"]

    def test_leads_to_the_language_and_to_the_topics(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/start")
        begun = sandbox.wait_for_message(ada)

        sandbox.press(ada, begun, "❓ Help")
        shows(sandbox, begun, "What would you like to know more about?")
        sandbox.say(ada, "/start")
        again = sandbox.wait_for_message(ada, lambda one: one["message_id"] > begun["message_id"])
        sandbox.press(ada, again, "🌍 Language")

        assert "Deutsch" in labels(shows(sandbox, again, "Language"))

    def test_says_in_a_group_what_is_read_there(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)

        sandbox.say(ada, "/start", chat=group)

        begun = sandbox.wait_for_message(group)
        assert "Mention me or reply to me" in begun["text"]
        assert labels(begun) == ["🎨 Try: a fox in the snow", "❓ Help"]


class TestHelp:
    def test_leads_from_topic_to_topic_in_one_message(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")
        begun = sandbox.wait_for_message(ada)

        sandbox.press(ada, begun, "💬 Chat")
        topic = shows(sandbox, begun, "/new")
        sandbox.press(ada, topic, "‹ Topics")
        again = shows(sandbox, begun, "What would you like to know more about?")

        assert len(begun["text"]) < 400
        assert labels(topic) == ["‹ Topics"]
        assert labels(again) == labels(begun)
        assert len(sandbox.from_bot(ada)) == 1

    def test_has_buttons_that_all_work_and_outlive_a_restart(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")
        begun = sandbox.wait_for_message(ada)

        installation.bot.kill()
        installation.start()

        for label in labels(begun):
            query = sandbox.press(ada, begun, label)
            topic = sandbox.wait_for_message(ada, lambda one: labels(one) == ["‹ Topics"])
            answer_to(sandbox, query)
            sandbox.press(ada, topic, "‹ Topics")
            shows(sandbox, begun, "What would you like to know more about?")

    @pytest.mark.parametrize("words", ["/help batch", "/start help-batch"])
    def test_opens_at_a_topic_by_its_name_or_a_link(self, installation, sandbox, words):
        ada = sandbox.person("Ada")

        sandbox.say(ada, words)

        told = sandbox.wait_for_message(ada)
        assert told["text"].startswith("/batch creates many pictures.")
        assert labels(told) == ["‹ Topics"]

    def test_pressed_twice_does_no_harm(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")
        begun = sandbox.wait_for_message(ada)

        queries = [sandbox.press(ada, begun, "🎨 Pictures") for _ in range(2)]

        shows(sandbox, begun, "Good ideas say")
        for query in queries:
            answer_to(sandbox, query)
        assert len(sandbox.from_bot(ada)) == 1


class TestTheMenus:
    def test_are_those_of_the_kind_of_chat(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)  # Ada's
        sandbox.wait_for(lambda: sandbox.commands(ada, group), what="the last of the menus")

        private, theirs, hers = sandbox.commands(bob), sandbox.commands(bob, group), sandbox.commands(ada, group)

        assert {"imagine", "stop", "keys", "settings"} <= set(names(private))
        assert not {"keys", "settings", "start"} & set(names(theirs))
        assert set(names(hers)) - set(names(theirs)) == {"batch", "settings"}
        assert all(command["description"] for command in (*private, *theirs, *hers))

    def test_that_telegram_shows_already_are_not_set_again(self, installation, sandbox):
        installation.bot.stop()
        sandbox.clear_journal()

        installation.start()

        everything = len(menus_for([]))
        sandbox.wait_for(
            lambda: len(sandbox.journal("telegram", "/getMyCommands$")) == everything, what="a look at all"
        )
        assert sandbox.journal("telegram", "/setMyCommands$") == []

    def test_that_cannot_be_set_keep_nobody_from_talking(self, installation, sandbox):
        installation.bot.stop()
        sandbox.arm("telegram", path="/(get|set)MyCommands$", times=None, preset="internal-error")

        installation.start()
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/help")

        assert sandbox.wait_for_message(ada)
