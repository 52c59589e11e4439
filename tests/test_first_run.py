"""What the first run writes down, and when it asks at all."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from services import first_run
from shared.settings import BotSettings, WorkerSettings

ROOT = Path(__file__).parents[1]
ODD = "it's #1 with \\"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in (BotSettings, WorkerSettings):
        for field in kind.model_fields.values():
            monkeypatch.delenv(str(field.validation_alias), raising=False)


class TestWhatIsMissing:
    def test_are_the_keys(self) -> None:
        assert first_run.missing() == ["TELEGRAM_BOT_TOKEN", "GOOGLE_API_KEY", "HF_TOKEN"]

    def test_is_less_where_some_are_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GOOGLE_API_KEY", "own")

        assert first_run.missing() == ["TELEGRAM_BOT_TOKEN", "HF_TOKEN"]

    def test_is_no_token_beside_a_google_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GOOGLE_API_KEY", "AIza-key")

        assert first_run.missing() == ["TELEGRAM_BOT_TOKEN"]

    def test_is_not_asked_for_where_something_else_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("G2D_LOG_LEVEL", "very-loud")

        assert first_run.missing() == []

    def test_is_not_asked_for_without_a_terminal(self) -> None:
        first_run.offer()

        assert not Path(".env").exists()


class TestTheFile:
    def test_keeps_what_the_example_tells(self, tmp_path: Path) -> None:
        example = (ROOT / ".env.example").read_text(encoding="utf-8")
        (tmp_path / ".env.example").write_text(example, encoding="utf-8")

        first_run.write(tmp_path / ".env", {"HF_TOKEN": "hf_one", "GOOGLE_API_KEY": "own"})  # pragma: allowlist secret

        text = (tmp_path / ".env").read_text(encoding="utf-8")
        assert text == example.replace("HF_TOKEN=\n", "HF_TOKEN=hf_one\n").replace(
            "GOOGLE_API_KEY=\n", "GOOGLE_API_KEY=own\n"
        )

    def test_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        first_run.write(tmp_path / ".env", {"HF_TOKEN": "hf_one"})

        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600

    def test_holds_whatever_a_key_may_hold(self, tmp_path: Path) -> None:
        first_run.write(tmp_path / ".env", {"GOOGLE_API_KEY": ODD})

        assert dotenv_values(tmp_path / ".env", interpolate=True)["GOOGLE_API_KEY"] == ODD

    def test_is_never_written_over(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("HF_TOKEN=mine\n", encoding="utf-8")

        with pytest.raises(FileExistsError):
            first_run.write(tmp_path / ".env", {"HF_TOKEN": "hf_one"})
