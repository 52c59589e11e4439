"""Many ideas at a time: from a message or a file to albums, a ZIP, and a progress message that is true."""

import csv
import io
import zipfile

import pytest
from sqlalchemy import select

from shared.store import tables
from tests.end_to_end.installation import PAINTING, wait_until
from tests.end_to_end.pressing import answer_to, says


def summary_of(sandbox, person):
    return sandbox.wait_for_message(person, lambda message: "Batch" in message.get("text", ""))


def buttons_of(message):
    return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]


def start(sandbox, person):
    summary = summary_of(sandbox, person)
    sandbox.press(person, summary, "▶️ Start")
    return summary


def done(sandbox, person, words="is done", timeout_s=60):
    return sandbox.wait_for_message(person, lambda message: words in message.get("text", ""), timeout_s=timeout_s)


def batch_of(installation, person):
    with installation.database.reading() as connection:
        return connection.execute(select(tables.batches).where(tables.batches.c.user_id == person["id"])).first()


class TestABatchInAMessage:
    def test_is_summed_up_first_and_starts_when_told(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/batch --ar 16:9\n{red,blue} fox\na boat --n 2\na tree --seed x")
        summary = summary_of(sandbox, ada)

        assert "of 4 pictures, from 3 ideas" in summary["text"]
        assert "One line has an error" in summary["text"]
        assert "more pictures" not in summary["text"]
        assert installation.rows(ada) == []

        sandbox.press(ada, summary, "▶️ Start")
        photos = sandbox.wait_for_photo(ada, count=4)
        assert len({photo["media_group_id"] for photo in photos}) == 1
        assert [bool(photo.get("caption")) for photo in photos] == [True, False, False, False]
        final = done(sandbox, ada)
        assert final["message_id"] == summary["message_id"]
        assert "Done: 4 · failed: 0 · lines skipped: 1" in final["text"]
        assert photos[0]["caption"].splitlines() == ["1 red fox", "2 blue fox", "3.1 a boat", "3.2 a boat"]
        numbers = sandbox.wait_for_message(ada, lambda one: "pick" in str(one.get("reply_markup")))
        assert len(sandbox.from_bot(ada)) == 6

        sandbox.press(ada, numbers, "3.2")
        one = sandbox.wait_for_message(ada, lambda one: one.get("text", "").startswith("3.2. a boat"))
        sandbox.press(ada, one, "‹ Back")
        sandbox.wait_for_message(ada, lambda one: "'3.1'" in str(one.get("reply_markup")))

    def test_comes_in_albums_of_ten_and_a_last_one_alone(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/batch\na fox --n 10\na boat")
        start(sandbox, ada)
        done(sandbox, ada)

        photos = sandbox.photos(ada)
        assert len(photos) == 11
        assert ["media_group_id" in photo for photo in photos] == [True] * 10 + [False]

    def test_comes_as_a_zip_with_a_table_if_one_likes(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, body='"seed":9', times=None, preset="moderated")

        sandbox.say(ada, "/batch\na fox --seed 7\na cat --ar x:y\na boat --seed 9")
        summary = summary_of(sandbox, ada)
        sandbox.press(ada, summary, "🗜 Send as ZIP")
        chosen = sandbox.wait_for_message(ada, lambda message: "✓ 🗜" in str(message.get("reply_markup")))
        sandbox.press(ada, chosen, "▶️ Start")
        done(sandbox, ada)

        [message] = [one for one in sandbox.from_bot(ada) if "document" in one]
        archive = zipfile.ZipFile(io.BytesIO(sandbox.file(message["document"])))
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
        assert [row["outcome"] for row in rows] == ["done", "failed", "skipped"]
        assert (rows[0]["seed"], rows[1]["reason"]) == ("7", "picture_refused")
        assert rows[2]["line"] == "of the file: 2"
        assert sorted(archive.namelist()) == sorted(["manifest.csv", rows[0]["file"]])
        assert sandbox.photos(ada) == []

    def test_can_be_paused_resumed_and_cancelled(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/batch\na fox\na boat")
        summary = start(sandbox, ada)
        done(sandbox, ada)
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")
        sandbox.say(ada, "/batch\na fox --n 3")
        second = sandbox.wait_for_message(
            ada, lambda message: "Batch" in message.get("text", "") and message["message_id"] > summary["message_id"]
        )
        sandbox.press(ada, second, "▶️ Start")
        running = sandbox.wait_for_message(ada, lambda message: "⏸ Pause" in str(message.get("reply_markup")))
        sandbox.press(ada, running, "⏸ Pause")
        paused = done(sandbox, ada, "is paused")
        sandbox.press(ada, paused, "▶️ Resume")
        resumed = sandbox.wait_for_message(ada, lambda message: "⏸ Pause" in str(message.get("reply_markup")))
        sandbox.press(ada, resumed, "✖️ Cancel")
        cancelled = done(sandbox, ada, "Batch cancelled")
        sandbox.open_gate("huggingface")

        assert "reply_markup" not in cancelled
        wait_until(lambda: all(row.state == "cancelled" for row in installation.rows(ada)[2:]))
        assert len(sandbox.photos(ada)) == 2

    def test_tries_again_what_failed(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, body='"seed":9', times=None, preset="moderated")

        sandbox.say(ada, "/batch\na fox --seed 7\na boat --seed 9")
        start(sandbox, ada)
        failed = done(sandbox, ada)
        assert "failed: 1" in failed["text"]
        sandbox.clear_faults()
        sandbox.press(ada, failed, "🔁 Retry the failed one")
        sandbox.wait_for_message(ada, lambda message: "Done: 2 · failed: 0" in message.get("text", ""))

        assert len(sandbox.wait_for_photo(ada, count=2)) == 2

    def test_listens_to_nobody_else(self, installation, sandbox):
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        group = sandbox.group(ada, bob)

        sandbox.say(ada, "/batch\na fox", chat=group)
        summary = summary_of(sandbox, group)
        answer = answer_to(sandbox, sandbox.press(bob, summary, "▶️ Start"))

        assert says(answer, "Only the person who asked")
        assert batch_of(installation, ada).state == "asked"


class TestABatchInAFile:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
    def test_is_read_as_people_save_it(self, installation, sandbox, encoding):
        ada = sandbox.person("Ada")
        table = 'Idea;AR;Seed\r\n"ein ""roter"" Fuchs; müde";16:9;7\r\n\r\na boat;;\r\n'

        sandbox.say(ada, "/batch --style noir", document=table.encode(encoding), file_name="ideas.csv")
        start(sandbox, ada)
        done(sandbox, ada)

        rows = installation.rows(ada)
        assert [row.idea for row in rows] == ['ein "roter" Fuchs; müde', "a boat"]
        assert {row.parameters["style"] for row in rows} == {"noir"}
        assert len(sandbox.photos(ada)) == 2

    def test_can_be_replied_to(self, installation, sandbox):
        ada = sandbox.person("Ada")

        file = sandbox.say(ada, None, document=b"a fox\na boat\n", file_name="ideas.txt")
        sandbox.say(ada, "/batch", reply_to_message_id=file["message_id"])

        assert "of 2 pictures" in summary_of(sandbox, ada)["text"]

    @pytest.mark.parametrize(
        ("content", "answer"),
        [
            (b"idea\n" + b"a fox\n" * 5_001, "5,001 lines"),
            (b"PK\x03\x04" + bytes(100), "isn't a text file"),
            (b"x" * (20 * 1024 * 1024 + 1), "the limit is 20 MB"),
            (b"\xef\xbb\xbf\r\n", "no idea in it"),
        ],
        ids=["too many lines", "a zip", "too large", "empty"],
    )
    def test_that_can_not_be_taken_is_refused_with_the_reason(self, installation, sandbox, content, answer):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/batch", document=content, file_name="ideas.csv")

        sandbox.wait_for_message(ada, lambda message: answer in message.get("text", ""))
        assert batch_of(installation, ada) is None


def is_handled(installation, message):
    """Whether it is written down that a message was handled."""
    updates = tables.updates.c
    of_message = (updates.chat_id == message["chat"]["id"], updates.message_id == message["message_id"])
    with installation.database.reading() as connection:
        return connection.scalar(select(updates.handled_at).where(*of_message)) is not None


class TestKills:
    def test_a_summary_that_did_not_arrive_is_sent_after_the_death_of_everybody(self, installation, sandbox):
        """Telegram's connections break; they die while it is looked whether the summary is in the chat."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendMessage$", drop="before")
        sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=None, gate="look", drop="before")
        sandbox.say(ada, "/batch\nfox in the snow --raw\nred boat --raw")
        sandbox.wait_at_gate("look")
        later = sandbox.say(sandbox.person("Bob"), "/help")
        wait_until(lambda: is_handled(installation, later), what="the mark of what is handled")

        installation.kill()
        sandbox.clear_faults()
        installation.start()
        start(sandbox, ada)
        done(sandbox, ada)

        assert len(sandbox.photos(ada)) == 2

    def test_two_hundred_pictures_survive_the_death_of_everybody(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, skip=60, times=None, gate="huggingface")

        sandbox.say(ada, "/batch\n" + "\n".join(f"fox {number} --raw" for number in range(200)))
        start(sandbox, ada)
        sandbox.wait_for_photo(ada, count=20, timeout_s=90)
        sandbox.arm("telegram", path="/sendMediaGroup$", times=None, gate="telegram", drop="before")
        sandbox.open_gate("huggingface")
        sandbox.wait_at_gate("telegram", timeout_s=60)
        installation.kill()
        sandbox.clear_faults()
        installation.start()
        final = done(sandbox, ada, timeout_s=120)

        assert "Done: 200 · failed: 0 · lines skipped: 0" in final["text"]
        assert len(sandbox.photos(ada)) == 200
        assert len({row.delivered_message_id for row in installation.rows(ada)}) == 200

    def test_an_album_that_telegram_took_does_not_come_again(self, installation, sandbox):
        """The bot dies when the album is in the chat, and its message says so, and nothing is noted yet."""
        ada = sandbox.person("Ada")
        sandbox.arm("telegram", path="/sendMediaGroup$", gate="telegram")
        sandbox.arm("router", path=PAINTING, times=None, gate="huggingface")
        sandbox.say(ada, "/batch\n" + "\n".join(f"fox {number} --raw" for number in range(20)))
        start(sandbox, ada)
        installation.all_handled()  # A press that still changes the message keeps it from being a witness.
        sandbox.open_gate("huggingface")
        sandbox.wait_at_gate("telegram", timeout_s=60)

        with installation.database.writing() as connection:  # Whoever wants to note something waits.
            connection.execute(select(tables.batches).where(tables.batches.c.user_id == ada["id"]).with_for_update())
            sandbox.open_gate("telegram")
            sandbox.wait_for_message(ada, lambda message: "Sent: 10 pictures" in message.get("text", ""))
            installation.kill()
        assert batch_of(installation, ada).sending
        installation.start()
        done(sandbox, ada)

        assert len(sandbox.photos(ada)) == 20
        unknown = [row for row in installation.rows(ada) if row.delivered_message_id is None]
        assert (len(unknown), all(row.delivered_at for row in unknown)) == (10, True)
