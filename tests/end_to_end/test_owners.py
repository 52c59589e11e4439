"""What the owners of a bot can see of it, and nobody else."""

import pytest

ADA, BOB = 70_001, 70_002
SETTINGS = {"G2D_OWNERS": f"{ADA}, {BOB}"}

OWNERS_OWN = ["status", "users", "invite", "role", "ban", "unban"]


def names(menu):
    return [command["command"] for command in menu]


@pytest.fixture
def ada(sandbox):
    return sandbox.person("Ada", id=ADA)


class TestStatus:
    def test_tells_an_owner_how_all_stands(self, installation, sandbox, ada):
        eve = sandbox.person("Eve")
        sandbox.arm("router", times=None, preset="no-credits")
        installation.delivered(sandbox.say(eve, "/imagine a fox in the snow"))
        sandbox.clear_faults()
        installation.delivered(sandbox.say(eve, "/imagine a boat"))

        sandbox.say(ada, "/status")
        told = sandbox.wait_for_message(ada)["text"]

        assert "In line: 0 · behind it: 0 · under way: 0" in told
        assert "Last hour: 1 painted, 1 failed\nLast day: 1 painted, 1 failed\n· no_credit: 1 in the last hour" in told
        assert "1 worker is alive, with 128 slots" in told

    def test_is_no_command_for_others_nor_in_groups(self, installation, sandbox, ada):
        eve = sandbox.person("Eve")
        group = sandbox.group(ada, eve)

        sandbox.say(eve, "/status")
        sandbox.say(ada, "/status@sandbox_bot", chat=group)
        sandbox.say(ada, "/help@sandbox_bot", chat=group)

        assert "/help" in sandbox.wait_for_message(eve)["text"]
        sandbox.wait_for_message(group)
        assert not any("In line" in one["text"] for one in (*sandbox.from_bot(eve), *sandbox.from_bot(group)))

    def test_stands_in_the_owners_menu_alone(self, installation, sandbox, ada):
        eve = sandbox.person("Eve")
        sandbox.say(ada, "/start")
        sandbox.wait_for_message(ada)

        installation.bot.stop()
        installation.start()

        assert names(sandbox.commands(ada)) == [*names(sandbox.commands(eve)), *OWNERS_OWN]
