"""``/usage``: what a person has used of the owner's keys, what is left, and when it resets."""

import asyncio

from services.bot.access.standing import is_from_manager
from services.bot.budgets.refusals import keys_button
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration, money
from shared.budgets import Budgets
from shared.store.budgets import Asker
from shared.store.spending import Spent
from shared.store.usage import Budget, Usage, UsageReader


class UsageCommand:
    """Tells people how they stand."""

    def __init__(self, usage: UsageReader) -> None:
        self._usage = usage

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/usage``; owners and admins read in private what the whole bot has spent."""
        address, language = asked.address, asked.language
        asker = Asker(address.bot_id, asked.sender.id, None if address.private else address.chat_id)
        usage = await asyncio.to_thread(self._usage.read, asker)
        lines = write_usage(usage, language)
        if address.private and is_from_manager():
            lines.append(write_spent(usage.spent, self._usage.budgets, language))
        is_limited = bool(usage.pictures or usage.tokens)
        buttons = keys_button(language, asked.bot.username) if is_limited else None
        await asked.answer("\n".join(lines), buttons)


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
    time = duration(one.seconds, language)
    return say(sentence, language, used=one.used, most=one.most, left=one.left, time=time)


def _of(used: int, limit: int, language: str) -> str:
    told = money(used, language)
    return say("usage_of", language, used=told, most=money(limit, language)) if limit else told
