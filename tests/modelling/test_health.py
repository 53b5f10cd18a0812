from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Engine, text

from benchmarks._model import make_artifact
from modelling.drift import Finding
from modelling.drift_store import store_findings, store_retraining
from modelling.health import ModelHealth, read_model_health
from modelling.store import promote, roll_back, save_challenger


def test_before_anything_there_is_nothing_of_each_target(engine: Engine) -> None:
    nothing = (None,) * 8
    assert read_model_health(engine) == [ModelHealth(name, *nothing) for name in ("match", "reschedule", "no_show")]


def test_what_serves_how_it_was_trained_and_how_it_drifts(engine: Engine) -> None:
    for champion in (None, "v1"):
        saved = save_challenger(engine, make_artifact("reschedule", trees=3, depth=2))
        promote(engine, "reschedule", saved.version, expected_champion=champion, reason="a test", actor="person ada")
    roll_back(engine, "reschedule", reason="a test", actor="person ada")
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE model_decisions SET decided_at = '2026-03-01 10:00+00' WHERE decision = 'promoted';"
                "UPDATE model_decisions SET decided_at = '2026-03-09 10:00+00' WHERE decision = 'rolled_back'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO training_runs (target, state, seed, trials, code_commit, lock_sha256, reason, started_at, "
                "ended_at) VALUES ('reschedule', 'finished', 1, 1, '', '', NULL, '2026-03-02', '2026-03-02'), "
                "('reschedule', 'failed', 1, 1, '', '', 'too few rows', '2026-03-08', '2026-03-08'), "
                "('match', 'finished', 1, 1, '', '', NULL, '2026-03-10', '2026-03-10')"
            )
        )
    for day, verdict in ((9, "stable"), (10, "drift")):
        found = [Finding("overall", verdict, "a test"), Finding("day_of_week", "stable", "a test")]
        store_findings(engine, "reschedule", date(2026, 3, day), found)
    store_retraining(engine, "reschedule", date(2026, 3, 10), "held back", "too few new sessions")

    match, reschedule, no_show = read_model_health(engine)

    assert reschedule == ModelHealth(
        "reschedule",
        champion="v1",
        since=datetime(2026, 3, 9, 10, tzinfo=UTC),
        trained_at=datetime(2026, 3, 8, tzinfo=UTC),
        training="failed",
        training_reason="too few rows",
        watched=date(2026, 3, 10),
        drift="drift",
        retraining_reason="too few new sessions",
    )
    assert (match.champion, match.training, match.drift) == (None, "finished", None)
    assert (no_show.champion, no_show.training) == (None, None)
