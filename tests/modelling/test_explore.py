"""Exploring: columns that are right point in time, comparisons on the same rows, and nothing served by accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from modelling import explore
from modelling.decisions import Decision, list_decisions
from modelling.evaluation import log_losses
from modelling.explore import Table, compare, load_table, send_through_gate, train_challenger
from modelling.publishing import apply_verdict
from modelling.recipe import TrainedModel
from modelling.registry import LabBook
from modelling.store import champion_versions, list_models, promote, record_decision, save_challenger
from records.columns import TARGETS
from records.engine import create_app_engine, open_databases
from records.load import write_world
from records.world import make_world
from tests.conftest import temporary_database
from tqs.errors import ModelError, QueryError, UnfitDataError
from tqs.settings import load_settings


@pytest.fixture(scope="module")
def database(template_url):
    """A small world."""
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        write_world(engine, make_world(tutors=60, students=220, days=240, seed=5, end=date(2026, 6, 30)))
        yield engine
        engine.dispose()


@pytest.fixture(autouse=True)
def engine(database, tmp_path_factory, monkeypatch):
    """The settings of this process name that database."""
    monkeypatch.setenv("TQS_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("TQS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM models")
    return database


@pytest.mark.parametrize("target", TARGETS)
def test_counts_from_the_records_are_those_of_the_catalogue(target):
    table = load_table(target)
    assert table.snapshot.file.name == f"{target}-{table.snapshot.sha256[:12]}.parquet"
    counted = table.count_sessions("tutor", days=30)
    assert counted.tolist() == table.frame["tutor_total_sessions_30d"].tolist()
    assert counted.sum() > 0
    if target != "match":
        own = {status: table.count_sessions("student", days=90, status=status) for status in ("rescheduled", "no_show")}
        assert own["rescheduled"].tolist() == table.frame["student_reschedules_90d"].tolist()
        assert own["no_show"].tolist() == table.frame["student_no_shows_90d"].tolist()
    with pytest.raises(QueryError, match="there is no status 'late'"):
        table.count_sessions("tutor", days=30, status="late")


@pytest.fixture
def table() -> Table:
    return load_table("reschedule")


@pytest.fixture
def trained(table) -> TrainedModel:
    return train_challenger(table, trials=1)


def test_a_feature_of_ones_own_is_learned_from_and_cannot_serve(engine, table):
    """The label itself with noise: the model leans on it, and the gate takes it for what it is."""
    noisy = table.frame["label"] + np.random.default_rng(1).normal(0, 0.05, len(table.frame))
    with_own = train_challenger(table, {"told_by_the_future": noisy.to_numpy()}, trials=1)
    assert next(iter(with_own.gains)) == "told_by_the_future"
    assert with_own.artifact.manifest.features[-1] == "told_by_the_future"
    assert with_own.verdict.decision == "refuse"
    assert "told_by_the_future separates the target alone" in with_own.verdict.reason
    with pytest.raises(ModelError, match="a model with told_by_the_future cannot serve"):
        send_through_gate(table, with_own)
    assert list_models(engine) == []
    with pytest.raises(UnfitDataError, match="the feature gaps holds 2 values that are no finite numbers"):
        train_challenger(table, {"gaps": np.where(np.arange(len(table.frame)) < 2, np.nan, 1.0)})


def test_all_are_compared_on_the_rows_that_the_champion_has_not_seen(engine, table, trained):
    alone = compare({"mine": trained})
    assert alone.index.tolist() == ["base rate", "mine"]
    y, p = trained.test.labels, trained.test.challenger
    saved = log_losses(y, trained.test.base_rate) - log_losses(y, p)
    assert alone.loc["mine", "better_by"] == pytest.approx(saved.mean())
    assert alone.loc["mine", "plus_minus"] == pytest.approx(2 * saved.std(ddof=1) / np.sqrt(len(saved)))
    assert alone.loc["base rate", "better_by"] == 0

    unseen = np.arange(len(y)) >= len(y) // 2
    reigning = np.clip(p * 1.3, 0, 0.99)
    judged = replace(trained, test=replace(trained.test, champion=reigning, comparable=unseen))
    both = compare({"mine": judged})
    assert both.index.tolist() == ["base rate", "champion", "mine"]
    assert set(both["rows"]) == {unseen.sum()}
    difference = (log_losses(y, reigning) - log_losses(y, p))[unseen]
    assert both.loc["mine", "better_by"] == pytest.approx(difference.mean())
    assert both.loc["champion", "log_loss"] == pytest.approx(log_losses(y, reigning)[unseen].mean())


def test_what_is_sent_through_the_gate_serves_only_where_that_is_asked_for(engine, table, trained, monkeypatch):
    asked = []
    monkeypatch.setattr(explore, "apply_verdict", decide_as("promote", asked))
    first = save_challenger(engine, trained.artifact)
    promote(engine, "reschedule", first.version, expected_champion=None, reason="the first", actor="gate")
    again = train_challenger(table, trials=1)
    decision = send_through_gate(table, again)
    assert (decision.decision, decision.version, decision.champion_before) == ("kept", "v2", "v1")
    assert champion_versions(engine) == {"reschedule": "v1"}
    assert send_through_gate(table, again, promote=True).decision == "promoted"
    assert champion_versions(engine) == {"reschedule": "v3"}
    assert asked == [False, True]
    monkeypatch.setattr(explore, "apply_verdict", decide_as("refuse", asked))
    refused = send_through_gate(table, again, promote=True)
    assert (refused.decision, refused.version) == ("refused", "v4")
    assert list_decisions(engine, "reschedule")[0] == refused


def test_nothing_takes_the_place_of_a_champion_that_it_was_not_compared_with(engine, table, trained, monkeypatch):
    monkeypatch.setattr(explore, "apply_verdict", decide_as("promote", []))
    first = save_challenger(engine, trained.artifact)
    promote(engine, "reschedule", first.version, expected_champion=None, reason="meanwhile", actor="ann")
    with pytest.raises(ModelError, match="the champion of reschedule is v1 by now, v2 was compared with none"):
        send_through_gate(table, trained, promote=True)
    assert champion_versions(engine) == {"reschedule": "v1"}
    made = list_decisions(engine, "reschedule")[0]
    assert (made.decision, made.version, made.champion_before) == ("kept", "v2", None)
    assert last_run() == ("FAILED", made.reason)


def test_a_champion_that_cannot_be_read_is_the_one_that_is_overtaken(engine, table, trained, monkeypatch):
    monkeypatch.setattr(explore, "apply_verdict", decide_as("promote", []))
    first = save_challenger(engine, trained.artifact)
    promote(engine, "reschedule", first.version, expected_champion=None, reason="the first", actor="gate")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE models SET sha256 = repeat('0', 64)")
    decision = send_through_gate(table, train_challenger(table, trials=1), promote=True)
    assert (decision.decision, decision.champion_before) == ("promoted", "v1")


def test_a_full_disk_leaves_no_challenger_and_no_run_that_goes_on(engine, table, trained, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(explore.shutil, "copy2", full)
    with pytest.raises(ModelError, match=r"No space left on device.*free some disk below"):
        send_through_gate(table, trained)
    assert list_models(engine) == []
    status, reason = last_run()
    assert status == "FAILED"
    assert "free some disk" in reason


def test_a_refusal_that_is_given_back_is_that_of_its_own_run(engine, table, trained, monkeypatch):
    refuse = decide_as("refuse", [])

    def refuse_beside_another(*given, **named):
        try:
            return refuse(*given, **named)
        finally:
            record_decision(engine, Decision("reschedule", "refused", "another run", "retrain"))

    monkeypatch.setattr(explore, "apply_verdict", refuse_beside_another)
    assert send_through_gate(table, trained).reason == "as the test wants"
    assert last_run() == ("FINISHED", "as the test wants")


def last_run():
    """Status and reason of the newest run in the lab book."""
    settings = load_settings()
    with open_databases(settings) as databases:
        client = LabBook(databases.url_of("mlflow"), settings.home / "mlruns").client
        experiments = [one.experiment_id for one in client.search_experiments()]
        [run] = client.search_runs(experiments, max_results=1, order_by=["attributes.start_time DESC"])
    return run.info.status, run.data.tags["reason"]


def decide_as(decision, asked):
    """`apply_verdict` with a verdict that the test wants."""

    def apply(engine, trained, saved, champion, *, mlflow_run_id, may_promote):
        asked.append(may_promote)
        wanted = replace(trained, verdict=replace(trained.verdict, decision=decision, reasons=("as the test wants",)))
        return apply_verdict(engine, wanted, saved, champion, mlflow_run_id=mlflow_run_id, may_promote=may_promote)

    return apply
