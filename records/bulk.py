"""Rows in and out of PostgreSQL by binary COPY, built and parsed by numpy: no Python object per row.

The binary form of a row is a count of fields, then for each its length and its bytes, big-endian; a timestamptz is
int64 microseconds since 2000-01-01 UTC, its infinities the least and greatest int64
(https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, text

from records.columns import MISSING, NEVER

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
EPOCH_2000_US: Final = 946_684_800_000_000
BLOCK_ROWS: Final = 65_536
BLOCK_BYTES: Final = 16 * 1024 * 1024

# PostgreSQL's name of a type -> how numpy writes it
WIRE: Final = {
    "smallint": ">i2",
    "integer": ">i4",
    "bigint": ">i8",
    "double precision": ">f8",
    "boolean": "?",
    "timestamp with time zone": ">i8",
    "uuid": "V16",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A text column of few distinct values: row i holds words[codes[i]], or null where the code is -1."""

    codes: NDArray[Any]
    words: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)


BulkColumn = NDArray[Any] | Words


def copy_rows(connection: Connection, table: Table | str, columns: Mapping[str, BulkColumn]) -> int:
    """Append rows to `table` inside the connection's transaction; returns their number.

    Parameters
    ----------
    table
        a table, or its name (a temporary one, say)
    columns
        equally long: int2/int4/int8/float8/bool columns as any numpy array that fits; timestamptz as int64 µs since
        1970 (MISSING and NEVER become -infinity and infinity) or datetime64 (NaT is null); uuid as uint8 of shape
        (n, 16); text as `Words`. Null: a masked array's masked entries. Rows may be written in another order.

    Raises
    ------
    ValueError
        columns of different length, a column that the table lacks or of a type that is not listed above, or a
        number that the column cannot hold.
    """
    name = table.name if isinstance(table, Table) else table
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns for {name} differ in length: {lengths}")
    types = _column_types(connection, name)
    fields = [_Field.of(key, column, types.get(key)) for key, column in columns.items()]
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(name)} ({', '.join(map(quote, columns))}) FROM STDIN (FORMAT binary)"
    rows = next(iter(lengths.values()))
    with open_cursor(connection) as cursor:
        cursor.copy_expert(statement, _Source(_encode(fields, rows)))
    return rows


def read_rows(
    connection: Connection, query: str, dtype: Mapping[str, str], values: Mapping[str, Any] | None = None
) -> dict[str, NDArray[Any]]:
    """The rows of `query` as one array a column.

    Parameters
    ----------
    query
        selects exactly the columns of `dtype`, in order, none of them ever null; `%(name)s` stands for a value
    dtype
        name -> type on the wire, one of WIRE's values; "time" for a timestamptz, which comes as int64 µs since 1970
        with -infinity as MISSING and infinity as NEVER
    """
    record = _record([(name, ">i8" if kind == "time" else kind) for name, kind in dtype.items()])
    sink = _Sink(record)
    with open_cursor(connection) as cursor:
        body = cursor.mogrify(query, values).decode() if values else query
        cursor.copy_expert(f"COPY ({body}) TO STDOUT (FORMAT binary)", sink)
    return {
        name: _from_wire(np.concatenate([block[name] for block in sink.blocks()]), kind) for name, kind in dtype.items()
    }


def open_cursor(connection: Connection) -> Any:
    """psycopg2's own cursor (a context manager) inside the connection's transaction."""
    driver: Any = connection.connection.driver_connection
    return driver.cursor()


def _record(fields: Sequence[tuple[str, str]]) -> np.dtype[Any]:
    """One row on the wire; `#name` is the length in front of `name`."""
    parts: list[tuple[str, str]] = [("#", ">i2")]
    for name, kind in fields:
        parts.append((f"#{name}", ">i4"))
        if np.dtype(kind).itemsize:
            parts.append((name, kind))
    return np.dtype(parts)


def _from_wire(raw: NDArray[Any], kind: str) -> NDArray[Any]:
    if kind == "V16":
        return raw.view(np.uint8).reshape(len(raw), 16)
    native = raw.astype(raw.dtype.newbyteorder("="))
    if kind == "time":
        finite = (native != MISSING) & (native != NEVER)
        native[finite] += EPOCH_2000_US
    return native


class _Sink:
    """What COPY writes to: whole rows are taken out of the buffer as it fills, as copies per column."""

    def __init__(self, record: np.dtype[Any]) -> None:
        self._record = record
        self._buffer = bytearray()
        self._skip = len(HEADER)
        self._blocks: list[dict[str, NDArray[Any]]] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BLOCK_BYTES:
            self._take()

    def blocks(self) -> list[dict[str, NDArray[Any]]]:
        self._take()
        if self._buffer != TRAILER:
            raise ValueError(f"a row does not have the width of {self._record}: is a column null or of another type?")
        return self._blocks

    def _take(self) -> None:
        size = self._record.itemsize
        count = (len(self._buffer) - self._skip) // size
        rows = np.frombuffer(self._buffer, self._record, count, self._skip)
        names = [name for name in self._record.names or () if not name.startswith("#")]
        for name in names:
            if (rows[f"#{name}"] != self._record[name].itemsize).any():
                raise ValueError(f"column {name} is null or not of {self._record[name].itemsize} bytes in some row")
        self._blocks.append({name: rows[name].copy() for name in names})
        del rows
        del self._buffer[: self._skip + count * size]
        self._skip = 0


