"""What a message replies to, here or in another chat, joins the idea and the question."""

from io import BytesIO

import PIL.Image
import pytest

from tests.end_to_end.installation import is_answer
from tests.end_to_end.test_chat import answered as answered_in_the_record


def a_picture(colour="orange", form="JPEG"):
    content = BytesIO()
    PIL.Image.new("RGB", (320, 240), colour).save(content, form)
    return content.getvalue()


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture
def group(sandbox, ada):
    return sandbox.group(ada, sandbox.person("Bob"))


def painted(installation, sandbox, person, text, **where):
    """The row of what a message asked for, once its picture has come."""
    return installation.delivered(sandbox.say(person, text, **where))


def answered(sandbox, person, text, chat=None, **where):
    """Ask something; returns the question as Gemini got it, when it was answered."""
    chat = chat or person
    before = len(sandbox.journal("gemini", "streamGenerateContent"))
    said = sandbox.say(person, text, chat=chat, **where)
    sandbox.wait_for_message(
        chat,
        lambda one: (
            is_answer(one) and "Gemini doesn't see" not in one["text"] and one["message_id"] > said["message_id"]
        ),
    )
    [asked] = sandbox.journal("gemini", "streamGenerateContent")[before:]
    return asked["body"]["contents"][-1]["parts"]


def files_in(parts):
    return [part["inlineData"]["mime_type"] for part in parts if "inlineData" in part]


def words_in(parts):
    return "\n".join(part.get("text", "") for part in parts)


class TestAnIdeaInReplyToWords:
    def test_says_how_they_are_to_be_painted(self, installation, sandbox, ada, group):
        said = sandbox.say(ada, "a lighthouse in a storm, oil painting", chat=group)

        row = painted(
            installation, sandbox, ada, "/imagine as a watercolour", chat=group, reply_to_message_id=said["message_id"]
        )

        assert (row.idea, row.subject) == ("as a watercolour", "a lighthouse in a storm, oil painting")
        assert row.prompt.startswith("a lighthouse in a storm, oil painting, as a watercolour, ")

    def test_is_these_words_where_it_has_none(self, installation, sandbox, ada, group):
        said = sandbox.say(ada, "a lighthouse in a storm", chat=group)

        row = painted(installation, sandbox, ada, "/imagine", chat=group, reply_to_message_id=said["message_id"])

        assert (row.idea, row.subject) == ("a lighthouse in a storm", None)

    def test_is_kept_in_own_words(self, installation, sandbox, ada):
        said = sandbox.say(ada, "a lighthouse in a storm")

        row = painted(installation, sandbox, ada, "/imagine at night --raw", reply_to_message_id=said["message_id"])

        assert row.prompt == "a lighthouse in a storm, at night"

    def test_may_speak_of_a_part_that_was_quoted(self, installation, sandbox, ada):
        said = sandbox.say(ada, "Paint me a lighthouse, please")

        row = painted(
            installation,
            sandbox,
            ada,
            "/imagine at night",
            reply_to_message_id=said["message_id"],
            quote="a lighthouse",
        )

        assert row.subject == "a lighthouse"

    def test_may_speak_of_gemini_s_answer_and_of_nothing_else_that_the_bot_said(self, installation, sandbox, ada):
        sandbox.say(ada, "tell me about castles")
        answer = answered_in_the_record(installation, sandbox, ada)
        sandbox.say(ada, "/help")
        help_text = sandbox.wait_for_message(ada, lambda one: "chat with Gemini" in one.get("text", ""))

        of_answer, of_help = (
            painted(installation, sandbox, ada, "/imagine this in winter", reply_to_message_id=one["message_id"])
            for one in (answer, help_text)
        )

        assert "castles" in answer["text"]
        assert of_answer.subject == " ".join(answer["text"].split())
        assert (of_help.idea, of_help.subject) == ("this in winter", None)

    def test_speaks_of_words_in_another_chat(self, installation, sandbox, ada, group):
        said = sandbox.say(ada, "a lighthouse in a storm", chat=group)
        there = {"reply_to_message_id": said["message_id"], "reply_to_chat": group["id"]}

        assert painted(installation, sandbox, ada, "/imagine at night", **there).subject == "a lighthouse in a storm"

    def test_does_not_take_the_post_for_its_subject_on_which_it_comments(self, installation, sandbox, ada):
        channel = sandbox.group(ada, kind="channel", title="Foxes daily")
        comments = sandbox.group(ada, title="Foxes daily: comments")
        sandbox.link(channel, comments)
        sandbox.say(ada, "What shall we paint today?", chat=channel)
        post = sandbox.wait_for(lambda: sandbox.messages(comments), what="the post")[-1]

        row = painted(
            installation, sandbox, ada, "/imagine a fox", chat=comments, reply_to_message_id=post["message_id"]
        )

        assert (row.idea, row.subject) == ("a fox", None)


