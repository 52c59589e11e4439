"""How long many people wait who all ask at the same moment.

    .venv/bin/python -m benchmarks.hundred_users                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.hundred_users --distributed  # g2d bot, one g2d worker, Postgres, Redis

With --strict the sandbox keeps Telegram's flood limits; then it also prints how many calls were refused for them, and
how many messages, edits and actions came in the fullest second of all.

Gemini takes 2 s and HuggingFace 3 s in the sandbox, so 5 s is the least; the sandbox, which paints for all of them,
shares the machine's cores. Prints seconds from the first message to the first, the middle and the last photo.
"""

import threading
import time
from bisect import bisect_right

from benchmarks.installation import installed, options
from sandbox.client import SandboxClient

GEMINI_S, PAINTER_S = 2.0, 3.0


def main() -> None:
    """Measure, and print a line."""
    arguments = options(__doc__, port=8177)
    arguments.add_argument("--users", type=int, default=100)
    arguments.add_argument("--strict", action="store_true", help="keep Telegram's flood limits")
    wanted = arguments.parse_args()

    with installed(wanted) as made:
        client = made.client
        _measure(client, 1)  # Everything is loaded and connected after this.
        client.call("PUT", "/gemini/_sandbox", json={"latency_s": GEMINI_S})
        client.call("PUT", "/router/_sandbox", json={"latency_s": PAINTER_S, "same_picture": True})
        client.set_limits(flood="strict" if wanted.strict else "off")
        used = made.cpu_s()
        waits = _measure(client, wanted.users)
        used = made.cpu_s() - used
        least = GEMINI_S + PAINTER_S
        print(
            f"{'distributed' if wanted.distributed else 'embedded'}: {len(waits)} users, least {least:.1f} s: "
            f"first {waits[0]:.1f} s, middle {waits[len(waits) // 2]:.1f} s, last {waits[-1]:.1f} s; "
            f"CPU {1000 * used / len(waits):.0f} ms a picture"
        )
        if wanted.strict:
            refused = sum(one["status"] == 429 for one in client.journal("telegram"))
            print(f"  refused for a flood: {refused}; in the fullest second: {_fullest_second(client)}")


def _measure(client: SandboxClient, users: int) -> list[float]:
    people = [client.person(f"Person {number}") for number in range(users)]
    seen = max((entry["id"] for entry in client.journal("telegram")), default=0)
    started = time.time()
    speakers = [threading.Thread(target=_say, args=(client.url, people[part::8])) for part in range(8)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()

    def photos() -> list[dict] | None:
        found = [one for one in client.journal("telegram", "sendPhoto", after=seen) if one["status"] == 200]
        return found if len(found) >= users else None

    waits = sorted(one["done_at"] - started for one in client.wait_for(photos, timeout_s=120, what="the photos"))
    for service, path in (("telegram", "sendMessage"), ("gemini", "generateContent"), ("router", "models/")):
        asked = [one["at"] - started for one in client.journal(service, path) if one["at"] > started]
        middle = sorted(asked)[len(asked) // 2]
        print(f"  {path}: first {min(asked):.1f} s, middle {middle:.1f} s, last {max(asked):.1f} s")
    return waits


def _fullest_second(client: SandboxClient) -> int:
    """The most that was shown in any second, by when the sandbox got it; nobody asks for albums here."""
    shown = sorted(one["at"] for one in client.journal("telegram", r"/(send|edit)\w+$") if one["status"] == 200)
    return max((bisect_right(shown, at + 1) - place for place, at in enumerate(shown)), default=0)


def _say(url: str, people: list[dict]) -> None:
    with SandboxClient(url) as client:
        for person in people:
            client.say(person, f"/imagine a lighthouse for {person['first_name']}")


if __name__ == "__main__":
    main()
