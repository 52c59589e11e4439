"""Who is meant, and where the answer goes: groups, topics, replies and corrections."""

import pytest


@pytest.fixture
def nosy(sandbox):
    """The bot reads everything that is said in groups."""
    sandbox.call("PATCH", "/bot", json={"can_read_all_group_messages": True})
    yield
    sandbox.call("PATCH", "/bot", json={"can_read_all_group_messages": False})


def edits(sandbox, chat):
    """The updates of a chat with a corrected message, as far as the bot has taken them."""
    return [message for message in sandbox.messages(chat) if message.get("edited")]


class TestACorrectedMessage:
    def test_is_not_painted_again(self, installation, sandbox):
        ada = sandbox.person("Ada")
        request = sandbox.say(ada, "/imagine a fox in the snow")
        installation.delivered(request)

        sandbox.edit(request, "/imagine a fox in the deep snow")
        installation.delivered(sandbox.say(ada, "/imagine a cat on a roof"))

        captions = [photo["caption"].partition("\n")[0] for photo in sandbox.photos(ada)]
        assert captions == ["a fox in the snow", "a cat on a roof"]


class TestAGroup:
    def test_gets_its_photo_in_reply_to_the_one_who_asked(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)

        request = sandbox.say(bob, "/imagine@sandbox_bot a fox in the snow", chat=group)
        row = installation.delivered(request)

        [photo] = sandbox.photos(group)
        assert photo["reply_to_message"]["message_id"] == request["message_id"]
        assert photo["caption"].startswith("a fox in the snow\n")
        assert (row.user_id, row.chat_id, row.private) == (bob["id"], group["id"], False)

    def test_is_left_alone_when_another_bot_is_meant(self, installation, sandbox, nosy):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)

        sandbox.say(ada, "/imagine@other_bot a cat on a roof", chat=group)
        sandbox.say(ada, "/batch@other_bot", chat=group, document=b"a cat on a roof", file_name="ideas.txt")
        sandbox.say(ada, "What a day.", chat=group)
        installation.delivered(sandbox.say(ada, "/imagine a fox in the snow", chat=group))
        installation.no_status_left(group)

        [photo] = sandbox.from_bot(group)
        assert photo["caption"].startswith("a fox in the snow\n")
        assert len(installation.rows(group)) == 1

    def test_gets_the_answer_to_a_request_within_a_thread_of_replies(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)

        said = sandbox.say(bob, "What a day.", chat=group)
        request = sandbox.say(
            ada, "/imagine@sandbox_bot a fox in the snow", chat=group, reply_to_message_id=said["message_id"]
        )
        row = installation.delivered(request)

        [photo] = sandbox.photos(group)
        assert photo["reply_to_message"]["message_id"] == request["message_id"]
        assert row.topic_id is None


class TestAForum:
    def test_gets_everything_in_the_topic_where_it_was_asked_for(self, installation, sandbox):
        ada = sandbox.person("Ada")
        forum = sandbox.group(ada, is_forum=True)
        sandbox.topic(forum, "Cats")
        foxes = sandbox.topic(forum, "Foxes")

        request = sandbox.say(ada, "/imagine a fox in the snow", chat=forum, message_thread_id=foxes)
        installation.delivered(request)
        installation.no_status_left(forum)

        [photo] = sandbox.photos(forum)
        written = [message for message in sandbox.messages(forum, with_deleted=True) if message["from"]["is_bot"]]
        assert photo["reply_to_message"]["message_id"] == request["message_id"]
        assert len(written) == 2
        assert {message["message_thread_id"] for message in written} == {foxes}

    def test_gets_an_answer_in_general_too(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        forum = sandbox.group(ada, bob, is_forum=True)

        said = sandbox.say(bob, "What a day.", chat=forum)
        request = sandbox.say(
            ada, "/imagine@sandbox_bot a fox in the snow", chat=forum, reply_to_message_id=said["message_id"]
        )
        installation.delivered(request)

        [photo] = sandbox.photos(forum)
        assert "message_thread_id" not in photo


class TestAQuestionBack:
    def test_is_answered_by_replying_with_the_idea(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine")
        question = sandbox.wait_for_message(ada, lambda message: "What should I create?" in message["text"])
        answer = sandbox.say(ada, "a fox in the snow", reply_to_message_id=question["message_id"])
        installation.delivered(answer)

        [photo] = sandbox.photos(ada)
        assert photo["caption"].startswith("a fox in the snow\n")

    def test_works_in_a_group_where_the_bot_hears_only_what_is_meant_for_it(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)

        sandbox.say(ada, "/imagine", chat=group)
        question = sandbox.wait_for_message(group)
        answer = sandbox.say(ada, "a fox in the snow", chat=group, reply_to_message_id=question["message_id"])
        installation.delivered(answer)

        assert len(sandbox.photos(group)) == 1
