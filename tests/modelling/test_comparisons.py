"""What a promotion by hand and a rollback write down of the two models."""

from __future__ import annotations

import pytest

from benchmarks._model import make_artifact
from modelling.decisions import Decision, list_decisions
from modelling.store import promote, record_decision, roll_back, save_challenger

TARGET = "reschedule"
WINDOW = {"rows": 900, "first_scheduled": "2026-01-01T00:00:00Z", "last_scheduled": "2026-02-01T00:00:00Z"}


def compared(challenger: float, champion: float | None) -> dict[str, object]:
    """As the gate writes them."""
    return {
        "challenger": {"log_loss": challenger},
        "champion": None if champion is None else {"log_loss": champion},
        "base_rate": {"log_loss": 0.7},
        "rule": {"log_loss": 0.8},
        "window": WINDOW,
        "test_part": {"groups": []},
    }


@pytest.fixture
def three(engine):
    """v1, v2 and v3, each measured at 0.5 when it was trained."""
    return [save_challenger(engine, make_artifact(TARGET, seed=seed, trees=2)) for seed in (1, 2, 3)]


def by_hand(engine, version, before):
    promote(engine, TARGET, version, expected_champion=before, reason="by hand", actor="account ann")
    return list_decisions(engine, TARGET)[0]


def test_without_a_comparison_each_has_what_it_was_measured_at(engine, three):
    first = by_hand(engine, "v1", None)
    assert first.metrics == {"challenger": {"log_loss": 0.5}, "champion": None}
    assert first.sha256 == three[0].sha256
    second = by_hand(engine, "v2", "v1")
    assert second.metrics == {"challenger": {"log_loss": 0.5}, "champion": {"log_loss": 0.5}}
    assert (second.sha256, second.champion_before) == (three[1].sha256, "v1")


@pytest.mark.usefixtures("three")
def test_one_that_the_gate_kept_out_has_what_it_found_on_the_same_window(engine):
    by_hand(engine, "v1", None)
    record_decision(engine, Decision(TARGET, "kept", "it lost", "gate", "v2", "v1", compared(0.61, 0.6)))
    decision = by_hand(engine, "v2", "v1")
    assert decision.metrics == {name: value for name, value in compared(0.61, 0.6).items() if name != "test_part"}


@pytest.mark.usefixtures("three")
def test_a_rollback_has_the_comparison_that_made_the_other_champion_the_other_way_round(engine):
    by_hand(engine, "v1", None)
    promote(
        engine, TARGET, "v2", expected_champion="v1", reason="won", actor="gate", metrics=compared(0.55, 0.6)
    )  # fmt: skip
    assert roll_back(engine, TARGET, reason="odd answers", actor="account ann") == ("v1", "v2")
    decision = list_decisions(engine, TARGET)[0]
    assert decision.metrics["challenger"] == {"log_loss": 0.6}
    assert decision.metrics["champion"] == {"log_loss": 0.55}
    assert decision.metrics["window"] == WINDOW
    assert decision.sha256 == list_decisions(engine, TARGET, version="v1")[-1].sha256


@pytest.mark.usefixtures("three")
def test_a_comparison_with_another_champion_is_none_of_these_two(engine):
    by_hand(engine, "v1", None)
    record_decision(engine, Decision(TARGET, "kept", "it lost", "gate", "v3", "v1", compared(0.61, 0.6)))
    by_hand(engine, "v2", "v1")
    assert by_hand(engine, "v3", "v2").metrics == {"challenger": {"log_loss": 0.5}, "champion": {"log_loss": 0.5}}


@pytest.mark.usefixtures("three")
def test_a_champion_that_could_not_be_read_was_not_compared(engine):
    by_hand(engine, "v1", None)
    record_decision(engine, Decision(TARGET, "kept", "?", "gate", "v2", "v1", compared(0.61, None)))
    assert by_hand(engine, "v2", "v1").metrics["champion"] == {"log_loss": 0.5}
