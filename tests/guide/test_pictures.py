"""The scenes of docs/guide.md: each happens, and is seen. ``make guide`` takes the pictures anew."""

import base64
import io
import random
import re
from datetime import UTC, datetime, timedelta

import PIL.Image
import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, select

from shared.store import tables
from tests.end_to_end.installation import PAINTING, wait_until

pytestmark = pytest.mark.browser


BATCH = """/batch --ar 1:1
a fox in the snow
a lighthouse in a storm
{red,blue} boat on the sea"""


@pytest.fixture
def ada(installation):
    return installation.sandbox.person("Ada")


@pytest.fixture(scope="module")
def photo(_installation):
    """A photo such as people take: of a house in the mountains."""
    bob = _installation.sandbox.person("Bob")
    _installation.delivered(_installation.sandbox.say(bob, "/imagine a house in the mountains by day"))
    return _installation.sandbox.file(_installation.sandbox.photos(bob)[-1]["photo"])


class TestAPicture:
    def test_comes_with_its_prompt_and_buttons(self, scene, look, ada):
        chat = scene(ada)

        chat.ask("/imagine a fox in the snow")
        chat.show("✨ Vary")

        look(chat, "imagine")

    def test_tells_how_far_it_is(self, scene, look, ada):
        chat = scene(ada)
        chat.sandbox.arm("router", gate="painter", times=None)

        chat.say("/imagine a lighthouse in a storm")
        chat.show("Creating the picture")

        look(chat, "waiting")
        chat.sandbox.open_gate("painter")

    def test_takes_parameters_and_says_what_it_made_of_them(self, scene, look, ada):
        chat = scene(ada)

        chat.ask("/imagine a boat on a calm sea —ar 16:9 --style oil --no people --seed 7 --steps 500")
        chat.show("out of range")

        look(chat, "parameters")


