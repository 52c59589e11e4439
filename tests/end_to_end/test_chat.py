"""Talk with Gemini, from the question to the answer in the chat."""

from io import BytesIO

import PIL.Image
import pytest
from sqlalchemy import select

from shared.store import tables
from tests.end_to_end.installation import wait_until
from tests.end_to_end.pressing import answer_to, says

STREAM = ":streamGenerateContent"
STOP, DRAW = "⏹ Stop", "🎨 Draw this"


def a_photo():
    content = BytesIO()
    PIL.Image.new("RGB", (64, 48), "red").save(content, "JPEG")
    return content.getvalue()


def labels(message):
    return [button["text"] for row in message.get("reply_markup", {}).get("inline_keyboard", []) for button in row]


def answered(installation, sandbox, chat, *, count=1):
    """Wait until so many questions of a chat are answered; returns the last message of the newest answer."""
    found = wait_until(lambda: (ended := delivered(installation, chat)) and len(ended) >= count and ended)
    last = found[count - 1].shown["messages"][-1]
    return next(one for one in sandbox.from_bot(chat) if one["message_id"] == last)


def growing(sandbox, chat):
    """Wait until an answer has begun and not ended; returns its message, or in a private chat the draft."""

    def look():
        messages = [one for one in sandbox.from_bot(chat) if labels(one) == [STOP] and "Thinking" not in one["text"]]
        return next(iter([*messages, *(draft for draft in sandbox.drafts(chat) if draft["text"])]), None)

    return sandbox.wait_for(look, chat=chat, what="the beginning of an answer")


@pytest.fixture
def no_drafts(installation, sandbox):
    """Telegram takes no draft: its server is too old for them, or it won't have this one."""

    def arm(preset):
        arguments = {"text": "drafts are not taken here"} if preset == "bad-request" else {}
        sandbox.arm("telegram", path="/sendMessageDraft$", times=None, preset=preset, arguments=arguments)

    yield arm
    installation.bot.stop()  # It doesn't ask such a server again, and the next tests have a newer one.


def errands(installation, chat):
    asked = select(tables.errands).where(tables.errands.c.chat_id == chat["id"]).order_by(tables.errands.c.id)
    with installation.database.reading() as connection:
        return list(connection.execute(asked))


def delivered(installation, chat):
    """Wait until the record knows that an answer is in the chat: it is told after Telegram."""
    return wait_until(lambda: [one for one in errands(installation, chat) if one.delivered_at])


def break_off(sandbox):
    """Let Gemini's next answer begin, and go on when the gate ``rest`` is opened."""
    sandbox.arm("gemini", path=STREAM, gate="rest", gate_at=6000)


