from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from modelling.expected_performance import expect_performance
from records.tables import former_predictions, session_reschedule_predictions
from scoring.expected_weeks import ExpectedWeek, read_expected_weeks
from tests.scoring.conftest import NOW, Records, uid
from tqs.errors import QueryError

MONDAY = NOW - timedelta(days=2, hours=12)  # 2026-03-09, of the current week


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def predict(
    records: Records, key: str, p: float, *, first: float | None = None, target: str = "reschedule", version: str = "v1"
) -> None:
    """Store the prediction p, and as made two days before it `first`."""
    [(starts,)] = records.rows(f"SELECT scheduled_time FROM sessions WHERE id = '{key}'")
    row = {"session_id": key, "target": target, "scheduled_time": starts, "model_version": version}
    at = starts - timedelta(days=1)
    with records.engine.begin() as connection:
        connection.execute(
            insert(session_reschedule_predictions).values(
                **row, probability=p, risk_level="low", fallback=version == "rule", predicted_at=at, features_json={}
            )
        )
        if first is not None:
            earlier = at - timedelta(days=2)
            connection.execute(
                insert(former_predictions).values(
                    **row, day=earlier.date(), probability=first, predicted_at=earlier, features=[]
                )
            )


def week_of(records: Records, offset: int, statuses: list[str], *, p: float = 0.5, target: str = "reschedule") -> None:
    tutor = uid("tutor", 1)
    for i, status in enumerate(statuses):
        key = records.session(str(tutor), MONDAY + timedelta(weeks=offset, hours=i), status)
        predict(records, key, 0.9, first=p, target=target)


def read(engine: Engine, target: str = "reschedule") -> dict[date, ExpectedWeek]:
    return {week.week: week for week in read_expected_weeks(engine, target, NOW)}


def test_the_first_prediction_of_each_session_is_compared_with_what_came(engine: Engine, records: Records) -> None:
    records.tutor(1)
    week_of(records, -1, ["rescheduled"] * 12 + ["completed"] * 27 + ["no_show"], p=0.3)

    [week] = read(engine).values()

    assert (week.week, week.predictions, week.told) == (date(2026, 3, 2), 40, 40)
    assert week.expected == expect_performance(np.full(40, 0.3))
    assert week.rate == pytest.approx(0.3)
    assert week.log_loss == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7))
    assert week.state == "as expected"


def test_what_came_may_not_be_as_expected(engine: Engine, records: Records) -> None:
    records.tutor(1)
    week_of(records, -1, ["rescheduled"] * 24 + ["completed"] * 16, p=0.3)
    [week] = read(engine).values()
    assert (week.rate, week.state) == (0.6, "not as expected")


def test_weeks_whose_outcomes_are_not_in_are_expected_only(engine: Engine, records: Records) -> None:
    records.tutor(1)
    week_of(records, -3, ["completed"] * 38 + ["scheduled"] * 2)  # one in twenty untold
    week_of(records, -2, ["completed"] * 37 + ["scheduled"] * 3)
    week_of(records, -1, ["completed"] * 29)
    week_of(records, 0, ["completed"] * 3)
    week_of(records, 1, ["scheduled"] * 30)
    week_of(records, -4, ["completed"] * 3)

    weeks = read(engine)

    assert [(week.week.day, week.told, week.state) for week in weeks.values()] == [
        (16, 38, "not as expected"),
        (23, 37, "untold"),
        (2, 29, "too few"),
        (9, 3, "open"),
        (16, 0, "open"),
    ]
    assert [week.rate is None for week in weeks.values()] == [False, True, False, True, True]
    ahead = weeks[date(2026, 3, 16)].expected
    assert ahead is not None
    assert (ahead.rows, ahead.rate.value) == (30, 0.5)


def test_a_no_show_is_expected_of_those_that_were_not_rescheduled(engine: Engine, records: Records) -> None:
    records.tutor(1)
    week_of(records, -1, ["no_show"] * 2 + ["completed"] * 38 + ["rescheduled"] * 7, p=0.05, target="no_show")
    [week] = read(engine, "no_show").values()
    assert (week.predictions, week.rate, week.state) == (40, 0.05, "as expected")
    assert read(engine) == {}


def test_what_the_rule_said_first_is_left_out(engine: Engine, records: Records) -> None:
    key = records.session(records.tutor(1), NOW - timedelta(days=3))
    predict(records, key, 0.2, version="rule")
    assert read(engine) == {}


def test_pairs_are_not_compared_by_week(engine: Engine) -> None:
    with pytest.raises(QueryError, match="predictions of 'match' are not compared by week"):
        read(engine, "match")


def test_what_was_predicted_of_another_time_does_not_count(engine: Engine, records: Records) -> None:
    records.tutor(1)
    week_of(records, -1, ["scheduled"] * 3)
    records.execute("UPDATE sessions SET scheduled_time = scheduled_time + interval '14 days'")
    assert read(engine) == {}
