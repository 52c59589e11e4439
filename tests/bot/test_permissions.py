"""Who may do what: the table, what the page on security prints of it, and that all presses and replies keep to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.bot.telegram.permissions import ALLOWED, Action, Relation, may
from services.bot.texts.locales import say
from tests.bot.stage import Outcome, Stage
from tests.bot.updates_scene import (
    ADA,
    BOB,
    CAROL,
    CHANNEL,
    DAVE,
    EVE,
    FRANK,
    GROUP,
    OLD_GROUP,
    OTHER,
    WORDS,
    Button,
    Scene,
)

PAGE = Path(__file__).parents[2] / "docs/security.md"
HERE = [(ADA, GROUP), (BOB, GROUP), (CAROL, GROUP), (DAVE, GROUP), (ADA, ADA)]
# A stranger in private, members and the admin of another group, and people of this one who press somewhere else.
ELSEWHERE = [(EVE, EVE), (FRANK, OTHER), (ADA, OTHER), (BOB, BOB), (CAROL, CAROL)]
PRESSERS = HERE + ELSEWHERE
ADMINS = {GROUP: CAROL, OTHER: FRANK, CHANNEL: DAVE}
REFUSED = "pressed", "batch", "chat_pressed", "describe_pressed", "history"
REFUSALS = {say(f"{one}_not_yours", "en") for one in REFUSED} | {say("settings_not_admin", "en")}
THINGS = {"jobs", "errands", "batches", "conversations"}

quickly = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


def as_markdown() -> str:
    """The table as the page prints it."""
    lines = [f"| | {' | '.join(Relation)} |", f"|---|{'---|' * len(Relation)}"]
    for action in Action:
        marks = ("✔" if relation in ALLOWED[action] else "–" for relation in Relation)
        lines.append(f"| {action} | {' | '.join(marks)} |")
    return "\n".join(lines)


def relation_of(who: int, where: int, button: Button) -> Relation:
    """What somebody is to a button that they press in a chat."""
    match button.action:
        case Action.MANAGE_KEYS | Action.DELETE_DATA:
            return Relation.REQUESTER if where == who else Relation.ELSEWHERE
        case Action.CHANGE_SETTINGS | Action.CHOOSE_MODEL | Action.BROWSE:
            # They name no chat: they act on the one in which they are pressed.
            return _to(who, where, requester=where)
        case Action.USE_QUEUE if where != button.chat_id:
            return Relation.REQUESTER if button.requester == who else Relation.ELSEWHERE
        case Action.REMOVE_PICTURE if where != button.chat_id:
            return Relation.ELSEWHERE  # It acts on a list of another chat.
        case _ if where != button.chat_id:
            return Relation.AT_HOME if who == where == button.requester else Relation.ELSEWHERE
    return _to(who, where, requester=button.requester)


def _to(who: int, where: int, *, requester: int) -> Relation:
    if who == requester:
        return Relation.REQUESTER
    if requester < 0 and who in {ADMINS[where], ADMINS[requester]}:
        return Relation.SPEAKER
    return Relation.ADMIN if ADMINS.get(where) == who else Relation.MEMBER


def assert_refused(outcome: Outcome) -> None:
    """Nothing but the answer, which says so, and no row is another."""
    assert outcome.answer.get("text") in REFUSALS
    assert outcome.sent == []
    assert outcome.changed == {}


def assert_keeps_to_its_chat(outcome: Outcome, who: int, where: int) -> None:
    """Whatever was asked for, it is answered, and touches nothing of any other chat, nor of any other person."""
    assert outcome.answer
    assert {int(values["chat_id"]) for _, values in outcome.sent} <= {where}
    for (table, _), row in outcome.changed.items():
        if table in THINGS:
            assert row["chat_id"] == where, (table, row)
        if table == "keys":
            assert row["user_id"] == who == where


class TestTheTable:
    def test_the_page_on_security_prints_it(self) -> None:
        assert as_markdown() in PAGE.read_text(encoding="utf-8")

    def test_it_has_every_action(self) -> None:
        assert set(ALLOWED) == set(Action)

    def test_nobody_may_do_anything_from_another_chat(self) -> None:
        assert [action for action in Action if Relation.ELSEWHERE in ALLOWED[action]] == []


class TestEveryButton:
    def press(self, scene: Scene, button: Button, presser: tuple[int, int]) -> None:
        """Press it as a changed client may: from whatever chat, under the message that shows it where it does."""
        who, where = presser
        outcome = scene.press(who, button.data, where, button.message_id if where == button.chat_id else None)
        assert_keeps_to_its_chat(outcome, who, where)
        if may(button.action, relation_of(who, where, button)):
            assert outcome.answer.get("text") not in REFUSALS
        else:
            assert_refused(outcome)
        if outcome.changed or outcome.sent:
            scene.stage.reset()

    def test_of_each_kind_is_for_whom_the_table_says_from_wherever_it_is_pressed(self, scene: Scene) -> None:
        kinds = {(one.action, one.requester, one.chat_id): one for one in scene.buttons}
        assert {action for action, _, _ in kinds} == set(Action) - {Action.FOLLOW_UP}

        for button in kinds.values():
            for presser in PRESSERS:
                # In a private chat only its person presses.
                if presser[1] == button.chat_id or button.chat_id < 0 or presser in ELSEWHERE:
                    self.press(scene, button, presser)

    @quickly
    @given(place=st.integers(min_value=0), presser=st.sampled_from(PRESSERS))
    def test_of_all_is_for_whom_the_table_says(self, scene: Scene, place: int, presser: tuple[int, int]) -> None:
        self.press(scene, scene.buttons[place % len(scene.buttons)], presser)

    def test_does_something_for_whom_it_is_meant(self, scene: Scene) -> None:
        mine = [one for one in scene.buttons if one.chat_id == ADA]

        for button in {one.action: one for one in mine}.values():
            outcome = scene.press(ADA, button.data, ADA, button.message_id)

            assert outcome.sent or outcome.changed or outcome.answer.get("text")
            scene.stage.reset()


class TestForgedData:
    words = st.sampled_from(
        [*WORDS, "batch", "models", "access", "user", "users", "key:add:google", "key:remove:google", "nonsense", ""]
    )
    numbers = st.integers(-1, 40) | st.sampled_from(
        ["0x1", "1.0", "+1", "٣", "²", "\0", "9" * 18, "9" * 19, "9" * 60, str(GROUP), str(CHANNEL), str(ADA)]
    )
    choices = st.sampled_from(
        [
            "",
            "start",
            "zip",
            "retry",
            "16:9",
            "0:0",
            "@1",
            "@-1",
            "@9999999",
            "all 0",
            "r1 1",
            "-",
            "home",
            "why",
            "sure",
            "show",
            "owner",
            "member",
        ]
    ) | st.text(max_size=20)
    like_ours = st.tuples(words, numbers, choices).map(lambda three: " ".join(str(one) for one in three))
    data = (like_ours | st.text(max_size=60)).filter(lambda text: 0 < len(text.encode(errors="replace")) <= 64)

    @quickly
    @given(data=data, presser=st.sampled_from(PRESSERS), under=st.integers(min_value=0))
    def test_is_answered_and_touches_no_other_chat(
        self, scene: Scene, data: str, presser: tuple[int, int], under: int
    ) -> None:
        who, where = presser
        said = scene.said_by_bot(where)

        outcome = scene.press(who, data, where, said[under % len(said)])

        assert_keeps_to_its_chat(outcome, who, where)
        scene.stage.reset()

    @pytest.mark.parametrize("job", ["terminal", "other bot", f"{ADA} in {ADA}", f"{ADA} in {GROUP}"])
    @pytest.mark.parametrize("word", ["again", "prompt", "file", "edit", "cancel", "delete", "more", "pick"])
    def test_does_not_reach_jobs_of_no_chat_or_of_another(self, scene: Scene, word: str, job: str) -> None:
        assert_refused(scene.press(ADA, f"{word} {scene.jobs[job]}", OTHER))

    def test_does_not_overwrite_a_message_that_shows_no_such_button(self, scene: Scene) -> None:
        """Bob may do all this with his own picture, but not in the place of Ada's message."""
        scene.say(BOB, "/imagine a blue whale", GROUP)
        [*_, job] = scene.jobs_of(BOB)
        mine = [f"{word} {job}" for word in ("delete now", "more", "pick", "back", "ratio", "model")]
        hers = {one.message_id for one in scene.buttons if one.requester == ADA and one.chat_id == GROUP}

        for data in [*mine, "help talk", "models chat", f"queue {BOB} nothing 0"]:
            for message_id in hers:
                before = dict(scene.message(GROUP, message_id))
                scene.press(BOB, data, GROUP, message_id)
                assert scene.message(GROUP, message_id) == before, data

    def test_asks_telegram_for_the_admins_of_no_chat_that_is_not_here(self, scene: Scene) -> None:
        for number in range(1, 20):
            outcome = scene.press(BOB, f"queue -{number} all 0", GROUP)

            assert_refused(outcome)
            assert [name for name, _ in outcome.calls] == ["answerCallbackQuery"]


