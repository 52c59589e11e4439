"""``/usage``: what somebody has used of the owner's keys, what is left, and when it begins anew."""

import asyncio

from telegram import Update
from telegram.ext import ContextTypes

from services.bot.access.standing import is_from_manager
from services.bot.budgets.refusals import keys_button
from services.bot.locales import say
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.texts.number_format import money, time_until
from shared.budgets import Budgets
from shared.store.budgets import Asker
from shared.store.spending import Spent
from shared.store.usage import Budget, Usage, UsageReader


class UsageCommand:
    """Tells people how they stand."""

    def __init__(self, usage: UsageReader) -> None:
        self._usage = usage

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/usage``; owners and admins read in private what the whole bot has spent."""
        message = update.effective_message
        if message is None:
            return
        address, sender = address_of(message, context.bot.id), sender_of(message)
        asker = Asker(address.bot_id, sender.id, None if address.private else address.chat_id)
        usage = await asyncio.to_thread(self._usage.read, asker)
        lines = write_usage(usage, sender.language)
        if address.private and is_from_manager():
            lines.append(write_spent(usage.spent, self._usage.budgets, sender.language))
        is_limited = bool(usage.pictures or usage.tokens)
        buttons = keys_button(sender.language, context.bot.username) if is_limited else None
        await context.bot.send_message(text="\n".join(lines), reply_markup=buttons, **answer(address))


def write_usage(usage: Usage, language: str) -> list[str]:
    """A line for each limit, as Telegram HTML."""
    lines = [say("usage_title", language)]
    lines += [_line(one, language) for one in (*usage.pictures, *usage.tokens)]
    if not usage.owner_paints:
        lines.append(say("usage_own_pictures", language))
    if not usage.owner_writes:
        lines.append(say("usage_own_tokens", language))
    return lines if len(lines) > 1 else [*lines, say("usage_unlimited", language)]


def write_spent(spent: Spent, budgets: Budgets, language: str) -> str:
    """What the whole bot has spent."""
    day = _of(spent.day, budgets.money_a_day, language)
    return say("usage_money", language, day=day, month=_of(spent.month, budgets.money_a_month, language))


def _line(one: Budget, language: str) -> str:
    sentence = {"day": "usage_day", "month": "usage_month", "group": "usage_group", "tokens": "usage_tokens"}[one.name]
    time = time_until(one.seconds, language)
    return say(sentence, language, used=one.used, most=one.most, left=one.left, time=time)


def _of(used: int, most: int, language: str) -> str:
    told = money(used, language)
    return say("usage_of", language, used=told, most=money(most, language)) if most else told
