"""What ``G2D_ACCESS`` and ``G2D_OWNERS`` make of a bot: at its start, and when strangers come."""

import logging
from pathlib import Path
from typing import Any

import pytest
from telegram import User

from sandbox.telegram import people
from sandbox.telegram.methods.chats import member_json
from services.bot.texts.locales import say
from shared.access import Role
from shared.store.access import Roles
from tests.bot.stage import BOT, Outcome, Stage

ADA, EVE, GROUP = 101, 105, -1_001_000_000_001


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    made = Stage(tmp_path, **request.param)
    world = made.telegram.world
    bot = world.bot_of_token(made.token)
    for number in (ADA, EVE):
        person = world.add_person({"id": number, "first_name": "Somebody", "language_code": "en"})
        person.started.add(BOT)
        world.private_chat(bot, person)
    world.add_group("supergroup", {"title": "A group"}, members=[EVE], bot=bot, chat_id=GROUP)
    yield made
    made.close()


def with_settings(**settings: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", [settings], indirect=True, ids=[" ".join(settings.values()) or "usual"])


def say_hello(stage: Stage, who: int) -> Outcome:
    world = stage.telegram.world
    chat = world.find_chat(world.bot(BOT), who)
    assert chat is not None
    post = people.write(world, world.bot(BOT), chat, world.people[who], wish={"text": "/imagine a fox"}, uploads={})
    return stage.handle({"update_id": post.id, "message": post.message})


def add_bot(stage: Stage, who: int) -> Outcome:
    world, us = stage.telegram.world, User(BOT, "Bot", is_bot=True).to_dict()
    chat = world.find_chat(world.bot(BOT), GROUP)
    assert chat is not None
    change = {
        "chat": chat.as_json(),
        "from": world.people[who].user,
        "date": 1,
        "old_chat_member": member_json(us, "left"),
        "new_chat_member": member_json(us, "member"),
    }
    return stage.handle({"update_id": 1_000, "my_chat_member": change})


def started(stage: Stage, log: pytest.LogCaptureFixture) -> list[str]:
    """What the log says at the start of who may use the bot."""
    log.set_level(logging.WARNING)
    stage.run(stage.bot._parts.say_who_may_use_it())
    return [record.getMessage() for record in log.records]


OPEN = "anybody may use this bot, and its owner pays"
UNOWNED = "nobody owns this bot yet: open the link in Telegram within ten minutes"


class TestTheStart:
    @with_settings(G2D_ACCESS="request")
    def test_shows_a_link_as_long_as_nobody_owns_the_bot(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        assert started(stage, caplog) == [UNOWNED]
        first = caplog.records[0].__dict__["link"]
        caplog.clear()
        assert started(stage, caplog) == [UNOWNED]
        assert caplog.records[0].__dict__["link"] != first
        caplog.clear()

        Roles(stage.database, BOT).decide(Roles(stage.database, BOT).one(ADA).profile, Role.OWNER, by=None)

        assert started(stage, caplog) == []

    @with_settings(G2D_ACCESS="open", G2D_OWNERS=str(ADA))
    def test_warns_where_everybody_is_let_in(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        assert started(stage, caplog) == [OPEN]

    @with_settings(G2D_ACCESS="request", G2D_OWNERS=str(ADA))
    def test_says_nothing_of_a_bot_that_is_closed_and_owned(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert started(stage, caplog) == []


@with_settings(G2D_ACCESS="list", G2D_OWNERS=str(ADA))
def test_a_list_lets_in_whom_the_settings_name_and_asks_nobody_about_others(stage: Stage) -> None:
    assert any(table == "jobs" for table, _ in say_hello(stage, ADA).changed)

    outcome, added = say_hello(stage, EVE), add_bot(stage, EVE)

    assert [(int(values["chat_id"]), values["text"]) for _, values in outcome.calls] == [
        (EVE, say("access_closed", "en", id=str(EVE)))
    ]
    assert [(name, int(values["chat_id"])) for name, values in added.calls] == [
        ("sendMessage", GROUP),
        ("leaveChat", GROUP),
    ]


@with_settings(G2D_ACCESS="open")
def test_an_open_bot_lets_in_everybody_but_the_blocked(stage: Stage) -> None:
    assert any(table == "jobs" for table, _ in say_hello(stage, EVE).changed)
    assert add_bot(stage, EVE).calls == []

    roles = Roles(stage.database, BOT)
    roles.decide(roles.one(EVE).profile, Role.BLOCKED, by=None)

    assert not any(table == "jobs" for table, _ in say_hello(stage, EVE).changed)
