"""Reads made-up files and texts of many ideas. Not part of the suite.

    make fuzz WHAT=batches ARGS="--minutes 10"

Each is read, or refused with a reason for which there is a sentence, in time that its size allows.
"""

import sys
import time

from hypothesis import strategies as st

from services.bot.texts.locales import say
from shared.batches import BatchReading, read_batch
from shared.catalogue import Catalogue
from shared.errors import BadBatch, BadParameter
from shared.styles import Styles
from tests.fuzz.rounds import run

CPU_S, CPU_S_A_MB = 0.5, 3.0
CATALOGUE, STYLES = Catalogue(None), Styles(None)

pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["idea", "prompt", "style", "n", "ar", "seed", "no", "model", "a fox", "🦊", "noir", "16:9", "4"]),
    st.sampled_from(["\n", "\r\n", "\r", ",", ";", "\t", '"', '""', '"\n', "\0", "\ufeff", "\u2028", "\x85", " ", "|"]),
    st.sampled_from(
        ["--n 4", "—stylo ", "--", "–ar ", "--no fog", "{a,b}", "{", "}", "{,}", "\\{", "{{a,b},c}", "#", "//"]
    ),
    st.sampled_from(['{"idea": "x"}', '{"idea":', "[", "[[", '"x"', "1e999", "NaN", '{"n": -1}', '"\\ud800"', "null"]),
)
some = st.lists(pieces, max_size=12).map("".join)
repeated = st.builds(lambda text, times: text * times, some, st.sampled_from([1, 2, 3, 50, 2_000]))
texts = st.lists(st.one_of(some, repeated), max_size=5).map("".join)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "gb18030"])
files = st.one_of(
    st.builds(lambda text, encoding: text.encode(encoding, "replace"), texts, encodings), st.binary(max_size=200)
)
names = st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.txt", "a", "", ".csv", "a.CSV"])
batches = st.one_of(st.tuples(texts, st.none(), st.just("")), st.tuples(files, names, st.one_of(st.just(""), some)))


def look(batch: tuple[str | bytes, str | None, str]) -> None:
    """Read one.

    Raises:
        AssertionError: It took too long.
        Exception: It can neither be read nor refused.
    """
    content, name, shared = batch
    started = time.process_time()
    try:
        told(read_batch(content, name, CATALOGUE, STYLES, shared=shared))
    except (BadBatch, BadParameter) as error:
        say(error.reason, "en", **error.values)
    took = time.process_time() - started
    assert took < CPU_S + CPU_S_A_MB * len(content) / 1e6, f"{len(content)} took {took:.2f} s"


def told(reading: BatchReading) -> None:
    """Say what is to be said of it."""
    for one in (*reading.problems[:20], *reading.hints[:20]):
        say(one.reason, "en", **one.values)
    assert reading.pictures == sum(request.count for request in reading.requests)


if __name__ == "__main__":
    sys.exit(run(batches, look))
