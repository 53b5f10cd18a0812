"""Scoring of records that a caller brings along: lists in, answers in the same order, no database.

A record that cannot be scored is answered in its place with a `Refused` and never fails its neighbours; a `Refused`
among the records (by the caller's own checks, say) is handed back in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from modelling.risk import RISK_LEVELS
from records.columns import Float64
from scoring.explanations import Contribution, explain_matches, explain_predictions
from scoring.forms import MatchRecord, Prediction, Refused, SessionRecord, TutorRecord, TutorScore
from scoring.match_records import match_features, told_match_features
from scoring.models import ServedModel
from scoring.session_records import record_features, told_features
from scoring.tutor_records import score_histories

Record = TypeVar("Record")
Answer = TypeVar("Answer")


def predict_sessions(
    records: Sequence[SessionRecord | Refused],
    model: ServedModel,
    now: datetime,
    *,
    timezone: str = "UTC",
    contributions: bool = False,
) -> list[Prediction | Refused]:
    """Probability that each session will be rescheduled, or missed: `model`'s target says which.

    Parameters
    ----------
    now: the as_of of records that name none.
    timezone: IANA name of the zone in which weekday and hour are read.
    contributions: also say which features moved each prediction most.
    """

    def answer(good: Sequence[SessionRecord]) -> tuple[list[Prediction], dict[int, Refused]]:
        X, refused = record_features(good, now, timezone)
        return _predict(model, X, lambda: _explain_sessions(model, X, good), contributions), refused

    return _answer_in_place(records, answer)


def predict_matches(
    records: Sequence[MatchRecord | Refused], model: ServedModel, *, contributions: bool = False
) -> list[Prediction | Refused]:
    """Probability that each student–tutor pair will churn; parameters as for `predict_sessions`."""

    def answer(good: Sequence[MatchRecord]) -> tuple[list[Prediction], dict[int, Refused]]:
        X, refused = match_features(good)
        return _predict(model, X, lambda: explain_matches(model, X, told_match_features(good)), contributions), refused

    return _answer_in_place(records, answer)


def score_tutor_records(records: Sequence[TutorRecord | Refused], now: datetime) -> list[TutorScore | Refused]:
    """Rates, counts, trend and flag of each tutor, by the formulas of `scoring.tutors`."""
    return _answer_in_place(records, lambda good: score_histories(good, now))


def count_entries(records: Sequence[SessionRecord | MatchRecord | TutorRecord | Refused]) -> int:
    """The records and the sessions of their histories: what the time of an answer grows with."""
    return len(records) + sum(map(_count_past_sessions, records))


def _count_past_sessions(record: SessionRecord | MatchRecord | TutorRecord | Refused) -> int:
    if isinstance(record, SessionRecord):
        return len(record.tutor_history or ()) + len(record.student_history or ())
    return len(record.sessions) if isinstance(record, TutorRecord) else 0


def _answer_in_place(
    records: Sequence[Record | Refused],
    answer: Callable[[Sequence[Record]], tuple[list[Answer], dict[int, Refused]]],
) -> list[Answer | Refused]:
    """Answers in order. `answer` gives one for each record and refusals by place, which take precedence."""
    answers: list[Answer | Refused | None] = [r if isinstance(r, Refused) else None for r in records]
    places = [i for i, answered in enumerate(answers) if answered is None]
    found, refused = answer([r for r in records if not isinstance(r, Refused)])
    for i, (place, one) in enumerate(zip(places, found, strict=True)):
        answers[place] = refused.get(i, one)
    return [one for one in answers if one is not None]


def _explain_sessions(model: ServedModel, X: Float64, records: Sequence[SessionRecord]) -> list[list[Contribution]]:
    if model.predictor is None:  # the rule is one number, which explains itself
        return [[] for _ in records]
    return explain_predictions(model.predictor, X, known=told_features(records))


def _predict(
    model: ServedModel, X: Float64, explain: Callable[[], list[list[Contribution]]], contributions: bool
) -> list[Prediction]:
    probabilities = model.predict(X)
    levels = [RISK_LEVELS[code] for code in model.risk_codes(probabilities).tolist()]
    version, fallback = model.version, model.fallback
    if not contributions:
        return [
            Prediction(probability, level, version, fallback)
            for probability, level in zip(probabilities.tolist(), levels, strict=True)
        ]
    return [
        Prediction(probability, level, version, fallback, why)
        for probability, level, why in zip(probabilities.tolist(), levels, explain(), strict=True)
    ]
