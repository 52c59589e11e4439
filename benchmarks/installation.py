"""An installation under measurement: real processes against a sandbox, and nothing of the machine's own settings."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

BIN = Path(sys.executable).parent
MODEL = "stabilityai/stable-diffusion-3-medium-diffusers"  # served synchronously, by hf-inference
TOKEN = "4242:" + "b" * 35


def environment(url: str, folder: str) -> dict[str, str]:
    """The settings of an embedded installation that knows the sandbox at ``url`` alone."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": f"{url}/telegram",
        "GOOGLE_API_KEY": "a-key-for-the-benchmark",
        "GOOGLE_GEMINI_BASE_URL": f"{url}/gemini",
        "HF_TOKEN": "hf_" + "b" * 34,
        "HF_ROUTER_URL": f"{url}/router",
        "HF_ENDPOINT": f"{url}/hub",
        "HF_IMAGE_HOSTS": url,
        "G2D_IMAGE_MODEL": MODEL,
        "G2D_DATA_DIR": folder,
        "G2D_SECRET_KEY": "benchmark" * 4 + "benchma=",
        "G2D_LOG_LEVEL": "WARNING",
    }


@contextmanager
def process(
    *arguments: str,
    environment: dict[str, str] | None = None,
    log: IO[bytes] | None = None,
    watched: Path | None = None,
) -> Iterator[subprocess.Popen]:
    """Run ``g2d`` with these arguments; it is killed in the end.

    Args:
        watched: Where to write what its busy slots are at, look by look.
    """
    command = [BIN / "g2d"] if watched is None else [sys.executable, "-m", "benchmarks.busy_slots", str(watched)]
    started = subprocess.Popen([*command, *arguments], env=environment, stderr=log)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def fresh(postgres: str, redis_url: str) -> None:
    """Make both databases anew, and empty."""
    import psycopg
    import redis

    server, _, name = postgres.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    with redis.Redis.from_url(redis_url) as server_:
        server_.flushdb()


def until(ready, seconds: float = 60) -> None:
    """Ask again until a server that has just been started answers with yes."""
    import requests

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            if ready():
                return
        time.sleep(0.1)
    raise TimeoutError(f"no server within {seconds} s")
