"""What is a session that can be taken, field by field."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from processing.posted import PostedSession, PostedSessions
from tests.processing.conftest import NOON, body, moved


def faults(told: Any) -> list[str]:
    """The fields that are wrong."""
    with pytest.raises(ValidationError) as caught:
        PostedSession.model_validate(told)
    return [".".join(map(str, fault["loc"])) for fault in caught.value.errors()]


def test_the_least_that_must_be_told() -> None:
    names = ("session_id", "tutor_id", "student_id", "scheduled_time", "status")
    least = {name: value for name, value in body().items() if name in names}
    session = PostedSession.model_validate(least)
    assert (session.booked_at, session.duration_minutes, session.subject, session.reschedule_info) == (None,) * 4
    for name in names:
        assert faults({key: value for key, value in least.items() if key != name}) == [name]
    assert PostedSession.model_validate({**body(), "reschedule_info": None, "booked_at": None}).booked_at is None


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-03-11T12:00:00Z", NOON),
        ("2026-03-11T12:00:00", NOON),  # a time without an offset is in UTC
        ("2026-03-11 12:00", NOON),
        ("2026-03-11T17:30:00+05:30", NOON),
        ("2026-03-10t23:00:00.5-13:00", NOON + timedelta(seconds=0.5)),
        ("2026-03-11T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc(told: str, meant: datetime) -> None:
    scheduled = PostedSession.model_validate(body(scheduled_time=told, booked_at=None)).scheduled_time
    assert scheduled == meant
    assert scheduled.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "told",
    [
        "", "tomorrow", "2026-03-11", "2026-02-30T12:00:00Z", "2026-03-11T25:00:00Z", "1772020800", 1772020800, 1e9,
        True, None, [], {}, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "10000-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z", "2000-01-01T00:00:00+00:01", "-2026-03-11T12:00:00Z",
        "2026-03-11T12:00:00+99:00", "２０２６-03-11T12:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_of_a_session(told: Any) -> None:
    assert faults({**body(booked_at=None), "scheduled_time": told}) == ["scheduled_time"]


def test_two_years_ahead_and_no_more() -> None:
    now = datetime.now(UTC)
    two_years = now.replace(year=now.year + 2, day=min(now.day, 28))
    assert PostedSession.model_validate(body(scheduled_time=two_years.isoformat())).scheduled_time == two_years
    assert faults(body(scheduled_time=(now + timedelta(days=735)).isoformat())) == ["scheduled_time"]
    info = {"new_time": (now + timedelta(days=735)).isoformat()}
    assert faults(moved(info=info)) == ["reschedule_info.new_time"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("session_id", ["", "x", 5, None, "00000000-0000-0000-0000-00000000000g"]),
        ("tutor_id", ["ann", 5, None, {}]),
        ("student_id", ["", " \t", "x" * 256, 5, None, ["a"]]),
        ("status", ["", "SCHEDULED", "done", 1, None]),
        ("duration_minutes", [0, 301, -1, 60.5, 60.0, "60", True, 10**30, float("nan"), float("inf")]),
        ("subject", ["x" * 256, 5, {}]),
        ("booked_at", ["2026-03-11T12:00:00.000001Z", "1989-12-31T23:59:59Z", 5]),  # after it begins; before all
        ("reschedule_info", [{}, "tutor", moved()["reschedule_info"]]),
        ("completed_time", ["2026-03-11T13:00:00Z", "soon"]),  # of a session that is scheduled only
        ("id", ["00000000-0000-0000-0000-000000000001"]),
        ("recorded_at", ["2026-03-11T12:00:00Z"]),  # when we were told is for us to say
    ],
)
def test_what_a_field_may_not_hold(field: str, values: list[Any]) -> None:
    for value in values:
        assert faults({**body(), field: value})[0].split(".")[0] == field, value


def test_a_completed_time_of_a_completed_session_that_has_begun() -> None:
    session = PostedSession.model_validate(body(status="completed", completed_time="2026-03-11T12:00:00Z"))
    assert session.completed_time == NOON
    assert faults(body(status="completed", completed_time="2026-03-11T11:59:59Z")) == ["completed_time"]
    now = datetime.now(UTC)
    begun, soon, later = (str(now + timedelta(minutes=m)) for m in (-30, 4, 6))  # clocks may differ by five
    assert PostedSession.model_validate(body(scheduled_time=begun, status="completed", completed_time=soon))
    assert faults(body(scheduled_time=begun, status="completed", completed_time=later)) == ["completed_time"]
    for status in ("no_show", "scheduled"):
        assert faults(body(status=status, completed_time="2026-03-11T13:00:00Z")) == ["completed_time"]
    assert faults(moved(completed_time="2026-03-11T13:00:00Z")) == ["completed_time"]


def test_nothing_has_happened_that_lies_ahead() -> None:
    """Whether a session has an outcome, was booked or cancelled; clocks may differ by five minutes."""
    now = datetime.now(UTC)
    soon, later, ahead = (str(now + timedelta(minutes=m)) for m in (4, 6, 60 * 24 * 300))
    for status in ("completed", "no_show"):
        assert PostedSession.model_validate(body(scheduled_time=soon, status=status)).status == status
        for scheduled in (later, ahead):
            assert faults(body(scheduled_time=scheduled, status=status)) == ["status"]
    assert PostedSession.model_validate(body(scheduled_time=ahead, booked_at=soon))
    assert faults(body(scheduled_time=ahead, booked_at=later)) == ["booked_at"]
    assert PostedSession.model_validate(moved(scheduled_time=ahead, info={"original_time": None, "cancelled_at": soon}))
    told = moved(scheduled_time=ahead, info={"original_time": None, "cancelled_at": later})
    assert faults(told) == ["reschedule_info.cancelled_at"]


def test_rescheduled_with_and_only_with_its_reschedule() -> None:
    assert faults(body(status="rescheduled")) == ["reschedule_info"]
    info = moved()["reschedule_info"]
    for status in ("scheduled", "completed", "no_show"):
        assert faults(body(status=status, reschedule_info=info)) == ["reschedule_info"]


@pytest.mark.parametrize(
    ("info", "wrong"),
    [
        ({"initiator": None}, "reschedule_info.initiator"),
        ({"initiator": "nobody"}, "reschedule_info.initiator"),
        ({"new_time": "2026-03-11T12:00:00Z"}, "reschedule_info"),  # not after the original
        ({"original_time": None, "new_time": "2026-03-11T11:00:00Z"}, "reschedule_info"),
        ({"cancelled_at": "2026-03-01T08:59:59Z"}, "reschedule_info"),  # before it was booked
        ({"cancelled_at": "never"}, "reschedule_info.cancelled_at"),
        ({"reason_code": "x" * 101}, "reschedule_info.reason_code"),
        ({"reason": 5}, "reschedule_info.reason"),
        ({"why": "ill"}, "reschedule_info.why"),
    ],
)
def test_what_a_reschedule_may_not_hold(info: dict[str, Any], wrong: str) -> None:
    assert faults(moved(info=info)) == [wrong]


def test_blank_text_says_nothing() -> None:
    session = PostedSession.model_validate(moved(subject=" \t", info={"reason": "", "reason_code": " ill "}))
    assert session.reschedule_info is not None
    assert (session.subject, session.reschedule_info.reason, session.reschedule_info.reason_code) == (None, None, "ill")


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_what_is_no_object_is_no_session(told: Any) -> None:
    assert faults(told) == [""]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PostedSession.model_fields)), _JSON)
def test_whatever_a_field_holds_it_is_taken_or_refused(field: str, value: Any) -> None:
    with suppress(ValidationError):
        PostedSession.model_validate({**body(), field: value})


def test_a_batch_holds_1_to_1000_of_whatever() -> None:
    assert len(PostedSessions.model_validate({"sessions": [5, None, {}]}).sessions) == 3
    assert len(PostedSessions.model_validate({"sessions": [{}] * 1000}).sessions) == 1000
    for wrong in ({"sessions": []}, {"sessions": [{}] * 1001}, {"sessions": {}}, {}, [], {"sessions": [1], "more": 1}):
        with pytest.raises(ValidationError):
            PostedSessions.model_validate(wrong)
