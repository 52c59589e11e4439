"""Alerts owners, once a period: budgets that run out, refused keys, no live worker, an old queue."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import TelegramError

from services.bot.telegram.errors import words_of
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration, money
from shared.access import Known, Role
from shared.budgets import Budgets
from shared.errors import StoreAway
from shared.jobs import State
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store.alerts import NO_CREDIT, NO_WORKER, OLD_QUEUE, REFUSED, WAITING, Alert, Alerts
from shared.store.depths import Depths
from shared.store.spending import Spent

log = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
SENTENCES = {
    NO_CREDIT: "alert_no_credit",
    REFUSED[GOOGLE]: "alert_refused_google",
    REFUSED[HUGGINGFACE]: "alert_refused_huggingface",
}


class OwnersAlerts:
    """Sends what the record says that owners should know."""

    def __init__(self, alerts: Alerts, budgets: Budgets, managers: Callable[[], Sequence[Known]]) -> None:
        self._alerts = alerts
        self._budgets = budgets
        self._managers = managers

    async def keep_telling(self, bot: Bot) -> None:
        """Look every now and then. Runs until cancelled.

        The first look is put off, too: a worker that starts at the same moment is to say first that it is there.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.tell(bot)
            except StoreAway as error:
                log.warning("owners not told", extra={"error": str(error)})

    async def tell(self, bot: Bot) -> None:
        """Tell all owners of what they have not been told in this period."""
        spent = await asyncio.to_thread(self._alerts.look_at_money)
        depths = await asyncio.to_thread(self._alerts.look_at_queue)
        for alert in await asyncio.to_thread(self._alerts.take_untold):
            log.warning("owners are told", extra={"alert": alert.kind})
            owners = [one for one in await asyncio.to_thread(self._managers) if one.role is Role.OWNER]
            told = [
                await self._send(bot, owner, write_alert(alert, spent, depths, self._budgets, owner))
                for owner in owners
            ]
            if owners and not any(told):
                await asyncio.to_thread(self._alerts.not_told, alert)

    @staticmethod
    async def _send(bot: Bot, owner: Known, text: str) -> bool:
        try:
            await bot.send_message(owner.id, text, parse_mode=ParseMode.HTML)
        except TelegramError as error:
            log.info("owner not told", extra={"id": owner.id, "error": words_of(error)})
            return False
        return True


def write_alert(alert: Alert, spent: Spent, depths: Depths, budgets: Budgets, owner: Known) -> str:
    """What happened and what to do, in an owner's language, as Telegram HTML."""
    language = owner.profile.language
    if alert.kind in SENTENCES:
        return say(SENTENCES[alert.kind], language)
    if alert.kind == NO_WORKER:
        return say("alert_no_worker", language, waiting=depths.count(*WAITING))
    if alert.kind == OLD_QUEUE:
        time = duration(depths.oldest_s(State.QUEUED), language)
        return say("alert_old_queue", language, time=time, waiting=depths.count(*WAITING), workers=depths.workers)
    _, period, percent = alert.kind.split("_")
    is_of_day = period == "day"
    used, most = (spent.day, budgets.money_a_day) if is_of_day else (spent.month, budgets.money_a_month)
    sentence = "alert_money_day" if is_of_day else "alert_money_month"
    return say(sentence, language, percent=int(percent), used=money(used, language), most=money(most, language))
