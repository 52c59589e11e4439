"""Says why nothing more is taken in now, when it will be, and how somebody need not wait."""

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.helpers import create_deep_linked_url

from services.bot.locales import say
from services.bot.telegram.addresses import answer
from services.bot.texts.number_format import time_until
from shared.errors import BudgetUsedUp, UserError
from shared.jobs import Address


def write_refusal(error: UserError, language: str) -> str:
    """Why, as Telegram HTML; of a budget also when it begins anew."""
    text = say(error.reason, language, **error.values)
    if not isinstance(error, BudgetUsedUp):
        return text
    anew = say("budget_reset", language, time=time_until(error.seconds, language))
    return "\n".join((text, f"{anew} {say('budget_keys', language)}"))


def way_out(error: UserError, language: str, username: str) -> InlineKeyboardMarkup | None:
    """A button that leads to one's own keys, where these would help."""
    return keys_button(language, username) if isinstance(error, BudgetUsedUp) else None


def keys_button(language: str, username: str) -> InlineKeyboardMarkup:
    """A button that leads to one's own keys."""
    # Keys are spoken of in private: a link leads there from any chat.
    url = create_deep_linked_url(username, "keys")
    return InlineKeyboardMarkup.from_button(InlineKeyboardButton(say("button_own_keys", language), url=url))


async def refuse(error: UserError, address: Address, language: str, bot: Bot) -> None:
    """Tell somebody that what they asked for was not taken in."""
    text, buttons = write_refusal(error, language), way_out(error, language, bot.username)
    await bot.send_message(text=text, reply_markup=buttons, **answer(address))
