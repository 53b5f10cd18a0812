from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from modelling.bands import Bands
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from records.columns import TEACHING_STYLES
from scoring.models import ServedModel
from scoring.pair_changes import CHANGEABLE, Pair, change_pair, judge_pair, read_pair
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from tests.scoring.conftest import Records, serve, uid
from tqs.errors import QueryError

MODEL, RULE = serve("match"), serve("match", rule=True)


@pytest.fixture
def pair(engine: Engine, records: Records) -> Pair:
    """Pace 2 with 4, structured with modern, communication not known with 3, 12 years with 40."""
    student = records.student(1, age=12, preferred_pace=2, preferred_teaching_style="structured", urgency_level=4)
    tutor = records.tutor(1, age=40, preferred_pace=4, teaching_style="modern", communication_style=3)
    records.session(tutor, read_clock(engine) - timedelta(days=2), "rescheduled")
    found = read_pair(engine, UUID(student), UUID(tutor))
    assert found is not None
    return found


def test_a_pair_by_the_rule(pair: Pair) -> None:
    judged = judge_pair(RULE, pair)

    assert [(one.name, one.value, one.known) for one in judged.mismatches] == [
        ("pace_mismatch", 2.0, True),
        ("style_mismatch", 1.0, True),
        ("communication_mismatch", 2.5, False),
        ("age_difference", 28.0, True),
    ]
    expected = 0.3 * 2 / 4 + 0.3 + 0.2 * 2.5 / 4 + 0.2  # more than 20 years count as 20
    assert judged.churn_probability == pytest.approx(expected)
    assert judged.compatibility_score == pytest.approx(1 - expected)
    assert (judged.risk_level, judged.fallback, judged.model_version) == ("high", True, "rule")
    assert (judged.low, judged.high) == (None, None)
    assert judged.explanation.startswith("Judged by their profiles alone, there is a high risk")
    assert judged.contributions[0].feature == "style_mismatch"


def test_a_pair_as_it_is_stored(engine: Engine, records: Records, pair: Pair) -> None:
    predict_pairs(engine, MODEL, read_clock(engine))
    ((stored,),) = records.rows("SELECT churn_probability FROM match_predictions")
    assert judge_pair(MODEL, pair).churn_probability == pytest.approx(stored)


def test_nothing_is_known_of_nobody(engine: Engine, records: Records) -> None:
    student, gone = UUID(records.student(1)), UUID(records.tutor(1, active=False))
    assert read_pair(engine, student, gone) is None
    assert read_pair(engine, uid("nobody", 1), gone) is None


def test_what_would_be_if(pair: Pair) -> None:
    changed = change_pair(
        pair,
        {
            "student_pace": 5,
            "student_style": TEACHING_STYLES.index("modern"),
            "student_communication": 1,
            "tutor_pace": 4,
        },
    )
    judged = judge_pair(RULE, changed)

    assert judged.churn_probability == pytest.approx(0.3 * 1 / 4 + 0 + 0.2 * 2 / 4 + 0.2)
    assert all(one.known for one in judged.mismatches)
    assert pair.student.pace[0] == 2  # what is known stays as it is
    assert judge_pair(RULE, pair).churn_probability == pytest.approx(0.775)
    assert judge_pair(MODEL, change_pair(pair, {})) == judge_pair(MODEL, pair)


def test_each_preference_reaches_the_side_that_it_is_of(pair: Pair) -> None:
    for preference in CHANGEABLE:
        value = preference.low if pair.value(preference) != preference.low else preference.high
        changed = change_pair(pair, {preference.key: value})
        assert changed.value(preference) == value
        assert all(changed.value(other) == pair.value(other) for other in CHANGEABLE if other.key != preference.key)
    known = {one.key: pair.value(one) for one in CHANGEABLE}
    assert known["student_communication"] is None
    assert (known["student_style"], known["tutor_style"]) == (0, TEACHING_STYLES.index("modern"))


def test_what_cannot_be_tried_is_refused(pair: Pair) -> None:
    with pytest.raises(QueryError, match="'student_age' cannot be changed; it can be student_pace, "):
        change_pair(pair, {"student_age": 3})
    for value in (0, 5.5, np.nan):
        with pytest.raises(QueryError, match=r"student_pace is .*; it can be 1 to 5"):
            change_pair(pair, {"student_pace": value})


def test_the_band_of_pairs_scored_alike(pair: Pair) -> None:
    probability = judge_pair(MODEL, pair).churn_probability
    columns = {"rows": (400, 300), "predicted": (0.1, 0.2), "happened": (0.1, 0.2)}
    edge = probability / 2
    bands = Bands(level=0.9, dispersion=1.0, edges=(edge,), low=(0.01, 0.15), high=(0.05, 0.25), **columns)
    judged = judge_pair(_with_bands(bands), pair)
    assert (judged.low, judged.high) == (0.15, 0.25)
    untold = Bands(level=0.9, dispersion=1.0, edges=(edge,), low=(0.01, None), high=(0.05, None), **columns)
    assert judge_pair(_with_bands(untold), pair).low is None


def _with_bands(bands: Bands) -> ServedModel:
    artifact = replace(make_artifact("match"), version="v1")
    artifact = replace(artifact, manifest=artifact.manifest.model_copy(update={"bands": bands}))
    return ServedModel("match", RiskThresholds(0.3, 0.7), Predictor.from_artifact(artifact))
