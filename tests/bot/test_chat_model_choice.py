"""Which chat models somebody may choose."""

import pytest

from services.bot.settings.chat_model_choice import ChatModelChoice
from shared.budgets import Budgets
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store.database import Database
from shared.store.keys import Keys

FEW = Budgets(chat_models=frozenset({"gemini-2.5-flash"}))


def has_key(database: Database, service: str) -> None:
    Keys(database).put(
        7, service, sealed="sealed", last_four="abcd", bot_id=42, message_id=5, language="en"
    )  # pragma: allowlist secret


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "models/gemini-2.5-flash", None])
def test_those_that_the_owner_pays_for(database: Database, model: str | None) -> None:
    assert ChatModelChoice(Keys(database), FEW).allows(7, {"chat_model": model})


def test_no_other_one_without_a_key(database: Database) -> None:
    assert not ChatModelChoice(Keys(database), FEW).allows(7, {"chat_model": "gemini-2.5-pro"})


@pytest.mark.parametrize(("service", "may"), [(GOOGLE, True), (HUGGINGFACE, False)])
def test_any_with_a_key_of_ones_own_for_gemini(database: Database, service: str, *, may: bool) -> None:
    has_key(database, service)

    assert ChatModelChoice(Keys(database), FEW).allows(7, {"chat_model": "gemini-2.5-pro"}) is may


def test_any_where_the_owner_allows_all(database: Database) -> None:
    assert ChatModelChoice(Keys(database), Budgets()).allows(7, {"chat_model": "gemini-2.5-pro"})


def test_everything_else_is_nothing_of_its_concern(database: Database) -> None:
    assert ChatModelChoice(Keys(database), FEW).allows(7, {"style": "anime"})
