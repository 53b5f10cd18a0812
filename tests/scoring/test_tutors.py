from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from features.tutor import count_tutor_sessions
from records.reading import read_history
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago

SCORES = """
    reschedule_rate_7d, reschedule_rate_30d, reschedule_rate_90d, total_sessions_7d, total_sessions_30d,
    total_sessions_90d, tutor_reschedules_7d, tutor_reschedules_30d, tutor_reschedules_90d, no_shows_90d,
    reschedule_trend, is_high_risk, risk_threshold"""


def test_scores_by_hand(engine: Engine, records: Records) -> None:
    ada, bob, cleo, dan = (records.tutor(number) for number in (1, 2, 3, 4))
    for days in (1, 2, 3, 10):
        records.session(ada, days_ago(days))
    records.session(ada, days_ago(4), "rescheduled")
    records.session(ada, days_ago(5), "rescheduled", initiator="student")
    records.session(ada, days_ago(40), "no_show")
    records.session(ada, days_ago(50), "rescheduled")
    records.session(bob, days_ago(60), "no_show")
    records.session(dan, days_ago(20), "rescheduled")

    report = score_tutors(engine, NOW)

    rows = {str(row[0]): row[1:] for row in records.rows(f"SELECT tutor_id, {SCORES} FROM tutor_scores")}
    # ada, 7 days: 3 completed + 2 rescheduled, one by the tutor; 30 days: one more; 90 days: two more
    assert rows[ada] == (
        20.0, pytest.approx(100 / 6), 25.0, 5, 6, 8, 1, 1, 2, 1, pytest.approx(1 / 5 - 1 / 6), True, 15.0
    )  # fmt: skip
    assert rows[bob] == (None, None, 0.0, 0, 0, 1, 0, 0, 0, 1, None, False, 15.0)
    assert rows[cleo] == (None, None, None, 0, 0, 0, 0, 0, 0, 0, None, False, 15.0)
    # dan has a rate of 30 days and none of 7: without a week there is no trend, above all no falling one
    assert rows[dan] == (None, 100.0, 100.0, 0, 1, 1, 0, 1, 1, 0, None, True, 15.0)
    assert (report.computed, report.written, report.unchanged, report.high_risk) == (4, 4, 0, 2)


