"""Seals whatever looks like a key in an update, before the update is written down or handled. Pure but for the seal."""

from collections.abc import Iterator

from telegram import Message, TelegramObject

from services.bot.telegram.open_questions import question_in
from services.bot.texts.locales import languages, say
from services.bot.texts.utf16 import units
from shared.json_types import JsonObject, JsonValue, inside, whole_number
from shared.key_cipher import SERVICES, KeyCipher, SealedKey, read_sealed
from shared.questions import Asked
from shared.redaction import GOOGLE, keys_in

QUESTIONS = {GOOGLE: "ask_key_google", "huggingface": "ask_key_huggingface"}
KINDS = ("message", "edited_message", "business_message", "edited_business_message", "channel_post")
# Telegram's own letters and numbers; they may look like anything.
NOT_WORDS = ("_id", "id")


def asked_for(message: JsonObject, bot_id: int) -> str | None:
    """The service for whose key this message answers our question, as Telegram wrote it down."""
    question = question_in(message)
    if question is not None and question.kind is Asked.KEY:
        return str(question.about["service"])
    if inside(message, "reply_to_message", "from", "id") != bot_id:
        return None
    return question_about(inside(message, "reply_to_message", "text"))


def question_about(text: JsonValue) -> str | None:
    """The service whose key a message asks for; its words tell, so nothing is remembered."""
    return next((one for one in SERVICES if text in {say(QUESTIONS[one], each) for each in languages()}), None)


def sealed_in(message: Message) -> SealedKey | None:
    """The first sealed key in what a message itself says: words, quote, links, names of what came with it."""
    return next((sealed for text in _own_words(message) if (sealed := read_sealed(text)) is not None), None)


def _own_words(message: Message) -> Iterator[str]:
    yield message.text or message.caption or ""
    if message.quote is not None:
        yield message.quote.text
    yield from (entity.url for entity in (*message.entities, *message.caption_entities) if entity.url)
    attached = message.effective_attachment
    if isinstance(attached, TelegramObject):
        yield from _texts(attached.to_dict())


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list() | dict():
            for one in value.values() if isinstance(value, dict) else value:
                yield from _texts(one)


def redact_update(update: JsonObject, cipher: KeyCipher, bot_id: int) -> JsonObject:
    """The update with sealed keys in the place of plain ones; the formatting of a text that changed goes."""
    return _redact_fields(update, cipher) | {
        name: _encrypt_answer(body, cipher)
        for name, body in update.items()
        if name in KINDS and isinstance(body, dict) and asked_for(body, bot_id) is not None
    }


def _encrypt_answer(message: JsonObject, cipher: KeyCipher) -> JsonObject:
    """An answer to our question is a key whatever it looks like. What is sealed is random, and may look like a key."""
    words = {name: str(cipher.encrypt(str(message[name]))) for name in ("text", "caption") if name in message}
    without = {name: value for name, value in message.items() if name not in {"entities", "caption_entities", "quote"}}
    return _redact_fields(without, cipher) | words


def _redact(value: JsonValue, cipher: KeyCipher, name: str = "") -> JsonValue:
    match value:
        case str():
            return value if name.endswith(NOT_WORDS) else cipher.redact(value)
        case list():
            return [_redact(one, cipher, name) for one in value]
        case dict():
            return _redact_fields(value, cipher)
    return value


def _redact_fields(fields: JsonObject, cipher: KeyCipher) -> JsonObject:
    found = {name: _redact(value, cipher, name) for name, value in fields.items()}
    for words, marks in (("text", "entities"), ("caption", "caption_entities")):
        text = fields.get(words)
        if isinstance(text, str) and marks in found and (key := next(keys_in(text), None)):
            # What is marked behind the key has moved; a command stands before it.
            start = units(text[: key.start])
            found[marks] = [one for one in _list(found[marks]) if _end_of(one) <= start]
    return found


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _end_of(entity: JsonValue) -> int:
    return whole_number(inside(entity, "offset")) + whole_number(inside(entity, "length"))
