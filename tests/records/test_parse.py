from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from records.importing.csv_rows import DAMAGE
from records.importing.form import SESSIONS, TUTORS
from records.importing.parse import parse_columns


def parse(column: str, values: list, kind: pa.DataType | None = None, form=SESSIONS) -> tuple[list, list[int]]:
    """What the values become, and the rows that have a problem."""
    typed, problems = parse_columns(form, {column: pa.array(values, kind)})
    rows = np.zeros(len(values), dtype=bool)
    for problem in problems:
        assert problem.column == column
        rows |= problem.rows
    return typed[column].to_pylist(), np.flatnonzero(rows).tolist()


NOON = dt.datetime(2026, 3, 1, 12)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01 12:00:00",
        "2026-03-01 12:00",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01T14:00:00+0200",
        "2026-03-01 04:30:00-07:30",
        "2026-03-01 12:00:00.000000+00:00",
        "2026-03-01T12:00:00.000000000Z",
        " 2026-03-01T12:00:00 ",
    ],
)
def test_iso_times_are_utc_whatever_their_offset(text: str) -> None:
    assert parse("scheduled_time", [text]) == ([NOON], [])
    others = ["2026-03-01T12:00:00Z", text, "2026-03-01 12:00:00", "", None]
    assert parse("scheduled_time", others) == ([NOON, NOON, NOON, None, None], [])


@pytest.mark.parametrize("text", ["soon", "01/03/2026 12:00", "2026-13-01", "2026-02-30", "1772366400", "12:00"])
def test_what_is_no_iso_time_is_a_problem_and_its_neighbours_are_not(text: str) -> None:
    assert parse("scheduled_time", ["2026-03-01T12:00:00Z", text, "2026-03-01 12:00:00"]) == ([NOON, None, NOON], [1])


def test_times_of_other_types_keep_their_moment() -> None:
    noon_in_seconds = 1_772_366_400
    east = pa.array([noon_in_seconds]).cast(pa.timestamp("s", "+02:00"))
    assert parse_columns(SESSIONS, {"booked_at": east})[0]["booked_at"].to_pylist() == [NOON]
    assert parse("booked_at", [NOON, None], pa.timestamp("ns")) == ([NOON, None], [])
    assert parse("booked_at", [NOON.date()], pa.date32()) == ([dt.datetime(2026, 3, 1)], [])


def test_whole_numbers_may_be_written_with_a_zero_behind_the_point() -> None:
    texts = ["45", "45.0", " 45 ", "4.5e1", "45.5", "x", "", "nan", "inf", "99999999999999999999"]
    assert parse("duration_minutes", texts) == ([45, 45, 45, 45, None, None, None, None, None, None], [4, 5, 7, 8, 9])
    assert parse("duration_minutes", [45.0, 45.5, None], pa.float64()) == ([45, None, None], [1])
    assert parse("duration_minutes", [Decimal("45")], pa.decimal128(5, 1)) == ([45], [])
    assert parse("duration_minutes", ["1", "-3", None]) == ([1, -3, None], [])


def test_booleans() -> None:
    words = ["true", "FALSE", "1", "0", "Yes", "n", "maybe", ""]
    assert parse("is_active", words, form=TUTORS) == ([True, False, True, False, True, False, None, None], [6])
    assert parse("is_active", [True, None], form=TUTORS) == ([True, None], [])


def test_json_must_be_what_a_database_can_hold() -> None:
    texts = ['{"b": 1, "ä": [null]}', "{", r'{"a": "\u0000"}', r'{"a": "\ud800"}', "NaN", '"\\\\u0000"', None]
    values, bad = parse("preferences_json", texts, form=TUTORS)
    assert values == ['{"b": 1, "ä": [null]}', None, None, None, None, '"\\\\u0000"', None]
    assert bad == [1, 2, 3, 4]


def test_text_is_trimmed_and_may_hold_neither_nul_nor_damage() -> None:
    texts = [" a ", "", "  ", "b\0", f"c{DAMAGE}\\xff", None, "ü"]
    assert parse("subject", texts) == (["a", None, None, None, None, None, "ü"], [3, 4])
    assert parse("subject", [b"a", b"\xff", None], pa.binary()) == (["a", None, None], [1])
    assert parse("subject", [1, None], pa.int64()) == (["1", None], [])
    one = uuid.UUID(int=2**100)
    assert parse("id", [one.bytes, None], pa.binary(16)) == ([str(one), None], [])
    assert parse("preferences_json", [{"a": [1]}, None], form=TUTORS) == (['{"a": [1]}', None], [])
    dictionary = pa.array(["x", None, "x"]).dictionary_encode()
    assert parse_columns(SESSIONS, {"subject": dictionary})[0]["subject"].to_pylist() == ["x", None, "x"]
    assert parse("subject", [None, None], pa.null()) == ([None, None], [])


def test_json_may_be_a_hundred_levels_deep_and_no_deeper() -> None:
    def nest(depth: int) -> list[str]:
        return ["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]

    fine, too_deep = nest(100), [*nest(101), *nest(900), *nest(20_000), "[" * 200_000]
    values, bad = parse("preferences_json", [*fine, *too_deep, "[[1], [2]]"], form=TUTORS)
    assert bad == list(range(2, 2 + len(too_deep)))
    assert [value is None for value in values] == [False] * 2 + [True] * len(too_deep) + [False]
