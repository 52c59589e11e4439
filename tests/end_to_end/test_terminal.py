"""``g2d batch``: pictures and their table in a folder, an exit status that tells, and going on where it stopped."""

import csv
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from contextlib import contextmanager
from dataclasses import dataclass

import forked
import pytest
from installation import G2D, PAINTING, environment, installed, wait_until

from shared.migrations import migrate
from shared.store.models import IMAGE, Models

PATIENCE_S = 90.0


@pytest.fixture
def place(size, tmp_path):
    """An installation whose bot never runs; workers do, where they are processes of their own."""
    with installed(size, tmp_path, G2D_IMAGE_MODEL="stabilityai/stable-diffusion-3-medium-diffusers") as made:
        if not made.is_embedded:
            made.worker.start()
        yield made


def settings_of(place):
    return environment({name: value for name, value in place.settings.items() if not name.startswith("TELEGRAM")})


class Terminal:
    """A command on a terminal of its own: what it shows, and a keyboard."""

    def __init__(self, process, keyboard):
        self._process = process
        self._keyboard = keyboard
        self._shown = b""

    def press(self, keys):
        os.write(self._keyboard, keys.encode())

    def wait_for(self, words):
        """Read until it shows these words."""
        end = time.monotonic() + PATIENCE_S
        while words.encode() not in self._shown and time.monotonic() < end and self._read():
            continue
        assert words.encode() in self._shown, self._shown

    def wait(self):
        """Read to its end; returns its exit status."""
        while self._read():
            continue
        return self._process.wait(PATIENCE_S)

    def _read(self):
        ready, _, _ = select.select([self._keyboard], [], [], PATIENCE_S)
        assert ready, self._shown
        try:
            new = os.read(self._keyboard, 65_536)
        except OSError:  # Its end is an error on Linux.
            return b""
        self._shown += new
        return new


@contextmanager
def on_a_terminal(place, *arguments):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [G2D, "batch", *arguments],
        env=settings_of(place) | {"TERM": "xterm", "COLUMNS": "200"},
        cwd=place.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # Ctrl-C reaches it as from a keyboard.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - this process has no threads
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)


@dataclass
class Ended:
    """A command that has come to its end."""

    returncode: int
    stdout: str
    stderr: str


def g2d_batch(place, *arguments):
    outputs = [place.folder / name for name in ("batch.stdout", "batch.stderr")]
    for output in outputs:
        output.unlink(missing_ok=True)
    process = forked.start(["batch", *arguments], settings_of(place), place.folder, *outputs)
    process.join(PATIENCE_S)
    return Ended(process.exitcode, *[output.read_text(encoding="utf-8") for output in outputs])


class TestTheTerminal:
    def test_it_writes_pictures_and_a_table_and_does_nothing_twice(self, place):
        (place.folder / "ideas.csv").write_text("idea;seed\na red fox;7\na boat;8\n", encoding="utf-8-sig")

        first = g2d_batch(place, "ideas.csv", "--out", "pictures", "--jsonl")
        assert first.returncode == 0, first.stderr
        assert sorted(json.loads(line)["seed"] for line in first.stdout.splitlines()) == [7, 8]
        names = sorted(path.name for path in (place.folder / "pictures").iterdir())
        assert [name.partition(".")[0] for name in names] == ["0001-a-red-fox", "0002-a-boat", "manifest"]
        with (place.folder / "pictures/manifest.csv").open(encoding="utf-8-sig", newline="") as table:
            assert [row["outcome"] for row in csv.DictReader(table)] == ["done", "done"]

        painted = len(place.sandbox.journal("router", PAINTING))
        again = g2d_batch(place, "ideas.csv", "--out", "pictures")
        assert again.returncode == 0
        assert len(place.sandbox.journal("router", PAINTING)) == painted

    def test_it_knows_the_models_that_are_served_right_now_and_tells_what_it_left_out(self, place):
        migrate(place.database)
        Models(place.database).replace(IMAGE, {"ideogram-ai/ideogram-4": {"providers": {}}})
        (place.folder / "ideas.txt").write_text("a fox --model ideogram\na boat --seed x\n", encoding="utf-8")

        done = g2d_batch(place, "ideas.txt", "--out", "pictures", "--jsonl")

        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["model"] == "ideogram-ai/ideogram-4"
        with (place.folder / "pictures/manifest.csv").open(encoding="utf-8-sig", newline="") as table:
            assert [(row["line"], row["outcome"]) for row in csv.DictReader(table)] == [
                ("1", "done"),
                ("of the file: 2", "skipped"),
            ]

    def test_it_tells_what_failed_and_tries_that_again(self, place):
        (place.folder / "ideas.txt").write_text("a fox --seed 7\na boat --seed 9\n", encoding="utf-8")
        place.sandbox.arm("router", path=PAINTING, body='"seed":9', times=None, preset="moderated")

        first = g2d_batch(place, "ideas.txt", "--out", "pictures")
        assert first.returncode == 1
        assert "picture_refused" in first.stdout
        place.sandbox.clear_faults()

        assert g2d_batch(place, "ideas.txt", "--out", "pictures").returncode == 0

    def test_ctrl_c_asks_and_the_same_command_goes_on(self, place):
        (place.folder / "ideas.txt").write_text("a fox\na boat\na tree\n", encoding="utf-8")
        place.sandbox.arm("router", path=PAINTING, skip=1, times=None, gate="painter")

        with on_a_terminal(place, "ideas.txt", "--out", "pictures") as terminal:
            place.sandbox.wait_at_gate("painter", count=2, timeout_s=PATIENCE_S)
            wait_until(lambda: list((place.folder / "pictures").glob("*.jpg")), timeout_s=PATIENCE_S)
            terminal.press("\x03")
            terminal.wait_for("Cancel what has not been painted?")
            terminal.press("y\n")
            place.sandbox.clear_faults()
            assert terminal.wait() == 130
        with (place.folder / "pictures/manifest.csv").open(encoding="utf-8-sig", newline="") as table:
            outcomes = sorted(row["outcome"] for row in csv.DictReader(table))
        assert outcomes == ["cancelled", "cancelled", "done"]

        again = g2d_batch(place, "ideas.txt", "--out", "pictures")

        assert (again.returncode, again.stdout.count("done: ")) == (0, 2), again.stderr
        assert len(list((place.folder / "pictures").glob("*.jpg"))) == 3

    def test_it_says_what_is_wrong_with_a_file(self, place):
        (place.folder / "ideas.csv").write_bytes(b"PK\x03\x04" + bytes(100))

        done = g2d_batch(place, "ideas.csv", "--out", "pictures")

        assert done.returncode == 2
        assert "no text file" in done.stderr
        assert g2d_batch(place, "missing.csv", "--out", "pictures").returncode == 2
