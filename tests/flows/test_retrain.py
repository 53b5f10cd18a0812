"""Retraining alone: one run a target at a time, where its runs are sent, and a disk that is full."""

import logging
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.states import State
from sqlalchemy import URL, Engine, text

from flows.environment import announced_server, quiet_run_logs, serve_environment, use_prefect
from flows.retrain import Place, build_features, retrain_lock
from modelling.registry import LabBook
from records.engine import Databases, explain_outage
from tqs.errors import RecordsError
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
