"""`tqs why`, `tqs models show` and `tqs models expected`, as people read them and as a script does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest
from sqlalchemy import URL, create_engine, text

from benchmarks._model import make_artifact
from modelling.artifact import build_artifact
from modelling.store import promote, save_challenger
from records.importing.ids import NAMESPACE
from scoring.models import load_models
from scoring.sessions import predict_upcoming
from tests.scoring.conftest import Records
from tests.scoring.test_trust import BANDS
from tests.tqs.conftest import Call
from tqs.settings import load_settings

NOW = datetime.now(UTC)
TARGETS = ("reschedule", "no_show")


@pytest.fixture
def records(tqs: Call, database_url: URL) -> Records:
    return Records(create_engine(database_url))


@pytest.fixture
def session(records: Records) -> str:
    """One of 40 sessions ahead, predicted by models yesterday and now."""
    for target in TARGETS:
        artifact = make_artifact(target)
        artifact = build_artifact(artifact.manifest.model_copy(update={"bands": BANDS}), artifact.booster)
        saved = save_challenger(records.engine, artifact)
        promote(records.engine, target, saved.version, expected_champion=None, reason="test", actor="test")
    tutor = records.tutor(1)
    keys = [records.session(tutor, NOW + timedelta(days=3, hours=i), "scheduled") for i in range(40)]
    models = load_models(records.engine, load_settings())
    for moment in (NOW - timedelta(days=1), NOW):
        predict_upcoming(records.engine, models, moment)
    return keys[0]


def test_why_in_words(tqs: Call, session: str) -> None:
    code, out, err = tqs("why", session)
    assert (code, err) == (0, "")
    document = json.loads(tqs("why", session, "--json")[1])
    assert out.startswith(
        f"reschedule: {document['prediction']['probability']:.1%}, {document['risk_level']} risk, by v1 "
    )
    if document["band"] is None:
        assert "how often that comes true is not known: fewer than 200 sessions scored like this one" in out
    else:
        assert (
            "scored like this one, 25.0% to 100.0%, it came true for 45.0% to 56.0% (90 %, 11.0 points wide, 900 "
            in out
        )
    change = document["change"]
    shown = " ".join(out.split())
    assert f"log odds since then {change['log_odds']:+.3f}, of which" in shown
    for one in change["features"]:
        assert f"{one['effect']:+.3f} {one['phrase']}" in shown
    parts = sum(one["effect"] for one in change["features"]) + change["model"] + change["calibration"]
    assert parts == pytest.approx(change["log_odds"], abs=1e-12)


def test_a_session_that_is_over_and_a_score_beyond_its_band_are_told(tqs: Call, session: str, records: Records) -> None:
    assert tqs("why", session)[1].startswith("reschedule: ")
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET status = 'rescheduled' WHERE id = :id"), {"id": session})
        connection.execute(
            text("UPDATE session_reschedule_predictions SET probability = :p WHERE session_id = :id"),
            {"p": 0.7, "id": session},
        )
    out = tqs("why", session)[1]
    assert out.startswith("the session is rescheduled; what was predicted before:\nreschedule: 70.0%")
    # its band, of scores from 0.25 on, is 45 to 56 %
    assert "it stands higher among them, so the band is not its own" in out


def test_a_session_is_found_by_the_id_it_was_imported_with(tqs: Call, records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(
            text("UPDATE sessions SET id = :new WHERE id = :id"),
            {
                "id": records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled"),
                "new": uuid5(NAMESPACE, "lesson 7"),
            },
        )
    assert tqs("score")[0] == 0
    assert tqs("why", "lesson 7")[1].startswith("reschedule: ")
    code, _, err = tqs("why", "lesson 8")
    assert code == 1
    assert "no prediction of session" in err


def test_where_there_is_nothing_to_compare(tqs: Call, records: Records) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    assert tqs("why", key)[0] == 1
    assert tqs("score")[0] == 0
    code, out, _ = tqs("why", key, "--target", "no_show")
    assert code == 0
    assert "no_show: 3.0%, low risk, by rule at " in out
    assert "not known: the documented rule answers, which promises no probability" in out
    assert "no reasons are stored with it" in out
    assert "no earlier prediction" in out


def test_the_bands_of_a_model(tqs: Call, session: str) -> None:
    code, out, _ = tqs("models", "show", "reschedule")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "scored from rows predicted happened 90% band width" in lines
    assert "0.0000 150 0.2000 0.2000 too few rows" in lines
    assert "0.2500 900 0.5000 0.5000 0.4500–0.5600 0.1100" in lines
    manifest: Any = json.loads(tqs("models", "show", "reschedule", "--json")[1])["manifest"]
    assert manifest["bands"] == json.loads(BANDS.model_dump_json())


def test_what_is_expected_of_the_weeks(tqs: Call, session: str) -> None:
    code, out, _ = tqs("models", "expected", "no_show")
    assert code == 0
    weeks = json.loads(tqs("models", "expected", "no_show", "--json")[1])
    assert sum(week["predictions"] for week in weeks) == 40
    for week in weeks:
        assert week["state"] == "open"
        assert week["week"] in out
        if week["expected"] is not None:
            rate = week["expected"]["rate"]
            assert f"{rate['value']:.4f} ({rate['low']:.4f}–{rate['high']:.4f})" in out


def test_before_any_model_nothing_is_expected(tqs: Call) -> None:
    assert tqs("models", "expected", "reschedule") == (0, "no prediction of a model is stored yet: tqs score\n", "")
