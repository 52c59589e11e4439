"""What a check of an installation finds, and how it is told. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum

from shared.redaction import redact

LONGEST = 300  # characters of what a service says


class Verdict(Enum):
    """How a thing stands."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"


SIGNS = {Verdict.GOOD: "✔", Verdict.BAD: "✘", Verdict.SKIPPED: "–"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        check: What was looked at.
        says: What was found.
        cure: What to do about it, where it is bad.
    """

    check: str
    verdict: Verdict
    says: str
    cure: str = ""

    @property
    def line(self) -> str:
        """As people read it, on one line and without secrets."""
        told = f"{self.says}: {self.cure}" if self.cure else self.says
        return f"{SIGNS[self.verdict]} {self.check}: {plain(told)}"


def good(check: str, says: str) -> Finding:
    """Something that is as it should be."""
    return Finding(check, Verdict.GOOD, says)


def bad(check: str, says: str, cure: str = "") -> Finding:
    """Something that somebody has to mend."""
    return Finding(check, Verdict.BAD, says, cure)


def skipped(check: str, why: str) -> Finding:
    """Something that could not be looked at, or need not be."""
    return Finding(check, Verdict.SKIPPED, why)


def plain(text: str) -> str:
    """A text on one line, without secrets and without signs that a terminal obeys."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in redact(text)).split())


def as_json(findings: Sequence[Finding]) -> str:
    """The report for programs."""
    shown = [
        {name: plain(text) for name, text in asdict(one).items() if name != "verdict"} | {"verdict": one.verdict.value}
        for one in findings
    ]
    return json.dumps(shown, ensure_ascii=False, indent=2)


def status(findings: Sequence[Finding]) -> int:
    """The exit status: 1 where anything is bad."""
    return 1 if any(one.verdict is Verdict.BAD for one in findings) else 0
