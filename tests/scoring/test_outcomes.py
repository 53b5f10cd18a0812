"""Predictions beside outcomes: who was meddled with counts apart, and nothing counts before it is over."""

from __future__ import annotations

import math
import uuid
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from records.tables import (
    automatic_reminders,
    former_predictions,
    interventions,
    reminder_arms,
    session_reschedule_predictions,
)
from scoring.outcomes import GROUPS, GroupOutcome, read_outcomes, report_outcomes
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import QueryError


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def predicted(
    records: Records, tutor: str, status: str = "completed", *, days: float = 5, p: float = 0.5, **given: Any
) -> str:
    """A session that was `days` ago, predicted a day before it. Given: version, target, and of the session."""
    start = given.pop("start", days_ago(days))
    version, target = given.pop("version", "v2"), given.pop("target", "reschedule")
    as_of = given.pop("as_of", start - timedelta(days=1))
    session = records.session(tutor, start, status, **given)
    with records.engine.begin() as connection:
        connection.execute(
            insert(session_reschedule_predictions).values(
                session_id=session,
                scheduled_time=start,
                target=target,
                probability=p,
                risk_level="high",
                model_version=version,
                fallback=version == "rule",
                predicted_at=as_of,
                features_json={},
            )
        )
    return session


def draw(records: Records, tutor: str, arm: str, at: datetime, share: float = 0.2) -> None:
    with records.engine.begin() as connection:
        connection.execute(insert(reminder_arms).values(tutor_id=tutor, arm=arm, share=share, assigned_at=at))


def act(records: Records, session: str, kind: str, at: datetime) -> str:
    [(tutor,)] = records.rows(f"SELECT tutor_id::text FROM sessions WHERE id = '{session}'")
    values = {"session_id": session, "tutor_id": tutor, "kind": kind, "actor": "ann", "created_at": at}
    with records.engine.begin() as connection:
        return str(connection.execute(insert(interventions).values(**values).returning(interventions.c.id)).scalar())


def groups(engine: Engine, target: str = "reschedule") -> list[str]:
    return sorted(GROUPS[code] for code in read_outcomes(engine, target, NOW).group.tolist())


def test_figures_of_each_version_and_group_by_hand(engine: Engine, records: Records) -> None:
    tutor, held = records.tutor(1), records.tutor(2)
    predicted(records, tutor, "rescheduled", p=0.8)
    predicted(records, tutor, "completed", p=0.2)
    predicted(records, tutor, "no_show", p=0.1, version="rule")
    act(records, predicted(records, tutor, "completed", p=0.9), "reminder", days_ago(5.5))
    draw(records, held, "hold_out", days_ago(30))
    predicted(records, held, "rescheduled", p=0.6, version="v10")
    assert report_outcomes(engine, "reschedule", NOW) == [
        GroupOutcome("v10", "hold_out", 1, 0.6, 1.0, pytest.approx(-math.log(0.6)), pytest.approx(0.16)),
        GroupOutcome("v2", "untreated", 2, 0.5, 0.5, pytest.approx(-math.log(0.8)), pytest.approx(0.04)),
        GroupOutcome("v2", "treated", 1, 0.9, 0.0, pytest.approx(-math.log(0.1)), pytest.approx(0.81)),
        GroupOutcome("rule", "untreated", 1, 0.1, 0.0, pytest.approx(-math.log(0.9)), pytest.approx(0.01)),
    ]


def test_a_rule_that_is_wrong_once_has_a_finite_loss(engine: Engine, records: Records) -> None:
    predicted(records, records.tutor(1), "rescheduled", p=0.0, version="rule")
    [one] = report_outcomes(engine, "reschedule", NOW)
    assert one.log_loss == pytest.approx(-math.log(0.001))


