"""Reads the first sheet of a spreadsheet (.xlsx) as rows of text. Pure; for a child process with limits.

Such a file is an archive of XML that a stranger made: what it would unpack to is looked at before anything is.
"""

import datetime
import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.errors import BadBatch

if TYPE_CHECKING:
    from openpyxl.cell.cell import CellValue

MAGIC = b"PK\x03\x04"
WORKBOOK = "xl/workbook.xml"
MAX_PARTS = 2_000
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
LOCKED = 0x1  # the flag of a part that needs a password

Row = tuple[int, list[str]]


def is_spreadsheet(content: bytes) -> bool:
    """Whether it is an archive with a workbook in it, whatever its name says."""
    if not content.startswith(MAGIC):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return False


def read_rows(content: bytes, *, most_rows: int, most_columns: int) -> Iterator[Row]:
    """The rows of the first visible sheet with their numbers, from 1; those without any text are left out.

    Formulas are what they came to when the file was saved.

    Args:
        most_rows: Of the sheet, blank ones included.
        most_columns: Cells beyond this one are not looked at.

    Raises:
        BadBatch: It is broken, locked, would unpack to too much, or has too many rows.
    """
    _check_parts(content)
    import openpyxl  # 100 ms, which batches of text do without
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = next(one for one in book.worksheets if one.sheet_state == "visible")
        # What a file says of its size may be wrong.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(max_col=most_columns, values_only=True), 1):
            if number > most_rows:
                raise BadBatch("batch_too_many_lines", n=number, most=most_rows)
            cells = [_as_text(value) for value in row]
            if any(cell.strip() for cell in cells):
                yield number, cells
    except (InvalidFileException, zipfile.BadZipFile, StopIteration, SyntaxError) as error:
        # XML's errors are SyntaxErrors.
        raise BadBatch("batch_sheet_broken") from error
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        EOFError,
        NotImplementedError,
    ) as error:
        # What the library stumbles over in a workbook whose parts don't fit together.
        raise BadBatch("batch_sheet_broken") from error


def _check_parts(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise BadBatch("batch_sheet_broken") from error
    unpacked = sum(part.file_size for part in parts)  # No more than this is read of a part.
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED_BYTES or any(part.flag_bits & LOCKED for part in parts):
        raise BadBatch("batch_sheet_broken")


def _as_text(value: "CellValue | None") -> str:
    """A cell as it would be typed; a ratio such as 16:9 has become a time of day."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else ""
        case float() if value.is_integer():
            return str(int(value))
        case datetime.datetime():
            return value.date().isoformat()
        case datetime.time():
            return f"{value.hour}:{value.minute}"
        case datetime.timedelta():
            hours, rest = divmod(int(value.total_seconds()), 3600)
            return f"{hours}:{rest // 60}"
    return str(value)
