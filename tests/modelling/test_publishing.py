from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from modelling import publishing
from modelling.decisions import list_decisions
from modelling.publishing import apply_verdict, find_champion
from modelling.recipe import train_model
from modelling.risk import RiskThresholds
from modelling.store import champion_versions, list_models, save_challenger
from tqs.errors import ModelError, UnfitDataError

from .table import GAP, make_table


@pytest.fixture(scope="module")
def trained():
    frame, _ = make_table(3000)
    return train_model(frame, "reschedule", gap=GAP, thresholds=RiskThresholds(0.15, 0.35), trials=1, seed=1, threads=1)


@pytest.fixture(autouse=True)
def canary(monkeypatch):
    """The child process has its own tests; here only whether it is asked matters."""
    asked = []
    monkeypatch.setattr(publishing, "check_artifact", asked.append)
    return asked


def decided(trained, decision, reason="as the test wants it"):
    return replace(trained, verdict=replace(trained.verdict, decision=decision, reasons=(reason,)))


def publish(engine, trained, **given):
    champion = find_champion(engine, "reschedule")
    return apply_verdict(engine, trained, save_challenger(engine, trained.artifact), champion, **given)


def test_what_passes_serves_and_what_loses_leaves_the_champion_alone(engine, trained, canary):
    first = publish(engine, decided(trained, "promote"), mlflow_run_id="run-7")
    assert (first.decision, first.version, first.champion_before) == ("promoted", "v1", None)
    assert [artifact.version for artifact in canary] == ["v1"]
    second = publish(engine, decided(trained, "keep"))
    assert (second.decision, second.version, second.champion_before) == ("kept", "v2", "v1")
    assert champion_versions(engine) == {"reschedule": "v1"}
    written = list_decisions(engine, "reschedule")
    assert [(d.decision, d.version, d.mlflow_run_id) for d in written] == [
        ("kept", "v2", None),
        ("promoted", "v1", "run-7"),
    ]
    assert written[1].metrics["challenger"]["log_loss"] == trained.evaluation.log_loss


def test_a_refusal_is_written_down_and_then_raised(engine, trained):
    with pytest.raises(UnfitDataError, match="the gate refused reschedule v1: the labels are noise"):
        publish(engine, decided(trained, "refuse", "the labels are noise"))
    assert champion_versions(engine) == {}
    assert [row.alias for row in list_models(engine)] == [None]
    assert [(d.decision, d.reason) for d in list_decisions(engine, "reschedule")] == [
        ("refused", "the labels are noise")
    ]


def test_a_run_that_may_not_promote_keeps_the_champion(engine, trained):
    decision = publish(engine, decided(trained, "promote"), may_promote=False)
    assert decision.decision == "kept"
    assert champion_versions(engine) == {}


def test_a_model_that_the_canary_rejects_never_serves(engine, trained, monkeypatch):
    def reject(artifact):
        raise ModelError(f"model {artifact.version} failed its check")

    monkeypatch.setattr(publishing, "check_artifact", reject)
    with pytest.raises(ModelError, match="v1 failed its check"):
        publish(engine, decided(trained, "promote"))
    assert champion_versions(engine) == {}
    assert list_decisions(engine, "reschedule")[0].decision == "refused"


def test_a_promotion_that_another_was_faster_than_is_written_down(engine, trained):
    """Both were compared with no champion; the second one finds the first."""
    none = find_champion(engine, "reschedule")
    slow = save_challenger(engine, trained.artifact)
    publish(engine, decided(trained, "promote"))
    with pytest.raises(ModelError, match="the champion of reschedule is v2 by now, v1 was compared with none"):
        apply_verdict(engine, decided(trained, "promote"), slow, none, mlflow_run_id="run-9")
    assert champion_versions(engine) == {"reschedule": "v2"}
    newest = list_decisions(engine, "reschedule")[0]
    assert (newest.decision, newest.version, newest.mlflow_run_id) == ("kept", "v1", "run-9")
    assert "v2 by now" in newest.reason


def test_only_a_refused_model_loses_its_alias(engine, trained):
    publish(engine, decided(trained, "promote"))
    publish(engine, decided(trained, "keep"))
    assert [row.alias for row in list_models(engine)] == ["challenger", "champion"]
    with pytest.raises(UnfitDataError):
        publish(engine, decided(trained, "refuse"))
    assert [(row.version, row.alias) for row in list_models(engine)] == [("v3", None), ("v2", None), ("v1", "champion")]


def test_a_champion_that_cannot_be_read_is_no_rival_and_can_be_replaced(engine, trained):
    publish(engine, decided(trained, "promote"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE models SET manifest = manifest || ' '"))
    found = find_champion(engine, "reschedule")
    assert (found.version, found.artifact) == ("v1", None)
    assert "damaged" in found.trouble
    assert publish(engine, decided(trained, "promote")).decision == "promoted"
    assert champion_versions(engine) == {"reschedule": "v2"}
