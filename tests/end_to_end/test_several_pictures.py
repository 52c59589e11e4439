"""Several pictures of one idea: painted side by side, delivered as one album, with buttons for each."""

from tests.end_to_end.installation import PAINTING
from tests.end_to_end.pressing import answer_to


def buttons_of(message):
    return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]


def control_of(sandbox, person):
    return sandbox.wait_for_message(
        person,
        lambda message: "Choose one:" in message.get("text", ""),
    )


class TestSeveralPictures:
    def test_come_as_one_album_with_the_caption_on_the_first(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine a red boat --n 4 --seed 7")
        photos = sandbox.wait_for_photo(ada, count=4)

        assert len({photo["media_group_id"] for photo in photos}) == 1
        assert [bool(photo.get("caption")) for photo in photos] == [True, False, False, False]
        assert buttons_of(control_of(sandbox, ada)) == ["1", "2", "3", "4"]

    def test_are_asked_about_first_where_they_are_more_than_four(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine a red boat --n 6")
        question = sandbox.wait_for_message(
            ada, lambda message: "all 6 pictures of this idea" in message.get("text", "")
        )
        assert installation.rows(ada) == []
        sandbox.press(ada, question, "Only 4")
        sandbox.wait_for_photo(ada, count=4)

        assert buttons_of(control_of(sandbox, ada)) == ["1", "2", "3", "4"]
        assert len(installation.rows(ada)) == 4
        assert all("of this idea?" not in message.get("text", "") for message in sandbox.from_bot(ada))

    def test_have_one_prompt_and_seeds_that_follow_each_other(self, installation, sandbox):
        ada = sandbox.person("Ada")

        sandbox.say(ada, "/imagine a red boat --n 3 --seed 7")
        sandbox.wait_for_photo(ada, count=3)

        orders = [entry["body"] for entry in sandbox.journal("router", PAINTING)]
        assert len({order["inputs"] for order in orders}) == 1
        assert sorted(order["parameters"]["seed"] for order in orders) == [7, 8, 9]
        assert len(sandbox.journal("gemini", "generateContent")) == 1

    def test_that_could_not_all_be_painted_are_delivered_as_far_as_they_go(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.arm("router", path=PAINTING, body='"seed":8', times=None, preset="moderated")

        sandbox.say(ada, "/imagine a red boat --n 3 --seed 7")
        control = control_of(sandbox, ada)

        assert len(sandbox.photos(ada)) == 2
        assert "Why one picture failed:\n😕 The image service's safety filter refused this picture." in control["text"]
        assert buttons_of(control) == ["1", "3", "🔁 Retry the missing one"]

    def test_each_have_their_own_buttons_behind_their_number(self, installation, sandbox):
        ada = sandbox.person("Ada")
        sandbox.say(ada, "/imagine a red boat --n 2")
        sandbox.wait_for_photo(ada, count=2)
        control = control_of(sandbox, ada)

        sandbox.press(ada, control, "2")
        opened = sandbox.wait_for_message(ada, lambda message: "‹ Back" in str(message.get("reply_markup")))
        sandbox.press(ada, opened, "🔁 Again")

        assert len(sandbox.wait_for_photo(ada, count=3)) == 3


class TestTheMissingOnes:
    def test_are_repeated_with_their_own_seeds_and_the_same_prompt(self, installation, sandbox):
        ada = sandbox.person("Ada")
        control = some_missing(sandbox, ada, "a red boat --n 4 --seed 7 --ar 16:9", 8, 10)
        seen = sandbox.journal()[-1]["id"]

        sandbox.press(ada, control, "🔁 Retry the missing 2")
        photos = sandbox.wait_for_photo(ada, count=4)

        before, after = orders(sandbox), orders(sandbox, after=seen)
        assert sorted(order["parameters"]["seed"] for order in after) == [8, 10]
        assert len({order["inputs"] for order in before}) == 1
        assert len({(order["parameters"]["width"], order["parameters"]["height"]) for order in before}) == 1
        assert len(sandbox.journal("gemini", "generateContent")) == 1
        assert photos[-1]["media_group_id"] == photos[-2]["media_group_id"] != photos[0]["media_group_id"]

    def test_pressed_twice_at_once_are_repeated_once(self, installation, sandbox):
        ada = sandbox.person("Ada")
        control = some_missing(sandbox, ada, "a red boat --n 4 --seed 7", 8, 10)
        sandbox.arm("router", path=PAINTING, gate="painter", times=None)

        presses = [sandbox.press(ada, control, "🔁 Retry the missing 2") for _ in range(2)]
        for press in presses:
            answer_to(sandbox, press)
        installation.all_handled()  # A press is answered before its order is written down.
        sandbox.open_gate("painter")
        sandbox.wait_for_photo(ada, count=4)
        installation.wait_for_deliveries(ada, 6)

        assert len(installation.rows(ada)) == 6

    def test_of_which_there_is_one_come_as_one_photo(self, installation, sandbox):
        ada = sandbox.person("Ada")
        control = some_missing(sandbox, ada, "a red boat --n 3 --seed 7", 8)

        sandbox.press(ada, control, "🔁 Retry the missing one")
        photo = sandbox.wait_for_photo(ada, count=3)[-1]

        assert "media_group_id" not in photo
        assert "seed 8" in photo["caption"]
        assert "🔁 Again" in buttons_of(photo)


def some_missing(sandbox, person, words, *seeds):
    """Ask for pictures of which those with these seeds fail; returns the message with the buttons."""
    for seed in seeds:
        sandbox.arm("router", path=PAINTING, body=f'"seed":{seed}', times=None, preset="moderated")
    sandbox.say(person, f"/imagine {words}")
    control = control_of(sandbox, person)
    sandbox.clear_faults()
    return control


def orders(sandbox, after=0):
    return [entry["body"] for entry in sandbox.journal("router", PAINTING, after=after)]
