"""Who may do what with what a chat holds: one table for presses, links and replies. Pure.

docs/security.md prints the table; every handler asks it through ``authorization``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from shared.jobs import Address, Sender


class Relation(StrEnum):
    """What somebody is to a thing they act on, from where they act; the first that applies counts."""

    AT_HOME = "who asked for it in a group, from their private chat"
    ELSEWHERE = "in another chat"  # for everybody: a button acts on its own chat alone
    REQUESTER = "who asked for it"
    SPEAKER = "admin, where it was asked for in a chat's name"  # of that chat, or of the one where it was asked for
    ADMIN = "other admin of the chat"
    MEMBER = "anybody else in the chat"


class Action(StrEnum):
    """What a button, a link or a reply may ask for."""

    PAINT_AGAIN = "paint a picture again: varied, larger, the missing ones, in another ratio, strength or model"
    EDIT_PROMPT = "edit a picture's prompt, and paint that"
    READ_PROMPT = "read a picture's whole prompt"
    GET_FILE = "get a picture's original file"
    TURN_BUTTONS = "open and close the lists under a picture"
    DELETE = "delete a picture's message"
    CANCEL = "cancel a picture"
    FOLLOW_UP = "change a picture by a reply to it, or have it described"
    STOP_ANSWER = "stop an answer"
    DRAW_ANSWER = "have an answer painted"
    DRAW_MANY = "say how many pictures a question is to have"
    PAINT_DESCRIPTION = "have a prompt of /describe painted"
    STEER_BATCH = "start, pause, resume and retry a batch, choose how it is sent"
    CANCEL_BATCH = "cancel a batch"
    READ_HISTORY = "turn the pages of a /history, filter it, mark favourites, have pictures sent again"
    REMOVE_PICTURE = "remove a picture of /history with all that the record says of it"
    USE_QUEUE = "read a list of /queue, and cancel what is in it"
    CHANGE_SETTINGS = "read and change the chat's settings"
    CHOOSE_MODEL = "make a model the chat's usual one"
    BROWSE = "turn the pages of /help and /models"
    MANAGE_KEYS = "add and remove keys"
    DELETE_DATA = "delete all that is stored of oneself"


_THEIRS = frozenset({Relation.REQUESTER, Relation.SPEAKER})
_THEIRS_AT_HOME = _THEIRS | {Relation.AT_HOME}
_TIDYING = _THEIRS | {Relation.ADMIN}  # admins keep their chat clean and quiet
_EVERYBODY = _TIDYING | {Relation.MEMBER}

# The settings of a chat belong to the chat, as if it had asked for them: in private that is the person. Keys and
# what is stored belong to a person, in their private chat.
ALLOWED: Mapping[Action, frozenset[Relation]] = {
    Action.PAINT_AGAIN: _THEIRS_AT_HOME,
    Action.EDIT_PROMPT: _THEIRS_AT_HOME,
    Action.READ_PROMPT: _THEIRS_AT_HOME,
    Action.GET_FILE: _THEIRS_AT_HOME,
    Action.TURN_BUTTONS: _TIDYING | {Relation.AT_HOME},
    Action.DELETE: _TIDYING | {Relation.AT_HOME},
    Action.CANCEL: _TIDYING,
    Action.FOLLOW_UP: _EVERYBODY,
    Action.STOP_ANSWER: _TIDYING,
    Action.DRAW_ANSWER: _EVERYBODY,
    Action.DRAW_MANY: _THEIRS,
    Action.PAINT_DESCRIPTION: _THEIRS,
    Action.STEER_BATCH: _THEIRS,
    Action.CANCEL_BATCH: _TIDYING,
    Action.READ_HISTORY: _THEIRS,
    Action.REMOVE_PICTURE: _TIDYING | {Relation.AT_HOME},
    Action.USE_QUEUE: _THEIRS,
    Action.CHANGE_SETTINGS: _THEIRS,
    Action.CHOOSE_MODEL: _THEIRS,
    Action.BROWSE: _EVERYBODY,
    Action.MANAGE_KEYS: frozenset({Relation.REQUESTER}),
    Action.DELETE_DATA: frozenset({Relation.REQUESTER}),
}


def may(action: Action, relation: Relation) -> bool:
    """Whether the table allows it."""
    return relation in ALLOWED[action]


class Asked(Protocol):
    """What somebody asked for: a job, an errand or a batch."""

    @property
    def address(self) -> Address:
        """Where it was asked for."""

    @property
    def sender(self) -> Sender:
        """Who asked, or in which chat's name."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What somebody acts on: the bot and the chat that it belongs to, and who asked for it there."""

    bot_id: int
    chat_id: int
    requester_id: int

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """A job, an errand or a batch."""
        return cls(asked.address.bot_id, asked.address.chat_id, asked.sender.id)

    @property
    def is_in_a_chats_name(self) -> bool:
        """Whether a chat asked for it: an anonymous admin's group, or a channel. Chats have ids below 0."""
        return self.requester_id < 0 and self.chat_id < 0
