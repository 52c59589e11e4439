"""The gate and ``/role``, as parts: which update is let in, whom a command means, and what the record is told."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from telegram import Message, Update

from services.bot.access.gate import TOLD_AGAIN_AFTER, Gate
from services.bot.access.groups import Groups
from services.bot.access.links import Links
from services.bot.access.members import Members, Wish, read_wish
from services.bot.access.requests import Requests
from services.bot.access.standing import role_of_sender, set_role
from services.bot.texts.locales import say
from shared.access import MANAGERS, OF_GROUPS, Mode, Profile, Role
from shared.errors import StoreAway
from shared.store import tables
from shared.store.access import Roles
from shared.store.access_links import AccessLinks
from shared.store.database import Database
from shared.store.people import People
from tests.bot.handler_rig import ADA, BOB, CAROL, GROUP, HandlerRig
from tests.bot.stage import BOT

PRIVATE, GROUP_CHAT = {"id": ADA, "type": "private"}, {"id": GROUP, "type": "supergroup", "title": "A group"}
FROM_ADA = {"id": ADA, "is_bot": False, "first_name": "Ada", "username": "ada", "language_code": "de"}
A_BOT = {"id": BOT, "is_bot": True, "first_name": "Bot"}


class Rig(HandlerRig):
    """Who may use a bot; the settings name ``owners``."""

    def __init__(
        self, database: Database, folder: Path, *, mode: Mode = Mode.REQUEST, owners: Iterable[int] = ()
    ) -> None:
        super().__init__(database, folder)
        self.roles = Roles(database, BOT, frozenset(owners))
        requests = Requests(self.roles, People(database), guest_pictures=3)
        links = Links(AccessLinks(database, BOT, self.roles), requests)
        self.gate = Gate(mode, self.roles, requests, Groups(mode, self.roles, requests, lambda _: None), links)
        self.members = Members(self.roles, requests)

    def of(self, text: str, chat: dict[str, Any] = PRIVATE, **content: Any) -> Update:
        """An update with a message of Ada's."""
        usual = {"message_id": 1, "date": 1, "chat": chat, "from": FROM_ADA}
        return self.update({"message": usual | {"text": text} | content})

    def admits(self, update: Update) -> bool:
        self.telegram.calls.clear()
        return self.run(self.gate.admits(update, self.gate.meet(update), self.bot))

    def age(self, who: int, by: timedelta) -> None:
        """Let what somebody was told have been told so much earlier."""
        row = tables.access.c
        with self.database.writing() as connection:
            told = {"told_at": datetime.now(UTC) - by}
            connection.execute(update(tables.access).where(row.bot_id == BOT, row.id == who).values(told))


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        made.roles.decide(Profile(CAROL, "Carol"), Role.OWNER, by=None)
        yield made


class TestTheGate:
    @pytest.mark.parametrize("mode", Mode)
    def test_lets_a_person_into_a_group_by_their_role_and_its_own(
        self, record: Database, tmp_path: Path, mode: Mode
    ) -> None:
        admitted = set()
        with Rig(record, tmp_path, mode=mode, owners=[CAROL]) as rig:
            for role, group in product(Role, OF_GROUPS):
                rig.roles.decide(Profile(ADA, "Ada"), role, by=None)
                rig.roles.decide(Profile(GROUP, "A group"), group, by=None)
                admitted |= {(role, group)} if rig.admits(rig.of("/imagine a fox", GROUP_CHAT)) else set()

        managers = {(role, group) for role, group in product(MANAGERS, OF_GROUPS - {Role.BLOCKED})}
        others = {(role, Role.MEMBER) for role in Role if role is not Role.BLOCKED}
        strangers = {(role, Role.STRANGER) for role, _ in others} if mode is Mode.OPEN else set()
        assert admitted == managers | others | strangers

    def test_tells_handlers_the_role_of_whom_it_lets_in(self, rig: Rig) -> None:
        rig.roles.decide(Profile(ADA, "Ada"), Role.ADMIN, by=None)

        async def admitted() -> Role:
            hello = rig.of("hello")
            assert await rig.gate.admits(hello, rig.gate.meet(hello), rig.bot)
            return role_of_sender()

        assert rig.run(admitted()) is Role.ADMIN

    def test_admits_from_anybody_the_message_that_a_group_has_moved(self, rig: Rig) -> None:
        assert rig.admits(rig.of("", GROUP_CHAT, migrate_to_chat_id=GROUP - 1))

    def test_keeps_the_name_of_who_speaks_to_the_bot_as_it_is_now(self, rig: Rig) -> None:
        rig.roles.decide(Profile(ADA, "Ada Byron"), Role.MEMBER, by=None)

        rig.admits(rig.of("hello"))

        assert rig.roles.one(ADA).profile == Profile(ADA, "Ada", "ada", "de")

    def test_keeps_nothing_of_who_speaks_to_others(self, rig: Rig) -> None:
        rig.roles.decide(Profile(GROUP, "A group"), Role.MEMBER, by=None)

        assert rig.admits(rig.of("what a day!", GROUP_CHAT))
        assert rig.roles.look([ADA]) == {}

    def test_says_why_it_is_closed_again_after_a_day(self, rig: Rig) -> None:
        told = []
        for age in (timedelta(), TOLD_AGAIN_AFTER - timedelta(minutes=1), TOLD_AGAIN_AFTER + timedelta(minutes=1)):
            if age:
                rig.age(ADA, age)
            assert not rig.admits(rig.of("hello"))
            told.append([one["text"] for one in rig.calls("sendMessage") if int(one["chat_id"]) == ADA])

        sentence = say("access_asked", "de", id=str(ADA))
        assert told == [[sentence], [], [sentence]]

    def test_says_nothing_to_a_group_that_has_removed_the_bot(self, rig: Rig) -> None:
        assert not rig.admits(rig.of("", GROUP_CHAT, left_chat_member=A_BOT))
        assert rig.telegram.calls == []

    def test_lets_nobody_in_unseen(self, deaf_port: int, tmp_path: Path) -> None:
        away = Database(f"postgresql+psycopg://postgres@127.0.0.1:{deaf_port}/none")
        with away, Rig(away, tmp_path) as rig:
            with pytest.raises(StoreAway):
                rig.admits(rig.of("hello"))
            assert rig.telegram.calls == []


