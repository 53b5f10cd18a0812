"""The notebooks run from top to bottom on a small world, and are fit to be read and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat
import pytest

from features.catalogue import names_of
from flows.notebooks import run_notebook
from modelling.decisions import list_decisions
from modelling.drift_store import read_findings
from modelling.parameters import BuildFeatures, Explore, TrainModel, WatchDrift
from modelling.refit import refit_model
from modelling.snapshot import read_snapshot, write_snapshot
from modelling.store import list_models, load_champion, load_model
from records.load import write_world
from records.world import make_world
from tqs.errors import UnfitDataError

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TRAINING = {"10_build_features": BuildFeatures, "20_train_model": TrainModel}
PARAMETERS = TRAINING | {"30_watch_drift": WatchDrift, "90_explore": Explore}


def cells(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_heading_and_neither_outputs_functions_nor_sql(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    code = "\n".join(cells(path, "code"))
    assert not any(line.lstrip().startswith(("def ", "class ")) for line in code.splitlines())
    assert not any(word in code for word in ("SELECT ", "INSERT ", "UPDATE ", "DELETE "))


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_parameters_cell_names_exactly_what_is_validated(name):
    path = next(path for path in NOTEBOOKS if path.stem == name)
    tagged = [
        cell.source for cell in nbformat.read(path, as_version=4).cells if "parameters" in cell.metadata.get("tags", ())
    ]
    assert len(tagged) == 1
    values: dict[str, object] = {}
    exec(tagged[0], {}, values)  # noqa: S102  # our own notebook
    assert set(PARAMETERS[name].from_notebook(values).model_fields_set) == set(PARAMETERS[name].model_fields)


@pytest.fixture
def home(engine, database_url, tmp_path, monkeypatch) -> Path:
    """Settings of a home of its own on a database that holds a small world."""
    write_world(engine, make_world(tutors=90, students=350, days=300, seed=5, end=date(2026, 6, 30)))
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    monkeypatch.setenv("TQS_DATABASE_URL", database_url.render_as_string(hide_password=False))
    return tmp_path


def test_the_notebooks_pass_nbval_a_model_serves_is_watched_and_exploring_changes_nothing_about_it(home, engine):
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "-p", "no:xdist", *(str(path) for path in NOTEBOOKS if path.stem in PARAMETERS)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert load_champion(engine, "reschedule").version == "v1"
    explored, trained = list_decisions(engine, "reschedule")
    assert (trained.decision, trained.version) == ("promoted", "v1")
    assert (explored.decision, explored.version, explored.champion_before) == ("kept", "v2", "v1")
    assert explored.reason.startswith("This run was not to promote anything.")
    assert refit_model(load_model(engine, "reschedule", "v2"), home, threads=2).same
    assert len(list(home.glob("mlruns/**/pictures/reliability.png"))) == 2
    assert len(list(home.glob("mlruns/**/model/booster.ubj"))) == 2
    cards = [card.read_text() for card in home.glob("mlruns/**/model_card.md")]
    assert all("| this model |" in card for card in cards)
    assert (home / "model_card_reschedule_v1.md").read_text() in cards
    watched = {row["subject"]: row for row in read_findings(engine, "reschedule", date(2026, 6, 29))}
    assert len(watched) == len(names_of("reschedule")) + 7
    assert {watched[name]["model_version"] for name in ("overall", "rate", "performance")} == {"v1"}
    assert watched["performance"]["verdict"] == "stable"
    assert (home / watched["overall"]["page"]).exists()


def test_a_planted_leak_ends_the_notebook_with_its_reason_recorded_and_no_champion(home, engine):
    file = home / "leaking.parquet"
    write_snapshot(engine, "reschedule", file)
    leak_into(file)
    asked = TrainModel(target="reschedule", snapshot=str(file), trials=1, threads=1)
    ran = run_notebook("20_train_model", asked.as_plain(), home / "runs", limit_s=240, log=str)
    assert isinstance(ran.error, UnfitDataError)
    assert "session_duration_minutes separates the target alone" in str(ran.error)
    decision = list_decisions(engine, "reschedule")[0]
    assert (decision.decision, decision.version) == ("refused", "v1")
    assert decision.reason in str(ran.error)
    assert [row.alias for row in list_models(engine)] == [None]
    assert list(home.glob("mlruns/**/pictures/reliability.png"))
    assert "Train a model" in ran.html.read_text()


@pytest.mark.long
def test_a_lab_book_that_fails_takes_no_promotion_back(home, engine):
    file = home / "table.parquet"
    write_snapshot(engine, "reschedule", file)
    asked = TrainModel(target="reschedule", snapshot=str(file), trials=1, threads=1, mlflow_run_id="no-such-run")
    ran = run_notebook("20_train_model", asked.as_plain(), home / "runs", limit_s=240, log=str)
    assert "no-such-run" in str(ran.error)
    assert load_champion(engine, "reschedule").version == "v1"
    decision = list_decisions(engine, "reschedule")[0]
    assert (decision.decision, decision.mlflow_run_id) == ("promoted", "no-such-run")


def test_records_that_carry_no_model_end_the_first_notebook_with_that_reason(
    engine, database_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    monkeypatch.setenv("TQS_DATABASE_URL", database_url.render_as_string(hide_password=False))
    asked = BuildFeatures(target="match", snapshot=str(tmp_path / "empty.parquet"))
    ran = run_notebook("10_build_features", asked.as_plain(), tmp_path / "runs", limit_s=120, log=str)
    assert isinstance(ran.error, UnfitDataError)
    assert str(ran.error).startswith("the records hold 0 rows for match")


def leak_into(file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    column = table.schema.get_field_index("session_duration_minutes")
    leaked = pa.array(60.0 + table["label"].to_numpy().astype(float))
    pq.write_table(table.set_column(column, "session_duration_minutes", leaked), file)
    read_snapshot(file)
