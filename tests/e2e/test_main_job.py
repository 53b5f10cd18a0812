"""The main job as its users do it: records in, models, predictions out, everything served, everything stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.demo import free_ports
from tests.bentos.conftest import wait_until

pytestmark = pytest.mark.timeout(900)

PROJECT = Path(__file__).resolve().parents[2]
TQS = str(Path(sys.executable).parent / "tqs")
WORLD = ["--tutors", "150", "--students", "500", "--days", "420", "--seed", "7"]


@dataclass(frozen=True)
class Home:
    """A TQS_HOME of its own, with ports that are free."""

    folder: Path
    environment: dict[str, str]

    def tqs(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        command = [TQS, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == expect, f"{arguments} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.tqs(*arguments, "--json").stdout)


def make_home(folder: Path) -> Home:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TQS_", "PREFECT_"))}
    return Home(folder, {**clean, **free_ports(), "TQS_HOME": str(folder), "TQS_ENV": "development"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The synthetic company, its three models and its predictions."""
    made = make_home(tmp_path_factory.mktemp("main-job"))
    made.tqs("demo", *WORLD)
    made.tqs("retrain", "--target", "all", "--trials", "2")
    made.tqs("score")
    return made


def test_each_target_has_a_champion_that_beats_what_it_was_compared_with(home: Home) -> None:
    models = home.json("models", "list")
    assert {(row["target"], row["version"], row["alias"]) for row in models} == {
        ("match", "v1", "champion"),
        ("reschedule", "v1", "champion"),
        ("no_show", "v1", "champion"),
    }
    for row in models:
        assert row["metrics"]["log_loss"] < row["metrics"]["base_rate_log_loss"]
        assert row["metrics"]["log_loss"] < row["metrics"]["rule_log_loss"]
    shown = json.loads(home.tqs("models", "show", "reschedule", "--json").stdout)
    assert shown["decisions"][0]["decision"] == "promoted"
    assert "beats the base rate" in shown["decisions"][0]["reason"]


def test_the_same_world_and_the_same_scores_again_change_nothing(home: Home) -> None:
    assert all(row["inserted"] == row["updated"] == 0 for row in home.json("demo", *WORLD))
    done = home.json("score")
    match = next(row for row in done["predictions"] if row["target"] == "match")
    assert match["written"] == 0
    assert match["unchanged"] == match["computed"] > 0
    assert match["model_version"] == "v1"


def test_a_feature_table_is_predicted_row_by_row_in_its_order(home: Home, tmp_path: Path) -> None:
    table, predicted = tmp_path / "features.parquet", tmp_path / "predictions.parquet"
    home.tqs("features", "--target", "no_show", "--out", str(table))
    home.tqs("predict", "--target", "no_show", "--in", str(table), "--out", str(predicted))
    features, predictions = pd.read_parquet(table), pd.read_parquet(predicted)
    assert list(predictions["session_id"]) == list(features["session_id"])
    assert list(predictions.columns) == [
        "session_id", "as_of", "probability", "risk_level", "model_version", "fallback",
    ]  # fmt: skip
    assert set(predictions["model_version"]) == {"v1"}
    assert not predictions["fallback"].any()
    test = features["part"] == "test"
    assert abs(predictions["probability"][test].mean() / features["label"][test].mean() - 1) < 0.35
    high = predictions["risk_level"] == "high"
    assert (predictions["probability"][high] >= 0.15).all()
    assert (predictions["probability"][~high] < 0.15).all()


def test_wrong_calls_are_one_sentence_and_a_status(home: Home, tmp_path: Path) -> None:
    told = home.tqs("retrain", "--target", "weather", expect=2)
    assert told.stderr.strip() == "tqs: there is no target 'weather'; the targets are match, reschedule, no_show"
    assert "already" in home.tqs("retrain", "--only-missing").stdout
    assert "does not exist" in home.tqs("import", str(tmp_path / "nothing"), expect=1).stderr
    home.tqs("retrain", "--trials", "0", expect=2)
    told = home.tqs("models", "rollback", "match", expect=1)
    assert "no model of match before v1" in told.stderr
    down = Home(home.folder, {**home.environment, "TQS_DATABASE_URL": "postgresql://nobody:hunter2@127.0.0.1:1/none"})
    told = down.tqs("models", "list", expect=1)
    assert "does not answer" in told.stderr
    assert "hunter2" not in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.long
