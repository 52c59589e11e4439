"""A group, its people, and one of everything that has buttons: by whom it was asked for, and what its buttons say.

Ada, Bob, Carol and Dave are in the group. Carol is its admin; Dave is the admin of a channel that speaks in it. Eve
is in no group, Frank is the admin of another one, in which Ada is, too. Of each kind of thing there is one that Ada
asked for, one that Carol asked for in the group's name, one of the channel's, and one of Ada's in private.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, select, update
from telegram import InlineKeyboardMarkup, User

from sandbox.bodies import Upload
from sandbox.telegram import markup, people
from sandbox.telegram.world import Chat, World
from services.bot.access.origin import profile_of
from services.bot.batches import progress
from services.bot.chat.keyboards import how_many, under_answer, under_description, while_answering
from services.bot.pictures import keyboards
from services.bot.telegram.callback_data import of_record
from services.bot.telegram.permissions import Action
from services.contact_sheet import empty_picture
from shared.access import Profile
from shared.batches import BatchState, Counts
from shared.catalogue import Catalogue
from shared.errands import ErrandKind
from shared.images import Images
from shared.jobs import Address, Image, Job, Request, Sender, State
from shared.jobs import Stage as Step
from shared.store import tables
from shared.store.access import Roles
from shared.store.batches import Batches
from shared.store.chat_migration import ChatMigration
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.picture_terms import FOUND_BY, keep_terms
from tests.bot.stage import BOT, Outcome, Stage
from tests.builders import FOX_RECIPE, RED_FOX

ADA, BOB, CAROL, DAVE, EVE, FRANK = range(101, 107)
PEOPLE = {ADA: "Ada", BOB: "Bob", CAROL: "Carol", DAVE: "Dave", EVE: "Eve", FRANK: "Frank"}
GROUP, OTHER, CHANNEL, OLD_GROUP = -1_001_000_000_001, -1_001_000_000_002, -1_001_000_000_003, -4_001
TERMINAL = 0  # the chat of what was asked for on a command line
PROMPTS = {"prompts": [{"title": f"Fox {number}", "prompt": f"a fox, {number}"} for number in (1, 2)]}
A_FOX = {"idea": "a red fox"}
PICTURE = Image(empty_picture(), "image/jpeg", 480, 480)
WORDS = {
    **dict.fromkeys(("again", "vary", "rest", "ratio", "model", "strength", "upscale"), Action.PAINT_AGAIN),
    **dict.fromkeys(("pick", "back", "more"), Action.TURN_BUTTONS),
    "edit": Action.EDIT_PROMPT,
    "prompt": Action.READ_PROMPT,
    "file": Action.GET_FILE,
    "delete": Action.DELETE,
    "cancel": Action.CANCEL,
    "stop": Action.STOP_ANSWER,
    "draw": Action.DRAW_ANSWER,
    "drawmany": Action.DRAW_MANY,
    "like": Action.PAINT_DESCRIPTION,
    "queue": Action.USE_QUEUE,
    "set": Action.CHANGE_SETTINGS,
    "help": Action.BROWSE,
    "key": Action.MANAGE_KEYS,
    "mydata": Action.DELETE_DATA,
}
UNDER_NO_PICTURE = ("prompt", "cancel", "rest")  # which a message may have shown before


def action_of(data: str) -> Action:
    """What a button's data ask for, as the table of permissions calls it."""
    words = data.replace(":", " ").split(" ")
    match words[0]:
        case "batch":
            return Action.CANCEL_BATCH if words[2] == "cancel" else Action.STEER_BATCH
        case "history":
            return Action.REMOVE_PICTURE if words[2] in {"ask", "remove"} else Action.READ_HISTORY
        case "models":
            turns = words[1] in {"gone", "about"} or len(words) < 3 or words[2].startswith("@")
            return Action.BROWSE if turns else Action.CHOOSE_MODEL
        case first:
            return WORDS[first]


@dataclass(frozen=True, order=True)
class Button:
    """What a button says, and under which message of which chat it stands.

    Attributes:
        requester: Who asked for what it acts on; 0 where it belongs to the chat, or to whoever presses.
    """

    data: str
    requester: int
    chat_id: int
    message_id: int

    @property
    def action(self) -> Action:
        return action_of(self.data)


