"""Writes tables as CSV that no spreadsheet runs as formulas. Pure."""

import csv
import io
import re
from collections.abc import Iterable

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, full-width forms included. A cell may
# begin inside of ours: after a semicolon, which parts cells in much of Europe, a tab or a line break.
_FORMULA = re.compile(r'(?:^|(?<=[;\t\r\n]))(?=[\s"\ufeff\u200b]*[=+\-@＝＋－＠])')
_BEGINS_WITH_CONTROL = re.compile(r"^(?=[\t\r\n])")
TEXT_MARK = "'"  # makes a cell text; spreadsheets don't show it


def write_csv(rows: Iterable[Iterable[str | int]]) -> str:
    """Write rows as CSV; every text is text to a spreadsheet, whatever it begins with."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerows([defused(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return table.getvalue()


def defused(cell: str) -> str:
    """A cell's text with a mark before whatever a spreadsheet would compute."""
    marked = _FORMULA.sub(TEXT_MARK, cell)
    return marked if marked.startswith(TEXT_MARK) else _BEGINS_WITH_CONTROL.sub(TEXT_MARK, marked)
