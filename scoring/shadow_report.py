"""How a challenger in shadow fares: its log loss beside the champion's, on sessions and pairs whose outcomes are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Engine, Row, text

from features.labels import RETURN_WINDOW_US, label_pairs
from features.sample import LONGEST_HORIZON_US
from modelling.blocks import mean_by_blocks
from modelling.evaluation import log_losses, rule_losses
from modelling.fallback import RULE_VERSION
from modelling.gate import FEWEST_COMPARABLE, FEWEST_COMPARABLE_OF_A_CLASS, STANDARD_ERRORS, PairedDifference
from modelling.shadow import ShadowRun, find_shadow
from records.columns import Bool, Int8, Int64
from records.known import ASSUMED_DURATION_MINUTES, FEW_RESCHEDULES
from records.reading import read_sessions, select_sessions
from scoring.extraction import microseconds
from tqs.errors import ModelError

FEWEST_TUTORS: Final = 30  # blocks: with fewer of them the standard error is known to be too small


@dataclass(frozen=True, slots=True)
class Compared:
    """Log losses of both on the same rows of so many tutors; the difference is the challenger's less the champion's.

    standard_error: with tutors as blocks; 0 of a single tutor, who tells nothing of others.
    """

    rows: int
    positives: int
    tutors: int
    log_loss: float
    champion_log_loss: float
    difference: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """A run in shadow as of a moment.

    predicted: sessions, or for match pairs, that both predicted. waiting: those whose outcome cannot be known yet.
    untold: over, and nobody said what became of them. compared: None where no outcome is in. too_early: what is missing
    for a verdict, None where nothing is; verdict: what the difference says then.
    """

    target: str
    version: str
    champions: tuple[str, ...]
    started_at: datetime
    ends_at: datetime
    running: bool
    predicted: int
    waiting: int
    untold: int
    compared: Compared | None
    too_early: str | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Of n predictions: whether the event happened, whether it is too early to know, whether nobody told; the tutor."""

    happened: Int8
    waiting: Bool
    untold: Bool
    counts: Bool  # a session that was rescheduled cannot be missed: it is no row of no_show
    tutor: Int64


def report_shadow(engine: Engine, target: str, now: datetime) -> ShadowReport:
    """The newest run in shadow of a target, as of `now`; ModelError where there was none.

    Sessions count from their booked end on and pairs 30 days after their first session, whatever became of them: else
    what is told early (a cancellation) would be in before what takes place.
    """
    run = find_shadow(engine, target)
    if run is None:
        raise ModelError(
            f"no model of {target} ran in shadow yet; start one with: tqs models shadow {target} VERSION --days 14"
        )
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        rows = connection.execute(_PREDICTED, {"target": target, "version": run.version}).all()
        outcomes = (_read_pairs if target == "match" else _read_sessions)(connection, run, rows, now)
    judged = outcomes.counts & ~outcomes.waiting & ~outcomes.untold
    compared = _compare([row for row, use in zip(rows, judged, strict=True) if use], outcomes, judged)
    too_early = _find_missing(compared)
    return ShadowReport(
        target=target,
        version=run.version,
        champions=tuple(sorted({row.champion_version for row in rows})),
        started_at=run.started_at,
        ends_at=run.ends_at,
        running=run.ends_at > now,
        predicted=len(rows),
        waiting=int(outcomes.waiting.sum()),
        untold=int(outcomes.untold.sum()),
        compared=compared,
        too_early=too_early,
        verdict=None if compared is None or too_early else _judge(compared),
    )


def _compare(rows: Sequence[Row[Any]], outcomes: _Outcomes, judged: Bool) -> Compared | None:
    if not rows:
        return None
    labels, tutor = outcomes.happened[judged], outcomes.tutor[judged]
    own = log_losses(labels, np.array([row.probability for row in rows]))
    said = np.array([row.champion_probability for row in rows])
    by_rule = np.array([row.champion_version == RULE_VERSION for row in rows])
    champion = np.where(by_rule, rule_losses(labels, said), log_losses(labels, said))
    difference = mean_by_blocks(own - champion, tutor)
    return Compared(
        rows=len(rows),
        positives=int(labels.sum()),
        tutors=len(np.unique(tutor)),
        log_loss=float(own.mean()),
        champion_log_loss=float(champion.mean()),
        difference=difference.value,
        standard_error=difference.error if np.isfinite(difference.error) else 0.0,
    )


