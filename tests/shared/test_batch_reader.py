"""Batches are read in a child process: the same is read there, and what is built to take long is refused."""

import json
from collections.abc import Iterator

import pytest

from shared.batch_reader import BatchReader
from shared.batches import MAX_COLUMNS, MAX_FILE_LINES, MAX_LINES, BatchReading, read_batch
from shared.catalogue import Catalogue
from shared.child_processes import Limits
from shared.errors import BadBatch
from shared.styles import Styles
from tests.cpu import takes_within

# Of CPU: five times what it takes, where it once took minutes.
FILE_S = 1.0
HUNDRED_LINES_S = 4.0

CATALOGUE, STYLES = Catalogue(), Styles()


@pytest.fixture
def reader() -> Iterator[BatchReader]:
    one = BatchReader(CATALOGUE, STYLES)
    yield one
    one.close()


def refused(content: bytes, name: str) -> str:
    with pytest.raises(BadBatch) as caught:
        read_batch(content, name, CATALOGUE, STYLES)
    return caught.value.reason


class TestTheReader:
    @pytest.mark.parametrize(
        ("content", "name", "shared"),
        [
            ("--ar 16:9\n{red,blue} fox --no text --seed 7\na boat --n 2\n--seed x", None, ""),
            (b"idea;seed;unknown\nfox;7;x\nboat;;", "a.csv", "--style noir --cfg 3.5"),
            (b'{"idea": "fox", "raw": true}\n[1]', "a.jsonl", ""),
        ],
    )
    def test_reads_what_the_function_reads(
        self, reader: BatchReader, content: str | bytes, name: str | None, shared: str
    ):
        here = read_batch(content, name, CATALOGUE, STYLES, shared=shared, limit=50)

        assert reader.read(content, name, shared=shared, limit=50) == here

    @pytest.mark.parametrize(
        ("content", "shared", "reason"), [("", "", "batch_empty"), ("fox", "words", "batch_shared_not_parameters")]
    )
    def test_refuses_what_the_function_refuses(self, reader: BatchReader, content: str, shared: str, reason: str):
        with pytest.raises(BadBatch) as caught:
            reader.read(content, None, shared=shared, limit=50)

        assert caught.value.reason == reason

    def test_refuses_what_takes_too_long(self):
        slow = BatchReader(CATALOGUE, STYLES, limits=Limits(cpu_s=1, memory_bytes=2**29, wall_s=20.0))

        with pytest.raises(BadBatch) as caught:
            slow.read(("—stylo " * 400 + "\n") * MAX_LINES, None, limit=50)

        assert caught.value.reason == "batch_takes_too_long"


class TestFilesThatAreBuiltToTakeLong:
    """Each took minutes, or memory without end, in a reading that grew with the square of its size."""

    @pytest.mark.parametrize(
        ("content", "name", "reason"),
        [
            (b"\n" * 800_000 + b"idea\nfox\n", "blank lines.csv", "batch_too_many_lines"),
            (b"\r\n" * MAX_FILE_LINES, "blank lines.txt", "batch_too_many_lines"),
            (b"\n" * 20_000_000, "blank lines.jsonl", "batch_too_many_lines"),
            (b"idea\n" + b",\n" * 2_500_000, "blank rows.csv", "batch_too_many_lines"),
            (b"idea" + b",a" * 80_000 + b"\nfox", "columns.csv", "batch_too_many_columns"),
            (b"idea" + b",a" * MAX_COLUMNS + b"\nfox", "columns.csv", "batch_too_many_columns"),
            (b"idea" + b";" * 5_000_000, "blank columns.csv", "batch_too_many_columns"),
            (b"idea\n" + b"," * 19_000_000, "cells.csv", "batch_csv_broken"),
            (b'idea\n"' + b"a" * 19_000_000 + b'"', "one cell.csv", "batch_csv_broken"),
            (b'idea\n"' + b"a\n" * 90_000 + b'"', "one cell of many lines.csv", "batch_csv_broken"),
            (b'idea\n' + b'"\n",' * 90_000, "one row of many lines.csv", "batch_csv_broken"),
            (b"{a,b}" * 700, "groups.txt", "batch_too_many_pictures"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_are_refused_within_seconds_of_cpu(self, content: bytes, name: str, reason: str):
        assert takes_within(FILE_S, lambda: refused(content, name))
        assert refused(content, name) == reason

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"[" * 1_000_000, "nested.jsonl"),
            (json.dumps({f"key{number}": 1 for number in range(100_000)}).encode(), "keys.jsonl"),
            (b'{"idea": "' + b"a" * 19_000_000 + b'"}', "one line.jsonl"),
            (b"a " * 9_000_000, "one line.txt"),
        ],
    )
    def test_of_one_line_are_told_within_seconds_of_cpu(self, content: bytes, name: str):
        def read() -> BatchReading:
            return read_batch(content, name, CATALOGUE, STYLES)

        assert takes_within(FILE_S, read)
        assert [problem.line for problem in read().problems] == [1]

    @pytest.mark.parametrize(
        "idea",
        ["—stylo " * 500, " ".join(f"—sty{number:x}o" for number in range(500)), "--no 'x " * 480, "--n 4 " * 600,
         "—" * 3_900, "x" * 3_999, "".join(map(chr, range(0x4E00, 0x4E00 + 3_900))), "'" * 3_900, "--no ''" * 500],
        ids=["one look-alike", "many look-alikes", "open quotes", "flags", "dashes", "letters", "signs", "quotes",
             "empty quotes"],
    )  # fmt: skip
    def test_a_hundred_lines_take_seconds_whatever_is_in_them(self, idea: str):
        content = (json.dumps({"idea": idea}) + "\n") * 100

        assert takes_within(HUNDRED_LINES_S, lambda: read_batch(content, "a.jsonl", CATALOGUE, STYLES))
