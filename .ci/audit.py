"""Fails where the index says of a locked version that it was yanked, or that it has a known vulnerability.

    python .ci/audit.py requirements-dev.lock requirements-build.lock

It asks the index that pip is set up with, for the files of each package (PEP 691 and PEP 592) and for what is known
of the locked version (``/pypi/NAME/VERSION/json``, the source of pip-audit's answers as well). An index may serve one,
both or neither: what it did not tell is said at the end, and is no failure.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

TIMEOUT_S = 20
AT_ONCE = 8
# Vulnerabilities that don't concern us, each with the reason: {"PYSEC-2026-1": "only on Windows"}.
ACCEPTED: dict[str, str] = {}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """A package at the version that a lock file names."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def pins(lock: str) -> Iterator[Pin]:
    """What a lock file names."""
    yield from (Pin(canonicalize_name(name), version) for name, version in _PIN.findall(lock))


def yanked(pin: Pin, page: Any) -> str | None:
    """Why a version was yanked, as its page in the index tells; None where it wasn't, or where nothing is told.

    A version is yanked when all of its files are.
    """
    ours = [one for one in page.get("files", ()) if _is_of(one.get("filename", ""), pin)]
    reasons = [one.get("yanked", False) for one in ours]
    if not reasons or not all(reasons):
        return None
    return next((one for one in reasons if isinstance(one, str) and one), "no reason given")


def _is_of(filename: str, pin: Pin) -> bool:
    parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    try:
        name, version = parse(filename)[:2]
        return name == pin.name and version == Version(pin.version)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return False  # an egg, or a name from before the rules


def vulnerabilities(about: Any) -> list[str]:
    """What is known of a version, withdrawn and accepted ones left out."""
    return [
        f"{one['id']}: {(one.get('summary') or one.get('details') or '').strip()[:120]} "
        f"(fixed in {', '.join(one.get('fixed_in') or ['none yet'])})"
        for one in about.get("vulnerabilities", ())
        if not one.get("withdrawn") and one.get("id") not in ACCEPTED
    ]


class Index:
    """The index that pip is set up with."""

    def __init__(self, url: str, certificates: str | None) -> None:
        self._simple = url.rstrip("/")
        self._json = self._simple.removesuffix("/simple") + "/pypi"
        self._certificates = certificates or True

    @classmethod
    def of_pip(cls) -> "Index":
        """Ask pip which one."""
        configured = dict(_pip_settings())
        url = configured.get("index-url")
        if url is None:
            # pip's own default, which no command prints.
            from pip._internal.models.index import PyPI

            url = PyPI.simple_url
        return cls(url, configured.get("cert"))

    def page(self, pin: Pin) -> Any:
        """The files of a package; None where the index does not tell."""
        return self._get(f"{self._simple}/{pin.name}/")

    def about(self, pin: Pin) -> Any:
        """What is known of a version; None where the index does not tell."""
        return self._get(f"{self._json}/{pin.name}/{pin.version}/json")

    def _get(self, url: str) -> Any:
        accept = "application/vnd.pypi.simple.v1+json, application/json;q=0.9"
        for _ in range(2):
            try:
                answer = requests.get(url, headers={"Accept": accept}, timeout=TIMEOUT_S, verify=self._certificates)
            except requests.RequestException:
                continue
            if answer.status_code >= 500:
                continue
            try:
                return answer.json() if answer.ok else None
            except ValueError:
                return None  # HTML: an index without the JSON of PEP 691.
        return None


def _pip_settings() -> Iterator[tuple[str, str]]:
    """The settings of pip's, by name without their section."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        yield name.rpartition(".")[2], value.strip("'\"")


def main(locks: Iterable[str]) -> int:
    """Audit lock files; returns the exit status."""
    index = Index.of_pip()
    wanted = sorted({pin for lock in locks for pin in pins(Path(lock).read_text(encoding="utf-8"))}, key=str)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pages = list(pool.map(index.page, wanted))
        known = list(pool.map(index.about, wanted))
    found = 0
    for pin, page, about in zip(wanted, pages, known, strict=True):
        if page is not None and (reason := yanked(pin, page)):
            found += 1
            print(f"YANKED      {pin}: {reason}")
        for line in vulnerabilities(about) if about is not None else ():
            found += 1
            print(f"VULNERABLE  {pin}: {line}")
    silent = sum(page is None for page in pages), sum(about is None for about in known)
    print(f"{len(wanted)} locked versions audited, {found} findings.")
    for missing, what in zip(silent, ("whether they were yanked", "about vulnerabilities"), strict=True):
        if missing:
            print(f"NOTE: of {missing} of them this index tells nothing {what}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
