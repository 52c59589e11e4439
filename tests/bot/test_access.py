"""A bot that is closed: who is let in, in which chat, by which kind of update, and what the others get."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import delete, text
from telegram import CallbackQuery, Update, User
from telegram.ext import ApplicationHandlerStop, TypeHandler

from services.bot.help.command_menus import COMMANDS
from services.bot.telegram.callback_queries import PressAnswers, leave_unanswered
from services.bot.texts.locales import say
from shared.access import INSIDERS, MANAGERS, Profile, Role
from shared.store import tables
from shared.store.access import Roles
from tests.bot.stage import BOT, Outcome, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, CHANNEL, DAVE, EVE, FRANK, GROUP, OTHER, Button, Scene

WORK = {"jobs", "errands", "batches", "conversations", "keys", "users", "open_questions"}


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"), G2D_ACCESS="request")
    roles = Roles(stage.database, BOT)
    for one in (ADA, CAROL):
        roles.decide(Profile(one, str(one)), Role.OWNER, by=None)
    roles.decide(Profile(GROUP, "A group"), Role.MEMBER, by=ADA)
    yield Scene(stage)
    stage.close()


def assert_did_nothing(outcome: Outcome) -> None:
    """No row of anything that could cost anything is new or other than before."""
    assert {table for table, _ in outcome.changed} & WORK == set()


def said(outcome: Outcome) -> list[str]:
    """What was said, apart from the cards of the owners."""
    texts = [values["text"] for name, values in outcome.calls if name == "sendMessage"]
    return [text for text in texts if "asks to use this bot" not in text]


Act = Callable[[Scene, int, int], Outcome]


def a_press(data: str) -> Act:
    return lambda scene, who, where: scene.press(who, data, where)


def some_words(text: str) -> Act:
    return lambda scene, who, where: scene.say(who, text, where)


def an_inline_query(scene: Scene, who: int, where: int) -> Outcome:
    world = scene.stage.telegram.world
    asked = {"id": "1", "from": world.people[who].user, "query": "a fox", "offset": ""}
    return scene.stage.handle({"update_id": 10**6 + who, "inline_query": asked | {"chat_type": "sender"}})


def an_edit(scene: Scene, who: int, where: int) -> Outcome:
    world = scene.stage.telegram.world
    post = world.add_post(scene._chat(where), world.people[who].user, {"text": "/imagine a fox", "edit_date": 1})
    return scene.stage.handle({"update_id": 2 * 10**6 + post.id, "edited_message": post.message})


def a_stopped_draft(scene: Scene, who: int, where: int) -> Outcome:
    stopped = {"chat": {"id": where, "type": "private"}, "draft_id": 1}
    return scene.stage.handle({"update_id": 3 * 10**6, "stopped_message_generation": stopped})


def a_photo(scene: Scene, who: int, where: int) -> Outcome:
    photo = [{"file_id": "x", "file_unique_id": "x", "width": 64, "height": 64}]
    return scene.send(who, where, {"photo": photo, "caption": "/describe"})


COMMAND_ACTS: dict[str, Act] = {f"/{command}": some_words(f"/{command}@sandbox_bot") for command in COMMANDS}
MESSAGES: dict[str, Act] = COMMAND_ACTS | {
    "/imagine a fox": some_words("/imagine a fox"),
    "words": some_words("hello, who are you?"),
    "a mention": some_words("@sandbox_bot hello"),
    "a photo": a_photo,
    **{
        f"link {link}": some_words(f"/start {link}")
        for link in ("keys", "settings-ratio-3", "help-batch", "claim-" + "a" * 22, "invite-" + "a" * 22)
    },
}
OTHERS: dict[str, Act] = {"inline": an_inline_query, "edit": an_edit, "stop draft": a_stopped_draft}
PRESSES: dict[str, Act] = {
    data: a_press(data)
    for data in ("again 1", "vary 1", "cancel 1", "draw 1", "like 1 0", "batch 1 start", "models image", "set home",
                 "help talk", "key:add:google", "queue 105 all 0", "nonsense")
}  # fmt: skip
ACTS = MESSAGES | OTHERS | PRESSES
IN_GROUPS = MESSAGES | PRESSES | {"edit": an_edit}


WHO = {
    "owner, admin": MANAGERS,
    "member, guest": INSIDERS - MANAGERS,
    "anybody else": frozenset({Role.STRANGER}),
    "blocked": frozenset({Role.BLOCKED}),
}
LET_IN = {
    "private": INSIDERS,
    "a group that was let in": INSIDERS | {Role.STRANGER},
    "another group": MANAGERS,
}


def forget(scene: Scene, who: int) -> None:
    """Let the bot never have met somebody."""
    with scene.stage.database.writing() as connection:
        connection.execute(delete(tables.access).where(tables.access.c.id == who))


class TestEveryKindOfUpdate:
    def test_of_a_stranger_is_refused_and_told(self, scene: Scene, roles: Roles) -> None:
        for name, act in ACTS.items():
            forget(scene, EVE)

            outcome = act(scene, EVE, EVE)

            assert_did_nothing(outcome)
            if name in MESSAGES:
                assert said(outcome) == [say("access_asked", "en", id=str(EVE))], name
            elif name in PRESSES:
                assert (outcome.answer["text"], outcome.sent) == (say("access_press", "en"), []), name
            elif name == "inline":
                assert [(call, values["results"]) for call, values in outcome.calls] == [("answerInlineQuery", "[]")]
                assert '"start_parameter": "access"' in str(outcome.calls[0][1]["button"])
            else:
                assert outcome.calls == [], name

    def test_of_somebody_blocked_gets_nothing_after_one_sentence(self, scene: Scene, roles: Roles) -> None:
        for who in (EVE, BOB):
            roles.decide(Profile(who, "Somebody"), Role.BLOCKED, by=ADA)
        assert said(scene.say(EVE, "hello")) == [say("access_blocked", "en")]

        outcomes = {name: act(scene, EVE, EVE) for name, act in ACTS.items()}
        outcomes |= {f"{name} in a group": act(scene, BOB, GROUP) for name, act in IN_GROUPS.items()}

        assert {name: outcome.calls for name, outcome in outcomes.items() if outcome.calls} == {}

    def test_of_somebody_blocked_is_no_press_that_is_answered_when_the_time_is_up(self) -> None:
        answers = PressAnswers()
        query = CallbackQuery("1", User(EVE, "Eve", is_bot=False), "1", data="again 1")

        async def press() -> bool:
            answers.watch(query)
            leave_unanswered(query)
            return answers.claim(query.id)

        assert asyncio.run(press()) is False


class TestTheTable:
    """Role by kind of chat: all that anybody may send, and whether any handler gets to see it."""

    PLACES: ClassVar[dict[str, tuple[int, int]]] = {
        "private": (EVE, EVE),
        "a group that was let in": (BOB, GROUP),
        "another group": (FRANK, OTHER),
    }

    @pytest.fixture
    def reached(self, scene: Scene) -> Iterator[list[Update]]:
        """The updates that came to the handlers, which then leave them alone."""
        seen: list[Update] = []

        async def see(update: Update, _: object) -> None:
            seen.append(update)
            raise ApplicationHandlerStop

        handler = TypeHandler(Update, see)
        scene.stage.application.add_handler(handler, group=-1_000)
        yield seen
        scene.stage.application.remove_handler(handler, group=-1_000)

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("role", Role)
    def test_is_kept_to(
        self,
        scene: Scene,
        roles: Roles,
        reached: list[Update],
        monkeypatch: pytest.MonkeyPatch,
        role: Role,
        place: str,
    ) -> None:
        who, where = self.PLACES[place]
        roles.decide(Profile(who, "Somebody"), role, by=ADA)
        before = scene.stage.rows()
        acts = (ACTS if where == who else IN_GROUPS) | {one.data: a_press(one.data) for one in kinds(scene)}

        let_in = set()
        with monkeypatch.context() as quickly:
            quickly.setattr(scene.stage, "rows", dict)  # they are compared once, below
            for name, act in acts.items():
                reached.clear()
                act(scene, who, where)
                let_in |= {name} if reached else set()

        assert let_in == (set(acts) if role in LET_IN[place] else set())
        after = scene.stage.rows()
        assert {key for key, row in after.items() if before.get(key) != row and key[0] in WORK} == set()


def kinds(scene: Scene) -> list[Button]:
    """One button of each kind that the bot shows anywhere."""
    return list({one.action: one for one in scene.buttons}.values())


def as_markdown() -> str:
    """The table as the page on security prints it."""
    lines = [f"| who | {' | '.join(f'in {place}' for place in LET_IN)} |", f"|---|{'---|' * len(LET_IN)}"]
    for name, those in WHO.items():
        marks = ("✔" if those <= let_in else "–" for let_in in LET_IN.values())
        lines.append(f"| {name} | {' | '.join(marks)} |")
    return "\n".join(lines)


def test_the_page_on_security_prints_the_table() -> None:
    assert as_markdown() in (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")


class TestRoles:
    """``/imagine`` and a page of ``/help`` stand for all: the gate knows no difference between handlers."""

    @pytest.mark.parametrize("role", Role)
    def test_in_private_are_those_of_the_person(self, scene: Scene, roles: Roles, role: Role) -> None:
        roles.decide(Profile(EVE, "Eve"), role, by=ADA)

        asked = scene.say(EVE, "/imagine a fox")
        pressed = scene.press(EVE, "help talk", EVE)

        assert any(table == "jobs" for table, _ in asked.changed) is (role in INSIDERS)
        assert ("editMessageText" in [name for name, _ in pressed.calls]) is False
        assert (pressed.answer.get("text") == say("access_press", "en")) is (role is Role.STRANGER)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("chat", [GROUP, OTHER])
    def test_in_a_group_are_those_of_the_group_beside_managers_and_the_blocked(
        self, scene: Scene, roles: Roles, role: Role, chat: int
    ) -> None:
        who = BOB if chat == GROUP else FRANK
        roles.decide(Profile(who, "Somebody"), role, by=ADA)

        asked = scene.say(who, "/imagine a fox", chat)

        allowed = role in {Role.OWNER, Role.ADMIN} or (chat == GROUP and role is not Role.BLOCKED)
        assert any(table == "jobs" for table, _ in asked.changed) is allowed

    @pytest.mark.parametrize("speaker", [GROUP, CHANNEL])
    def test_of_anonymous_admins_and_channels_are_those_of_the_group(self, scene: Scene, speaker: int) -> None:
        who = CAROL if speaker == GROUP else DAVE

        asked = scene.say(who, "/imagine a fox", GROUP, as_chat=speaker)

        assert any(table == "jobs" for table, _ in asked.changed)

    def test_that_are_taken_away_hold_from_the_next_update_on(self, scene: Scene, roles: Roles) -> None:
        roles.decide(Profile(EVE, "Eve"), Role.MEMBER, by=ADA)
        assert any(table == "jobs" for table, _ in scene.say(EVE, "/imagine a fox").changed)

        roles.decide(Profile(EVE, "Eve"), Role.BLOCKED, by=ADA)

        assert_did_nothing(scene.say(EVE, "/imagine a boat"))


@pytest.fixture
def _nothing_to_read(scene: Scene) -> None:
    """The record tells nothing about anybody; the next reset brings it back."""
    with scene.stage.database.writing() as connection:
        connection.execute(text("DROP TABLE access"))


@pytest.mark.usefixtures("_nothing_to_read")
class TestTheRecordIsAway:
    def test_lets_nobody_in_and_the_update_comes_again(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        postponed: list[Update] = []
        application = scene.stage.application
        monkeypatch.setattr(application, "postpone", lambda update, _: postponed.append(update))

        outcome = scene.say(ADA, "/imagine a fox")

        assert outcome.calls == []
        assert_did_nothing(outcome)
        assert len(postponed) == 1

    def test_lets_no_inline_query_in_and_drops_it(self, scene: Scene) -> None:
        assert an_inline_query(scene, ADA, ADA).calls == []
        assert not scene.stage.application._timers


class TestTheSentence:
    def test_is_said_once_a_day(self, scene: Scene) -> None:
        sentences = [said(scene.say(EVE, f"hello {number}")) for number in range(3)]

        assert sentences == [[say("access_asked", "en", id=str(EVE))], [], []]

    def test_is_said_once_a_day_in_a_group(self, scene: Scene) -> None:
        sentences = [said(scene.say(who, "hello", OTHER)) for who in (FRANK, FRANK, FRANK)]

        assert [len(one) for one in sentences] == [1, 0, 0]

    def test_names_what_is_kept_of_whom(self, scene: Scene, roles: Roles) -> None:
        scene.say(EVE, "hello")

        assert roles.one(EVE).profile == Profile(EVE, "Eve", None, "en")

    def test_of_people_who_talk_in_a_group_nothing_is_kept(self, scene: Scene) -> None:
        scene.say(BOB, "what a day!", GROUP)
        outcome: Any = scene.say(BOB, "what a night!", GROUP)

        assert not [key for key in outcome.changed if key[0] == "access"]
