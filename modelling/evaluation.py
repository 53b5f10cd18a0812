"""How good probabilities are: losses, ranking, calibration, decisions at the high threshold, shares, groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from modelling.reliability import measure_reliability
from modelling.risk import RISK_LEVELS, RiskThresholds, risk_codes
from modelling.weights import mean_of, take_weights

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

TINY: Final = 1e-15
RULE_DOUBT: Final = 1e-3
SMALLEST_GROUP: Final = 50


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of probabilities on rows whose outcomes are known. Losses are means over the rows, in nats.

    Where rows have weights, everything but the number of rows counts each by its own.
    accuracy, precision, recall and f1 are those of the decision "high risk"; precision is 0 where nobody is.
    """

    rows: int
    base_rate: float
    mean_prediction: float
    log_loss: float
    brier: float
    roc_auc: float
    average_precision: float
    ece: float
    ece_noise_floor: float
    ece_low: float
    ece_high: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    share_low: float
    share_medium: float
    share_high: float

    def as_metrics(self) -> dict[str, float]:
        """Name to number, for the manifest, the database and MLflow."""
        return {name: float(value) for name, value in asdict(self).items()}


def log_losses(labels: Int8, probabilities: NDArray[np.floating]) -> Float64:
    """Each row's log loss (n,), in nats; probabilities are clipped to [1e-15, 1 − 1e-15]."""
    p = np.clip(probabilities.astype(np.float64), TINY, 1 - TINY)
    losses: Float64 = -np.log(np.where(labels == 1, p, 1 - p))
    return losses


def rule_losses(labels: Int8, rule: NDArray[np.floating]) -> Float64:
    """Each row's log loss (n,) of a rule of thumb, as if it never said more than 999 in 1,000.

    A rule that says 0 or 1 and is wrong once would else have no finite loss.
    """
    return log_losses(labels, np.clip(rule, RULE_DOUBT, 1 - RULE_DOUBT))


def evaluate(
    labels: Int8,
    probabilities: Float64,
    thresholds: RiskThresholds,
    *,
    seed: int = 0,
    weights: Float64 | None = None,
) -> Evaluation:
    """All metrics of (n,) probabilities against (n,) labels 0 or 1 with both classes.

    seed: of the bootstrap. weights: how much each row counts, (n,); alike where not given.
    """
    reliability = measure_reliability(labels, probabilities, seed=seed, weights=weights)
    levels = risk_codes(probabilities, thresholds)
    shares = np.bincount(levels, weights, minlength=len(RISK_LEVELS))
    return Evaluation(
        rows=len(labels),
        base_rate=mean_of(labels, weights),
        mean_prediction=mean_of(probabilities, weights),
        log_loss=mean_of(log_losses(labels, probabilities), weights),
        brier=mean_of(np.square(probabilities - labels), weights),
        roc_auc=float(roc_auc_score(labels, probabilities, sample_weight=weights)),
        average_precision=float(average_precision_score(labels, probabilities, sample_weight=weights)),
        ece=reliability.ece,
        ece_noise_floor=reliability.noise_floor,
        ece_low=reliability.low,
        ece_high=reliability.high,
        **_decision_metrics(labels == 1, levels == RISK_LEVELS.index("high"), weights),
        **{f"share_{name}": float(share) for name, share in zip(RISK_LEVELS, shares / shares.sum(), strict=True)},
    )


def evaluate_groups(
    labels: Int8, probabilities: Float64, groups: Mapping[str, NDArray[np.str_]], weights: Float64 | None = None
) -> list[dict[str, object]]:
    """Rows, base rate, mean prediction and log loss of each group, e.g. {"lead time": array of names (n,)}.

    chance_error: the standard error of the base rate where every probability is right and rows are independent.

    Groups of fewer than SMALLEST_GROUP rows are left out: their rates are noise.
    """
    losses = log_losses(labels, probabilities)
    table: list[dict[str, object]] = []
    for grouping, names in groups.items():
        values, member = np.unique(names, return_inverse=True)
        counts = np.bincount(member)
        for code in np.flatnonzero(counts >= SMALLEST_GROUP):
            inside = member == code
            own = take_weights(weights, inside)
            table.append(
                {
                    "grouping": grouping,
                    "group": str(values[code]),
                    "rows": int(counts[code]),
                    "base_rate": mean_of(labels[inside], own),
                    "mean_prediction": mean_of(probabilities[inside], own),
                    "log_loss": mean_of(losses[inside], own),
                    "chance_error": _chance_error(probabilities[inside], own),
                }
            )
    return table


def _chance_error(probabilities: Float64, weights: Float64 | None) -> float:
    """The standard error of the weighted mean of labels that have these probabilities."""
    w = np.ones(len(probabilities)) if weights is None else weights
    return float(np.sqrt((w**2 * probabilities * (1 - probabilities)).sum()) / w.sum())


def _decision_metrics(
    happened: NDArray[np.bool_], flagged: NDArray[np.bool_], weights: Float64 | None
) -> dict[str, float]:
    hits, alarms, events = (_weigh(rows, weights) for rows in (happened & flagged, flagged, happened))
    precision = hits / alarms if alarms else 0.0
    recall = hits / events if events else 0.0
    return {
        "accuracy": mean_of(happened == flagged, weights),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0.0,
    }


def _weigh(rows: NDArray[np.bool_], weights: Float64 | None) -> float:
    """How much the rows of a mask count together."""
    return float(rows.sum() if weights is None else weights[rows].sum())