def test_records_without_history_carry_no_model_and_it_is_recorded_why(tmp_path: Path) -> None:
    empty = make_home(tmp_path / "empty")
    told = empty.tqs("retrain", "--target", "reschedule", "--trials", "1", expect=1)
    assert "the records hold 0 rows for reschedule" in told.stderr
    assert "Traceback" not in told.stderr
    assert empty.json("models", "list") == []
    executed = list((tmp_path / "empty" / "runs").glob("*/10_build_features.html"))
    assert len(executed) == 1
    assert "the records hold 0 rows for reschedule" in executed[0].read_text()


@pytest.fixture(scope="module")
def running(home: Home) -> Iterator[Home]:
    process = subprocess.Popen([TQS, "up"], env=home.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready"):
            break
    assert said[-1].startswith("ready"), "".join(said) + (home.folder / "logs" / "up.log").read_text()[-4000:]
    yield home
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    for name, port in home.environment.items():
        if name.endswith("_PORT"):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", int(port))) != 0, f"{name} still answers"


def ask(home: Home, part: str, path: str, body: object = None) -> Any:
    key = (home.folder / "api-key").read_text().strip()
    address = f"http://127.0.0.1:{home.environment[f'TQS_{part}_PORT']}{path}"
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=30) as answer:
        return json.loads(answer.read())


def test_the_service_is_healthy_with_three_champions(running: Home) -> None:
    health = ask(running, "API", "/api/health")
    assert health["status"] == "healthy"
    assert health["models"] == {"match": "v1", "reschedule": "v1", "no_show": "v1"}


@pytest.mark.parametrize("endpoint", ["predict_match", "predict_reschedule", "predict_no_show", "score_tutors"])
def test_every_documented_example_is_answered(running: Home, endpoint: str) -> None:
    example = json.loads((PROJECT / "docs" / "examples" / f"{endpoint}.json").read_text())
    document = ask(running, "API", "/docs.json")
    documented = document["paths"][f"/{endpoint}"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert example == documented
    answer = ask(running, "API", f"/{endpoint}", example)
    first = answer[0]
    if endpoint == "score_tutors":
        assert 0 <= first["reschedule_rate_30d"] <= 100
    else:
        assert 0 < first["probability"] < 1
        assert first["model_version"] == "v1"
        assert first["fallback"] is False


def test_mlflow_shows_each_run_with_its_notebooks(running: Home) -> None:
    experiments = ask(running, "MLFLOW", "/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]
    ids = {row["name"]: row["experiment_id"] for row in experiments}
    for target in ("match", "reschedule", "no_show"):
        runs = ask(running, "MLFLOW", "/api/2.0/mlflow/runs/search", {"experiment_ids": [ids[f"tqs-{target}"]]})["runs"]
        assert [run["info"]["status"] for run in runs] == ["FINISHED"]
        run_id = runs[0]["info"]["run_id"]
        files = ask(running, "MLFLOW", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=notebooks")["files"]
        assert {Path(file["path"]).name for file in files} == {
            "10_build_features.html", "10_build_features.ipynb", "20_train_model.html", "20_train_model.ipynb",
        }  # fmt: skip


def test_prefect_has_planned_the_next_run_of_each_deployment(running: Home) -> None:
    def planned() -> set[str]:
        wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        return {run["deployment_id"] for run in ask(running, "PREFECT", "/api/flow_runs/filter", wanted)}

    deployments = {row["id"] for row in ask(running, "PREFECT", "/api/deployments/filter", {})}
    wait_until(lambda: planned() >= deployments, 60)
    assert "Traceback" not in (running.folder / "logs" / "up.log").read_text()


def test_prefect_shows_the_flow_run_and_the_deployments(running: Home) -> None:
    runs = ask(running, "PREFECT", "/api/flow_runs/filter", {"sort": "START_TIME_ASC"})
    assert "COMPLETED" in {run["state_type"] for run in runs}
    deployments = ask(running, "PREFECT", "/api/deployments/filter", {})
    assert {row["entrypoint"] for row in deployments} == {
        "flows/process.py:process_sessions", "flows/retrain.py:retrain", "flows/score.py:predict_upcoming",
        "flows/score.py:refresh_matches", "flows/watch.py:watch_drift",
    }  # fmt: skip
