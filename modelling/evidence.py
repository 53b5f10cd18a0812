"""What a judged model showed on the test part, as plain numbers that a decision keeps and a model card is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelling.gate import PairedDifference
from modelling.recipe import Float64, TrainedModel
from modelling.reliability import Reliability
from modelling.weights import mean_of, standard_error


def describe_test_part(trained: TrainedModel) -> dict[str, Any]:
    """The evidence of one training, none of it about a single row.

    window: of the whole test part. losses: by name rows, mean log loss and its standard error, rows taken as
    independent; the champion's over the rows that it did not learn from. differences: the model's log loss less that
    of each rival, on the same rows. reliability: the bins of the calibration curve. groups: as `evaluate_groups` gives
    them. warnings: of the gate.
    """
    verdict = trained.verdict
    differences = {
        "base_rate": verdict.against_base_rate,
        "rule": verdict.against_rule,
        "champion": verdict.against_champion,
    }
    return {
        "window": trained.test.window(np.ones_like(trained.test.comparable)),
        "losses": {
            name: _describe_losses(losses, trained.test.weights_of(name))
            for name, losses in trained.test.row_losses().items()
        },
        "differences": {name: _describe_difference(found) for name, found in differences.items() if found is not None},
        "reliability": _describe_reliability(trained.reliability),
        "groups": trained.groups,
        "warnings": list(verdict.warnings),
    }


def _describe_losses(losses: Float64, weights: Float64 | None) -> dict[str, float]:
    error = standard_error(losses, weights) if len(losses) > 1 else 0.0
    return {"rows": len(losses), "log_loss": mean_of(losses, weights), "standard_error": error}


def _describe_difference(difference: PairedDifference) -> dict[str, float]:
    return {"log_loss": difference.mean, "standard_error": difference.standard_error}


def _describe_reliability(reliability: Reliability) -> list[dict[str, float]]:
    names = ("predicted", "observed", "observed_low", "observed_high", "rows")
    columns = [getattr(reliability, name).tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
