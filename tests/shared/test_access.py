"""Roles, and what follows from them."""

from itertools import product

import pytest

from shared.access import INSIDERS, MANAGERS, Mode, Profile, Role, Verdict, may_change, verdict


class TestTheVerdict:
    @pytest.mark.parametrize(("mode", "person"), [*product(Mode, Role)])
    def test_in_private_is_about_the_person(self, mode: Mode, person: Role) -> None:
        expected = Verdict.LET_IN if person in INSIDERS or mode is Mode.OPEN else Verdict.REFUSE

        assert verdict(mode, person, None) is (Verdict.IGNORE if person is Role.BLOCKED else expected)

    @pytest.mark.parametrize(("mode", "person"), [*product([Mode.REQUEST, Mode.LIST], Role)])
    def test_in_a_group_nobody_decided_for_is_for_managers_alone(self, mode: Mode, person: Role) -> None:
        if person is Role.BLOCKED:
            assert verdict(mode, person, Role.STRANGER) is Verdict.IGNORE
        else:
            assert (verdict(mode, person, Role.STRANGER) is Verdict.LET_IN) is (person in MANAGERS)

    @pytest.mark.parametrize("mode", Mode)
    def test_in_a_group_that_was_let_in_is_for_everybody_but_the_blocked(self, mode: Mode) -> None:
        found = {person: verdict(mode, person, Role.MEMBER) for person in Role}

        assert found.pop(Role.BLOCKED) is Verdict.IGNORE
        assert set(found.values()) == {Verdict.LET_IN}

    @pytest.mark.parametrize(("mode", "person"), [*product(Mode, Role)])
    def test_in_a_blocked_group_is_for_nobody(self, mode: Mode, person: Role) -> None:
        assert verdict(mode, person, Role.BLOCKED) is Verdict.IGNORE


class TestWhoMayChangeRoles:
    def test_owners_may_all(self) -> None:
        assert all(may_change(Role.OWNER, before, after) for before, after in product(Role, Role))

    def test_admins_neither_touch_nor_make_owners_and_admins(self) -> None:
        allowed = {(before, after) for before, after in product(Role, Role) if may_change(Role.ADMIN, before, after)}

        below = set(Role) - {Role.OWNER, Role.ADMIN}
        assert allowed == set(product(below, below))

    @pytest.mark.parametrize("by", sorted(set(Role) - MANAGERS))
    def test_nobody_else_may_any(self, by: Role) -> None:
        assert not any(may_change(by, before, after) for before, after in product(Role, Role))


class TestAProfile:
    def test_of_a_group_does_not_change_with_the_language_of_whoever_speaks(self) -> None:
        assert Profile(-5, "A group", language="de").is_still(Profile(-5, "A group", language="fr"))
        assert not Profile(-5, "A group").is_still(Profile(-5, "Another name"))
        assert not Profile(5, "Ada", language="de").is_still(Profile(5, "Ada", language="fr"))
