"""What the demo knows of the machine that it runs on: nothing."""

import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from services.demo import DemoBotSettings, DemoWorkerSettings, _keep_samples, served, settings_for
from shared.access import Mode
from shared.images import Images
from shared.samples import SampleKind
from shared.settings import forget_proxies
from shared.sheets import Sheets
from shared.store.database import Database
from tests.sqlite_tables import create_tables

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


class TestThePort:
    def test_that_is_taken_is_passed_over(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

            with served(port) as sandbox:
                assert urllib.request.urlopen(sandbox.url).status == 200

        assert sandbox.port > port
        assert capsys.readouterr().out == f"Port {port} is in use; this is port {sandbox.port}.\n"


def test_the_sheets_of_samples_are_there_as_soon_as_the_tables_are(tmp_path: Path) -> None:
    settings = DemoBotSettings.model_validate(settings_for(URL, tmp_path))
    database = Database(settings.database_url)
    create_tables(database)

    _keep_samples(settings, threading.Event())

    database.close()
    images = Images(settings.image_store_url)
    found = [Sheets(images).read(kind, 1) for kind in SampleKind]
    assert all(sheet is not None and images.get(sheet.key) for sheet in found)
