"""A stored prediction with what it takes to trust it: how often it came true, what moved it, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Engine, Row, text

from features.catalogue import names_of
from modelling.bands import FEWEST_ROWS, Bands, band_of
from scoring.explanations import Contribution, explain_predictions
from scoring.models import ServedModel
from scoring.prediction_change import Prediction, PredictionChange, explain_change
from scoring.sessions import told_features
from tqs.errors import NotFoundError

History = Literal["measured", "too short", "unmeasured", "rule", "replaced"]
SAID: Final[Mapping[str, str]] = {
    "measured": "measured on sessions that the model never saw",
    "too short": f"fewer than {FEWEST_ROWS} sessions scored like this one are known to the end",
    "unmeasured": "the model was saved before bands were measured; the next training measures them",
    "rule": "the documented rule answers, which promises no probability",
    "replaced": "another model serves by now; the session is predicted anew within the hour",
}


@dataclass(frozen=True, slots=True)
class Band:
    """How often sessions scored alike, from `begins` to below `ends`, came to happen: low to high, by `rows` of them.

    The best and the worst scores are far apart in theirs, and a score at its end need not lie in the band of all.
    """

    low: float
    high: float
    width: float
    rows: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class TrustedPrediction:
    """A session's stored prediction of one target.

    status: the session's, by now.
    history: what is known of sessions scored like it, a key of SAID; band is None unless it is "measured".
    contributions: what moved it most; none where the rule or a model that serves no more made it, and none are stored.
    change: from the day before, or from the first prediction of its only day; None where there is no earlier one, or
    where a model made it that serves no more.
    """

    session_id: UUID
    target: str
    status: str
    prediction: Prediction
    risk_level: str
    history: History
    band: Band | None
    contributions: list[Contribution]
    change: PredictionChange | None


def trusted_prediction(
    engine: Engine, models: Mapping[str, ServedModel], session_id: UUID, target: str = "reschedule"
) -> TrustedPrediction:
    """What is stored of a session's `target`, with its band, its contributions and what changed.

    Raises NotFoundError where no prediction of the session is stored.
    """
    model = models[target]
    with engine.connect() as connection:
        stored, former = _read_predictions(connection, session_id, target)
    prediction = _to_prediction(stored, stored.features_json)
    served = prediction.model_version == model.version
    history, band = find_band(model, prediction)
    return TrustedPrediction(
        session_id=session_id,
        target=target,
        status=stored.status,
        prediction=prediction,
        risk_level=stored.risk_level,
        history=history,
        band=band,
        contributions=_read_contributions(model if served else None, stored, prediction),
        change=None
        if former is None or not served
        else explain_change(
            model, _to_prediction(former, dict(zip(names_of(target), former.features, strict=True))), prediction
        ),
    )


def find_band(model: ServedModel, prediction: Prediction) -> tuple[History, Band | None]:
    """What is known of sessions scored like this one by `model`, and the band where enough is."""
    if prediction.model_version != model.version:
        return "replaced", None
    if model.predictor is None:
        return "rule", None
    bands: Bands | None = model.predictor.manifest.bands
    if bands is None:
        return "unmeasured", None
    found = band_of(bands, np.array([prediction.probability]))
    if np.isnan(found.low[0]):
        return "too short", None
    low, high = float(found.low[0]), float(found.high[0])
    return "measured", Band(low, high, high - low, int(found.rows[0]), float(found.begins[0]), float(found.ends[0]))


def _read_contributions(model: ServedModel | None, stored: Row[Any], prediction: Prediction) -> list[Contribution]:
    if stored.contributions is not None:
        return [Contribution(**one) for one in stored.contributions]
    if model is None or model.predictor is None:
        return []
    X = np.array([[prediction.features[name] for name in names_of(model.target)]])
    known = told_features(np.array([stored.duration_minutes], dtype=np.float64))  # None becomes NaN
    return explain_predictions(model.predictor, X, known=known)[0]


def _read_predictions(connection: Connection, session_id: UUID, target: str) -> tuple[Row[Any], Row[Any] | None]:
    asked: dict[str, Any] = {"session_id": session_id, "target": target}
    stored = connection.execute(_STORED, asked).one_or_none()
    if stored is None:
        raise NotFoundError(
            f"no prediction of session {session_id} is stored; those of the next 14 days are, by: tqs score"
        )
    asked |= {"now": stored.predicted_at, "features": len(names_of(target))}
    return stored, connection.execute(_FORMER, asked).one_or_none()


def _to_prediction(row: Row[Any], features: Mapping[str, float]) -> Prediction:
    return Prediction(row.probability, row.model_version, row.predicted_at, row.scheduled_time, features)


_STORED: Final = text(
    """
    SELECT probability, model_version, predicted_at, p.scheduled_time, risk_level, features_json, contributions,
        duration_minutes, status
    FROM session_reschedule_predictions p JOIN sessions s ON s.id = session_id
    WHERE session_id = :session_id AND target = :target
    """
)
# Of an earlier day the newest; where there is none, the first of the day.
_FORMER: Final = text(
    """
    SELECT probability, model_version, predicted_at, scheduled_time, features FROM former_predictions
    WHERE session_id = :session_id AND target = :target AND predicted_at < :now
        AND cardinality(array_remove(features, NULL)) = :features  -- else it is of a release with others
    ORDER BY day < (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date DESC, day DESC LIMIT 1
    """
)
