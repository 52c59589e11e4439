"""The gallery in a browser: a grid of one's pictures, one of them whole, in light and in dark colours."""

import asyncio
import json
import logging
import os
import queue
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.app import CHAT_PAGE
from sandbox.pictures import paint
from services.contact_sheet import ContactSheets
from services.gallery.app import Gallery, create_app
from services.gallery.init_data import Visitor, signature
from services.gallery.server import keep_serving
from services.gallery.thumbnails import Thumbnails
from shared.images import Images
from shared.jobs import Image, Job
from shared.store.database import Database
from shared.store.history import History
from tests.builders import BOT, read, submit_and_finish
from tests.chromium import launched
from tests.sqlite_tables import create_tables

ADA, TOKEN = 7, f"{BOT}:{'a' * 35}"
IDEAS = ("a red fox in the snow", "a lighthouse in a storm", "a cat on a roof at night", "a castle in the fog")
PICTURES = Path(os.environ.get("TEST_PICTURES", tempfile.gettempdir()))
SCRIPT = CHAT_PAGE / "telegram-web-app.js"
BACKGROUNDS = {"light": "#ffffff", "dark": "#17212b"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gallery of Ada, who has had four pictures made, on a port of this machine."""
    folder = tmp_path_factory.mktemp("gallery")
    with Database(f"sqlite:///{folder / 'g2d.db'}") as database:
        create_tables(database)
        images = Images(f"file://{folder}/pictures")
        for number, idea in enumerate(IDEAS):
            job = submit_and_finish(database, idea=idea, user=ADA)
            images.put(job.id, Image(paint(idea, number, 512, 512), "image/jpeg", 512, 512))
            assert read(database, job).image_key
        with served(
            Gallery(
                TOKEN,
                BOT,
                History(database, BOT),
                images,
                Thumbnails(images, ContactSheets(warm=1)),
                _everybody,
                _again,
            )
        ) as url:
            yield url


ORDERED: list[int] = []


def _everybody(_: int) -> bool:
    return True


async def _again(job: Job, _: Visitor, __: str) -> None:
    ORDERED.append(job.id)


@contextmanager
def served(gallery: Gallery) -> Iterator[str]:
    """Serve as the bot does, in a loop of its own, at a port that is free."""
    told = queue.Queue[logging.LogRecord]()
    log, handler = logging.getLogger(keep_serving.__module__), QueueHandler(told)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    loop = asyncio.new_event_loop()
    serving = loop.create_task(keep_serving(create_app(gallery), "127.0.0.1", 0))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([serving])), daemon=True)
    thread.start()
    try:
        yield f"http://{told.get(timeout=20).__dict__['address']}"
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


def opened(browser: Browser, address: str, scheme: str) -> Page:
    """The page as Telegram opens it on a phone; an error of its scripts, or of its policy, fails the test."""
    user = json.dumps({"id": ADA, "first_name": "Ada", "language_code": "en"})
    fields = {"auth_date": str(int(datetime.now(UTC).timestamp())), "user": user}
    data = urlencode(fields | {"hash": signature(fields, TOKEN)})
    given = urlencode({"tgWebAppData": data, "tgWebAppThemeParams": json.dumps({"bg_color": BACKGROUNDS[scheme]})})
    page = browser.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en")
    page.route("https://telegram.org/js/telegram-web-app.js", lambda route: route.fulfill(path=SCRIPT))
    page.on("console", lambda said: SAID.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/#{given}")
    return page


SAID: list[str] = []


class TestTheGallery:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_shows_searches_marks_and_orders(self, browser: Browser, address: str, scheme: str) -> None:
        page = opened(browser, address, scheme)
        tiles = page.locator("#grid img[src^='blob:']")
        expect(tiles).to_have_count(len(IDEAS))
        page.screenshot(path=PICTURES / f"gallery-{scheme}-grid.png")

        page.get_by_role("searchbox").fill("lighthouse")
        expect(tiles).to_have_count(1)
        page.get_by_role("button", name="a lighthouse in a storm").click()
        expect(page.locator("#original[src^='blob:']")).to_be_visible()
        page.get_by_role("button", name="Favourite", exact=False).last.click()
        page.get_by_role("button", name="Again").click()
        expect(page.get_by_text("Queued.")).to_be_visible()
        page.screenshot(path=PICTURES / f"gallery-{scheme}-picture.png")
        page.close()

        assert ORDERED
        assert SAID == []

    def test_asks_to_be_opened_again_where_telegram_vouches_for_nobody(self, browser: Browser, address: str) -> None:
        page = browser.new_page()
        page.route("https://telegram.org/js/telegram-web-app.js", lambda route: route.fulfill(path=SCRIPT))
        page.goto(address)

        expect(page.get_by_text("open it again from the chat")).to_be_visible()
        page.close()


class TestEverybody:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_can_use_it(self, browser: Browser, address: str, scheme: str, axe: str) -> None:
        """By the rules of axe-core: names of controls, contrasts, structure."""
        page = opened(browser, address, scheme)
        expect(page.locator("#grid img[src^='blob:']")).to_have_count(len(IDEAS))
        page.evaluate(axe)

        grid = page.evaluate("axe.run()")["violations"]
        page.get_by_role("button", name="a lighthouse in a storm").click()
        expect(page.locator("#original[src^='blob:']")).to_be_visible()
        picture = page.evaluate("axe.run()")["violations"]
        page.close()

        assert [(one["id"], one["impact"]) for one in grid + picture] == []
