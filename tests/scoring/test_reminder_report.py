"""Which sessions the report counts, of whom, and when it is too early."""

from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from scoring.interventions import intervene
from scoring.reminder_report import ArmReport, Uplift, report_reminders
from scoring.reminder_uplift import ArmCounts, estimate_uplift
from tests.scoring.conftest import NOW, Records, days_ago, uid

NOTHING = ArmReport(0, 0, 0, None, 0, 0, 0)


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    """Of the database that these tests share."""
    return emptied_engine


def hold(records: Records, tutor: str, arm: str, share: float = 0.2) -> None:
    records.execute(
        "INSERT INTO reminder_arms (tutor_id, arm, share, assigned_at) "
        f"VALUES ('{tutor}', '{arm}', {share}, now()) ON CONFLICT DO NOTHING"
    )


def decide(records: Records, session: str, days: float = 10) -> None:
    """As a run writes a session down, so many days ago."""
    records.execute(
        f"""
        WITH chosen AS (
            SELECT s.id, tutor_id, arm FROM sessions s JOIN reminder_arms USING (tutor_id) WHERE s.id = '{session}'
        ), acted AS (
            INSERT INTO interventions (session_id, tutor_id, kind, actor)
            SELECT id, tutor_id, 'reminder', 'tqs' FROM chosen WHERE arm = 'treated' RETURNING id
        )
        INSERT INTO automatic_reminders (session_id, tutor_id, arm, intervention_id, probability, threshold,
            model_version, decided_at)
        SELECT id, tutor_id, arm, (SELECT id FROM acted), 0.5, 0.4, 'v1', '{days_ago(days).isoformat()}' FROM chosen
        """
    )


def test_without_anything_it_is_too_early(engine: Engine) -> None:
    report = report_reminders(engine, NOW)
    assert (report.as_of, report.treated, report.hold_out) == (NOW, NOTHING, NOTHING)
    assert (report.uplift, report.first_uplift) == (None, None)
    assert report.too_early == (
        "each arm needs 30 tutors and 200 sessions that are over, 10 of them rescheduled by the tutor and 10 not; "
        "the treated arm has 0 tutors and 0 sessions, 0 rescheduled, "
        "the hold-out arm has 0 tutors and 0 sessions, 0 rescheduled"
    )


def test_a_session_counts_once_its_time_is_over_and_its_outcome_known(engine: Engine, records: Records) -> None:
    ann, bob, eve = (records.tutor(number) for number in (1, 2, 3))
    for tutor, arm in ((ann, "treated"), (bob, "hold_out"), (eve, "hold_out")):
        hold(records, tutor, arm)
    for tutor in (ann, bob):
        for session in (
            records.session(tutor, days_ago(1), "completed"),
            records.session(tutor, days_ago(2), "no_show"),
            records.session(tutor, days_ago(3), "rescheduled"),
            records.session(tutor, days_ago(4), "rescheduled", initiator="student"),
            records.session(tutor, NOW - timedelta(minutes=60), "completed"),  # of 60 minutes: just over
            records.session(tutor, NOW - timedelta(minutes=59), "rescheduled"),  # not over yet
            records.session(tutor, NOW + timedelta(days=1), "rescheduled"),  # cancelled, its time still ahead
            records.session(tutor, NOW + timedelta(days=1), "scheduled"),
            records.session(tutor, days_ago(5), "scheduled"),  # over, and nobody told
        ):
            decide(records, session)
        records.session(tutor, days_ago(6), "rescheduled")  # called for no reminder
    decide(records, records.session(eve, days_ago(1), "scheduled"))

    report = report_reminders(engine, NOW)

    assert report.treated == ArmReport(1, 5, 1, pytest.approx(0.2), 0, ahead=3, untold=1)
    assert report.hold_out == ArmReport(1, 5, 1, pytest.approx(0.2), 0, ahead=3, untold=2)
    assert report.uplift is None
    assert (report.too_early or "").endswith("the hold-out arm has 1 tutors and 5 sessions, 1 rescheduled")


