"""Packages of npm's that tests need beside Python's."""

import shutil
import subprocess
from pathlib import Path

import pytest

LONGEST_S = 150
# A registry that answers late, or not at once, is asked again after a second; by itself npm waits for minutes.
ASK_AGAIN = ["--fetch-retries=5", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"]


def install_locked(source: Path, folder: Path) -> Path:
    """Install into a copy of this folder what its lock file names; skip the test where that is not to be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    copy = shutil.copytree(source, folder)
    install = ["npm", "ci", "--no-audit", "--no-fund", *ASK_AGAIN, "--prefix", str(copy)]
    if subprocess.run(install, capture_output=True, check=False, timeout=LONGEST_S).returncode:
        pytest.skip(f"npm could not fetch what {source.name} needs")
    return copy
