"""Photos that ideas speak of: sent with the command, or replied to."""

from io import BytesIO

import PIL.Image
import pillow_heif
import pytest

MB = 1024 * 1024


pillow_heif.register_heif_opener()


def a_photo(colour="orange", size=(640, 480), form="JPEG"):
    content = BytesIO()
    PIL.Image.new("RGB", size, colour).save(content, form)
    return content.getvalue()


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def painted(installation, sandbox, person, text, **how):
    """Wait until what a message asked for has come; returns its row, and the newest photo in that chat."""
    row = installation.delivered(sandbox.say(person, text, **how))
    return row, sandbox.photos(how.get("chat", person))[-1]


def refused(sandbox, chat, person, text, **how):
    """What is answered to a message that asks for what can't be painted."""
    said = sandbox.say(person, text, chat=chat, **how)
    return sandbox.wait_for_message(chat, lambda one: one["message_id"] > said["message_id"])["text"]


class TestAPhotoSentWithTheCommand:
    def test_is_looked_at_and_joins_the_prompt(self, installation, sandbox, ada):
        row, photo = painted(installation, sandbox, ada, "/imagine in the snow --seed 7 --ar 3:2", photo=a_photo())

        assert (row.idea, row.parameters["seed"], row.parameters["ratio"]) == ("in the snow", 7, [3, 2])
        assert row.prompt.startswith("an orange picture, in the snow, ")
        assert installation.picture(row.picture_key) == sandbox.file(sandbox.messages(ada)[0]["photo"])
        assert photo["caption"].startswith("in the snow\n")
        assert "can't start from this picture; used FLUX.2-dev" in photo["caption"]

    @pytest.mark.parametrize(("file_name", "form"), [("sky.jpg", "JPEG"), ("IMG_1.HEIC", "HEIF"), ("sky.webp", "WEBP")])
    def test_may_be_a_picture_that_is_sent_as_a_file(self, installation, sandbox, ada, file_name, form):
        sky = a_photo("blue", form=form)

        row, _ = painted(installation, sandbox, ada, "/imagine at night", document=sky, file_name=file_name)

        assert row.prompt.startswith("a blue picture, at night, ")

    def test_without_words_asks_for_something_like_it(self, installation, sandbox, ada):
        row, photo = painted(installation, sandbox, ada, "/imagine --n 1", photo=a_photo("green"))

        assert row.idea == ""
        assert row.prompt.startswith("a green picture, ")
        assert photo["caption"].startswith(f"{row.title}\n")

    def test_in_a_group_is_meant_for_the_bot_that_is_named(self, installation, sandbox, ada):
        group = sandbox.group(ada)

        other = sandbox.say(ada, "/imagine@other_bot at night", chat=group, photo=a_photo())
        row, _ = painted(installation, sandbox, ada, "/imagine@sandbox_bot at dawn", chat=group, photo=a_photo())

        assert row.prompt.startswith("an orange picture, at dawn, ")
        assert installation.row(other) is None

    def test_of_an_album_is_the_one_with_the_caption(self, installation, sandbox, ada):
        album = {"media_group_id": "77"}
        captioned = sandbox.say(ada, "/imagine in the snow", photo=a_photo(), **album)
        for colour in ("blue", "green"):
            sandbox.say(ada, photo=a_photo(colour), **album)
        row = installation.delivered(captioned)
        installation.delivered(sandbox.say(ada, "/imagine a fox"))
        installation.no_status_left(ada)

        assert row.prompt.startswith("an orange picture, in the snow, ")
        assert len(sandbox.from_bot(ada)) == 2
        assert sandbox.journal("gemini", "streamGenerateContent") == []


class TestAReplyToAPhoto:
    def test_of_somebody_else_speaks_of_it(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        theirs = sandbox.say(bob, "Look!", chat=group, photo=a_photo("red"))

        row, _ = painted(
            installation, sandbox, ada, "/imagine at night", chat=group, reply_to_message_id=theirs["message_id"]
        )

        assert row.prompt.startswith("a red picture, at night, ")
        assert (row.user_id, row.parent_id) == (ada["id"], None)

    def test_of_ours_with_another_photo_looks_at_both(self, installation, sandbox, ada):
        parent, ours = painted(installation, sandbox, ada, "/imagine a fox")

        row, _ = painted(
            installation, sandbox, ada, "/imagine here", photo=a_photo(), reply_to_message_id=ours["message_id"]
        )

        assert row.parent_id == parent.id
        assert row.prompt.startswith("an orange picture, a fox, here, ")


class TestAModelThatStartsFromPictures:
    @pytest.mark.parametrize(
        "sent",
        [{"photo": a_photo("red")}, {"document": a_photo("red", form="HEIF"), "file_name": "IMG_1.HEIC"}],
        ids=["JPEG", "HEIC"],
    )
    def test_paints_over_the_photo(self, installation, sandbox, ada, sent):
        row, photo = painted(installation, sandbox, ada, "/imagine at night --model flux.2", **sent)

        assert (row.provider, row.recipe["over_picture"]) == ("fal-ai", True)
        assert is_reddish(installation.picture(row.image_key))
        assert "Based on your picture itself (FLUX.2-dev)" in photo["caption"]
        assert [one.service for one in installation.attempts(row.id)][-1] == "fal-ai/image-to-image"

    def test_paints_a_follow_up_over_our_picture_and_again(self, installation, sandbox, ada):
        parent, ours = painted(installation, sandbox, ada, "/imagine a fox --model flux.2")
        row, photo = painted(installation, sandbox, ada, "make it night", reply_to_message_id=ours["message_id"])
        sandbox.press(ada, photo, "🔁 Again")
        *_, again = installation.wait_for_deliveries(ada, 3)

        assert not parent.recipe["over_picture"]
        assert (row.recipe["over_picture"], again.recipe["over_picture"]) == (True, True)
        assert row.recipe["seed"] != again.recipe["seed"]


def is_reddish(picture):
    with PIL.Image.open(BytesIO(picture)) as opened:
        red, green, blue = opened.convert("RGB").resize((1, 1)).getpixel((0, 0))
    return red > (green + blue) / 2 + 60


class TestWhatCanNotBeLookedAt:
    @pytest.mark.parametrize(
        ("file", "answer"),
        [
            ({"document": b"x" * (20 * MB + 1), "file_name": "huge.png"}, "up to 20 MB"),
            ({"document": b"Hello", "file_name": "notes.txt"}, "only use pictures"),
            ({"voice": b"OggS"}, "only use pictures"),
            ({"document": b"no picture", "file_name": "broken.png"}, "can't open your picture"),
        ],
        ids=["too large", "a text", "a voice", "broken"],
    )
    def test_is_answered_with_what_is_wrong(self, installation, sandbox, ada, file, answer):
        assert answer in refused_in_the_end(sandbox, ada, "/imagine in the snow", answer, **file)
        assert sandbox.photos(ada) == []

    def test_has_gone_from_telegram(self, installation, sandbox, ada):
        reply = {"ok": False, "error_code": 400, "description": "Bad Request: wrong file_id or the file is gone"}
        sandbox.arm("telegram", path="/getFile$", status=400, reply=reply)

        assert "no longer has this file" in refused(sandbox, ada, ada, "/imagine in the snow", photo=a_photo())


def refused_in_the_end(sandbox, person, text, answer, **file):
    """What is answered, be it at once or by whoever was to paint."""
    sandbox.say(person, text, **file)
    return sandbox.wait_for_message(person, lambda one: answer in one.get("text", ""))["text"]


class TestAKill:
    def test_while_the_photo_is_fetched_loses_nothing(self, installation, sandbox, ada):
        sandbox.arm("telegram", path="/file/", gate="file", drop="before")

        said = sandbox.say(ada, "/imagine in the snow", photo=a_photo())
        sandbox.wait_at_gate("file")
        installation.bot.kill()
        sandbox.clear_faults()
        installation.start()
        row = installation.delivered(said)

        assert row.prompt.startswith("an orange picture, in the snow, ")
        assert len(sandbox.photos(ada)) == 1

    def test_before_the_promise_makes_one_picture(self, installation, sandbox, ada):
        sandbox.arm("telegram", path="/sendMessage$", gate="promise", drop="before")

        said = sandbox.say(ada, "/imagine in the snow", photo=a_photo())
        sandbox.wait_at_gate("promise")
        installation.bot.kill()
        sandbox.clear_faults()
        installation.start()
        installation.delivered(said)

        assert len(installation.rows(ada)) == 1
        assert len(sandbox.photos(ada)) == 1


class TestALargerPicture:
    def test_comes_as_a_file_twice_as_large(self, installation, sandbox, ada):
        row = installation.delivered(sandbox.say(ada, "/upscale", photo=a_photo("red", (320, 200))))

        [file] = [one for one in sandbox.from_bot(ada) if "document" in one]
        assert (row.recipe["width"], row.recipe["height"]) == (640, 400)
        assert "Enlarged to 640 × 400 pixels" in file["caption"]
        assert is_reddish(sandbox.file(file["document"]))
        asked = [*sandbox.journal("router"), *sandbox.journal("gemini", "enerateContent")]
        assert (installation.attempts(row.id), asked) == ([], [])
