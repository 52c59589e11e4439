"""A backup made and put back as docs/operations.md says loses nothing, what was not delivered yet included."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.installation import MODEL, Installation, installed

ROOT = Path(__file__).parents[2]
OF_ONE_PROCESS = re.compile(r"One process; this may.*?```sh\n(.*?)```.*?```sh\n(.*?)```", re.DOTALL)
BACKUPS = ("g2d-backup.db", "images-backup.tar.gz", "secret-backup.key")


def run(commands: str, checkout: Path) -> None:
    """Run commands of the page in a folder that is laid out as a checkout."""
    subprocess.run(["bash", "-euc", commands], cwd=checkout, check=True)


def laid_out(checkout: Path) -> Path:
    """A checkout as far as the commands need one."""
    checkout.mkdir()
    (checkout / ".venv").symlink_to(sys.prefix)
    return checkout


def places(checkout: Path) -> dict[str, str]:
    """Where one process keeps everything unless it is told otherwise."""
    data = checkout / "data"
    return {
        "G2D_DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data / 'g2d.db'}",
        "IMAGE_STORE_URL": (data / "images").as_uri(),
    }


@pytest.fixture
def pages() -> tuple[str, str]:
    """The commands that make a backup, and those that put it back."""
    found = OF_ONE_PROCESS.search((ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    assert found is not None
    return found[1], found[2]


def test_a_new_checkout_delivers_what_the_old_one_had_painted(tmp_path: Path, pages: tuple[str, str]) -> None:
    make, put_back = pages
    old, new = laid_out(tmp_path / "old"), laid_out(tmp_path / "new")
    with installed("embedded", tmp_path, G2D_IMAGE_MODEL=MODEL, **places(old)) as made:
        made.start()
        ada = made.sandbox.person("Ada")
        arrived = made.sandbox.say(ada, "/imagine a fox in the snow")
        made.delivered(arrived)
        made.sandbox.arm("telegram", path="/sendPhoto$", times=None, gate="telegram", drop="before")
        made.sandbox.say(ada, "/imagine an owl at dusk")
        made.sandbox.wait_at_gate("telegram")
        run(make, old)
        made.kill()
        for name in BACKUPS:
            (old / name).rename(new / name)
        run(put_back, new)
        made.sandbox.clear_faults()
        secret = (old / "data/secret.key").read_bytes()

        restored = Installation(made.sandbox, made.settings | places(new), tmp_path, workers=0)
        try:
            restored.start()
            rows = restored.wait_for_deliveries(ada, 2)
            photos = made.sandbox.photos(ada)
        finally:
            restored.close()

    assert len(photos) == 2
    assert sorted(row.image_key for row in rows) == sorted(
        str(path.relative_to(new / "data/images")) for path in (new / "data/images").rglob("*.*")
    )
    assert (new / "data/secret.key").read_bytes() == secret
    assert (new / "data/secret.key").stat().st_mode & 0o77 == 0
