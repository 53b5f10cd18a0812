from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from records.importing import csv_rows
from records.importing.csv_rows import DAMAGE, read_csv_chunks, read_csv_header


def read(path: Path) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str, str]]]:
    """(line, fields) of every good row, and the broken ones."""
    good, broken = [], []
    for rows in read_csv_chunks(path, read_csv_header(path)):
        columns = [column.to_pylist() for column in rows.columns.values()]
        good += [(int(line), list(fields)) for line, *fields in zip(rows.lines, *columns, strict=True)]
        broken += rows.broken
    return good, broken


def test_line_numbers_are_those_of_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,name\r\n"  # 1, after a byte order mark
        b"a,plain\r\n"  # 2
        b'b,"two\nlines"\r\n'  # 3 and 4
        b"\r\n"  # 5, blank
        b"too,many,fields\r\n"  # 6
        b'"too\r\nfew"\r\n'  # 7 and 8
        b'c,"with ""quotes"" and, comma"\n'  # 9
        b"d,"  # 10, without an end
    )
    good, broken = read(path)
    assert good == [
        (2, ["a", "plain"]),
        (3, ["b", "two\nlines"]),
        (9, ["c", 'with "quotes" and, comma']),
        (10, ["d", ""]),
    ]
    assert [(line, reason) for line, reason, _ in broken] == [
        (6, "the row has 3 fields; expected 2, as in the header"),
        (7, "the row has 1 fields; expected 2, as in the header (was a quote left open?)"),
    ]


def test_bytes_that_are_no_utf8_are_marked_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name\na,caf\xe9\nb,caf\xc3\xa9\nc,\xed\xa0\x80\nd\xff\n")
    good, broken = read(path)
    assert good == [
        (2, ["a", f"caf{DAMAGE}\\xe9"]),
        (3, ["b", "café"]),
        (4, ["c", f"{DAMAGE}\\xed{DAMAGE}\\xa0{DAMAGE}\\x80"]),
    ]
    assert broken[0][0] == 5


def test_a_header_without_rows_gives_none(tmp_path: Path) -> None:
    for text in ("id,name", "id,name\n", "id,name\r\n\r\n\n"):
        path = tmp_path / "a.csv"
        path.write_text(text, newline="")
        assert read(path) == ([], [])


def test_a_quote_left_open_costs_the_rest_but_not_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,name\na,b\nc,"open\n' + "x,y\n" * 50)
    good, broken = read(path)
    assert good == [(2, ["a", "b"])]
    assert [(line, reason) for line, reason, _ in broken] == [
        (3, "a quote is left open from here to the end of the file")
    ]


def test_an_inch_sign_is_no_quote(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,name\na,"two\nlines"\nb,12" disk\n')
    assert read(path) == ([(2, ["a", "two\nlines"]), (4, ["b", '12" disk'])], [])


fields = st.text(st.sampled_from('ab,"\n\r é'), max_size=6)


@settings(max_examples=150)
@given(rows=st.lists(st.lists(fields, min_size=1, max_size=4), max_size=12), block=st.sampled_from([160, 400]))
def test_lines_and_fields_agree_with_the_csv_module(tmp_path_factory, rows: list[list[str]], block: int) -> None:
    """Whatever the rows: the same fields as Python's reader, on the lines where it finds them."""
    # A lone \r ends a record for Arrow but is no line of its own for anybody; keep to \n and \r\n.
    rows = [[field.replace("\r", "") for field in row] for row in rows]
    rows = [row if len(row) == 2 else ["odd", *row[1:]] for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["x", "y"], *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(text.getvalue(), newline="")

    expected_good, expected_broken = [], []
    line = 2
    for row in rows:
        if len(row) != 2:
            expected_broken.append(line)
        elif any(row):
            expected_good.append((line, row))
        line += 1 + sum(field.count("\n") for field in row)

    before = csv_rows.BLOCK_BYTES
    csv_rows.BLOCK_BYTES = block
    try:
        good, broken = read(path)
    finally:
        csv_rows.BLOCK_BYTES = before
    assert good == expected_good
    assert [line for line, _, _ in broken] == expected_broken


def test_rows_keep_their_lines_across_blocks(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 1000)
    path = tmp_path / "a.csv"
    body = ["n,text"] + [f'{n},"a\nb"' if n % 7 else "odd" for n in range(2_000)]
    path.write_text("\n".join(body))
    good, broken = read(path)
    starts = 2 + np.cumsum([0] + [2 if n % 7 else 1 for n in range(2_000)])[:-1]
    assert [(line, int(row[0])) for line, row in good] == [(starts[n], n) for n in range(2_000) if n % 7]
    assert [line for line, _, _ in broken] == [starts[n] for n in range(2_000) if n % 7 == 0]
