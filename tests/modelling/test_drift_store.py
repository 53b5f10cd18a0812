"""What is found is stored once a day, and what followed from it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import Engine, text

from modelling.drift import OVERALL, Finding
from modelling.drift_store import HELD_BACK, RETRAINED, read_findings, store_findings, store_retraining

DAY = date(2026, 6, 29)
FOUND = [
    Finding(OVERALL, "drift", "alpha lies 0.31 standard deviations away", n_current=1400, n_reference=50_000),
    Finding("rate", "stable", "12.1%", 7, "rate", 0.001, 0.03, 0.10, 0.14, 1400, 50_000),
    Finding("alpha", "drift", "alpha lies 0.31 standard deviations away", 2, "effect", 0.31, 0.2, n_current=400),
    Finding("beta", "no verdict", "empty column", 7),
]


def store(engine: Engine, findings: list[Finding] = FOUND) -> int:
    return store_findings(
        engine, "reschedule", DAY, findings, model_version="v3", page="drift/x", new_rows=900, trained_rows=8000
    )


def test_findings_come_back_overall_first_then_drift(engine: Engine) -> None:
    assert store(engine) == 4
    rows = read_findings(engine, "reschedule", DAY)
    assert [row["subject"] for row in rows] == [OVERALL, "alpha", "rate", "beta"]
    assert {(row["model_version"], row["page"], row["day"]) for row in rows} == {("v3", "drift/x", DAY)}
    assert (rows[0]["new_rows"], rows[0]["trained_rows"], rows[1]["new_rows"]) == (900, 8000, None)
    told = {name: rows[2][name] for name in Finding.__dataclass_fields__}
    assert told == {name: getattr(FOUND[1], name) for name in Finding.__dataclass_fields__}
    assert read_findings(engine, "match", DAY) == read_findings(engine, "reschedule", date(2026, 6, 30)) == []


def test_what_lies_furthest_beyond_its_threshold_comes_first(engine: Engine) -> None:
    further = Finding("omega", "drift", "far", 7, "distance", -0.6, 0.2, n_current=1)
    store(engine, [*FOUND, further, replace(further, subject="psi", statistic=0.7)])
    subjects = [row["subject"] for row in read_findings(engine, "reschedule", DAY)]
    assert subjects.index("psi") + 1 == subjects.index("omega")


def test_a_day_twice_changes_nothing_and_what_changed_takes_its_place(engine: Engine) -> None:
    store(engine)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT * FROM drift_reports ORDER BY subject")).all()
    assert store(engine) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM drift_reports ORDER BY subject")).all() == before
    assert store(engine, [FOUND[0], replace(FOUND[1], statistic=0.002)]) == 1
    rows = read_findings(engine, "reschedule", DAY)
    assert [(row["subject"], row["statistic"]) for row in rows] == [(OVERALL, None), ("rate", 0.002)]


def test_what_followed_stays_whatever_is_watched_or_held_back_later(engine: Engine) -> None:
    store(engine)
    store_retraining(engine, "reschedule", DAY, HELD_BACK, "few rows")
    store(engine, [replace(FOUND[0], reason="another")])
    [row] = read_findings(engine, "reschedule", DAY)
    assert (row["retraining"], row["retraining_reason"]) == (HELD_BACK, "few rows")
    store_retraining(engine, "reschedule", DAY, RETRAINED, "900 new rows")
    store_retraining(engine, "reschedule", DAY, HELD_BACK, "cooling down")
    [row] = read_findings(engine, "reschedule", DAY)
    assert (row["retraining"], row["retraining_reason"]) == (RETRAINED, "900 new rows")
    store_retraining(engine, "reschedule", DAY, RETRAINED, "900 new rows; kept")
    assert read_findings(engine, "reschedule", DAY)[0]["retraining_reason"] == "900 new rows; kept"
