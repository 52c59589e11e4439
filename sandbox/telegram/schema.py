"""Compares calls with the Bot API's own description: unknown parameters, missing ones, wrong types."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from sandbox.bodies import Upload

Problem = tuple[str, str]  # where (a parameter, or a path into one), and why


@cache
def bot_api() -> dict[str, Any]:
    """``{"methods": {name: {"required", "fields", "returns"}}, "types": {name: {"required", "fields"}}}``."""
    text = files("sandbox.telegram").joinpath("bot-api.json").read_text(encoding="utf-8")
    described: dict[str, Any] = json.loads(text)
    return described


@cache
def method_names() -> dict[str, str]:
    """The methods' proper names by their lower-case ones."""
    return {name.lower(): name for name in bot_api()["methods"]}


def check_call(method: str, values: dict[str, Any], uploads: dict[str, Upload], *, is_json: bool) -> list[Problem]:
    """List what is wrong with a call; ``is_json`` tells whether values came typed or as form strings."""
    shape = bot_api()["methods"][method]
    problems = [
        (name, "required, but missing") for name in shape["required"] if name not in values and name not in uploads
    ]
    for name, value in values.items():
        types = shape["fields"].get(name)
        if types is None:
            problems.append((name, "unknown parameter"))
        elif is_json:
            problems += _check_json(value, types, name)
        else:
            problems += _check_form(value, types, name)
    return problems + _check_uploads(values, uploads, shape["fields"])


def _check_uploads(values: dict[str, Any], uploads: dict[str, Upload], fields: dict[str, Any]) -> list[Problem]:
    text = "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values.values())
    return [
        (name, "a file that no parameter refers to")
        for name in uploads
        if "InputFile" not in fields.get(name, ()) and f"attach://{name}" not in text
    ]


def _check_form(value: str, types: list[str], where: str) -> list[Problem]:
    if any(_form_fits(value, kind) for kind in types):
        return []
    structures = [kind for kind in types if kind not in _FORM_PATTERNS and kind not in ("String", "InputFile")]
    if not structures:
        return [(where, f"{value[:50]!r} is not {' or '.join(types)}")]
    try:
        decoded = json.loads(value)
    except ValueError:
        return [(where, f"is not JSON of {' or '.join(structures)}")]
    return _check_json(decoded, structures, where)


_FORM_PATTERNS = {
    "Integer": re.compile(r"-?\d+"),
    "Float": re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "Boolean": re.compile(r"true|false", re.IGNORECASE),
    "True": re.compile(r"true", re.IGNORECASE),
}


def _form_fits(value: str, kind: str) -> bool:
    if kind in ("String", "InputFile"):
        return True
    pattern = _FORM_PATTERNS.get(kind)
    return pattern is not None and pattern.fullmatch(value) is not None


def _check_json(value: Any, types: list[str], where: str) -> list[Problem]:
    """The problems by the type that comes closest."""
    attempts = [_check_type(value, kind, where) for kind in types]
    return min(attempts, key=len) if attempts else []


def _check_type(value: Any, kind: str, where: str) -> list[Problem]:
    if kind.startswith("Array of "):
        if not isinstance(value, list):
            return [(where, f"is not {kind}")]
        inner = kind.removeprefix("Array of ")
        return [
            problem for index, item in enumerate(value) for problem in _check_type(item, inner, f"{where}[{index}]")
        ]
    if kind in _JSON_TYPES:
        wanted, unwanted = _JSON_TYPES[kind]
        fits = isinstance(value, wanted) and not (unwanted and isinstance(value, unwanted))
        return [] if fits else [(where, f"{str(value)[:50]!r} is not {kind}")]
    return _check_object(value, kind, where)


_JSON_TYPES: dict[str, tuple[tuple[type, ...], type | None]] = {
    "Integer": ((int,), bool),
    "Float": ((int, float), bool),
    "String": ((str,), None),
    "Boolean": ((bool,), None),
    "True": ((bool,), None),
    "InputFile": ((str,), None),
}


def _check_object(value: Any, kind: str, where: str) -> list[Problem]:
    shape = bot_api()["types"].get(kind, {})
    if "subtypes" in shape:
        return _check_json(value, shape["subtypes"], where)
    if not isinstance(value, dict):
        return [(where, f"is not {kind}")]
    fields = shape.get("fields", {})
    problems = [(f"{where}.{name}", "required, but missing") for name in shape.get("required", ()) if name not in value]
    for name, item in value.items():
        if name in fields:
            problems += _check_json(item, fields[name], f"{where}.{name}")
        else:
            problems.append((f"{where}.{name}", f"unknown in {kind}"))
    return problems
