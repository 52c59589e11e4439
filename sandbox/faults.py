"""The fault switchboard: which request is hit by what. ``traffic`` carries the faults out."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import gemini, huggingface, telegram
from sandbox.bodies import Body, UnreadableBody
from sandbox.journal import Changes

SERVICES = ("telegram", "gemini", "router", "endpoint", "hub", "files")
Preset = Callable[..., dict[str, Any]]


class BadFault(Exception):
    """A fault was described in a way that can't be meant; the text says what is wrong."""


def presets_of(service: str) -> Mapping[str, Preset]:
    """The named faults of a service."""
    if service == "telegram":
        return telegram.PRESETS
    if service == "gemini":
        return gemini.PRESETS
    return huggingface.PRESETS


@dataclass(slots=True)
class Fault:
    """An armed fault; the fields are those of the contract in ``docs/sandbox.md``."""

    service: str
    path: str | None = None
    body: str | None = None
    larger_than: int | None = None
    skip: int = 0
    times: int | None = 1
    for_s: float | None = None
    delay_s: float = 0
    gate: str | None = None
    gate_at: int = 0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reply: Any = None
    reply_base64: str | None = None
    drop: str | None = None
    truncate: int | None = None
    no_length: bool = False
    chunked: bool = False
    drip_s: float | None = None
    drip_bytes: int = 1
    preset: str | None = None
    id: int = 0
    hits: int = 0
    first_hit_at: float | None = None

    def describe(self) -> dict[str, Any]:
        """The fault as JSON; what was not given is left out."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        always = ("id", "service", "times", "skip", "hits")
        shown.pop("first_hit_at")
        return {name: value for name, value in shown.items() if name in always or value not in (None, {}, False)}

    @property
    def is_used_up(self) -> bool:
        """Whether it hits no more: often enough, or for long enough."""
        if self.for_s is not None and self.first_hit_at is not None:
            return time.monotonic() - self.first_hit_at > self.for_s
        return self.times is not None and self.hits >= self.times

    @property
    def replaces_the_answer(self) -> bool:
        """Whether the service itself is not asked at all."""
        return self.status is not None or self.reply is not None or self.reply_base64 is not None

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body to send in the service's place."""
        content, media_type = self._content()
        headers = {"content-type": media_type} if content else {}
        headers |= {name.lower(): str(value) for name, value in self.headers.items()}
        headers.setdefault("content-length", str(len(content)))
        return self.status or 200, headers, content

    def _content(self) -> tuple[bytes, str]:
        if self.reply_base64 is not None:
            return base64.b64decode(self.reply_base64), "application/octet-stream"
        if self.reply is None:
            return b"", ""
        if isinstance(self.reply, str):
            kind = "text/html" if self.reply.lstrip().startswith("<") else "text/plain"
            return self.reply.encode(), f"{kind}; charset=utf-8"
        return json.dumps(self.reply).encode(), "application/json"


def read_fault(wish: Any) -> Fault:
    """Turn the body of ``POST /faults`` into a fault.

    Raises:
        BadFault: An unknown field, service or preset, or a value that doesn't fit.
    """
    if not isinstance(wish, dict):
        raise BadFault("a fault is a JSON object")
    fields = dict(wish)
    service = fields.get("service")
    if service not in SERVICES:
        raise BadFault(f"service is one of {', '.join(SERVICES)}")
    arguments = fields.pop("with", {})
    if "preset" in fields:
        fields = _run_preset(service, fields["preset"], arguments) | fields
    unknown = fields.keys() - set(Fault.__slots__) | fields.keys() & {"id", "hits", "first_hit_at"}
    if unknown:
        raise BadFault(f"unknown fields: {', '.join(sorted(unknown))}")
    fault = Fault(**fields)
    _check(fault)
    return fault


