"""``g2d run`` of somebody who has nothing but three keys."""

import pytest
from dotenv import dotenv_values

from tests.end_to_end.installation import BOT_TOKEN, GEMINI_KEY, HF_TOKEN, environment, installed
from tests.end_to_end.terminal import on_a_terminal

KEYS = {"TELEGRAM_BOT_TOKEN": BOT_TOKEN, "GOOGLE_API_KEY": GEMINI_KEY, "HF_TOKEN": HF_TOKEN}


@pytest.fixture
def place(tmp_path):
    with installed("embedded", tmp_path) as made:
        yield made


def settings_without_keys(place):
    return environment({name: value for name, value in place.settings.items() if name not in {*KEYS, "G2D_ACCESS"}})


class TestTheFirstRun:
    def test_it_asks_for_the_keys_tries_them_and_leads_to_the_bot(self, place):
        place.sandbox.arm("telegram", path="getMe", preset="unauthorized", times=1)

        with on_a_terminal(place.folder, settings_without_keys(place), "run") as terminal:
            terminal.wait_for("Set them now?")
            terminal.press("\n")
            terminal.wait_for("TELEGRAM_BOT_TOKEN: ")
            terminal.press("my token\n")
            terminal.wait_for("holds characters that no key has")
            terminal.wait_for("TELEGRAM_BOT_TOKEN: ")
            terminal.press(f"{BOT_TOKEN}\n")
            terminal.wait_for("Telegram doesn't know it")
            terminal.wait_for("Use it all the same?")
            terminal.press("n\n")
            terminal.wait_for("TELEGRAM_BOT_TOKEN: ")
            terminal.press(f"{BOT_TOKEN}\n")
            terminal.wait_for("✔ Telegram token: @")
            terminal.wait_for("GOOGLE_API_KEY: ")
            terminal.press(f"{GEMINI_KEY}\n")
            terminal.wait_for("✔ Gemini key: accepted")
            terminal.wait_for("HF_TOKEN: ")
            terminal.press(f"{HF_TOKEN}\n")
            terminal.wait_for("✔ HuggingFace token: accepted")
            terminal.wait_for("?start=claim-")
            terminal.wait_for("https://t.me/")
            terminal.press("\x03")
            status = terminal.wait()

        assert status == 0, terminal.shown
        assert [key for key in KEYS.values() if key in terminal.shown] == []
        file = place.folder / ".env"
        assert file.stat().st_mode & 0o777 == 0o600
        assert {name: dotenv_values(file)[name] for name in KEYS} == KEYS

    def test_a_no_leaves_everything_as_it_was(self, place):
        with on_a_terminal(place.folder, settings_without_keys(place), "run") as terminal:
            terminal.wait_for("Set them now?")
            terminal.press("n\n")
            terminal.wait_for("Please set TELEGRAM_BOT_TOKEN, GOOGLE_API_KEY, HF_TOKEN")
            assert terminal.wait() == 2

        assert not (place.folder / ".env").exists()
