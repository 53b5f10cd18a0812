"""One student with one tutor as they are known now, and as they would be if one of them preferred something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal
from uuid import UUID

import numpy as np
from sqlalchemy import Engine

from features.catalogue import names_of
from features.pairing import StudentVectors, TutorVectors, known_features, pair_matrix
from modelling.bands import band_of
from modelling.risk import RISK_LEVELS
from records.columns import TEACHING_STYLES
from scoring.explanation_text import MatchFacts, write_explanation
from scoring.explanations import Contribution, explain_matches
from scoring.models import ServedModel
from scoring.pair_people import read_clock, read_people
from tqs.errors import QueryError

MISMATCHES: Final = ("pace_mismatch", "style_mismatch", "communication_mismatch", "age_difference")
Side = Literal["student", "tutor"]


@dataclass(frozen=True, slots=True)
class Changeable:
    """A preference that can be tried out. column: of StudentVectors or TutorVectors; low, high: its range."""

    side: Side
    column: str
    low: int = 1
    high: int = 5

    @property
    def key(self) -> str:
        """What `change_pair` calls it."""
        return f"{self.side}_{self.column}"


CHANGEABLE: Final = (
    Changeable("student", "pace"),
    Changeable("student", "style", 0, len(TEACHING_STYLES) - 1),
    Changeable("student", "communication"),
    Changeable("student", "urgency"),
    Changeable("tutor", "pace"),
    Changeable("tutor", "style", 0, len(TEACHING_STYLES) - 1),
    Changeable("tutor", "communication"),
    Changeable("tutor", "confidence"),
    Changeable("tutor", "experience", 0, 40),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A student and a tutor, each (1,)."""

    student: StudentVectors
    tutor: TutorVectors

    def value(self, preference: Changeable) -> float | None:
        """What is known of a preference: a style is its place in TEACHING_STYLES; None where nobody told."""
        value = float(getattr(getattr(self, preference.side), preference.column)[0])
        return None if np.isnan(value) or value < 0 else value


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far the two are apart in one respect. known: False where one side is missing and a default stands for it."""

    name: str
    value: float
    known: bool


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What is believed of a pair. low, high: the band that holds the rate of pairs scored alike, None without one."""

    churn_probability: float
    risk_level: str
    low: float | None
    high: float | None
    compatibility_score: float
    mismatches: tuple[Mismatch, ...]
    contributions: tuple[Contribution, ...]
    explanation: str
    model_version: str
    fallback: bool


def read_pair(engine: Engine, student_id: UUID, tutor_id: UUID) -> Pair | None:
    """The two as they are known now; None where there is no such student or active tutor."""
    people = read_people(engine, read_clock(engine), [str(student_id)], [str(tutor_id)])
    return Pair(people.students, people.tutors) if len(people.students) and len(people.tutors) else None


def change_pair(pair: Pair, changes: Mapping[str, float]) -> Pair:
    """The pair with other preferences, by the keys of CHANGEABLE; a style is its place in TEACHING_STYLES.

    Raises
    ------
    QueryError
        a key that is none, or a value outside its range.
    """
    by_key = {preference.key: preference for preference in CHANGEABLE}
    sides = {"student": pair.student, "tutor": pair.tutor}
    for key, value in changes.items():
        preference = by_key.get(key)
        if preference is None:
            raise QueryError(f"{key!r} cannot be changed; it can be {', '.join(by_key)}")
        if not preference.low <= value <= preference.high:
            raise QueryError(f"{key} is {value:g}; it can be {preference.low} to {preference.high}")
        before = getattr(sides[preference.side], preference.column)
        changed = {preference.column: np.array([value], dtype=before.dtype)}
        sides[preference.side] = replace(sides[preference.side], **changed)
    return Pair(**sides)  # type: ignore[arg-type]  # each side keeps its own type


def judge_pair(model: ServedModel, pair: Pair) -> JudgedPair:
    """What `model` says of the pair, with the reasons by rule."""
    X = pair_matrix(pair.student, pair.tutor)
    known = known_features(pair.student, pair.tutor)
    probabilities = model.predict(X)
    level = RISK_LEVELS[model.risk_codes(probabilities)[0]]
    contributions = tuple(explain_matches(model, X, known)[0])
    low, high = _read_band(model, float(probabilities[0]))
    names = names_of("match")
    places = {name: names.index(name) for name in (*MISMATCHES, "compatibility_score")}
    return JudgedPair(
        churn_probability=float(probabilities[0]),
        risk_level=level,
        low=low,
        high=high,
        compatibility_score=float(X[0, places["compatibility_score"]]),
        mismatches=tuple(
            Mismatch(name, float(X[0, places[name]]), bool(known[0, places[name]])) for name in MISMATCHES
        ),
        contributions=contributions,
        explanation=write_explanation(MatchFacts(level, model.fallback, contributions, {}, {})),
        model_version=model.version,
        fallback=model.fallback,
    )


def _read_band(model: ServedModel, probability: float) -> tuple[float | None, float | None]:
    if model.predictor is None or model.predictor.manifest.bands is None:
        return None, None
    band = band_of(model.predictor.manifest.bands, np.array([probability]))
    return (None, None) if np.isnan(band.low[0]) else (float(band.low[0]), float(band.high[0]))
