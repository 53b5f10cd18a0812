"""A request is taken as a whole; a record that is wrong in itself is answered in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from bentos.payloads import (
    MOST_RECORDS,
    MatchBatch,
    SessionBatch,
    TutorBatch,
    predictions_json,
    scores_json,
)
from scoring.explanations import Contribution
from scoring.forms import MatchRecord, Prediction, Refused, SessionRecord, TutorScore

SESSION = {"scheduled_time": "2026-12-03T15:00:00+02:00", "duration_minutes": 60, "tutor_history": []}


def read_sessions(*records: Any, **more: Any) -> SessionBatch:
    return SessionBatch.model_validate_json(json.dumps({"records": records, **more}))


def test_a_record_becomes_the_form_that_scoring_reads() -> None:
    batch = read_sessions(SESSION)
    assert batch.records == [
        SessionRecord(scheduled_time=datetime(2026, 12, 3, 13, tzinfo=UTC), duration_minutes=60.0, tutor_history=[])
    ]
    assert batch.contributions is False
    assert read_sessions(SESSION, contributions=True).contributions is True


BAD = {
    "text for a number": ({"duration_minutes": "60"}, "duration_minutes"),
    "a truth value for a number": ({"duration_minutes": True}, "duration_minutes"),
    "a number for a time": ({"scheduled_time": 1_800_000_000}, "scheduled_time"),
    "no time": ({"scheduled_time": "tomorrow"}, "scheduled_time"),
    "missing": ({"scheduled_time": None}, "scheduled_time"),
    "unknown field": ({"durations": 60}, "durations"),
    "unknown field of a history": (
        {"tutor_history": [{"scheduled_time": "2026-01-01T00:00:00Z", "status": "completed", "x": 1}]},
        "tutor_history.0.x",
    ),
    "text for a list": ({"tutor_history": "none"}, "tutor_history"),
    "a number for an id": ({"session_id": 5}, "session_id"),
}


@pytest.mark.parametrize(("change", "field"), BAD.values(), ids=BAD.keys())
def test_a_bad_record_is_refused_in_its_place(change: dict[str, Any], field: str) -> None:
    batch = read_sessions(SESSION, SESSION | change, SESSION, contributions=True)
    assert [type(record) for record in batch.records] == [SessionRecord, Refused, SessionRecord]
    assert batch.records[1].field == field  # type: ignore[union-attr]
    assert batch.contributions is True


def test_all_records_may_be_bad() -> None:
    batch = read_sessions(1, None, [], "x", {})
    assert [record.field for record in batch.records] == ["record"] * 4 + ["scheduled_time"]  # type: ignore[union-attr]
    assert batch.contributions is False


WRONG = {
    "no records": {},
    "null": {"records": None},
    "none": {"records": []},
    "an object": {"records": SESSION},
    "too many": {"records": [1] * (MOST_RECORDS + 1)},
    "an unknown member": {"records": [SESSION], "extra": 1},
    "contributions that are no truth value": {"records": [SESSION], "contributions": "yes"},
    "neither object nor list": "records",
    "an empty list": [],
    "a list that is too long": [1] * (MOST_RECORDS + 1),
}


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_request_is_refused_as_a_whole(request_: Any) -> None:
    with pytest.raises(ValidationError):
        SessionBatch.model_validate_json(json.dumps(request_))


@pytest.mark.parametrize("space", ["", " \r\n\t"])
@pytest.mark.parametrize("encode", [str, str.encode])
def test_a_bare_list_is_a_request_of_just_records(space: str, encode: Callable[[str], str | bytes]) -> None:
    records = [SESSION, SESSION | {"durations": 60}, [SESSION]]
    bare = SessionBatch.model_validate_json(encode(space + json.dumps(records)))
    assert bare == read_sessions(*records)
    assert [type(record) for record in bare.records] == [SessionRecord, Refused, Refused]
    assert bare.contributions is False


def test_as_many_records_as_are_allowed() -> None:
    body = json.dumps({"records": [{"student": {}, "tutor": {}}] * MOST_RECORDS})
    batch = MatchBatch.model_validate_json(body)
    assert len(batch.records) == MOST_RECORDS
    assert isinstance(batch.records[-1], MatchRecord)


def test_no_error_quotes_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        MatchBatch.model_validate_json('{"records": "Mia Meyer, 14"}')
    assert "Mia" not in str(caught.value)
    batch = MatchBatch.model_validate_json('{"records": [{"student": "Mia Meyer, 14", "tutor": {}}]}')
    assert "Mia" not in str(batch.records)


def test_more_errors_than_can_be_told_are_one() -> None:
    record = dict.fromkeys(map(str, range(100_001)), 1)
    with pytest.raises(ValidationError) as caught:
        TutorBatch.model_validate_json(json.dumps({"records": [record]}))
    assert [error["type"] for error in caught.value.errors()] == ["too_many_errors"]


def test_predictions_show_contributions_only_where_asked_for() -> None:
    why = [Contribution("hours_until_session", 30.0, 0.5, "the session is 30 hours away")]
    answers = [Prediction(0.25, "medium", "v3", False, why), Refused("age", "no"), Prediction(0.1, "low", "rule", True)]
    assert json.loads(bytes(predictions_json(answers).body)) == [
        {
            "probability": 0.25,
            "risk_level": "medium",
            "model_version": "v3",
            "fallback": False,
            "contributions": [
                {
                    "feature": "hours_until_session",
                    "value": 30.0,
                    "effect": 0.5,
                    "phrase": "the session is 30 hours away",
                }
            ],
        },
        {"error": {"field": "age", "message": "no"}},
        {"probability": 0.1, "risk_level": "low", "model_version": "rule", "fallback": True},
    ]


def test_scores_keep_their_nulls() -> None:
    score = TutorScore(None, None, 50.0, 40.0, 0, 2, 5, 0, 1, 2, 1, 20.0, None, True, 15.0)
    found = json.loads(bytes(scores_json([score]).body))[0]
    assert found["reschedule_rate_7d"] is None
    assert found["tutor_id"] is None
    assert len(found) == 15
