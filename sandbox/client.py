"""A person's hands and a tester's eyes: the users' side and the switchboard, from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import urllib3

from sandbox.journal import mask

Json = dict[str, Any]
T = TypeVar("T")

TIMEOUT_S = 30
PATIENCE_S = 60.0  # how long ``wait_for`` waits unless told otherwise
LONGEST_WAIT_S = 5.0  # for one answer of ``/changes``

__all__ = ["SandboxClient", "SandboxError", "mask"]


class SandboxError(Exception):
    """The sandbox refused; the text is its own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class SandboxClient:
    """Talks to one sandbox; ``bot`` says which bot is meant when several are in use.

    Wherever a person or chat is asked for, an id or its object (``{"id": …}``) will do. Not for
    use by several threads at once: give each its own.
    """

    def __init__(self, url: str, *, bot: int | None = None) -> None:
        self.url = url.rstrip("/")
        self._query: dict[str, Any] = {} if bot is None else {"bot": bot}
        # Not `requests`: it takes twice as much of the processor for a call, and tests make hundreds of thousands.
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.clear()

    def call(
        self, verb: str, path: str, *, query: Json | None = None, json: object = None, fields: Json | None = None
    ) -> Any:
        """Any request to the sandbox, with a body in JSON or a form (a file is its name and content).

        Raises:
            SandboxError: It was refused.
            ConnectionError: There is no sandbox, or it didn't answer.
        """
        given = {**self._query, **(query or {})}
        asked = urlencode({name: value for name, value in given.items() if value is not None})
        return self._ask(verb, f"{path}?{asked}" if asked else path, json=json, fields=fields).json()

    # People and chats

    def person(self, first_name: str = "Ada", **about: Any) -> Json:
        """Make a person; returns the User."""
        made: Json = self.call("POST", "/people", json={"first_name": first_name, **about})
        return made

    def group(self, *members: Json | int, kind: str = "supergroup", title: str = "A group", **about: Any) -> Json:
        """Make a group with these people and the bot in it; returns the Chat."""
        wish = {"type": kind, "title": title, "members": [_id(member) for member in members], **about}
        made: Json = self.call("POST", "/chats", json=wish)
        return made

    def topic(self, chat: Json | int, name: str) -> int:
        """Open a forum topic; returns its ``message_thread_id``."""
        thread_id: int = self.call("POST", f"/chats/{_id(chat)}/topics", json={"name": name})["message_thread_id"]
        return thread_id

    def remove_topic(self, chat: Json | int, thread_id: int) -> None:
        """Delete a topic with all that was said in it."""
        self.call("DELETE", f"/chats/{_id(chat)}/topics/{thread_id}")

    def migrate(self, chat: Json | int) -> Json:
        """Turn a group into a supergroup; returns the new Chat."""
        moved: Json = self.call("POST", f"/chats/{_id(chat)}/migrate")
        return moved

    def join(self, person: Json | int, chat: Json | int, *, status: str = "member") -> None:
        """Let a person join a chat, or become ``administrator`` there, or leave."""
        self.call("POST", f"/chats/{_id(chat)}/members", json={"from": _id(person), "status": status})

    def link(self, channel: Json | int, group: Json | int) -> None:
        """Make a supergroup the place where a channel's posts are discussed."""
        self.call("POST", f"/chats/{_id(channel)}/link", json={"discussion": _id(group)})

    def block(self, person: Json | int) -> None:
        self.call("POST", f"/people/{_id(person)}/block")

    def unblock(self, person: Json | int) -> None:
        self.call("POST", f"/people/{_id(person)}/unblock")

    # Messages

    def say(
        self,
        person: Json | int,
        text: str | None = None,
        *,
        chat: Json | int | None = None,
        photo: bytes | None = None,
        document: bytes | None = None,
        voice: bytes | None = None,
        sticker: bytes | None = None,
        video: bytes | None = None,
        file_name: str = "file",
        **fields: Any,
    ) -> Json:
        """Let a person write, to the bot unless a chat is given; with a file the text is its caption.

        Further fields are those of the contract: ``reply_to_message_id``, ``reply_to_chat``, ``quote``,
        ``message_thread_id``, ``as_chat`` and others.
        """
        path = f"/chats/{_id(person if chat is None else chat)}/messages"
        uploads = {"photo": photo, "document": document, "voice": voice, "sticker": sticker, "video": video}
        files = {kind: (file_name, content) for kind, content in uploads.items() if content is not None}
        fields = {name: value for name, value in fields.items() if value is not None}
        wish = {"from": _id(person), "caption" if files else "text": text, **fields}
        form = {name: str(value) for name, value in wish.items() if value is not None} | files
        message: Json = self.call("POST", path, fields=form) if files else self.call("POST", path, json=wish)
        return message

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the bot have what is said meanwhile in one go, however slowly it is said."""
        self.call("PATCH", "/bot", json={"updates_held": True})
        try:
            yield
        finally:
            self.call("PATCH", "/bot", json={"updates_held": False})

    def edit(self, message: Json, text: str) -> Json:
        edited: Json = self.call("PATCH", _path(message), json={"text": text})
        return edited

    def delete(self, message: Json) -> None:
        self.call("DELETE", _path(message))

    def press(self, person: Json | int, message: Json, button: str) -> str:
        """Press a button, named by its label or its callback data; returns the callback query's id."""
        data = _callback_data(message, button)
        query_id: str = self.call("POST", f"{_path(message)}/press", json={"from": _id(person), "data": data})["id"]
        return query_id

    def open_web_app(self, person: Json | int, message: Json, button: str) -> str:
        """Press the button of a Mini App, named by its label; returns the address that Telegram opens."""
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        url = next(one["web_app"]["url"] for row in rows for one in row if "web_app" in one and one["text"] == button)
        wish = {"from": _id(person), "url": url}
        opened: str = self.call("POST", f"{_path(message)}/web_app", json=wish)["url"]
        return opened

    def callback(self, query_id: str) -> Json:
        """What the bot answered: ``{"answered", "text"?, "show_alert"?, "url"?, "after_s"?}``."""
        answer: Json = self.call("GET", f"/callbacks/{query_id}")
        return answer

    def drafts(self, chat: Json | int) -> list[Json]:
        """What the bot is about to say in a chat: ``{"draft_id", "text", "can_stop", "entities"?, …}`` each."""
        found: list[Json] = self.call("GET", f"/chats/{_id(chat)}/drafts")
        return found

    def stop_draft(self, chat: Json | int, draft: Json) -> None:
        """Press the stop button on a draft."""
        self.call("POST", f"/chats/{_id(chat)}/drafts/{draft['draft_id']}/stop")

    def react(self, person: Json | int, message: Json, emoji: str | None) -> None:
        self.call("POST", f"{_path(message)}/react", json={"from": _id(person), "reaction": emoji})

    def pay(self, person: Json | int, message: Json) -> str:
        """Press Pay under an invoice; returns the pre-checkout query's id."""
        query_id: str = self.call("POST", f"{_path(message)}/pay", json={"from": _id(person)})["id"]
        return query_id

    def payment(self, query_id: str) -> Json:
        """``{"answered", "ok"?, "error_message"?, "telegram_payment_charge_id"?, "refunded"?}``."""
        payment: Json = self.call("GET", f"/payments/{query_id}")
        return payment

    def ask_inline(self, person: Json | int, query: str, *, offset: str = "") -> str:
        """Type ``@bot query``; returns the inline query's id."""
        wish = {"from": _id(person), "query": query, "offset": offset}
        query_id: str = self.call("POST", "/inline", json=wish)["id"]
        return query_id

    def inline_answer(self, query_id: str) -> Json:
        """``{"answered", "results"?, "cache_time"?, "is_personal"?, "next_offset"?, "button"?}``."""
        answer: Json = self.call("GET", f"/inline/{query_id}")
        return answer

    def choose_inline(self, query_id: str, result_id: str, *, chat: Json | int | None = None) -> Json:
        """Send one of the results, to the chat with the bot unless another is given; returns the Message."""
        wish = {"result_id": result_id, "chat": None if chat is None else _id(chat)}
        message: Json = self.call("POST", f"/inline/{query_id}/choose", json=wish)
        return message

    def messages(self, chat: Json | int, *, with_deleted: bool = False) -> list[Json]:
        """All messages of a chat, oldest first."""
        found: list[Json] = self.call("GET", f"/chats/{_id(chat)}/messages")
        return [message for message in found if with_deleted or not message.get("deleted")]

    def from_bot(self, chat: Json | int) -> list[Json]:
        """The messages of a chat that a bot sent and has not deleted."""
        messages = self.messages(chat)
        # A message in a chat's name has a bot as its sender in Telegram, too.
        return [one for one in messages if one.get("from", {}).get("is_bot") and "sender_chat" not in one]

    def photos(self, chat: Json | int) -> list[Json]:
        """The photos that a bot sent to a chat."""
        return [message for message in self.from_bot(chat) if "photo" in message]

    def commands(self, person: Json | int, chat: Json | int | None = None) -> list[Json]:
        """The command menu that a person sees, in the chat with the bot unless another is given."""
        query = {"user": _id(person), "chat": _id(person if chat is None else chat)}
        menu: list[Json] = self.call("GET", "/commands", query=query)
        return menu

    def file(self, file: Json | Sequence[Json] | str) -> bytes:
        """The bytes of a file: by id, by its object, or a photo's largest size."""
        if isinstance(file, Sequence) and not isinstance(file, str):
            file = file[-1]
        file_id = file if isinstance(file, str) else file["file_id"]
        return self._ask("GET", f"/photos/{file_id}").data

    # The switchboard, the journal, the clock

    def arm(self, service: str, **fault: Any) -> Json:
        """Arm a fault; a preset's arguments go as ``arguments={…}``, since ``with`` is a keyword."""
        if "arguments" in fault:
            fault["with"] = fault.pop("arguments")
        armed: Json = self.call("POST", "/faults", json={"service": service, **fault})
        return armed

    def faults(self) -> list[Json]:
        armed: list[Json] = self.call("GET", "/faults")
        return armed

    def clear_faults(self, fault_id: int | None = None) -> None:
        self.call("DELETE", "/faults" if fault_id is None else f"/faults/{fault_id}")

    def gate(self, name: str) -> Json:
        """``{"waiting": number of held requests, "open": bool}``."""
        gate: Json = self.call("GET", f"/faults/gates/{name}")
        return gate

    def open_gate(self, name: str) -> None:
        self.call("POST", f"/faults/gates/{name}/open")

    def wait_at_gate(self, name: str, *, count: int = 1, timeout_s: float = PATIENCE_S) -> None:
        """Wait until so many requests are held at a gate."""
        self.wait_for(lambda: self.gate(name)["waiting"] >= count, timeout_s=timeout_s, what=f"gate {name}")

    def journal(self, service: str | None = None, path: str | None = None, after: int = 0) -> list[Json]:
        """The requests that the services received, oldest first."""
        query = {"service": service, "path": path, "after": after}
        entries: list[Json] = self.call("GET", "/journal", query=query)
        return entries

    def clear_journal(self) -> None:
        self.call("DELETE", "/journal")

    def violations(self) -> list[Json]:
        """What the bots' calls had wrong by the Bot API's description."""
        found: list[Json] = self.call("GET", "/violations")
        return found

    def advance_clock(self, seconds: float) -> None:
        """Move Telegram's clock forward."""
        self.call("POST", "/clock", json={"advance_s": seconds})

    def stop_clock(self) -> None:
        """Let Telegram's clock stand still, until it is moved forward."""
        self.call("POST", "/clock", json={"stop": True})

    def set_limits(self, **limits: str) -> Json:
        """``flood`` and ``repeated_polls``, each ``off`` or ``strict``."""
        set_to: Json = self.call("PUT", "/limits", json=limits)
        return set_to

    def reset(self) -> None:
        """Begin with a new and empty sandbox; those who wait in the old one are let go."""
        self.call("POST", "/reset")

    # Waiting

    def wait_for(
        self,
        look: Callable[[], T | None],
        *,
        chat: Json | int | None = None,
        timeout_s: float = PATIENCE_S,
        what: str = "what was awaited",
    ) -> T:
        """Look again after everything that happens in the sandbox, until there is something to see.

        With ``chat`` only what happens there counts: cheaper, when many wait.

        Raises:
            TimeoutError: ``timeout_s`` have passed, and ``look`` still returns nothing, or something empty.
        """
        end = time.monotonic() + timeout_s
        query = {} if chat is None else {"chat": _id(chat)}
        count = self._changes(query, after=-1, timeout_s=0)
        while True:
            seen = look()
            if seen:
                return seen
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"{what} did not happen within {timeout_s} s")
            count = self._changes(query, after=count, timeout_s=min(left_s, LONGEST_WAIT_S))

    def wait_for_message(
        self,
        chat: Json | int,
        matches: Callable[[Json], Any] = lambda _: True,
        *,
        timeout_s: float = PATIENCE_S,
    ) -> Json:
        """Wait until a bot's message in a chat matches; returns the newest such message."""

        def look() -> Json | None:
            found = [message for message in self.from_bot(chat) if matches(message)]
            return found[-1] if found else None

        return self.wait_for(look, chat=chat, timeout_s=timeout_s, what="the message")

    def wait_for_photo(self, chat: Json | int, *, count: int = 1, timeout_s: float = PATIENCE_S) -> list[Json]:
        """Wait until a chat holds so many photos of a bot; returns them."""

        def look() -> list[Json] | None:
            found = self.photos(chat)
            return found if len(found) >= count else None

        return self.wait_for(look, chat=chat, timeout_s=timeout_s, what=f"photo {count}")

    def _ask(self, verb: str, path: str, **content: Any) -> urllib3.BaseHTTPResponse:
        try:
            answer = self._pool.request(verb, self.url + path, **content)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{verb} {path}: {error}") from error
        if answer.status >= 400:
            raise SandboxError(answer.status, answer.data.decode(errors="replace"))
        return answer

    def _changes(self, query: Json, *, after: int, timeout_s: float) -> int:
        query = {**query, "after": after, "timeout_s": timeout_s}
        count: int = self.call("GET", "/changes", query=query)["count"]
        return count


def _id(thing: Json | int) -> int:
    return int(thing["id"]) if isinstance(thing, dict) else thing


def _path(message: Json) -> str:
    return f"/chats/{message['chat']['id']}/messages/{message['message_id']}"


def _callback_data(message: Json, button: str) -> str:
    """The data of the button with this label; anything else is data already."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    for one in (one for row in rows for one in row):
        if one["text"] == button and "callback_data" in one:
            return str(one["callback_data"])
    return button
