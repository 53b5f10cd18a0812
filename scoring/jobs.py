"""All that is scored and stored, in order: tutor scores, the sessions ahead, all pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from scoring.models import load_models
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.prediction_report import PredictionReport
from scoring.sessions import predict_upcoming
from scoring.shadow import load_shadows, log_first_bookings
from scoring.tutors import ScoreReport, score_tutors
from tqs.settings import Settings


@dataclass(frozen=True, slots=True)
class ScoringReport:
    """What `score_all` did: the tutors' scores, and for each target its predictions."""

    tutors: ScoreReport
    predictions: tuple[PredictionReport, ...]


def score_all(
    engine: Engine,
    settings: Settings,
    now: datetime,
    progress: Callable[[str, int, int], None] | None = None,
) -> ScoringReport:
    """Score all tutors, then predict all upcoming sessions as of `now` and all pairs, with the champions there are.

    Pairs are predicted as of the database's time after the scoring: it may have changed what they rest on.

    progress: called with the step (tutors, sessions, pairs), what of it is done and its total.
    """

    def report(step: str, done: int, total: int) -> None:
        if progress is not None:
            progress(step, done, total)

    models = load_models(engine, settings)
    tutors = score_tutors(engine, now)
    report("tutors", tutors.computed, tutors.computed)
    shadows = load_shadows(engine, settings)
    sessions = predict_upcoming(engine, models, now, timezone=settings.timezone, shadows=shadows)
    log_first_bookings(engine, shadows, models, now)
    report("sessions", sessions[0].computed, sessions[0].computed)
    as_of = read_clock(engine)
    pairs = predict_pairs(engine, models["match"], as_of, progress=lambda at: report("pairs", at.done, at.total))
    return ScoringReport(tutors=tutors, predictions=(*sessions, pairs))