def _find_missing(found: Compared | None) -> str | None:
    """What there is too little of to judge the two, by the gate's own measure."""
    rows, positives, tutors = (0, 0, 0) if found is None else (found.rows, found.positives, found.tutors)
    either = min(positives, rows - positives)
    if rows >= FEWEST_COMPARABLE and either >= FEWEST_COMPARABLE_OF_A_CLASS and tutors >= FEWEST_TUTORS:
        return None
    return (
        f"outcomes are in of {rows:,} predictions of {tutors:,} tutors, {positives:,} of them positive; it takes "
        f"{FEWEST_COMPARABLE:,} of {FEWEST_TUTORS} tutors, and {FEWEST_COMPARABLE_OF_A_CLASS} of each outcome"
    )


def _judge(found: Compared) -> str:
    difference = PairedDifference(found.difference, found.standard_error)
    if difference.clearly_better:
        said = "the challenger is better than the champion"
    elif difference.clearly_worse:
        said = "the champion is better than the challenger"
    else:
        return f"neither is better by more than {STANDARD_ERRORS:g} standard errors"
    return f"{said}, by more than {STANDARD_ERRORS:g} standard errors"


def _read_sessions(connection: Connection, run: ShadowRun, rows: Sequence[Row[Any]], now: datetime) -> _Outcomes:
    found = connection.execute(_OUTCOMES, {"target": run.target, "version": run.version, "now": now}).all()
    status = np.array([row.status for row in found], dtype=np.str_)
    waiting = np.array([not row.over for row in found], dtype=np.bool_)
    event = "rescheduled" if run.target == "reschedule" else "no_show"
    moved = (status == "rescheduled") & (run.target == "no_show")
    return _Outcomes(
        happened=(status == event).astype(np.int8),
        waiting=waiting & ~moved,
        untold=~waiting & (status == "scheduled"),
        counts=~moved,
        tutor=_codes(rows),
    )


def _read_pairs(connection: Connection, run: ShadowRun, rows: Sequence[Row[Any]], now: datetime) -> _Outcomes:
    """The sessions of each pair that was predicted, and what becomes of the pair, as training labels it."""
    values = {"tutors": [str(row.tutor_id) for row in rows], "students": [row.student_id for row in rows]}
    pairs = label_pairs(read_sessions(connection, _OF_PAIRS, values), LONGEST_HORIZON_US)
    due = pairs.first_scheduled + RETURN_WINDOW_US <= microseconds([now])[0]
    n = len(rows)
    return _Outcomes(pairs.churned, ~due, np.zeros(n, dtype=np.bool_), np.ones(n, dtype=np.bool_), _codes(rows))


def _codes(rows: Sequence[Row[Any]]) -> Int64:
    return np.unique(np.array([str(row.tutor_id) for row in rows], dtype=np.str_), return_inverse=True)[1]


# Both in the order of the sessions' ids.
_PREDICTED: Final = text(
    """
    SELECT p.probability, p.champion_version, p.champion_probability, s.tutor_id, s.student_id
    FROM shadow_predictions p JOIN sessions s ON s.id = p.session_id
    WHERE p.target = :target AND p.version = :version ORDER BY p.session_id
    """
)
_OUTCOMES: Final = text(
    f"""
    SELECT s.status, s.scheduled_time
        + coalesce(s.duration_minutes, {ASSUMED_DURATION_MINUTES}) * interval '1 minute' <= :now AS over
    FROM shadow_predictions p JOIN sessions s ON s.id = p.session_id
    WHERE p.target = :target AND p.version = :version ORDER BY p.session_id
    """
)
# The number of a pair stands for its student and its tutor: `label_pairs` answers in the order of these numbers.
_OF_PAIRS: Final = select_sessions(
    """(
        SELECT s.*, pair.place FROM unnest(%(tutors)s::uuid[], %(students)s::text[])
            WITH ORDINALITY AS pair (tutor_id, student_id, place),
        LATERAL (SELECT * FROM sessions WHERE tutor_id = pair.tutor_id AND student_id = pair.student_id OFFSET 0) s
    ) s""",
    tutor="s.place",
    student="s.place",
    reschedules=FEW_RESCHEDULES,
)
