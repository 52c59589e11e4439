"""What the demo knows of the machine that it runs on: nothing."""

import urllib.request
from pathlib import Path

import pytest

from services.demo import DemoBotSettings, DemoWorkerSettings, settings_for
from shared.access import Mode
from shared.settings import forget_proxies

URL = "http://127.0.0.1:8090"


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an owner's ``.env``, and their keys in the environment."""
    (tmp_path / ".env").write_text("HF_ENDPOINTS=a/b=https://paid.example\nG2D_OWNERS=1\nG2D_BATCH_PICTURES=7\n")
    monkeypatch.chdir(tmp_path)
    for name in ("GOOGLE_API_KEY", "HF_TOKEN", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.setenv(name, f"1:of-the-owner-{name}")
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@db.example/g2d")
    monkeypatch.setenv("G2D_SECRET_KEY", "of-the-owner")
    return tmp_path


class TestTheDemosSettings:
    def test_all_addresses_are_the_sandboxs(self, owner: Path) -> None:
        given = settings_for(URL, owner / "demo")
        bot, worker = DemoBotSettings.model_validate(given), DemoWorkerSettings.model_validate(given)

        assert (bot.telegram_api_url, bot.owners, bot.batch_pictures) == (f"{URL}/telegram", (), 1_000)
        assert (worker.endpoints, worker.hf_router_url, worker.hf_hub_url) == ({}, f"{URL}/router", f"{URL}/hub")
        assert worker.gemini_base_url == f"{URL}/gemini"
        assert worker.database_url.startswith("sqlite:///")
        assert (bot.access, bot.is_for_real) == (Mode.OPEN, False)

    def test_no_key_is_the_owners(self, owner: Path) -> None:
        given = settings_for(URL, owner / "demo")
        bot, worker = DemoBotSettings.model_validate(given), DemoWorkerSettings.model_validate(given)
        keys = [bot.telegram_bot_token, bot.secret_key, worker.google_api_key, worker.hf_token]

        assert not [key for key in keys if key is not None and "owner" in key.get_secret_value()]

    def test_no_proxy_of_the_environment_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://proxy.example:3128")

        forget_proxies()

        assert urllib.request.getproxies_environment() == {}
