"""A chosen model that is gone: its successor counts, the choice is replaced, and the chat is told once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bot.texts.locales import say
from shared.catalogue import name_of
from shared.jobs import Address, Sender
from shared.preferences import Preferences
from shared.store.database import Database
from tests.bot.handler_rig import ADA, HandlerRig
from tests.bot.stage import BOT

GONE = "gemini-2.0-flash"


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[HandlerRig]:
    with HandlerRig(record, tmp_path / "images") as made:
        yield made


def in_force(rig: HandlerRig) -> Preferences:
    rig.telegram.calls.clear()
    address = Address(BOT, ADA, rig.wrote("hello", who=ADA))
    return rig.run(rig.choices.in_force(address, Sender(ADA), rig.bot))


def test_a_model_that_can_be_had_stays(rig: HandlerRig) -> None:
    chosen = rig.people.choose(ADA, "en", chat_model="gemini-3.5-flash")

    assert (in_force(rig), rig.said) == (chosen, [])


def test_one_that_is_gone_gives_way_to_its_successor_which_is_said_once(rig: HandlerRig) -> None:
    rig.people.choose(ADA, "en", chat_model=GONE, ratio=(3, 2))

    first, said = in_force(rig), rig.said
    again = in_force(rig)

    assert first == again == rig.people.preferences(ADA)
    assert (first.ratio, first.chat_model) == ((3, 2), "gemini-3.5-flash-lite")
    assert said == [say("settings_succeeded", "en", gone=name_of(GONE), successor=name_of(first.chat_model))]
    assert rig.said == []


def test_what_was_asked_for_counts_where_nobody_can_be_told(rig: HandlerRig) -> None:
    rig.people.choose(ADA, "en", chat_model=GONE)
    rig.telegram.world.people[ADA].blocked.add(BOT)

    assert in_force(rig).chat_model == "gemini-3.5-flash-lite"
