"""Week by week, what the stored predictions let expect, and what came of it where the outcomes are in.

A session counts with its first prediction (`scoring.first_predictions`). Those of the rule are no probabilities and are
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

import numpy as np
from sqlalchemy import Engine, text

from modelling.expected_performance import ExpectedPerformance, expect_performance
from records.columns import Bool, Float64, Int8
from scoring.first_predictions import first_predictions
from scoring.sessions import SESSION_TARGETS
from tqs.errors import QueryError

WEEKS_BACK: Final = 3  # before the current one: former predictions are kept for 30 days
MOST_UNTOLD: Final = 0.05  # of a week's outcomes; those that are told late are not like the others

State = Literal["open", "untold", "too few", "as expected", "not as expected"]


@dataclass(frozen=True, slots=True)
class ExpectedWeek:
    """The sessions of the week that begins on the Monday `week` (UTC) and were predicted by a model.

    told: how many outcomes are in. expected: None where it is too few. rate, log_loss: what came, once the week is over
    and at most MOST_UNTOLD of its outcomes are missing, and then `expected` is of the same sessions.
    state: "open" until then or "untold"; then whether the rate and the loss lie in the intervals, each of which leaves
    out one week in ten by chance.
    """

    week: date
    predictions: int
    told: int
    expected: ExpectedPerformance | None
    rate: float | None
    log_loss: float | None
    state: State


def read_expected_weeks(engine: Engine, target: str, now: datetime) -> list[ExpectedWeek]:
    """The weeks from three before the current one to the last that is predicted, the oldest first.

    Raises QueryError for another target than reschedule and no_show.
    """
    if target not in SESSION_TARGETS:
        raise QueryError(
            f"predictions of {target!r} are not compared by week; those of {', '.join(SESSION_TARGETS)} are: "
            "pairs are predicted anew every night, also after they met"
        )
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    since = datetime.combine(monday - timedelta(weeks=WEEKS_BACK), datetime.min.time(), UTC)
    with engine.connect() as connection:
        rows = connection.execute(_FIRST, {"target": target, "since": since}).all()
    if not rows:
        return []
    weeks = np.array([row.week for row in rows], dtype=object)
    p = np.array([row.probability for row in rows])
    label = np.array([-1 if row.happened is None else int(row.happened) for row in rows], dtype=np.int8)
    return [
        _judge_week(week, p[weeks == week], label[weeks == week], over=week + timedelta(weeks=1) <= today)
        for week in sorted(set(weeks.tolist()))
    ]


def _judge_week(week: date, p: Float64, label: Int8, *, over: bool) -> ExpectedWeek:
    """label: 1 where it happened, 0 where it did not, -1 where that is not told yet."""
    told: Bool = label >= 0
    complete = over and bool((~told).mean() <= MOST_UNTOLD)
    if not complete:
        state: State = "untold" if over else "open"
        return ExpectedWeek(week, len(p), int(told.sum()), expect_performance(p), None, None, state)
    expected = expect_performance(p[told])
    rate = float(label[told].mean())
    loss = float(-np.log(np.where(label[told] == 1, p[told], 1 - p[told])).mean())
    if expected is None:
        state = "too few"
    else:
        state = "as expected" if expected.rate.holds(rate) and expected.log_loss.holds(loss) else "not as expected"
    return ExpectedWeek(week, len(p), int(told.sum()), expected, rate, loss, state)


# A no-show is expected of those alone that are not rescheduled. Past sessions that are still `scheduled` are not told.
_FIRST: Final = text(
    f"""
    WITH first AS ({first_predictions("target = :target AND scheduled_time >= :since")})
    SELECT date_trunc('week', s.scheduled_time AT TIME ZONE 'UTC')::date AS week, first.probability,
        CASE WHEN s.status = 'scheduled' THEN NULL
            ELSE s.status = CASE WHEN :target = 'reschedule' THEN 'rescheduled' ELSE 'no_show' END END AS happened
    FROM first JOIN sessions s ON s.id = first.session_id AND s.scheduled_time = first.scheduled_time
    WHERE first.model_version <> 'rule' AND (:target = 'reschedule' OR s.status <> 'rescheduled')
    """
)
