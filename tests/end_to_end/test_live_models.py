"""Models that the Hub names and the shipped list doesn't."""

import pytest
from installation import MODEL, Installation, wait_until

from shared.store.models import IMAGE, Models

SETTINGS = {"G2D_IMAGE_MODEL": MODEL}
IDEOGRAM = "ideogram-ai/ideogram-4"


@pytest.fixture
def served(installation: Installation) -> Models:
    """What is written down of the models, after the first survey."""
    models = Models(installation.database)
    wait_until(lambda: models.all(IMAGE), what="the first survey")
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
    sandbox.press(ada, photo, "🎨 Model")
    listed = with_button(sandbox, ada, photo, "old-foxes")
    served.replace(IMAGE, {MODEL: {"providers": {}}, "who/new-owls": {"providers": {}}})
    restart_bot(installation)

    sandbox.press(ada, listed, "old-foxes")

    assert "old-foxes" not in str(with_button(sandbox, ada, photo, "new-owls")["reply_markup"])
    assert len(installation.rows(ada)) == 1
