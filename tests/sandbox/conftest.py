"""A sandbox for each test, and a bot that speaks raw HTTP to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from tests.sandbox.raw_bot import RawBot


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """A sandbox in which nothing has happened yet."""
    with SandboxClient(running_sandbox.url) as client:
        client.reset()
    return running_sandbox


@pytest.fixture
def people(sandbox: Sandbox) -> Iterator[SandboxClient]:
    with SandboxClient(sandbox.url) as client:
        yield client


@pytest.fixture
def bot(sandbox: Sandbox) -> Iterator[RawBot]:
    raw = RawBot(sandbox.url)
    raw.result("getMe")
    yield raw
    raw.session.close()


@pytest.fixture
def ada(people: SandboxClient, bot: RawBot) -> dict[str, Any]:
    """Someone who has started the bot; her first update is confirmed already."""
    person = people.person("Ada", language_code="en")
    people.say(person, "/start")
    [update] = bot.result("getUpdates")
    bot.result("getUpdates", offset=update["update_id"] + 1)
    return person
