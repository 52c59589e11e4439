"""Many ideas at a time: what a batch is, and how it is read from a message or a file. Pure."""

import csv
import io
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.catalogue import Catalogue
from shared.csv_export import write_csv
from shared.errors import BadBatch, BadParameter, UserError
from shared.ideas import MAX_IDEA_LENGTH, Hint, read_request
from shared.images import SUFFIXES
from shared.jobs import Address, Job, Request, Sender, State
from shared.options import OPTIONS, Option, Takes, parse_options, quote
from shared.spreadsheets import is_spreadsheet, read_rows
from shared.styles import Styles
from shared.text_files import DAMAGED, Text, may_be_text, read_text

MAX_LINES = 5_000
MAX_PICTURES = 1_000  # of one batch, unless the owner says otherwise
MAX_LINE_LENGTH = 4_000  # characters; an idea and all its parameters need far fewer
MAX_VARIANTS = 1_000_000_000  # a hundred groups stand for a number that nobody can read, or write
MAX_FILE_BYTES = 20 * 1024 * 1024  # what Telegram lets a bot download
MAX_FILE_LINES = 20 * MAX_LINES  # with blank ones and those inside quotes
MAX_ROW_LENGTH = 10 * MAX_LINE_LENGTH  # characters of a table's row or a JSON object, which may be escaped
MAX_COLUMNS = 50  # of a table; keys of a JSON object
MAX_HINTS = 50  # of one batch
SHOWN = 60  # characters of an idea that show whether a file was read rightly

IDEA = "idea"
COLUMNS = (IDEA, *OPTIONS)
_YES, _NO = frozenset({"1", "true", "yes", "y", "x", "on"}), frozenset({"", "0", "false", "no", "n", "off"})
_GROUP = re.compile(r"(?<!\\)\{((?:\\.|[^{}\\])*)\}")
_NESTED = re.compile(r"(?<!\\)\{(?:\\.|[^{}\\])*(?<!\\)\{(?:\\.|[^{}\\])*\}")
_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # as ``str.splitlines`` has them
_FENCE = re.compile(r"```\w*")
_MARKER = re.compile(r"(?:\d{1,4}[.)]|[-*•])\s+")
_COMMA = re.compile(r"(?<!\\),")
_ESCAPED = re.compile(r"\\([{},])")
_MAGIC = (
    b"PK\x03\x04",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"GIF8",
    b"RIFF",
    b"7z\xbc\xaf",
    b"\xd0\xcf\x11\xe0",
    b"{\\rtf",
)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|html)\b", re.IGNORECASE)  # as some programs write .xls
_DOS_END = b"\x1a"
# Control characters that end no line, and what stands for bytes that are no letter.
_ODD = re.compile(rf"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{DAMAGED}]")
_MAX_TORN = 20  # rows of a table whose quotes don't end, after which its quotes mean something else
_WHOLE, _WITH_SECONDS = re.compile(r"^(\d{1,18})\.0+$"), re.compile(r"^(\d{1,2}:\d{2}):00$")
_SLUG_LENGTH = 40
MANIFEST = (
    "line", "number", "idea", "prompt", "negative", "seed", "model", "provider", "file", "outcome", "reason",
)  # fmt: skip


class BatchState(StrEnum):
    """Where a batch stands: ``asked`` → ``running`` ⇄ ``paused`` → ``finished`` or ``cancelled``."""

    ASKED = "asked"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class DeliveryFormat(StrEnum):
    """How the pictures come home."""

    ALBUMS = "albums"
    ZIP = "zip"
    FILES = "files"  # a terminal writes them into a folder


