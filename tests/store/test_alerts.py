"""What owners are told of once in a period."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.budgets import Budgets, Period
from shared.errands import ErrandKind
from shared.jobs import Address, Attempt, Sender
from shared.store import tables
from shared.store.alerts import CALM, Alert, Alerts, level_of
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.spending import book
from shared.store.workers import Workers
from tests.builders import AN_HOUR, BOT, an_attempt, claim_errand, submit, submit_and_claim

NOW = datetime.now(UTC)
TODAY, THIS_MONTH = (period.began(NOW).date() for period in Period)
LIMITS = Budgets(money_a_day=1_000, money_a_month=10_000)


def spend(database: Database, cost: int) -> None:
    with database.writing() as connection:
        book(database, connection, cost, NOW)


def fail(database: Database, attempt: Attempt) -> None:
    Jobs(database).give_up(submit_and_claim(database), attempt.outcome, [attempt])


class TestMoney:
    def test_is_told_of_at_each_level_once_in_a_period(self, database: Database) -> None:
        alerts, told = Alerts(database, LIMITS), []

        for cost in (499, 1, 1, 298, 1, 200, 5_000):
            spend(database, cost)
            alerts.look_at_money(NOW)
            told.append([one.kind for one in alerts.take_untold()])

        assert told == [
            [],
            ["money_day_50"],
            [],
            [],
            ["money_day_80"],
            ["money_day_100"],
            ["money_month_50"],
        ]

    def test_begins_anew_with_the_next_day(self, database: Database) -> None:
        alerts = Alerts(database, LIMITS)
        spend(database, 1_000)
        alerts.look_at_money(NOW)
        assert alerts.take_untold() == [Alert("money_day_100", TODAY)]

        with database.writing() as connection:
            connection.execute(update(tables.alerts).values(period=TODAY - timedelta(days=1)))
        alerts.look_at_money(NOW)

        assert alerts.take_untold() == [Alert("money_day_100", TODAY)]

    def test_without_a_limit_is_not_told_of(self, database: Database) -> None:
        alerts = Alerts(database, Budgets())
        spend(database, 10**9)

        alerts.look_at_money(NOW)

        assert alerts.take_untold() == []

    @pytest.mark.parametrize(
        ("used", "level"),
        [(0, None), (499, None), (500, 50), (799, 50), (800, 80), (989, 80), (990, 100), (5_000, 100)],
    )
    def test_has_three_levels(self, used: int, level: int | None) -> None:
        assert level_of(used, 1_000) == level


class TestCallsOnTheOwnersKeys:
    @pytest.mark.parametrize(
        ("step", "outcome", "kind"),
        [
            ("image", "no_credit", "no_credit"),
            ("image", "bad_credentials", "refused_huggingface"),
            ("prompt", "bad_credentials", "refused_google"),
        ],
    )
    def test_are_told_of_once_a_day_when_they_are_refused(
        self, database: Database, step: str, outcome: str, kind: str
    ) -> None:
        alerts = Alerts(database, Budgets())
        for _ in range(2):
            fail(database, an_attempt(step=step, outcome=outcome, owner_pays=True))

        assert [one.kind for one in alerts.take_untold()] == [kind]
        fail(database, an_attempt(step=step, outcome=outcome, owner_pays=True))
        assert alerts.take_untold() == []

    @pytest.mark.parametrize("outcome", ["ok", "service_busy"])
    def test_are_not_told_of_for_other_reasons(self, database: Database, outcome: str) -> None:
        fail(database, an_attempt(outcome=outcome, owner_pays=True))
        fail(database, an_attempt(outcome="no_credit", owner_pays=False))

        assert Alerts(database, Budgets()).take_untold() == []

    def test_are_told_of_when_a_question_was_refused(self, database: Database) -> None:
        errands = Errands(database)
        errands.submit(ErrandKind.CHAT, {"text": "hello"}, address=Address(BOT, 7, 1), sender=Sender(7))

        errands.give_up(claim_errand(database), "bad_credentials")

        assert [one.kind for one in Alerts(database, Budgets()).take_untold()] == ["refused_google"]


class TestTelling:
    def test_of_several_processes_one_tells(self, database: Database) -> None:
        fail(database, an_attempt(outcome="no_credit", owner_pays=True))

        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda _: Alerts(database, Budgets()).take_untold(), range(4)))

        assert sum(map(len, taken)) == 1

    def test_what_nobody_could_be_told_of_comes_again(self, database: Database) -> None:
        alerts = Alerts(database, Budgets())
        fail(database, an_attempt(outcome="no_credit", owner_pays=True))
        [alert] = alerts.take_untold()

        alerts.not_told(alert)

        assert alerts.take_untold() == [alert]

    def test_what_is_a_day_old_is_told_no_more(self, database: Database) -> None:
        fail(database, an_attempt(outcome="no_credit", owner_pays=True))
        with database.writing() as connection:
            connection.execute(update(tables.alerts).values(noted_at=NOW - timedelta(days=1, seconds=1)))

        assert Alerts(database, Budgets()).take_untold() == []


class TestTheQueue:
    QUARTER = timedelta(minutes=15)

    def kinds(self, alerts: Alerts, now: datetime = NOW) -> list[str]:
        alerts.look_at_queue(now)
        return [one.kind for one in alerts.take_untold()]

    def wait(self, database: Database, minutes: float) -> None:
        with database.writing() as connection:
            connection.execute(update(tables.jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=minutes)))

    def test_without_a_worker_is_told_of_once_until_there_is_one(self, database: Database) -> None:
        alerts, workers = Alerts(database, Budgets()), Workers(database)
        submit(database)
        assert self.kinds(alerts) == []
        self.wait(database, 2)
        assert self.kinds(alerts) == ["no_worker"]
        assert self.kinds(alerts) == []

        workers.beat("worker", 8, lease=AN_HOUR)
        later = NOW + CALM + timedelta(minutes=1)
        assert self.kinds(alerts, later) == []
        workers.gone("worker")

        assert self.kinds(alerts, later) == ["no_worker"]

    def test_with_a_worker_that_comes_and_goes_is_told_of_once(self, database: Database) -> None:
        alerts, workers = Alerts(database, Budgets()), Workers(database)
        submit(database)
        self.wait(database, 2)
        told = self.kinds(alerts)
        for _ in range(3):
            workers.beat("worker", 8, lease=AN_HOUR)
            told += self.kinds(alerts)
            workers.gone("worker")
            told += self.kinds(alerts)

        assert told == ["no_worker"]

    def test_that_is_old_is_told_of_where_its_owner_wants_it(self, database: Database) -> None:
        Workers(database).beat("worker", 8, lease=AN_HOUR)
        submit(database)
        self.wait(database, 14)
        assert self.kinds(Alerts(database, Budgets(), oldest=self.QUARTER)) == []
        self.wait(database, 16)

        assert self.kinds(Alerts(database, Budgets())) == []
        assert self.kinds(Alerts(database, Budgets(), oldest=self.QUARTER)) == ["old_queue"]

    def test_of_nothing_is_not_told_of(self, database: Database) -> None:
        assert self.kinds(Alerts(database, Budgets(), oldest=self.QUARTER)) == []
