"""Takes the README's moving picture from ``g2d demo`` in a browser; ``make film`` writes it anew.

Everything in it happens: the demo is a process of its own, and a hand types into its page.
"""

import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import PIL.Image
from playwright.sync_api import Page, expect

from tests.chromium import launched

FILE = Path(__file__).parents[2] / "docs" / "images" / "demo.gif"
WIDTH, HEIGHT = 420, 740  # CSS pixels, and pixels of the picture
PATIENCE_S = 30.0
FRAME_S = 0.2  # between two frames, at least
LAST_S = 3.0  # for which the end stays
LARGEST = 3 * 1024 * 1024  # bytes
COLOURS = 255  # of the palette that all frames share; one more means "as before"
IDEA = "/imagine a fox in the snow"
PICTURE = "Photo, open full size"


class Film:
    """Frames with the time at which each was seen."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[tuple[float, PIL.Image.Image]] = []

    def shoot(self) -> None:
        """Take one frame, and wait until the next may be taken."""
        begun = time.monotonic()
        content = self._page.screenshot(caret="hide")
        self._frames.append((begun, PIL.Image.open(io.BytesIO(content)).convert("RGB")))
        self._page.wait_for_timeout(max(FRAME_S - (time.monotonic() - begun), 0.0) * 1000)

    def shoot_until(self, seen: str, *, count: int = 1, more: int = 6) -> None:
        """Take frames until so many buttons of this name are there, and some more.

        Raises:
            TimeoutError: They have not come.
        """
        end = time.monotonic() + PATIENCE_S
        while self._page.get_by_role("button", name=seen).count() < count:
            if time.monotonic() > end:
                raise TimeoutError(f"no button {seen} came")
            self.shoot()
        for _ in range(more):
            self.shoot()

    def write(self, file: Path) -> None:
        """Write what was seen as a GIF that begins again at its end.

        Raises:
            ValueError: It is too large for a README.
        """
        times = [seen for seen, _ in self._frames]
        lasts = [round((after - seen) * 1000) for seen, after in pairwise(times)]
        palette = self._palette()
        frames = [frame.quantize(palette=palette, dither=PIL.Image.Dither.NONE) for _, frame in self._frames]
        frames[0].save(
            file,
            save_all=True,
            append_images=frames[1:],
            duration=[*lasts, round(LAST_S * 1000)],
            loop=0,
            optimize=True,
        )
        if file.stat().st_size > LARGEST:
            raise ValueError(f"{file} has {file.stat().st_size:,} bytes")

    def _palette(self) -> PIL.Image.Image:
        """Colours for all frames, from some of them."""
        some = [frame for _, frame in self._frames[:: max(len(self._frames) // 6, 1)]] + [self._frames[-1][1]]
        sheet = PIL.Image.new("RGB", (WIDTH * len(some), HEIGHT))
        for number, frame in enumerate(some):
            sheet.paste(frame, (WIDTH * number, 0))
        return sheet.quantize(COLOURS, kmeans=1)


@contextmanager
def demo() -> Iterator[str]:
    """A demo on a free port; yields its address."""
    command = [str(Path(sys.executable).with_name("g2d")), "demo", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
    finally:
        process.terminate()
        process.wait(30)


def visit(page: Page, url: str) -> None:
    """Open the page once the bot is there.

    Raises:
        TimeoutError: It has not come.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        page.goto(url)
        expect(page.get_by_text("Connecting…")).to_be_hidden()
        if page.get_by_text("no bot has connected yet").count() == 0:
            return
        page.wait_for_timeout(500)
    raise TimeoutError("the demo's bot did not connect")


def play(page: Page, film: Film) -> None:
    """Ask for a picture as a person does, and for four more like it."""
    page.get_by_role("button", name="START", exact=True).click()
    film.shoot_until("Language", more=4)
    field = page.get_by_role("textbox", name="Message")
    for sign in IDEA:
        field.press_sequentially(sign)
        film.shoot()
    field.press("Enter")
    film.shoot_until(PICTURE, more=10)
    page.get_by_role("button", name="Vary").click()
    film.shoot_until(PICTURE, count=5, more=6)
    expect(page.get_by_role("button", name="4", exact=True)).to_be_visible()
    film.shoot()


def main() -> None:
    """Take the picture and write it down."""
    with demo() as url, launched() as chromium:
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(60_000)
        visit(page, url)
        film = Film(page)
        play(page, film)
        film.write(FILE)


if __name__ == "__main__":
    main()