@dataclass(frozen=True, slots=True)
class Batch:
    """Many requests that were asked for together, as their row was when it was read.

    Attributes:
        source: ``telegram`` or ``terminal``.
        pictures: How many there are to be, of all requests together.
        status_shown: What the progress message says at present.
        sending: Jobs whose pictures were being sent, and nobody wrote down how it ended.
        witness: What the progress message certainly said before they were.
        without_buttons: Jobs of the album that was sent last, while the buttons below it were not.
        status_sending_since: From then on a message that sums it up may be in the chat whose number nobody wrote down.
        status_after: That message's number is higher than this.
        undelivered_reason: Why its delivery was given up; None: it was delivered, or still may be.
        skipped: How many lines were left out.
    """

    id: int
    source: str
    address: Address
    sender: Sender
    pictures: int
    delivery_format: DeliveryFormat
    state: BatchState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    status_message_id: int | None = None
    status_shown: str | None = None
    status_sending_since: datetime | None = None
    status_after: int | None = None
    delivery_tries: int = 0
    delivered_at: datetime | None = None
    sending: tuple[int, ...] = ()
    witness: dict[str, Any] | None = None
    without_buttons: tuple[int, ...] = ()
    undelivered_reason: str | None = None
    skipped: int = 0

    @property
    def is_put_away(self) -> bool:
        """Whether it was never started, and waited too long or gave way to a newer one: what it was is forgotten."""
        return self.state is BatchState.CANCELLED and self.pictures == 0


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture of a batch that failed.

    Attributes:
        line: In the text or file, from 1.
        reason: An error's ``reason``.
    """

    line: int
    idea: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a batch's pictures stand where.

    Attributes:
        made: Those that have a job by now.
        home: Those of the finished ones that are in the chat.
        recent: Those that were finished or failed of late, the first of them at ``recent_since``.
        reasons: How many of the failed ones failed for which reason.
        failures: The first of them.
    """

    made: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    home: int = 0
    recent: int = 0
    recent_since: datetime | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[FailedPicture, ...] = ()

    @property
    def ended(self) -> int:
        """Those of which nothing more is to come."""
        return self.finished + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that can't be painted.

    Attributes:
        line: Its number in the text or file, from 1.
        reason: The key of the sentence that says why.
        values: What goes into its gaps; quotes the user.
    """

    line: int
    reason: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BatchReading:
    """What we made of a text or file: nothing in it is passed over in silence.

    Attributes:
        lines: The line of each request, from 1; several may have one.
    """

    requests: tuple[Request, ...]
    hints: tuple[Hint, ...] = ()
    problems: tuple[Problem, ...] = ()
    lines: tuple[int, ...] = ()

    @property
    def pictures(self) -> int:
        """How many pictures all requests are for."""
        return sum(request.count for request in self.requests)


Line = tuple[int, str]


def read_batch(
    content: str | bytes,
    name: str | None,
    catalogue: Catalogue,
    styles: Styles,
    *,
    shared: str = "",
    limit: int = MAX_PICTURES,
) -> BatchReading:
    """Read a batch: one idea a line, with parameters, or a table of them.

    Args:
        content: What was typed, or a file's bytes.
        name: The file's name; its ending (``.csv``, ``.tsv``, ``.jsonl``) tells what it is, else it is text. A
            spreadsheet is known by its contents.
        shared: Parameters for all lines; a line's own go before them.
        limit: Pictures that one batch may have.

    Raises:
        BadBatch: The whole can't be read: empty, binary, too many lines or pictures, no column of ideas.
        BadParameter: The shared parameters can't be read.
    """
    hints: list[Hint] = []
    problems: list[Problem] = []
    guessed = None
    if isinstance(content, bytes) and len(content) <= MAX_FILE_BYTES and is_spreadsheet(content):
        lines = _of_sheet(content, hints, problems)
    else:
        read = Text(content) if isinstance(content, str) else decode(content)
        guessed = read.guessed
        lines, own = _of_file(read.text, name, hints, problems)
        shared = f"{shared} {own}".strip()
    if not lines and not problems:
        raise BadBatch("batch_empty")
    reading = _read_lines(lines, _common(shared, limit), catalogue, styles, limit, hints, problems)
    return _with_guess(reading, guessed) if guessed else reading


def _of_file(text: str, name: str | None, hints: list[Hint], problems: list[Problem]) -> tuple[list[Line], str]:
    """The lines of a text, and the parameters that it has for all of them."""
    _check_file_lines(text)
    suffix = (name or "").rpartition(".")[2].casefold()
    if suffix in {"csv", "tsv"} or (name is not None and _is_table(text)):
        return _of_table(text, hints, problems), ""
    if suffix in {"jsonl", "ndjson", "json"} or (name is not None and _is_json(text)):
        return _of_objects(text, hints, problems), ""
    return _of_text(text, hints)


def _is_table(text: str) -> bool:
    """Whether a file's first line names columns between tabs, as Excel's "Unicode text" does."""
    cells = _named([cell.strip().casefold() for cell in text.lstrip().partition("\n")[0].split("\t")])
    return len(cells) > 1 and IDEA in cells and all(cell in COLUMNS for cell in cells if cell)


def _is_json(text: str) -> bool:
    """Whether a file's first line, or the whole of it, is an object or a list: no idea looks so."""
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return False
    return any(
        isinstance(_value(part), dict | list)
        for part in (start.partition("\n")[0], start)
        if len(part) <= MAX_ROW_LENGTH
    )


