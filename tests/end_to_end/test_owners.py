"""What the owners of a bot can see of it, and nobody else."""

import re

import pytest
from sqlalchemy import func, select

from shared.store import tables
from tests.end_to_end.installation import wait_until

ADA, BOB = 70_001, 70_002
SETTINGS = {"G2D_OWNERS": f"{ADA}, {BOB}"}

OWNERS_OWN = ["status", "stats", "broadcast", "users", "invite", "role", "ban", "unban"]


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
        told = sandbox.wait_for_message(ada, lambda one: "In the queue" in one.get("text", ""))["text"]

        assert "In the queue: 0 · held back: 0 · in progress: 0" in told
        assert "Last hour: 1 created, 1 failed\nLast day: 1 created, 1 failed\n· no_credit: 1 in the last hour" in told
        assert "1 worker running, 1,024 slots" in told

    def test_is_no_command_for_others_nor_in_groups(self, installation, sandbox, ada):
        eve = sandbox.person("Eve")
        group = sandbox.group(ada, eve)

        sandbox.say(eve, "/status")
        sandbox.say(ada, "/status@sandbox_bot", chat=group)
        sandbox.say(ada, "/help@sandbox_bot", chat=group)

        assert "/help" in sandbox.wait_for_message(eve)["text"]
        sandbox.wait_for_message(group)
        assert not any("In the queue" in one["text"] for one in (*sandbox.from_bot(eve), *sandbox.from_bot(group)))

    def test_stands_in_the_owners_menu_alone(self, installation, sandbox, ada):
        eve = sandbox.person("Eve")
        sandbox.say(ada, "/start")
        sandbox.wait_for_message(ada)

        installation.bot.stop()
        installation.start()

        sandbox.wait_for(
            lambda: names(sandbox.commands(ada)) == [*names(sandbox.commands(eve)), *OWNERS_OWN],
            what="the owner's menu",
        )


class TestStats:
    def test_show_an_owner_a_chart(self, installation, sandbox, ada):
        installation.delivered(sandbox.say(sandbox.person("Eve"), "/imagine a boat"))

        sandbox.say(ada, "/stats 7 dark")
        [chart] = sandbox.wait_for_photo(ada)

        assert "The last 7 days" in chart["caption"]
        assert re.search(r"Created: [1-9]", chart["caption"])


class TestBroadcast:
    def test_goes_on_after_a_kill_and_reaches_nobody_twice(self, installation, sandbox, ada):
        people = [sandbox.person(f"Person {number}") for number in range(40)]
        gone = people[-1]
        for person in (*people, ada):
            sandbox.say(person, "/stop")
        for person in people:
            sandbox.wait_for_message(person)
        sandbox.block(gone)
        wait_until(lambda: role_of(installation, gone) is not None, what="the record of the last person")

        sandbox.say(ada, "/broadcast The bot is paused on Sunday.")
        asked = sandbox.wait_for_message(ada, lambda message: "people will receive it" in message.get("text", ""))
        sandbox.press(ada, asked, "📣 Send")
        wait_until(lambda: receipts(installation).get("sent", 0) >= 3, what="the first receipts")
        installation.bot.kill()
        installation.start()
        # The last in the order of ids.
        wait_until(lambda: receipt_of_each(installation)[gone["id"]] == "unreachable", what="the last receipt")

        outcomes = receipt_of_each(installation)
        for person in people:
            got = sum("is paused on Sunday" in one.get("text", "") for one in sandbox.from_bot(person))
            # Nobody knows of those to whom it was being sent when the process died: they are not sent to again.
            allowed = {"sent": {1}, "unreachable": {0}, "sending": {0, 1}, "unsure": {0, 1}}[outcomes[person["id"]]]
            assert got in allowed, outcomes[person["id"]]
        assert receipts(installation)["sent"] >= len(people) - 20  # two times ten are under way at most


def receipt_of_each(installation):
    row = tables.broadcast_receivers.c
    with installation.database.reading() as connection:
        return dict(connection.execute(select(row.user_id, row.receipt)).all())


def receipts(installation):
    row = tables.broadcast_receivers.c
    with installation.database.reading() as connection:
        return dict(connection.execute(select(row.receipt, func.count()).group_by(row.receipt)).all())


def role_of(installation, person):
    with installation.database.reading() as connection:
        return connection.scalar(select(tables.access.c.role).where(tables.access.c.id == person["id"]))
