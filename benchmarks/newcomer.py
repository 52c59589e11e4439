"""What a single picture takes beside another person's batch of a thousand, and on an idle system.

    .venv/bin/python -m benchmarks.newcomer                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.newcomer --distributed  # g2d bot, one g2d worker, Postgres, Redis

Eight slots; in the sandbox Gemini takes 2 s and HuggingFace 3 s. Ada's batch keeps every slot busy that batches may
have, and albums of ten go out, while Bob asks for one picture after the other. Times are from his message to his photo
in the chat; a ratio is such a time by the median of those on the idle system. Exits with 1 where one is above 1.3.
"""

import statistics
import sys
import time

from benchmarks.installation import installed, options
from sandbox.client import SandboxClient

GEMINI_S, PAINTER_S = 2.0, 3.0
MOST = 1.3  # times as long as on an idle system
PATIENCE_S = 120.0


def main() -> None:
    """Measure, and print a table."""
    arguments = options(__doc__)
    arguments.add_argument("--slots", type=int, default=8)
    arguments.add_argument("--pictures", type=int, default=1_000, help="in the batch")
    arguments.add_argument("--tries", type=int, default=20)
    wanted = arguments.parse_args()

    with installed(wanted, G2D_WORKER_SLOTS=str(wanted.slots)) as made:
        client = made.client
        client.call("PUT", "/gemini/_sandbox", json={"latency_s": GEMINI_S})
        client.call("PUT", "/router/_sandbox", json={"latency_s": PAINTER_S, "same_picture": True})
        bob, ada = client.person("Bob"), client.person("Ada")
        _time(client, bob, 0)  # Everything is loaded and connected after this.
        idle = [_time(client, bob, number) for number in range(1, wanted.tries + 1)]
        _start_batch(client, ada, wanted.pictures)
        busy = [_time(client, bob, wanted.tries + number) for number in range(1, wanted.tries + 1)]
        left = wanted.pictures - len(client.photos(ada))

    usual = statistics.median(idle)
    ratios = [seconds / usual for seconds in busy]
    size = "distributed" if wanted.distributed else "embedded"
    print(
        f"{size}: {wanted.slots} slots, a batch of {wanted.pictures:,}, {wanted.tries} tries; {left:,} left at the end"
    )
    for name, seconds in (("idle", idle), ("beside the batch", busy)):
        print(f"  {name:<18} median {statistics.median(seconds):.2f} s, p95 {_p95(seconds):.2f} s, "
              f"longest {max(seconds):.2f} s")  # fmt: skip
    print(f"  {'ratio':<18} median {statistics.median(ratios):.2f}, p95 {_p95(ratios):.2f}, largest {max(ratios):.2f}")
    if left <= 0:
        sys.exit("the batch was done before the tries were")
    sys.exit(max(ratios) > MOST)


def _time(client: SandboxClient, person: dict, number: int) -> float:
    """Seconds from a person's message to its photo."""
    before = len(client.photos(person))
    began = time.monotonic()
    client.say(person, f"/imagine a lighthouse, number {number}")
    client.wait_for_photo(person, count=before + 1, timeout_s=PATIENCE_S)
    return time.monotonic() - began


def _start_batch(client: SandboxClient, person: dict, pictures: int) -> None:
    """Let somebody start a batch; returns when its first album is in the chat, so that all its slots are at work."""
    ideas = "\n".join(f"a boat, number {number}" for number in range(pictures))
    client.say(person, "/batch", document=ideas.encode(), file_name="ideas.txt")
    summary = client.wait_for_message(person, lambda message: "▶️ Start" in str(message.get("reply_markup")))
    client.press(person, summary, "▶️ Start")
    client.wait_for_photo(person, count=10, timeout_s=PATIENCE_S)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    main()
