"""Every button under a picture or an album: pressed twice, by the wrong person, while the bot is away, years later."""

import math
import time
from dataclasses import dataclass

import pytest

from services.bot.telegram.repeats import FIRST_TRY_S
from tests.end_to_end.installation import PAINTING
from tests.end_to_end.pressing import DELETE, DELETE_NOW, MORE, answer_to, says, warns

MISSING = 8  # the seed of the album's picture that fails
BACK = "‹ Back"
LONG_IDEA = "a fox in the snow, " + ", ".join(f"with {number} owls behind it" for number in range(2, 14)) + " --raw"
TWO_DAYS_S = 2 * 24 * 60 * 60  # for so long Telegram tells what a button stands under


@dataclass(frozen=True)
class Button:
    """A button, the ones to press before it is there, how many pictures it asks for, and what else it sends at once."""

    label: str
    opened_by: tuple[str, ...] = ()
    pictures: int = 0
    sends: int = 0


OF_A_PICTURE = {
    "again": Button("🔁 Again", pictures=1),
    "variations": Button("✨ Vary", pictures=4),
    "edit": Button("✏️ Edit", sends=1),
    "Prompt of picture": Button("📋 Show prompt", (MORE,), sends=1),
    "ratios": Button("📐 Ratio", (MORE,)),
    "ratio": Button("16:9", (MORE, "📐 Ratio"), pictures=1),
    "back from ratios": Button(BACK, (MORE, "📐 Ratio")),
    "models": Button("🎨 Model", (MORE,)),
    "model": Button("Qwen-Image", (MORE, "🎨 Model"), pictures=1),
    "back from models": Button(BACK, (MORE, "🎨 Model")),
    "file": Button("📄 File", sends=1),
    "more": Button(MORE),
    "back from more": Button(BACK, (MORE,)),
    "delete": Button(DELETE, (MORE,)),
    "delete now": Button(DELETE_NOW, (MORE, DELETE)),
}
OF_AN_ALBUM = {
    "pick": Button("3"),
    "rest": Button("🔁 Retry the missing one", pictures=1),
    "again": Button("🔁 Again", ("3",), pictures=1),
    "variations": Button("✨ Vary", ("3",), pictures=4),
    "edit": Button("✏️ Edit", ("3",), sends=1),
    "ratio": Button("16:9", ("3", MORE, "📐 Ratio"), pictures=1),
    "back from ratios": Button(BACK, ("3", MORE, "📐 Ratio")),
    "file": Button("📄 File", ("3",), sends=1),
    "delete": Button(DELETE_NOW, ("3", MORE, DELETE)),
    "back": Button(BACK, ("3",)),
}


class Table:
    """A chat with a message whose buttons are to be pressed."""

    def __init__(self, installation, ada, chat):
        self.installation, self.sandbox, self.ada, self.chat = installation, installation.sandbox, ada, chat

    def ask_for_a_picture(self):
        self.sandbox.say(self.ada, f"/imagine {LONG_IDEA}", chat=self.chat)
        [photo] = self.sandbox.wait_for_photo(self.chat, count=1)
        return self._begun(photo, 1)

    def ask_for_an_album(self):
        self.sandbox.arm("router", path=PAINTING, body=f'"seed":{MISSING}', times=None, preset="moderated")
        self.sandbox.say(self.ada, "/imagine a red boat --n 3 --seed 7", chat=self.chat)
        control = self.sandbox.wait_for_message(self.chat, lambda one: "of 3 pictures" in one.get("text", ""))
        self.sandbox.clear_faults()
        return self._begun(control, 3)

    def _begun(self, message, jobs):
        self.message, self.jobs = message, jobs
        self.installation.wait_for_deliveries(self.chat, jobs)
        self.installation.no_status_left(self.chat)
        return self

    def open(self, button):
        for label in button.opened_by:
            before = self.now()["reply_markup"]
            self.press(label)
            self.sandbox.wait_for(lambda before=before: self.now()["reply_markup"] != before, what=label)
        return self

    def now(self):
        number = self.message["message_id"]
        return next(one for one in self.sandbox.messages(self.chat) if one["message_id"] == number)

    def press(self, label, who=None):
        """Press what the message shows at present under a label; the label may hold more than these words."""
        return self.sandbox.press(who or self.ada, self.message, self._data(label))

    def press_twice(self, label):
        """Press what it shows twice, whatever it shows after the first press."""
        data = self._data(label)
        return [self.sandbox.press(self.ada, self.message, data) for _ in range(2)]

    def _data(self, label):
        shown = [one for row in self.now()["reply_markup"]["inline_keyboard"] for one in row]
        return next(one["callback_data"] for one in shown if label in one["text"] and "callback_data" in one)

    def wait_for_answers(self, presses):
        for press in presses:
            answer_to(self.sandbox, press)

    def answers(self, presses):
        """What was answered, once all handlers are through."""
        self.wait_for_answers(presses)
        self.installation.all_handled()
        return [self.sandbox.callback(press) for press in presses]

    def assert_made(self, pictures):
        """So many more pictures were asked for, and each is delivered."""
        assert len(self.installation.rows(self.chat)) == self.jobs + pictures
        self.installation.wait_for_deliveries(self.chat, self.jobs + pictures)
        assert self.sandbox.violations() == []