class _Source:
    """What COPY reads from: gives one block at a time, whatever size it is asked for."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, _size: int) -> bytes:
        return next(self._blocks, b"")


@dataclass(frozen=True, slots=True)
class _Field:
    """A column on the wire. `group` separates rows whose fields differ in length: null, or another word."""

    name: str
    wire: NDArray[Any] | None  # None: text
    words: tuple[bytes, ...]
    group: NDArray[np.int64] | None  # -1: null; for text the word

    @staticmethod
    def of(name: str, column: BulkColumn, kind: str | None) -> _Field:
        if kind is None:
            raise ValueError(f"the table has no column {name}")
        if isinstance(column, Words):
            words = tuple(word.encode() for word in column.words)
            return _Field(name, None, words, np.asarray(column.codes, dtype=np.int64))
        if kind not in WIRE:
            raise ValueError(
                f"column {name} is of type {kind}; COPY from numpy writes text (as Words) and {list(WIRE)}"
            )
        null = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
        plain = np.ma.getdata(column)
        if np.issubdtype(plain.dtype, np.datetime64):
            null = np.isnat(plain) if null is None else null | np.isnat(plain)
            plain = plain.astype("datetime64[us]").view(np.int64)
        group = -null.astype(np.int64) if null is not None and null.any() else None
        return _Field(name, _to_wire(name, plain, kind, null), (), group)


def _to_wire(name: str, plain: NDArray[Any], kind: str, null: NDArray[np.bool_] | None) -> NDArray[Any]:
    if kind == "uuid":
        if plain.dtype != np.uint8 or plain.ndim != 2 or plain.shape[1] != 16:
            raise ValueError(f"uuid column {name} is {plain.dtype} {plain.shape}; expected uint8 of shape (n, 16)")
        return np.ascontiguousarray(plain).view("V16")[:, 0]
    if kind == "timestamp with time zone":
        if plain.dtype != np.int64:
            raise ValueError(f"time column {name} is {plain.dtype}; expected int64 µs since 1970 or datetime64")
        finite = (plain != MISSING) & (plain != NEVER)
        return np.where(finite, plain - EPOCH_2000_US * finite, plain).astype(">i8")
    target = np.dtype(WIRE[kind])
    if target.kind == "i":
        limits = np.iinfo(target)
        shown = plain if null is None else plain[~null]
        if plain.dtype.kind not in "iub" or (len(shown) and (shown.min() < limits.min or shown.max() > limits.max)):
            raise ValueError(f"column {name} ({plain.dtype}) does not fit {kind}")
    elif target.kind == "b" and plain.dtype.kind != "b":
        raise ValueError(f"column {name} ({plain.dtype}) does not fit {kind}")
    return plain.astype(target, copy=False)


def _encode(fields: list[_Field], rows: int) -> Iterator[bytes]:
    yield HEADER
    for start in range(0, rows, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, rows))
        varying = [field.group[block] for field in fields if field.group is not None]
        for members in _same(varying, block.stop - block.start):
            yield _encode_alike(fields, members + start)
    yield TRAILER


def _same(varying: list[NDArray[np.int64]], rows: int) -> list[NDArray[np.int64]]:
    """The block's row numbers, split so that within a part all entries of `varying` are the same."""
    key = np.zeros(rows, dtype=np.int64)
    for group in varying:
        _, key = np.unique(key * (int(group.max()) + 2) + group + 1, return_inverse=True)
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _encode_alike(fields: list[_Field], members: NDArray[np.int64]) -> bytes:
    kinds: list[tuple[str, str]] = []
    fixed: dict[str, bytes | None] = {}
    for field in fields:
        code = 0 if field.group is None else int(field.group[members[0]])
        if code < 0:
            fixed[field.name] = None
            kinds.append((field.name, "V0"))
        elif field.wire is None:
            fixed[field.name] = field.words[code]
            kinds.append((field.name, f"V{len(field.words[code])}"))
        else:
            kinds.append((field.name, field.wire.dtype.str))
    out = np.zeros(len(members), dtype=_record(kinds))
    out["#"] = len(fields)
    for field in fields:
        if field.name not in fixed:
            assert field.wire is not None  # noqa: S101  # only text has none, and text is fixed within a part
            out[field.name] = field.wire[members]
            out[f"#{field.name}"] = field.wire.dtype.itemsize
            continue
        word = fixed[field.name]
        out[f"#{field.name}"] = -1 if word is None else len(word)
        if word:
            out[field.name] = np.void(word)
    return out.tobytes()


def _column_types(connection: Connection, table: str) -> dict[str, str]:
    found = connection.execute(
        text(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            "WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"
        ),
        {"table": connection.dialect.identifier_preparer.quote(table)},
    )
    return {row[0]: row[1] for row in found}
