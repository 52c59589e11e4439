"""Updates with numbers that no database takes, and with none: they hold nobody up."""

import pytest
from cryptography.fernet import Fernet
from telegram import Bot

from services.bot.intake.annotations import Notes
from services.bot.intake.poller import has_storable_numbers, parse, raw_update, redacted
from shared.key_cipher import KeyCipher

CIPHER = KeyCipher(Fernet.generate_key().decode())
MOST = 2**63 - 1


@pytest.mark.parametrize("value", [0, MOST, -MOST, 1.5, "9" * 30, None, True, [1, {"a": [2]}]])
def test_usual_numbers_are_stored(value: object) -> None:
    assert has_storable_numbers(value)


@pytest.mark.parametrize("value", [MOST + 1, -(10**30), [1, {"a": [2**64]}]])
def test_numbers_beyond_64_bits_are_found_wherever_they_stand(value: object) -> None:
    assert not has_storable_numbers(value)


@pytest.mark.parametrize("number", [[], "7", None, 1.5, {}])
@pytest.mark.parametrize("place", ["message", "chat", "from", "thread"])
def test_an_update_with_something_else_in_the_place_of_a_number_is_not_handled(place: str, number: object) -> None:
    message = {"message_id": 1, "message_thread_id": 2, "date": 0, "chat": {"id": 7, "type": "private"}}
    message["from"] = {"id": 7, "is_bot": False, "first_name": "x"}
    match place:
        case "message":
            message["message_id"] = number
        case "thread":
            message["message_thread_id"] = number
        case _:
            message[place] = message[place] | {"id": number}

    assert parse(1, {"update_id": 1, "callback_query": {"id": "1", "message": message}}, Bot("1:a")) is None


def test_an_update_that_holds_one_is_not_handled() -> None:
    body = {"update_id": 1, "stopped_message_generation": {"chat": {"id": 7, "type": "private"}, "draft_id": 2**63}}

    assert parse(1, body, Bot("1:a")) is None


@pytest.mark.parametrize("number", [[], "7", None, 1.5, {}])
@pytest.mark.parametrize("kind", ["message", "edited_message"])
def test_a_message_whose_number_is_none_keeps_no_others_from_being_written_down(kind: str, number: object) -> None:
    body = {"update_id": 1, kind: {"message_id": number, "chat": {"id": number, "type": "private"}, "date": 0}}

    raw = raw_update(1, body, Notes(), readable=parse(1, body, Bot("1:a")) is not None)

    assert (raw.readable, raw.chat_id, raw.message_id) == (False, None, None)


def test_one_that_is_numbered_so_is_left_out_and_the_others_stay() -> None:
    fetched = [{"update_id": 2**63}, {"update_id": 8}]

    assert list(redacted(fetched, CIPHER, 1)) == [8]
