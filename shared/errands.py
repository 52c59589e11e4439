"""The nouns of errands: what a worker does for a person that is no picture. Frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.jobs import Address, Sender, State, Writing


class Kind(StrEnum):
    """What a worker is to do."""

    CHAT = "chat"
    DESCRIBE = "describe"
    WITHDRAW = "withdraw"


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


SILENT = frozenset({Kind.WITHDRAW})  # nobody waits for word of these: they never enter the outbox


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
    kind: Kind
    address: Address
    sender: Sender
    question: dict[str, Any]
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
    result: dict[str, Any] | None = None
    chat_model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    worker: str | None = None
    shown: Any = None
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
    one = [question["picture"]] if "picture" in question else []
    return [file["key"] for file in (*one, *(question.get("attachments") or ()))]


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
