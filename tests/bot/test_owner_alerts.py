"""What owners read when money runs out, or a key of theirs is refused."""

import asyncio
from typing import Any

import pytest
from telegram.error import Forbidden

from services.bot.budgets.alerts import OwnersAlerts, write_alert
from services.bot.texts.locales import languages
from shared.access import Known, Profile, Role
from shared.budgets import Budgets
from shared.store.alerts import LASTING, Alert, Alerts
from shared.store.database import Database
from shared.store.depths import Depth, Depths
from shared.store.jobs import Jobs
from shared.store.spending import Spent
from tests.builders import an_attempt, submit_and_claim

ADA = Known(Profile(1, "Ada", language="de"), Role.OWNER)
BOB = Known(Profile(2, "Bob"), Role.OWNER)
IDLE = Depths((), 0, 0.0, 0, 0, Spent())
CAROL = Known(Profile(3, "Carol"), Role.ADMIN)


class Telegram:
    """Takes messages for those who have not blocked the bot."""

    def __init__(self, *blocked: int) -> None:
        self.blocked = set(blocked)
        self.sent: list[tuple[int, str]] = []

    async def send_message(self, chat_id: int, text: str, **_: Any) -> None:
        if chat_id in self.blocked:
            raise Forbidden("bot was blocked by the user")
        self.sent.append((chat_id, text))


@pytest.fixture
def refused(database: Database) -> Database:
    """A record in which a painter has said that the owner has no credit."""
    attempt = an_attempt(outcome="no_credit", owner_pays=True)
    Jobs(database).give_up(submit_and_claim(database), "no_credit", [attempt])
    return database


def tell(database: Database, telegram: Telegram) -> None:
    alerts = OwnersAlerts(Alerts(database, Budgets()), Budgets(), lambda: [ADA, BOB, CAROL])
    asyncio.run(alerts.tell(telegram))  # type: ignore[arg-type]


def test_every_owner_is_told_once_in_their_language(refused: Database) -> None:
    telegram = Telegram()

    tell(refused, telegram)
    tell(refused, telegram)

    assert [chat_id for chat_id, _ in telegram.sent] == [ADA.id, BOB.id]
    assert "Guthaben" in telegram.sent[0][1]
    assert "https://huggingface.co/settings/billing" in telegram.sent[1][1]


def test_owners_who_could_not_be_told_are_told_later(refused: Database) -> None:
    tell(refused, Telegram(ADA.id, BOB.id))
    telegram = Telegram(ADA.id)

    tell(refused, telegram)

    assert [chat_id for chat_id, _ in telegram.sent] == [BOB.id]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("period", ["day", "month"])
def test_money_is_told_with_amounts_and_the_setting(period: str, language: str) -> None:
    budgets, spent = Budgets(money_a_day=30_000_000, money_a_month=300_000_000), Spent(24_500_000, 245_000_000)
    owner = Known(Profile(1, "Ada", language=language), Role.OWNER)

    text = write_alert(Alert(f"money_{period}_80", LASTING), spent, IDLE, budgets, owner)

    assert f"G2D_MONEY_{period.upper()}" in text
    assert "300" in text if period == "month" else "30" in text


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", ["no_worker", "old_queue"])
def test_work_that_nobody_does_is_told_with_figures(kind: str, language: str) -> None:
    late = Depths((Depth("picture", "queued", 7, 1_800.0),), 0, 0.0, 2, 256, Spent())
    owner = Known(Profile(1, "Ada", language=language), Role.OWNER)

    text = write_alert(Alert(kind, LASTING), Spent(), late, Budgets(), owner)

    assert "7" in text
    assert "30" in text or kind == "no_worker"
