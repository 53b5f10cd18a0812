"""Retraining alone: one run a target at a time, where its runs are sent, and what becomes of a run that fails."""

import logging
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest
from prefect.states import State
from sqlalchemy import URL, Engine, text

from benchmarks._model import make_artifact
from flows import retrain as retraining
from flows.environment import announced_server, quiet_run_logs, serve_environment, use_prefect
from flows.notebooks import ExecutedNotebook, NotebookError
from flows.retrain import Place, build_features, retrain_lock, retrain_target, train_model
from modelling.decisions import list_decisions
from modelling.origin import Origin
from modelling.registry import LabBook
from modelling.runs import begin_run, list_runs
from modelling.store import champion_versions, promote, save_challenger
from records.engine import Databases, create_database, explain_outage
from tests.conftest import connect_as_owner
from tqs.errors import LabBookError, RecordsError, TqsError, UnfitDataError
from tqs.settings import Settings, load_settings


def test_two_retrains_of_a_target_exclude_each_other_and_leave_other_targets_alone(engine: Engine) -> None:
    with retrain_lock(engine, "match") as first:
        assert first
        with retrain_lock(engine, "match") as second, retrain_lock(engine, "no_show") as other:
            assert not second
            assert other
        with retrain_lock(engine, "match") as third:
            assert not third  # what the loser left alone is still held
    with retrain_lock(engine, "match") as later:
        assert later


def test_a_full_disk_fails_the_step_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flows.retrain.run_notebook", no_space)
    monkeypatch.setattr("flows.retrain.get_run_logger", lambda: logging.getLogger("test"))
    place = Place(LabBook("postgresql://nowhere", tmp_path / "mlruns"), "run", tmp_path / "runs" / "1")
    state = build_features.fn(place, "match")
    assert isinstance(state, State)
    assert state.is_failed()
    assert state.message == (
        "the files of 10_build_features cannot be kept ([Errno 28] No space left on device); "
        f"free some disk below {tmp_path}"
    )


class Ended:
    """A task that ran outside of Prefect, as `retrain_target` asks for it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def result(self) -> Any:
        if isinstance(self.value, State):
            raise self.value.data
        return self.value


@pytest.fixture
def databases(engine: Engine, database_url: URL, monkeypatch: pytest.MonkeyPatch) -> Databases:
    """A champion of `reschedule` in a database, and tasks that run here."""
    monkeypatch.setattr(retraining, "get_run_logger", lambda: logging.getLogger("test"))
    for task in (build_features, train_model):
        monkeypatch.setattr(retraining, task.fn.__name__, lambda *given, return_state, run=task.fn: Ended(run(*given)))
    saved = save_challenger(engine, make_artifact("reschedule"))
    promote(engine, "reschedule", saved.version, expected_champion=None, reason="the first", actor="gate")
    databases = Databases(database_url, embedded=True)
    yield databases
    databases.app.dispose()
    with connect_as_owner(database_url) as run:
        run(f'DROP DATABASE IF EXISTS "{database_url.database}_mlflow" WITH (FORCE)')


def end_notebooks(monkeypatch: pytest.MonkeyPatch, error: TqsError | None) -> None:
    """Notebooks that leave their files, and end with `error` where it is not None."""

    def run(name: str, parameters: dict[str, Any], folder: Path, **_: object) -> ExecutedNotebook:
        folder.mkdir(parents=True, exist_ok=True)
        for ending in ("ipynb", "html"):
            (folder / f"{name}.{ending}").write_text("{}")
        rows = pd.DataFrame({"scheduled_time": pd.to_datetime(["2026-01-01T09:00Z"])})
        rows.to_parquet(folder / "snapshot.parquet")
        return ExecutedNotebook(folder / f"{name}.ipynb", folder / f"{name}.html", error)

    monkeypatch.setattr(retraining, "run_notebook", run)


def test_what_fails_is_on_record_leaves_the_champion_alone_and_the_next_run_works(
    databases: Databases, engine: Engine, database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow away, a killed run before, notebooks that raise, data that are unfit, then one that goes through."""
    create_database(database_url, f"{database_url.database}_mlflow")
    with connect_as_owner(database_url) as run:
        run(f'ALTER DATABASE "{database_url.database}_mlflow" ALLOW_CONNECTIONS false')
    decision, failure = retrain_target(databases, tmp_path, "reschedule", 1, 7)
    assert isinstance(failure, LabBookError)
    assert "the lab book (MLflow) cannot be used" in str(failure)
    assert decision is not None
    assert (decision.decision, decision.reason, decision.mlflow_run_id) == ("kept", str(failure), None)
    with connect_as_owner(database_url) as run:
        run(f'ALTER DATABASE "{database_url.database}_mlflow" ALLOW_CONNECTIONS true')
    begin_run(engine, "reschedule", seed=1, trials=1, origin=Origin())

    wanted: list[tuple[TqsError, str]] = [
        (NotebookError("MemoryError: Unable to allocate 9 GiB"), "kept"),
        (UnfitDataError("only one class"), "refused"),
    ]
    for error, kind in wanted:
        end_notebooks(monkeypatch, error)
        decision, failure = retrain_target(databases, tmp_path, "reschedule", 1, 7)
        assert failure is error
        assert decision is not None
        assert (decision.decision, decision.reason) == (kind, str(error))
    end_notebooks(monkeypatch, None)
    assert retrain_target(databases, tmp_path, "reschedule", 1, 7) == (None, None)

    states = [(run.state, bool(run.snapshot_sha256), bool(run.mlflow_run_id)) for run in list_runs(engine)][::-1]
    assert states == [
        ("failed", False, False),
        ("lost", False, False),
        ("failed", False, True),
        ("failed", False, True),
        ("finished", True, True),
    ]
    reasons = [decision.reason for decision in list_decisions(engine, "reschedule")][::-1]
    assert len(reasons) == 5
    assert "did not get to a decision" in reasons[2]
    assert champion_versions(engine) == {"reschedule": "v1"}
    client = LabBook(databases.url_of("mlflow"), tmp_path / "mlruns").client
    runs = [client.get_run(run.mlflow_run_id) for run in list_runs(engine) if run.mlflow_run_id]
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "FAILED"]
    assert runs[1].data.tags["reason"] == "only one class"


