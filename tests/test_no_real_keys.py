"""Every key in this repository is plainly a made-up one."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from shared.redaction import keys_in

ROOT = Path(__file__).parents[1]
# Real keys are random; that one holds any of these by chance is less likely than one in a thousand.
MADE_UP = re.compile(
    r"personal|owner|demo|secret|test|sandbox|invalid|abcd|01234|own|key|token|(?P<again>[\w-]{5,12}).*(?P=again)"
    r"|(?P<few>.{1,3})(?P=few){2}",
    re.IGNORECASE,
)


def tracked_texts() -> Iterator[tuple[str, str]]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            yield name, content.decode("utf-8", "replace")


def test_no_file_holds_a_key_that_may_be_real() -> None:
    """Write ``test`` or the like into a key that a test needs."""
    found = [(name, one.key) for name, text in tracked_texts() for one in keys_in(text) if not MADE_UP.search(one.key)]

    assert [(name, f"{key[:8]}…") for name, key in found] == []
