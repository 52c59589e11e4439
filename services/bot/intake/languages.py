"""In which language a person is spoken to: the one they chose, else the one that Telegram tells. Pure."""

from telegram import Bot, Update, User

from services.bot.texts.locales import languages

_TOLD = "told_language_code"  # beside the chosen one, what Telegram said


def in_language(update: Update, language: str | None, bot: Bot) -> Update:
    """The update as if its sender's Telegram spoke the chosen language; handlers need not know of any choice."""
    if language not in languages():
        return update
    body = update.to_dict()
    for content in body.values():
        sender = content.get("from") if isinstance(content, dict) else None
        if sender is not None:
            sender[_TOLD] = sender.get("language_code")
            sender["language_code"] = str(language).replace("_", "-").lower()
    return Update.de_json(body, bot)


def told_language(user: User) -> str:
    """The language that Telegram told, whatever was chosen."""
    return str(user.api_kwargs.get(_TOLD, user.language_code) or "en")
