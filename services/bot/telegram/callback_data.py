"""What stands in the data of buttons, at most 64 bytes, and how it is read back. Pure.

    ACTION ID [CHOICE]         what to do with a picture, an answer or a batch: its row in the record
    set PAGE [CHOICE]          /settings
    models LIST [CHOICE]       /models
    queue USER NAME PAGE       /queue: whose list, what to end in it, which page to show
    users @PAGE SEARCH         /users
    user ID show|ROLE          one person of /users
    access ID ROLE             a request for access
    stats DAYS dark|light      /stats
    broadcast ID send|cancel|stop
    many MESSAGE COUNT         how many pictures a message asks for; of earlier versions
    read MESSAGE COUNT MODEL STYLE
                               what a message asks for, read once more; 0 and ``-`` choose nothing
    history VIEW WORD JOB [MODEL]
                               /history: what its message shows, what to do, with which picture; 0 for none
    help TOPIC                 /help
    try                        the example under /start
    key:add|remove:SERVICE     /keys
    mydata ask|delete|keep     /privacy and /deletemydata

Buttons of all earlier versions are still in chats, so what can be read stays readable.
"""

import re
from hashlib import sha256
from typing import NamedTuple

from services.bot.texts.paging import MARK
from shared.access import Role
from shared.redaction import GOOGLE, HUGGINGFACE

AGAIN, VARY, EDIT, FILE, DELETE, REST = "again", "vary", "edit", "file", "delete", "rest"
PROMPT = "prompt"  # the whole of one that is too long for a copy button
MORE = "more"  # what is wanted less often than the rest
UPSCALE = "upscale"
STRENGTH = "strength"  # how far to go from the picture that was started from
RATIO, MODEL = "ratio", "model"  # without a choice they open their list, with one they act
FOR_GOOD = "now"  # the choice with which DELETE deletes; without one it asks
PICK, BACK = "pick", "back"  # one picture with its buttons, and from there to all of its request
CANCEL = "cancel"
STOP, DRAW, DRAW_MANY, LIKE = "stop", "draw", "drawmany", "like"  # of an errand
BATCH = "batch"  # the choice says what to do with it
SETTINGS, MODELS = "set", "models"
HELP = "help"  # what stands before a topic is chosen
TOPICS = ("pictures", "photos", "imagine", "batch", "talk", "settings")
TRY = "try"  # paint the example
SEND = "send"  # of a broadcast, which CANCEL and STOP end
SHOW = "show"  # instead of a role: only show who it is
# Of /history
NEWER, OLDER, STAR, OPEN, ASK, REMOVE, SHEET = "newer", "older", "star", "open", "ask", "remove", "sheet"
FILTER, STARRED, HERE, OF_MODEL, ALL = "filter", "starred", "here", "model", "all"

NOTHING = "-"  # instead of a code

OF_ANSWER = rf"^({STOP}|{DRAW}|{DRAW_MANY}) "
OF_DESCRIPTION = rf"^{LIKE} "
OF_BATCH = rf"^{BATCH} "
OF_SETTINGS = rf"^{SETTINGS} "
OF_MODELS = rf"^{MODELS} "
OF_QUEUE = re.compile(r"^queue (-?\d{1,18}) (\w{1,20}) (\d{1,4})$", re.ASCII)
OF_USERS = re.compile(rf"^users {MARK}(\d{{1,4}}) (.*)$", re.ASCII | re.DOTALL)
OF_PERSON = re.compile(rf"^user (-?\d{{1,18}}) ({SHOW}|{'|'.join(Role)})$", re.ASCII)
OF_REQUEST = re.compile(r"^access (-?\d{1,18}) (member|guest|stranger|blocked)$", re.ASCII)
OF_HELP = re.compile(rf"^help ({HELP}|{'|'.join(TOPICS)})$")
OF_EXAMPLE = rf"^{TRY}$"
OF_STATS = re.compile(r"^stats (\d{1,2}) (dark|light)$", re.ASCII)
OF_BROADCAST = re.compile(rf"^broadcast (\d{{1,12}}) ({SEND}|{CANCEL}|{STOP})$", re.ASCII)
OF_MESSAGE = re.compile(r"^(?:many|read) (\d{1,18}) (\d{1,2})(?: ([0-9a-f]{12}|-) ([0-9a-f]{12}|-))?$", re.ASCII)
_WORDS = (SHOW, NEWER, OLDER, STAR, OPEN, ASK, REMOVE, SHEET, FILTER, STARRED, HERE, OF_MODEL, ALL)
OF_HISTORY = re.compile(rf"^history (\d{{1,12}}) ({'|'.join(_WORDS)}) (\d{{1,18}})(?: ([0-9a-f]{{12}}))?$", re.ASCII)
OF_OWN_DATA = re.compile(r"^mydata (ask|delete|keep)$")
OF_KEY = re.compile(rf"^key:(add|remove):({GOOGLE}|{HUGGINGFACE})$")
USE, DROP = "use", "drop"
OF_FOUND_KEY = re.compile(rf"^key:({USE}|{DROP}):(\d{{1,18}})$", re.ASCII)


