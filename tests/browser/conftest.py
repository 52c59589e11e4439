"""A sandbox, a browser at its chat page, people at it, and a bot on the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from tests.browser.puppet_bot import Bot
from tests.chromium import PATIENCE_MS, launched
from tests.npm import install_locked

VIEW = {"viewport": {"width": 1180, "height": 800}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    with Sandbox() as sandbox:
        yield sandbox.url


# Not for the session: Playwright keeps an event loop running meanwhile, and other tests want their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that looks for what keeps people from using a page."""
    folder = install_locked(Path(__file__).parent / "axe", tmp_path_factory.mktemp("axe") / "axe")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def bot(sandbox_url: str) -> Iterator[Bot]:
    """A bot of this test alone: the people of other tests don't hear it."""
    with requests.Session() as http:
        http.trust_env = False
        yield Bot(sandbox_url, http)


@pytest.fixture
def people(sandbox_url: str, bot: Bot) -> Iterator[SandboxClient]:
    """The users' side, as this test's bot is meant."""
    with SandboxClient(sandbox_url, bot=bot.id) as client:
        yield client


@pytest.fixture
def guest(people: SandboxClient, bot: Bot) -> Callable[[str], int]:
    """Make somebody who pressed START, so that the bot may write; the id comes back."""

    def make(first_name: str) -> int:
        person = people.person(first_name)
        people.say(person, "/start")
        bot.next_update()
        return int(person["id"])

    return make


@pytest.fixture
def mira(guest: Callable[[str], int]) -> int:
    return guest("Mira")


@pytest.fixture(scope="module")
def known_browser(chromium: Browser) -> Iterator[BrowserContext]:
    """Where all pages live that need no memory of their own: a new one for each takes its time."""
    context = chromium.new_context(**VIEW)
    yield context
    context.close()


@pytest.fixture
def new_browser(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that never saw the page."""
    context = chromium.new_context(**VIEW)
    yield context
    context.close()


@pytest.fixture
def open_page(sandbox_url: str, known_browser: BrowserContext, bot: Bot) -> Iterator[Callable[..., Page]]:
    """Open the page as a person sees it; an error of its scripts fails the test."""
    errors: list[str] = []
    pages = []

    def open_one(person: int | None = None, *, chat: int | None = None, context: BrowserContext | None = None) -> Page:
        page = (context or known_browser).new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        user = "" if person is None else f"&user={person}"
        page.goto(f"{sandbox_url}/?bot={bot.id}{user}{'' if chat is None else f'#{chat}'}")
        expect(page.get_by_text("Connecting…")).to_be_hidden()
        return page

    yield open_one
    for page in pages:
        page.close()
    assert errors == []
