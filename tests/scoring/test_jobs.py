from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from modelling.artifact import Artifact
from modelling.store import promote, save_challenger
from scoring.jobs import score_all
from scoring.models import load_models
from scoring.pairs import students_to_predict
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import ModelError
from tqs.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, match_risk_low=0.2, match_risk_high=0.4)


def crown(engine: Engine, target: str) -> None:
    saved = save_challenger(engine, make_artifact(target))
    promote(engine, target, saved.version, expected_champion=None, reason="first", actor="test")


def test_scores_all_in_order_with_the_champions_there_are(engine: Engine, records: Records, settings: Settings) -> None:
    crown(engine, "match")
    tutor = records.tutor(1)
    records.student(1)
    records.session(tutor, days_ago(1), "rescheduled")
    records.session(tutor, NOW + timedelta(days=1), "scheduled")
    steps: list[tuple[str, int, int]] = []

    report = score_all(engine, settings, NOW, progress=lambda *step: steps.append(step))

    assert (report.tutors.computed, report.tutors.written, report.tutors.high_risk) == (1, 1, 1)
    assert [(p.target, p.model_version, p.fallback, p.computed) for p in report.predictions] == [
        ("reschedule", "rule", True, 1),
        ("no_show", "rule", True, 1),
        ("match", "v1", False, 1),
    ]
    assert steps == [("tutors", 1, 1), ("sessions", 1, 1), ("pairs", 1, 1)]
    assert records.rows("SELECT tutor_reschedules_7d FROM tutor_scores") == [(1,)]
    assert records.rows("SELECT probability FROM session_reschedule_predictions WHERE target = 'reschedule'") == [
        (1.0,)
    ]


def test_the_pairs_are_fresh_after_the_scores(engine: Engine, records: Records, settings: Settings) -> None:
    """Scores change what pairs rest on: pairs of the same moment would be out of date as soon as they were stored."""
    records.session(records.tutor(1), days_ago(1), "rescheduled")
    records.student(1)
    for now in (NOW, NOW + timedelta(days=40)):
        score_all(engine, settings, now)
        assert students_to_predict(engine, load_models(engine, settings)["match"]) == []


def test_the_thresholds_are_those_of_the_settings(engine: Engine, settings: Settings) -> None:
    crown(engine, "match")

    models = load_models(engine, settings)

    assert {target: model.version for target, model in models.items()} == {
        "match": "v1", "reschedule": "rule", "no_show": "rule"
    }  # fmt: skip
    thresholds = models["match"].thresholds
    assert (thresholds.low, thresholds.high) == (0.2, 0.4)
    assert models["reschedule"].thresholds.high == 0.35


def test_a_damaged_champion_does_not_serve(
    engine: Engine, records: Records, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    crown(engine, "match")
    crown(engine, "no_show")
    records.execute("UPDATE models SET booster = booster || '\\x00'::bytea WHERE target = 'match'")
    records.tutor(1)
    records.student(1)

    report = score_all(engine, settings, NOW)

    match = report.predictions[2]
    assert (match.target, match.model_version, match.fallback) == ("match", "rule", True)
    assert match.refusal is not None
    assert "damaged" in match.refusal
    assert "damaged" in caplog.text
    assert (report.predictions[1].model_version, report.predictions[1].refusal) == ("v1", None)


def test_a_champion_that_fails_its_check_does_not_serve(engine: Engine, settings: Settings) -> None:
    crown(engine, "no_show")

    def refuse(artifact: Artifact) -> None:
        raise ModelError(f"{artifact.version} answers otherwise")

    model = load_models(engine, settings, ["no_show"], check=refuse)["no_show"]

    assert (model.fallback, model.refusal) == (True, "v1 answers otherwise")
