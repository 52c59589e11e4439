"""The first ``g2d run`` on a terminal: asks for the keys, tries each at once, and writes them into ``.env``."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from services.importing import importing
from shared.catalogue import USUAL_OF_GOOGLE
from shared.settings import (
    DOT_ENV,
    OWN,
    BotSettings,
    Complaint,
    Settings,
    WorkerSettings,
    load_what_can_be_read,
    read_with,
)

EXAMPLE = ".env.example"
TELEGRAM, GOOGLE, HUGGINGFACE = "TELEGRAM_BOT_TOKEN", "GOOGLE_API_KEY", "HF_TOKEN"
WITHOUT = f"Press Enter without one, and Gemini creates the pictures ({USUAL_OF_GOOGLE}, about $0.07 each)."
NOT_ASKED_YET = "not-asked-for-yet"  # in the place of another key of the same service; it is sent to nobody
PLAIN = re.compile(r"[A-Za-z0-9:._+/=-]+")  # needs no quotes in .env
GREETING = (
    "The keys are not set yet. Each is tried as soon as you have pasted it (it is not shown), and all are written into "
    "{file}, which only you can read. Ctrl-C ends this, and nothing is written."
)
WRITTEN = (
    "\n{file} is written; docs/settings.md tells what else it may hold. The bot starts now. Its log has a link: the "
    "first who opens it within ten minutes owns the bot. Ctrl-C stops.\n"
)


@dataclass(frozen=True, slots=True)
class Question:
    """A key that is asked for.

    Attributes:
        kind: The settings it belongs to.
        check: Asks its service about it; returns the lines to show, and whether it is good.
    """

    name: str
    kind: type[Settings]
    check: Callable[[Any], tuple[Sequence[str], bool]]


def offer() -> None:
    """Ask for the keys where a person is there to be asked, and keys are all that is missing."""
    file = Path(DOT_ENV)
    names = missing() if sys.stdin.isatty() and sys.stderr.isatty() else []
    if names and not file.exists() and typer.confirm("Some keys are not set. Set them now?", default=True, err=True):
        with importing():
            questions = questions_for(names)
        typer.echo(GREETING.format(file=file.resolve()), err=True)
        write(file, answers(questions))
        typer.echo(WRITTEN.format(file=file), err=True)


def missing() -> list[str]:
    """The names of the keys that are missing; none where something else is wrong, too."""
    complaints: dict[str, Complaint] = {}
    for kind in (BotSettings, WorkerSettings):
        complaints |= load_what_can_be_read(kind)[1]
    return list(complaints) if all(one.is_missing for one in complaints.values()) else []


def questions_for(names: Sequence[str]) -> list[Question]:
    """How each of these keys is tried."""
    from services.doctor.calls import as_bot, as_painter, as_prompt_writer
    from services.doctor.findings import Finding, Verdict
    from services.doctor.services import check_gemini, check_huggingface, check_telegram

    def told(findings: Sequence[Finding]) -> tuple[Sequence[str], bool]:
        return [one.line for one in findings], all(one.verdict is not Verdict.BAD for one in findings)

    questions = [
        Question(TELEGRAM, BotSettings, lambda settings: told(check_telegram(settings, as_bot))),
        Question(GOOGLE, WorkerSettings, lambda settings: told(check_gemini(settings, as_prompt_writer))),
        Question(HUGGINGFACE, WorkerSettings, lambda settings: told(check_huggingface(settings, as_painter))),
    ]
    return [one for one in questions if one.name in names]


def answers(questions: Sequence[Question]) -> dict[str, str]:
    """Ask for all keys; where people are to bring their own Google keys, somebody has to bring the token as well."""
    given: dict[str, str] = {}
    for question in questions:
        given[question.name] = ask(
            question, is_optional=question.name == HUGGINGFACE and given.get(GOOGLE) not in {None, OWN}
        )
    return given


def ask(question: Question, *, is_optional: bool) -> str:
    """Ask for a key until it is good, or is to be used all the same; empty where it is left out."""
    about = next(one for one in question.kind.model_fields.values() if one.validation_alias == question.name)
    typer.echo(f"\n{question.name} {about.description}.", err=True)
    if is_optional:
        typer.echo(WITHOUT, err=True)
    others = {GOOGLE: NOT_ASKED_YET, HUGGINGFACE: NOT_ASKED_YET} if question.kind is WorkerSettings else {}
    while True:
        default = "" if is_optional else None
        value = str(typer.prompt(question.name, default, hide_input=True, show_default=False, err=True)).strip()
        if is_optional and not value:
            return ""
        settings, wrong = read_with(question.kind, others | {question.name: value})
        if settings is None:
            typer.echo("".join(f"✘ {name} {one.text}\n" for name, one in wrong.items()), err=True, nl=False)
            continue
        lines, is_good = question.check(settings)
        typer.echo("\n".join(lines), err=True)
        if is_good or typer.confirm("Use it all the same?", default=False, err=True):
            return value


def write(file: Path, values: Mapping[str, str]) -> None:
    """Write ``.env`` from the example beside it, if there is one; only its owner may read it."""
    example = file.with_name(EXAMPLE)
    text = example.read_text(encoding="utf-8") if example.exists() else ""
    for name, value in ((name, value) for name, value in values.items() if value):
        line = f"{name}={value if PLAIN.fullmatch(value) else _quoted(value)}"
        before, found, after = _around(name, text)
        text = f"{before}{line}{after}" if found else f"{text}{line}\n"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)


def _around(name: str, text: str) -> tuple[str, bool, str]:
    """What stands before and after the line that sets a name, and whether there is one."""
    found = re.search(rf"^{name}=.*$", text, re.MULTILINE)
    return (text[: found.start()], True, text[found.end() :]) if found else (text, False, "")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
