"""Raw columns (text of a CSV, anything of a Parquet file or a frame) into typed ones, and what could not be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from records.columns import Bool
from records.importing.csv_rows import DAMAGE, may_contain
from records.importing.form import Form, Reading

TIME: Final = pa.timestamp("us")  # UTC throughout
_WORDS_FOR_TRUE = ("true", "t", "yes", "y", "1")
_WORDS_FOR_FALSE = ("false", "f", "no", "n", "0")
_ZONE = r"[Tt ].*(Z|z|[+-]\d\d(:?\d\d)?)$"  # only after a time of day: a date ends in -01 too
MAX_JSON_DEPTH: Final = 100  # arrays and objects in one another; PostgreSQL's parser ends at some thousands
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows that cannot enter: `column` does not hold what was `expected`; without a column `expected` says all."""

    rows: Bool
    column: str | None
    expected: str


def parse_columns(form: Form, raw: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], list[Problem]]:
    """Each raw column as its form reads it: text, int64, bool or timestamp[us] in UTC; ids stay text.

    Empty text is null, white space around a text is not part of it, and a time without offset is UTC. What cannot be
    read is null in the result and has a problem.
    """
    typed: dict[str, pa.Array] = {}
    problems: list[Problem] = []
    for name, column in raw.items():
        readable, damaged = _read_text(column)
        if damaged is not None:
            problems.append(Problem(damaged, name, "text in UTF-8 without NUL"))
        read, expected = _READERS[form.columns[name]]
        typed[name] = read(readable)
        unread = pc.and_(pc.is_valid(readable), pc.is_null(typed[name], nan_is_null=True))
        if pc.any(unread).as_py():
            problems.append(Problem(_mask(unread), name, expected))
    return typed, problems


def _read_text(column: pa.Array) -> tuple[pa.Array, Bool | None]:
    """Text without white space around it, empty as null; other types as they are. Damaged text is null too."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_null(column.type):
        return column.cast(pa.string()), None
    if pa.types.is_nested(column.type) or pa.types.is_fixed_size_binary(column.type):
        return pa.array([_write_out(value) for value in column.to_pylist()], pa.string()), None
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or _is_bytes(column.type)):
        return column, None
    column = _mend(column)
    damaged = None
    if may_contain(column, b"\0") or may_contain(column, DAMAGE.encode()):
        damaged = _mask(pc.or_(pc.match_substring(column, "\0"), pc.match_substring(column, DAMAGE)))
    column = pc.utf8_trim_whitespace(column)
    hidden = pc.equal(pc.binary_length(column), 0)
    if damaged is not None:
        hidden = pc.or_(hidden, pa.array(damaged))
    return (pc.if_else(hidden, pa.scalar(None, pa.string()), column) if pc.any(hidden).as_py() else column), damaged


def _mend(column: pa.Array) -> pa.Array:
    """Valid UTF-8 as pa.string(); a Parquet file may hold anything under that name."""
    as_bytes = column.cast(pa.binary())
    try:
        return as_bytes.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decode(value) for value in as_bytes.to_pylist()], pa.string())


def _decode(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return DAMAGE + value.decode(errors="backslashreplace")


def _write_out(value: Any) -> str | None:
    """A value of a Parquet file that is neither text nor number: 16 bytes are a UUID, lists and records are JSON."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return str(UUID(bytes=value)) if len(value) == 16 else value.hex()
    return json.dumps(value, default=str)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _keep_text(column: pa.Array) -> pa.Array:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _read_integers(column: pa.Array) -> pa.Array:
    """Whole numbers, also where written 15.0, as a column with gaps is by many programs."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_string(column.type):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            numbers = pd.to_numeric(column.to_pandas(), errors="coerce")
    else:
        numbers = pd.to_numeric(column.cast(pa.string()).to_pandas(), errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        whole = (np.abs(values) < 2**53) & (values == np.floor(values))
    return pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole)


def _read_booleans(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type):
        return column
    words = pc.utf8_lower(column.cast(pa.string()))
    yes = pc.is_in(words, pa.array(_WORDS_FOR_TRUE))
    known = pc.or_(yes, pc.is_in(words, pa.array(_WORDS_FOR_FALSE)))
    return pc.if_else(known, yes, pa.scalar(None, pa.bool_()))


def _read_times(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        return column.cast(TIME)
    if pa.types.is_timestamp(column.type):  # counts from 1970 in UTC, whatever zone it is shown in
        return column.cast(pa.int64()).cast(pa.timestamp(column.type.unit)).cast(TIME, safe=False)
    column = column.cast(pa.string())
    zoned = _mask(pc.match_substring_regex(column, _ZONE))
    if zoned.all() or not zoned.any():
        return _read_iso(column, zoned=bool(zoned.any()))
    # Apart, for pandas gives a time without a zone the zone of the one before.
    parts = [_read_iso(column.filter(pa.array(rows)), zoned=zone) for rows, zone in ((zoned, True), (~zoned, False))]
    order = np.argsort(np.concatenate([np.flatnonzero(zoned), np.flatnonzero(~zoned)]))
    return pa.concat_arrays(parts).take(pa.array(order))


def _read_iso(column: pa.Array, *, zoned: bool) -> pa.Array:
    try:
        return column.cast(pa.timestamp("us", "UTC") if zoned else TIME).cast(pa.int64()).cast(TIME)
    except pa.ArrowInvalid:  # Arrow stops at the first that it cannot read, or that is finer than microseconds
        times = pd.to_datetime(column.to_pandas(), format="ISO8601", utc=True, errors="coerce")
        return pa.array(times.dt.tz_localize(None).to_numpy("datetime64[us]"), TIME)


def _read_json(column: pa.Array) -> pa.Array:
    return pa.array([None if value is None else _normalise_json(value) for value in column.to_pylist()], pa.string())


def _normalise_json(value: Any) -> str | None:
    try:
        read = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(read, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):  # UnicodeEncodeError, for a lone surrogate, is a ValueError
        return None
    return None if _NUL_IN_JSON.search(text) or _is_too_deep(read) else text


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        if not inner:
            return False
        level = list(chain.from_iterable(inner))
    return True


def _mask(array: pa.Array) -> Bool:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=bool)


_READERS: Final[dict[Reading, tuple[Callable[[pa.Array], pa.Array], str]]] = {
    "id": (_keep_text, "text"),
    "text": (_keep_text, "text"),
    "integer": (_read_integers, "a whole number"),
    "boolean": (_read_booleans, "true or false"),
    "time": (_read_times, "a time in ISO 8601, like 2026-03-01T15:00:00+00:00, between 1990 and 2100"),
    "json": (_read_json, f"JSON without NUL or lone surrogates, at most {MAX_JSON_DEPTH} levels deep"),
}
