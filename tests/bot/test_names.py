"""How people and groups are called on buttons and in lists."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.bot.access.names import MAX_LABEL, ROLE_MARKS, ROLE_NAMES, label_of, standing_of, title_of
from services.bot.texts.locales import say
from shared.access import Known, Profile, Role

ADA = Profile(7, "Ada", "ada")


def test_a_name_comes_with_the_at_name_where_there_is_one() -> None:
    assert (title_of(ADA), title_of(Profile(8, "Bob"))) == ("Ada (@ada)", "Bob")


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_mark_and_a_word(role: Role) -> None:
    known = Known(ADA, role)

    assert label_of(known) == f"{ROLE_MARKS[role]} Ada (@ada)"
    assert standing_of(known, "en") == say(ROLE_NAMES[role], "en")


def test_who_waits_is_no_stranger_like_others() -> None:
    waiting = Known(ADA, asked_at=datetime.now(UTC))
    denied = replace(waiting, decided_at=datetime.now(UTC))

    assert label_of(waiting).startswith("⏳")
    assert standing_of(waiting, "en") == say("role_waiting", "en") != standing_of(denied, "en")


@pytest.mark.parametrize("letters", [MAX_LABEL - 1, MAX_LABEL, MAX_LABEL + 1, 128])
def test_a_long_name_is_cut(letters: int) -> None:
    name = label_of(Known(Profile(7, "a" * letters))).partition(" ")[2]

    assert len(name) == min(letters, MAX_LABEL)
    assert name.endswith("…") is (letters > MAX_LABEL)
