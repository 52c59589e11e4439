"""What a function may do to the child process that runs it."""

import os
import sys
import time
from pathlib import Path
from typing import Any


class Forged:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/taken-over",)


def echo(value: object) -> object:
    return value


def process_id() -> int:
    return os.getpid()


def spin() -> None:
    while True:
        pass


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"


def hog(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def many_bytes(count: int) -> bytes:
    return bytes(count)


def crash() -> None:
    os.abort()


def leave() -> None:
    os._exit(0)


def fail(words: str) -> None:
    raise ValueError(words)


def environment() -> dict[str, str]:
    return dict(os.environ)


def babble() -> str:
    print("noise" * 1000)
    os.write(1, b"noise" * 1000)
    sys.stderr.write("noise")
    return "answer"


def write_into(path: str) -> None:
    Path(path).write_bytes(b"x" * 100)


def forge() -> Any:
    return Forged()
