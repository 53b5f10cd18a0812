from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from records.bulk import Words, copy_rows, read_rows
from records.columns import MISSING, NEVER

UTC = dt.UTC


def make_table(connection: Connection) -> None:
    connection.execute(
        text(
            "CREATE TEMP TABLE everything (small int2, normal int4, big int8, real float8, yes bool, "
            '"at" timestamptz, id uuid, word text, other text, stays int4 DEFAULT 7) ON COMMIT DROP'
        )
    )


def test_each_type_arrives_as_the_value_that_was_written(engine: Engine) -> None:
    ids = [uuid.UUID(int=5), uuid.UUID(int=2**127 + 9)]
    at = [dt.datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC), dt.datetime(2026, 5, 4, 3, 2, 1, 7, UTC)]
    with engine.begin() as connection:
        make_table(connection)
        written = copy_rows(
            connection,
            "everything",
            {
                "small": np.array([-32_768, 32_767]),
                "normal": np.array([1, -2], dtype=np.int8),
                "big": np.array([2**62, -1]),
                "real": np.array([0.1, np.nan]),
                "yes": np.array([True, False]),
                "at": np.array([value.replace(tzinfo=None) for value in at], dtype="datetime64[us]"),
                "id": np.frombuffer(b"".join(value.bytes for value in ids), np.uint8).reshape(2, 16),
                "word": Words(np.array([1, 0]), ("ü", "")),
            },
        )
        rows = connection.execute(text("SELECT * FROM everything ORDER BY small")).all()
    assert written == 2
    assert rows[0] == (-32_768, 1, 2**62, 0.1, True, at[0], ids[0], "", None, 7)
    assert rows[1][:3] == (32_767, -2, -1)
    assert np.isnan(rows[1].real)
    assert rows[1][4:] == (False, at[1], ids[1], "ü", None, 7)


def test_masked_entries_nat_and_code_minus_one_are_null(engine: Engine) -> None:
    with engine.begin() as connection:
        make_table(connection)
        copy_rows(
            connection,
            "everything",
            {
                "small": np.array([0, 1, 2, 3]),
                "normal": np.ma.masked_array([5, 6, 7, 8], mask=[True, False, True, False]),
                "at": np.array(["NaT", "NaT", "2020-01-01", "2020-01-01"], dtype="datetime64[us]"),
                "word": Words(np.array([-1, 0, 0, -1]), ("a",)),
                "other": Words(np.array([2, 1, -1, 0]), ("x", "yy", "zzz")),
            },
        )
        rows = connection.execute(text('SELECT normal, "at", word, other FROM everything ORDER BY small')).all()
    day = dt.datetime(2020, 1, 1, tzinfo=UTC)
    assert rows == [(None, None, None, "zzz"), (6, None, "a", "yy"), (None, day, "a", None), (8, day, None, "x")]


def test_no_rows_is_no_error(engine: Engine) -> None:
    with engine.begin() as connection:
        make_table(connection)
        assert copy_rows(connection, "everything", {"small": np.array([], dtype=np.int64)}) == 0
        assert len(read_rows(connection, "SELECT small FROM everything", {"small": ">i2"})["small"]) == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"small": np.array([40_000])}, "small"),
        ({"small": np.array([1.5])}, "small"),
        ({"yes": np.array([1])}, "yes"),
        ({"at": np.array([1.5])}, "int64 µs"),
        ({"id": np.array([1])}, "uuid column id"),
        ({"word": np.array(["a"])}, "Words"),
        ({"nobody": np.array([1])}, "no column nobody"),
        ({"small": np.array([1]), "big": np.array([1, 2])}, "differ in length"),
    ],
)
def test_what_does_not_fit_the_column_is_refused_by_name(engine: Engine, columns: dict, said: str) -> None:
    with engine.begin() as connection:
        make_table(connection)
        with pytest.raises(ValueError, match=said):
            copy_rows(connection, "everything", columns)
        assert connection.scalar(text("SELECT count(*) FROM everything")) == 0


def test_reading_gives_times_in_unix_microseconds_and_infinities_as_never_and_missing(engine: Engine) -> None:
    moments = "(1, timestamptz '1970-01-01 00:00:01+00'), (2, '-infinity'), (3, 'infinity')"
    query = f"SELECT t, 2.5::float8 FROM (VALUES {moments}) v (n, t)"
    with engine.connect() as connection:
        columns = read_rows(connection, query + " ORDER BY n", {"t": "time", "x": ">f8"})
    assert columns["t"].tolist() == [1_000_000, MISSING, NEVER]
    assert columns["t"].dtype == np.int64
    assert columns["x"].tolist() == [2.5, 2.5, 2.5]


@pytest.mark.parametrize("query", ["SELECT NULL::int4", "SELECT 1::int8", "SELECT 1, 2"])
def test_reading_refuses_null_and_other_widths(engine: Engine, query: str) -> None:
    with engine.connect() as connection, pytest.raises(ValueError, match="null"):
        read_rows(connection, query, {"x": ">i4"})


def test_a_read_larger_than_one_block_loses_no_row(engine: Engine) -> None:
    count = 1_000_000  # 14 bytes each on the wire: 14 MB of body; with a uuid, 34 MB, over two blocks
    with engine.connect() as connection:
        columns = read_rows(
            connection,
            f"SELECT n::int8, lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, {count}) n",
            {"n": ">i8", "id": "V16"},
        )
    assert (columns["n"] == np.arange(1, count + 1)).all()
    assert (columns["id"][:, 12:].copy().view(">u4")[:, 0] == columns["n"]).all()


words = st.sampled_from([None, "low", "high", "rule"])


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(words, words, st.none() | st.integers(-(2**31), 2**31 - 1)), min_size=1, max_size=40))
def test_any_mix_of_words_and_nulls_round_trips(embedded_url, rows: list) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(embedded_url)
    table = ("low", "high", "rule")
    column = {
        "small": np.arange(len(rows)),
        "word": Words(np.array([table.index(r[0]) if r[0] else -1 for r in rows]), table),
        "other": Words(np.array([table.index(r[1]) if r[1] else -1 for r in rows]), table),
        "normal": np.ma.masked_array([r[2] or 0 for r in rows], mask=[r[2] is None for r in rows]),
    }
    with engine.begin() as connection:
        make_table(connection)
        copy_rows(connection, "everything", column)
        found = connection.execute(text("SELECT word, other, normal FROM everything ORDER BY small")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == rows
