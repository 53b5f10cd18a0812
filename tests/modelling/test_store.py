from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text, update

from features.catalogue import names_of
from modelling.artifact import Artifact
from modelling.decisions import Decision, find_last_change, find_test_part, list_decisions
from modelling.pipeline import TreeParameters, fit_pipeline
from modelling.store import (
    champion_versions,
    list_models,
    load_champion,
    load_model,
    promote,
    record_decision,
    roll_back,
    save_challenger,
)
from records.tables.models import models
from tqs.errors import ModelError

from .conftest import make_artifact


@pytest.fixture(scope="module")
def model() -> Artifact:
    """A model of `reschedule` whose features are the catalogue's, as the database's reader demands."""
    features = names_of("reschedule")
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, len(features)))
    y = (rng.random(400) < 0.3).astype(np.int8)
    fitted = fit_pipeline(X, y, TreeParameters(max_depth=2), trees=3, seed=1, threads=1)
    return make_artifact(fitted, X, y, features=features)


def crown(engine, version, expected, target="reschedule"):
    promote(engine, target, version, expected_champion=expected, reason="better", actor="gate", metrics={"a": 1.5})


def aliases(engine):
    return {row.version: row.alias for row in list_models(engine)}


def test_no_model_yet(engine):
    assert load_champion(engine, "reschedule") is None
    assert champion_versions(engine) == {}
    assert list_models(engine) == []
    with pytest.raises(ModelError, match="no model 'v7' of reschedule"):
        load_model(engine, "reschedule", "v7")


def test_a_saved_model_comes_back_byte_for_byte_under_its_version(engine, model):
    saved = save_challenger(engine, model, "run-1")
    assert saved.version == "v1"
    again = load_model(engine, "reschedule", "v1")
    assert again == saved
    assert again.booster == model.booster
    row = list_models(engine, "reschedule")[0]
    assert (row.alias, row.metrics, row.mlflow_run_id, row.sha256) == (
        "challenger",
        {"log_loss": 0.5},
        "run-1",
        model.sha256,
    )


def test_promotion_moves_champion_to_previous_in_one_step_with_its_decision(engine, model):
    for _ in range(2):
        save_challenger(engine, model)
    crown(engine, "v1", None)
    crown(engine, "v2", "v1")
    assert aliases(engine) == {"v2": "champion", "v1": "previous"}
    assert champion_versions(engine) == {"reschedule": "v2"}
    assert load_champion(engine, "reschedule").version == "v2"
    newest = list_decisions(engine, "reschedule")[0]
    assert (newest.decision, newest.version, newest.champion_before, newest.reason, newest.actor, newest.metrics) == (
        "promoted",
        "v2",
        "v1",
        "better",
        "gate",
        {"a": 1.5},
    )


def test_a_champion_that_changed_meanwhile_stops_the_promotion_and_nothing_moves(engine, model):
    for _ in range(3):
        save_challenger(engine, model)
    crown(engine, "v1", None)
    crown(engine, "v2", "v1")
    before = aliases(engine)
    with pytest.raises(ModelError, match=r"champion of reschedule is v2 by now, v3 was compared with v1"):
        crown(engine, "v3", "v1")
    with pytest.raises(ModelError, match="no model 'v9'"):
        crown(engine, "v9", "v2")
    with pytest.raises(ModelError, match="v2 already is the champion"):
        crown(engine, "v2", "v2")
    assert aliases(engine) == before
    assert len(list_decisions(engine, "reschedule")) == 2


def test_of_many_promotions_at_once_exactly_one_wins(engine, model):
    for _ in range(4):
        save_challenger(engine, model)

    def attempt(version):
        try:
            crown(engine, version, None)
        except ModelError:
            return 0
        return 1

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(attempt, ["v2", "v3", "v4"])) == 1
    assert list(aliases(engine).values()).count("champion") == 1


def test_rollback_lets_the_two_change_places_and_is_written_down(engine, model):
    with pytest.raises(ModelError, match="no model of reschedule before the first"):
        roll_back(engine, "reschedule", reason="?", actor="me")
    for _ in range(2):
        save_challenger(engine, model)
    crown(engine, "v1", None)
    crown(engine, "v2", "v1")
    assert roll_back(engine, "reschedule", reason="odd answers", actor="ann") == ("v1", "v2")
    assert aliases(engine) == {"v1": "champion", "v2": "previous"}
    newest = list_decisions(engine, "reschedule")[0]
    assert (newest.decision, newest.reason, newest.actor) == ("rolled_back", "odd answers", "ann")
    assert roll_back(engine, "reschedule", reason="it was not that", actor="ann") == ("v2", "v1")


def test_a_rollback_of_who_was_forestalled_changes_nothing(engine, model):
    for number in range(1, 4):
        save_challenger(engine, model)
        crown(engine, f"v{number}", f"v{number - 1}" if number > 1 else None)
    with pytest.raises(ModelError, match="v3 serves reschedule by now, and v2 served before it"):
        roll_back(engine, "reschedule", reason="?", actor="ann", expected=("v1", "v2"))
    assert champion_versions(engine) == {"reschedule": "v3"}
    assert roll_back(engine, "reschedule", reason="?", actor="ann", expected=("v2", "v3")) == ("v2", "v3")


