"""People who send far more than Telegram lets the bot answer keep nobody else waiting."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client import Json, SandboxClient
from tests.end_to_end.installation import installed

COMMANDS = 150  # of one person; Telegram lets the bot answer one a second
PATIENCE_S = 60.0  # on a busy machine; without a share for each person it would be two minutes


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxClient]:
    """The sandbox of a running installation, with Telegram's limits."""
    with installed("embedded", tmp_path) as installation:
        installation.start()
        installation.sandbox.call("PUT", "/limits", json={"flood": "strict"})
        yield installation.sandbox


def answered(sandbox: SandboxClient, person: Json) -> list[Json]:
    sandbox.say(person, "/help")
    return sandbox.wait_for(
        lambda: sandbox.from_bot(person), chat=person, timeout_s=PATIENCE_S, what="the answer to /help"
    )


class TestAFlood:
    def test_of_a_few_accounts(self, sandbox: SandboxClient):
        ada, flooding = sandbox.person("Ada"), [sandbox.person(f"Account {number}") for number in range(4)]

        for _ in range(COMMANDS):
            for person in flooding:
                sandbox.say(person, "/help")

        assert answered(sandbox, ada)
        assert all(len(sandbox.from_bot(person)) < COMMANDS // 2 for person in flooding)

    def test_of_one_account_in_groups_of_its_own(self, sandbox: SandboxClient):
        ada, mallory = sandbox.person("Ada"), sandbox.person("Mallory")
        groups = [sandbox.group(mallory, title=f"Group {number}") for number in range(5)]

        for _ in range(COMMANDS // 5):
            sandbox.say(mallory, "/help")
            for group in groups:
                sandbox.say(mallory, "/help", chat=group)

        assert answered(sandbox, ada)
        assert sum(len(sandbox.from_bot(chat)) for chat in (mallory, *groups)) < COMMANDS