class OfRecord(NamedTuple):
    """What is to be done with a row of the record."""

    action: str
    id: int
    choice: str


def of_record(action: str, record_id: int, choice: str = "") -> str:
    """Of a button that acts on a job, an errand or a batch."""
    return f"{action} {record_id} {choice}".rstrip()


def read_record(text: str | None) -> OfRecord | None:
    """None where they are no such data."""
    action, _, rest = (text or "").partition(" ")
    number, _, choice = rest.partition(" ")
    return OfRecord(action, int(number), choice) if re.fullmatch(r"\d{1,18}", number, re.ASCII) else None


def record_in(text: str) -> int | None:
    """The id of the job, errand or batch that they act on."""
    wanted = read_record(text)
    return wanted.id if wanted else None


def code_of(model_id: str) -> str:
    """What stands for a model: its id may be too long, and its place in a list changes."""
    return sha256(model_id.encode()).hexdigest()[:12]


def of_page(menu: str, page: str, choice: str = "") -> str:
    """Of a button of ``/settings`` or ``/models``."""
    return f"{menu} {page} {choice}".rstrip()


def read_page(text: str | None) -> tuple[str, str]:
    """Page and choice of such a button."""
    _, _, rest = (text or "").partition(" ")
    page, _, choice = rest.partition(" ")
    return page, choice


class OfQueue(NamedTuple):
    """What a button of ``/queue`` says; pages count from 0."""

    user_id: int
    name: str
    page: int


def of_queue(user_id: int, name: str, page: int) -> str:
    """Of a button of somebody's ``/queue``."""
    return f"queue {user_id} {name} {page}"


def read_queue(text: str | None) -> OfQueue | None:
    """None where they are no such data."""
    found = OF_QUEUE.fullmatch(text or "")
    return OfQueue(int(found[1]), found[2], int(found[3])) if found else None


def of_users(turn: str, search: str = "") -> str:
    """Of a button that leads to a page of ``/users``: ``@`` and the page's number, from 0."""
    return f"users {turn} {search}"


def read_users(text: str | None) -> tuple[int, str] | None:
    """Page and search; None where they are no such data."""
    found = OF_USERS.fullmatch(text or "")
    return (int(found[1]), found[2]) if found else None


def of_person(person_id: int, role: str = SHOW) -> str:
    """Of a button that gives somebody a role, or shows who they are."""
    return f"user {person_id} {role}"


def read_person(text: str | None) -> tuple[int, Role | None] | None:
    """Whom, and the role to give, None where they are to be shown; None where they are no such data."""
    found = OF_PERSON.fullmatch(text or "")
    return (int(found[1]), None if found[2] == SHOW else Role(found[2])) if found else None


def of_request(person_id: int, role: Role) -> str:
    """Of a button that answers a request for access."""
    return f"access {person_id} {role}"