def test_the_first_prediction_counts_for_the_time_at_which_the_session_was(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    session = predicted(records, tutor, p=0.1, version="v3")
    alone = predicted(records, tutor, p=0.4)
    for days, p, starts in ((5, 0.2, days_ago(5)), (9, 0.3, days_ago(5)), (10, 0.8, days_ago(6))):
        keep_former(records, session, p, days_ago(5 + days), starts)
    keep_former(records, session, 0.9, days_ago(15), days_ago(5), target="no_show")
    found = read_outcomes(engine, "reschedule", NOW)
    said = {str(uuid.UUID(bytes=bytes(key))): p for key, p in zip(found.session, found.probability, strict=True)}
    assert said == {session: 0.3, alone: 0.4}
    assert set(found.version.tolist()) == {2}


def test_nothing_counts_whose_first_prediction_is_kept_no_more(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    predicted(records, tutor, days=30.01)
    assert len(read_outcomes(engine, "reschedule", NOW)) == 0
    predicted(records, tutor, days=29.99)
    assert len(read_outcomes(engine, "reschedule", NOW)) == 1


def keep_former(
    records: Records, session: str, p: float, at: datetime, starts: datetime, target: str = "reschedule"
) -> None:
    with records.engine.begin() as connection:
        connection.execute(
            insert(former_predictions).values(
                session_id=session,
                target=target,
                day=at.date(),
                scheduled_time=starts,
                probability=p,
                model_version="v2",
                predicted_at=at,
                features=[],
            )
        )


@pytest.mark.parametrize(
    ("kind", "when", "group"),
    [
        ("reminder", days_ago(5.2), "treated"),
        ("call", days_ago(9), "treated"),
        ("reassign", days_ago(5.2), "treated"),
        ("note", days_ago(5.2), "untreated"),
        ("call", days_ago(4), "untreated"),  # after the outcome was known
    ],
)
def test_what_somebody_does_about_a_session_before_its_outcome_treats_it(
    engine: Engine, records: Records, kind: str, when: datetime, group: str
) -> None:
    act(records, predicted(records, records.tutor(1)), kind, when)
    assert groups(engine) == [group]


@pytest.mark.parametrize(
    ("arm", "lot", "group"),
    [
        ("treated", days_ago(6), "spillover"),
        ("treated", days_ago(4.9), "untreated"),
        ("hold_out", days_ago(6), "hold_out"),
        ("hold_out", days_ago(4.9), "untreated"),
    ],
)
def test_the_lot_of_a_tutor_touches_the_sessions_that_are_settled_after_it(
    engine: Engine, records: Records, arm: str, lot: datetime, group: str
) -> None:
    tutor = records.tutor(1)
    predicted(records, tutor)
    draw(records, tutor, arm, lot, 0.25)
    assert groups(engine) == [group]
    assert read_outcomes(engine, "reschedule", NOW).share.tolist() == [0.25]


def test_an_automatic_reminder_is_one_of_the_session(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    session = predicted(records, tutor)
    predicted(records, tutor)
    draw(records, tutor, "treated", days_ago(7))
    intervention = act(records, session, "reminder", days_ago(6))
    with engine.begin() as connection:
        connection.execute(
            insert(automatic_reminders).values(
                session_id=session,
                tutor_id=tutor,
                arm="treated",
                intervention_id=intervention,
                probability=0.5,
                threshold=0.4,
                model_version="v2",
                decided_at=days_ago(6),
            )
        )
    assert groups(engine) == ["spillover", "treated"]


def test_only_what_is_over_told_and_was_predicted_before_its_outcome_counts(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    predicted(records, tutor, days=0.02)  # of an hour, half an hour ago
    predicted(records, tutor, "rescheduled", days=-3)  # ahead, though its outcome is known
    predicted(records, tutor, "scheduled")  # nobody told
    predicted(records, tutor, outcome_recorded_at=NOW + timedelta(hours=1))
    predicted(records, tutor, "rescheduled", cancelled_at=days_ago(7))  # predicted after it was known
    moved = predicted(records, tutor)
    records.execute(f"UPDATE sessions SET scheduled_time = scheduled_time + interval '1 hour' WHERE id = '{moved}'")
    assert len(read_outcomes(engine, "reschedule", NOW)) == 0
    assert report_outcomes(engine, "reschedule", NOW) == []
    predicted(records, tutor)
    assert len(read_outcomes(engine, "reschedule", NOW)) == 1


def test_a_rescheduled_session_says_nothing_of_no_shows(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    for status in ("rescheduled", "no_show", "completed"):
        predicted(records, tutor, status, target="no_show")
    found = read_outcomes(engine, "no_show", NOW)
    assert sorted(found.label.tolist()) == [0, 1]
    assert np.isnan(found.share).all()
    with pytest.raises(QueryError, match="not of match"):
        read_outcomes(engine, "match", NOW)
