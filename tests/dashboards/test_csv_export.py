from __future__ import annotations

import csv
import io

import pytest

from dashboards.csv_export import defuse, write_csv


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "＝1", '=HYPERLINK("http://x")'],
)
def test_a_cell_that_a_spreadsheet_would_compute_is_text(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Ada", "a=1", "1-2", "", 0, -1.5, True, "'=1"])
def test_any_other_cell_stays(value: object) -> None:
    assert defuse(value) == value


def test_a_table_reads_back() -> None:
    text = write_csv(["name", "rate"], [['A "b", c\nd', -0.5], [None, 1], ["=x", 2]])
    assert text.startswith("\ufeffname,rate\r\n")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert rows == [["name", "rate"], ['A "b", c\nd', "-0.5"], ["", "1"], ["'=x", "2"]]
