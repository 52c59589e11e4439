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
from shared.flags import KINDS, Flag, Takes, part, quote
from shared.ideas import MAX_IDEA_LENGTH, Hint, read_request
from shared.images import SUFFIXES
from shared.jobs import Address, Job, Request, Sender, State
from shared.styles import Styles
from shared.text_files import Text, may_be_text, read_text

MAX_LINES = 5_000
MAX_PICTURES = 1_000  # of one batch, unless the owner says otherwise
MAX_LINE_LENGTH = 4_000  # characters; an idea and all its parameters need far fewer
MOST_VARIANTS = 1_000_000_000  # a hundred groups stand for a number that nobody can read, or write
MAX_FILE_BYTES = 20 * 1024 * 1024  # what Telegram lets a bot download
MAX_FILE_LINES = 20 * MAX_LINES  # with blank ones and those inside quotes
MAX_ROW_LENGTH = 10 * MAX_LINE_LENGTH  # characters of a table's row or a JSON object, which may be escaped
MAX_COLUMNS = 50  # of a table; keys of a JSON object
MAX_HINTS = 50  # of one batch
SHOWN = 60  # characters of an idea that show whether a file was read rightly

IDEA = "idea"
COLUMNS = (IDEA, *KINDS)
_YES, _NO = frozenset({"1", "true", "yes", "y", "x", "on"}), frozenset({"", "0", "false", "no", "n", "off"})
_GROUP = re.compile(r"(?<!\\)\{((?:\\.|[^{}\\])*)\}")
_NESTED = re.compile(r"(?<!\\)\{(?:\\.|[^{}\\])*(?<!\\)\{(?:\\.|[^{}\\])*\}")
_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # as ``str.splitlines`` has them
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
)
_DOS_END = b"\x1a"
_ODD = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")  # control characters that end no line
_MAX_TORN = 20  # rows of a table whose quotes don't end, after which its quotes mean something else
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


class Way(StrEnum):
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
        status_sending_since: From then on a message that sums it up may be in the chat whose number nobody wrote down.
        status_after: That message's number is higher than this.
        undelivered_reason: Why its delivery was given up; None: it was delivered, or still may be.
    """

    id: int
    source: str
    address: Address
    sender: Sender
    pictures: int
    way: Way
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
    undelivered_reason: str | None = None

    @property
    def is_put_away(self) -> bool:
        """Whether it was never started, and waited too long or gave way to a newer one: what it was is forgotten."""
        return self.state is BatchState.CANCELLED and self.pictures == 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a batch's pictures stand where.

    Attributes:
        made: Those that have a job by now.
        home: Those of the finished ones that are in the chat.
        recent: Those that were finished or failed of late, the first of them at ``recent_since``.
        reasons: How many of the failed ones failed for which reason.
    """

    made: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    working: int = 0
    home: int = 0
    recent: int = 0
    recent_since: datetime | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)

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
    """What we made of a text or file: nothing in it is passed over in silence."""

    requests: tuple[Request, ...]
    hints: tuple[Hint, ...] = ()
    problems: tuple[Problem, ...] = ()

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
    most: int = MAX_PICTURES,
) -> BatchReading:
    """Read a batch: one idea a line, with parameters, or a table of them.

    Args:
        content: What was typed, or a file's bytes.
        name: The file's name; its ending (``.csv``, ``.tsv``, ``.jsonl``) tells what it is, else it is text.
        shared: Parameters for all lines; a line's own go before them.
        most: Pictures that one batch may have.

    Raises:
        BadBatch: The whole can't be read: empty, binary, too many lines or pictures, no column of ideas.
        BadParameter: The shared parameters can't be read.
    """
    read = Text(content) if isinstance(content, str) else decode(content)
    text = read.text
    _check_file_lines(text)
    suffix = (name or "").rpartition(".")[2].casefold()
    hints: list[Hint] = []
    problems: list[Problem] = []
    if suffix in {"csv", "tsv"}:
        lines = _of_table(text, hints, problems)
    elif suffix in {"jsonl", "ndjson", "json"}:
        lines = _of_objects(text, hints, problems)
    else:
        lines, own = _of_text(text)
        shared = f"{shared} {own}".strip()
    if not lines and not problems:
        raise BadBatch("batch_empty")
    reading = _read_lines(lines, _common(shared, most), catalogue, styles, most, hints, problems)
    return _with_guess(reading, read.guessed) if read.guessed else reading


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
    if content.startswith(_MAGIC) or not may_be_text(content):
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


