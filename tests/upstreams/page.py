"""Writes ``docs/upstreams.md``: each row tells what a trial of its situation came to, in the words that people read.

``make upstreams`` writes the page anew; the tests see to it that it says what the trials yield.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import TypeAdapter

from sandbox import telegram
from services.bot.texts.locales import say
from services.worker.engine.retry import MAX_ANNOUNCED_S
from shared.jobs import Stage
from shared.key_cipher import KeyCipher
from shared.provider_hosts import provider_hosts
from shared.settings import Key
from tests.upstreams.situations import SECTIONS, Situation
from tests.upstreams.trials import PROOFS, Call, Pause, Seen, Trials, trials

PAGE = Path(__file__).parents[2] / "docs" / "upstreams.md"
HEAD = """# What Gemini, HuggingFace and the network may do

Each row is a test: its situation is played by the sandbox to the worker's real rooms over HTTP, once, and then without
end. What happened is what stands here, and the sentences are those that people read in English. `make upstreams` writes
the page anew after a change; `tests/upstreams/situations.py` holds the situations.

While a job waits it holds no slot. A picture may come from other providers of the same model without a word; where
another model, or other words, were needed, the caption says so.
"""
REFERENCE = """## The services as they were last seen

What they answer stands in the rows below as it is played; where their pictures lie, and which of them paints at all, in
this table. A new provider, or a new form of answer, in HuggingFace's own client (huggingface_hub {client}) fails
`tests/worker/test_hub_client.py`; the documented answers in `tests/worker/documented_answers.py` have to lie at these
hosts. Gemini is called with google-genai {genai}, Telegram's stand-in knows Bot API {bot_api}.

