"""Replies to pictures: another picture, in which the new words are different and the rest is as it was."""

import pytest
from sqlalchemy import update

from shared.store import tables


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def painted(installation, sandbox, person, text, **where):
    """Wait until what a message asked for has come; returns its row, and the newest photo in that chat."""
    row = installation.delivered(sandbox.say(person, text, **where))
    return row, sandbox.photos(where.get("chat", person))[-1]


def forget(installation, row):
    with installation.database.writing() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.id == row.id).values(delivered_message_id=None))


def earlier_in(question):
    return question["body"]["contents"][0]["parts"][0]["text"].partition("<earlier>")[2].partition("</earlier>")[0]


class TestAReplyToAPicture:
    def test_paints_it_again_with_the_new_words(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")

        row, follow_up = painted(installation, sandbox, ada, "make it night", reply_to_message_id=photo["message_id"])

        assert (row.parent_id, row.origin) == (parent.id, f"follow {row.message_id}")
        assert row.prompt.startswith("a fox in the snow, make it night, ")
        assert follow_up["caption"].startswith("a fox in the snow → make it night\n")
        assert earlier_in(sandbox.journal("gemini", "generateContent")[-1]).split("\n")[1:3] == [
            "Idea: a fox in the snow",
            f"Prompt: {parent.prompt}",
        ]

    def test_to_a_follow_up_knows_what_both_said(self, installation, sandbox, ada):
        _, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        _, photo = painted(installation, sandbox, ada, "make it night", reply_to_message_id=photo["message_id"])

        row, _ = painted(installation, sandbox, ada, "add an owl", reply_to_message_id=photo["message_id"])

        assert row.prompt.startswith("a fox in the snow, make it night, add an owl, ")

    def test_keeps_what_the_picture_was_asked_with_but_seed_and_number(self, installation, sandbox, ada):
        asked = "/imagine a fox --model qwen --style noir --ar 3:2 --no people --seed 7"
        parent, photo = painted(installation, sandbox, ada, asked)

        row, _ = painted(installation, sandbox, ada, "at night", reply_to_message_id=photo["message_id"])

        kept = ("model", "style", "ratio", "negative")
        assert {name: row.parameters[name] for name in kept} == {name: parent.parameters[name] for name in kept}
        assert (row.parameters["seed"], row.pictures) == (None, 1)

    def test_with_a_command_fixes_anything_anew(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox --style noir --ar 3:2 --no people")

        asked = "/imagine at night --ar 1:1 --no text --n 2"
        row, _ = painted(installation, sandbox, ada, asked, reply_to_message_id=photo["message_id"])

        assert (row.parent_id, row.idea, row.pictures) == (parent.id, "at night", 2)
        assert (row.parameters["style"], row.parameters["ratio"]) == ("noir", [1, 1])
        assert row.parameters["negative"] == "text"
        assert row.prompt.startswith("a fox, at night, ")

    def test_of_own_words_is_written_by_gemini(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox on a roof --raw")

        row, _ = painted(installation, sandbox, ada, "in the rain", reply_to_message_id=photo["message_id"])

        assert (parent.chat_model, row.parameters["raw"]) == (None, False)
        assert row.chat_model is not None
        assert row.prompt.startswith("a fox on a roof, in the rain, ")

    def test_that_wants_no_gemini_has_its_words_after_the_prompt(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")

        row, _ = painted(installation, sandbox, ada, "/imagine at night --raw", reply_to_message_id=photo["message_id"])

        assert row.prompt == f"{parent.prompt}, at night"
        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_of_an_album_is_about_that_one(self, installation, sandbox, ada):
        installation.delivered(sandbox.say(ada, "/imagine a red boat --n 3"))
        second = sandbox.photos(ada)[1]

        row, _ = painted(installation, sandbox, ada, "make it blue", reply_to_message_id=second["message_id"])

        siblings = installation.rows(ada)[:3]
        assert row.parent_id == siblings[1].id
        assert row.prompt.startswith("a red boat, make it blue, ")

    def test_to_its_original_is_one_to_the_picture(self, installation, sandbox, ada):
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        sandbox.press(ada, photo, "📄 File")
        document = sandbox.wait_for_message(ada, lambda message: "document" in message)

        row, _ = painted(installation, sandbox, ada, "make it night", reply_to_message_id=document["message_id"])

        assert row.parent_id == parent.id

    @pytest.mark.parametrize("order", ["@sandbox_bot make it night", "/imagine make it night"])
    def test_in_a_group_is_anybodys_who_names_the_bot(self, installation, sandbox, ada, order):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        parent, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow", chat=group)

        said = {"chat": group, "reply_to_message_id": photo["message_id"]}
        row, follow_up = painted(installation, sandbox, bob, order, **said)

        assert (row.user_id, row.parent_id) == (bob["id"], parent.id)
        assert follow_up["caption"].startswith("a fox in the snow → make it night\n")

    def test_in_a_group_is_talk_among_people_otherwise(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        _, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow", chat=group)
        said = {"chat": group, "reply_to_message_id": photo["message_id"]}
        installation.no_status_left(group)
        before = len(sandbox.from_bot(group))

        for words in ("😂😂😂", "thanks!", "lol who made this?", "@Bob look", "👍", "?", "make it night"):
            sandbox.say(bob, words, **said)
        painted(installation, sandbox, bob, "/imagine a whale", chat=group)
        installation.no_status_left(group)

        assert len(installation.rows(group)) == 2
        assert len(sandbox.from_bot(group)) == before + 1

    def test_that_the_record_does_not_know_is_talk(self, installation, sandbox, ada):
        row, photo = painted(installation, sandbox, ada, "/imagine a fox in the snow")
        forget(installation, row)

        sandbox.say(ada, "make it night", reply_to_message_id=photo["message_id"])
        sandbox.wait_for_message(ada, lambda one: "I see" in one.get("text", ""))

        assert [one.id for one in installation.rows(ada)] == [row.id]