class Scene:
    """Sets itself up on a stage; after a reset of the stage all is as it was."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.buttons: list[Button] = []
        self.jobs: dict[str, int] = {}
        self._jobs, self._errands = Jobs(stage.database), Errands(stage.database)
        self._images, self._catalogue = Images(stage.settings.image_store_url), Catalogue(None)
        self._update_ids, self._query_ids = itertools.count(1), itertools.count(1)
        self._bring_people(stage.telegram.world)
        for requester, chat_id in ((ADA, GROUP), (GROUP, GROUP), (CHANNEL, GROUP), (ADA, ADA)):
            self._ask_for_things(requester, chat_id)
        self._ask_elsewhere()
        stage.begin()
        self._open_lists()
        self._introduce()
        for chat in stage.chats():
            self.post(chat.id, "Send me an idea")
        stage.begin()
        self.buttons.sort()

    def _bring_people(self, world: World) -> None:
        bot = world.bot_of_token(self.stage.token)
        for number, name in PEOPLE.items():
            person = world.add_person({"id": number, "first_name": name, "language_code": "en"})
            person.started.add(BOT)
            world.private_chat(bot, person)
        members = [CAROL, ADA, BOB, DAVE]  # the first of a group owns it
        world.add_group("supergroup", {"title": "A group"}, members=members, bot=bot, chat_id=GROUP)
        world.add_group("supergroup", {"title": "Another group"}, members=[FRANK, ADA], bot=bot, chat_id=OTHER)
        world.add_group("channel", {"title": "A channel"}, members=[DAVE], bot=bot, chat_id=CHANNEL)
        world.add_group("group", {"title": "A group"}, members=members, bot=bot, chat_id=OLD_GROUP)

    def _introduce(self) -> None:
        """Let the bot have met everybody, everywhere."""
        world, roles = self.stage.telegram.world, Roles(self.stage.database, BOT)
        for who in PEOPLE:
            roles.note(profile_of(User.de_json(world.people[who].user, None)))
        for chat in world.groups.values():
            roles.note(Profile(chat.id, chat.about["title"]))

    # What people do

    def say(self, who: int, text: str, chat_id: int | None = None, **wish: Any) -> Outcome:
        """Let somebody write, in private unless told; ``wish`` is that of the sandbox, such as ``as_chat``."""
        world = self.stage.telegram.world
        place, author = self._chat(chat_id or who), world.people[who]
        post = people.write(world, world.bot(BOT), place, author, wish={"text": text, **wish}, uploads={})
        return self.stage.handle({"update_id": next(self._update_ids), "message": post.message})

    def send(self, who: int, chat_id: int, content: dict[str, Any]) -> Outcome:
        """Let somebody send a message that holds this, and perhaps ``uploads``, whatever Telegram's clients allow."""
        world = self.stage.telegram.world
        files = {kind: world.files.add(kind, one) for kind, one in content.get("uploads", {}).items()}
        said = {name: value for name, value in content.items() if name != "uploads"}
        words = said.get("text") or said.get("caption") or ""
        marks = {"entities": markup.detect(words)} if "text" in said else {"caption_entities": markup.detect(words)}
        post = world.add_post(self._chat(chat_id), world.people[who].user, marks | files | said)
        return self.stage.handle({"update_id": next(self._update_ids), "message": post.message})

    def press(self, who: int, data: str, chat_id: int, message_id: int | None = None) -> Outcome:
        """Let somebody press under a message of the bot's, its last one unless told, whatever buttons it shows."""
        world, chat = self.stage.telegram.world, self._chat(chat_id)
        post = chat.posts[message_id or self.said_by_bot(chat_id)[-1]]
        query = people.press(world, world.bot(BOT), chat, post, who=world.people[who], data=data)
        callback = {"id": query.id, "from": world.people[who].user, "chat_instance": "1", "data": data}
        return self.stage.handle(
            {"update_id": next(self._update_ids), "callback_query": callback | {"message": post.message}}
        )

    def post(self, chat_id: int, text: str, keyboard: InlineKeyboardMarkup | None = None, **content: Any) -> int:
        """Let the bot have said something; returns the message's number."""
        content |= {"caption": text} if {"photo", "document"} & content.keys() else {"text": text}
        content |= {} if keyboard is None else {"reply_markup": keyboard.to_dict()}
        bot = self.stage.telegram.world.bot(BOT)
        return self.stage.telegram.world.add_post(self._chat(chat_id), bot.as_user(), content).id

    def said_by_bot(self, chat_id: int) -> list[int]:
        """The numbers of the bot's messages, in order."""
        return [number for number, one in self._chat(chat_id).posts.items() if one.author_id == BOT]

    def message(self, chat_id: int, message_id: int) -> dict[str, Any]:
        """A message as it is now, and whether it was deleted."""
        post = self._chat(chat_id).posts[message_id]
        return post.message | {"deleted": post.is_deleted}

    def jobs_of(self, who: int) -> list[int]:
        """The jobs that somebody asked for, in order."""
        rows = self.stage.rows()
        return [row["id"] for (table, _), row in rows.items() if table == "jobs" and row["user_id"] == who]

    def _chat(self, chat_id: int) -> Chat:
        world = self.stage.telegram.world
        chat = world.find_chat(world.bot(BOT), chat_id)
        assert chat is not None
        return chat

    # Things to press for

    def _ask_for_things(self, requester: int, chat_id: int) -> None:
        asked = self._asking(requester, chat_id)
        self._picture(*next(asked))
        self._album(*next(asked))
        self._waiting(*next(asked))
        self._answers(asked)
        self._batches(asked)

    def _asking(self, requester: int, chat_id: int) -> Iterator[tuple[Address, Sender]]:
        """Messages that ask for something, one after the other."""
        while True:
            message_id = self.post(chat_id, "/imagine a fox")
            yield Address(BOT, chat_id, message_id, private=chat_id > 0), Sender(requester, "en")

    def _show(self, data: Iterable[str], address: Address, sender: Sender, message_id: int) -> None:
        self.buttons += [Button(one, sender.id, address.chat_id, message_id) for one in data]

    def _job(self, address: Address, sender: Sender, **request: Any) -> Job:
        return self._jobs.submit(Request("a red fox", **request), address=address, sender=sender)[0]

    def _read(self, job_id: int) -> Job:
        job = self._jobs.read(job_id)
        assert job is not None
        return job

    def _change(self, table: Table, row_id: int, **values: Any) -> None:
        with self.stage.database.writing() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(values))

    def _finish(self, job_id: int) -> Job:
        key = self._images.put(job_id, PICTURE)
        ended = {"state": State.FINISHED, "stage": Step.SENDING, "ended_at": _now(), "delivered_at": _now()}
        made = {"image_key": key, "media_type": PICTURE.media_type, "prompt": RED_FOX.text, "title": RED_FOX.title}
        made["recipe"] = asdict(replace(FOX_RECIPE, over_picture=True, strength=0.6))
        self._change(tables.jobs, job_id, **ended, **made)
        return self._read(job_id)

    def _picture(self, address: Address, sender: Sender) -> None:
        job = self._finish(self._job(address, sender).id)
        photo = self.stage.telegram.world.files.add_photo(Upload("fox.jpg", PICTURE.media_type, PICTURE.data))
        message_id = self.post(address.chat_id, "a red fox", keyboards.picture(job), photo=photo)
        self._change(tables.jobs, job.id, delivered_message_id=message_id, file_id=photo[-1]["file_id"])
        with self.stage.database.writing() as connection:
            found_by = connection.execute(select(*FOUND_BY).where(tables.jobs.c.id == job.id)).one()
            keep_terms(self.stage.database, connection, job.id, found_by)
        self.jobs[f"{sender.id} in {address.chat_id}"] = job.id
        lists = [keyboards.ratios(job), keyboards.models(job, self._catalogue)]
        lists += [keyboards.more(job), keyboards.really_delete(job)]
        data = {data for one in (keyboards.picture(job, of_several=True), *lists) for data in data_in(one)}
        self._show(data | {of_record(word, job.id) for word in UNDER_NO_PICTURE}, address, sender, message_id)

    def _album(self, address: Address, sender: Sender) -> None:
        first = self._finish(self._job(address, sender, count=2).id)
        second = next(one for one in self._jobs.siblings(first) if one.number)
        self._change(tables.jobs, second.id, state=State.FAILED, reason="service_busy", ended_at=_now())
        keyboard = keyboards.several([first, self._read(second.id)], "sandbox_bot")
        self._show(data_in(keyboard), address, sender, self.post(address.chat_id, "1 of 2 pictures", keyboard))

    def _waiting(self, address: Address, sender: Sender) -> None:
        job = self._job(address, sender)
        message_id = self.post(address.chat_id, "On it …", keyboards.status(job))
        self._change(tables.jobs, job.id, status_message_id=message_id, status_shown="queued:1")
        self._show(data_in(keyboards.status(job)), address, sender, message_id)

    def _answers(self, asked: Iterator[tuple[Address, Sender]]) -> None:
        done: dict[str, Any] = {"state": State.FINISHED, "ended_at": _now(), "delivered_at": _now()}
        under_way = {"state": State.WORKING, "worker": "w", "lease_until": _now() + timedelta(hours=1)}
        for kind, values in (
            (ErrandKind.CHAT, done | {"answer": "Foxes are red.", "result": {"drawing": A_FOX | {"wished": False}}}),
            (ErrandKind.CHAT, done | {"answer": "", "result": {"drawing": A_FOX | {"wished": True, "count": 6}}}),
            (ErrandKind.CHAT, under_way),
            (ErrandKind.DESCRIBE, done | {"result": PROMPTS}),
        ):
            address, sender = next(asked)
            errand, _ = self._errands.submit(kind, {"text": "foxes?"}, address=address, sender=sender)
            self._change(tables.errands, errand.id, **values)
            errand = self._errands.read(errand.id) or errand
            keyboard = under_description(errand) if kind is ErrandKind.DESCRIBE else while_answering(errand)
            if errand.result and "drawing" in errand.result:
                many = InlineKeyboardMarkup([how_many(errand, 6, 4)])
                keyboard = many if errand.result["drawing"]["wished"] else under_answer(errand)
            assert keyboard is not None
            message_id = self.post(address.chat_id, "An answer", keyboard)
            self._change(tables.errands, errand.id, shown={"messages": [message_id]})
            self._show(data_in(keyboard), address, sender, message_id)

    def _batches(self, asked: Iterator[tuple[Address, Sender]]) -> None:
        batches = Batches(self.stage.database)
        for state in (BatchState.ASKED, BatchState.RUNNING, BatchState.PAUSED):
            address, sender = next(asked)
            requests = [Request("a fox"), Request("a cat")]
            batch, _ = batches.ask(requests, address=address, sender=sender, source="telegram")
            if state is not BatchState.ASKED:
                self._change(tables.batches, batch.id, state=state, started_at=_now())
            batch = batches.read(batch.id) or batch
            keyboard = progress.keyboard(batch, Counts(), "sandbox_bot")
            assert keyboard is not None
            message_id = self.post(address.chat_id, "Batch", keyboard)
            self._change(tables.batches, batch.id, status_message_id=message_id, status_shown="asked")
            self._show({*data_in(keyboard), f"batch {batch.id} retry"}, address, sender, message_id)

    def _ask_elsewhere(self) -> None:
        """Pictures that no button of this bot's chats may touch, and one whose group has moved to this one."""
        terminal, of_other_bot = Address(BOT, TERMINAL, 1), Address(BOT + 1, GROUP, 1, private=False)
        self.jobs["terminal"] = self._job(terminal, Sender(0)).id
        self.jobs["other bot"] = self._job(of_other_bot, Sender(ADA)).id
        address, sender = next(self._asking(ADA, OLD_GROUP))
        self.jobs["moved"] = self._job(address, sender).id
        self.post(OLD_GROUP, "On it …", keyboards.status(self._read(self.jobs["moved"])))
        ChatMigration(self.stage.database, BOT).move(OLD_GROUP, GROUP)
        self._chat(OLD_GROUP).migrated_to = GROUP

    def _open_lists(self) -> None:
        """The messages of /queue, /settings, /models, /help, /keys and /privacy, with all their pages."""
        for who, chat_id, speaking in ((ADA, ADA, {}), (ADA, GROUP, {}), (CAROL, GROUP, GROUP), (DAVE, GROUP, CHANNEL)):
            wish = {"as_chat": speaking} if speaking else {}
            self._open(who, "/queue", chat_id, speaking or who, **wish)
        for who, chat_id in ((ADA, ADA), (CAROL, GROUP)):
            for command in ("/settings", "/models", "/help", "/keys"):
                self._open(who, command, chat_id, 0)
            self._open(who, "/history", chat_id, who)
        for command in ("/privacy", "/deletemydata"):
            self._open(ADA, command, ADA, 0)

    def _open(self, who: int, command: str, chat_id: int, requester: int, **wish: Any) -> None:
        self.say(who, command, chat_id, **wish)
        message = self._chat(chat_id).posts[self.said_by_bot(chat_id)[-1]].message
        found, todo = set[str](), [message]
        while todo:
            new = set(data_in(InlineKeyboardMarkup.de_json(todo.pop()["reply_markup"], None))) - found
            found |= new
            for data in new:
                opens = data.startswith("models about ") or data.count(" ") < 2
                if data.split(" ")[0] in {"set", "models", "help"} and opens:
                    self.press(who, data, chat_id, message["message_id"])
                    todo.append(self._chat(chat_id).posts[message["message_id"]].message)
        for data in found | {data.replace(" ask ", " remove ") for data in found}:
            is_removal = action_of(data) is Action.REMOVE_PICTURE
            whose = self._read(int(data.split(" ")[3])).sender.id if is_removal else requester
            self._show([data], Address(BOT, chat_id, 1), Sender(whose), message["message_id"])


def data_in(keyboard: InlineKeyboardMarkup) -> set[str]:
    """What the buttons of a keyboard say; those that open a link or copy say nothing."""
    said = (button.callback_data for row in keyboard.inline_keyboard for button in row)
    return {data for data in said if isinstance(data, str)}


def _now() -> datetime:
    return datetime.now(UTC)