| image service | seen | its pictures lie at | source |
|---|---|---|---|
"""
NO_KEY = "holds characters that no key has (copy it again)"
COLUMNS = "| what comes | what we do | what the user reads |\n|---|---|---|"


def row(held: Trials, situation: Situation) -> str:
    """Try a situation in all its forms, and tell what it came to.

    Raises:
        AssertionError: Its forms came to different things, or a proof failed.
    """
    rows = {_row(held, situation, fault) for fault in situation.forms or (None,)}
    assert len(rows) == 1, "\n".join(sorted(rows))
    return rows.pop()


def key_rows() -> Iterator[str]:
    """What becomes of keys that no service could have, where they are entered.

    Raises:
        AssertionError: One of them would be kept.
    """
    cipher = KeyCipher(Fernet.generate_key().decode())
    odd = ("AIza" + "ключ" * 8, "hf_" + "x" * 20 + "\r\nX-Header: y", "hf_two words of a key")
    assert not any(cipher.encrypt(key).sealed for key in odd)
    told = unescape(say("key_impossible", "en", service="Google"))
    kept = "Keeps nothing of it, and calls nobody."
    yield f"| a person's key that holds other letters, a line's end or spaces | {kept} | “{_on_one_line(told)}” |"
    for key in odd:
        with pytest.raises(ValueError, match=re.escape(NO_KEY)):
            TypeAdapter(Key).validate_python(key)
    yield f"| the same among the owner's settings | Doesn't start. | the owner: “… {NO_KEY}” |"


def reference() -> str:
    """The services with the dates at which they were looked at."""
    api = json.loads((Path(telegram.__file__).parent / "bot-api.json").read_text(encoding="utf-8"))
    head = REFERENCE.format(
        client=version("huggingface_hub"), genai=version("google-genai"), bot_api=str(api["version"]).split()[-1]
    )
    return head + "".join(
        f"| {one.provider} | {one.seen} | {', '.join(f'`{host}`' for host in one.hosts) or 'in the answer'} "
        f"| {_linked(one.source)} |\n"
        for one in provider_hosts()
    )


def _linked(source: str) -> str:
    url, _, note = source.partition(" ")
    return f"<{url}> {note}".strip()


def _row(held: Trials, situation: Situation, fault: dict[str, object] | None) -> str:
    ways: dict[str, tuple[str, str]] = {}
    proven = ""
    for name, times in (("once", 1), ("always", None)):
        if situation.only in {None, name}:
            seen = held.run(situation, fault, times=times)
            ways[name] = (_done(seen), _read(seen))
            proven = PROOFS[situation.proof](held) if situation.proof else ""
    cells = []
    for told in zip(*ways.values(), strict=True):
        labelled = [f"{name}: {text}" for name, text in zip(ways, told, strict=True)]
        cells.append(told[0] if len(set(told)) == 1 else "<br>".join(labelled))
    if proven:
        cells[0] += f" {proven}"
    return f"| {situation.what} | {cells[0]} | {cells[1]} |"


def _done(seen: Seen) -> str:
    steps = list(dict.fromkeys(_steps(seen)))
    turns = len({one.turn for one in seen.happened if isinstance(one, Call)})
    if seen.is_photo:
        return ", ".join([*steps, "shows the picture"]).capitalize() + "."
    end = (
        "ends" if turns <= 1 else "ends after a number of tries" if _by_the_clock(seen) else f"ends after {turns} tries"
    )
    return ", ".join([*steps, end]).capitalize() + "."


def _by_the_clock(seen: Seen) -> bool:
    return any(isinstance(one, Pause) and one.stage is Stage.WAKING for one in seen.happened)


def _steps(seen: Seen) -> Iterator[str]:
    for before, after in pairwise(seen.happened):
        match before, after:
            case Pause(), Call(step=step) if step == "image":
                continue
            case _, Pause():
                yield _wait(after)
            case Call(step="prompt", outcome="ok"), _:
                continue
            case Call(step="prompt"), Call(step="prompt") if before.model == after.model:
                yield "asks once more at once"
            case Call(step="prompt"), Call(step="prompt"):
                yield "asks another chat model at once"
            case Call(step="prompt"), Call(step="image"):
                yield "goes on with the user's own words" if seen.in_own_words else "takes what can be read of it"
            case Call(outcome="ok"), _:
                continue
            case Call(outcome="bad_picture"), Call() if before.service == after.service:
                yield "asks for another picture, with a new seed"
            case Call(), Call() if before.model == after.model:
                yield "asks the model's next provider"
            case Call(), Call():
                yield "asks the next model"


def _wait(pause: Pause) -> str:
    match pause:
        case Pause(stage=Stage.WAKING, announced_s=None):
            return "waits about ten seconds"
        case Pause(stage=Stage.WAKING):
            return "waits half as long as was said"
        case Pause(stage=Stage.PAINTING):
            return "looks after the order now and then"
        case Pause(announced_s=float(seconds)) if seconds >= MAX_ANNOUNCED_S:
            return "looks again after two minutes"
        case Pause(announced_s=float()):
            return "waits as long as was said"
    return "waits a little, longer each time"


def _read(seen: Seen) -> str:
    meanwhile = list(dict.fromkeys(seen.read))
    end = [" ".join(seen.told)] if seen.told else []
    texts = [_on_one_line(text) for text in [*meanwhile, *end]]
    shown = "; then ".join(f"“{text}”" for text in texts)
    return (
        (f"{shown}, under the photo" if seen.told else f"{shown}; then the photo" if shown else "the photo")
        if (seen.is_photo)
        else shown
    )


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page(rows: dict[str, str]) -> str:
    """The page of these rows, by what comes."""
    parts = [HEAD, reference()]
    for title, situations in SECTIONS.items():
        parts.append(f"## {title}\n\n{COLUMNS}\n" + "".join(f"{rows[one.what]}\n" for one in situations))
    parts.append(f"## Keys\n\n{COLUMNS}\n" + "".join(f"{one}\n" for one in key_rows()))
    return "\n".join(parts)


def main() -> None:
    """Try everything and write the page."""
    with tempfile.TemporaryDirectory() as folder, trials(Path(folder)) as held:
        rows = {one.what: row(held, one) for situations in SECTIONS.values() for one in situations}
    PAGE.write_text(page(rows), encoding="utf-8")
    sys.stdout.write(f"{len(rows)} situations: {PAGE}\n")


if __name__ == "__main__":
    main()
