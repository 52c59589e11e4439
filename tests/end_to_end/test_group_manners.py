"""Groups as they are: admins who stay anonymous, channels with comments, private topics, and a bot without rights."""

import pytest

from tests.end_to_end.installation import PAINTING, calls_about, is_answer
from tests.end_to_end.pressing import answer_to, delete, says, warns

ADMIN = "administrator"
NEEDING_RIGHTS = "/(deleteMessages|pinChatMessage|banChatMember|promoteChatMember|getChatMember)$"


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture
def bob(sandbox):
    return sandbox.person("Bob")


def painted(installation, sandbox, person, words="/imagine a fox in the snow", **where):
    """Ask for a picture; returns the request, and the photo."""
    request = sandbox.say(person, words, **where)
    installation.delivered(request)
    return request, sandbox.photos(where.get("chat", person))[-1]


def data_of_delete(photo):
    """What the button that deletes a picture says; changed clients send it without having opened the list."""
    again = photo["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    return again.replace("again", "delete") + " now"


class TestABotWithoutRights:
    def test_hears_what_is_meant_for_it_and_paints_it(self, installation, sandbox, ada, bob):
        group = sandbox.group(bob, ada)
        sandbox.say(ada, "a fox in the snow", chat=group)

        request, photo = painted(installation, sandbox, ada, chat=group)
        sandbox.press(ada, photo, "🔁 Again")
        delete(sandbox, bob, photo)
        sandbox.wait_for(lambda: [one["message_id"] for one in sandbox.photos(group)] != [photo["message_id"]])
        installation.wait_for_deliveries(group, 2)

        assert [row.message_id for row in installation.rows(group)] == [request["message_id"], photo["message_id"]]
        assert calls_about(sandbox, group, NEEDING_RIGHTS) == []
        assert {call["status"] for call in calls_about(sandbox, group)} <= {200, None}


class TestDelete:
    def test_is_for_the_groups_admins_too_who_are_asked_for_once(self, installation, sandbox, ada, bob):
        eve = sandbox.person("Eve")
        group = sandbox.group(bob, ada, eve)
        _, first = painted(installation, sandbox, ada, chat=group)
        _, second = painted(installation, sandbox, ada, chat=group)

        refused = answer_to(sandbox, sandbox.press(eve, first, data_of_delete(first)))
        answers = [answer_to(sandbox, delete(sandbox, bob, photo)) for photo in (first, second)]

        assert warns(refused)
        assert all(says(answer, "Deleted.") for answer in answers)
        sandbox.wait_for(lambda: not sandbox.photos(group), chat=group, what="the removal")
        assert len(calls_about(sandbox, group, "/getChatAdministrators$")) == 1

    def test_is_all_that_an_admin_may_do_with_other_peoples_pictures(self, installation, sandbox, ada, bob):
        group = sandbox.group(bob, ada)
        _, photo = painted(installation, sandbox, ada, chat=group)

        answer = answer_to(sandbox, sandbox.press(bob, photo, "✨ Vary"))

        assert warns(answer)
        assert len(installation.rows(group)) == 1


class TestAnAnonymousAdmin:
    def test_gets_a_picture_whose_buttons_work_for_every_admin(self, installation, sandbox, ada, bob):
        eve = sandbox.person("Eve")
        group = sandbox.group(ada, bob, eve)
        sandbox.join(bob, group, status=ADMIN)

        request, photo = painted(installation, sandbox, ada, chat=group, as_chat=group["id"])
        refused = answer_to(sandbox, sandbox.press(eve, photo, "🔁 Again"))
        sandbox.press(bob, photo, "🔁 Again")
        installation.wait_for_deliveries(group, 2)

        assert request["from"]["username"] == "GroupAnonymousBot"
        assert photo["reply_to_message"]["message_id"] == request["message_id"]
        assert warns(refused)
        assert {row.user_id for row in installation.rows(group)} == {group["id"]}

    def test_edits_the_prompt(self, installation, sandbox, ada):
        group = sandbox.group(ada)
        _, photo = painted(installation, sandbox, ada, chat=group, as_chat=group["id"])

        sandbox.press(ada, photo, "✏️ Edit")
        question = sandbox.wait_for_message(group, lambda one: "exactly as you write" in one.get("text", ""))
        answer = {"chat": group, "as_chat": group["id"], "reply_to_message_id": question["message_id"]}
        row = installation.delivered(sandbox.say(ada, "a blue whale", **answer))

        assert row.prompt == "a blue whale"
        [mention] = [one for one in question["entities"] if one["type"] == "text_mention"]
        assert mention["user"]["id"] == ada["id"]

    def test_talks_with_gemini(self, sandbox, ada):
        group = sandbox.group(ada)

        said = sandbox.say(ada, "@sandbox_bot how are you?", chat=group, as_chat=group["id"])
        answer = sandbox.wait_for_message(group, is_answer)

        assert answer["reply_to_message"]["message_id"] == said["message_id"]

    def test_chooses_for_the_group(self, sandbox, ada):
        group = sandbox.group(ada)

        sandbox.say(ada, "/settings", chat=group, as_chat=group["id"])
        menu = sandbox.wait_for_message(group, lambda one: "reply_markup" in one)

        assert not answer_to(sandbox, sandbox.press(ada, menu, "set ratio"))["show_alert"]


class TestAChannelWithComments:
    @pytest.fixture
    def places(self, sandbox, ada, bob):
        channel = sandbox.group(ada, kind="channel", title="Foxes daily")
        group = sandbox.group(ada, bob, title="Foxes daily: comments")
        sandbox.link(channel, group)
        return channel, group

    def test_gets_no_answer_to_its_own_posts(self, installation, sandbox, ada, places):
        channel, group = places

        sandbox.say(ada, "/imagine a cat on a roof", chat=channel)
        painted(installation, sandbox, ada, chat=group)
        installation.no_status_left(group)

        [photo] = sandbox.from_bot(group)
        assert photo["caption"].startswith("a fox in the snow\n")
        assert sandbox.from_bot(channel) == []

    def test_gets_pictures_among_its_comments_where_they_were_asked_for(self, installation, sandbox, ada, bob, places):
        channel, group = places
        sandbox.say(ada, "What shall we paint today?", chat=channel)
        post = sandbox.wait_for(lambda: sandbox.messages(group), what="the post")[-1]

        comment, photo = painted(installation, sandbox, bob, chat=group, reply_to_message_id=post["message_id"])

        assert post["is_automatic_forward"]
        assert photo["reply_to_message"]["message_id"] == comment["message_id"]
        assert photo["message_thread_id"] == comment["message_thread_id"] == post["message_id"]

    def test_may_itself_comment_and_its_admins_have_the_buttons(self, installation, sandbox, ada, bob, places):
        channel, group = places

        request, photo = painted(installation, sandbox, ada, chat=group, as_chat=channel["id"])
        refused = answer_to(sandbox, sandbox.press(bob, photo, "🔁 Again"))
        sandbox.press(ada, photo, "🔁 Again")
        rows = installation.wait_for_deliveries(group, 2)

        assert request["sender_chat"]["id"] == channel["id"]
        assert warns(refused)
        assert {row.user_id for row in rows} == {channel["id"]}


class TestATopicOfAPrivateChat:
    def test_gets_everything_that_was_asked_for_in_it(self, installation, sandbox, ada):
        sandbox.say(ada, "/start")
        topic = sandbox.topic(ada, "Foxes")

        _, photo = painted(installation, sandbox, ada, message_thread_id=topic)
        sandbox.press(ada, photo, "🔁 Again")
        installation.wait_for_deliveries(ada, 2)
        sandbox.press(ada, photo, "✏️ Edit")
        sandbox.wait_for_message(ada, lambda one: "exactly as you write" in one.get("text", ""))
        sandbox.press(ada, photo, "📄 File")
        sandbox.wait_for_message(ada, lambda one: "document" in one)

        written = [one for one in sandbox.messages(ada, with_deleted=True) if one["from"]["is_bot"]]
        asked = next(place for place, one in enumerate(written) if "photo" in one)
        assert {one.get("message_thread_id") for one in written[asked:]} == {topic}


class TestATopicThatIsDeletedMeanwhile:
    @pytest.mark.parametrize("kind", ["private chat", "forum"])
    def test_leaves_its_picture_to_the_chat(self, installation, sandbox, ada, kind):
        sandbox.say(ada, "/start")
        chat = ada if kind == "private chat" else sandbox.group(ada, is_forum=True)
        topic = sandbox.topic(chat, "Foxes")
        sandbox.arm("router", path=PAINTING, gate="painter")
        request = sandbox.say(ada, "/imagine a fox in the snow", chat=chat, message_thread_id=topic)
        sandbox.wait_at_gate("painter")

        sandbox.remove_topic(chat, topic)
        sandbox.open_gate("painter")
        installation.delivered(request)

        [photo] = sandbox.photos(chat)
        assert "message_thread_id" not in photo


class TestAGroupThatBecomesASupergroup:
    def test_keeps_its_choices_its_talk_and_its_pictures(self, installation, sandbox, ada):
        group = sandbox.group(ada, kind="group")
        sandbox.say(ada, "@sandbox_bot I have a dragon called Fuzzy.", chat=group)
        sandbox.wait_for_message(group, is_answer)
        sandbox.arm("router", path=PAINTING, gate="painter", times=None)
        requests = [sandbox.say(ada, f"/imagine fox {number} --seed {number}", chat=group) for number in range(3)]
        sandbox.wait_at_gate("painter", count=3)

        moved = sandbox.migrate(group)
        fresh = [sandbox.say(ada, f"Message {number} of the new chat.", chat=moved) for number in range(3)]
        sandbox.open_gate("painter")
        photos = sandbox.wait_for_photo(moved, count=3)
        installation.wait_for_deliveries(moved, 3)

        assert len(photos) == len(requests)
        assert not any("reply_to_message" in photo for photo in photos)
        assert {one["message_id"] for one in fresh} <= {one["message_id"] for one in sandbox.messages(moved)}
        assert installation.rows(group) == []

        request, photo = painted(installation, sandbox, ada, chat=moved)
        assert photo["reply_to_message"]["message_id"] == request["message_id"]

    def test_before_anybody_was_told_gets_its_picture_all_the_same(self, installation, sandbox, ada):
        """What was said just before the move is answered with a call to the old group."""
        group = sandbox.group(ada, kind="group")
        sandbox.arm("telegram", path="/sendMessage$", gate="promise")
        sandbox.arm("router", path=PAINTING, gate="painter")  # No picture before the group has moved.
        sandbox.say(ada, "/imagine a fox in the snow", chat=group)
        sandbox.wait_at_gate("promise")

        moved = sandbox.migrate(group)
        sandbox.open_gate("promise")
        sandbox.open_gate("painter")
        [photo] = sandbox.wait_for_photo(moved)

        assert photo["caption"].startswith("a fox in the snow\n")
        assert len(sandbox.photos(moved)) == 1
