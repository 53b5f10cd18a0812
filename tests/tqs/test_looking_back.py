"""What looking back prints and how it ends: refits, replays, outcomes and runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from modelling import refit
from modelling.origin import Origin
from modelling.runs import begin_run, end_run
from modelling.store import promote, save_challenger
from scoring.models import load_models
from scoring.sessions import predict_upcoming
from tests.scoring.conftest import NOW, Records, days_ago
from tests.tqs.conftest import Call
from tqs.settings import load_settings


@pytest.fixture
def records(engine: Engine) -> Records:
    """A tutor with a session that was ahead on NOW, predicted by the rule then, and moved by the tutor since."""
    records = Records(engine)
    tutor = records.tutor(1)
    records.session(tutor, days_ago(3))
    session = records.session(tutor, NOW + timedelta(days=1), "scheduled")
    records.execute("UPDATE sessions SET updated_at = '2026-03-01'")
    predict_upcoming(engine, load_models(engine, load_settings()), NOW)
    records.execute(f"UPDATE sessions SET status = 'rescheduled' WHERE id = '{session}'")
    records.execute(
        "INSERT INTO reschedules (session_id, initiator, original_time, cancelled_at) "
        f"SELECT id, 'tutor', scheduled_time, scheduled_time - interval '1 hour' FROM sessions WHERE id = '{session}'"
    )
    return records


def test_outcomes_of_predictions(tqs: Call, records: Records) -> None:
    assert "no session of the last 30 days with a stored prediction" in tqs("models", "outcomes", "reschedule")[1]
    since = f"interval '{(datetime.now(UTC) - NOW).days - 2} days'"  # the session was yesterday
    for table, columns in (
        ("sessions", ("scheduled_time",)),
        ("reschedules", ("original_time", "cancelled_at")),
        ("session_reschedule_predictions", ("scheduled_time", "predicted_at")),
    ):
        records.execute(f"UPDATE {table} SET " + ", ".join(f"{name} = {name} + {since}" for name in columns))
    code, out, _ = tqs("models", "outcomes", "reschedule", "--json")
    assert code == 0
    [one] = json.loads(out)
    assert (one["version"], one["group"], one["sessions"], one["rate"]) == ("rule", "untreated", 1, 1.0)
    assert one["mean_prediction"] == 0.0  # none of the tutor's sessions of 30 days was rescheduled
    assert one["log_loss"] == pytest.approx(-math.log(0.001))
    assert "untreated" in tqs("models", "outcomes", "reschedule")[1]
    assert "with a stored prediction of no_show is over yet" in tqs("models", "outcomes", "no_show")[1]


def test_a_replay_ends_with_0_where_all_is_the_same_or_explained_and_with_1_where_not(
    tqs: Call, records: Records
) -> None:
    code, out, _ = tqs("replay", "--target", "reschedule")
    assert (code, out.splitlines()[0]) == (0, "1 of 1 stored predictions of reschedule come out the same, bit for bit")
    changed = "UPDATE session_reschedule_predictions SET features_json = jsonb_set(features_json, '{is_weekend}', '7')"
    records.execute(changed)
    code, out, err = tqs("replay", "--target", "reschedule")
    assert code == 1
    assert "is_weekend" in out
    assert "1 of 1 predictions of reschedule do not come out the same, and no record of their tutors" in err
    records.session(records.rows("SELECT tutor_id::text FROM sessions")[0][0], days_ago(4))
    code, out, _ = tqs("replay", "--target", "reschedule")
    assert code == 0
    assert "1 sessions of its tutor or student that by their times were known then" in out
    code, out, _ = tqs("replay", "--target", "reschedule", "--json")
    assert json.loads(out)["differences"][0]["features"]["is_weekend"] == [7.0, 0.0]


def test_runs_are_listed_with_what_became_of_them(tqs: Call, engine: Engine) -> None:
    run, _ = begin_run(engine, "match", seed=3, trials=4, origin=Origin("0123456789abcdef", ""))
    end_run(engine, run, failed=True, reason="the lab book was away")
    code, out, _ = tqs("models", "runs")
    assert code == 0
    assert "the lab book was away" in out
    assert "0123456789ab" in out
    [one] = json.loads(tqs("models", "runs", "match", "--json")[1])
    assert (one["state"], one["seed"], one["trials"]) == ("failed", 3, 4)
    assert "no model was trained yet" in tqs("models", "runs", "no_show")[1]


def test_a_refit_ends_with_1_where_the_bytes_differ_or_the_snapshot_is_gone(
    tqs: Call, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save_challenger(engine, make_artifact("reschedule"))
    promote(engine, "reschedule", saved.version, expected_champion=None, reason="the first", actor="gate")
    code, out, err = tqs("models", "refit", "reschedule")
    assert (code, out) == (1, "")
    assert "none of the 0 snapshots of reschedule" in err
    same = refit.Refit("reschedule", "v1", load_settings().home, 1234, ())
    monkeypatch.setattr(refit, "refit_model", lambda *_, **__: same)
    code, out, _ = tqs("models", "refit", "reschedule", "v1")
    assert (code, "gives the same bytes (a booster of 1,234" in out) == (0, True)
    monkeypatch.setattr(refit, "refit_model", lambda *_, **__: replace(same, differing=("booster", "scaler")))
    code, out, err = tqs("models", "refit", "reschedule", "--json")
    assert (code, json.loads(out)["same"]) == (1, False)
    assert "the refit of reschedule v1 differs in its booster and scaler; it was trained by commit unknown" in err