class TestAGroupThatMoved:
    def test_has_buttons_that_still_work_in_its_old_messages(self, scene: Scene) -> None:
        job = scene.jobs["moved"]

        refused = scene.press(BOB, f"cancel {job}", OLD_GROUP)
        allowed = scene.press(ADA, f"cancel {job}", OLD_GROUP)

        assert_refused(refused)
        assert [row["state"] for (table, _), row in allowed.changed.items() if table == "jobs"] == ["cancelled"]


class TestRepliesThatNameSomething:
    """Our own question tells what it is about; whoever answers it, and where, is looked at again."""

    def answer(self, scene: Scene, who: int, where: int, question: int, text: str, **wish: int) -> Outcome:
        return scene.say(who, text, where, reply_to_message_id=question, **wish)

    def question(self, scene: Scene, job: int, where: int) -> int:
        """Words of ours in a chat that read like our question for a prompt; Gemini can be talked into any."""
        return scene.post(where, say("edit_prompt", "en", number=str(job), prompt="a fox").replace("<code>", "")[:80])

    @pytest.mark.parametrize(("who", "where"), [(ADA, OTHER), *HERE[1:4], *ELSEWHERE[:2]])
    def test_a_prompt_is_edited_by_whom_the_picture_belongs_to_alone(self, scene: Scene, who: int, where: int) -> None:
        job = scene.jobs[f"{ADA} in {GROUP}"]

        outcome = self.answer(scene, who, where, self.question(scene, job, where), "a blue whale")

        assert not any(table == "jobs" for table, _ in outcome.changed)
        assert [values["text"] for _, values in outcome.sent] == [say("pressed_not_yours", "en")]

    @pytest.mark.parametrize(
        ("asked_by", "who", "as_chat"),
        [
            (ADA, ADA, None),
            (GROUP, CAROL, GROUP),
            (GROUP, CAROL, None),
            (CHANNEL, DAVE, CHANNEL),
            (CHANNEL, DAVE, None),
        ],
    )
    def test_a_prompt_is_edited_by_whoever_asked_or_speaks_for_who_asked(
        self, scene: Scene, asked_by: int, who: int, as_chat: int | None
    ) -> None:
        job = scene.jobs[f"{asked_by} in {GROUP}"]
        wish = {} if as_chat is None else {"as_chat": as_chat}

        outcome = self.answer(scene, who, GROUP, self.question(scene, job, GROUP), "a blue whale", **wish)

        assert [row["prompt"] for (table, _), row in outcome.changed.items() if table == "jobs"] == ["a blue whale"]

    @pytest.mark.parametrize(
        ("who", "as_chat", "is_allowed"),
        [(CAROL, None, True), (CAROL, GROUP, True), (BOB, None, False), (DAVE, CHANNEL, False)],
    )
    def test_a_setting_is_typed_by_the_groups_admins_alone(
        self, scene: Scene, who: int, as_chat: int | None, is_allowed: bool
    ) -> None:
        menu = next(one for one in scene.buttons if one.data == "set prompt_tokens ask" and one.chat_id == GROUP)
        scene.press(CAROL, menu.data, GROUP, menu.message_id)
        question = scene.said_by_bot(GROUP)[-1]

        outcome = self.answer(scene, who, GROUP, question, "77", **({} if as_chat is None else {"as_chat": as_chat}))

        assert bool(outcome.changed) is is_allowed
        assert (say("settings_not_admin", "en") in str(outcome.sent)) is not is_allowed

    def test_a_file_that_is_named_like_a_picture_of_another_chat_is_none_of_ours(self, scene: Scene) -> None:
        file = {"file_name": f"{scene.jobs[f'{ADA} in {GROUP}']}.jpg", "mime_type": "image/jpeg"}
        named = scene.post(OTHER, "", document=file | {"file_id": "x", "file_unique_id": "x"})

        outcome = self.answer(scene, FRANK, OTHER, named, "/imagine the same at night")

        parents = {row["parent_id"] for (table, _), row in outcome.changed.items() if table == "jobs"}
        assert parents <= {None}


class TestDeepLinks:
    @pytest.mark.parametrize(
        "link",
        ["keys", "settings-ratio-3", "settings-../x-3", f"settings-top_k-{'9' * 40}", "help-batch", "help-x", "x" * 64],
    )
    @pytest.mark.parametrize(("who", "where"), [(BOB, GROUP), (EVE, EVE), (FRANK, OTHER)])
    def test_change_nothing_and_show_only_what_is_ones_own(self, scene: Scene, link: str, who: int, where: int) -> None:
        outcome = scene.say(who, f"/start {link}", where)

        assert outcome.changed == {}
        assert {int(values["chat_id"]) for _, values in outcome.sent} <= {where}
        assert where == who or "set " not in str(outcome.sent)
