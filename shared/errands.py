"""Errands: chat answers, descriptions, cancelled orders, deletion of somebody's data. Frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NotRequired, Required, TypedDict

from shared.jobs import Address, Sender, State, Writing
from shared.json_types import JsonObject


class ErrandKind(StrEnum):
    """What a worker is to do."""

    CHAT = "chat"
    DESCRIBE = "describe"
    CANCEL_ORDER = "withdraw"
    FORGET = "forget"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer of Gemini's cost the owner.

    Attributes:
        owner_tokens: Read and written on the owner's key, thoughts included.
        cost: In millionths of a dollar.
    """

    owner_tokens: int = 0
    cost: int = 0


UNPAID = Bill()


@dataclass(frozen=True, slots=True)
class PromptFor:
    """A prompt with which a picture like another one could be painted.

    Attributes:
        title: What sets it apart from others, in the asker's language; fits on a button.
        prompt: English, on one line.
    """

    title: str
    prompt: str


class StoredPicture(TypedDict):
    """A picture in the image store."""

    key: str
    media_type: str


class StoredFile(TypedDict):
    """A file in the image store that is asked about.

    Attributes:
        name: As the person called it.
        message_id: The message that brought it; ``albums.REPLIED`` for the one that is replied to.
    """

    key: str
    media_type: str
    name: str
    message_id: int


class ErrandQuestion(TypedDict, total=False):
    """What an errand is asked, as its row has it.

    Attributes:
        text, reply_to, attachments: Of a chat: words, the message that they reply to, files.
        awaited: Messages of an album whose files are still being fetched.
        picture: The one to be described.
        job_id, handle: Of an order to be cancelled, and at which provider it was made.
        is_quiet: Nobody waits in the chat for word of it.
        last, part, goes_on: Of an export that goes on with another one: that one's last job, and how many parts it had.
    """

    text: str
    reply_to: str
    attachments: list[StoredFile]
    awaited: list[int]
    picture: StoredPicture
    job_id: int
    handle: JsonObject
    is_quiet: bool
    last: int
    part: int
    goes_on: bool


class StoredPrompt(TypedDict):
    """A ``PromptFor`` as a row has it."""

    title: str
    prompt: str


class StoredDrawing(TypedDict, total=False):
    """A picture that a chat's answer speaks of.

    Attributes:
        idea: What is to be seen, as Gemini put it; on one line.
        wished: Whether the person asked for it: it is ordered when the answer is delivered. Else a button offers it.
        count: How many pictures; one where it isn't there.
        ratio: Width and height, where the person named them.
    """

    idea: Required[str]
    wished: Required[bool]
    count: int
    ratio: list[int]


class StoredPart(TypedDict):
    """A part of an export in the image store.

    Attributes:
        pictures: The jobs that it mentions.
    """

    key: str
    pictures: int
    bytes: int


class ErrandResult(TypedDict, total=False):
    """What an errand brought beside text.

    Attributes:
        prompts: For a picture.
        end: How a chat's answer ended.
        drawing: The picture that it speaks of.
        deleted: How many things of which kind were deleted.
        late: Jobs that a worker may have kept a picture for after they were deleted.
        parts: Of an export, with the last job in them.
        done, pictures: How many jobs of how many are packed.
        is_all: Whether nothing is left to pack.
    """

    prompts: list[StoredPrompt]
    end: str
    drawing: StoredDrawing
    deleted: dict[str, int]
    late: list[int]
    parts: list[StoredPart]
    done: int
    pictures: int
    last: int
    is_all: bool


class ShownMessages(TypedDict):
    """The messages that hold an answer; ``said`` of them hold what they are to say in the end.

    Attributes:
        parts: Of an export that were sent.
    """

    messages: list[int]
    said: int
    parts: NotRequired[int]


QUESTIONS = frozenset({ErrandKind.CHAT, ErrandKind.DESCRIBE})  # to Gemini: these take turns
OWN_DATA = frozenset({ErrandKind.FORGET, ErrandKind.EXPORT})  # these may take long
SILENT = frozenset({ErrandKind.CANCEL_ORDER})  # nobody waits for word of these: they never enter the outbox


@dataclass(frozen=True, slots=True)
class Errand:
    """An errand, as its row was when it was read.

    Attributes:
        question: What is asked; its form depends on the kind.
        writing: Chat model and sampling, as the person chose them.
        conversation_id: The conversation that a chat's turn belongs to.
        deadline: When we give up; counted from the first claim, None before it.
        claims: How often a worker took it, this time included.
        failures: Failed tries.
        reason: Why it waits or failed: an error's ``reason``.
        stop_asked: The person wants no more of it; what there is, stays.
        answer: The text, as far as it has come.
        result: What an errand brings home that is no text.
        worker: Who holds the lease.
        shown: The messages in the chat that hold the answer, and what they say, in the bot's own form.
        status_sending_since: From then on a message that announces the answer may be in the chat whose number nobody
            wrote down.
        status_after: That message's number is higher than this.
        undelivered_reason: Why its delivery was given up; None: it was delivered, or still may be.
    """

    id: int
    kind: ErrandKind
    address: Address
    sender: Sender
    question: ErrandQuestion
    state: State
    created_at: datetime
    writing: Writing = field(default_factory=Writing)
    conversation_id: int | None = None
    claims: int = 0
    failures: int = 0
    deadline: datetime | None = None
    reason: str | None = None
    stop_asked: bool = False
    answer: str | None = None
    result: ErrandResult | None = None
    chat_model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    worker: str | None = None
    shown: ShownMessages | None = None
    status_sending_since: datetime | None = None
    status_after: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    delivery_tries: int = 0
    delivered_at: datetime | None = None
    undelivered_reason: str | None = None


def files_of(errand: Errand) -> list[str]:
    """The keys of the files in the image store that an errand speaks of."""
    question = errand.question
    keys = [file["key"] for file in question.get("attachments") or ()]
    return [question["picture"]["key"], *keys] if "picture" in question else keys


def drawing_of(errand: Errand, *, wished: bool) -> StoredDrawing | None:
    """The picture that a chat's answer asks for, or that it offers."""
    drawing = (errand.result or {}).get("drawing")
    return drawing if drawing is not None and drawing["wished"] is wished else None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What Gemini remembers of one chat, or of one topic of it.

    Attributes:
        begins_after: The errand after which it starts; what was said up to then is forgotten.
        summary: What older turns came to; None where nothing had to be left out.
        summarised_until: The last errand in the summary, 0 for none.
    """

    id: int
    begins_after: int = 0
    summary: str | None = None
    summarised_until: int = 0
