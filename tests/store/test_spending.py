"""Money and tokens: booked with the calls that cost them, and held against the owner's limits."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.access import Profile, Role
from shared.budgets import Budgets, Period
from shared.clock import present
from shared.errands import Bill, Errand, ErrandKind
from shared.errors import BudgetUsedUp
from shared.jobs import Address, Job, Parameters, Request, Sender
from shared.prices import Prices
from shared.queue_policy import QueuePolicy
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.access import Roles
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs, LostTurn
from shared.store.keys import Keys
from shared.store.spending import Spending
from tests.builders import BOT, FOX_RECIPE, UNCAPPED, an_attempt, claim, claim_errand

ADA = 7
DEV = "black-forest-labs/FLUX.1-dev"
RAW = Parameters(raw=True)
PICTURE = 25_000  # of the model above, in millionths of a dollar
_messages = itertools.count(1_000)


def terms(**budgets: Any) -> QueuePolicy:
    return replace(UNCAPPED, budgets=Budgets(**budgets), prices=Prices(image_model=DEV, chat_model="gemini-3.8-flash"))


FOUR_PICTURES = terms(money_a_day=4 * PICTURE)


def ask(database: Database, count: int = 1, *, user: int = ADA, policy: QueuePolicy = FOUR_PICTURES) -> Job:
    address = Address(BOT, user, next(_messages))
    return Jobs(database, policy).submit(Request("a fox", RAW, count), address=address, sender=Sender(user))[0]


def ask_gemini(database: Database, *, user: int = ADA, policy: QueuePolicy) -> Errand:
    address = Address(BOT, user, next(_messages))
    return Errands(database, policy).submit(ErrandKind.CHAT, {"text": "hello"}, address=address, sender=Sender(user))[0]


def end(database: Database, job: Job, cost: int) -> None:
    attempts = [an_attempt(pictures=1, owner_pays=True, cost=cost)]
    Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png", attempts=attempts)


def spent(database: Database) -> tuple[int, int, int]:
    sums = Spending(database).read(datetime.now(UTC))
    return sums.day, sums.month, sums.reserved


def bring_key(database: Database, service: str) -> None:
    Keys(database).put(ADA, service, sealed="s", last_four="1234", bot_id=BOT, message_id=1, language="en")


class TestMoney:
    def test_what_does_not_fit_is_refused_as_a_whole(self, database: Database) -> None:
        ask(database, 3)

        with pytest.raises(BudgetUsedUp) as refused:
            ask(database, 2, user=8)

        assert refused.value.reason == "budget_money_day"
        assert 0 < refused.value.seconds <= 86_400
        assert spent(database) == (0, 0, 3 * PICTURE)

    def test_what_a_call_cost_takes_the_place_of_what_it_might_cost(self, database: Database) -> None:
        ask(database)

        end(database, claim(database), 3_000)

        assert spent(database) == (3_000, 3_000, 0)

    def test_what_ends_unpaid_costs_nothing(self, database: Database) -> None:
        Jobs(database).cancel([ask(database).id])

        assert spent(database) == (0, 0, 0)

    def test_a_call_is_booked_also_where_its_job_was_cancelled_meanwhile(self, database: Database) -> None:
        ask(database)
        job = claim(database)
        Jobs(database).cancel([job.id])

        with pytest.raises(LostTurn):
            end(database, job, 3_000)

        assert spent(database) == (3_000, 3_000, 0)

    @pytest.mark.parametrize(("before", "reason"), [(Period.DAY, "budget_money_month"), (Period.MONTH, None)])
    def test_days_and_months_end(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, before: Period, reason: str | None
    ) -> None:
        now = present().replace(day=15)  # The first has no earlier day in its month.
        for module in ("jobs", "allowances"):
            monkeypatch.setattr(f"shared.store.{module}.present", lambda: now)
        policy = terms(money_a_day=PICTURE, money_a_month=PICTURE)
        ask(database, policy=policy)
        end(database, claim(database), PICTURE)
        earlier = before.began(now) - timedelta(days=1)
        with database.writing() as connection:
            connection.execute(update(tables.spending).values(day=earlier.date()))

        if reason is None:
            ask(database, policy=policy)
        else:
            with pytest.raises(BudgetUsedUp) as refused:
                ask(database, policy=policy)
            assert refused.value.reason == reason

    def test_owners_meet_it_too(self, database: Database) -> None:
        Roles(database, BOT).decide(Profile(ADA, "Ada"), Role.OWNER, by=None)

        with pytest.raises(BudgetUsedUp):
            ask(database, 5)

    def test_people_on_their_own_keys_do_not(self, database: Database) -> None:
        bring_key(database, HUGGINGFACE)
        bring_key(database, GOOGLE)

        ask(database, 5)

        assert spent(database) == (0, 0, 0)

    def test_of_fifty_people_as_many_are_let_in_as_there_is_money_for(self, database: Database) -> None:
        assert _race(lambda user: ask(database, user=user)) == 4

    def test_ends_with_questions_as_well(self, database: Database) -> None:
        ask(database, 4)

        with pytest.raises(BudgetUsedUp):
            ask_gemini(database, policy=FOUR_PICTURES)

    def test_a_batch_is_refused_before_it_starts_and_counted_from_then_on(self, database: Database) -> None:
        batches = Batches(database, FOUR_PICTURES)
        small, large = (
            batches.ask(
                [Request("a fox", RAW)] * pictures,
                address=Address(BOT, ADA, next(_messages)),
                sender=Sender(ADA),
                source=source,
            )[0].id
            for pictures, source in ((3, "telegram"), (2, "terminal"))
        )

        batches.start(small)
        assert spent(database) == (0, 0, 3 * PICTURE)
        batches.fill(small)

        assert spent(database) == (0, 0, 3 * PICTURE)
        with pytest.raises(BudgetUsedUp):
            batches.start(large)


class TestTokens:
    SOME = terms(tokens_a_day=1_000)

    def test_of_prompts_and_answers_are_counted_together(self, database: Database) -> None:
        ask(database, policy=self.SOME)
        prompt = an_attempt(step="prompt", tokens_in=300, tokens_out=100, owner_pays=True)
        Jobs(database).give_up(claim(database), "no_credit", [prompt])
        for _ in range(2):
            ask_gemini(database, policy=self.SOME)
            Errands(database).finish(claim_errand(database), answer="Hello!", bill=Bill(300, 5))

        with pytest.raises(BudgetUsedUp) as refused:
            ask_gemini(database, policy=self.SOME)

        assert refused.value.reason == "budget_tokens"
        assert spent(database) == (10, 10, 0)
        ask(database, policy=self.SOME)

    def test_are_looked_at_again_before_gemini_is_called(self, database: Database) -> None:
        errands = Errands(database, self.SOME)
        for _ in range(2):
            ask_gemini(database, policy=self.SOME)
        first, second = claim_errand(database), claim_errand(database)
        errands.require_answer(second)

        errands.finish(first, answer="Hello!", bill=Bill(1_000, 5))

        with pytest.raises(BudgetUsedUp):
            errands.require_answer(second)

    def test_of_an_answer_that_was_stopped_or_came_late_count(self, database: Database) -> None:
        errands = Errands(database, self.SOME)
        ask_gemini(database, policy=self.SOME)
        errands.cancel(claim_errand(database), Bill(400, 2))
        ask_gemini(database, policy=self.SOME)
        late = claim_errand(database)
        errands.give_up(late, "out_of_time")
        with pytest.raises(LostTurn):
            errands.finish(late, answer="Hello!", bill=Bill(700, 3))

        with pytest.raises(BudgetUsedUp):
            ask_gemini(database, policy=self.SOME)
        assert spent(database)[0] == 5

    def test_on_a_persons_own_key_are_not_counted(self, database: Database) -> None:
        ask_gemini(database, policy=self.SOME)
        Errands(database).finish(claim_errand(database), answer="Hello!", bill=Bill(1_000, 5))
        bring_key(database, GOOGLE)

        ask_gemini(database, policy=self.SOME)

    def test_of_owners_have_no_limit(self, database: Database) -> None:
        Roles(database, BOT).decide(Profile(ADA, "Ada"), Role.OWNER, by=None)
        ask_gemini(database, policy=self.SOME)
        Errands(database).finish(claim_errand(database), answer="Hello!", bill=Bill(1_000, 5))

        ask_gemini(database, policy=self.SOME)


def test_what_is_spent_at_the_same_moment_is_all_booked(database: Database) -> None:
    for user in range(1, 21):
        ask(database, user=user, policy=terms())
    jobs = [claim(database) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: end(database, job, 1_000), jobs))

    with database.reading() as connection:
        assert sum(connection.scalars(select(tables.spending.c.cost))) == 20_000


def _race(ask_once: Callable[[int], object]) -> int:
    """How many of fifty who ask at the same moment are taken in."""

    def is_taken(user: int) -> bool:
        try:
            ask_once(user)
        except BudgetUsedUp:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        return sum(pool.map(is_taken, range(1, 51)))
