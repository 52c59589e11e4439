"""The demo: bot, worker and stand-ins for all services in one process; people chat with it in the browser."""

import tempfile
from pathlib import Path

import typer

from sandbox.app import Sandbox
from services import runtime
from shared.settings import BotSettings, WorkerSettings, forget_proxies

# The sandbox takes any token and keys of the right shape; these open nothing anywhere.
DEMO_TOKEN = "4242:" + "demo" * 9
DEMO_KEY = "a-key-for-the-demo"


class DemoBotSettings(BotSettings):
    """The bot's settings of the demo."""

    reads_environment = False
    is_for_real = False


class DemoWorkerSettings(WorkerSettings):
    """The worker's settings of the demo."""

    reads_environment = False


def run(port: int) -> None:
    """Serve the demo until a signal comes. Nothing leaves this machine, and all that was kept is deleted at the end."""
    forget_proxies()
    with tempfile.TemporaryDirectory(prefix="g2d-demo-") as folder, Sandbox(port=port) as sandbox:
        typer.echo(
            f"\n  Chat with the bot:  {sandbox.url}/\n  Stop with Ctrl-C: all that the demo kept is then deleted.\n"
        )
        everything = settings_for(sandbox.url, Path(folder))
        runtime.run_everything(
            DemoBotSettings.model_validate(everything), DemoWorkerSettings.model_validate(everything)
        )


def settings_for(url: str, folder: Path) -> dict[str, object]:
    """The settings with which both services find all of the world in the sandbox at ``url``."""
    return {
        "TELEGRAM_BOT_TOKEN": DEMO_TOKEN,
        "TELEGRAM_API_URL": f"{url}/telegram",
        "G2D_ACCESS": "open",
        "G2D_USER_PICTURES_DAY": 0,
        "G2D_USER_PICTURES_MONTH": 0,
        "G2D_GROUP_PICTURES_DAY": 0,
        "G2D_USER_TOKENS_DAY": 0,
        "G2D_MONEY_DAY": 0,
        "G2D_MONEY_MONTH": 0,
        "GOOGLE_API_KEY": DEMO_KEY,
        "GOOGLE_GEMINI_BASE_URL": f"{url}/gemini",
        "HF_TOKEN": f"hf_{'demo' * 9}",
        "HF_ROUTER_URL": f"{url}/router",
        "HF_ENDPOINT": f"{url}/hub",
        "HF_IMAGE_HOSTS": url,
        "DATABASE_URL": f"sqlite:///{folder / 'g2d.db'}",
        "IMAGE_STORE_URL": (folder / "images").as_uri(),
        "REDIS_URL": None,
        "G2D_DATA_DIR": folder,
    }
