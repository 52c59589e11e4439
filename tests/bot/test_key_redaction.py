"""No key gets further than the door, wherever in an update it stands."""

from typing import Any
from unittest import mock

import pytest
from cryptography.fernet import Fernet

from services.bot.intake.key_redaction import redact_update
from services.bot.texts.locales import say
from shared.key_cipher import KeyCipher, read_sealed
from shared.redaction import keys_in
from tests.builders import BOT

KEYS = ("AIzaSyPERSONALpersonalPERSONALpersonalPER", "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")
CIPHER = KeyCipher(Fernet.generate_key().decode())


def sealed(**update: Any) -> dict[str, Any]:
    return redact_update({"update_id": 1, **update}, CIPHER, BOT)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["message", "edited_message", "channel_post", "business_message"])
@pytest.mark.parametrize(
    "place",
    [
        lambda key: {"text": f"/imagine a fox {key}"},
        lambda key: {"photo": [{"file_id": "a"}], "caption": f"my {key}!"},
        lambda key: {"text": "look", "quote": {"text": key}},
        lambda key: {"text": "look", "reply_to_message": {"text": f"it was {key}"}},
        lambda key: {"document": {"file_id": "a", "file_name": f"{key}.txt"}},
        lambda key: {"text": "here", "entities": [{"type": "text_link", "url": f"https://x/?key={key}"}]},
        lambda key: {"data": key},
    ],
    ids=["text", "caption", "quote", "reply", "file name", "link", "data"],
)
def test_what_looks_like_a_key_is_sealed(key: str, kind: str, place: Any):
    written_down = sealed(**{kind: place(key)})

    assert key not in str(written_down)
    found = read_sealed(str(written_down))
    assert found is not None
    assert CIPHER.decrypt(found.sealed) == key


@pytest.mark.parametrize("words", ["text", "caption"])
@pytest.mark.parametrize("kind", ["message", "edited_message"])
def test_an_answer_to_our_question_is_a_key_whatever_it_looks_like(kind: str, words: str):
    asked = {"from": {"id": BOT}, "text": say("ask_key_google", "en")}

    written_down = sealed(**{kind: {words: "some-other-shape-of-key", "reply_to_message": asked}})

    assert "some-other-shape-of-key" not in str(written_down)


def test_a_sealed_key_that_looks_like_a_key_itself_stays_whole():
    """One of about 1,600 does."""
    key = KEYS[1]
    looks_like_one = next(one for one in iter(lambda: CIPHER.encrypt(key), None) if next(keys_in(str(one)), None))
    with mock.patch.object(CIPHER, "encrypt", return_value=looks_like_one):
        asked = {"from": {"id": BOT}, "text": say("ask_key_huggingface", "en")}

        written_down = sealed(message={"text": key, "reply_to_message": asked})

    assert read_sealed(written_down["message"]["text"]) == looks_like_one


def test_the_rest_stays_as_it_was():
    update = {
        "message": {"message_id": 5, "text": "/imagine a fox", "entities": [{"offset": 0, "length": 8}]},
        "callback_query": {"id": KEYS[0], "data": "again 5", "message": {"photo": [{"file_id": KEYS[1]}]}},
    }

    assert sealed(**update) == {"update_id": 1, **update}


def test_a_command_before_a_key_is_still_one():
    entities = [{"type": "bot_command", "offset": 0, "length": 8}, {"type": "bold", "offset": 60, "length": 4}]

    written_down = sealed(message={"text": f"/imagine {KEYS[0]} and more", "entities": entities})

    assert written_down["message"]["entities"] == entities[:1]
