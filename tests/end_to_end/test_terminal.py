"""``g2d batch``: pictures and their table in a folder, an exit status that tells, and going on where it stopped."""

import csv
import json
import subprocess

import pytest
from installation import G2D, PAINTING, environment, installed

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


def g2d_batch(place, *arguments):
    settings = {name: value for name, value in place.settings.items() if not name.startswith("TELEGRAM")}
    return subprocess.run(
        [G2D, "batch", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment(settings),
        cwd=place.folder,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )


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

    def test_it_knows_the_models_that_are_served_right_now(self, place):
        migrate(place.database)
        Models(place.database).replace(IMAGE, {"ideogram-ai/ideogram-4": {"providers": {}}})
        (place.folder / "ideas.txt").write_text("a fox --model ideogram\n", encoding="utf-8")

        done = g2d_batch(place, "ideas.txt", "--out", "pictures", "--jsonl")

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["model"] == "ideogram-ai/ideogram-4"

    def test_it_tells_what_failed_and_tries_that_again(self, place):
        (place.folder / "ideas.txt").write_text("a fox --seed 7\na boat --seed 9\n", encoding="utf-8")
        place.sandbox.arm("router", path=PAINTING, body='"seed":9', times=None, preset="moderated")

        first = g2d_batch(place, "ideas.txt", "--out", "pictures")
        assert first.returncode == 1
        assert "picture_refused" in first.stdout
        place.sandbox.clear_faults()

        assert g2d_batch(place, "ideas.txt", "--out", "pictures").returncode == 0

    def test_it_says_what_is_wrong_with_a_file(self, place):
        (place.folder / "ideas.csv").write_bytes(b"PK\x03\x04" + bytes(100))

        done = g2d_batch(place, "ideas.csv", "--out", "pictures")

        assert done.returncode == 2
        assert "no text file" in done.stderr
        assert g2d_batch(place, "missing.csv", "--out", "pictures").returncode == 2
