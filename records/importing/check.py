"""What a row must satisfy to enter, as pandera schemas; the database's constraints say the same once more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa_check
import pyarrow as pa
from pandera.errors import SchemaErrorReason, SchemaErrors

from records.columns import STATUSES, TEACHING_STYLES
from records.importing.form import Form
from records.importing.parse import Problem
from records.known import CLOCKS_DIFFER
from records.tables.people import MAX_AGE, SEXES
from records.tables.sessions import EARLIEST_YEAR, INITIATORS

_EARLIEST = pd.Timestamp(f"{EARLIEST_YEAR}-01-01")
_EARLIEST_BOOKING = pd.Timestamp(f"{EARLIEST_YEAR - 10}-01-01")
_END = pd.Timestamp("2100-01-01")
_SCALES = (
    "preferred_pace",
    "communication_style",
    "confidence_level",
    "communication_style_preference",
    "urgency_level",
    "previous_satisfaction",
)
_LENGTHS = {
    "id": 255,
    "tutor_id": 255,
    "student_id": 255,
    "name": 255,
    "email": 320,
    "preferred_student_level": 100,
    "learning_goals": 500,
    "subject": 255,
    "reason_code": 100,
}
_WORDS = {
    "sex": SEXES,
    "teaching_style": TEACHING_STYLES,
    "preferred_teaching_style": TEACHING_STYLES,
    "status": STATUSES,
    "initiator": INITIATORS,
}
_TIMES = ("booked_at", "completed_time", "original_time", "new_time", "cancelled_at", "valid_from")
_TIMES_PAST = ("booked_at", "completed_time", "cancelled_at")
_TIMES_OF_TELLING = ("recorded_at", "outcome_recorded_at")


def check_columns(form: Form, typed: Mapping[str, pa.Array]) -> list[Problem]:
    """The rules that rows break, each with the rows that do."""
    frame = pa.table(dict(typed)).to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get)
    if frame.empty:
        return []
    try:
        _schema(form.kind, tuple(frame.columns), form.required).validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        return [_problem(error, frame) for error in errors.schema_errors]
    return []


@cache
def _schema(kind: str, columns: tuple[str, ...], required: frozenset[str]) -> pa_check.DataFrameSchema:
    present = set(columns)
    rules = _session_rules() if kind == "sessions" else []
    return pa_check.DataFrameSchema(
        {name: pa_check.Column(checks=_column_checks(name), nullable=name not in required) for name in columns},
        checks=[
            pa_check.Check(holds, error=sentence, ignore_na=False)
            for needs, holds, sentence in rules
            if set(needs) <= present
        ],
    )


def _column_checks(name: str) -> list[pa_check.Check]:
    checks: list[pa_check.Check] = []
    if name == "age":
        checks.append(_in_range(0, MAX_AGE))
    if name == "experience_years":
        checks.append(_in_range(0, 100))
    if name == "previous_tutoring_experience":
        checks.append(_in_range(0, 2**31 - 1))
    if name == "duration_minutes":
        checks.append(_in_range(1, 300))
    if name in _SCALES:
        checks.append(_in_range(1, 5))
    if name in _LENGTHS:
        longest = _LENGTHS[name]
        checks.append(pa_check.Check(lambda text: text.str.len() <= longest, error=f"at most {longest} characters"))
    if name in _WORDS:
        checks.append(pa_check.Check.isin(_WORDS[name], error=f"one of {', '.join(_WORDS[name])}"))
    if name == "scheduled_time":
        checks.append(_between(_EARLIEST, _END))
    if name in _TIMES:
        checks.append(_between(_EARLIEST_BOOKING if name != "valid_from" else pd.Timestamp(0), _END))
    if name in _TIMES_PAST:
        checks.append(pa_check.Check(lambda time: ~_is_ahead(time), error="a time that is not in the future"))
    if name in _TIMES_OF_TELLING:
        checks.append(pa_check.Check(_is_told, error=f"a time between {_EARLIEST:%Y-%m-%d} and now"))
    return checks


def _in_range(low: int, high: int) -> pa_check.Check:
    return pa_check.Check.in_range(low, high, error=f"{low} to {high}")


def _between(start: pd.Timestamp, end: pd.Timestamp) -> pa_check.Check:
    return pa_check.Check.in_range(
        start, end, include_max=False, error=f"a time between {start:%Y-%m-%d} and {end:%Y-%m-%d}"
    )


def _is_told(times: pd.Series[pd.Timestamp]) -> pd.Series[bool]:
    return (times >= _EARLIEST) & ~_is_ahead(times)


def _is_ahead(times: pd.Series[Any]) -> pd.Series[bool]:
    """Which of these times (UTC) have not come yet."""
    return times > pd.Timestamp.now("UTC").tz_localize(None) + CLOCKS_DIFFER


def _session_rules() -> list[tuple[tuple[str, ...], Any, str]]:
    """(columns needed, what holds for every row, the sentence where it does not). A missing time is in order."""
    moved = "rescheduled"
    return [
        (
            ("booked_at", "scheduled_time"),
            lambda f: ~(f["booked_at"] > f["scheduled_time"]),
            "scheduled_time is before booked_at",
        ),
        (
            ("completed_time", "scheduled_time"),
            lambda f: ~(f["completed_time"] < f["scheduled_time"]),
            "completed_time is before scheduled_time",
        ),
        (
            ("scheduled_time", "status"),
            lambda f: ~(_is_ahead(f["scheduled_time"]) & (_is(f, "completed") | _is(f, "no_show"))),
            "status is completed or no_show, but scheduled_time is in the future",
        ),
        (
            ("completed_time", "status"),
            lambda f: f["completed_time"].isna() | _is(f, "completed"),
            "completed_time is given, but status is not completed",
        ),
        (
            ("status",),
            lambda f: (f["initiator"].notna() if "initiator" in f else False) | ~_is(f, moved),
            "status is rescheduled, but initiator is missing; expected tutor or student",
        ),
        *[
            (
                (name, "status"),
                lambda f, name=name: f[name].isna() | _is(f, moved),
                f"{name} is given, but status is not rescheduled",
            )
            for name in ("initiator", "new_time", "cancelled_at")
        ],
        (
            ("new_time", "scheduled_time"),
            lambda f: ~(f["new_time"] <= _original_time(f)),
            "new_time is not after original_time",
        ),
        (
            ("cancelled_at", "booked_at"),
            lambda f: ~(f["cancelled_at"] < f["booked_at"]),
            "cancelled_at is before booked_at",
        ),
    ]


def _original_time(frame: pd.DataFrame) -> pd.Series[Any]:
    """As it will be stored: scheduled_time, where the file does not say."""
    scheduled = frame["scheduled_time"]
    return frame["original_time"].fillna(scheduled) if "original_time" in frame else scheduled


def _is(frame: pd.DataFrame, status: str) -> pd.Series[bool]:
    return (frame["status"] == status).fillna(False).astype(bool)


def _problem(error: Any, frame: pd.DataFrame) -> Problem:
    column = error.schema.name if isinstance(error.schema, pa_check.Column) else None
    if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
        return Problem(frame[column].isna().to_numpy(dtype=bool), column, "a value")
    holds = error.check_output  # of the rows that are not null
    if not isinstance(holds, pd.Series):  # a check that itself failed: a mistake here, not in the file
        raise TypeError(f"pandera found no rows to blame: {error}")
    rows = np.zeros(len(frame), dtype=bool)
    rows[holds.index[~holds.to_numpy(dtype=bool)]] = True
    return Problem(rows, column, error.check.error)
