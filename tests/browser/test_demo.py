"""The demo as somebody meets it who tries it: gallery and inline mode on the chat page, at a phone's size."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import PATIENCE_MS

pytestmark = pytest.mark.browser

G2D = str(Path(sys.executable).with_name("g2d"))
PICTURES = Path(os.environ.get("TEST_PICTURES", tempfile.gettempdir()))
PHONE = {"viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce", "locale": "en"}
END_S = 40


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The demo in a process of its own; its address."""
    with subprocess.Popen([G2D, "demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            while not (found := re.search(rb"(http://\S+)/", process.stdout.readline())):
                assert process.poll() is None
            yield found[1].decode()
        finally:
            process.terminate()
            process.wait(END_S)


@pytest.fixture
def page(chromium: Browser, demo: str) -> Iterator[Page]:
    """A newcomer's phone; an error of a script, or of a policy, fails the test, and so does asking telegram.org."""
    errors: list[str] = []
    with chromium.new_context(**PHONE) as context:
        context.route("https://**", lambda route: route.abort())
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE_MS)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        opened.goto(demo)
        yield opened
    assert errors == []


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def write(page: Page, text: str) -> None:
    field(page).fill(text)
    field(page).press("Enter")


def look(page: Page, name: str, axe: str, part: str) -> list[str]:
    """Take a picture in each theme; returns what axe-core says that keeps people from using a part of the page."""
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=PICTURES / f"demo-{name}-{theme}.png")
        page.evaluate(axe)
        said = page.evaluate("part => axe.run(part, {iframes: false})", part)["violations"]
        found += [f"{one['id']} in {theme}" for one in said if one["impact"] in {"serious", "critical"}]
    return found


def test_the_gallery_opens_in_the_colours_of_the_chat(page: Page, axe: str) -> None:
    page.get_by_role("button", name="START", exact=True).click()
    write(page, "/imagine a red fox in the snow")
    expect(page.locator("#history .photo img")).to_have_count(1)
    write(page, "/gallery")
    page.locator(".keyboard").get_by_role("button", name="Gallery").click()

    gallery = page.frame_locator("dialog.mini-app iframe")
    expect(gallery.locator("#grid img[src^='blob:']")).to_have_count(1)
    expect(gallery.locator("html.dark")).to_have_count(0)
    assert look(page, "gallery", axe, ".mini-app header") == []
    expect(gallery.locator("html.dark")).to_have_count(1)
    gallery.get_by_role("button", name="a red fox in the snow").click()
    with page.expect_download() as begun:
        gallery.get_by_role("link", name="Download").click()
    assert begun.value.suggested_filename.endswith(".jpg")
    page.locator(".mini-app header").get_by_role("button", name="Close").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_pictures_are_found_sent_and_begun_inline(page: Page, axe: str) -> None:
    page.get_by_role("button", name="START", exact=True).click()
    write(page, "/imagine a red fox in the snow")
    pictures = page.locator("#history .photo img")
    expect(pictures).to_have_count(1)
    results = page.get_by_role("region", name="Inline results")

    field(page).fill("@sandbox_bot fox")
    expect(results.get_by_role("button", name="a red fox in the snow")).to_be_visible()
    assert look(page, "inline", axe, "#inline-results") == []
    results.get_by_role("button", name="a red fox in the snow").click()
    expect(page.get_by_text("via @sandbox_bot")).to_be_visible()
    expect(pictures).to_have_count(2)
    expect(results).to_be_hidden()

    field(page).fill("@sandbox_bot a green dragon")
    results.get_by_role("button").click()
    expect(pictures).to_have_count(3)
    page.get_by_role("button", name="↩ Back to the chat", exact=True).click()
    page.get_by_role("menuitem", name="Sandbox bot").click()
    expect(results.get_by_role("button", name="a green dragon")).to_be_visible()