class TestAQuestionInPrivate:
    def test_is_answered_in_one_message(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "Hello, my name is Ada")
        answer = answered(installation, sandbox, ada)
        installation.no_status_left(ada)

        assert "reply_to_message" not in answer
        assert "Ada" in answer["text"]
        assert [one["message_id"] for one in sandbox.from_bot(ada)] == [answer["message_id"]]

    def test_is_remembered_until_the_person_starts_over(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "My name is Ada")
        answered(installation, sandbox, ada)

        sandbox.say(ada, "What's my name?")
        assert answered(installation, sandbox, ada, count=2)["text"] == "Your name is Ada."

        sandbox.say(ada, "/new")
        sandbox.wait_for_message(ada, lambda one: "New conversation" in one["text"])
        sandbox.say(ada, "What's my name?")
        assert "haven't told me" in answered(installation, sandbox, ada, count=3)["text"]

    def test_is_not_answered_again_when_it_is_corrected(self, installation, sandbox):
        ada = sandbox.person("Ada")
        question = sandbox.say(ada, "echo: one")
        answered(installation, sandbox, ada)

        sandbox.edit(question, "echo: two")
        sandbox.say(ada, "echo: three")

        assert answered(installation, sandbox, ada, count=2)["text"] == "three"
        assert len(errands(installation, ada)) == 2

    def test_is_answered_beside_another_persons_without_mixing(self, installation, sandbox):
        people = [sandbox.person(name) for name in ("Ada", "Bob", "Eve")]
        for one in people:
            sandbox.say(one, f"My name is {one['first_name']}")
        for one in people:
            answered(installation, sandbox, one)

        for one in people:
            sandbox.say(one, "What's my name?")

        for one in people:
            assert answered(installation, sandbox, one, count=2)["text"] == f"Your name is {one['first_name']}."

    def test_is_thought_about_until_there_is_a_word(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path=STREAM, gate="stream")

        sandbox.say(ada, "Hello")
        [draft] = sandbox.wait_for(lambda: sandbox.drafts(ada), chat=ada)
        sandbox.open_gate("stream")
        answered(installation, sandbox, ada)

        assert (draft["text"], draft["can_stop"]) == ("", True)
        assert len(sandbox.messages(ada, with_deleted=True)) == 2
        assert sandbox.drafts(ada) == []

    def test_may_bring_a_long_answer_which_grows_in_a_draft_before_it_ends(self, installation, sandbox):
        ada = sandbox.person("Ada")
        break_off(sandbox)

        sandbox.say(ada, "Write a long essay")
        begun = growing(sandbox, ada)
        sandbox.open_gate("rest")
        whole = answered(installation, sandbox, ada)

        told = sandbox.from_bot(ada)
        assert len(told) > 1
        assert whole == told[-1]
        assert told[0]["text"].startswith(begun["text"][:40])
        [errand] = delivered(installation, ada)
        assert sum(len(one["text"]) for one in told) > 4096
        assert errand.shown["messages"] == [one["message_id"] for one in told]
        assert len(sandbox.messages(ada, with_deleted=True)) == 1 + len(told)

    @pytest.mark.parametrize("preset", ["method-not-found", "bad-request"])
    def test_is_answered_in_a_message_where_telegram_takes_no_draft(self, installation, sandbox, no_drafts, preset):
        ada = sandbox.person("Ada")
        no_drafts(preset)
        break_off(sandbox)

        sandbox.say(ada, "Write a long essay")
        begun = growing(sandbox, ada)
        sandbox.open_gate("rest")
        answered(installation, sandbox, ada)

        told = sandbox.from_bot(ada)
        assert told[0]["message_id"] == begun["message_id"]
        [errand] = delivered(installation, ada)
        assert errand.shown["messages"] == [one["message_id"] for one in told]

    def test_that_fails_is_answered_with_the_reason(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path=STREAM, preset="prompt-blocked")

        sandbox.say(ada, "Something that Gemini won't answer")

        failed = sandbox.wait_for_message(ada, lambda one: not labels(one))
        [errand] = [one for one in errands(installation, ada) if one.state == "failed"]
        assert errand.reason == "answer_refused"
        assert "Thinking" not in failed["text"]

    @pytest.mark.parametrize(
        ("kind", "name", "content"),
        [
            ("photo", "fox.png", a_photo()),
            ("document", "notes.txt", b"The password is swordfish."),
        ],
    )
    def test_may_bring_a_file(self, installation, sandbox, kind, name, content):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "What is this?", file_name=name, **{kind: content})
        answered(installation, sandbox, ada)

        [errand] = errands(installation, ada)
        [attachment] = errand.question["attachments"]
        assert errand.state == "finished"
        if kind == "document":
            assert (attachment["name"], installation.picture(attachment["key"])) == (name, content)

    def test_of_an_unknown_command_is_answered_with_a_hint(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/sing")

        assert "/help" in sandbox.wait_for_message(ada)["text"]
        assert errands(installation, ada) == []


class TestAGroup:
    def test_is_answered_when_the_bot_is_mentioned_or_replied_to(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)

        sandbox.say(ada, "@sandbox_bot echo: yes", chat=group)
        first = answered(installation, sandbox, group)
        sandbox.say(bob, "echo: again", chat=group, reply_to_message_id=first["message_id"])

        assert first["text"] == "yes"
        assert "again" in answered(installation, sandbox, group, count=2)["text"]

    def test_sees_an_answer_grow_in_one_message(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        break_off(sandbox)

        sandbox.say(ada, "@sandbox_bot Write a long essay", chat=group)
        begun = growing(sandbox, group)
        sandbox.open_gate("rest")
        answered(installation, sandbox, group)

        told = sandbox.from_bot(group)
        assert told[0]["message_id"] == begun["message_id"]
        [errand] = delivered(installation, group)
        assert errand.shown["messages"] == [one["message_id"] for one in told]

    def test_has_a_conversation_in_each_topic(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada, is_forum=True)
        topics = [sandbox.topic(group, name) for name in ("One", "Two")]
        sandbox.say(ada, "@sandbox_bot My name is Ada", chat=group, message_thread_id=topics[0])
        answered(installation, sandbox, group)

        sandbox.say(ada, "@sandbox_bot What's my name?", chat=group, message_thread_id=topics[1])

        answer = answered(installation, sandbox, group, count=2)
        assert "haven't told me" in answer["text"]
        assert answer["message_thread_id"] == topics[1]


class TestStop:
    @pytest.mark.parametrize("way", ["the draft's button", "/stop"])
    def test_ends_an_answer_in_private_with_what_there_is(self, installation, sandbox, way):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path=STREAM, drip_s=0.5, drip_bytes=300)
        sandbox.say(ada, "Write a long essay")

        begun = growing(sandbox, ada)
        if way == "/stop":
            sandbox.say(ada, "/stop")
        else:
            sandbox.stop_draft(ada, begun)

        stopped = answered(installation, sandbox, ada)
        assert 0 < len(stopped["text"]) < 4096
        assert len(sandbox.from_bot(ada)) == 1

    def test_ends_an_answer_in_a_group_with_what_there_is(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        sandbox.arm("gemini", path=STREAM, drip_s=0.5, drip_bytes=300)
        sandbox.say(ada, "@sandbox_bot Write a long essay", chat=group)

        sandbox.press(ada, growing(sandbox, group), STOP)

        stopped = answered(installation, sandbox, group)
        assert 0 < len(stopped["text"]) < 4096
        assert len(sandbox.from_bot(group)) == 1

    def test_says_so_where_nothing_is_being_written(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/stop")

        assert "/cancel" in sandbox.wait_for_message(ada)["text"]

    def test_is_not_for_others(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        sandbox.arm("gemini", path=STREAM, gate="stream")
        sandbox.say(ada, "@sandbox_bot hello", chat=group)
        begun = sandbox.wait_for_message(group, lambda one: labels(one) == [STOP])

        refused = answer_to(sandbox, sandbox.press(bob, begun, STOP))
        sandbox.open_gate("stream")

        assert says(refused, "Only the person who asked")
        assert answered(installation, sandbox, group)
        assert not any(one.stop_asked for one in errands(installation, group))


class TestDrawThis:
    def test_paints_the_answer_for_the_one_who_pressed(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "describe a fox in the snow")

        sandbox.press(ada, answered(installation, sandbox, ada), DRAW)

        [photo] = sandbox.wait_for_photo(ada)
        assert photo["caption"].startswith("a fox in the snow\n")
        [job] = installation.rows(ada)
        assert job.user_id == ada["id"]


class TestAWishForAPicture:
    def test_is_ordered_once_also_where_the_bot_dies_after_the_answer(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("gemini", path=STREAM, gate="stream")
        wish = sandbox.say(ada, "Desenhe uma raposa na neve")
        sandbox.wait_at_gate("stream")
        sandbox.arm("telegram", path="/sendMessage$", gate="status")
        sandbox.open_gate("stream")
        sandbox.wait_at_gate("status")

        installation.bot.kill()
        sandbox.open_gate("status")
        installation.start()

        [photo] = sandbox.wait_for_photo(ada)
        assert photo["caption"].startswith("uma raposa na neve\n")
        [job] = installation.rows(ada)
        assert job.message_id == wish["message_id"]
        delivered(installation, ada)
        installation.no_status_left(ada)

    def test_of_many_is_asked_about_first(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "draw 6 pictures of a fox")
        question = sandbox.wait_for_message(ada, lambda one: "6" in one.get("text", ""))
        assert installation.rows(ada) == []

        sandbox.press(ada, question, labels(question)[1])

        assert len(installation.wait_for_deliveries(ada, 4)) == 4


class TestAKill:
    def test_in_mid_answer_leaves_the_answer_in_its_message(self, installation, sandbox):
        ada = sandbox.person("Ada")
        group = sandbox.group(ada)
        break_off(sandbox)
        sandbox.say(ada, "@sandbox_bot Write a long essay", chat=group)
        begun = growing(sandbox, group)

        installation.bot.kill()
        sandbox.open_gate("rest")
        installation.start()
        answered(installation, sandbox, group)

        told = sandbox.from_bot(group)
        assert told[0]["message_id"] == begun["message_id"]
        [errand] = delivered(installation, group)
        assert errand.shown["messages"] == [one["message_id"] for one in told]

    def test_while_a_draft_grows_leaves_one_answer(self, installation, sandbox):
        ada = sandbox.person("Ada")
        break_off(sandbox)
        sandbox.say(ada, "Write a long essay")
        growing(sandbox, ada)

        installation.bot.kill()
        sandbox.open_gate("rest")
        installation.start()
        answered(installation, sandbox, ada)

        told = sandbox.from_bot(ada)
        [errand] = delivered(installation, ada)
        assert errand.shown["messages"] == [one["message_id"] for one in told]
        assert len(sandbox.messages(ada, with_deleted=True)) == 1 + len(told)
