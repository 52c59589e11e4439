"""In which language a person is spoken to."""

import pytest
from telegram import Bot, Update

from services.bot.intake.languages import in_language, told_language

BOT = Bot("42:TEST")  # pragma: allowlist secret
CHAT = {"id": 7, "type": "private", "first_name": "Ada"}


def an_update(code: str | None) -> Update:
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"} | ({"language_code": code} if code else {})
    message = {"message_id": 5, "date": 1_750_000_000, "chat": CHAT, "from": sender, "text": "hello"}
    return Update.de_json({"update_id": 1, "message": message}, BOT)


def spoken(update: Update) -> str | None:
    assert update.effective_user is not None
    return update.effective_user.language_code


@pytest.mark.parametrize(("chosen", "code"), [("de", "de"), ("pt_BR", "pt-br"), ("ar", "ar")])
def test_the_chosen_one_counts(chosen: str, code: str) -> None:
    assert spoken(in_language(an_update("en"), chosen, BOT)) == code


@pytest.mark.parametrize("chosen", [None, "", "tlh"])
def test_without_a_choice_it_is_the_one_that_telegram_tells(chosen: str | None) -> None:
    update = an_update("fr")

    assert in_language(update, chosen, BOT) is update


@pytest.mark.parametrize(("told", "language"), [("fr", "fr"), (None, "en")])
def test_what_telegram_told_is_known_beside_the_choice(told: str | None, language: str) -> None:
    update = in_language(an_update(told), "de", BOT)

    assert update.effective_user is not None
    assert told_language(update.effective_user) == language
