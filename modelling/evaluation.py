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

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

TINY: Final = 1e-15
RULE_DOUBT: Final = 1e-3
SMALLEST_GROUP: Final = 50


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of probabilities on rows whose outcomes are known. Losses are means over the rows, in nats.

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


def evaluate(labels: Int8, probabilities: Float64, thresholds: RiskThresholds, *, seed: int = 0) -> Evaluation:
    """All metrics of (n,) probabilities against (n,) labels 0 or 1 with both classes; `seed` is for the bootstrap."""
    reliability = measure_reliability(labels, probabilities, seed=seed)
    levels = risk_codes(probabilities, thresholds)
    shares = np.bincount(levels, minlength=len(RISK_LEVELS)) / len(labels)
    return Evaluation(
        rows=len(labels),
        base_rate=float(labels.mean()),
        mean_prediction=float(probabilities.mean()),
        log_loss=float(log_losses(labels, probabilities).mean()),
        brier=float(np.square(probabilities - labels).mean()),
        roc_auc=float(roc_auc_score(labels, probabilities)),
        average_precision=float(average_precision_score(labels, probabilities)),
        ece=reliability.ece,
        ece_noise_floor=reliability.noise_floor,
        ece_low=reliability.low,
        ece_high=reliability.high,
        **_decision_metrics(labels == 1, levels == RISK_LEVELS.index("high")),
        **{f"share_{name}": float(share) for name, share in zip(RISK_LEVELS, shares, strict=True)},
    )


def evaluate_groups(
    labels: Int8, probabilities: Float64, groups: Mapping[str, NDArray[np.str_]]
) -> list[dict[str, object]]:
    """Rows, base rate, mean prediction and log loss of each group, e.g. {"lead time": array of names (n,)}.

    Groups of fewer than SMALLEST_GROUP rows are left out: their rates are noise.
    """
    losses = log_losses(labels, probabilities)
    table: list[dict[str, object]] = []
    for grouping, names in groups.items():
        values, member = np.unique(names, return_inverse=True)
        counts = np.bincount(member)
        for code in np.flatnonzero(counts >= SMALLEST_GROUP):
            inside = member == code
            table.append(
                {
                    "grouping": grouping,
                    "group": str(values[code]),
                    "rows": int(counts[code]),
                    "base_rate": float(labels[inside].mean()),
                    "mean_prediction": float(probabilities[inside].mean()),
                    "log_loss": float(losses[inside].mean()),
                }
            )
    return table


def _decision_metrics(happened: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> dict[str, float]:
    hits = float((happened & flagged).sum())
    precision = hits / max(float(flagged.sum()), 1.0)
    recall = hits / max(float(happened.sum()), 1.0)
    return {
        "accuracy": float((happened == flagged).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0.0,
    }
