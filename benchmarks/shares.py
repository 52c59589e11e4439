"""Which library takes how much of a picture's CPU: pictures one after the other, sampled from outside.

    pip install py-spy
    .venv/bin/python -m benchmarks.shares embedded      # or distributed; a minute

A sample counts for the library of its innermost frame that is none of Python's own: what asyncio, threads and JSON do
for a library counts as that library's. Only threads that hold the interpreter's lock are sampled, so that waiting does
not count; what C code does without the lock (databases' own work, decoding of pictures) is not seen.
"""

import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.installation import options
from benchmarks.performance import SIZES, ask_alone, started, upstream

PICTURES, WARM_UP = 100, 10
SAMPLES_A_SECOND = 500
HOPS = {"_run_once", "to_thread", "_worker"}  # of Python's own: what is called in them is no library's
PARTS = {
    "SQLAlchemy": ("sqlalchemy",),
    "psycopg": ("psycopg", "psycopg_binary"),
    "python-telegram-bot": ("telegram",),
    "aiohttp": ("aiohttp", "yarl", "multidict", "propcache", "aiohappyeyeballs"),
    "google-genai, its HTTP and pydantic": (
        "google",
        "pydantic",
        "httpx2",
        "httpcore2",
        "tenacity",
        "h11",
        "anyio",
    ),
    "requests, urllib3": ("requests", "urllib3"),
    "Celery, kombu, redis": ("celery", "kombu", "redis", "billiard", "vine", "amqp"),
}


def main() -> None:
    """Ask for pictures while they are sampled, and print a table in Markdown."""
    parser = options(__doc__, database="g2d_shares", port=8193)
    parser.add_argument("size", choices=SIZES[1:])
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder, started(wanted, wanted.size) as (subject, _), ExitStack() as stack:
        upstream(subject, 0.0)
        ask_alone(subject, WARM_UP)
        files = [Path(folder) / str(one.pid) for one in subject.ours]
        samplers = [stack.enter_context(_sampled(one.pid, file)) for one, file in zip(subject.ours, files, strict=True)]
        time.sleep(2)  # Attaching takes a moment.
        ask_alone(subject, PICTURES)
        for sampler in samplers:
            sampler.send_signal(signal.SIGINT)
            sampler.wait()
        shares = sum((shares_of(file.read_text(encoding="utf-8")) for file in files), Counter[str]())
    print(f"| part | {wanted.size} |\n|---|---|")
    for part, count in shares.most_common():
        print(f"| {part} | {100 * count / shares.total():.0f} % |")


def _sampled(pid: int, file: Path) -> subprocess.Popen[bytes]:
    command = ["py-spy", "record", "--gil", "--nonblocking", "--full-filenames", "--format", "raw"]
    command += ["--rate", str(SAMPLES_A_SECOND), "--duration", "600", "--output", str(file), "--pid", str(pid)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shares_of(samples: str) -> Counter[str]:
    """Samples by part; each line of ``samples`` holds frames, outermost first, and how often they were seen."""
    shares = Counter[str]()
    for line in samples.splitlines():
        frames, _, count = line.rpartition(" ")
        shares[_part_of(frames.split(";"))] += int(count)
    return shares


def _part_of(frames: list[str]) -> str:
    for frame in reversed(frames):
        function, _, file = frame.rpartition(" (")
        if function.rpartition(".")[2] in HOPS:
            break
        _, installed, library = file.partition("site-packages/")
        if installed:
            name = library.partition("/")[0]
            return next((part for part, names in PARTS.items() if name in names), "other libraries")
        for package in ("services", "shared"):
            if f"/{package}/" in file:
                return f"our own: {package}"
    return "Python's threads and event loop"


if __name__ == "__main__":
    main()