class TestAnIdeaInReplyToAPicture:
    @pytest.mark.parametrize("kind", ["photo", "document", "sticker"])
    @pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "in another chat"])
    def test_has_it_looked_at(self, installation, sandbox, ada, group, kind, is_elsewhere):
        picture = a_picture("red", "WEBP" if kind == "sticker" else "JPEG")
        theirs = sandbox.say(ada, chat=group, file_name="red.jpg", **{kind: picture})
        where = {"reply_to_chat": group["id"]} if is_elsewhere else {"chat": group}

        row = painted(
            installation, sandbox, ada, "/imagine at night", reply_to_message_id=theirs["message_id"], **where
        )

        assert row.prompt.startswith("a red picture, at night, ")

    @pytest.mark.parametrize(
        "sent",
        [{"sticker": b"moves", "moves": "animated"}, {"sticker": b"moves", "moves": "video"}, {"video": b"film"}],
    )
    def test_that_can_not_be_seen_says_so(self, installation, sandbox, ada, group, sent):
        theirs = sandbox.say(ada, chat=group, **sent)
        to = {"chat": group, "reply_to_message_id": theirs["message_id"]}

        row = painted(installation, sandbox, ada, "/imagine in the snow", **to)
        hint = sandbox.wait_for_message(group, lambda one: "I can only use pictures and text" in one.get("text", ""))
        bare = sandbox.say(ada, "/imagine", **to)
        refusal = sandbox.wait_for_message(group, lambda one: "I can't see what you replied to" in one.get("text", ""))

        assert row.idea == "in the snow"
        assert hint["reply_to_message"]["message_id"] == row.message_id
        assert refusal["reply_to_message"]["message_id"] == bare["message_id"]
        assert len(installation.rows(group)) == 1


class TestAQuestionInReply:
    @pytest.mark.parametrize("kind", ["photo", "sticker"])
    @pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "in another chat"])
    def test_to_a_picture_shows_it_to_gemini(self, sandbox, ada, group, kind, is_elsewhere):
        theirs = sandbox.say(ada, chat=group, **{kind: a_picture(form="WEBP" if kind == "sticker" else "JPEG")})
        where = {"reply_to_chat": group["id"]} if is_elsewhere else {"chat": group}

        parts = answered(sandbox, ada, "@sandbox_bot what is this?", reply_to_message_id=theirs["message_id"], **where)

        assert files_in(parts) == ["image/webp" if kind == "sticker" else "image/jpeg"]

    def test_to_a_file_hands_its_text_to_gemini(self, sandbox, ada, group):
        theirs = sandbox.say(ada, chat=group, document=b"The secret word is pelican.", file_name="notes.txt")

        parts = answered(
            sandbox, ada, "@sandbox_bot summarise this file", group, reply_to_message_id=theirs["message_id"]
        )

        assert '<file name="notes.txt">\nThe secret word is pelican.\n</file>' in words_in(parts)

    def test_with_a_file_of_its_own_brings_both(self, sandbox, ada):
        first = sandbox.say(ada, "Look!", photo=a_picture("red"))
        sandbox.wait_for_message(ada, lambda one: "I see" in one.get("text", ""))
        sandbox.say(ada, "/new")
        sandbox.wait_for_message(ada, lambda one: "New conversation" in one.get("text", ""))

        parts = answered(
            sandbox, ada, "Which is redder?", reply_to_message_id=first["message_id"], photo=a_picture("blue")
        )

        assert len(files_in(parts)) == 2
        assert "<in_reply_to>\nLook!\n</in_reply_to>" in words_in(parts)

    def test_to_what_can_not_be_seen_is_answered_and_that_is_said(self, sandbox, ada, group):
        theirs = sandbox.say(ada, chat=group, video=b"film")

        answered(sandbox, ada, "@sandbox_bot what is this?", group, reply_to_message_id=theirs["message_id"])

        sandbox.wait_for_message(group, lambda one: "Gemini doesn't see" in one.get("text", ""))

    def test_to_a_file_that_is_gone_is_not_asked(self, sandbox, ada, group):
        theirs = sandbox.say(ada, chat=group, photo=a_picture())
        reply = {"ok": False, "error_code": 400, "description": "Bad Request: wrong file_id"}
        sandbox.arm("telegram", path="/getFile$", status=400, reply=reply)

        sandbox.say(ada, "@sandbox_bot what is this?", chat=group, reply_to_message_id=theirs["message_id"])

        sandbox.wait_for_message(group, lambda one: "no longer has this file" in one.get("text", ""))
        assert sandbox.journal("gemini", "streamGenerateContent") == []


class TestDescribeInReply:
    @pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "in another chat"])
    def test_to_a_sticker_looks_at_it(self, sandbox, ada, group, is_elsewhere):
        theirs = sandbox.say(ada, chat=group, sticker=a_picture("red", "WEBP"))
        chat = ada if is_elsewhere else group

        sandbox.say(ada, "/describe", chat=chat, reply_to_message_id=theirs["message_id"], reply_to_chat=group["id"])

        sandbox.wait_for_message(chat, lambda one: "red picture" in one.get("text", ""))


class TestABatchInReply:
    def test_to_lines_takes_these_with_the_parameters_that_were_typed(self, sandbox, ada, group):
        lines = sandbox.say(ada, "a red boat\na blue boat", chat=group)

        sandbox.say(ada, "/batch --ar 16:9", chat=group, reply_to_message_id=lines["message_id"])

        sandbox.wait_for_message(group, lambda one: "2 pictures" in one.get("text", ""))