def test_whoever_was_sent_a_reminder_the_arm_that_was_drawn_counts(engine: Engine, records: Records) -> None:
    ann, bob = records.tutor(1), records.tutor(2)
    records.execute("UPDATE tutors SET email = 'ann@example.org'")
    hold(records, ann, "treated")
    hold(records, bob, "hold_out")
    mine, other = (records.session(tutor, NOW + timedelta(days=1), "scheduled") for tutor in (ann, bob))
    decide(records, mine)
    decide(records, other)
    intervene(engine, uuid.UUID(other), "reminder", None, NOW, actor="ann")  # by hand
    intervene(engine, uuid.UUID(other), "call", None, NOW, actor="ann")
    records.execute("UPDATE sessions SET status = 'completed'")

    later = NOW + timedelta(days=2)
    assert report_reminders(engine, later).hold_out == ArmReport(1, 1, 0, 0.0, 0, 0, 0)
    records.execute("UPDATE email_reports SET state = 'sent'")
    assert report_reminders(engine, later).hold_out == ArmReport(1, 1, 0, 0.0, 1, 0, 0)
    assert report_reminders(engine, later).treated == ArmReport(1, 1, 0, 0.0, 0, 0, 0)  # its mail was never sent


def test_a_tutor_weighs_by_the_share_at_the_time_of_the_draw(engine: Engine, records: Records) -> None:
    drawn = (("hold_out", 0.1, "rescheduled"), ("hold_out", 0.5, "completed"), ("treated", 0.1, "completed"),
             ("treated", 0.5, "rescheduled"))  # fmt: skip
    for number, (arm, share, status) in enumerate(drawn):
        tutor = records.tutor(number)
        hold(records, tutor, arm, share)
        decide(records, records.session(tutor, days_ago(1), status))
    report = report_reminders(engine, NOW)
    assert report.hold_out.rate == pytest.approx(10 / (10 + 2))
    assert report.treated.rate == pytest.approx(2 / (2 + 1 / 0.9))


def fill(records: Records, rescheduled: dict[str, list[int]], sessions: int, later: int = 0) -> None:
    """Tutors, each with so many sessions and of them those rescheduled by the tutor; `later` ones, all rescheduled."""
    number = 0
    for arm, moved in rescheduled.items():
        for count in moved:
            number += 1
            tutor = str(uid("tutor", number))
            records.execute(
                f"""
                INSERT INTO tutors (id, name, source) VALUES ('{tutor}', 'T', 'api');
                INSERT INTO reminder_arms (tutor_id, arm, share, assigned_at) VALUES ('{tutor}', '{arm}', 0.2, now());
                INSERT INTO sessions (tutor_id, student_id, scheduled_time, status, source)
                SELECT '{tutor}', 'x', timestamptz '{days_ago(9).isoformat()}' + g * interval '1 hour',
                    CASE WHEN g < {count} OR g >= {sessions} THEN 'rescheduled' ELSE 'completed' END, 'api'
                FROM generate_series(0, {sessions + later - 1}) g
                """
            )
    records.execute(
        f"""
        INSERT INTO reschedules (session_id, initiator, original_time)
        SELECT id, 'tutor', scheduled_time FROM sessions WHERE status = 'rescheduled';
        INSERT INTO interventions (session_id, tutor_id, kind, actor)
        SELECT s.id, s.tutor_id, 'reminder', 'tqs' FROM sessions s JOIN reminder_arms USING (tutor_id)
        WHERE arm = 'treated';
        INSERT INTO automatic_reminders (session_id, tutor_id, arm, intervention_id, probability, threshold,
            model_version, decided_at)
        SELECT s.id, s.tutor_id, arm, i.id, 0.5, 0.4, 'v1', timestamptz '{days_ago(10).isoformat()}' + CASE
            WHEN s.scheduled_time >= '{(days_ago(9) + timedelta(hours=sessions)).isoformat()}' THEN interval '1 day'
            ELSE interval '0' END
        FROM sessions s JOIN reminder_arms USING (tutor_id) LEFT JOIN interventions i ON i.session_id = s.id
        """
    )


