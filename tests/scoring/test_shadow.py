"""A challenger in shadow: what is stored of it beside the champion, once a session, and nothing that anybody sees."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from features.table import session_features
from modelling.shadow import ShadowRun, find_shadow, running_shadows, start_shadow, stop_shadow
from modelling.store import promote, save_challenger
from records.reading import read_history, select_upcoming
from scoring.models import ServedModel, load_models
from scoring.pair_people import read_people
from scoring.pairs import predict_blocks
from scoring.sessions import predict_upcoming
from scoring.shadow import load_shadows, log_first_bookings
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import ModelError
from tqs.settings import Settings

LOGGED = (
    "SELECT session_id::text, probability, champion_version, champion_probability, predicted_at FROM shadow_predictions"
)


@pytest.fixture(autouse=True)
def canary(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The child process has its own tests; here only whether it is asked matters."""
    asked: list[str] = []
    monkeypatch.setattr("modelling.shadow.check_artifact", lambda artifact: asked.append(artifact.version))
    return asked


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def save_two(engine: Engine, target: str) -> None:
    """A champion v1 and a challenger v2 that answers otherwise."""
    for seed in (3, 5):
        save_challenger(engine, make_artifact(target, seed=seed))
    promote(engine, target, "v1", expected_champion=None, reason="a test", actor="test")


def start(engine: Engine, target: str, version: str = "v2") -> ShadowRun:
    return start_shadow(engine, target, version, days=14, actor="account ann")


def predict(engine: Engine, settings: Settings, now: Any = NOW) -> dict[str, ServedModel]:
    """An hourly run; the champions."""
    champions = load_models(engine, settings)
    shadows = load_shadows(engine, settings)
    predict_upcoming(engine, champions, now, shadows=shadows)
    log_first_bookings(engine, shadows, champions, now)
    return champions


def sessions_ahead(records: Records, *days: float) -> list[str]:
    tutor = records.tutor(1)
    for i in range(4):
        records.session(tutor, days_ago(1 + 3 * i), "rescheduled" if i < 2 else "completed", student="mia")
    return [records.session(tutor, NOW + timedelta(days=d), "scheduled", student="mia") for d in days]


def test_both_say_what_they_say_of_the_same_features(engine: Engine, records: Records, settings: Settings) -> None:
    save_two(engine, "reschedule")
    ahead = sessions_ahead(records, 1, 5)
    start(engine, "reschedule")
    champions = predict(engine, settings)

    history = read_history(engine)
    now = int(NOW.timestamp() * 1e6)
    X = session_features(history, select_upcoming(history.sessions, now, 14), np.full(2, now), "UTC")
    champion, challenger = champions["reschedule"].predict(X), load_shadows(engine, settings)["reschedule"].predict(X)
    assert np.abs(champion - challenger).min() > 0
    assert {tuple(row) for row in records.rows(LOGGED)} == {
        (key, challenger[i], "v1", champion[i], NOW) for i, key in enumerate(ahead)
    }
    shown = records.rows(
        "SELECT DISTINCT model_version FROM session_reschedule_predictions WHERE target = 'reschedule'"
    )
    assert [tuple(row) for row in shown] == [("v1",)]


def test_the_first_moment_stays_and_later_sessions_come_in(
    engine: Engine, records: Records, settings: Settings
) -> None:
    save_two(engine, "no_show")
    [first] = sessions_ahead(records, 5)
    start(engine, "no_show")
    predict(engine, settings)
    before = [tuple(row) for row in records.rows(LOGGED)]
    later = NOW + timedelta(hours=1)
    second = records.session(records.tutor(2), NOW + timedelta(days=2), "scheduled")
    predict(engine, settings, later)
    rows = {row[0]: tuple(row) for row in records.rows(LOGGED)}
    assert [rows[first]] == before
    assert rows[second][-1] == later


def test_without_a_run_nothing_is_logged(engine: Engine, records: Records, settings: Settings) -> None:
    save_two(engine, "reschedule")
    sessions_ahead(records, 1)
    predict(engine, settings)
    start(engine, "reschedule")
    stop_shadow(engine, "reschedule")
    predict(engine, settings)
    assert records.rows(LOGGED) == []


def test_where_no_model_serves_the_rule_stands_beside_it(engine: Engine, records: Records, settings: Settings) -> None:
    save_challenger(engine, make_artifact("reschedule"))
    sessions_ahead(records, 1)
    start(engine, "reschedule", "v1")
    predict(engine, settings)
    [row] = records.rows(LOGGED)
    assert (row.champion_version, row.champion_probability) == ("rule", 0.5)  # the tutor moved 2 of 4 sessions


