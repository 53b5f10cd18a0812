from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from features.catalogue import names_of
from features.table import session_features
from records.reading import read_history, select_upcoming
from scoring.sessions import predict_upcoming
from tests.scoring.conftest import NOW, Records, days_ago, serve

MODELS = {target: serve(target) for target in ("reschedule", "no_show")}
RULES = {target: serve(target, rule=True) for target in ("reschedule", "no_show")}
STORED = (
    "SELECT session_id::text, target, probability, risk_level, model_version, fallback, predicted_at, features_json"
)
TABLE = "FROM session_reschedule_predictions ORDER BY session_id, target"


@pytest.fixture
def upcoming(records: Records) -> list[str]:
    """Three sessions ahead of one tutor, who rescheduled 3 of the 8 sessions of the last 30 days and missed none."""
    tutor = records.tutor(1)
    for i in range(8):
        records.session(tutor, days_ago(1 + 3 * i), "rescheduled" if i < 3 else "completed", student="mia")
    return [records.session(tutor, NOW + timedelta(days=d), "scheduled", student="mia") for d in (0.5, 3, 13)]


def stored(records: Records) -> dict[tuple[str, str], Any]:
    return {(row[0], row[1]): row for row in records.rows(f"{STORED} {TABLE}")}


def test_stores_what_the_model_says_of_the_features(engine: Engine, records: Records, upcoming: list[str]) -> None:
    reports = predict_upcoming(engine, MODELS, NOW, timezone="Europe/Berlin")

    history = read_history(engine)
    ahead = select_upcoming(history.sessions, int(NOW.timestamp() * 1e6), 14)
    X = session_features(history, ahead, np.full(3, int(NOW.timestamp() * 1e6)), "Europe/Berlin")
    rows = stored(records)
    assert set(rows) == {(key, target) for key in upcoming for target in MODELS}
    for target, model in MODELS.items():
        probabilities = model.predict(X)
        for i, key in enumerate(upcoming):  # both are in the order of their times
            _, _, probability, risk, version, fallback, predicted_at, features = rows[key, target]
            assert probability == probabilities[i]
            assert risk == ("low" if probability < 0.3 else "medium" if probability < 0.7 else "high")
            assert (version, fallback, predicted_at) == ("v1", False, NOW)
            assert [features[name] for name in names_of(target)] == X[i].tolist()
            assert len(features) == 24
    assert [(r.target, r.computed, r.written, r.unchanged, r.fallback) for r in reports] == [
        ("reschedule", 3, 3, 0, False),
        ("no_show", 3, 3, 0, False),
    ]


def test_the_rule_answers_and_says_so(engine: Engine, records: Records, upcoming: list[str]) -> None:
    reports = predict_upcoming(engine, RULES, NOW)

    for (_, target), row in stored(records).items():
        assert row[2:6] == ((3 / 8, "medium", "rule", True) if target == "reschedule" else (0.0, "low", "rule", True))
    assert [(r.model_version, r.fallback) for r in reports] == [("rule", True)] * 2


def test_only_sessions_still_ahead_within_the_days(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    first = records.session(tutor, NOW + timedelta(microseconds=1), "scheduled")
    last = records.session(tutor, NOW + timedelta(days=14), "scheduled")
    records.session(tutor, NOW, "scheduled")
    records.session(tutor, NOW + timedelta(days=14, microseconds=1), "scheduled")
    records.session(tutor, NOW + timedelta(days=1), "rescheduled", cancelled_at=days_ago(1))

    predict_upcoming(engine, MODELS, NOW, targets=["no_show"])

    assert set(stored(records)) == {(first, "no_show"), (last, "no_show")}


def test_rewrites_only_what_differs(engine: Engine, records: Records, upcoming: list[str]) -> None:
    predict_upcoming(engine, MODELS, NOW)
    before = stored(records)

    same = predict_upcoming(engine, MODELS, NOW)
    assert [(r.written, r.unchanged) for r in same] == [(0, 3), (0, 3)]

    records.execute(f"UPDATE sessions SET duration_minutes = 90 WHERE id = '{upcoming[1]}'")
    changed = predict_upcoming(engine, MODELS, NOW)
    assert [(r.written, r.unchanged) for r in changed] == [(1, 2), (1, 2)]
    after = stored(records)
    assert {key for key in before if before[key] != after[key]} == {
        (upcoming[1], "reschedule"),
        (upcoming[1], "no_show"),
    }

    swapped = predict_upcoming(engine, RULES, NOW, targets=["no_show"])
    assert [(r.written, r.unchanged) for r in swapped] == [(3, 0)]


def test_predictions_of_sessions_that_are_over_stay(engine: Engine, records: Records, upcoming: list[str]) -> None:
    predict_upcoming(engine, MODELS, NOW)
    before = stored(records)

    predict_upcoming(engine, MODELS, NOW + timedelta(days=1))

    after = stored(records)
    assert after[upcoming[0], "reschedule"] == before[upcoming[0], "reschedule"]
    assert after[upcoming[1], "reschedule"][6] == NOW + timedelta(days=1)
    assert after[upcoming[1], "reschedule"][7]["hours_until_session"] == 48


def test_nothing_ahead(engine: Engine) -> None:
    assert [r.computed for r in predict_upcoming(engine, RULES, NOW)] == [0, 0]
