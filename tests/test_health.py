"""Signs of life: what a service touches, and what ``g2d health`` makes of it."""

import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.health import MAX_SILENCE_S, Heartbeat, is_alive


class TestHeartbeat:
    def test_a_service_that_just_made_a_round_is_alive(self, tmp_path: Path):
        Heartbeat(tmp_path / "alive").beat()

        assert is_alive(tmp_path / "alive")

    def test_a_service_that_never_made_a_round_is_not(self, tmp_path: Path):
        assert not is_alive(tmp_path / "alive")

    def test_a_service_that_has_been_silent_for_long_is_not(self, tmp_path: Path):
        Heartbeat(tmp_path / "alive").beat()
        long_ago = time.time() - MAX_SILENCE_S - 1
        os.utime(tmp_path / "alive", (long_ago, long_ago))

        assert not is_alive(tmp_path / "alive")

    def test_a_new_round_brings_a_silent_service_back(self, tmp_path: Path):
        Heartbeat(tmp_path / "alive").beat()
        os.utime(tmp_path / "alive", (0, 0))

        Heartbeat(tmp_path / "alive").beat()

        assert is_alive(tmp_path / "alive")

    def test_a_file_that_cannot_be_touched_does_not_stop_the_service(self, tmp_path: Path):
        Heartbeat(tmp_path / "no such folder" / "alive").beat()

        assert not is_alive(tmp_path / "no such folder" / "alive")


class TestCommand:
    @pytest.fixture(autouse=True)
    def no_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)  # where no .env lies
        monkeypatch.delenv("G2D_HEARTBEAT_FILE", raising=False)

    def test_it_needs_no_keys(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("G2D_HEARTBEAT_FILE", str(tmp_path / "alive"))
        (tmp_path / "alive").touch()

        result = CliRunner().invoke(app, ["health"])

        assert (result.exit_code, result.output) == (0, "at work\n")

    def test_it_fails_when_the_service_is_silent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("G2D_HEARTBEAT_FILE", str(tmp_path / "alive"))

        result = CliRunner().invoke(app, ["health"])

        assert (result.exit_code, result.output) == (1, "silent\n")
