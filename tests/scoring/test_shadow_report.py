"""How a challenger in shadow fares: which outcomes count, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from scoring.shadow_report import ShadowReport, report_shadow
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import ModelError

AHEAD = NOW + timedelta(days=2)


@pytest.fixture
def run(records: Records) -> None:
    for target in ("reschedule", "no_show", "match"):
        records.execute(
            "INSERT INTO shadow_runs (target, version, started_at, ends_at, actor) "
            f"VALUES ('{target}', 'v2', '{days_ago(60).isoformat()}', '{AHEAD.isoformat()}', 'account ann')"
        )


def said(records: Records, target: str, session: str, own: float, champion: float, by: str = "v1") -> None:
    records.execute(
        "INSERT INTO shadow_predictions VALUES "
        f"('{target}', 'v2', '{session}', {own}, '{by}', {champion}, '{days_ago(50).isoformat()}')"
    )


def report(engine: Engine, target: str = "reschedule", now: datetime = NOW) -> ShadowReport:
    return report_shadow(engine, target, now)


def test_without_a_run_it_says_how_to_start_one(engine: Engine) -> None:
    with pytest.raises(ModelError, match="tqs models shadow match VERSION --days 14"):
        report(engine, "match")


@pytest.mark.usefixtures("run")
def test_before_any_outcome_it_is_too_early(engine: Engine, records: Records) -> None:
    empty = report(engine)
    assert (empty.predicted, empty.compared, empty.champions, empty.running) == (0, None, (), True)
    said(records, "reschedule", records.session(records.tutor(1), AHEAD, "scheduled"), 0.2, 0.3)
    found = report(engine)
    assert (found.predicted, found.waiting, found.untold, found.compared) == (1, 1, 0, None)
    assert found.too_early is not None
    assert found.too_early.startswith("outcomes are in of 0 predictions of 0 tutors, 0 of them positive; it takes 500")
    assert report(engine, now=AHEAD).running is False


@pytest.mark.usefixtures("run")
def test_losses_of_both_on_the_same_outcomes_with_tutors_as_blocks(engine: Engine, records: Records) -> None:
    ann, bob = records.tutor(1), records.tutor(2)
    for tutor, status, own, champion in (
        (ann, "rescheduled", 0.8, 0.5),
        (ann, "completed", 0.4, 0.5),
        (bob, "no_show", 0.1, 0.2),
    ):
        said(records, "reschedule", records.session(tutor, days_ago(3), status), own, champion)
    said(records, "reschedule", records.session(ann, AHEAD, "rescheduled"), 0.9, 0.1)  # known early, not over yet
    said(records, "reschedule", records.session(bob, days_ago(2), "scheduled"), 0.9, 0.1)  # nobody told
    found = report(engine)
    assert (found.predicted, found.waiting, found.untold, found.champions) == (5, 1, 1, ("v1",))
    compared = found.compared
    assert compared is not None
    assert (compared.rows, compared.positives, compared.tutors) == (3, 1, 2)
    assert compared.log_loss == pytest.approx(-np.log([0.8, 0.6, 0.9]).mean())
    assert compared.champion_log_loss == pytest.approx(-np.log([0.5, 0.5, 0.8]).mean())
    differences = np.log([0.5 / 0.8, 0.5 / 0.6, 0.8 / 0.9])
    assert compared.difference == pytest.approx(differences.mean())
    deviations = differences - differences.mean()
    blocks = (deviations[:2].sum(), deviations[2])
    assert compared.standard_error == pytest.approx(np.sqrt(2 * np.square(blocks).sum()) / 3)
    assert found.verdict is None


@pytest.mark.usefixtures("run")
def test_a_session_that_was_moved_cannot_be_missed(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    for status in ("no_show", "completed", "rescheduled"):
        said(records, "no_show", records.session(tutor, days_ago(3), status), 0.3, 0.2)
    found = report(engine, "no_show")
    assert found.compared is not None
    assert (found.predicted, found.compared.rows, found.compared.positives) == (3, 2, 1)


@pytest.mark.usefixtures("run")
def test_a_rule_that_was_sure_and_wrong_has_a_loss_all_the_same(engine: Engine, records: Records) -> None:
    said(records, "reschedule", records.session(records.tutor(1), days_ago(3), "rescheduled"), 0.5, 0.0, by="rule")
    found = report(engine)
    assert found.compared is not None
    assert found.compared.champion_log_loss == pytest.approx(-np.log(0.001))


@pytest.mark.usefixtures("run")
def test_a_pair_counts_when_its_thirty_days_are_over(engine: Engine, records: Records) -> None:
    ann, bob = records.tutor(1), records.tutor(2)

    def book(tutor: str, student: str, days: float, booked: float) -> str:
        return records.session(tutor, days_ago(days), student=student, booked_at=days_ago(booked))

    parted = book(ann, "mia", 40, 45)
    book(ann, "mia", 5, 20)  # came back, after 35 days
    stayed = book(bob, "mia", 40, 45)
    book(bob, "mia", 15, 20)
    series = book(bob, "tom", 40, 45)
    book(bob, "tom", 33, 45)  # booked at once with the first
    young = book(ann, "tom", 20, 25)
    for session, own, champion in ((parted, 0.7, 0.6), (stayed, 0.2, 0.3), (series, 0.9, 0.5), (young, 0.5, 0.5)):
        said(records, "match", session, own, champion)
    found = report(engine, "match")
    assert (found.predicted, found.waiting) == (4, 1)
    assert found.compared is not None
    assert (found.compared.rows, found.compared.positives, found.compared.tutors) == (3, 2, 2)
    assert found.compared.log_loss == pytest.approx(-np.log([0.7, 0.8, 0.9]).mean())
    assert found.compared.champion_log_loss == pytest.approx(-np.log([0.6, 0.7, 0.5]).mean())


@pytest.fixture
def many(records: Records, run: None) -> None:
    """600 outcomes of 30 tutors, a fifth of them positive, of which the challenger knows a little more."""
    for number in range(30):
        records.tutor(number)
    records.execute(
        f"""
        WITH made AS (
            INSERT INTO sessions (tutor_id, student_id, scheduled_time, booked_at, duration_minutes, status, source)
            SELECT t.id, 'mia', '{days_ago(5).isoformat()}', '{days_ago(30).isoformat()}', 60,
                CASE WHEN mod(n, 5) = 0 THEN 'rescheduled' ELSE 'completed' END, 'import'
            FROM tutors t, generate_series(1, 20) n RETURNING id, status
        )
        INSERT INTO shadow_predictions
        SELECT 'reschedule', 'v2', id, CASE status WHEN 'rescheduled' THEN 0.3 ELSE 0.18 END, 'v1', 0.2, now() FROM made
        """
    )


@pytest.mark.usefixtures("many")
def test_with_enough_outcomes_it_says_who_is_better(engine: Engine, records: Records) -> None:
    found = report(engine)
    assert found.too_early is None
    assert found.verdict == "the challenger is better than the champion, by more than 2 standard errors"
    swap = "UPDATE shadow_predictions SET probability = champion_probability, champion_probability = probability"
    records.execute(swap)
    assert report(engine).verdict == "the champion is better than the challenger, by more than 2 standard errors"
    records.execute("UPDATE shadow_predictions SET probability = champion_probability")
    same = report(engine)
    assert same.verdict == "neither is better by more than 2 standard errors"
    assert same.compared == replace(same.compared, difference=0, standard_error=0)


@pytest.mark.usefixtures("many")
def test_outcomes_of_few_tutors_are_too_few(engine: Engine, records: Records) -> None:
    records.execute("UPDATE sessions SET tutor_id = (SELECT min(id::text)::uuid FROM tutors)")
    found = report(engine)
    assert found.verdict is None
    assert found.too_early == (
        "outcomes are in of 600 predictions of 1 tutors, 120 of them positive; it takes 500 of 30 tutors, and 50 of "
        "each outcome"
    )