def _with_guess(reading: BatchReading, encoding: str) -> BatchReading:
    """Tell first that the encoding was guessed, and what the first idea looks like then."""
    if not reading.requests:
        return reading
    start = quote(reading.requests[0].idea[:SHOWN])
    hint = Hint("batch_hint_encoding", {"encoding": encoding, "words": start})
    return replace(reading, hints=(hint, *reading.hints))


def decode(content: bytes) -> Text:
    """A file's text.

    Raises:
        BadBatch: It is no text, nobody can tell how its letters are written, or it is larger than ``MAX_FILE_BYTES``.
    """
    if len(content) > MAX_FILE_BYTES:
        raise BadBatch("batch_file_too_large", most=MAX_FILE_BYTES // 1024 // 1024)
    if content.startswith(_MAGIC) or _MARKUP.match(content) or not may_be_text(content):
        raise BadBatch("batch_not_text")
    read = read_text(content.removesuffix(_DOS_END))
    if read is None:
        raise BadBatch("batch_encoding_unknown")
    odd = len(_ODD.findall(read.text))
    # A stray one spoils its own line; where there are many, it is no text.
    if "\0" in read.text or odd > 20 + len(read.text) // 100:
        raise BadBatch("batch_not_text")
    return read


def _check_file_lines(text: str) -> None:
    """Count before a line is read: of blank lines alone, a file could hold millions."""
    count = sum(map(text.count, _LINE_BREAKS)) + 1
    if count > MAX_FILE_LINES:
        raise BadBatch("batch_too_many_lines", n=count, most=MAX_LINES)


def _check_lines(count: int) -> None:
    if count > MAX_LINES:
        raise BadBatch("batch_too_many_lines", n=count, most=MAX_LINES)


def _of_text(text: str, hints: list[Hint]) -> tuple[list[Line], str]:
    """The lines with something on them, and the parameters on the first if it has no idea."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = _within_fences(lines, hints)
    _check_lines(len(lines))
    if lines and len(lines[0][1]) <= MAX_LINE_LENGTH and _has_only_flags(lines[0][1]):
        return _without_markers(lines[1:]), lines[0][1]
    return _without_markers(lines), ""


def _within_fences(lines: list[Line], hints: list[Hint]) -> list[Line]:
    """The lines between fences of Markdown, as chatbots put them around what they were asked for; else all lines."""
    fences = [place for place, (_, line) in enumerate(lines) if _FENCE.fullmatch(line)]
    if not fences or len(fences) % 2:
        return lines
    hints.append(Hint("batch_hint_fences", {}))
    return [line for start, end in zip(fences[::2], fences[1::2], strict=True) for line in lines[start + 1 : end]]


def _without_markers(lines: list[Line]) -> list[Line]:
    """The items of a list without their numbers or bullets, where each line has one."""
    if len(lines) < 2 or not all(_MARKER.match(line) for _, line in lines):
        return lines
    return [(number, _MARKER.sub("", line, count=1)) for number, line in lines]


def _has_only_flags(line: str) -> bool:
    if not line.startswith(("--", "—", "–")):
        return False
    try:
        return all(not parse_options(variant).words.strip() for variant in itertools.islice(expand(line), 1))
    except BadParameter:
        # Whatever is wrong with it will be told of the line as of an idea's.
        return False


def _of_sheet(content: bytes, hints: list[Hint], problems: list[Problem]) -> list[Line]:
    rows = read_rows(content, most_rows=MAX_FILE_LINES, most_columns=MAX_COLUMNS + 1)
    header = _checked([_column(cell) for cell in next(rows, (0, [""]))[1]])
    _tell_unknown(header, hints)
    found: list[Line] = []
    for number, row in rows:
        _check_lines(len(found) + len(problems) + 1)
        _add_row(found, problems, number, header, row)
    return found


def _tell_unknown(header: Iterable[str], hints: list[Hint]) -> None:
    unknown = [column for column in header if column and column not in COLUMNS]
    if unknown:
        hints.append(Hint("batch_hint_columns", {"names": quote(", ".join(unknown))}))


def _add_row(
    found: list[Line], problems: list[Problem], number: int, header: Sequence[str], row: Sequence[str]
) -> None:
    if any(cell.strip() for cell in row[len(header) :]):
        problems.append(Problem(number, "batch_too_many_cells", {}))
    elif sum(map(len, row)) > MAX_ROW_LENGTH:
        problems.append(Problem(number, "idea_too_long", {"n": MAX_IDEA_LENGTH}))
    else:
        _add(found, problems, number, dict(zip(header, row, strict=False)))


def _of_table(text: str, hints: list[Hint], problems: list[Problem]) -> list[Line]:
    lines = _RowLines(text)
    separator, header = _header(_first_line(lines))
    _tell_unknown(header, hints)
    rows = csv.reader(lines, delimiter=separator, strict=True)
    found: list[Line] = []
    torn: list[Problem] = []
    while (row := _next_row(rows, lines, torn)) is not None:
        if not any(cell.strip() for cell in row):
            continue
        _check_lines(len(found) + len(problems) + 1)
        _add_row(found, problems, lines.number, header, row)
    problems += torn
    return found


class _RowTooLong(csv.Error):
    """A row is longer than any that we read."""


class _RowLines:
    """The lines of a table, for a CSV reader: a row may have only so many characters, over however many lines.

    Attributes:
        number: Of the last line that was read, from 1.
    """

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._length = self.number = 0
        self._second = 0  # where the row's second line begins
        self.begun = 1  # the row's first line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line, with its end.

        Raises:
            _RowTooLong: The row that it belongs to is longer than any that we read.
        """
        line = next(self._lines)
        self.number += 1
        if self.number == self.begun:
            self._second = self._lines.tell()
        self._length += len(line)
        if self._length > MAX_ROW_LENGTH:
            raise _RowTooLong
        return line

    def end_row(self) -> None:
        """Count the next line to a new row."""
        self._length, self.begun = 0, self.number + 1

    def drop_line(self) -> None:
        """Leave out the row's first line alone, and go on with its second."""
        self._lines.seek(self._second)
        self.number = self.begun
        self.end_row()


def _first_line(lines: _RowLines) -> str:
    """The line of headings: the first that is neither blank nor Excel's own remark.

    Raises:
        BadBatch: There is none, or it is longer than any that we read.
    """
    is_remark = re.compile(r"\s*(?:sep=.\s*)?", re.IGNORECASE).fullmatch
    try:
        for line in lines:
            lines.end_row()
            if not is_remark(line):
                return line
    except csv.Error:
        raise BadBatch("batch_too_many_columns", most=MAX_COLUMNS) from None
    raise BadBatch("batch_empty")


def _next_row(rows: Iterator[list[str]], lines: _RowLines, torn: list[Problem]) -> list[str] | None:
    """The next row that can be read; what can't be is noted by its line, and left out.

    Raises:
        BadBatch: Too many can't be, or one is far too long.
    """
    while True:
        try:
            row = next(rows, None)
        except _RowTooLong:
            raise BadBatch("batch_csv_broken", line=lines.begun) from None
        except csv.Error:
            torn.append(Problem(lines.begun, "batch_line_csv", {}))
            if len(torn) > _MAX_TORN:
                raise BadBatch("batch_csv_broken", line=lines.begun) from None
            lines.drop_line()
            continue
        lines.end_row()
        return row


def _header(line: str) -> tuple[str, list[str]]:
    readings = []
    for separator in (",", ";", "\t"):
        try:
            [cells] = csv.reader([line], delimiter=separator)
        except (csv.Error, ValueError):
            continue
        readings.append((separator, [_column(cell) for cell in cells]))
    separator, header = max(
        readings, key=lambda one: sum(cell in COLUMNS for cell in one[1]), default=(",", list[str]())
    )
    return separator, _checked(header)


def _column(cell: str) -> str:
    return cell.strip().removeprefix("--").casefold()


def _named(names: Sequence[str]) -> list[str]:
    """Names of columns or fields; where none is ``idea``, one that is called ``prompt`` is."""
    return list(names) if IDEA in names else [IDEA if name == "prompt" else name for name in names]


def _checked(header: list[str]) -> list[str]:
    """The names of a table's columns, as far as the last one.

    Raises:
        BadBatch: They are too many, two are alike, or none is ``idea``.
    """
    header = _named(header)
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > MAX_COLUMNS:
        raise BadBatch("batch_too_many_columns", most=MAX_COLUMNS)
    if IDEA not in header:
        raise BadBatch("batch_no_idea_column", columns=", ".join(COLUMNS))
    repeated = next((cell for cell, times in Counter(header).items() if cell and times > 1), None)
    if repeated is not None:
        raise BadBatch("batch_column_twice", name=quote(repeated))
    return header


def _of_objects(text: str, hints: list[Hint], problems: list[Problem]) -> list[Line]:
    found: list[Line] = []
    unknown: dict[str, None] = {}
    for number, value in _elements(text) if text.lstrip().startswith("[") else _values(text):
        _check_lines(len(found) + len(problems) + 1)
        if value is _TOO_LONG:
            problems.append(Problem(number, "idea_too_long", {"n": MAX_IDEA_LENGTH}))
            continue
        entry = _entry(value)
        if entry is None:
            problems.append(Problem(number, "batch_not_an_object", {}))
            continue
        values = dict(zip(_named([_column(key) for key in entry]), map(_as_text, entry.values()), strict=True))
        if len(unknown) < MAX_COLUMNS:
            unknown |= dict.fromkeys(key for key in values if key not in COLUMNS)
        _add(found, problems, number, values)
    if unknown:
        hints.append(Hint("batch_hint_columns", {"names": quote(", ".join(unknown))}))
    return found


_SCALARS = (str, int, float, bool, type(None))


_TOO_LONG, _BROKEN = object(), object()


def _values(text: str) -> Iterator[tuple[int, object]]:
    """The values of a file that has one a line, or one alone over several, with the numbers of their lines."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    _check_lines(len(lines))
    if len(text) <= MAX_ROW_LENGTH and isinstance(whole := _value(text), dict):
        yield lines[0][0], whole
        return
    for number, line in lines:
        yield number, _TOO_LONG if len(line) > MAX_ROW_LENGTH else _value(line)


def _elements(text: str) -> Iterator[tuple[int, object]]:
    """The elements of an array; of one that is broken, the next that begins on a line of its own goes on."""
    place, number, counted = text.index("[") + 1, 1, 0
    while True:
        between = _BETWEEN.match(text, place)
        place = between.end() if between else place
        if place >= len(text) or text[place] == "]":
            return
        number, counted = number + text.count("\n", counted, place), place
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            value, end = _BROKEN, place
        if value is not _BROKEN and _ENDS.match(text, end):
            yield number, _TOO_LONG if end - place > MAX_ROW_LENGTH else value
            place = end
            continue
        yield number, _BROKEN
        # What a broken object holds is no element of the array.
        following = (_NEXT_OBJECT if text[place] == "{" else _NEXT_VALUE).search(text, place + 1)
        if following is None:
            return
        place = following.end() - 1


_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")
_ENDS = re.compile(r"\s*(?:[,\]]|\Z|\n)")
_NEXT_OBJECT, _NEXT_VALUE = re.compile(r"\n[ \t]*\{"), re.compile(r'\n[ \t]*[{"]')


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _BROKEN


def _entry(value: object) -> dict[str, object] | None:
    """A value as an object, or a text as one with an idea alone; None where it is neither."""
    if isinstance(value, str):
        return {IDEA: value}
    if not isinstance(value, dict) or len(value) > MAX_COLUMNS:
        return None
    return value if all(isinstance(one, _SCALARS) for one in value.values()) else None


def _as_text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    return str(value)


def _add(found: list[Line], problems: list[Problem], line: int, values: Mapping[str, str]) -> None:
    """Write a row as it would be typed."""
    words = [" ".join(values.get(IDEA, "").split())]
    for name, kind in OPTIONS.items():
        value = _as_typed(" ".join(values.get(name, "").split()))
        if kind.takes is Takes.NOTHING:
            if value.casefold() not in _YES | _NO:
                problems.append(Problem(line, "batch_yes_or_no", {"name": name, "value": quote(value)}))
                return
            words += [kind.typed] * (value.casefold() in _YES)
        elif value:
            words.append(_typed(Option(kind, value)))
    if not words[0]:
        problems.append(Problem(line, "batch_line_without_idea", {}))
        return
    found.append((line, " ".join(words)))


def _as_typed(value: str) -> str:
    """A value as a person writes it: programs make 42.0 of a seed, and a time of day (16:09:00) of a ratio."""
    return _WITH_SECONDS.sub(r"\1", _WHOLE.sub(r"\1", value))


def _typed(option: Option) -> str:
    if option.kind.takes is Takes.NOTHING:
        return option.kind.typed
    several = option.kind.takes is Takes.WORD and " " in option.value and '"' not in option.value
    return f'{option.kind.typed} "{option.value}"' if several else f"{option.kind.typed} {option.value}"


def expand(line: str) -> Iterator[str]:
    r"""``{red,blue} car`` → ``red car``, ``blue car``. A group without a comma stays; ``\{`` is a brace.

    Raises:
        BadParameter: One group stands in another.
    """
    if "{" in line and _NESTED.search(line):
        raise BadParameter("batch_nested_group")
    return (_unescape("".join(choice)) for choice in itertools.product(*_pieces(line)))


def variants(line: str) -> int:
    """How many lines ``expand`` makes of this one; ``MAX_VARIANTS`` stands for all that is more."""
    count = 1
    for piece in _pieces(line):
        count = min(count * len(piece), MAX_VARIANTS)
    return count


def _pieces(line: str) -> list[list[str]]:
    if "{" not in line:
        return [[line]]
    pieces, place = [], 0
    for group in _GROUP.finditer(line):
        choices = [choice.strip() for choice in _COMMA.split(group[1])]
        if len(choices) > 1:
            pieces += [[line[place : group.start()]], choices]
            place = group.end()
    return [*pieces, [line[place:]]]


def _unescape(line: str) -> str:
    return _ESCAPED.sub(r"\1", line)


def _common(shared: str, limit: int) -> list[tuple[Option, ...]]:
    """The shared parameters, once for each way that their groups allow."""
    if variants(shared) > limit:
        raise BadBatch("batch_too_many_pictures", n=variants(shared), most=limit)
    found = []
    for variant in expand(shared):
        parsed = parse_options(variant)
        if parsed.words.strip():
            raise BadBatch("batch_shared_not_parameters", value=quote(parsed.words.strip()))
        found.append(parsed.options)
    return found


def _read_lines(  # noqa: PLR0917 - the steps of one reading, taken apart
    lines: Sequence[Line],
    common: Sequence[tuple[Option, ...]],
    catalogue: Catalogue,
    styles: Styles,
    limit: int,
    hints: list[Hint],
    problems: list[Problem],
) -> BatchReading:
    requests: list[Request] = []
    places: list[int] = []
    told = {(hint.reason, str(hint.values)) for hint in hints}
    pictures = 0
    for number, line in lines:
        try:
            _check_letters(line)
            _check_length(line)
            pictures += _check_variants(line, len(common), pictures, limit)
            readings = [
                read_request(_with(variant, options), catalogue, styles)
                for variant in expand(line)
                for options in common
            ]
        except BadBatch:
            raise
        except UserError as error:
            problems.append(Problem(number, error.reason, error.values))
            continue
        pictures += sum(reading.request.count - 1 for reading in readings)
        requests += [reading.request for reading in readings]
        places += [number] * len(readings)
        for hint in itertools.chain.from_iterable(reading.hints for reading in readings):
            if len(told) < MAX_HINTS and (key := (hint.reason, str(hint.values))) not in told:
                told.add(key)
                hints.append(hint)
    left_out = tuple(sorted(problems, key=lambda one: one.line))
    whole = BatchReading(tuple(requests), tuple(hints), left_out, tuple(places))
    if whole.pictures > limit:
        raise BadBatch("batch_too_many_pictures", n=whole.pictures, most=limit)
    return whole


def _check_letters(line: str) -> None:
    if _ODD.search(line):
        raise BadParameter("batch_line_odd")


def _check_length(line: str) -> None:
    if len(line) > MAX_LINE_LENGTH:
        raise BadParameter("idea_too_long", n=MAX_IDEA_LENGTH)


def _check_variants(line: str, common: int, already: int, limit: int) -> int:
    """Count before anything is written out: a few groups on one line can stand for billions.

    The lines of a batch that is over the limit are still read as far as ``MAX_LINES``, so that the number that is
    told is the whole one.
    """
    count = variants(line) * common
    if count > limit:
        raise BadBatch("batch_too_many_pictures", n=already + count, most=limit)
    if already > MAX_LINES + limit:
        raise BadBatch("batch_too_many_pictures", n=already + count, most=limit)
    return count


def _with(line: str, options: Iterable[Option]) -> str:
    own = {option.kind.name for option in parse_options(line).options}
    return " ".join([line, *(_typed(option) for option in options if option.kind.name not in own)])


# What came of it


def outcome(job: Job) -> str:
    """One word for the manifest: ``done``, ``failed``, ``cancelled`` or ``waiting``."""
    return {State.FINISHED: "done", State.FAILED: "failed", State.CANCELLED: "cancelled"}.get(job.state, "waiting")


def place_of(job: Job) -> tuple[int, int]:
    """A job's line in its batch, from 1, and its number among the line's pictures, from 1."""
    return int(job.line or 0) + 1, job.number + 1


def file_name(job: Job) -> str:
    """``0007-a-red-fox.jpg``; where a line has several pictures, ``0007-2-a-red-fox.jpg``."""
    line, number = place_of(job)
    several = f"-{number}" if job.request.count > 1 else ""
    return f"{line:04d}{several}-{slug(job.request.idea)}.{SUFFIXES.get(job.media_type or '', 'jpg')}"


def slug(idea: str) -> str:
    """An idea's first letters and digits, fit for every file system."""
    plain = unicodedata.normalize("NFKD", idea).casefold()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    kept = "".join(character if character.isalnum() and character.isascii() else " " for character in plain)
    return "-".join(kept.split())[:_SLUG_LENGTH].strip("-") or "picture"


def write_manifest(jobs: Iterable[Job], skipped: Iterable[Problem] = ()) -> str:
    """Every idea of a batch with what became of it, as CSV with a line of headings.

    Args:
        skipped: Lines of its file that were left out; they stand at the end, with their numbers in the file.
    """
    left_out = ([f"of the file: {one.line}", *[""] * 8, "skipped", one.reason] for one in skipped)
    return write_csv([MANIFEST, *(_manifest_row(job) for job in jobs), *left_out])


def _manifest_row(job: Job) -> list[str | int]:
    recipe, prompt = job.recipe, job.prompt
    return [
        *place_of(job),
        job.request.idea,
        prompt.text if prompt else "",
        prompt.negative if prompt else "",
        "" if recipe is None or recipe.seed is None else recipe.seed,
        recipe.model if recipe else job.request.parameters.model or "",
        recipe.provider if recipe else "",
        file_name(job) if job.state is State.FINISHED else "",
        outcome(job),
        job.reason or "",
    ]
