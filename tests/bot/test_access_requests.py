"""How people and groups are let in: the cards of the owners, links, and groups to which the bot is added."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from sandbox.telegram.methods.chats import member_json
from services.bot.access.links import Invitation, read_invitation
from services.bot.texts.locales import say
from services.health import Sign
from shared.access import Profile, Role
from shared.store import tables
from shared.store.access import LEAVE_AFTER, MAX_ASKED, Roles
from shared.store.access_links import AccessLinks
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, EVE, FRANK, GROUP, OTHER, Scene

OWNERS = (ADA, CAROL)
ADMIN = BOB


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_ACCESS="request", G2D_GUEST_PICTURES="3")
    roles = Roles(stage.database, BOT)
    for one in OWNERS:
        roles.decide(Profile(one, str(one)), Role.OWNER, by=None)
    roles.decide(Profile(ADMIN, "Bob"), Role.ADMIN, by=None)
    roles.decide(Profile(GROUP, "A group"), Role.MEMBER, by=None)
    yield Scene(stage)
    stage.close()


@pytest.fixture
def links(scene: Scene, roles: Roles) -> AccessLinks:
    return AccessLinks(scene.stage.database, BOT, roles)


def sent_to(outcome: Outcome, chat_id: int) -> list[dict[str, Any]]:
    return [values for name, values in outcome.calls if name == "sendMessage" and int(values["chat_id"]) == chat_id]


def edited(outcome: Outcome) -> dict[int, str]:
    return {int(values["chat_id"]): values["text"] for name, values in outcome.calls if name == "editMessageText"}


def left(outcome: Outcome) -> list[int]:
    return [int(values["chat_id"]) for name, values in outcome.calls if name == "leaveChat"]


def add_bot(scene: Scene, who: int, chat_id: int = OTHER, *, before: str = "left", after: str = "member") -> Outcome:
    world = scene.stage.telegram.world
    us = {"id": BOT, "is_bot": True, "first_name": "Bot"}
    change = {
        "chat": scene._chat(chat_id).as_json(),
        "from": world.people[who].user,
        "date": 1,
        "old_chat_member": member_json(us, before),
        "new_chat_member": member_json(us, after),
    }
    return scene.stage.handle({"update_id": 5 * 10**6, "my_chat_member": change})


def make_owners(scene: Scene, role: Role) -> None:
    """Let those who own the bot have another role, as before somebody has claimed it."""
    access = tables.access
    with scene.stage.database.writing() as connection:
        connection.execute(update(access).where(access.c.id.in_(OWNERS)).values(role=role))


class TestANewcomer:
    def test_reaches_each_owner_and_admin_once(self, scene: Scene) -> None:
        first, second = scene.say(EVE, "hello"), scene.say(EVE, "hello?")

        assert [values["text"] for values in sent_to(first, EVE)] == [say("access_asked", "en", id=str(EVE))]
        for one in (*OWNERS, ADMIN):
            [card] = sent_to(first, one)
            assert card["text"] == say("access_card", "en", name="Eve", id=str(EVE))
        assert second.calls == []

    @pytest.mark.parametrize(
        ("choice", "role", "told"),
        [
            ("member", Role.MEMBER, say("access_approved", "en")),
            ("guest", Role.GUEST, say("access_trial", "en", n=3)),
            ("stranger", Role.STRANGER, say("access_denied", "en")),
            ("blocked", Role.BLOCKED, say("access_blocked", "en")),
        ],
    )
    @pytest.mark.parametrize("who", [ADA, ADMIN])
    def test_is_decided_upon_by_one_for_all(
        self, scene: Scene, roles: Roles, who: int, choice: str, role: Role, told: str
    ) -> None:
        scene.say(EVE, "hello")

        outcome = scene.press(who, f"access {EVE} {choice}", who)

        assert roles.one(EVE).role is role
        assert [values["text"] for values in sent_to(outcome, EVE)] == [told]
        assert edited(outcome).keys() == {*OWNERS, ADMIN}
        assert f"<b>Eve</b> (<code>{EVE}</code>)" in edited(outcome)[CAROL]

    def test_is_not_decided_upon_twice(self, scene: Scene, roles: Roles) -> None:
        scene.say(EVE, "hello")
        scene.press(ADA, f"access {EVE} member", ADA)

        outcome = scene.press(CAROL, f"access {EVE} blocked", CAROL)

        assert outcome.answer["text"] == say("access_decided_already", "en")
        assert roles.one(EVE).role is Role.MEMBER
        assert sent_to(outcome, EVE) == []

    def test_who_was_denied_hears_nothing_more(self, scene: Scene) -> None:
        scene.say(EVE, "hello")
        scene.press(ADA, f"access {EVE} stranger", ADA)

        assert scene.say(EVE, "please!").calls == []

    def test_who_was_blocked_hears_nothing_more(self, scene: Scene) -> None:
        scene.say(EVE, "hello")
        scene.press(ADA, f"access {EVE} blocked", ADA)

        assert scene.say(EVE, "please!").calls == []

    def test_who_is_blocked_later_gets_nothing_of_what_they_wait_for(self, scene: Scene, roles: Roles) -> None:
        roles.decide(Profile(EVE, "Eve"), Role.MEMBER, by=ADA)
        scene.say(EVE, "/imagine a fox")

        outcome = scene.say(ADA, f"/ban {EVE}")

        assert [row["state"] for (table, _), row in outcome.changed.items() if table == "jobs"] == ["cancelled"]

    @pytest.mark.parametrize(("who", "where"), [(FRANK, GROUP), (EVE, GROUP), (FRANK, FRANK)])
    def test_is_not_decided_upon_by_others_whatever_they_press(
        self, scene: Scene, roles: Roles, who: int, where: int
    ) -> None:
        scene.say(EVE, "hello")

        outcome = scene.press(who, f"access {EVE} member", where)

        assert roles.one(EVE).role is Role.STRANGER
        assert outcome.answer["text"] in {say("access_not_allowed", "en"), say("access_press", "en")}
        assert outcome.sent == []

    def test_is_not_told_that_the_owners_were_asked_where_they_are_asked_too_much(
        self, scene: Scene, roles: Roles
    ) -> None:
        for number in range(MAX_ASKED):
            roles.note(Profile(1_000 + number, "Somebody"))
            roles.may_ask(1_000 + number)

        outcome = scene.say(EVE, "hello")

        assert [values["text"] for _, values in outcome.calls] == [say("access_closed", "en", id=str(EVE))]
        assert not roles.one(EVE).is_waiting

    def test_is_told_that_the_bot_is_private_where_nobody_can_be_asked(self, scene: Scene, roles: Roles) -> None:
        make_owners(scene, Role.ADMIN)

        outcome = scene.say(EVE, "hello")

        assert [values["text"] for _, values in outcome.calls] == [say("access_closed", "en", id=str(EVE))]
        assert not roles.one(EVE).is_waiting

    def test_is_told_once_where_no_owner_can_be_reached(self, scene: Scene) -> None:
        world = scene.stage.telegram.world
        for one in (*OWNERS, ADMIN):
            world.people[one].blocked.add(BOT)
        try:
            outcomes = [scene.say(EVE, "hello") for _ in range(3)]
        finally:
            for one in (*OWNERS, ADMIN):
                world.people[one].blocked.discard(BOT)

        assert [len(sent_to(outcome, EVE)) for outcome in outcomes] == [1, 0, 0]

    def test_is_asked_about_with_the_next_message_once_somebody_can_be_asked(self, scene: Scene, roles: Roles) -> None:
        make_owners(scene, Role.ADMIN)
        scene.say(EVE, "hello")
        assert scene.say(EVE, "hello?").calls == []
        make_owners(scene, Role.OWNER)

        outcome, after = scene.say(EVE, "may I?"), scene.say(EVE, "please!")

        assert [values["text"] for values in sent_to(outcome, EVE)] == [say("access_asked", "en", id=str(EVE))]
        assert len(sent_to(outcome, ADA)) == 1
        assert roles.one(EVE).is_waiting
        assert after.calls == []


class TestALink:
    def test_of_an_invitation_lets_in_and_closes_the_cards(
        self, scene: Scene, roles: Roles, links: AccessLinks
    ) -> None:
        scene.say(EVE, "hello")
        code = links.invite(uses=1, lasts=timedelta(days=1), by=ADA)

        outcome = scene.say(EVE, f"/start invite-{code}")

        assert roles.one(EVE).role is Role.MEMBER
        assert [values["text"] for values in sent_to(outcome, EVE)] == [say("access_approved", "en")]
        assert edited(outcome).keys() == {*OWNERS, ADMIN}

    def test_works_in_private_alone(self, scene: Scene, roles: Roles, links: AccessLinks) -> None:
        code = links.invite(uses=1, lasts=timedelta(days=1), by=ADA)

        scene.say(FRANK, f"/start invite-{code}", OTHER)

        assert roles.one(FRANK).role is Role.STRANGER

    def test_opened_again_is_a_start_like_any_other(self, scene: Scene, links: AccessLinks) -> None:
        code = links.invite(uses=5, lasts=timedelta(days=1), by=ADA)
        scene.say(EVE, f"/start invite-{code}")

        outcome = scene.say(EVE, f"/start invite-{code}")

        assert [values["text"] for values in sent_to(outcome, EVE)] == [say("start", "en")]

    def test_is_of_no_use_to_somebody_blocked(self, scene: Scene, roles: Roles, links: AccessLinks) -> None:
        roles.decide(Profile(EVE, "Eve"), Role.BLOCKED, by=ADA)
        code = links.invite(uses=1, lasts=timedelta(days=1), by=ADA)

        outcome = scene.say(EVE, f"/start invite-{code}")

        assert [values["text"] for values in sent_to(outcome, EVE)] == [say("access_blocked", "en")]
        assert roles.one(EVE).role is Role.BLOCKED

    def test_is_made_by_an_owner(self, scene: Scene, roles: Roles) -> None:
        [message] = sent_to(scene.say(ADA, "/invite 2 3h"), ADA)
        code = message["text"].rpartition("invite-")[2]

        scene.say(EVE, f"/start invite-{code}")

        assert message["text"].startswith("🔗 This link gives 2 people access, valid for 3 hr:\nhttps://t.me/")
        assert roles.one(EVE).role is Role.MEMBER

    @pytest.mark.parametrize("who", [ADMIN, FRANK])
    def test_is_made_by_nobody_else(self, scene: Scene, roles: Roles, who: int) -> None:
        roles.decide(Profile(FRANK, "Frank"), Role.MEMBER, by=ADA)

        outcome = scene.say(who, "/invite")

        assert "invite-" not in str(outcome.calls)
        assert not [key for key in outcome.changed if key[0] == "access_links"]

    def test_that_is_none_is_shown_how_to_make_one(self, scene: Scene) -> None:
        [message] = sent_to(scene.say(ADA, "/invite everybody"), ADA)

        assert message["text"] == say("access_invite_usage", "en")

    def test_makes_the_first_owner(self, scene: Scene, roles: Roles, links: AccessLinks) -> None:
        with scene.stage.database.writing() as connection:
            connection.execute(delete(tables.access).where(tables.access.c.id > 0))
        code = links.claim()

        outcome, again = (scene.say(who, f"/start claim-{code}") for who in (EVE, FRANK))

        assert [values["text"] for _, values in outcome.calls] == [say("access_claimed", "en")]
        assert (roles.one(EVE).role, roles.one(FRANK).role) == (Role.OWNER, Role.STRANGER)
        assert [values["text"] for values in sent_to(again, FRANK)] == [say("access_asked", "en", id=str(FRANK))]


class TestAnInvitationsWords:
    @pytest.mark.parametrize(
        ("words", "read"),
        [
            ("", Invitation(1, timedelta(days=7))),
            ("5", Invitation(5, timedelta(days=7))),
            ("5 7d", Invitation(5, timedelta(days=7))),
            ("57d", Invitation(1, timedelta(days=57))),
            (" 10   2 w ", Invitation(10, timedelta(weeks=2))),
            ("12h", Invitation(1, timedelta(hours=12))),
        ],
    )
    def test_are_read(self, words: str, read: Invitation) -> None:
        assert read_invitation(words) == read

    @pytest.mark.parametrize("words", ["0", "5 0d", "1001", "99999 1d", "5 367d", "5 7x", "five", "٣ 7d", "5 7d 3"])
    def test_that_make_no_sense_are_none(self, words: str) -> None:
        assert read_invitation(words) is None


class TestAGroup:
    @pytest.mark.parametrize("who", [ADA, ADMIN])
    def test_to_which_an_owner_or_admin_adds_the_bot_is_let_in(self, scene: Scene, roles: Roles, who: int) -> None:
        outcome = add_bot(scene, who)

        assert roles.one(OTHER).role is Role.MEMBER
        assert outcome.calls == []

    def test_to_which_somebody_else_adds_it_asks_the_owners_once(self, scene: Scene, roles: Roles) -> None:
        roles.decide(Profile(FRANK, "Frank"), Role.MEMBER, by=ADA)

        first, second = add_bot(scene, FRANK), scene.say(FRANK, "/help", OTHER)

        assert [values["text"] for values in sent_to(first, OTHER)] == [say("access_group_asked", "en", id=str(OTHER))]
        asked = say("access_card_group", "en", name="Another group", id=str(OTHER), by="Frank")
        assert [sent_to(first, one)[0]["text"] for one in (*OWNERS, ADMIN)] == [asked] * 3
        assert second.calls == []

    def test_from_before_the_bot_was_closed_asks_when_somebody_speaks_to_it(self, scene: Scene, roles: Roles) -> None:
        outcome = scene.say(FRANK, "/help", OTHER)

        assert len(sent_to(outcome, OTHER)) == 1
        assert roles.one(OTHER).is_waiting

    def test_that_is_approved_hears_so_and_is_served(self, scene: Scene) -> None:
        add_bot(scene, FRANK)

        outcome = scene.press(ADA, f"access {OTHER} member", ADA)

        assert [values["text"] for values in sent_to(outcome, OTHER)] == [say("access_group_approved", "en")]
        assert any(table == "jobs" for table, _ in scene.say(FRANK, "/imagine a fox", OTHER).changed)

    @pytest.mark.parametrize("choice", ["stranger", "blocked"])
    def test_that_is_not_approved_is_left_and_left_again(self, scene: Scene, choice: str) -> None:
        add_bot(scene, FRANK)

        outcome = scene.press(ADA, f"access {OTHER} {choice}", ADA)
        again = add_bot(scene, FRANK)

        assert [values["text"] for values in sent_to(outcome, OTHER)] == [say("access_group_denied", "en")]
        assert left(outcome) == [OTHER]
        assert [name for name, _ in again.calls] == ["leaveChat"]

    def test_is_no_guest(self, scene: Scene, roles: Roles) -> None:
        add_bot(scene, FRANK)

        scene.press(ADA, f"access {OTHER} guest", ADA)

        assert roles.one(OTHER).role is Role.STRANGER

    def test_that_nobody_decides_for_is_left_after_a_day(self, scene: Scene, roles: Roles) -> None:
        add_bot(scene, FRANK)
        self.let_pass_a_day(scene)
        scene.stage.telegram.calls = []

        self.look_once(scene)

        calls = Outcome(scene.stage.telegram.calls, {}, {})
        assert left(calls) == [OTHER]
        assert edited(calls).keys() == {*OWNERS, ADMIN}
        assert roles.due_to_leave() == []
        assert not roles.one(OTHER).is_waiting

    def test_that_is_approved_meanwhile_is_not_left(self, scene: Scene) -> None:
        add_bot(scene, FRANK)
        scene.press(ADA, f"access {OTHER} member", ADA)
        scene.stage.telegram.calls = []

        self.look_once(scene)

        assert scene.stage.telegram.calls == []

    @pytest.mark.parametrize("role", Role)
    def test_counts_by_the_role_of_who_adds_the_bot(self, scene: Scene, roles: Roles, role: Role) -> None:
        roles.decide(Profile(FRANK, "Frank"), role, by=ADA)

        outcome = add_bot(scene, FRANK)

        managers = {Role.OWNER, Role.ADMIN}
        assert (roles.one(OTHER).role is Role.MEMBER) is (role in managers)
        assert roles.one(OTHER).is_waiting is (role not in managers | {Role.BLOCKED})
        assert (left(outcome) == [OTHER]) is (role is Role.BLOCKED)

    def test_that_throws_the_bot_out_while_it_waits_is_left_alone_and_asks_anew(
        self, scene: Scene, roles: Roles
    ) -> None:
        add_bot(scene, FRANK)
        us = {"id": BOT, "is_bot": True, "first_name": "Bot"}

        removed = add_bot(scene, FRANK, before="member", after="left")
        told = scene.send(FRANK, OTHER, {"left_chat_member": us})
        assert OTHER in scene.stage.bot._parts.limit._gone_chats
        is_waiting = roles.one(OTHER).is_waiting
        again = add_bot(scene, FRANK)

        assert (removed.calls, told.calls, is_waiting) == ([], [], False)
        assert OTHER not in scene.stage.bot._parts.limit._gone_chats
        assert len(sent_to(again, OTHER)) == 1
        assert len(sent_to(again, ADA)) == 1

    @pytest.mark.parametrize(
        "change", [{"before": "member", "after": "left"}, {"before": "member", "after": "administrator"}]
    )
    def test_that_removes_or_promotes_the_bot_is_not_asked_about(
        self, scene: Scene, roles: Roles, change: dict[str, str]
    ) -> None:
        add_bot(scene, FRANK, **change)

        assert not roles.one(OTHER).is_waiting

    @staticmethod
    def let_pass_a_day(scene: Scene) -> None:
        columns = tables.access.c
        with scene.stage.database.writing() as connection:
            row = connection.execute(tables.access.select().where(columns.id == OTHER)).one()
            connection.execute(
                update(tables.access).where(columns.id == OTHER).values(leave_at=row.leave_at - LEAVE_AFTER)
            )

    @staticmethod
    def look_once(scene: Scene) -> None:
        sign = Seen()
        groups = scene.stage.bot._parts.groups

        async def look() -> None:
            with pytest.raises(Enough):
                await groups.keep_leaving(scene.stage.application.bot, sign)

        scene.stage.run(look())


class Enough(Exception):
    """One look is enough."""


class Seen(Sign):
    """Ends the round after its first look."""

    def done(self) -> None:
        raise Enough