def _run_preset(service: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    presets = presets_of(service)
    if name not in presets:
        raise BadFault(f"{service} has no preset {name!r}; it has {', '.join(sorted(presets))}")
    try:
        return presets[name](**arguments)
    except TypeError as error:
        raise BadFault(f"preset {name}: {error}") from error


def _check(fault: Fault) -> None:
    for name in (
        "status",
        "larger_than",
        "skip",
        "times",
        "for_s",
        "delay_s",
        "gate_at",
        "truncate",
        "drip_s",
        "drip_bytes",
    ):
        value = getattr(fault, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadFault(f"{name} is a number")
    if fault.drop not in (None, "before", "after"):
        raise BadFault("drop is 'before' or 'after'")
    if fault.times is not None and fault.times < 1:
        raise BadFault("times is at least 1, or null for every request")
    if fault.drip_bytes < 1:
        raise BadFault("drip_bytes is at least 1")
    try:
        re.compile(fault.path or "")
        base64.b64decode(fault.reply_base64 or "", validate=True)
    except (re.error, ValueError) as error:
        raise BadFault(str(error)) from error


class Gate:
    """Holds requests until it is opened, once and for all."""

    def __init__(self, changes: Changes) -> None:
        self.waiting = 0
        self._changes = changes
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        self._opened.set()

    async def pass_through(self) -> None:
        """Wait here until somebody opens."""
        self.waiting += 1
        self._changes.note()
        try:
            await self._opened.wait()
        finally:
            self.waiting -= 1


class Switchboard:
    """The armed faults, in the order of their arming, and the gates."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.faults: list[Fault] = []
        self._gates: dict[str, Gate] = {}
        self._ids = itertools.count(1)

    def arm(self, fault: Fault) -> Fault:
        """Put a fault in its place; it gets its id."""
        fault.id = next(self._ids)
        self.faults.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Disarm one fault or all; all means that the gates are opened and forgotten, too."""
        if fault_id is not None:
            self.faults = [fault for fault in self.faults if fault.id != fault_id]
            return
        self.faults.clear()
        for gate in self._gates.values():
            gate.open()
        self._gates.clear()

    def gate(self, name: str) -> Gate:
        """The gate of that name; a new one is shut."""
        return self._gates.setdefault(name, Gate(self._changes))

    def hit(self, service: str, path: str, body: Body | UnreadableBody, size: int = 0) -> Fault | None:
        """Choose the fault that this request suffers, and count it; ``size``: of its body, in bytes."""
        text: str | None = None
        for fault in self.faults:
            if fault.service != service or fault.is_used_up:
                continue
            if fault.path and not re.search(fault.path, path):
                continue
            if fault.larger_than is not None and size <= fault.larger_than:
                continue
            if fault.body:
                text = _as_text(body) if text is None else text
                if fault.body not in text:
                    continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            fault.first_hit_at = fault.first_hit_at or time.monotonic()
            return fault
        return None


def _as_text(body: Body | UnreadableBody) -> str:
    """A body to search in: compact JSON without escapes, a form's decoded values line by line."""
    if isinstance(body, UnreadableBody) or body.values is None:
        return ""
    if body.is_form:
        return "\n".join(f"{name}={value}" for name, value in body.values.items())
    return json.dumps(body.values, ensure_ascii=False, separators=(",", ":"))


def routes(switchboard: Switchboard) -> list[Route]:
    """``/faults`` and its gates."""

    async def arm(request: Request) -> Response:
        try:
            fault = read_fault(await request.json())
        except (BadFault, json.JSONDecodeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(switchboard.arm(fault).describe(), status_code=201)

    async def show(_: Request) -> Response:
        return JSONResponse([fault.describe() for fault in switchboard.faults])

    async def clear(_: Request) -> Response:
        switchboard.clear()
        return JSONResponse({})

    async def clear_one(request: Request) -> Response:
        switchboard.clear(request.path_params["fault_id"])
        return JSONResponse({})

    async def show_gate(request: Request) -> Response:
        gate = switchboard.gate(request.path_params["name"])
        return JSONResponse({"waiting": gate.waiting, "open": gate.is_open})

    async def open_gate(request: Request) -> Response:
        switchboard.gate(request.path_params["name"]).open()
        return JSONResponse({})

    async def show_presets(_: Request) -> Response:
        return JSONResponse({service: sorted(presets_of(service)) for service in SERVICES})

    return [
        Route("/faults", arm, methods=["POST"]),
        Route("/faults", show, methods=["GET"]),
        Route("/faults", clear, methods=["DELETE"]),
        Route("/faults/presets", show_presets, methods=["GET"]),
        Route("/faults/{fault_id:int}", clear_one, methods=["DELETE"]),
        Route("/faults/gates/{name}", show_gate, methods=["GET"]),
        Route("/faults/gates/{name}/open", open_gate, methods=["POST"]),
    ]
