"""Runs checks side by side, each within its time; whatever happens in one of them is a line of the report."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from services.doctor.findings import Finding, bad
from shared.settings import SettingsError

Check = Callable[[], Sequence[Finding]]

LONGEST_S = 10.0


def run(checks: Mapping[str, Check], *, timeout_s: float = LONGEST_S) -> list[Finding]:
    """Run all checks at once; returns what they found in the order in which they were given."""
    found: dict[str, Sequence[Finding]] = {}
    threads = [threading.Thread(target=_run, args=(name, check, found), daemon=True) for name, check in checks.items()]
    end = time.monotonic() + timeout_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))
    done = dict(found)  # What comes later is too late.
    late = f"no result within {timeout_s:.0f} s"
    return [one for name in checks for one in done.get(name, [bad(name, late, "see whether what it asks hangs")])]


def _run(name: str, check: Check, found: dict[str, Sequence[Finding]]) -> None:
    try:
        found[name] = check()
    except SettingsError as error:
        found[name] = [bad(name, str(error))]
    except Exception as error:  # noqa: BLE001 - Top-level handler: a bug in one check must not hide what the others find.
        found[name] = [_failed(name, error)]


def _failed(name: str, error: Exception) -> Finding:
    if isinstance(error, OSError) and error.strerror:  # Of this machine; libraries' own errors of networks have none.
        return bad(name, ": ".join(str(one) for one in (error.filename, error.strerror) if one))
    return bad(name, f"this check has a bug ({type(error).__name__})", "please report it")