def counts(rescheduled: list[int], sessions: int) -> ArmCounts:
    moved = np.array(rescheduled, dtype=np.float64)
    return ArmCounts(np.full(len(moved), float(sessions)), moved, np.ones(len(moved)))


def test_the_uplift_by_hand_and_that_of_first_sessions_alone(engine: Engine, records: Records) -> None:
    treated, held_out = [1, 2, 1] * 12, [3, 2] * 15  # of 7: rates 48/252 and 75/210
    fill(records, {"treated": treated, "hold_out": held_out}, sessions=7, later=1)

    report = report_reminders(engine, NOW)

    assert report.too_early is None
    assert report.treated == ArmReport(36, 36 * 8, 48 + 36, pytest.approx(84 / 288), 0, 0, 0)
    assert report.hold_out == ArmReport(30, 30 * 8, 75 + 30, pytest.approx(105 / 240), 0, 0, 0)
    assert report.uplift is not None
    assert report.uplift.value == pytest.approx(105 / 240 - 84 / 288)
    more = estimate_uplift(counts([n + 1 for n in treated], 8), counts([n + 1 for n in held_out], 8))
    assert report.uplift == Uplift(*(pytest.approx(float(one)) for one in (more.value, more.low, more.high)))
    first = estimate_uplift(counts(treated, 7), counts(held_out, 7))
    assert float(first.value) == pytest.approx(75 / 210 - 48 / 252)
    assert report.first_uplift == Uplift(*(pytest.approx(float(one)) for one in (first.value, first.low, first.high)))


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ([3] * 29, "29 tutors and 203 sessions, 87 rescheduled"),
        ([0] * 30, "30 tutors and 210 sessions, 0 rescheduled"),
        ([7] * 21 + [6] * 9, "30 tutors and 210 sessions, 201 rescheduled"),
    ],
)
def test_one_too_few_is_too_early(engine: Engine, records: Records, held_out: list[int], said: str) -> None:
    fill(records, {"treated": [1, 2] * 16, "hold_out": held_out}, sessions=7)
    report = report_reminders(engine, NOW)
    assert (report.too_early or "").endswith(f"10 not; the hold-out arm has {said}")
    assert (report.uplift, report.first_uplift) == (None, None)
    assert report.hold_out.rate == pytest.approx(sum(held_out) / (7 * len(held_out)))


def test_first_sessions_can_be_too_few_by_themselves(engine: Engine, records: Records) -> None:
    fill(records, {"treated": [0, 1] * 20, "hold_out": [0, 1] * 20}, sessions=4, later=3)
    report = report_reminders(engine, NOW)
    assert report.uplift is not None
    assert report.first_uplift is None


@pytest.mark.parametrize(("untold", "doubted"), [(11, False), (12, True)])  # beside 210: 11 of 221 and 12 of 222
def test_outcomes_that_nobody_told_make_the_figure_doubtful(
    engine: Engine, records: Records, untold: int, doubted: bool
) -> None:
    fill(records, {"treated": [1] * 30, "hold_out": [2] * 30}, sessions=7)
    for hour in range(untold):
        session = records.session(str(uid("tutor", 60)), days_ago(5) - timedelta(hours=hour), "scheduled")
        decide(records, session)
    report = report_reminders(engine, NOW)
    assert (report.hold_out.untold, report.hold_out.sessions) == (untold, 210)
    assert report.uplift is not None
    assert (report.doubt is not None) == doubted
    if report.doubt:
        assert "untold for 0 of 210 in the treated arm and 12 of 222 in the hold-out arm" in report.doubt
