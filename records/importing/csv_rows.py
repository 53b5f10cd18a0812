"""CSV as Arrow columns of text, with the physical line on which each row starts.

Arrow's reader is fast but tells no lines, skips rows of the wrong width through a callback, and its callback fails on
text that is not UTF-8. So the bytes are mended before it sees them, and lines are counted after.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from records.columns import Bool, Int64
from tqs.errors import RecordsError

DAMAGE: Final = "\U0010ffff"  # a code point that no text may hold: stands before a byte that was no UTF-8
BLOCK_BYTES: Final = 8 * 1024 * 1024  # a row may be this long
HEADER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of the right width by column, and (line, reason, text) of the others; `done` is the share read, 0-1."""

    lines: Int64
    columns: dict[str, pa.Array]
    broken: list[tuple[int, str, str]]
    done: float


def read_csv_header(path: Path) -> list[str]:
    """The names in the first row. Raises RecordsError where the first megabyte is not one."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    try:
        text = start.decode("utf-8-sig", "replace")
        header = next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        raise RecordsError(f"{path} does not start with a header of CSV ({error})") from error
    if not any(header):
        raise RecordsError(f"{path} starts with an empty line; expected a header")
    return header


def read_csv_chunks(path: Path, header: list[str]) -> Iterator[CsvRows]:
    """The rows below the header. Raises pyarrow.ArrowInvalid for a row longer than BLOCK_BYTES."""
    with path.open("rb") as raw:
        size = max(path.stat().st_size, 1)
        source = _MendedText(raw)
        if source.holds_one_record_at_most():
            return
        odd: list[Any] = []

        def keep_odd(row: Any) -> str:
            odd.append(row)
            return "skip"

        reader = arrow_csv.open_csv(
            pa.PythonFile(source, mode="r"),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True,
                ignore_empty_lines=False,  # they count as lines
                invalid_row_handler=keep_odd,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), check_utf8=False, strings_can_be_null=False
            ),
        )
        counter = _LineCounter(odd)
        held: CsvRows | None = None  # only at the end it shows whether the last row's quotes were closed
        for batch in reader:
            if held is not None:
                yield held
            columns = {name: batch.column(i) for i, name in enumerate(header)}
            lines, broken = counter.count(columns, len(batch))
            held = _drop_rows(CsvRows(lines, columns, broken, raw.tell() / size), _blank(columns, len(batch)))
        if held is not None:
            yield _break_last_row(held) if source.quotes % 2 else held
        if odd:
            none = {name: pa.array([], pa.string()) for name in header}
            lines, broken = counter.count({}, 0, to_the_end=True)
            yield CsvRows(lines, none, broken, 1.0)


class _LineCounter:
    """Turns the order of records, good and odd ones, into the lines on which they start."""

    def __init__(self, odd: list[Any]) -> None:
        self._odd = odd  # Arrow appends rows of the wrong width here; number 1 is the header
        self._record = 2
        self._line = 2

    def count(
        self, columns: dict[str, pa.Array], rows: int, *, to_the_end: bool = False
    ) -> tuple[Int64, list[tuple[int, str, str]]]:
        between = 0  # odd records before the batch's last good one
        while between < len(self._odd) and (to_the_end or self._odd[between].number < self._record + rows + between):
            between += 1
        odd = self._odd[:between]
        del self._odd[:between]
        total = rows + between
        is_odd = np.zeros(total, dtype=bool)
        is_odd[np.array([row.number - self._record for row in odd], dtype=np.int64)] = True
        spans = np.ones(total, dtype=np.int64)
        spans[is_odd] += np.array([row.text.count("\n") for row in odd], dtype=np.int64)
        spans[~is_odd] += _count_newlines(columns, rows)
        starts = self._line + np.cumsum(spans) - spans
        self._record += total
        self._line += int(spans.sum())
        broken = [(int(line), _explain_width(row), row.text) for line, row in zip(starts[is_odd], odd, strict=True)]
        return starts[~is_odd], broken


def _explain_width(row: Any) -> str:
    reason = f"the row has {row.actual_columns} fields; expected {row.expected_columns}, as in the header"
    return reason + (" (was a quote left open?)" if "\n" in row.text else "")


def _count_newlines(columns: dict[str, pa.Array], rows: int) -> Int64:
    count = np.zeros(rows, dtype=np.int64)
    for column in columns.values():
        if may_contain(column, b"\n"):
            count += pc.count_substring(column, "\n").to_numpy()
    return count


def may_contain(column: pa.Array, needle: bytes) -> bool:
    """Whether the bytes occur in the text column's buffer: a quick no, an unsure yes."""
    data = column.buffers()[-1]
    return data is not None and needle in data.to_pybytes()


def _blank(columns: dict[str, pa.Array], rows: int) -> Bool:
    length = np.zeros(rows, dtype=np.int64)
    for column in columns.values():
        length += pc.binary_length(column).to_numpy()
    blank: Bool = length == 0
    return blank


def _drop_rows(rows: CsvRows, dropped: Bool) -> CsvRows:
    if not dropped.any():
        return rows
    kept = pa.array(~dropped)
    columns = {name: column.filter(kept) for name, column in rows.columns.items()}
    return CsvRows(rows.lines[~dropped], columns, rows.broken, rows.done)


def _break_last_row(rows: CsvRows) -> CsvRows:
    """An odd number of quotes in the file, and a last row that goes over lines: it swallowed those below it."""
    last = [column[-1].as_py() for column in rows.columns.values()] if len(rows.lines) else []
    if not any("\n" in field for field in last):
        return rows
    broken = (int(rows.lines[-1]), "a quote is left open from here to the end of the file", ",".join(last))
    is_last = np.arange(len(rows.lines)) == len(rows.lines) - 1
    kept = _drop_rows(rows, is_last)
    return CsvRows(kept.lines, kept.columns, [*kept.broken, broken], kept.done)


class _MendedText(io.RawIOBase):
    """A file's bytes as clean UTF-8 without a byte order mark; what was no UTF-8 reads as DAMAGE and an escape."""

    def __init__(self, raw: io.BufferedReader) -> None:
        super().__init__()
        codecs.register_error("tqs-damage", _mark_damage)
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("tqs-damage")
        self._ready = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._raw.read(len(buffer))
            self._ready = self._decoder.decode(data, final=not data).encode()
            self.quotes += self._ready.count(b'"')
            if not data and not self._ready:
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def holds_one_record_at_most(self) -> bool:
        """Whether nothing but blank follows the header."""
        start = self._raw.peek(1)[:1] and self._raw.read(HEADER_BYTES)
        self._raw.seek(0)
        if len(start) == HEADER_BYTES:
            return False
        rows = csv.reader(io.StringIO(start.decode("utf-8-sig", "replace"), newline=""))
        next(rows, None)
        try:
            return not any(any(row) for row in rows)
        except csv.Error:  # a long field: something does follow
            return False


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    shown = "".join(f"\\x{byte:02x}" for byte in error.object[error.start : error.end])
    return DAMAGE + shown, error.end
