"""``/users``, ``/ban``, ``/unban``, ``/role``: what owners and admins see and change, and that nobody else does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.bot.help.command_menus import FOR_MANAGERS
from services.bot.texts.button_rows import ROW, width
from services.bot.texts.locales import languages, say
from shared.access import INSIDERS, MANAGERS, Profile, Role
from shared.store.access import Roles
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, EVE, FRANK, GROUP, OTHER, Scene

OWNER, ADMIN, MEMBER = ADA, BOB, FRANK
ROLES = {OWNER: Role.OWNER, CAROL: Role.OWNER, ADMIN: Role.ADMIN, MEMBER: Role.MEMBER}


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_ACCESS="request")
    roles = Roles(stage.database, BOT)
    for one, role in ROLES.items():
        roles.decide(Profile(one, str(one)), role, by=None)
    roles.decide(Profile(GROUP, "A group"), Role.MEMBER, by=None)
    yield Scene(stage)
    stage.close()


def answer(outcome: Outcome, chat_id: int) -> dict[str, Any]:
    """The last message that was sent to a chat."""
    sent = [values for name, values in outcome.calls if name == "sendMessage" and int(values["chat_id"]) == chat_id]
    return sent[-1]


def buttons(values: dict[str, Any]) -> list[str]:
    rows = json.loads(values["reply_markup"])["inline_keyboard"]
    return [button["callback_data"] for row in rows for button in row]


def roles_in(outcome: Outcome) -> dict[int, str]:
    """The roles that an update has changed."""
    key = ("access", 0)
    changed = [row for (table, _), row in outcome.changed.items() if table == key[0]]
    before = {row["id"]: row["role"] for (table, _), row in outcome.before.items() if table == key[0]}
    return {row["id"]: row["role"] for row in changed if row["role"] != before.get(row["id"], "stranger")}


class TestTheList:
    def test_shows_everybody_in_pages(self, scene: Scene, roles: Roles) -> None:
        for number in range(1, 10):
            roles.note(Profile(900 + number, f"Person {number}"))

        first = answer(scene.say(OWNER, "/users"), OWNER)
        turned = scene.press(OWNER, "users @1 ", OWNER)

        assert first["text"] == say("access_users", "en", n=19)
        assert buttons(first)[:3] == [f"user {OWNER} show", f"user {CAROL} show", f"user {ADMIN} show"]
        assert buttons(first)[-3:] == ["users @2 ", "users @0 ", "users @1 "]
        [edited] = [values for name, values in turned.calls if name == "editMessageText"]
        assert len(buttons(edited)) == 8 + 3

    @pytest.mark.parametrize("search", ["frank", "@FRANK", str(FRANK)])
    def test_is_searched_by_name_and_id(self, scene: Scene, search: str) -> None:
        if search.startswith("@"):
            Roles(scene.stage.database, BOT).note(Profile(FRANK, "Somebody", "frank"))

        assert buttons(answer(scene.say(OWNER, f"/users {search}"), OWNER)) == [f"user {FRANK} show"]

    def test_has_buttons_that_telegram_takes_whatever_is_searched(self, scene: Scene, roles: Roles) -> None:
        word = "жираф" * 4
        for number in range(1, 12):
            roles.note(Profile(10**17 + number, f"{word} {'ж' * 200}", None))

        found = answer(scene.say(OWNER, f"/users {word} жжжжжж"), OWNER)

        assert all(len(data.encode()) <= 64 for data in buttons(found))
        assert len(buttons(found)) == 8 + 3


class TestWhoMay:
    """The commands, and the presses below them, by role and kind of chat."""

    COMMANDS = ("/users", "/invite", f"/ban {EVE}", f"/unban {EVE}", f"/role {EVE} member")
    PRESSES = ("users @0 ", f"user {EVE} show", f"user {EVE} member", f"user {EVE} blocked", f"access {EVE} member")

    def meet(self, scene: Scene, roles: Roles, role: Role) -> None:
        """Give Frank a role, and let him have been told what he may be told; Eve waits."""
        scene.stage.reset()
        roles.decide(Profile(FRANK, "Frank"), role, by=None)
        scene.say(FRANK, "hello")
        roles.note(Profile(EVE, "Eve"))
        assert roles.may_ask(EVE)

    @pytest.mark.parametrize("role", Role)
    def test_give_a_command_in_private(self, scene: Scene, roles: Roles, role: Role) -> None:
        self.meet(scene, roles, role)
        for command in self.COMMANDS:
            if role in MANAGERS:
                self.meet(scene, roles, role)

            outcome = scene.say(FRANK, command)

            changes = role in MANAGERS and command.startswith(("/ban", "/role"))
            assert bool(roles_in(outcome)) is changes, command
            if role in INSIDERS - MANAGERS:
                assert answer(outcome, FRANK)["text"].startswith(("I don't know", "I can't read this")), command
            elif role not in MANAGERS:
                assert outcome.calls == [], command
            elif command == "/invite":
                is_refused = answer(outcome, FRANK)["text"] == say("access_not_allowed", "en")
                assert is_refused is (role is Role.ADMIN)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("where", [FRANK, GROUP])
    def test_press(self, scene: Scene, roles: Roles, role: Role, where: int) -> None:
        self.meet(scene, roles, role)
        for data in self.PRESSES:
            if role in MANAGERS:
                self.meet(scene, roles, role)

            outcome = scene.press(FRANK, data, where)

            if role in MANAGERS:
                assert bool(roles_in(outcome)) is data.endswith(("member", "blocked")), data
                continue
            assert (roles_in(outcome), outcome.sent) == ({}, []), data
            if role is Role.BLOCKED:
                assert outcome.answer == {}
            else:
                assert outcome.answer["text"] in {say("access_not_allowed", "en"), say("access_press", "en")}, data

    @pytest.mark.parametrize("role", Role)
    def test_touch_an_owner(self, scene: Scene, roles: Roles, role: Role) -> None:
        roles.decide(Profile(FRANK, "Frank"), role, by=None)

        outcome = scene.say(FRANK, f"/ban {CAROL}")

        assert (roles_in(outcome) == {CAROL: "blocked"}) is (role is Role.OWNER)

    @pytest.mark.parametrize(("who", "word", "given"), [
        (OWNER, "admin", True), (OWNER, "owner", True), (OWNER, "guest", True), (ADMIN, "guest", True),
        (ADMIN, "admin", False), (ADMIN, "owner", False), (MEMBER, "guest", False),
    ])  # fmt: skip
    def test_give_which_role(self, scene: Scene, who: int, word: str, given: bool) -> None:
        assert roles_in(scene.say(who, f"/role {EVE} {word}")) == ({EVE: word} if given else {})


class TestWhom:
    def test_is_who_wrote_the_message_that_is_replied_to(self, scene: Scene) -> None:
        theirs = scene.send(CAROL, GROUP, {"text": "hello"})
        del theirs
        message = [number for number, one in scene._chat(GROUP).posts.items() if one.author_id == CAROL][-1]
        roles = Roles(scene.stage.database, BOT)
        roles.decide(Profile(CAROL, "Carol"), Role.MEMBER, by=OWNER)

        outcome = scene.say(OWNER, "/ban@sandbox_bot", GROUP, reply_to_message_id=message)

        assert roles_in(outcome) == {CAROL: "blocked"}
        assert "reply_markup" not in answer(outcome, GROUP)

    def test_is_nobody_where_another_bot_may_be_meant(self, scene: Scene) -> None:
        scene.send(CAROL, GROUP, {"text": "hello"})
        message = [number for number, one in scene._chat(GROUP).posts.items() if one.author_id == CAROL][-1]

        outcome = scene.say(OWNER, "/ban", GROUP, reply_to_message_id=message)

        assert outcome.calls == []
        assert roles_in(outcome) == {}

    def test_is_who_was_met_by_that_name(self, scene: Scene, roles: Roles) -> None:
        roles.note(Profile(EVE, "Eve", "evening"))

        assert roles_in(scene.say(OWNER, "/role @Evening guest")) == {EVE: "guest"}

    @pytest.mark.parametrize("words", ["", "@nobody_knows", "somebody", "0"])
    def test_that_is_nobody_is_asked_for(self, scene: Scene, words: str) -> None:
        outcome = scene.say(OWNER, f"/ban {words}")

        assert answer(outcome, OWNER)["text"] == say("access_whom", "en", example="/ban @name")
        assert roles_in(outcome) == {}

    def test_is_never_the_bot(self, scene: Scene) -> None:
        question = scene.post(OWNER, "Send me an idea")

        outcome = scene.say(OWNER, "/ban", reply_to_message_id=question)

        assert answer(outcome, OWNER)["text"] == say("access_whom", "en", example="/ban @name")


class TestOnePerson:
    def test_is_shown_with_the_roles_that_one_may_give(self, scene: Scene) -> None:
        shown = answer(scene.say(ADMIN, f"/role {MEMBER}"), ADMIN)

        assert shown["text"] == say("access_person", "en", name="Frank", id=str(FRANK), role=say("role_member", "en"))
        choices = [f"user {MEMBER} {role}" for role in (Role.GUEST, Role.STRANGER, Role.BLOCKED)]
        assert buttons(shown) == [*choices, "users @0 "]

    def test_gets_a_role_by_a_button_and_hears_of_it(self, scene: Scene, roles: Roles) -> None:
        scene.say(OWNER, f"/role {EVE}")

        outcome = scene.press(OWNER, f"user {EVE} member", OWNER)

        assert roles.one(EVE).role is Role.MEMBER
        assert answer(outcome, EVE)["text"] == say("access_approved", "en")
        [edited] = [values for name, values in outcome.calls if name == "editMessageText"]
        assert say("role_member", "en") in edited["text"]

    def test_of_the_last_owner_stays_one(self, scene: Scene, roles: Roles) -> None:
        roles.decide(Profile(CAROL, "Carol"), Role.MEMBER, by=None)

        outcome = scene.press(OWNER, f"user {OWNER} member", OWNER)

        assert outcome.answer["text"] == say("access_last_owner", "en")
        assert roles.one(OWNER).role is Role.OWNER

    def test_that_is_a_group_has_the_roles_of_groups(self, scene: Scene, roles: Roles) -> None:
        roles.note(Profile(OTHER, "Another group"))

        shown = answer(scene.say(OWNER, f"/role {OTHER}"), OWNER)

        assert buttons(shown) == [f"user {OTHER} member", f"user {OTHER} blocked", "users @0 "]
        assert roles_in(scene.press(OWNER, f"user {OTHER} admin", OWNER)) == {}

    def test_that_was_not_blocked_is_not_made_a_member_by_unban(self, scene: Scene) -> None:
        assert roles_in(scene.say(OWNER, f"/unban {ADMIN}")) == {}

    @pytest.mark.parametrize("language", languages())
    def test_has_labels_that_fit(self, language: str) -> None:
        keys = [f"role_{role}" for role in Role] + [
            f"button_access_{role}" for role in ("member", "stranger", "blocked")
        ]

        assert [key for key in keys if 2 * width(say(key, language)) > ROW] == []


class TestHelp:
    @pytest.mark.parametrize("who", [OWNER, ADMIN, MEMBER])
    def test_tells_managers_of_their_commands_in_private(self, scene: Scene, who: int) -> None:
        told = answer(scene.say(who, "/help"), who)["text"]

        assert (say("help_managers", "en") in told) is (who != MEMBER)

    def test_tells_nobody_of_them_in_a_group(self, scene: Scene) -> None:
        assert say("help_managers", "en") not in answer(scene.say(OWNER, "/help", GROUP), GROUP)["text"]

    def test_has_a_menu_for_each_role(self) -> None:
        assert FOR_MANAGERS.keys() == MANAGERS