CASES = [
    *(pytest.param(Table.ask_for_a_picture, button, id=f"picture-{name}") for name, button in OF_A_PICTURE.items()),
    *(pytest.param(Table.ask_for_an_album, button, id=f"album-{name}") for name, button in OF_AN_ALBUM.items()),
]


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada")


@pytest.fixture
def private(installation, ada):
    return Table(installation, ada, ada)


@pytest.mark.parametrize(("ask", "button"), CASES)
class TestEveryButton:
    def test_pressed_twice_at_once_is_pressed_once(self, installation, sandbox, ask, button):
        held_s = math.inf
        while held_s > FIRST_TRY_S:  # What Telegram does not answer for longer is sent again.
            sandbox.clear_faults()
            ada = sandbox.person("Ada")
            table = ask(Table(installation, ada, ada)).open(button)
            before = {one["message_id"] for one in sandbox.messages(table.chat)}
            # The first press is under way as long as the painter, or Telegram, doesn't answer.
            sandbox.arm("router", gate="painter", times=None)
            sandbox.arm("telegram", path="/send(Document|Message)$", gate="way there", times=None)
            # Nobody can press a button whose message is gone already.
            sandbox.arm("telegram", path="/deleteMessage$", gate="bin", times=None)

            pressed_at = time.monotonic()
            presses = table.press_twice(button.label)
            sandbox.open_gate("bin")
            table.wait_for_answers(presses)
            sandbox.open_gate("way there")
            held_s = time.monotonic() - pressed_at
            answers = table.answers(presses)
            new = [one for one in sandbox.messages(table.chat) if one["message_id"] not in before]
            sandbox.open_gate("painter")

        assert [answer.get("show_alert", False) for answer in answers] == [False, False]
        assert len(new) == (button.sends or bool(button.pictures))  # a promise comes before pictures
        table.assert_made(button.pictures)

    def test_pressed_by_the_wrong_person_does_nothing(self, installation, sandbox, ada, ask, button):
        bob = sandbox.person("Bob")
        table = ask(Table(installation, ada, sandbox.group(ada, bob))).open(button)
        before = sandbox.messages(table.chat)

        [answer] = table.answers([table.press(button.label, bob)])

        assert warns(answer)
        assert says(answer, "Only the person who asked")
        assert sandbox.messages(table.chat) == before
        table.assert_made(0)

    def test_pressed_on_an_old_message_whose_contents_telegram_keeps_to_itself(self, sandbox, private, ask, button):
        table = ask(private).open(button)
        before = table.now()
        sandbox.advance_clock(TWO_DAYS_S + 1)

        [answer] = table.answers([table.press(button.label)])

        assert not answer.get("show_alert")
        assert answer.get("text") != "I no longer know this picture."
        table.assert_made(button.pictures)
        assert table.now() == before

    def test_pressed_on_a_message_that_is_deleted_meanwhile_does_what_it_says(self, sandbox, private, ask, button):
        table = ask(private).open(button)
        sandbox.arm("telegram", path="/(answerCallbackQuery|deleteMessage)$", gate="first call", times=None)

        press = table.press(button.label)
        sandbox.wait_at_gate("first call")
        sandbox.delete(table.message)
        sandbox.open_gate("first call")
        [answer] = table.answers([press])

        assert not answer.get("show_alert")
        table.assert_made(button.pictures)


def test_all_that_are_pressed_while_the_bot_restarts_are_served_afterwards(installation, sandbox):
    cases = [(case.values[0], case.values[1]) for case in CASES]
    people = [sandbox.person("Ada") for _ in cases]
    tables = [ask(Table(installation, ada, ada)).open(button) for (ask, button), ada in zip(cases, people, strict=True)]
    installation.kill()

    presses = [table.press(button.label) for table, (_, button) in zip(tables, cases, strict=True)]
    installation.start()

    for table, press, (_, button) in zip(tables, presses, cases, strict=True):
        [answer] = table.answers([press])
        assert not answer.get("show_alert"), button
        table.assert_made(button.pictures)
