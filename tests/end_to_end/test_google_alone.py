"""An owner with a Google key alone: Gemini creates the pictures, and changes them by words."""

import pytest

from tests.end_to_end.test_photos import a_photo, is_reddish, painted

SETTINGS = {"HF_TOKEN": "", "G2D_IMAGE_MODEL": ""}
MODEL = "google/gemini-3.1-flash-image"


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture(scope="session", params=["embedded"])
def size(request):
    """A bot that runs apart has to be told."""
    return request.param


def test_gemini_creates_pictures_and_changes_them(installation, sandbox, ada):
    first, photo = painted(installation, sandbox, ada, "/imagine a fox --ar 3:2")
    changed, _ = painted(installation, sandbox, ada, "make it night", reply_to_message_id=photo["message_id"])

    assert (first.provider, first.recipe["model"], first.recipe["over_picture"]) == ("gemini", MODEL, False)
    assert "unavailable" not in photo["caption"]
    assert (changed.recipe["model"], changed.recipe["over_picture"]) == (MODEL, True)
    [attempt] = [one for one in installation.attempts(changed.id) if one.step == "image"]
    assert (attempt.service, attempt.pictures, attempt.cost) == ("gemini/image-to-image", 1, 67_000)
    assert sandbox.journal("router") == []


def test_a_photo_is_changed_by_words(installation, sandbox, ada):
    row, photo = painted(installation, sandbox, ada, "/imagine at night", photo=a_photo("red"))

    assert is_reddish(installation.picture(row.image_key))
    assert "Based on your picture itself (gemini-3.1-flash-image)" in photo["caption"]
