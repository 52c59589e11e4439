"""For which service's key a message answers our question."""

from datetime import UTC, datetime

import pytest
from telegram import Chat, Message, User

from services.bot.intake.key_redaction import QUESTIONS
from services.bot.settings.keys import service_asked_for
from services.bot.texts.locales import languages, say
from shared.redaction import GOOGLE, HUGGINGFACE


def a_message(text: str, reply_to: str | None = None) -> Message:
    chat, ada = Chat(7, Chat.PRIVATE), User(7, "Ada", False)
    asked = Message(4, datetime.now(UTC), chat, text=reply_to) if reply_to is not None else None
    return Message(5, datetime.now(UTC), chat, from_user=ada, text=text, reply_to_message=asked)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("service", [GOOGLE, HUGGINGFACE])
def test_a_reply_to_the_question_tells_in_every_language(service: str, language: str) -> None:
    assert service_asked_for(a_message("a key", say(QUESTIONS[service], language))) == service


@pytest.mark.parametrize("reply_to", [None, "", "Which picture?"])
def test_another_message_asks_for_none(reply_to: str | None) -> None:
    assert service_asked_for(a_message("a key", reply_to)) is None
