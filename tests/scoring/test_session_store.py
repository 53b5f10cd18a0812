"""What became of a session between its prediction and the storing of it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from records.upcoming import read_upcoming
from scoring.session_predictions import predict_session
from scoring.session_store import store_explained, store_predictions
from scoring.sessions import upcoming_features
from tests.scoring.conftest import NOW, Records, serve
from tests.scoring.test_interleaving import wait_for_lock
from tqs.errors import QueryError

MODEL = serve("reschedule")


@pytest.mark.parametrize("store", [store_predictions, store_explained])
@pytest.mark.parametrize("change", ["status = 'no_show'", "scheduled_time = scheduled_time + interval '1 second'"])
def test_none_is_stored_for_a_session_that_ended_or_moved(
    engine: Engine, records: Records, store: Any, change: str
) -> None:
    tutor = records.tutor(1)
    keys = [records.session(tutor, NOW + timedelta(days=1), "scheduled") for _ in range(3)]
    with engine.begin() as connection:
        upcoming = read_upcoming(connection, NOW, days=2)
        X = upcoming_features(upcoming, NOW, "UTC")
        connection.exec_driver_sql(f"UPDATE sessions SET {change} WHERE id = '{keys[1]}'")
        assert store(connection, MODEL, upcoming.sessions, X, MODEL.predict(X), NOW) == 2
    stored = records.rows("SELECT session_id::text FROM session_reschedule_predictions")
    assert {row[0] for row in stored} == {keys[0], keys[2]}


def test_an_outcome_that_is_being_recorded_is_waited_for(engine: Engine, records: Records) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    models = {"reschedule": MODEL, "no_show": serve("no_show")}
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as outcome:
            outcome.exec_driver_sql(f"UPDATE sessions SET status = 'no_show' WHERE id = '{key}'")
            run = pool.submit(predict_session, engine, models, uuid.UUID(key), NOW, actor="ann")
            wait_for_lock(records, run)
        with pytest.raises(QueryError, match="is no-show and not scheduled any more"):
            run.result()
    assert records.rows("SELECT 1 FROM session_reschedule_predictions") == []
