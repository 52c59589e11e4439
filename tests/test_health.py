"""Signs of life: what a process writes of its duties, what ``g2d health`` makes of it, and what the watchdog does."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.health import LOOK_S, MAX_SILENCE_S, Signs, Watchdog, complaints

ROOT = Path(__file__).parents[1]


def let_pass(signs: Signs, *duties: str, seconds: float = MAX_SILENCE_S + 1) -> None:
    """Let these duties have been done last so long ago."""
    for duty in duties:
        signs.of(duty).done_at = time.monotonic() - seconds


def is_silent(path: Path) -> bool:
    return [line.partition(":")[0] for line in complaints(path)] == ["silent"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alive"


class TestSigns:
    def test_a_process_that_does_its_duties_is_at_work(self, path: Path) -> None:
        signs = Signs(path)
        signs.of("polls").done()
        signs.of("delivers").done()

        signs.write()

        assert complaints(path) == []

    def test_a_process_that_never_wrote_is_silent(self, path: Path) -> None:
        assert is_silent(path)

    def test_a_process_that_writes_no_more_is_silent(self, path: Path) -> None:
        Signs(path).write()
        long_ago = time.time() - MAX_SILENCE_S - 1
        os.utime(path, (long_ago, long_ago))

        assert is_silent(path)

    @pytest.mark.parametrize("content", ["{", "\x00", "7"])
    def test_a_file_of_somebody_else_is_no_sign(self, path: Path, content: str) -> None:
        path.write_text(content, encoding="utf-8")

        assert is_silent(path)

    def test_a_duty_that_is_not_done_is_named_although_others_are(self, path: Path) -> None:
        signs = Signs(path)
        for duty in ("polls", "renews leases"):
            signs.of(duty).done()
        let_pass(signs, "polls")

        signs.write()

        [complaint] = complaints(path)
        assert complaint.startswith("polls: not for 12")

    def test_a_duty_that_was_only_tried_is_not_done(self, path: Path) -> None:
        signs = Signs(path)
        let_pass(signs, "polls")
        signs.of("polls").tried()

        signs.write()

        assert complaints(path)

    def test_a_duty_that_is_done_again_is_fine_again(self, path: Path) -> None:
        signs = Signs(path)
        let_pass(signs, "polls")
        signs.write()

        signs.of("polls").done()
        signs.write()

        assert complaints(path) == []

    def test_a_new_process_has_time_to_begin(self, path: Path) -> None:
        signs = Signs(path)
        signs.of("polls")

        signs.write()

        assert complaints(path) == []

    def test_a_file_that_cannot_be_written_does_not_stop_the_process(self, tmp_path: Path) -> None:
        Signs(tmp_path / "no such folder" / "alive").write()

        assert is_silent(tmp_path / "no such folder" / "alive")

    def test_nothing_else_is_left_in_the_folder(self, path: Path) -> None:
        Signs(path).write()

        assert list(path.parent.iterdir()) == [path]


class TestWatchdog:
    @staticmethod
    def of(signs: Signs) -> tuple[Watchdog, list[str]]:
        """A watchdog that ends the process after three looks at a duty that hangs."""
        ended: list[str] = []
        return Watchdog(signs, stuck_s=3 * LOOK_S, end=lambda: ended.append("ended")), ended

    def test_it_ends_a_process_of_which_one_duty_hangs(self) -> None:
        signs = Signs()
        watchdog, ended = self.of(signs)
        signs.of("polls")

        for _ in range(4):
            signs.of("delivers").done()
            watchdog.look()

        assert ended == ["ended"]
        assert watchdog.reason == "polls"

    @pytest.mark.parametrize("sign", ["done", "tried"])
    def test_it_leaves_one_alone_that_goes_on_even_where_it_fails(self, sign: str) -> None:
        signs = Signs()
        watchdog, ended = self.of(signs)

        for _ in range(10):
            getattr(signs.of("polls"), sign)()
            watchdog.look()

        assert ended == []

    def test_it_ends_it_once(self) -> None:
        signs = Signs()
        watchdog, ended = self.of(signs)
        signs.of("polls")

        for _ in range(10):
            watchdog.look()

        assert ended == ["ended"]

    def test_time_in_which_the_whole_process_stood_still_does_not_count(self) -> None:
        signs = Signs()
        watchdog, ended = self.of(signs)
        signs.of("polls").done()
        watchdog.look()

        let_pass(signs, "polls", seconds=24 * 3600)
        watchdog.look()

        assert ended == []

    def test_it_writes_the_signs(self, path: Path) -> None:
        signs = Signs(path)
        signs.of("polls").done()

        Watchdog(signs).look()

        assert json.loads(path.read_text(encoding="utf-8")).keys() == {"polls"}


class TestCommand:
    @pytest.fixture(autouse=True)
    def no_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # where no .env lies
        monkeypatch.setenv("G2D_HEARTBEAT_FILE", str(tmp_path / "alive"))

    def test_it_needs_no_keys(self, path: Path) -> None:
        path.touch()

        result = CliRunner().invoke(app, ["health"])

        assert (result.exit_code, result.output) == (0, "at work\n")

    def test_it_fails_when_the_service_is_silent(self, path: Path) -> None:
        result = CliRunner().invoke(app, ["health"])

        assert (result.exit_code, result.output) == (1, f"silent: {path} can't be read\n")

    def test_containers_ask_the_module_itself(self, path: Path) -> None:
        """It takes a twelfth of the time."""
        asked = ["python", "-m", "services.health", "/tmp/g2d-at-work"]
        compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        pods = (ROOT / "docs/kubernetes/services.yaml").read_text(encoding="utf-8")

        ended = []
        for prepare in (path.touch, path.unlink):
            prepare()
            command = [sys.executable, *asked[1:3], path]
            ended.append(subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True))

        assert [(one.returncode, one.stdout[:7]) for one in ended] == [(0, "at work"), (1, "silent:")]
        assert f"G2D_HEARTBEAT_FILE={asked[-1]}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
        assert (compose.count(", ".join(asked)), pods.count(", ".join(asked))) == (1, 2)

    def test_it_names_each_duty_that_is_not_done(self, path: Path) -> None:
        signs = Signs(path)
        let_pass(signs, "polls", "takes tickets")
        signs.of("delivers").done()
        signs.write()

        result = CliRunner().invoke(app, ["health"])

        assert result.exit_code == 1
        assert [line.partition(":")[0] for line in result.output.splitlines()] == ["polls", "takes tickets"]