class TestThePrompt:
    def test_is_edited_by_a_reply(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a fox in the snow")

        chat.press(photo, "Edit")
        question = chat.wait("exactly as you write")
        chat.ask("a grey wolf in the snow at dusk", reply_to_message_id=question["message_id"])
        chat.show("raw")

        look(chat, "edit")

    def test_that_is_long_is_there_in_full(self, scene, look, ada):
        chat = scene(ada)
        idea = "an old town at night with lanterns over the river, " + "boats and bridges and towers " * 9
        photo = chat.ask(f"/imagine {idea}")

        chat.press(photo, "More")
        chat.press(photo, "Show prompt")
        chat.show("Tap the prompt to copy it")

        look(chat, "whole-prompt")


class TestButtons:
    def test_variations_come_as_an_album(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a castle by a lake")

        chat.press(photo, "Vary")
        control = chat.wait("4 pictures. Choose one:")
        chat.press(control, "2")
        chat.show("‹ Back")

        look(chat, "variations")

    def test_another_ratio(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a whale in the ocean")

        chat.press(photo, "More")
        chat.press(photo, "Ratio")
        chat.show("21:9")

        look(chat, "ratio")

    def test_another_model(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a whale in the ocean")

        chat.press(photo, "More")
        chat.press(photo, "Model")
        chat.show("Qwen-Image")

        look(chat, "model")

    def test_the_original_is_a_file(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a desert at noon")

        chat.press(photo, "File")
        chat.wait("document")
        chat.show(".jpg")

        look(chat, "original")

    def test_what_is_no_photo_comes_as_a_file(self, scene, look, ada):
        chat = scene(ada)
        picture = io.BytesIO()
        PIL.Image.linear_gradient("L").resize((2100, 100)).save(picture, "PNG")
        painted = {
            "reply_base64": base64.b64encode(picture.getvalue()).decode(),
            "headers": {"Content-Type": "image/png"},
        }
        chat.sandbox.arm("router", path=PAINTING, **painted)

        chat.ask("/imagine a long grey fence --model stable-diffusion-3-medium")
        chat.show(".png")

        look(chat, "file")


class TestSeveral:
    def test_come_as_an_album_and_the_missing_can_be_had_again(self, scene, look, ada):
        chat = scene(ada)
        chat.sandbox.arm("router", path=PAINTING, body='"seed":9', times=None, preset="moderated")

        chat.ask("/imagine a red boat --n 4 --seed 7 --model stable-diffusion-3-medium")
        chat.show("Retry the missing one")

        look(chat, "several")


class TestAFollowUp:
    def test_changes_the_picture_that_it_replies_to(self, scene, look, ada):
        chat = scene(ada)
        photo = chat.ask("/imagine a house in the mountains")

        chat.ask("make it night", reply_to_message_id=photo["message_id"])
        chat.show("make it night")

        look(chat, "follow-up")


class TestAGroup:
    def test_is_answered_in_its_topic_and_to_the_one_who_asked(self, scene, look, installation, ada):
        sandbox = installation.sandbox
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob, title="Painters", is_forum=True)
        topic = sandbox.topic(group, "Foxes")
        chat = scene(ada, group)
        chat.page.locator("#topics").get_by_text("Foxes").click()

        chat.say("Who paints us a fox?", message_thread_id=topic)
        chat.ask("/imagine a fox in a meadow", who=bob, message_thread_id=topic)
        chat.show("✨ Vary")

        look(chat, "group")


class TestAPhoto:
    def test_is_looked_at_and_painted_anew(self, scene, look, ada, photo):
        chat = scene(ada)

        chat.ask("/imagine this house at night, as an oil painting", photo=photo, file_name="house.jpg")
        chat.show("✨ Vary")

        look(chat, "photo")

    def test_is_put_into_words(self, scene, look, ada, photo):
        chat = scene(ada)

        chat.say("/describe", photo=photo, file_name="house.jpg")
        chat.wait("🎨 4. ")
        chat.show("🎨 4. ")

        look(chat, "describe")


class TestTalk:
    def test_is_answered_and_can_be_painted(self, scene, look, ada):
        chat = scene(ada)

        chat.say("Describe a polar bear under the northern lights")
        chat.wait("Draw this")
        chat.show("Draw this")

        look(chat, "chat")


class TestChoices:
    def test_are_made_in_one_message(self, scene, look, ada):
        chat = scene(ada)

        chat.say("/settings")
        chat.wait("reply_markup")
        chat.show("Ratio")

        look(chat, "settings")

    def test_of_models_show_what_each_can_do(self, scene, look, ada):
        chat = scene(ada)

        chat.say("/models")
        chat.wait("reply_markup")
        chat.show("FLUX.1-dev")

        look(chat, "models")

    def test_of_keys_tell_how_they_stand(self, scene, look, ada):
        chat = scene(ada)

        chat.say("/keys")
        card = chat.wait("Your own keys")
        chat.press(card, "Add HuggingFace")
        question = chat.wait("Reply with")
        chat.say(f"hf_{'guide' * 7}", reply_to_message_id=question["message_id"])
        chat.wait("works")
        chat.show("works")

        look(chat, "keys")


class TestMany:
    def test_are_summed_up_before_they_begin(self, scene, look, ada):
        chat = scene(ada)

        chat.say(BATCH)
        chat.wait("▶️ Start")
        chat.show("▶️ Start")

        look(chat, "batch")

    def test_come_in_albums_below_their_progress(self, scene, look, ada):
        chat = scene(ada)
        chat.say(BATCH)
        asked = chat.wait("▶️ Start")

        chat.press(asked, "Start")
        chat.wait("Your batch is done")
        chat.show("Your batch is done")

        look(chat, "batch-done")

    def test_that_wait_are_listed(self, scene, look, ada):
        chat = scene(ada)
        chat.sandbox.arm("router", gate="painter", times=None)
        for idea in ("a lighthouse in a storm", "a fox in the snow", "a castle at night"):
            chat.say(f"/imagine {idea}")
        chat.sandbox.wait_for(lambda: len(chat.sandbox.from_bot(ada)) == 3)
        chat.sandbox.wait_at_gate("painter", count=3)

        chat.say("/queue")
        chat.wait("You have 3")
        chat.show("You have 3")
        expect(chat.page.locator(".bubble").filter(has_text="Creating the picture")).to_have_count(4)

        look(chat, "queue")
        chat.sandbox.open_gate("painter")


@pytest.fixture(scope="module")
def people(fresh):
    """Who comes first, and who comes second."""
    return [fresh.sandbox.person(name) for name in ("Ada", "Bob")]


class TestOwners:
    """From `make run` to a second person who is served: three messages."""

    def test_let_a_second_person_in(self, scene, look, fresh, people):
        ada, bob = people
        link = wait_until(lambda: re.search(r"[?]start=(claim-[\w-]+)", fresh.log), what="the link in the log")
        owner, newcomer = scene(ada, of=fresh), scene(bob, of=fresh)

        owner.say(f"/start {link[1]}")
        owner.show("This bot is yours now")
        newcomer.say("/imagine a fox in the snow")
        card = owner.wait("asks to use this bot")
        owner.press(card, "Approve")
        newcomer.show("You have access")
        newcomer.ask("/imagine a fox in the snow")
        owner.show("Bob")

        chat = owner
        look(chat, "owner")
        chat = newcomer
        look(chat, "newcomer")

    def test_write_to_all(self, scene, look, fresh, people):
        chat = scene(people[0], of=fresh)

        chat.say("/broadcast The bot is paused on Sunday. Your requests are created on Monday.")
        asked = chat.wait("people will receive it")
        chat.press(asked, "Send")
        chat.show("Received: 2 of 2")

        look(chat, "broadcast")

    def test_see_how_it_is_doing(self, scene, look, fresh, people):
        remember(fresh.database, days=30)
        owner = fresh.sandbox.person("Carol")
        with fresh.database.writing() as connection:
            role = {"role": "admin", "name": "Carol", "language": "en", "noted_at": datetime.now(UTC)}
            connection.execute(insert(tables.access).values(bot_id=4242, id=owner["id"], **role))
        chat = scene(owner, of=fresh)

        chat.say("/stats 30")
        chat.show("The last 30 days")

        look(chat, "stats")


def remember(database, *, days):
    """Let the record hold what so many days might have brought: copies of its newest picture."""
    chance, calls, now = random.Random(7), tables.attempts.c, datetime.now(UTC)
    with database.writing() as connection:
        newest = select(tables.jobs).where(tables.jobs.c.state == "finished").order_by(tables.jobs.c.id.desc())
        job = dict(connection.execute(newest.limit(1)).mappings().one())
        call = select(tables.attempts).where(calls.job_id == job.pop("id"), calls.step == "image")
        attempt = dict(connection.execute(call.limit(1)).mappings().one()) | {"cost": 25_000, "pictures": 1}
        del attempt["id"]
        jobs, attempts, spent = [], [], []
        for day in range(days):
            for number in range(chance.randrange(8, 40)):
                ended = now - timedelta(days=day, minutes=number)
                begun = ended - timedelta(seconds=chance.lognormvariate(2.2, 0.6))
                asked = begun - timedelta(seconds=chance.lognormvariate(0.3, 1.2))
                failed = {"state": "failed", "reason": "service_busy"} if chance.random() < 0.06 else {}
                times = {"created_at": asked, "started_at": begun, "ended_at": ended}
                jobs.append(job | times | failed | {"request_key": f"{day}-{number}", "delivered_message_id": None})
                attempts.append(attempt | {"at": ended})
            spent.append({"day": (now - timedelta(days=day)).date(), "part": 7, "cost": 25_600 * (number + 1)})
        for table, rows in ((tables.jobs, jobs), (tables.attempts, attempts), (tables.spending, spent)):
            connection.execute(insert(table), rows)