def test_what_nobody_expected_ends_the_run_on_record_too(
    databases: Databases, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(retraining, "open_run", explode)
    with pytest.raises(ZeroDivisionError):
        retrain_target(databases, tmp_path, "reschedule", 1, 7)
    [run] = list_runs(engine)
    assert (run.state, run.reason) == ("failed", retraining.UNEXPECTED)


def test_a_full_disk_before_the_first_notebook_is_a_sentence(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retraining, "open_run", lambda *_: "run-1")
    monkeypatch.setattr(retraining, "close_run", lambda *_, **__: None)
    monkeypatch.setattr(retraining, "mirror_aliases", lambda *_: None)
    monkeypatch.setattr(retraining, "ensure_private_folder", no_space)
    decision, failure = retrain_target(databases, tmp_path, "reschedule", 1, 7)
    assert "No space left on device" in str(failure)
    assert decision is not None
    assert decision.decision == "kept"


def test_what_prefect_logs_of_a_failed_run_quotes_no_row(engine: Engine) -> None:
    said: list[str] = []
    keeper = logging.Handler()
    keeper.emit = lambda record: said.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(keeper)
    quiet_run_logs()
    insert = text("INSERT INTO tutors (name, source, age) VALUES ('Ada Lovelace', 'import', 999)")
    with pytest.raises(RecordsError) as caught, explain_outage(engine), engine.begin() as connection:
        connection.execute(insert)
    assert "Ada Lovelace" in "".join(traceback.format_exception(caught.value))  # the server's DETAIL has the row
    logger.error("Encountered exception during execution", exc_info=caught.value)
    logger.removeHandler(keeper)
    assert "Ada" not in said[0]
    assert "tqs.errors.RecordsError" in said[0]


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name that http.server calls
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of the tests."""


def settings_of(home: Path, port: int) -> Settings:
    return load_settings(home=home, prefect_port=port)


def test_runs_go_to_the_server_of_their_own_home_only(tmp_path: Path, database_url: URL) -> None:
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    Thread(target=server.serve_forever, daemon=True).start()
    ours, theirs = (settings_of(tmp_path / name, server.server_port) for name in ("ours", "theirs"))
    databases = Databases(database_url, embedded=True)
    try:
        with announced_server(ours):
            assert use_prefect(ours, databases)["PREFECT_API_URL"] == f"http://127.0.0.1:{server.server_port}/api"
            assert "PREFECT_API_URL" not in use_prefect(theirs, databases)
        assert "PREFECT_API_URL" not in use_prefect(ours, databases)
    finally:
        server.shutdown()
        databases.app.dispose()


def test_prefect_answers_pages_of_its_own_origin_only(tmp_path: Path, database_url: URL) -> None:
    databases = Databases(database_url, embedded=True)
    environment = serve_environment(settings_of(tmp_path, 4321), databases)
    assert environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4321,http://localhost:4321"
    databases.app.dispose()