def _of_text(text: str) -> tuple[list[Line], str]:
    """The lines with something on them, and the parameters on the first if it has no idea."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    _check_lines(len(lines))
    if lines and len(lines[0][1]) <= MAX_LINE_LENGTH and _has_only_flags(lines[0][1]):
        return lines[1:], lines[0][1]
    return lines, ""


def _has_only_flags(line: str) -> bool:
    if not line.startswith(("--", "—", "–")):
        return False
    try:
        return all(not part(variant).words.strip() for variant in itertools.islice(expand(line), 1))
    except BadParameter:
        # Whatever is wrong with it will be told of the line as of an idea's.
        return False


def _of_table(text: str, hints: list[Hint], problems: list[Problem]) -> list[Line]:
    lines = _RowLines(text)
    separator, header = _header(_first_line(lines))
    unknown = [column for column in header if column and column not in COLUMNS]
    if unknown:
        hints.append(Hint("batch_hint_columns", {"names": quote(", ".join(unknown))}))
    rows = csv.reader(lines, delimiter=separator, strict=True)
    found: list[Line] = []
    torn: list[Problem] = []
    while (row := _next_row(rows, lines, torn)) is not None:
        if not any(cell.strip() for cell in row):
            continue
        _check_lines(len(found) + len(problems) + 1)
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            problems.append(Problem(lines.number, "batch_too_many_cells", {}))
            continue
        _add(found, problems, lines.number, dict(zip(header, row, strict=False)))
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
        readings.append((separator, [cell.strip().removeprefix("--").casefold() for cell in cells]))
    separator, header = max(
        readings, key=lambda one: sum(cell in COLUMNS for cell in one[1]), default=(",", list[str]())
    )
    if len(header) > MAX_COLUMNS:
        raise BadBatch("batch_too_many_columns", most=MAX_COLUMNS)
    if IDEA not in header:
        raise BadBatch("batch_no_idea_column", columns=", ".join(COLUMNS))
    repeated = next((cell for cell, times in Counter(header).items() if cell and times > 1), None)
    if repeated is not None:
        raise BadBatch("batch_column_twice", name=quote(repeated))
    return separator, header


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
        values = {key.strip().removeprefix("--").casefold(): _as_text(value) for key, value in entry.items()}
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


def _entry(value: object) -> dict[str, Any] | None:
    """A value as an object, or a text as one with an idea alone; None where it is neither."""
    if isinstance(value, str):
        return {IDEA: value}
    if not isinstance(value, dict) or len(value) > MAX_COLUMNS:
        return None
    return value if all(isinstance(one, _SCALARS) for one in value.values()) else None


def _as_text(value: str | float | bool | None) -> str:
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    return str(value)


def _add(found: list[Line], problems: list[Problem], line: int, values: Mapping[str, str]) -> None:
    """Write a row as it would be typed."""
    words = [" ".join(values.get(IDEA, "").split())]
    for name, kind in KINDS.items():
        value = " ".join(values.get(name, "").split())
        if kind.takes is Takes.NOTHING:
            if value.casefold() not in _YES | _NO:
                problems.append(Problem(line, "batch_yes_or_no", {"name": name, "value": quote(value)}))
                return
            words += [kind.typed] * (value.casefold() in _YES)
        elif value:
            words.append(_typed(Flag(kind, value)))
    if not words[0]:
        problems.append(Problem(line, "batch_line_without_idea", {}))
        return
    found.append((line, " ".join(words)))


def _typed(flag: Flag) -> str:
    if flag.kind.takes is Takes.NOTHING:
        return flag.kind.typed
    several = flag.kind.takes is Takes.WORD and " " in flag.value and '"' not in flag.value
    return f'{flag.kind.typed} "{flag.value}"' if several else f"{flag.kind.typed} {flag.value}"


def expand(line: str) -> Iterator[str]:
    r"""``{red,blue} car`` → ``red car``, ``blue car``. A group without a comma stays; ``\{`` is a brace.

    Raises:
        BadParameter: One group stands in another.
    """
    if "{" in line and _NESTED.search(line):
        raise BadParameter("batch_nested_group")
    return (_unescape("".join(choice)) for choice in itertools.product(*_pieces(line)))


def variants(line: str) -> int:
    """How many lines ``expand`` makes of this one; ``MOST_VARIANTS`` stands for all that is more."""
    count = 1
    for piece in _pieces(line):
        count = min(count * len(piece), MOST_VARIANTS)
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


def _common(shared: str, most: int) -> list[tuple[Flag, ...]]:
    """The shared parameters, once for each way that their groups allow."""
    if variants(shared) > most:
        raise BadBatch("batch_too_many_pictures", n=variants(shared), most=most)
    found = []
    for variant in expand(shared):
        parted = part(variant)
        if parted.words.strip():
            raise BadBatch("batch_shared_not_parameters", value=quote(parted.words.strip()))
        found.append(parted.flags)
    return found


def _read_lines(  # noqa: PLR0917 - the steps of one reading, taken apart
    lines: Sequence[Line],
    common: Sequence[tuple[Flag, ...]],
    catalogue: Catalogue,
    styles: Styles,
    most: int,
    hints: list[Hint],
    problems: list[Problem],
) -> BatchReading:
    requests: list[Request] = []
    told = {(hint.reason, str(hint.values)) for hint in hints}
    pictures = 0
    for number, line in lines:
        try:
            _check_letters(line)
            _check_length(line)
            pictures += _check_variants(line, len(common), pictures, most)
            readings = [
                read_request(_with(variant, flags), catalogue, styles) for variant in expand(line) for flags in common
            ]
        except BadBatch:
            raise
        except UserError as error:
            problems.append(Problem(number, error.reason, error.values))
            continue
        pictures += sum(reading.request.count - 1 for reading in readings)
        requests += [reading.request for reading in readings]
        for hint in itertools.chain.from_iterable(reading.hints for reading in readings):
            if len(told) < MAX_HINTS and (key := (hint.reason, str(hint.values))) not in told:
                told.add(key)
                hints.append(hint)
    whole = BatchReading(tuple(requests), tuple(hints), tuple(sorted(problems, key=lambda one: one.line)))
    if whole.pictures > most:
        raise BadBatch("batch_too_many_pictures", n=whole.pictures, most=most)
    return whole


def _check_letters(line: str) -> None:
    if _ODD.search(line):
        raise BadParameter("batch_line_odd")


def _check_length(line: str) -> None:
    if len(line) > MAX_LINE_LENGTH:
        raise BadParameter("idea_too_long", n=MAX_IDEA_LENGTH)


def _check_variants(line: str, common: int, already: int, most: int) -> int:
    """Count before anything is written out: a few groups on one line can stand for billions.

    The lines of a batch that is over the limit are still read as far as ``MAX_LINES``, so that the number that is
    told is the whole one.
    """
    count = variants(line) * common
    if count > most:
        raise BadBatch("batch_too_many_pictures", n=already + count, most=most)
    if already > MAX_LINES + most:
        raise BadBatch("batch_too_many_pictures", n=already + count, most=most)
    return count


def _with(line: str, flags: Iterable[Flag]) -> str:
    own = {flag.kind.name for flag in part(line).flags}
    return " ".join([line, *(_typed(flag) for flag in flags if flag.kind.name not in own)])


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