def test_a_challenger_that_was_promoted_meanwhile_is_in_shadow_no_more(
    engine: Engine, records: Records, settings: Settings
) -> None:
    save_two(engine, "reschedule")
    sessions_ahead(records, 1)
    start(engine, "reschedule")
    promote(engine, "reschedule", "v2", expected_champion="v1", reason="a test", actor="test")
    assert running_shadows(engine) == {}
    predict(engine, settings)
    assert records.rows(LOGGED) == []


def test_a_damaged_challenger_stops_no_run(
    engine: Engine, records: Records, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    save_two(engine, "reschedule")
    sessions_ahead(records, 1)
    start(engine, "reschedule")
    records.execute("UPDATE models SET manifest = manifest || ' ' WHERE version = 'v2'")
    predict(engine, settings)
    assert records.rows(LOGGED) == []
    assert "v2 of reschedule does not run in shadow: model v2 is damaged" in caplog.text
    assert len(records.rows("SELECT FROM session_reschedule_predictions")) == 2


def test_a_pair_is_logged_with_its_first_booking_as_the_next_run_sees_it(
    engine: Engine, records: Records, settings: Settings
) -> None:
    save_two(engine, "match")
    tutor, other = records.tutor(1, age=30), records.tutor(2)
    mia, tom = records.student(1, age=11), records.student(2)
    save_two(engine, "reschedule")
    for target, began in (("match", 3), ("reschedule", 10)):
        start(engine, target)
        records.execute(f"UPDATE shadow_runs SET started_at = '{days_ago(began)}' WHERE target = '{target}'")
    ahead = NOW + timedelta(days=4)

    def book(tutor: str, student: str, hours_ago: float, **more: Any) -> str:
        booked = NOW - timedelta(hours=hours_ago)
        return records.session(tutor, more.pop("at", ahead), "scheduled", student=student, booked_at=booked)

    first = book(tutor, mia, 5)
    book(tutor, mia, 4, at=ahead + timedelta(days=7))  # not the first of the two
    book(other, mia, 24 * 5)  # before the run began
    book(other, tom, 24 * 4, at=NOW - timedelta(days=1))
    book(other, tom, 2)  # they have met
    book(tutor, "somebody unknown here", 2)
    book(tutor, tom, -1)  # booked after the run
    champions = predict(engine, settings)
    [row] = records.rows(f"{LOGGED} WHERE target = 'match'")
    assert row.session_id == first
    [block] = predict_blocks(read_people(engine, NOW, [mia], [tutor]), champions["match"])
    assert row.champion_probability == pytest.approx(block.probability[0], abs=1e-12)
    assert row.probability != row.champion_probability
    predict(engine, settings, NOW + timedelta(minutes=1))
    assert len(records.rows(f"{LOGGED} WHERE target = 'match'")) == 1


def test_starting_another_ends_the_one_before(engine: Engine, canary: list[str]) -> None:
    save_two(engine, "reschedule")
    save_challenger(engine, make_artifact("reschedule", seed=7))
    run = start(engine, "reschedule", "v2")
    assert (run.ends_at - run.started_at, run.actor) == (timedelta(days=14), "account ann")
    start(engine, "reschedule", "v3")
    assert running_shadows(engine) == {"reschedule": "v3"}
    assert canary == ["v2", "v3"]
    again = start(engine, "reschedule", "v2")
    assert again.started_at == run.started_at
    assert running_shadows(engine) == {"reschedule": "v2"}


def test_what_cannot_run_says_why(engine: Engine) -> None:
    save_two(engine, "reschedule")
    with pytest.raises(ModelError, match="v1 is the champion of reschedule"):
        start(engine, "reschedule", "v1")
    with pytest.raises(ModelError, match="no model 'v9' of reschedule"):
        start(engine, "reschedule", "v9")
    with pytest.raises(ModelError, match="no model of reschedule runs in shadow"):
        stop_shadow(engine, "reschedule")
    assert find_shadow(engine, "reschedule") is None


def test_a_model_in_shadow_is_not_forgotten(engine: Engine) -> None:
    save_two(engine, "reschedule")
    start(engine, "reschedule")
    for seed in range(10, 15):
        save_challenger(engine, make_artifact("reschedule", seed=seed))
    assert running_shadows(engine) == {"reschedule": "v2"}
    assert set(load_shadows(engine, Settings())) == {"reschedule"}
