"""Writes refusals of a budget or a full queue: the reason, when it resets, and whether an own key would help."""

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.helpers import create_deep_linked_url

from services.bot.telegram.addresses import answer
from services.bot.telegram.start_links import KEYS
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration
from shared.errors import (
    BadCredentials,
    BudgetUsedUp,
    GeminiDenied,
    GeminiUnpaid,
    KeyNeeded,
    ModelGated,
    NoCredit,
    OwnKeyRefused,
    OwnKeyUnpaid,
    OwnKeyUnreadable,
    QuotaExhausted,
    UserError,
)
from shared.jobs import Address

MENDED_BY_KEYS = {
    kind.reason
    for kind in (
        KeyNeeded,
        OwnKeyRefused,
        OwnKeyUnreadable,
        OwnKeyUnpaid,
        GeminiUnpaid,
        GeminiDenied,
        QuotaExhausted,
        BadCredentials,
        NoCredit,
        ModelGated,
    )
}


def write_refusal(error: UserError, language: str) -> str:
    """Why, as Telegram HTML; of a budget also when it begins anew."""
    text = say(error.reason, language, **error.values)
    if not isinstance(error, BudgetUsedUp):
        return text
    anew = say("budget_reset", language, time=duration(error.seconds, language))
    return "\n".join((text, f"{anew} {say('budget_keys', language)}"))


def way_out(error: UserError, language: str, username: str) -> InlineKeyboardMarkup | None:
    """A button that leads to one's own keys, where these would help."""
    return keys_button(language, username) if isinstance(error, BudgetUsedUp) else None


def after_failure(reason: str | None, language: str, username: str) -> InlineKeyboardMarkup | None:
    """A button that leads to one's own keys, after a failure that these can mend."""
    return keys_button(language, username, "button_keys") if reason in MENDED_BY_KEYS else None


def keys_button(language: str, username: str, label: str = "button_own_keys") -> InlineKeyboardMarkup:
    """A button that leads to one's own keys."""
    # Keys are spoken of in private: a link leads there from any chat.
    url = create_deep_linked_url(username, KEYS)
    return InlineKeyboardMarkup.from_button(InlineKeyboardButton(say(label, language), url=url))


async def refuse(error: UserError, address: Address, language: str, bot: Bot) -> None:
    """Tell somebody that what they asked for was not taken in."""
    text, buttons = write_refusal(error, language), way_out(error, language, bot.username)
    await bot.send_message(text=text, reply_markup=buttons, **answer(address))
