"""``g2d batch``: pictures and their table in a folder, an exit status that tells, and going on where it stopped."""

import csv
import json
from dataclasses import dataclass
from io import BytesIO

import PIL.Image
import pytest
from sqlalchemy import func, select

from shared.images import Images
from shared.jobs import State
from shared.migrations import migrate
from shared.samples import SampleKind
from shared.sheets import Sheets
from shared.store import tables
from shared.store.models import IMAGE, Models
from tests.end_to_end import forked
from tests.end_to_end.installation import PAINTING, environment, installed, wait_until
from tests.end_to_end.terminal import PATIENCE_S, on_a_terminal


@pytest.fixture
def place(size, tmp_path):
    """An installation whose bot never runs; workers do, where they are processes of their own."""
    with installed(size, tmp_path, G2D_IMAGE_MODEL="stabilityai/stable-diffusion-3-medium-diffusers") as made:
        if not made.is_embedded:
            made.worker.start()
        yield made


def settings_of(place):
    return environment({name: value for name, value in place.settings.items() if not name.startswith("TELEGRAM")})


@dataclass
class Ended:
    """A command that has come to its end."""

    returncode: int
    stdout: str
    stderr: str


def g2d_batch(place, *arguments):
    return g2d(place, "batch", *arguments)


def g2d(place, *arguments):
    outputs = [place.folder / name for name in ("batch.stdout", "batch.stderr")]
    for output in outputs:
        output.unlink(missing_ok=True)
    process = forked.start([*arguments], settings_of(place), place.folder, *outputs)
    process.join(PATIENCE_S)
    return Ended(process.exitcode, *[output.read_text(encoding="utf-8") for output in outputs])


def cancelled(place):
    """How many pictures the record has for cancelled."""
    of_them = select(func.count()).where(tables.jobs.c.state == State.CANCELLED)
    with place.database.reading() as connection:
        return connection.scalar(of_them)


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
        assert "failed: 0002-a-boat.jpg: " in first.stdout
        assert "safety filter refused this picture" in first.stdout
        place.sandbox.clear_faults()

        assert g2d_batch(place, "ideas.txt", "--out", "pictures").returncode == 0

    def test_it_stops_where_nothing_can_succeed(self, place):
        place.settings["G2D_USER_IN_FLIGHT"] = "1"
        (place.folder / "ideas.txt").write_text("".join(f"a fox {number}\n" for number in range(30)), encoding="utf-8")
        place.sandbox.arm("router", times=None, preset="no-credits", delay_s=0.2)

        first = g2d_batch(place, "ideas.txt", "--out", "pictures")

        assert first.returncode == 1
        assert "Stopped early. HuggingFace's credit is used up" in first.stderr
        with (place.folder / "pictures/manifest.csv").open(encoding="utf-8-sig", newline="") as table:
            assert "cancelled" in {row["outcome"] for row in csv.DictReader(table)}

    def test_ctrl_c_asks_and_the_same_command_goes_on(self, place):
        (place.folder / "ideas.txt").write_text("a fox\na boat\na tree\n", encoding="utf-8")
        place.sandbox.arm("router", path=PAINTING, skip=1, times=None, gate="painter")

        with on_a_terminal(place.folder, settings_of(place), "batch", "ideas.txt", "--out", "pictures") as terminal:
            place.sandbox.wait_at_gate("painter", count=2, timeout_s=PATIENCE_S)
            wait_until(lambda: list((place.folder / "pictures").glob("*.jpg")), timeout_s=PATIENCE_S)
            terminal.press("\x03")
            terminal.wait_for("Cancel what has not been painted?")
            terminal.press("y\n")
            wait_until(lambda: cancelled(place) == 2, timeout_s=PATIENCE_S, what="the cancellation")
            place.sandbox.clear_faults()
            assert terminal.wait() == 130
        with (place.folder / "pictures/manifest.csv").open(encoding="utf-8-sig", newline="") as table:
            outcomes = sorted(row["outcome"] for row in csv.DictReader(table))
        assert outcomes == ["cancelled", "cancelled", "done"]

        again = g2d_batch(place, "ideas.txt", "--out", "pictures")

        assert (again.returncode, again.stdout.count("done: ")) == (0, 2), again.stderr
        assert len(list((place.folder / "pictures").glob("*.jpg"))) == 3

    def test_a_folder_that_takes_nothing_is_told_and_the_pictures_wait(self, place):
        (place.folder / "ideas.txt").write_text("a red fox\n")
        blocked = place.folder / "pictures" / "manifest.csv"
        blocked.mkdir(parents=True)

        done = g2d_batch(place, "ideas.txt", "--out", "pictures")

        assert done.returncode == 1
        said = done.stderr.splitlines()[-1]
        assert said == "pictures/manifest.csv can't be written: Is a directory. Run this again to go on."
        blocked.rmdir()
        assert g2d_batch(place, "ideas.txt", "--out", "pictures").returncode == 0

    def test_it_says_what_is_wrong_with_a_file(self, place):
        (place.folder / "ideas.csv").write_bytes(b"PK\x03\x04" + bytes(100))

        done = g2d_batch(place, "ideas.csv", "--out", "pictures")

        assert done.returncode == 2
        assert "isn't a text file" in done.stderr
        assert g2d_batch(place, "missing.csv", "--out", "pictures").returncode == 2


@pytest.mark.parametrize("size", ["distributed"], indirect=True, scope="session")
@pytest.mark.distributed
class TestSamples:
    def test_are_made_once_for_the_styles_and_the_models_and_tell_their_price(self, place):
        first = g2d(place, "samples", "--yes")
        assert first.returncode == 0, first.stdout + first.stderr
        assert "at your cost" in first.stdout
        painted = len(place.sandbox.journal("router", PAINTING))

        assert g2d(place, "samples", "--yes").returncode == 0

        assert len(place.sandbox.journal("router", PAINTING)) == painted
        sheets = [Sheets(Images(place.settings["IMAGE_STORE_URL"])).read(kind, 1) for kind in SampleKind]
        for sheet in sheets:
            with PIL.Image.open(BytesIO(place.picture(sheet.key))) as picture:
                assert picture.width < picture.height
        assert "oil" in sheets[0].names
        assert "black-forest-labs/FLUX.1-schnell" in sheets[1].names
