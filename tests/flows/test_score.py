"""The nightly schedule: all pairs, and what is old goes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.score import refresh_matches
from tests.scoring.conftest import Records


def test_pairs_are_made_and_what_is_old_is_removed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr("flows.score.get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr("flows.score.quiet_run_logs", lambda: None)
    records = Records(engine)
    for number in range(2):
        records.student(number)
    records.tutor(1)
    records.execute(
        "INSERT INTO jobs (kind, state, actor, updated_at) VALUES ('generate_all', 'done', 'ada', '2020-01-01')"
    )

    (tmp_path / "drift/2020-01-01-match").mkdir(parents=True)

    assert refresh_matches.fn()["created"] == 2

    assert not list((tmp_path / "drift").iterdir())

    assert records.rows("SELECT count(*) FROM match_predictions") == [(2,)]
    assert records.rows("SELECT 1 FROM jobs") == []
