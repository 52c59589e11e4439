"""Models that the Hub names and the shipped list doesn't."""

import pytest

from shared.store.models import CHAT, IMAGE, Models
from shared.store.people import People
from tests.end_to_end.installation import MODEL, Installation, wait_until
from tests.end_to_end.pressing import MORE, answer_to, press_through, warns

SETTINGS = {"G2D_IMAGE_MODEL": MODEL}
IDEOGRAM = "ideogram-ai/ideogram-4"


@pytest.fixture
def served(installation: Installation) -> Models:
    """What is written down of the models, after the first surveys: whoever is killed amid one has taken its turn."""
    models = Models(installation.database)
    wait_until(lambda: models.all(IMAGE) and models.all(CHAT), what="the first surveys")
    return models


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


def restart_bot(installation: Installation) -> None:
    """Have it read the list now, not within its minute."""
    installation.bot.kill()
    installation.start()


def with_button(sandbox, ada, photo, button):
    """The photo once it shows a button."""
    return sandbox.wait_for_message(
        ada, lambda one: one["message_id"] == photo["message_id"] and button in str(one.get("reply_markup"))
    )


@pytest.mark.usefixtures("served")
def test_a_model_that_only_the_hub_knows_can_be_wished(installation: Installation, sandbox, ada):
    restart_bot(installation)

    sandbox.say(ada, "/imagine a fox --model ideogram")

    [photo] = sandbox.wait_for_photo(ada, count=1)
    assert "ideogram-4" in photo["caption"]
    assert installation.rows(ada)[0].image_model == IDEOGRAM


def test_a_button_of_a_model_that_is_gone_shows_the_new_list(installation: Installation, served: Models, sandbox, ada):
    served.replace(IMAGE, {MODEL: {"providers": {}}, "who/old-foxes": {"providers": {}}})
    restart_bot(installation)
    sandbox.say(ada, "/imagine a fox")
    [photo] = sandbox.wait_for_photo(ada, count=1)
    press_through(sandbox, ada, photo, MORE, "🎨 Model")
    listed = with_button(sandbox, ada, photo, "old-foxes")
    served.replace(IMAGE, {MODEL: {"providers": {}}, "who/new-owls": {"providers": {}}})
    restart_bot(installation)

    sandbox.press(ada, listed, "old-foxes")

    assert "old-foxes" not in str(with_button(sandbox, ada, photo, "new-owls")["reply_markup"])
    assert len(installation.rows(ada)) == 1


QWEN, GHIBLI = "Qwen/Qwen-Image", "nitrosocke/Ghibli-Diffusion"
SERVED = {MODEL: {"providers": {"hf-inference": MODEL}}, QWEN: {"providers": {"fal-ai": "fal-ai/qwen-image"}}}
WRITES = {"gemini-3.8-flash": {"output_tokens": 65_536}, "gemini-3.5-flash": {"output_tokens": 65_536, "top_k": 64}}


@pytest.fixture
def known(installation: Installation, served: Models) -> None:
    """The bot has read these lists, and nobody will write others for a while."""
    served.replace(IMAGE, SERVED)
    served.replace(CHAT, WRITES)
    restart_bot(installation)


@pytest.mark.usefixtures("known")
class TestModels:
    def shown(self, sandbox, person, chat=None):
        sandbox.say(person, "/models", chat=chat)
        return sandbox.wait_for_message(chat or person, lambda one: "Image models" in one.get("text", ""))

    def edited(self, sandbox, chat, message, words, button):
        return sandbox.wait_for_message(
            chat,
            lambda one: (
                one["message_id"] == message["message_id"]
                and words in one.get("text", "")
                and button in str(one.get("reply_markup"))
            ),
        )

    def test_are_listed_with_their_state_and_a_tap_makes_one_the_usual_one(self, installation, sandbox, ada):
        menu = self.shown(sandbox, ada)
        sandbox.press(ada, menu, "Qwen-Image")
        menu = self.edited(sandbox, ada, menu, "available at", "Use this model")
        sandbox.press(ada, menu, "✓ Use this model")
        menu = self.edited(sandbox, ada, menu, "✓ Qwen-Image", "✓ Qwen-Image")
        sandbox.press(ada, menu, "💬 Chat models")
        menu = self.edited(sandbox, ada, menu, "supports temperature", "gemini-3.5-flash")
        sandbox.press(ada, menu, "gemini-3.5-flash")
        menu = self.edited(sandbox, ada, menu, "gemini-3.5-flash", "Use this model")
        sandbox.press(ada, menu, "✓ Use this model")
        menu = self.edited(sandbox, ada, menu, "✓ gemini-3.5-flash", "✓ gemini-3.5-flash")
        sandbox.press(ada, menu, "🕯 Unavailable")
        self.edited(sandbox, ada, menu, "replaced by", "1/")

        chosen = People(installation.database).preferences(ada["id"])
        assert (chosen.image_model, chosen.chat_model) == (QWEN, "gemini-3.5-flash")
        assert len(sandbox.from_bot(ada)) == 1

    def test_are_chosen_for_a_group_by_its_admins_and_leafed_through_by_all(self, installation, sandbox, ada):
        bob = sandbox.person("Bob")
        group = sandbox.group(ada, bob)
        menu = self.shown(sandbox, bob, group)

        sandbox.press(bob, menu, "Qwen-Image")
        menu = self.edited(sandbox, group, menu, "Qwen-Image", "Use this model")
        refused = answer_to(sandbox, sandbox.press(bob, menu, "✓ Use this model"))
        sandbox.press(bob, menu, "‹ Back")
        menu = self.edited(sandbox, group, menu, "Image models", "💬 Chat models")
        sandbox.press(bob, menu, "💬 Chat models")
        menu = self.edited(sandbox, group, menu, "Chat models", "gemini-3.5-flash")
        sandbox.press(ada, menu, "gemini-3.5-flash")
        menu = self.edited(sandbox, group, menu, "gemini-3.5-flash", "Use this model")
        sandbox.press(ada, menu, "✓ Use this model")
        self.edited(sandbox, group, menu, "✓ gemini-3.5-flash", "✓")

        assert warns(refused)
        chosen = People(installation.database).preferences(group["id"])
        assert (chosen.image_model, chosen.chat_model) == (None, "gemini-3.5-flash")


@pytest.mark.usefixtures("known")
def test_chosen_models_that_are_gone_give_way_to_their_successors_and_that_is_said_once(
    installation: Installation, sandbox, ada
):
    people = People(installation.database)
    people.choose(ada["id"], "en", image_model=GHIBLI, chat_model="gemini-2.0-flash")

    for idea in ("a fox", "an owl"):
        request = sandbox.say(ada, f"/imagine {idea} --model {MODEL}")
        assert installation.delivered(request).state == "finished"

    told = [one["text"] for one in sandbox.from_bot(ada) if "replaces it" in one.get("text", "")]
    assert len(told) == 2
    assert "Ghibli-Diffusion" in told[0]
    assert "Qwen-Image" in told[0]
    assert "gemini-2.0-flash" in told[1]
    assert "gemini-3.8-flash" in told[1]
    chosen = people.preferences(ada["id"])
    assert (chosen.image_model, chosen.chat_model) == (QWEN, "gemini-3.8-flash")
    assert {entry["path"].rpartition("/")[2] for entry in sandbox.journal("gemini", "generateContent")} == {
        "gemini-3.8-flash:generateContent"
    }
