"""Features, stored scores and scores of a caller's own records say the same of the same sessions."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from features.tutor import tutor_features
from records.reading import read_history
from scoring.forms import PastSession, TutorRecord
from scoring.tutor_records import score_histories
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago

DAYS = (7, 30, 90)


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


@pytest.mark.parametrize("seed", range(3))
def test_three_ways_to_score_a_tutor_agree(engine: Engine, records: Records, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # tutors at the threshold (3 of 20), just above it, with nothing but reschedules, with nothing; then any
    shares = [(20, 3), (20, 4), (5, 5), (0, 0)] + [(int(n), int(rng.integers(0, n))) for n in rng.integers(1, 40, 8)]
    told = {}
    for number, (total, moved) in enumerate(shares):
        tutor = records.tutor(number)
        told[tutor] = [make_session(records, rng, tutor, moved=i < moved, exact=number < 4) for i in range(total)]

    score_tutors(engine, NOW)
    columns = ", ".join(f"reschedule_rate_{days}d" for days in DAYS)
    stored = {r[0]: r for r in records.rows(f"SELECT tutor_id::text, is_high_risk, {columns} FROM tutor_scores")}
    history = read_history(engine)
    codes = np.arange(len(told))
    features = tutor_features(history.sessions, codes, np.full(len(codes), int(NOW.timestamp() * 1e6)))
    stateless, refused = score_histories(
        [TutorRecord(tutor_id=tutor, sessions=sessions, as_of=NOW) for tutor, sessions in told.items()], NOW
    )

    assert refused == {}
    assert {True, False} == {score.is_high_risk for score in stateless}
    place = {tutor: code for code, tutor in enumerate(history.directory.tutors)}
    for score in stateless:
        assert score.tutor_id is not None
        _, flag, *rates = stored[score.tutor_id]
        code = place[score.tutor_id]
        assert score.is_high_risk is flag
        assert features["tutor_is_high_risk"][code] == flag
        assert [getattr(score, f"reschedule_rate_{days}d") for days in DAYS] == rates
        of_features = [100 * features[f"tutor_reschedule_rate_{days}d"][code] for days in DAYS]
        assert of_features == pytest.approx([rate or 0 for rate in rates], rel=1e-14)


def make_session(records: Records, rng: np.random.Generator, tutor: str, *, moved: bool, exact: bool) -> PastSession:
    """A session in the records and the same one as a caller tells it; exact: one that counts in 30 days."""
    scheduled = days_ago(float(rng.uniform(1, 29 if exact else 100)))
    cancelled = scheduled - timedelta(hours=float(rng.uniform(1, 48))) if moved else None
    status = "rescheduled" if moved else str(rng.choice(["completed", "no_show"]))
    initiator = "tutor" if exact or rng.random() < 0.7 else "student"
    records.session(tutor, scheduled, status, initiator=initiator, cancelled_at=cancelled)
    return PastSession(
        scheduled_time=scheduled,
        status=status,
        duration_minutes=60,
        initiator=initiator if moved else None,
        cancelled_at=cancelled,
    )
