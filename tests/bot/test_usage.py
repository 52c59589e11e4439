"""What /usage tells: a line for each limit, what is on a key of one's own, and what the whole bot has spent."""

from services.bot.budgets.usage import write_spent, write_usage
from services.bot.texts.locales import say
from shared.budgets import Budgets
from shared.store.spending import Spent
from shared.store.usage import Budget, Usage

DAY, MONTH, GROUP = (Budget(name, 3, 50, 7_200.0) for name in ("day", "month", "group"))
TOKENS = Budget("tokens", 1_500, 20_000, 7_200.0)


def test_each_limit_has_a_line() -> None:
    _, *lines = write_usage(Usage((DAY, MONTH, GROUP), (TOKENS,)), "en")

    assert len(lines) == len(set(lines)) == 4
    assert all("3" in line and "50" in line for line in lines[:3])
    assert "20,000" in lines[3]


def test_more_than_the_limit_leaves_nothing() -> None:
    over = write_usage(Usage((Budget("day", 60, 50, 60.0),)), "en")[1]

    assert "-10" not in over


def test_where_nothing_is_limited_that_is_said() -> None:
    assert write_usage(Usage(), "en") == [say("usage_title", "en"), say("usage_unlimited", "en")]


def test_what_is_on_a_key_of_ones_own_is_said_beside_the_limits() -> None:
    assert write_usage(Usage((), (TOKENS,), owner_paints=False), "en")[2] == say("usage_own_pictures", "en")
    assert write_usage(Usage((DAY,), (), owner_writes=False), "en")[2] == say("usage_own_tokens", "en")


def test_the_whole_bot_is_told_with_its_limits_where_it_has_some() -> None:
    spent = Spent(day=1_250_000, month=30_000_000)

    told = write_spent(spent, Budgets(money_a_day=5_000_000), "en")

    assert all(sum_ in told for sum_ in ("$1.25", "$5.00", "$30.00"))
    assert "$0.00" not in told
