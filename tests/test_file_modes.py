"""Who may read what the services write."""

import os
import subprocess
import sys
from pathlib import Path


def test_only_the_user_who_runs_it_reads_what_is_written(tmp_path: Path) -> None:
    """Whatever the shell's own umask."""
    command = [sys.executable, "-c", "import os; os.umask(0o000); from services.cli import main; main()", "migrate"]
    settings = {"G2D_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(Path(__file__).parents[1])}

    subprocess.run(command, cwd=tmp_path, env=os.environ | settings, check=True, timeout=60)

    written = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert (tmp_path / "data" / "g2d.db") in written
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []
