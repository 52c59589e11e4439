"""A stand-in for Telegram, and a bot's application that talks to it."""

from collections.abc import Iterator

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient


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