class TestWhomACommandMeans:
    def read(self, text: str, **content: Any) -> Wish:
        message = {"message_id": 1, "date": 1, "chat": GROUP_CHAT, "from": FROM_ADA, "text": text} | content
        read = Message.de_json(message, None)
        assert read is not None
        return read_wish(read, text.split()[1:], BOT)

    def wrote(self, **content: Any) -> dict[str, Any]:
        return {"reply_to_message": {"message_id": 9, "date": 1, "chat": GROUP_CHAT, "text": "hello"} | content}

    @pytest.mark.parametrize(
        ("words", "named", "rest"), [("@bob admin", "@bob", "admin"), ("-17 guest", "-17", "guest")]
    )
    def test_is_who_is_named(self, words: str, named: str, rest: str) -> None:
        assert self.read(f"/role {words}", **self.wrote(**{"from": FROM_ADA})) == Wish(None, named, rest)

    def test_is_who_is_mentioned_without_a_name_of_their_own(self) -> None:
        bob = {"id": BOB, "is_bot": False, "first_name": "Bob B."}
        mention = [{"type": "text_mention", "offset": 6, "length": 6, "user": bob}]

        assert self.read("/role Bob B. admin", entities=mention) == Wish(Profile(BOB, "Bob B."), "", "admin")

    def test_is_who_wrote_what_was_forwarded(self) -> None:
        origin = {"type": "user", "date": 1, "sender_user": {"id": BOB, "is_bot": False, "first_name": "Bob"}}

        assert self.read("/ban", **self.wrote(**{"from": FROM_ADA, "forward_origin": origin})).profile == Profile(
            BOB, "Bob"
        )

    def test_is_the_chat_that_speaks(self) -> None:
        channel = {"id": -5, "type": "channel", "title": "News"}

        assert self.read("/ban", **self.wrote(sender_chat=channel)).profile == Profile(-5, "News")

    @pytest.mark.parametrize(
        "content",
        [{"from": A_BOT}, {"from": FROM_ADA, "forum_topic_created": {"name": "Art", "icon_color": 1}}],
        ids=["the bot", "who opened the topic"],
    )
    def test_is_not(self, content: dict[str, Any]) -> None:
        assert self.read("/role admin", **self.wrote(**content)) == Wish(None, "", "admin")


class TestGivingARole:
    def give(self, rig: Rig, by: Role, words: str) -> None:
        async def as_role(update: Update, context: Any) -> None:
            set_role(by)
            await rig.members.role(update, context)

        rig.say(as_role, CAROL, f"/role {words}")

    def test_writes_it_down_and_tells_the_person(self, rig: Rig) -> None:
        self.give(rig, Role.OWNER, f"{ADA} member")

        assert rig.roles.one(ADA).role is Role.MEMBER
        assert [int(one["chat_id"]) for one in rig.calls("sendMessage")] == [ADA, CAROL]

    def test_of_an_owner_that_the_settings_name_is_refused(self, record: Database, tmp_path: Path) -> None:
        with Rig(record, tmp_path, owners=[ADA]) as rig:
            self.give(rig, Role.OWNER, f"{ADA} guest")

        assert rig.said == [say("access_owner_by_settings", "en")]

    def test_that_is_none_shows_the_person(self, rig: Rig) -> None:
        rig.roles.note(Profile(ADA, "Ada"))

        self.give(rig, Role.OWNER, f"{ADA} emperor")

        assert rig.said == [say("access_person", "en", name="Ada", id=str(ADA), role=say("role_stranger", "en"))]
        assert rig.roles.one(ADA).role is Role.STRANGER
