"""Spreadsheets as people's programs write them, and those that were made to do harm."""

import datetime
import io
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from shared.batch_reader import BatchReader
from shared.batches import MAX_FILE_LINES, MAX_LINES, BatchReading, read_batch
from shared.catalogue import Catalogue
from shared.errors import BadBatch
from shared.spreadsheets import MAX_UNPACKED_BYTES, WORKBOOK, is_spreadsheet
from shared.styles import Styles

CATALOGUE, STYLES = Catalogue(), Styles(None)


def sheet(*rows: tuple[object, ...], change: Callable[[Worksheet], None] | None = None) -> bytes:
    """A file whose only sheet has these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def archive(**parts: bytes) -> bytes:
    """An archive of these parts; the workbook's name is written ``workbook``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(WORKBOOK if name == "workbook" else name, content)
    return file.getvalue()


def read(content: bytes, name: str = "ideas.xlsx") -> BatchReading:
    return read_batch(content, name, CATALOGUE, STYLES)


def refusal(content: bytes, name: str = "ideas.xlsx") -> str:
    with pytest.raises(BadBatch) as caught:
        read(content, name)
    return caught.value.reason


class TestASheet:
    def test_is_read_as_a_table(self) -> None:
        rows = [
            ("Idea", "ar", "seed", "raw"),
            ("a fox", "16:9", 42.0, True),
            (None, None),
            ("кот, в снегу", "", None, False),
        ]
        reading = read(sheet(*rows))

        fox, cat = reading.requests
        assert (fox.idea, fox.parameters.ratio, fox.parameters.seed) == ("a fox", (16, 9), 42)
        assert (cat.idea, cat.parameters.seed) == ("кот, в снегу", None)
        assert reading.problems == ()

    @pytest.mark.parametrize(
        "cell", [datetime.time(16, 9), "16:09:00", "16:9", datetime.timedelta(hours=16, minutes=9)]
    )
    def test_has_ratios_although_they_became_times_of_day(self, cell: object) -> None:
        [fox] = read(sheet(("idea", "ar"), ("a fox", cell))).requests

        assert fox.parameters.ratio == (16, 9)

    def test_names_the_rows_that_it_leaves_out(self) -> None:
        reading = read(sheet(("idea", "ar"), ("a fox", "x:y"), ("", "1:1"), ("a cat", "1:1"), ("a", "1:1", "more")))

        assert [request.idea for request in reading.requests] == ["a cat"]
        assert [problem.line for problem in reading.problems] == [2, 3, 5]

    def test_is_known_whatever_its_name_says(self) -> None:
        content = sheet(("idea",), ("a fox",))

        assert is_spreadsheet(content)
        assert [request.idea for request in read(content, "ideas.csv").requests] == ["a fox"]

    def test_that_is_hidden_is_passed_over(self) -> None:
        book = openpyxl.Workbook()
        book.active.sheet_state = "hidden"
        book.create_sheet("shown").append(("idea",))
        book["shown"].append(("a fox",))
        file = io.BytesIO()
        book.save(file)

        assert [request.idea for request in read(file.getvalue()).requests] == ["a fox"]

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            ([], "batch_no_idea_column"),
            ([("words",), ("a fox",)], "batch_no_idea_column"),
            ([("idea", "idea"), ("a", "b")], "batch_column_twice"),
            ([("idea", *"abcdefghij" * 6)], "batch_too_many_columns"),
            ([("idea",)], "batch_empty"),
            ([("idea",), *[("a fox",)] * (MAX_LINES + 1)], "batch_too_many_lines"),
        ],
    )
    def test_without_what_a_batch_needs_is_refused(self, rows: list[tuple[object, ...]], reason: str) -> None:
        assert refusal(sheet(*rows)) == reason


class TestHarm:
    def test_an_archive_that_unpacks_to_much_is_not_unpacked(self) -> None:
        bomb = archive(workbook=b"<workbook/>", **{"xl/worksheets/sheet1.xml": b" " * (MAX_UNPACKED_BYTES + 1)})

        assert len(bomb) < 100_000
        assert refusal(bomb) == "batch_sheet_broken"

    def test_one_cell_far_below_does_not_stand_for_a_million_rows(self) -> None:
        def far_below(one: Worksheet) -> None:
            one.cell(MAX_FILE_LINES + 10, 1, "a cat")

        assert refusal(sheet(("idea",), ("a fox",), change=far_below)) == "batch_too_many_lines"

    def test_one_cell_far_to_the_right_is_not_looked_at(self) -> None:
        def far_right(one: Worksheet) -> None:
            one.cell(2, 16_000, "x")

        assert len(read(sheet(("idea",), ("a fox",), change=far_right)).requests) == 1

    @pytest.mark.parametrize(
        "content",
        [
            archive(workbook=b""),
            archive(workbook=b"<workbook"),
            archive(workbook=b"<workbook/>"),
            archive(workbook=b"<!DOCTYPE x [<!ENTITY a 'b'>]><workbook>&a;</workbook>"),
            sheet(("idea",), ("a fox",))[:-40],
        ],
    )
    def test_what_is_broken_is_refused(self, content: bytes) -> None:
        assert refusal(content) in {"batch_sheet_broken", "batch_not_text"}

    def test_another_archive_is_no_spreadsheet(self) -> None:
        assert refusal(archive(**{"word/document.xml": b"<w/>"}), "ideas.docx") == "batch_not_text"

    def test_it_is_read_in_a_child_process(self) -> None:
        reader = BatchReader(CATALOGUE, STYLES)
        try:
            reading = reader.read(sheet(("idea", "n"), ("a fox", 2)), "ideas.xlsx", limit=10)
        finally:
            reader.close()

        assert (reading.requests[0].idea, reading.pictures) == ("a fox", 2)
