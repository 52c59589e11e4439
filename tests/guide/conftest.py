"""An installation for the guide's scenes, and a browser of a phone's width; ``--pictures`` keeps what is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from sandbox.client import Json
from tests.chromium import PATIENCE_MS, launched
from tests.end_to_end.installation import Installation, installed
from tests.guide.scene import LEAST, SHARPNESS, WIDTH, Scene


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="write the guide's pictures to docs/images/guide")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    # The model is the one that an owner gets who chooses nothing.
    with installed("embedded", tmp_path_factory.mktemp("guide")) as installation:
        installation.sandbox.call("PATCH", "/bot", json={"first_name": "Painter"})
        installation.start()
        yield installation


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """What an owner has who has just run `make run`: nobody owns the bot, and it is closed."""
    with installed("embedded", tmp_path_factory.mktemp("fresh"), G2D_ACCESS="request") as installation:
        installation.sandbox.call("PATCH", "/bot", json={"first_name": "Painter"})
        installation.start()
        yield installation


@pytest.fixture
def installation(_installation: Installation) -> Installation:
    _installation.sandbox.clear_faults()
    return _installation


@pytest.fixture
def scene(installation: Installation, chromium: Browser) -> Iterator[Callable[..., Scene]]:
    """Open the page for a person, in the chat with the bot unless another is given; of another installation if told."""
    errors: list[str] = []
    size = {"width": WIDTH, "height": LEAST}
    with chromium.new_context(viewport=size, device_scale_factor=SHARPNESS, reduced_motion="reduce") as context:

        def begin(person: Json, chat: Json | None = None, *, of: Installation | None = None) -> Scene:
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            return Scene(of or installation, page, person, chat)

        yield begin
    assert errors == []


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[[Scene, str], None]:
    """Take a picture for the guide."""
    keep = bool(request.config.getoption("--pictures", default=False))
    return lambda scene, name: scene.look(name, keep=keep)
