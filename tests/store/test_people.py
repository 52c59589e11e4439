"""The rows of people and groups, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.jobs import Address, Sender
from shared.preferences import Preferences
from shared.store.database import Database
from shared.store.people import People
from tests.builders import submit

ADA, GROUP = 7, -100_123


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


class TestChoices:
    def test_of_somebody_unknown_are_the_usual_ones(self, people: People) -> None:
        assert people.preferences(ADA) == Preferences()

    def test_are_kept_one_beside_the_other(self, people: People) -> None:
        people.choose(ADA, "en", temperature=0.5)

        assert people.choose(ADA, "en", ratio=(16, 9)) == Preferences(temperature=0.5, ratio=(16, 9))
        assert people.preferences(ADA) == Preferences(temperature=0.5, ratio=(16, 9))

    def test_survive_a_job(self, people: People, database: Database) -> None:
        people.choose(ADA, "en", style="noir")
        job = submit(database, user=ADA)

        assert people.preferences(ADA) == Preferences(style="noir")
        assert job.sender.id == ADA

    def test_at_once_are_all_kept(self, people: People) -> None:
        changes = [{"temperature": 0.5}, {"top_p": 0.5}, {"top_k": 5}, {"style": "noir"}, {"as_file": True}]
        with ThreadPoolExecutor(len(changes)) as threads:
            list(threads.map(lambda change: people.choose(ADA, "en", **change), changes))

        assert people.preferences(ADA) == Preferences(temperature=0.5, top_p=0.5, top_k=5, style="noir", as_file=True)

    def test_out_of_range_change_nothing(self, people: People) -> None:
        with pytest.raises(ValueError, match="temperature"):
            people.choose(ADA, "en", temperature=3)

        assert people.preferences(ADA) == Preferences()

    def test_are_forgotten_but_for_the_language(self, people: People) -> None:
        people.choose(ADA, "en", style="noir", language="pt_BR")

        assert people.reset(ADA, "en") == Preferences(language="pt_BR") == people.preferences(ADA)


class TestWhoseChoicesCount:
    def test_in_private_it_is_the_persons_and_in_a_group_the_groups(self, people: People) -> None:
        people.choose(ADA, "en", style="noir")
        people.choose(GROUP, "en", style="oil")

        assert people.in_force(Address(1, ADA, 1), Sender(ADA)).style == "noir"
        assert people.in_force(Address(1, GROUP, 1, private=False), Sender(ADA)).style == "oil"


class TestASuccessor:
    def test_takes_the_place_of_what_is_gone_once(self, people: People) -> None:
        people.choose(ADA, "en", image_model="old/one")
        with ThreadPoolExecutor(4) as threads:
            moved = list(
                threads.map(lambda _: people.replace(ADA, "image_model", gone="old/one", successor="new/one"), range(4))
            )

        assert sorted(moved) == [False, False, False, True]
        assert people.preferences(ADA).image_model == "new/one"