def test_edges_of_window_and_of_what_is_known(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    records.session(tutor, days_ago(7), "no_show")  # at the open end of 7 days: only in 30
    records.session(tutor, days_ago(7) + timedelta(microseconds=1))  # just inside
    records.session(tutor, NOW, "rescheduled")  # at the closed end, cancelled before
    records.session(tutor, NOW + timedelta(microseconds=1), "rescheduled")  # still ahead, though cancelled
    records.session(tutor, NOW - timedelta(minutes=60))  # over exactly now: not known strictly before
    records.session(tutor, NOW - timedelta(minutes=60, microseconds=1), "no_show")  # over just before
    records.session(tutor, days_ago(1), "scheduled")
    records.session(tutor, days_ago(2), outcome_recorded_at=NOW)  # told just now
    records.session(tutor, days_ago(2), recorded_at=NOW)  # its booking, even
    records.session(tutor, days_ago(2), duration_minutes=None, completed_time=None)
    held = records.session(tutor, days_ago(3))  # moved, but then held after all
    records.execute(
        f"INSERT INTO reschedules (session_id, initiator, original_time) VALUES ('{held}', 'tutor', '{days_ago(3)}')"
    )

    score_tutors(engine, NOW)

    row = records.rows(
        "SELECT total_sessions_7d, total_sessions_30d, tutor_reschedules_7d, no_shows_90d FROM tutor_scores"
    )
    assert row == [(5, 6, 1, 2)]


def test_fifteen_percent_is_not_above_fifteen(engine: Engine, records: Records) -> None:
    at, above = records.tutor(1), records.tutor(2)
    for tutor, moved in ((at, 3), (above, 4)):
        for i in range(20):
            records.session(tutor, days_ago(1 + i), "rescheduled" if i < moved else "completed")

    score_tutors(engine, NOW)

    flags = dict(records.rows("SELECT tutor_id::text, is_high_risk FROM tutor_scores"))
    assert flags == {at: False, above: True}


def test_equals_the_windows_of_the_features(engine: Engine, records: Records) -> None:
    rng = np.random.default_rng(11)
    people = [records.tutor(number) for number in range(6)]
    for _ in range(250):
        scheduled = days_ago(float(rng.choice([rng.uniform(-5, 100), rng.uniform(0, 8), rng.integers(0, 95)])))
        status = str(rng.choice(["scheduled", "completed", "rescheduled", "no_show"], p=[0.1, 0.5, 0.25, 0.15]))
        late = timedelta(hours=float(rng.uniform(0, 300)))
        records.session(
            people[rng.integers(5)],
            scheduled,
            status,
            initiator=str(rng.choice(["tutor", "student"])),
            cancelled_at=scheduled - timedelta(days=float(rng.uniform(-1, 5))),
            completed_time=scheduled + late if status == "completed" and rng.random() < 0.5 else None,
            duration_minutes=int(rng.integers(1, 300)) if rng.random() < 0.8 else None,
            outcome_recorded_at=scheduled + late if rng.random() < 0.3 else None,
            recorded_at=scheduled + late if rng.random() < 0.2 else None,
        )

    score_tutors(engine, NOW)

    history = read_history(engine)
    codes = np.arange(len(history.directory.tutors))
    counts = count_tutor_sessions(history.sessions, codes, np.full(len(codes), int(NOW.timestamp() * 1e6)))
    found = records.rows(f'SELECT {SCORES} FROM tutor_scores ORDER BY tutor_id::text COLLATE "C"')
    assert len(found) == 6
    for code, row in enumerate(found):
        totals, moved = counts.sessions[:, code], counts.rescheduled[:, code]
        assert row[3:6] == tuple(totals)
        assert row[6:9] == tuple(moved)
        assert row[9] == counts.no_shows[2, code]
        assert row[:3] == tuple(None if n == 0 else 100 * k / n for k, n in zip(moved, totals, strict=True))
        rates = np.divide(moved, totals, out=np.zeros(3), where=totals > 0)
        assert row[10] == (None if totals[1] == 0 else rates[0] - rates[1])
        assert row[11] == (rates[1] > 0.15)
    assert counts.rescheduled[0].sum() > 3  # the records did put something into the smallest window


def test_rewrites_only_what_differs(engine: Engine, records: Records) -> None:
    moved, still = records.tutor(1), records.tutor(2)
    records.session(moved, days_ago(6.99))
    records.session(still, days_ago(3))
    score_tutors(engine, NOW)
    before = dict(records.rows("SELECT tutor_id::text, xmin::text FROM tutor_scores"))

    same = score_tutors(engine, NOW + timedelta(minutes=1))
    hour_later = score_tutors(engine, NOW + timedelta(hours=1))  # one session leaves the 7 days

    assert (same.written, same.unchanged) == (0, 2)
    assert (hour_later.written, hour_later.unchanged) == (1, 1)
    after = dict(records.rows("SELECT tutor_id::text, xmin::text FROM tutor_scores"))
    assert after[still] == before[still]
    assert after[moved] != before[moved]
    calculated = dict(records.rows("SELECT tutor_id::text, last_calculated_at FROM tutor_scores"))
    assert calculated == {moved: NOW + timedelta(hours=1), still: NOW}


def test_inputs_change_with_the_figures_of_30_days_only(engine: Engine, records: Records) -> None:
    names = ("moved", "reduced", "week", "still")
    people = {name: records.tutor(number) for number, name in enumerate(names)}
    for tutor in people.values():
        records.session(tutor, days_ago(3))
    records.session(people["week"], days_ago(6.99))
    records.session(people["reduced"], days_ago(29.99))
    moved = records.session(people["moved"], days_ago(1), "completed")
    score_tutors(engine, NOW)

    def changed_at() -> dict[str, datetime]:
        found = dict(records.rows("SELECT id::text, inputs_changed_at FROM tutors"))
        return {name: found[tutor] for name, tutor in people.items()}

    before = changed_at()
    records.execute(f"UPDATE sessions SET status = 'rescheduled' WHERE id = '{moved}'")
    records.execute(
        "INSERT INTO reschedules (session_id, initiator, original_time, cancelled_at) "
        f"VALUES ('{moved}', 'tutor', '{days_ago(1)}', '{days_ago(2)}')"
    )
    score_tutors(engine, NOW + timedelta(hours=1))
    after = changed_at()

    assert {name for name in names if after[name] > before[name]} == {"moved", "reduced"}
    assert score_tutors(engine, NOW + timedelta(hours=1), tutors=[people["moved"]]).written == 0
    assert changed_at() == after


def test_history_holds_one_row_a_day(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    records.session(tutor, days_ago(6))
    score_tutors(engine, NOW)
    records.session(tutor, days_ago(5))
    score_tutors(engine, NOW + timedelta(hours=11))
    score_tutors(engine, NOW + timedelta(hours=12))

    days = records.rows("SELECT day::text, total_sessions_7d FROM tutor_score_history ORDER BY day")

    assert days == [("2026-03-11", 2), ("2026-03-12", 2)]


def test_only_the_named_tutors(engine: Engine, records: Records) -> None:
    records.tutor(1)
    second = records.tutor(2)

    report = score_tutors(engine, NOW, tutors=[second])

    assert report.computed == 1
    assert records.rows("SELECT tutor_id::text FROM tutor_scores") == [(second,)]
    assert score_tutors(engine, NOW, tutors=[]).computed == 0
