from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._model import make_artifact
from features.catalogue import features_of, names_of
from modelling.artifact import build_artifact
from modelling.calibrator import Calibrator
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from scoring.models import ServedModel
from scoring.prediction_change import Prediction, PredictionChange, explain_change
from tests.scoring.conftest import NOW, serve
from tqs.errors import ModelError

NAMES = names_of("reschedule")
MODEL = serve("reschedule")
STARTS = NOW + timedelta(days=3)


def calibrated(slope: float, version: str = "v1", seed: int = 3) -> ServedModel:
    """As MODEL, its log odds stretched by `slope`; of other trees with another seed."""
    artifact = make_artifact("reschedule", seed=seed)
    platt = Calibrator(kind="platt", slope=slope, intercept=-0.5, lowest=1e-6, highest=1 - 1e-6)
    artifact = build_artifact(artifact.manifest.model_copy(update={"calibrator": platt}), artifact.booster)
    return ServedModel(
        "reschedule", RiskThresholds(0.3, 0.7), Predictor.from_artifact(replace(artifact, version=version))
    )


def draw_row(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.uniform(f.low, min(f.high, f.low + 60)) for f in features_of("reschedule")])


def predict(model: ServedModel, row: np.ndarray, hours: float = 0, starts=STARTS) -> Prediction:
    probability = float(model.predict(row[np.newaxis])[0])
    return Prediction(
        probability, model.version, NOW + timedelta(hours=hours), starts, dict(zip(NAMES, row.tolist(), strict=True))
    )


def add_up(change: PredictionChange) -> float:
    return sum(one.effect for one in change.features) + change.model + change.calibration


def log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


@given(
    st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([MODEL, calibrated(0.8), calibrated(1.3, "v1", 4)])
)
@settings(max_examples=30, deadline=None)
def test_the_parts_add_up_to_the_difference(first: int, second: int, earlier: ServedModel) -> None:
    model = calibrated(0.8, "v2")
    before, after = predict(earlier, draw_row(first)), predict(model, draw_row(second), 24)
    change = explain_change(model, before, after)
    assert change.log_odds == pytest.approx(log_odds(after.probability) - log_odds(before.probability), abs=1e-12)
    assert add_up(change) == pytest.approx(change.log_odds, abs=1e-12)


def test_by_one_model_the_features_say_it_all() -> None:
    before, after = draw_row(1), draw_row(2)
    assert MODEL.predictor is not None

    change = explain_change(MODEL, predict(MODEL, before), predict(MODEL, after, 24))

    effects = np.diff(MODEL.predictor.contributions(np.stack([before, after]))[:, :-1], axis=0)[0]
    assert [one.effect for one in change.features] == sorted(effects[effects != 0], key=abs, reverse=True)
    for one in change.features:
        place = NAMES.index(one.feature)
        assert (one.before, one.after, one.effect) == (before[place], after[place], effects[place])
    assert change.model == 0
    assert change.calibration == pytest.approx(0, abs=1e-5)  # there is none; XGBoost adds up float32


def test_the_calibration_stretches_what_the_features_did() -> None:
    model = calibrated(0.8)
    change = explain_change(model, predict(model, draw_row(1)), predict(model, draw_row(2), 24))
    of_features = sum(one.effect for one in change.features)
    assert of_features != 0
    assert change.calibration == pytest.approx(-0.2 * of_features, abs=1e-5)


def test_another_model_is_a_part_of_its_own() -> None:
    row = draw_row(1)
    old, new = calibrated(1.0, "v1"), calibrated(1.0, "v2", seed=4)
    before, after = predict(old, row), predict(new, row, 24)

    change = explain_change(new, before, after)

    assert change.features == []
    assert change.model == pytest.approx(log_odds(after.probability) - log_odds(before.probability))
    assert change.model != 0
    assert change.calibration == pytest.approx(0, abs=1e-12)


def test_the_rule_goes_by_the_tutors_rate_alone() -> None:
    rule = serve("reschedule", rule=True)
    before, after = draw_row(1), draw_row(2)
    rate, sessions = NAMES.index("tutor_reschedule_rate_30d"), NAMES.index("tutor_total_sessions_30d")
    before[rate], after[rate] = 0.0, 0.5
    before[sessions] = after[sessions] = 10

    change = explain_change(rule, predict(rule, before), predict(rule, after, 24))

    [one] = change.features
    assert (one.feature, one.before, one.after) == ("tutor_reschedule_rate_30d", 0, 0.5)
    assert one.effect == change.log_odds == pytest.approx(-log_odds(1e-6))  # of 0, which counts as one in a million
    assert one.phrase == (
        "the tutor rescheduled 50% of the sessions of the last 30 days; "
        "before: the tutor rescheduled no session in the last 30 days"
    )
    assert (change.model, change.calibration) == (0, 0)


def test_what_moved_a_prediction_without_changing_is_said_to_be_as_before() -> None:
    before = draw_row(1)
    after = before.copy()
    changed = NAMES.index("hours_until_session")
    after[changed] = 1.0
    change = explain_change(MODEL, predict(MODEL, before), predict(MODEL, after, 24))
    for one in change.features:
        if one.feature == "hours_until_session":
            assert one.phrase.startswith("the session is 1.0 hours ahead; before: the session is ")
        else:
            assert one.phrase.endswith(", as before")


def test_a_session_that_was_given_another_time() -> None:
    row = draw_row(1)
    later = predict(MODEL, row, 24, starts=STARTS + timedelta(days=1))
    assert explain_change(MODEL, predict(MODEL, row), later).moved
    assert not explain_change(MODEL, predict(MODEL, row), predict(MODEL, row, 24)).moved


def test_a_prediction_of_a_model_that_serves_no_more_cannot_be_asked() -> None:
    old = calibrated(1.0, "v7")
    with pytest.raises(ModelError, match="made by v7 and v1 serves now"):
        explain_change(MODEL, predict(MODEL, draw_row(1)), predict(old, draw_row(2)))
