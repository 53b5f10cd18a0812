"""What processing a session does, in figures worked out by hand; all of it or nothing, and twice what once does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from processing.batch import HARD_LIMIT_S, BatchReport, OverrunError, process_batch
from processing.queue import Claim, WorkItem, claim_batch
from processing.upkeep import QueueCounts, count_queue, keep_up
from records.listening import CHANGES, Listener
from reports.contents import SessionReport
from reports.reading import read_contents
from reports.sentences import tell_insights
from scoring.current_models import CurrentModels
from scoring.pairs import predict_pairs, students_to_predict
from scoring.sessions import SESSION_TARGETS
from tests.processing.conftest import Plant
from tests.scoring.conftest import serve

COACH, HEAD = "coach@example.com", "head@example.com"
SCORES = """
    total_sessions_7d, tutor_reschedules_7d, reschedule_rate_7d, total_sessions_30d, tutor_reschedules_30d,
    reschedule_rate_30d, total_sessions_90d, tutor_reschedules_90d, reschedule_rate_90d, no_shows_90d,
    reschedule_trend, is_high_risk"""
WAITS = "state, attempts, errors, lease_token"
WRITTEN = ("tutor_scores", "tutor_score_history", "session_reschedule_predictions", "email_reports", "tutors")


def process(plant: Plant, claim: Claim | None = None) -> BatchReport:
    claim = claim or claim_batch(plant.engine)
    models = CurrentModels(plant.engine, plant.settings, SESSION_TARGETS).current()
    return process_batch(plant.engine, plant.settings, models, claim, claim.items)


def written(plant: Plant) -> list[Any]:
    return [plant.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in WRITTEN]


@pytest.fixture
def tutor(plant: Plant) -> str:
    """Who moved 1 of 3 sessions within 7 days, 2 of 8 within 30, 3 of 12 within 90, and missed 2."""
    tutor = plant.tutor()
    outcomes = {
        **{1: "completed", 3: "rescheduled", 5: "student"},
        **{10: "completed", 15: "completed", 20: "no_show", 25: "completed", 29: "rescheduled"},
        **{40: "completed", 60: "rescheduled", 80: "no_show", 85: "completed"},
        95: "rescheduled",
    }
    for days, outcome in outcomes.items():
        if outcome == "student":
            plant.session(tutor, days, "rescheduled", initiator="student")
        else:
            plant.session(tutor, days, outcome)
    return tutor


def test_the_figures_of_the_tutor(plant: Plant, tutor: str) -> None:
    ahead = plant.promised(tutor, -2, "scheduled")
    plant.promised(tutor, -3, "scheduled")
    other = plant.tutor()

    assert process(plant) == BatchReport(processed=2, busy=0, mails=0)

    [scores] = plant.rows(f"SELECT {SCORES} FROM tutor_scores WHERE tutor_id = '{tutor}'")
    assert scores == pytest.approx((3, 1, 100 / 3, 8, 2, 25.0, 12, 3, 25.0, 2, 1 / 3 - 1 / 4, True))
    day = "(SELECT (last_calculated_at AT TIME ZONE 'UTC')::date FROM tutor_scores)"
    assert plant.rows(f"SELECT {SCORES} FROM tutor_score_history WHERE day = {day}") == [scores]
    assert not plant.rows(f"SELECT FROM tutor_scores WHERE tutor_id = '{other}'")
    assert plant.item(ahead, "state, attempts, errors, leased_until") == ("done", 1, 0, None)


def test_the_sessions_ahead_of_the_tutor_are_predicted_anew(plant: Plant, tutor: str) -> None:
    first, last = plant.session(tutor, -1, "scheduled"), plant.session(tutor, -13, "scheduled")
    plant.session(tutor, -15, "scheduled")  # later than anybody looks
    plant.session(plant.tutor(), -1, "scheduled")
    plant.promised(tutor, 0.5, "completed")  # 2 of 9 within 30 days, 2 missed of 13

    process(plant)

    found = plant.rows(
        "SELECT session_id, target, probability, risk_level, model_version FROM session_reschedule_predictions"
    )
    assert {(session, target) for session, target, *_ in found} == {
        (session, target) for session in (first, last) for target in ("reschedule", "no_show")
    }
    for _, target, probability, *told in found:
        expected, risk = (2 / 9, "medium") if target == "reschedule" else (2 / 13, "high")
        assert (probability, *told) == (pytest.approx(expected), risk, "rule")


def test_open_pages_are_told_of_a_session_ahead_that_changes_no_score(plant: Plant, tutor: str) -> None:
    plant.promised(tutor, -1, "scheduled")
    process(plant)
    scores = plant.rows("SELECT * FROM tutor_scores")
    plant.promised(tutor, -2, "scheduled")
    with closing(Listener(plant.engine, CHANGES)) as listener:
        assert listener.wait(0)  # has connected

        process(plant)

        assert listener.wait(60)
        assert plant.rows("SELECT * FROM tutor_scores") == scores
        assert process(plant).processed == 0
        assert not listener.wait(0.1)


def test_match_predictions_of_the_tutor_are_stale_where_their_figures_change(plant: Plant, tutor: str) -> None:
    model = serve("match")
    plant.promised(tutor, -2, "scheduled")
    process(plant)
    student = plant.records.student(1)
    predict_pairs(plant.engine, model, datetime.now(UTC))
    assert students_to_predict(plant.engine, model) == []

    plant.promised(tutor, -4, "scheduled")
    process(plant)
    assert students_to_predict(plant.engine, model) == []  # a booking changes no figure

    plant.promised(tutor, 0.5, "rescheduled")
    process(plant)
    assert students_to_predict(plant.engine, model) == [student]


def test_each_outcome_is_reported_once_to_each_recipient(plant: Plant, tutor: str) -> None:
    plant.change(report_recipients=(COACH, HEAD))
    plant.promised(tutor, -2, "scheduled")
    process(plant)
    moved = plant.promised(tutor, 0.5, "rescheduled")

    assert process(plant).mails == 2
    plant.promise(moved)
    assert process(plant) == BatchReport(processed=1, busy=0, mails=0)

    mails = plant.rows("SELECT session_id, recipient, message_id, facts FROM email_reports ORDER BY recipient")
    message_id = f"<session.{moved.hex}.rescheduled@tqs.invalid>"
    assert [mail[:3] for mail in mails] == [(moved, COACH, message_id), (moved, HEAD, message_id)]
    facts = mails[0][3]
    assert facts["before"]["reschedule_rate_30d"] == 25.0
    assert facts["after"]["reschedule_rate_30d"] == pytest.approx(100 * 3 / 9)
    assert facts["after"]["tutor_reschedules_7d"] == 2


def test_twice_is_once(plant: Plant, tutor: str) -> None:
    plant.change(report_recipients=(COACH,))
    plant.session(tutor, -2, "scheduled")
    session = plant.promised(tutor, 0.5, "rescheduled")
    process(plant)
    columns = "last_calculated_at, updated_at"
    before, stands = written(plant), plant.one(f"SELECT {columns} FROM tutor_scores")

    plant.promise(session)
    process(plant)

    after = written(plant)
    predictions = WRITTEN.index("session_reschedule_predictions")
    assert len(after.pop(predictions)) == len(before.pop(predictions)) == 2  # as of another moment
    assert after == before
    assert plant.one(f"SELECT {columns} FROM tutor_scores") == stands


def test_all_or_nothing(plant: Plant, tutor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.change(report_recipients=(COACH,))
    plant.session(tutor, -2, "scheduled")
    session = plant.promised(tutor, 0.5, "rescheduled")
    before = written(plant)

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("at the very end")

    monkeypatch.setattr("processing.batch.release", break_down)
    with pytest.raises(RuntimeError):
        process(plant)

    assert written(plant) == before
    assert plant.item(session, "state, attempts, leased_until > now()") == ("pending", 1, True)


def test_whoever_lost_the_lease_changes_figures_to_what_is_true_and_finishes_nothing(plant: Plant, tutor: str) -> None:
    session = plant.promised(tutor, 0.5)
    claim = claim_batch(plant.engine)
    plant.execute("UPDATE work_items SET lease_token = gen_random_uuid()")

    assert process(plant, claim).processed == 0

    assert plant.item(session, "state, attempts") == ("pending", 1)


@contextmanager
def changed_by_another(plant: Plant, tutor: str) -> Iterator[None]:
    with plant.engine.begin() as another:
        another.execute(text(f"SELECT FROM tutors WHERE id = '{tutor}' FOR NO KEY UPDATE"))
        yield


def test_a_tutor_who_is_being_changed_holds_up_nobody(plant: Plant, tutor: str) -> None:
    other = plant.tutor()
    waits, goes = plant.promised(tutor, 0.5), plant.promised(other, 0.5)
    with changed_by_another(plant, tutor):
        assert process(plant) == BatchReport(processed=1, busy=1, mails=0)

    assert plant.item(goes, "state") == ("done",)
    [pause, *stands] = plant.item(
        waits, "extract(epoch FROM not_before - updated_at)::float8, state, attempts, errors, lease_token"
    )
    assert pause == pytest.approx(0.5, abs=0.05)
    assert stands == ["pending", 0, 0, None]
    assert plant.rows("SELECT tutor_id::text FROM tutor_scores") == [(other,)]


def test_both_tutors_of_a_session_that_changed_hands(plant: Plant, tutor: str) -> None:
    heir = plant.tutor()
    ahead = plant.session(tutor, -1, "scheduled")
    session = plant.session(tutor, 0.5, "rescheduled")
    plant.promise(session)
    process(plant)
    plant.execute(f"UPDATE sessions SET tutor_id = '{heir}' WHERE id = '{session}'")
    plant.execute(f"INSERT INTO work_items (session_id, former_tutor_id) VALUES ('{session}', '{tutor}')")

    claim = claim_batch(plant.engine)
    [item] = claim.items
    assert (item.tutor_id, item.former_tutor_id) == (UUID(heir), UUID(tutor))
    assert process(plant, claim).processed == 1

    rates = dict(plant.rows("SELECT tutor_id::text, reschedule_rate_30d FROM tutor_scores"))
    assert rates == {tutor: 25.0, heir: 100.0}
    assert plant.rows(
        f"SELECT probability FROM session_reschedule_predictions WHERE session_id = '{ahead}' AND target = 'reschedule'"
    ) == [(0.25,)]


def test_a_session_that_changed_hands_waits_for_either_tutor(plant: Plant, tutor: str) -> None:
    heir = plant.tutor()
    session = plant.session(heir, 0.5)
    plant.execute(f"INSERT INTO work_items (session_id, former_tutor_id) VALUES ('{session}', '{tutor}')")
    with changed_by_another(plant, tutor):
        assert process(plant) == BatchReport(processed=0, busy=1, mails=0)


def test_a_time_of_telling_far_ahead_changes_nobodys_figures(plant: Plant, tutor: str) -> None:
    other, third = plant.tutor(), plant.tutor()
    plant.promised(other, 1)
    plant.promised(tutor, 0.5, outcome_recorded_at=datetime(2090, 1, 1, tzinfo=UTC))
    plant.session(third, 1)

    process(plant)
    keep_up(plant.engine, plant.settings, datetime.now(UTC))

    scores = plant.rows("SELECT tutor_id::text, total_sessions_30d FROM tutor_scores")
    assert dict(scores) == {tutor: 8, other: 1, third: 1}
    assert plant.one("SELECT max(last_calculated_at) <= clock_timestamp() FROM tutor_scores") == (True,)
    assert plant.one("SELECT max(day) <= current_date FROM tutor_score_history") == (True,)


@pytest.mark.parametrize(
    ("minutes_ago", "status", "columns", "counts_in"),
    [
        (10, "no_show", {}, 50),  # of an hour that is not over
        (10, "completed", {"duration_minutes": 30}, 20),
        (10, "completed", {"completed_in": 3}, 3),
        (10, "rescheduled", {"cancelled_in": 4}, 4),
        (-90, "rescheduled", {"cancelled_in": -60}, 90),
        (600, "completed", {"outcome_recorded_in": 120}, 120),  # the clock was set back since
    ],
)
def test_an_outcome_that_does_not_count_yet_is_counted_when_it_does(
    plant: Plant, tutor: str, minutes_ago: int, status: str, columns: dict[str, int], counts_in: int
) -> None:
    plant.change(report_recipients=(COACH,))
    now = plant.now
    times = {
        name.replace("_in", "_at").replace("completed_at", "completed_time"): now + timedelta(minutes=value)
        for name, value in columns.items()
        if name.endswith("_in")
    }
    others = {name: value for name, value in columns.items() if not name.endswith("_in")}
    told = {"outcome_recorded_at": now} | others | times
    session = plant.promised(tutor, minutes_ago / 1440, status, **told)

    assert process(plant) == BatchReport(processed=1, busy=0, mails=1)

    counts_from = now + timedelta(minutes=counts_in)
    assert plant.item(session, f"{WAITS}, counts_from, not_before") == (*("pending", 0, 0, None), *[counts_from] * 2)
    assert plant.one("SELECT total_sessions_7d FROM tutor_scores") == (3,)
    with plant.engine.connect() as connection:
        assert count_queue(connection) == QueueCounts(0, 0, 0.0)
        [facts] = connection.execute(text("SELECT id FROM email_reports")).scalars()
        content = read_contents(connection, [facts], now)[facts]
    assert isinstance(content, SessionReport)
    assert any("The rates count the session from" in said for said in tell_insights(content, "UTC"))

    pass_by(plant, timedelta(minutes=counts_in, seconds=1))
    with plant.engine.connect() as connection:
        counted = count_queue(connection)
    assert (counted.pending, counted.oldest_seconds) == (1, pytest.approx(1, abs=60))
    assert process(plant) == BatchReport(processed=1, busy=0, mails=0)
    assert plant.one("SELECT total_sessions_7d FROM tutor_scores") == (4,)
    assert plant.item(session, "state, counts_from") == ("done", None)


def pass_by(plant: Plant, time: timedelta) -> None:
    """As if all that is stored had been so much longer ago."""
    by = f"- interval '{time.total_seconds()} seconds'"
    columns = {
        "sessions": ("scheduled_time", "booked_at", "completed_time", "recorded_at", "outcome_recorded_at"),
        "reschedules": ("original_time", "cancelled_at"),
        "work_items": ("not_before", "counts_from", "created_at"),
        "tutor_scores": ("last_calculated_at",),
    }
    for table, names in columns.items():
        plant.execute(f"UPDATE {table} SET {', '.join(f'{name} = {name} {by}' for name in names)}")


def test_a_batch_past_its_time_is_ended_and_leaves_nothing(plant: Plant, tutor: str) -> None:
    session = plant.promised(tutor, 0.5)
    before = written(plant)
    claim = claim_batch(plant.engine)
    late = Claim(claim.token, claim.items, time.monotonic() - HARD_LIMIT_S)

    with pytest.raises(OverrunError, match=r"a batch of 1 sessions took longer than 300 s"):
        process(plant, late)

    assert written(plant) == before
    assert plant.item(session, "state, attempts, errors") == ("pending", 1, 0)


def test_a_statement_that_would_go_on_past_the_limit_is_cancelled(
    plant: Plant, tutor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(connection: Any, *_: object, **__: object) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(60)")

    monkeypatch.setattr("processing.batch.score_tutors_within", hang)
    monkeypatch.setattr("processing.batch.HARD_LIMIT_S", 0.5)
    plant.promised(tutor, 0.5)
    with pytest.raises(OverrunError):
        process(plant)


def test_nothing_to_do(plant: Plant) -> None:
    nothing: tuple[WorkItem, ...] = ()
    assert process(plant, Claim(UUID(int=1), nothing, time.monotonic())) == BatchReport(0, 0, 0)