def read_request(text: str | None) -> tuple[int, Role] | None:
    """Who asked, and the role to give; None where they are no such data."""
    found = OF_REQUEST.fullmatch(text or "")
    return (int(found[1]), Role(found[2])) if found else None


def of_help(topic: str) -> str:
    """Of a button that leads to a topic of ``/help``."""
    return f"help {topic}"


def read_help(text: str | None) -> str:
    """The topic."""
    found = OF_HELP.fullmatch(text or "")
    return found[1] if found else HELP


def of_key(action: str, service: str) -> str:
    """Of a button that adds or removes a key."""
    return f"key:{action}:{service}"


def read_key(text: str | None) -> tuple[str, str] | None:
    """Action and service; None where they are no such data."""
    found = OF_KEY.fullmatch(text or "")
    return (found[1], found[2]) if found else None


def of_found_key(action: str, message_id: int) -> str:
    """Of a button that uses the key in a message, or forgets it."""
    return f"key:{action}:{message_id}"


def read_found_key(text: str | None) -> tuple[str, int] | None:
    """Action and message; None where they are no such data."""
    found = OF_FOUND_KEY.fullmatch(text or "")
    return (found[1], int(found[2])) if found else None


def of_own_data(choice: str) -> str:
    """Of a button that asks whether to delete somebody's data, deletes it, or leaves it."""
    return f"mydata {choice}"


def read_own_data(text: str | None) -> str | None:
    """The choice; None where they are no such data."""
    found = OF_OWN_DATA.fullmatch(text or "")
    return found[1] if found else None


def of_stats(days: int, *, dark: bool) -> str:
    """Of a button that shows the chart of so many days, in dark or light colours."""
    return f"stats {days} {'dark' if dark else 'light'}"


def read_stats(text: str | None) -> tuple[int, bool] | None:
    """Days, and whether in dark colours; None where they are no such data."""
    found = OF_STATS.fullmatch(text or "")
    return (int(found[1]), found[2] == "dark") if found else None


def of_broadcast(broadcast_id: int, choice: str) -> str:
    """Of a button that sends an owner's message to all, or ends it: ``SEND``, ``CANCEL`` or ``STOP``."""
    return f"broadcast {broadcast_id} {choice}"


def read_broadcast(text: str | None) -> tuple[int, str] | None:
    """Which, and the choice; None where they are no such data."""
    found = OF_BROADCAST.fullmatch(text or "")
    return (int(found[1]), found[2]) if found else None


class OfMessage(NamedTuple):
    """What is chosen for a message that asked for pictures; None: nothing. Model and style stand as codes."""

    id: int
    pictures: int | None = None
    model: str | None = None
    style: str | None = None


def of_message(chosen: OfMessage) -> str:
    """Of a button that has a message read once more."""
    return f"read {chosen.id} {chosen.pictures or 0} {chosen.model or NOTHING} {chosen.style or NOTHING}"


def read_message(text: str | None) -> OfMessage | None:
    """None where they are no such data."""
    found = OF_MESSAGE.fullmatch(text or "")
    if found is None:
        return None
    model, style = (one if one != NOTHING else None for one in found.groups()[2:])
    return OfMessage(int(found[1]), int(found[2]) or None, model, style)


class OfHistory(NamedTuple):
    """What a button of ``/history`` says; job 0 is none, and a model stands as its code."""

    view_id: int
    word: str
    job_id: int
    choice: str


def of_history(view_id: int, word: str, job_id: int, choice: str = "") -> str:
    """Of a button under a history."""
    return f"history {view_id} {word} {job_id} {choice}".rstrip()


def read_history(text: str | None) -> OfHistory | None:
    """None where they are no such data."""
    found = OF_HISTORY.fullmatch(text or "")
    return OfHistory(int(found[1]), found[2], int(found[3]), found[4] or "") if found else None


def view_in(text: str) -> int | None:
    """The view that a button of ``/history`` belongs to."""
    read = read_history(text)
    return read.view_id if read else None
