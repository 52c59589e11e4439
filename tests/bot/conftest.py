"""A stand-in for Telegram, and a bot's application that talks to it."""

from collections.abc import Iterator

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from shared.store.access import Roles
from tests.bot.stage import BOT
from tests.bot.updates_scene import Scene


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Iterator[SandboxClient]:
    """The sandbox without faults and with an empty journal."""
    with SandboxClient(_sandbox.url) as client:
        client.clear_faults()
        client.clear_journal()
        yield client
        client.clear_faults()


@pytest.fixture
def scene(_scene: Scene) -> Scene:
    """A module's own ``_scene``, as if nothing had happened in it yet."""
    _scene.stage.reset()
    return _scene


@pytest.fixture
def roles(scene: Scene) -> Roles:
    """Who may use the scene's bot."""
    return Roles(scene.stage.database, BOT)