def test_every_change_is_in_the_audit_log(engine, model):
    for _ in range(2):
        save_challenger(engine, model)
    crown(engine, "v1", None)
    crown(engine, "v2", "v1")
    roll_back(engine, "reschedule", reason="odd answers", actor="person ann")
    with engine.connect() as connection:
        query = "SELECT actor, action, subject, details->>'champion_before' FROM audit_log ORDER BY id"
        rows = [tuple(row) for row in connection.execute(text(query))]
    assert rows == [
        ("gate", "promote model", "reschedule v1", None),
        ("gate", "promote model", "reschedule v2", "v1"),
        ("person ann", "roll back model", "reschedule v1", "v2"),
    ]


def test_what_is_known_of_a_model_is_found_whatever_was_decided_since(engine, model):
    for _ in range(2):
        save_challenger(engine, model)
    assert find_last_change(engine, "reschedule") is None
    measured = {"test_part": {"warnings": ["a doubt"]}}
    promote(engine, "reschedule", "v1", expected_champion=None, reason="1", actor="gate", metrics=measured)
    crown(engine, "v2", "v1")
    roll_back(engine, "reschedule", reason="back", actor="ann")
    record_decision(engine, Decision("reschedule", "kept", "later", "gate", "v2"))
    assert find_test_part(engine, "reschedule", "v1") == {"warnings": ["a doubt"]}
    assert find_test_part(engine, "reschedule", "v2") is None
    change = find_last_change(engine, "reschedule")
    assert (change.decision, change.version, change.reason) == ("rolled_back", "v1", "back")


def test_old_models_go_but_champion_previous_and_the_newest_three_stay(engine, model):
    for number in range(1, 8):
        save_challenger(engine, model)
        if number <= 2:
            crown(engine, f"v{number}", f"v{number - 1}" if number > 1 else None)
    assert aliases(engine) == {
        "v7": "challenger",
        "v6": None,
        "v5": None,
        "v2": "champion",
        "v1": "previous",
    }
    assert save_challenger(engine, model).version == "v8"


def test_the_last_three_that_served_stay_ready(engine, model):
    """However many challengers came after them: each can be promoted without training anything."""
    for number in range(1, 5):
        save_challenger(engine, model)
        crown(engine, f"v{number}", f"v{number - 1}" if number > 1 else None)
    for _ in range(5):
        save_challenger(engine, model)
    assert set(aliases(engine)) == {"v9", "v8", "v7", "v4", "v3", "v2"}
    crown(engine, "v2", "v4")
    assert load_champion(engine, "reschedule").version == "v2"
    assert roll_back(engine, "reschedule", reason="?", actor="ann") == ("v4", "v2")
    save_challenger(engine, model)
    assert {"v2", "v3", "v4"} < set(aliases(engine))


def test_a_model_of_another_target_with_the_same_features_does_not_load(engine, model):
    save_challenger(engine, model)
    with engine.begin() as connection:
        connection.execute(update(models).values(target="no_show", alias="champion"))
    with pytest.raises(ModelError, match="model v1 of no_show was trained for reschedule"):
        load_champion(engine, "no_show")


def test_a_row_that_was_tampered_with_does_not_load(engine, model):
    save_challenger(engine, model)
    crown(engine, "v1", None)
    with engine.begin() as connection:
        connection.execute(update(models).values(booster=model.booster[:-1] + b"\0"))
    with pytest.raises(ModelError, match="model v1 is damaged"):
        load_champion(engine, "reschedule")


def test_a_model_of_other_features_than_this_release_computes_does_not_load(engine, fitted, problem):
    save_challenger(engine, make_artifact(fitted, problem[0], problem[1]))
    with pytest.raises(ModelError, match="trained on other features"):
        load_model(engine, "reschedule", "v1")


def test_targets_do_not_touch_each_other(engine, model, fitted, problem):
    save_challenger(engine, model)
    save_challenger(engine, make_artifact(fitted, problem[0], problem[1], target="match"))
    crown(engine, "v1", None)
    assert champion_versions(engine) == {"reschedule": "v1"}
    assert [(row.target, row.version, row.alias) for row in list_models(engine)] == [
        ("match", "v1", "challenger"),
        ("reschedule", "v1", "champion"),
    ]


def test_a_refusal_is_recorded_without_a_model(engine):
    record_decision(engine, Decision("match", "refused", "the table is empty", "gate"))
    kept = list_decisions(engine, "match")[0]
    assert replace(kept, decided_at=None) == Decision("match", "refused", "the table is empty", "gate", metrics={})


def test_a_promotion_that_fails_on_the_way_leaves_all_as_it_was(engine, model):
    """The decision cannot be written: the aliases must not have moved either."""
    save_challenger(engine, model)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE model_decisions ADD CHECK (actor <> 'gate')"))
    with pytest.raises(Exception, match="check constraint"):
        crown(engine, "v1", None)
    assert aliases(engine) == {"v1": "challenger"}
