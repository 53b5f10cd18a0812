"""Two runs of one job that overlap: what a later moment says stays, whichever run ends last."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

import scoring.pair_store
from benchmarks._model import make_artifact
from modelling.risk import RiskThresholds
from modelling.store import promote, save_challenger
from scoring.pair_people import read_clock, read_people
from scoring.pair_store import store_pairs
from scoring.pairs import predict_blocks, predict_pairs, students_to_predict
from scoring.sessions import predict_upcoming
from scoring.tutors import score_tutors, score_tutors_within
from tests.scoring.conftest import NOW, Records, days_ago, serve
from tqs.errors import ModelError

LATER = NOW + timedelta(minutes=5)
MODEL, RULE = serve("match"), serve("match", rule=True)


def wait_for_lock(records: Records, run: Future[Any]) -> None:
    """Until a run of this database waits for another one."""
    end = time.monotonic() + 30
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not records.rows(waiting)[0][0]:
        assert not run.done(), "it did not wait"
        assert time.monotonic() < end


@pytest.mark.parametrize("asked", [None, "the tutor"])
def test_scores_are_read_after_the_wait_for_another_run(engine: Engine, records: Records, asked: str | None) -> None:
    tutor = records.tutor(1)
    records.session(tutor, days_ago(1))
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as first:
            score_tutors_within(first, NOW, tutors=[tutor])
            run = pool.submit(score_tutors, engine, LATER, tutors=[tutor] if asked else None)
            wait_for_lock(records, run)
            records.session(tutor, days_ago(2), "rescheduled")
        run.result()
    assert records.rows("SELECT total_sessions_7d, tutor_reschedules_7d FROM tutor_scores") == [(2, 1)]


def test_a_run_of_an_earlier_moment_takes_no_score_back(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    records.session(tutor, days_ago(1))
    records.session(tutor, days_ago(2), "no_show", outcome_recorded_at=NOW + timedelta(minutes=1))
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as first:
            score_tutors_within(first, LATER)
            run = pool.submit(score_tutors, engine, NOW)  # at NOW nobody knew of the no-show
            wait_for_lock(records, run)
        report = run.result()
    assert records.rows("SELECT total_sessions_7d, no_shows_90d, last_calculated_at FROM tutor_scores") == [
        (2, 1, LATER)
    ]
    assert report.written == 0


def test_a_score_from_a_clock_that_was_wrong_is_made_anew(engine: Engine, records: Records) -> None:
    ada, bob = records.tutor(1), records.tutor(2)
    records.session(ada, datetime.now(UTC) - timedelta(days=1))
    now = datetime.now(UTC)
    wrong, ahead = now + timedelta(hours=25), now + timedelta(hours=2)
    score_tutors(engine, wrong, tutors=[ada])
    score_tutors(engine, ahead, tutors=[bob])

    score_tutors(engine, now)

    scored = "SELECT tutor_id::text, total_sessions_7d, last_calculated_at FROM tutor_scores"
    assert {row[0]: tuple(row[1:]) for row in records.rows(scored)} == {ada: (1, now), bob: (0, ahead)}


def test_parts_of_different_tutors_go_on_beside_each_other(engine: Engine, records: Records) -> None:
    ada, bob = records.tutor(1), records.tutor(2)
    with engine.begin() as first:
        score_tutors_within(first, NOW, tutors=[ada])
        assert score_tutors(engine, NOW, tutors=[bob]).written == 1


def test_a_session_keeps_the_prediction_of_the_later_moment(engine: Engine, records: Records) -> None:
    records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    models = {"no_show": serve("no_show")}
    predict_upcoming(engine, models, LATER, targets=["no_show"])
    [report] = predict_upcoming(engine, models, NOW, targets=["no_show"])
    assert (report.written, report.unchanged) == (0, 1)
    assert records.rows("SELECT predicted_at FROM session_reschedule_predictions") == [(LATER,)]
    assert predict_upcoming(engine, models, LATER + timedelta(hours=1), targets=["no_show"])[0].written == 1


@pytest.fixture
def pairs(records: Records) -> tuple[list[str], list[str]]:
    return [records.student(i, age=12 + i) for i in range(3)], [records.tutor(i, age=30 + i) for i in range(2)]


@pytest.mark.parametrize("stored_before", [False, True])
def test_a_block_of_an_earlier_moment_overwrites_no_pair(
    engine: Engine, records: Records, pairs: tuple[list[str], list[str]], stored_before: bool
) -> None:
    if stored_before:
        predict_pairs(engine, MODEL, days_ago(1))
    [slow] = predict_blocks(read_people(engine, NOW), MODEL)
    assert predict_pairs(engine, RULE, LATER).written == 6

    assert store_pairs(engine, MODEL, slow, NOW).written == 0

    assert set(records.rows("SELECT model_version, updated_at FROM match_predictions")) == {("rule", LATER)}


def test_a_block_of_a_model_that_was_replaced_is_not_stored(
    engine: Engine, records: Records, pairs: tuple[list[str], list[str]]
) -> None:
    for seed, before in ((1, None), (2, "v1")):
        version = save_challenger(engine, make_artifact("match", seed=seed)).version
        promote(engine, "match", version, expected_champion=before, reason="a test", actor="test")

    for old in (MODEL, RULE):
        with pytest.raises(ModelError, match=r"v2 is the champion of match by now.*predicted by (v1|rule)"):
            predict_pairs(engine, old, NOW)

    assert records.rows("SELECT FROM match_predictions") == []


def test_a_first_block_leaves_out_a_tutor_who_left_meanwhile(
    engine: Engine, records: Records, pairs: tuple[list[str], list[str]]
) -> None:
    students, tutors = pairs
    [block] = predict_blocks(read_people(engine, NOW), MODEL)
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutors[0]}'")

    assert store_pairs(engine, MODEL, block, NOW).written == 3

    stored = records.rows("SELECT student_id::text, tutor_id::text FROM match_predictions")
    assert {tuple(row) for row in stored} == set(itertools.product(students, tutors[1:]))


@pytest.mark.parametrize("small", [0, 20_000])
@pytest.mark.parametrize("stored_before", [False, True])
def test_pairs_of_someone_who_was_changed_since_they_were_read_are_left_out(
    engine: Engine,
    records: Records,
    pairs: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    stored_before: bool,
    small: int,
) -> None:
    """Stored, they would seem fresh: their moment is later than that of a change that was committed after it."""
    monkeypatch.setattr(scoring.pair_store, "SMALL_PAIRS", small)
    students, tutors = pairs
    if stored_before:
        predict_pairs(engine, RULE, read_clock(engine))
    [block] = predict_blocks(read_people(engine, read_clock(engine)), MODEL)
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[0]}'")
    records.execute(f"UPDATE students SET inputs_changed_at = clock_timestamp() WHERE id = '{students[2]}'")

    assert store_pairs(engine, MODEL, block, read_clock(engine)).written == 2

    stored = records.rows("SELECT student_id::text, tutor_id::text FROM match_predictions WHERE model_version = 'v1'")
    assert {tuple(row) for row in stored} == {(students[0], tutors[1]), (students[1], tutors[1])}


def test_an_unchanged_pair_that_a_change_made_stale_is_fresh_again(
    engine: Engine, records: Records, pairs: tuple[list[str], list[str]]
) -> None:
    _, tutors = pairs
    predict_pairs(engine, MODEL, read_clock(engine))
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[0]}'")
    assert len(students_to_predict(engine, MODEL)) == 3

    report = predict_pairs(engine, MODEL, read_clock(engine))

    assert (report.written, report.created, report.unchanged) == (3, 0, 3)
    assert students_to_predict(engine, MODEL) == []
    assert len(students_to_predict(engine, serve("match", rule=True))) == 3
    assert len(students_to_predict(engine, replace(MODEL, thresholds=RiskThresholds(1e-9, 2e-9)))) == 3


@pytest.mark.parametrize("small", [0, 20_000])
@pytest.mark.parametrize("who", ["students", "tutors"])
def test_a_change_that_is_not_committed_yet_is_waited_for(
    engine: Engine,
    records: Records,
    pairs: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    small: int,
) -> None:
    """Neither the reading nor the storing would see it, and it is older than the moment of the prediction."""
    monkeypatch.setattr(scoring.pair_store, "SMALL_PAIRS", small)
    person = pairs[who == "tutors"][0]
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as change:
            change.exec_driver_sql(f"UPDATE {who} SET inputs_changed_at = clock_timestamp() WHERE id = '{person}'")
            run = pool.submit(predict_pairs, engine, MODEL, read_clock(engine))
            wait_for_lock(records, run)
        assert run.result().written == {"students": 4, "tutors": 3}[who]


def test_a_stale_pair_of_the_same_value_loses_its_reasons(
    engine: Engine, records: Records, pairs: tuple[list[str], list[str]]
) -> None:
    """They tell of inputs that may be others by now; those of a pair that is fresh stay."""
    _, tutors = pairs
    predict_pairs(engine, MODEL, read_clock(engine))
    records.execute("UPDATE match_predictions SET contributions = '[]', ai_explanation = 'they fit'")
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[0]}'")

    predict_pairs(engine, MODEL, read_clock(engine))

    kept = "SELECT DISTINCT contributions, ai_explanation FROM match_predictions WHERE tutor_id"
    assert records.rows(f"{kept} = '{tutors[0]}'") == [(None, None)]
    assert records.rows(f"{kept} = '{tutors[1]}'") == [([], "they fit")]


@pytest.mark.parametrize("error", [psycopg2.errors.DeadlockDetected, psycopg2.errors.ForeignKeyViolation])
def test_a_deadlock_or_a_person_deleted_meanwhile_is_no_failure(
    engine: Engine,
    pairs: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: type[psycopg2.Error],
) -> None:
    """SQLAlchemy wraps what its own statements raise."""
    upsert, failures = scoring.pair_store._upsert, iter([DBAPIError.instance("", {}, error(), psycopg2.Error)])

    def fail_once(*arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return upsert(*arguments)

    monkeypatch.setattr(scoring.pair_store, "_upsert", fail_once)
    assert predict_pairs(engine, MODEL, NOW).written == 6


def test_any_other_failure_is_one(
    engine: Engine, pairs: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise DBAPIError.instance("", {}, psycopg2.errors.DiskFull("full"), psycopg2.Error)

    monkeypatch.setattr(scoring.pair_store, "_upsert", fail)
    with pytest.raises(OperationalError, match="full"):
        predict_pairs(engine, MODEL, NOW)
