"""The demo: bot, worker and stand-ins for all services in one process; people chat with it in the browser."""

import errno
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from sandbox.app import Sandbox
from sandbox.pictures import paint
from services import runtime
from services.samples_cli import keep_sheet
from shared.catalogue import Catalogue
from shared.images import Images
from shared.migrations import is_current
from shared.samples import IDEA, SampleKind, sampled
from shared.settings import BotSettings, Settings, SettingsError, WorkerSettings, forget_proxies
from shared.store.database import Database
from shared.styles import Styles

# The sandbox takes any token and keys of the right shape; these open nothing anywhere.
DEMO_TOKEN = "4242:" + "demo" * 9
DEMO_KEY = "a-key-for-the-demo"
PORTS = 20  # that are tried one after another, from the wished one on
LAST_PORT = 65_535
LOOK_EVERY_S = 0.5
SAMPLE_SIDE = 256  # pixels


class DemoBotSettings(BotSettings):
    """The bot's settings of the demo."""

    reads_environment = False
    is_for_real = False

    @property
    def mini_app_host(self) -> tuple[str, tuple[str, ...]] | None:
        """The chat page, by the address and by the name that browsers reach it under."""
        url = self.telegram_api_url.removesuffix("/telegram")
        return f"{url}/page/telegram-web-app.js", (url, url.replace("127.0.0.1", "localhost"))


class DemoWorkerSettings(WorkerSettings):
    """The worker's settings of the demo."""

    reads_environment = False


def run(port: int) -> None:
    """Serve the demo until a signal comes. Nothing leaves this machine, and all that was kept is deleted at the end."""
    forget_proxies()
    with tempfile.TemporaryDirectory(prefix="g2d-demo-") as folder, served(port) as sandbox:
        typer.echo(
            f"\n  Chat with the bot:  {sandbox.url}/\n  Stop with Ctrl-C: all that the demo kept is then deleted.\n"
        )
        everything = with_gallery(settings_for(sandbox.url, Path(folder)))
        for_bot = DemoBotSettings.model_validate(everything)
        with _samples_kept(for_bot):
            runtime.run_everything(for_bot, DemoWorkerSettings.model_validate(everything))


@contextmanager
def _samples_kept(settings: Settings) -> Iterator[None]:
    """Have the sheets made beside what runs within, as soon as there is a database."""
    stop = threading.Event()
    maker = threading.Thread(target=_keep_samples, args=(settings, stop), name="samples")
    maker.start()
    try:
        yield
    finally:
        stop.set()
        maker.join()


def _keep_samples(settings: Settings, stop: threading.Event) -> None:
    """Make the sheets as ``g2d samples`` would, from the sandbox's pictures, without using up a visitor's faults."""
    database = Database(settings.database_url)
    try:
        while not is_current(database):
            if stop.wait(LOOK_EVERY_S):
                return
        styles = Styles()
        for kind in SampleKind:
            pictures: dict[str, bytes | None] = {}
            for name in sampled(kind, Catalogue(), styles):
                if stop.is_set():
                    return
                style = styles.style(name)
                words = IDEA if style is None else f"{IDEA}, {style.tags}"
                pictures[name] = paint(words, len(pictures), SAMPLE_SIDE, SAMPLE_SIDE)
            keep_sheet(kind, pictures, Images(settings.image_store_url))
    finally:
        database.close()


@contextmanager
def served(port: int) -> Iterator[Sandbox]:
    """A sandbox at this port, or at the next one that is free; 0: at any.

    Raises:
        SettingsError: None can be had.
    """
    ports = range(port, min(port + PORTS, LAST_PORT + 1)) if port else (0,)
    for one in ports:
        sandbox = Sandbox(port=one)
        try:
            sandbox.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise SettingsError(f"Port {one} can't be used: {error.strerror}. Try another: --port 8090.") from None
        if one != port:
            typer.echo(f"Port {port} is in use; this is port {one}.")
        try:
            yield sandbox
        finally:
            sandbox.stop()
        return
    raise SettingsError(f"The ports {ports[0]} to {ports[-1]} are all in use. Try another: --port 9090.")


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


def with_gallery(settings: dict[str, object]) -> dict[str, object]:
    """These settings, with the gallery at a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return settings | {"G2D_GALLERY_PORT": port, "G2D_GALLERY_URL": f"http://127.0.0.1:{port}"}
