"""The gate: which challenger may serve. Judged on the untouched newest window, every reason a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from modelling.evaluation import Evaluation, log_losses, rule_losses
from modelling.leakage import HIGHEST_AUC
from modelling.weights import effective_rows, mean_of, standard_error, take_weights

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Bool = NDArray[np.bool_]

STANDARD_ERRORS: Final = 2.0
LARGEST_ECE: Final = 0.35  # of the base rate
LARGEST_MEAN_SHIFT: Final = 0.35  # of what happened
WARNING_SHARE: Final = 0.5  # of either limit
FEWEST_COMPARABLE: Final = 500  # rows that the champion did not learn from
FEWEST_COMPARABLE_OF_A_CLASS: Final = 50
DOMINANT_CONCEPT: Final = 0.5  # of the gain


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean over the rows of (this model's log loss − the other's) and its standard error; negative is better."""

    mean: float
    standard_error: float

    @property
    def clearly_better(self) -> bool:
        """Better by more than two standard errors."""
        return self.mean < -STANDARD_ERRORS * self.standard_error

    @property
    def clearly_worse(self) -> bool:
        """Worse by more than two standard errors."""
        return self.mean > STANDARD_ERRORS * self.standard_error


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a challenger.

    decision: "promote" it; "keep" the champion, which is better; "refuse" it, since it or its data are unfit.
    reasons: the sentences that decided; for "promote" what it passed. warnings: to look into, whatever was decided.
    """

    decision: Literal["promote", "keep", "refuse"]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    against_base_rate: PairedDifference
    against_rule: PairedDifference
    against_champion: PairedDifference | None

    @property
    def reason(self) -> str:
        """All reasons as one text."""
        return " ".join(self.reasons)


def judge(
    labels: Int8,
    challenger: Float64,
    evaluation: Evaluation,
    *,
    base_rate: float,
    rule: Float64,
    champion: Float64 | None,
    comparable: Bool | None = None,
    leakage: Mapping[str, float],
    concepts: Mapping[str, float],
    weights: Float64 | None = None,
    doubts: Sequence[str] = (),
) -> Verdict:
    """Judge a challenger on the test part.

    A champion need not be beaten, only not be clearly better. Where the rows that it did not learn from are too few to
    show that (FEWEST_COMPARABLE, FEWEST_COMPARABLE_OF_A_CLASS), it stays unless the challenger clearly beats it there.

    Parameters
    ----------
    labels, challenger, rule, champion: (n,) outcomes and the probabilities of the challenger, of the fallback rule and
        of the model that serves (None where none does), on the same rows.
    comparable: (n,) which rows the champion cannot have learned from; all of them where not given.
    base_rate: of the development part, the probability of one who knows nothing else.
    leakage: each feature's AUC alone. concepts: share of the gain by concept.
    weights: (n,) how much each row counts; alike where not given.
    doubts: why the labels are not to be trusted (`modelling.label_check`).
    """
    own = log_losses(labels, challenger)
    base = compare_losses(own, log_losses(labels, np.full(len(labels), base_rate)), weights)
    ruled = compare_losses(own, rule_losses(labels, rule), weights)
    rows = np.ones(len(labels), dtype=np.bool_) if comparable is None else comparable
    reigning = (
        None
        if champion is None
        else compare_losses(own[rows], log_losses(labels, champion)[rows], take_weights(weights, rows))
    )
    unfit = [
        *doubts,
        *_leaks(leakage),
        *_not_better(base, f"the base rate {base_rate:.4f} of the development part"),
        *_not_better(ruled, "the fallback rule"),
        *_miscalibrated(evaluation),
    ]
    warnings = (*_calibration_warnings(evaluation), *_dominant(concepts))
    if unfit:
        return Verdict("refuse", tuple(unfit), warnings, base, ruled, reigning)
    if reigning is not None and reigning.clearly_worse:
        lost = f"The champion's log loss is lower by {_figure(reigning)}: it stays."
        return Verdict("keep", (lost,), warnings, base, ruled, reigning)
    negatives, positives = (effective_rows(rows & (labels == label), weights) for label in (0, 1))
    if reigning is not None and _are_scarce(negatives, positives) and not reigning.clearly_better:
        return Verdict("keep", (_scarcity(negatives, positives, reigning),), warnings, base, ruled, reigning)
    return Verdict("promote", _passed(evaluation, base, ruled, reigning), warnings, base, ruled, reigning)


def compare_losses(own: Float64, other: Float64, weights: Float64 | None = None) -> PairedDifference:
    """Paired difference of two models' losses (n,) on the same rows; of fewer than two rows nothing is said (0 ± 0)."""
    difference = own - other
    if len(difference) < 2:
        return PairedDifference(0.0, 0.0)
    return PairedDifference(mean_of(difference, weights), standard_error(difference, weights))


def _are_scarce(negatives: float, positives: float) -> bool:
    return negatives + positives < FEWEST_COMPARABLE or min(negatives, positives) < FEWEST_COMPARABLE_OF_A_CLASS


def _scarcity(negatives: float, positives: float, reigning: PairedDifference) -> str:
    return (
        f"Only {negatives + positives:.0f} rows of the test part (those of weight count as fewer), {positives:.0f} of "
        "them positive, are newer than what the "
        f"champion learned from, too few to compare the two on ({FEWEST_COMPARABLE} and {FEWEST_COMPARABLE_OF_A_CLASS} "
        f"of each class are needed), and on them the challenger is not clearly better "
        f"(difference {reigning.mean:+.4f} ± {reigning.standard_error:.4f}): the champion stays; "
        "retrain when there is newer history."
    )


def _leaks(leakage: Mapping[str, float]) -> list[str]:
    return [
        f"The feature {name} separates the target alone (ROC AUC {auc:.3f}, allowed is {HIGHEST_AUC}): "
        "it holds the outcome; find out when it is known."
        for name, auc in leakage.items()
        if auc > HIGHEST_AUC
    ]


def _not_better(difference: PairedDifference, other: str) -> list[str]:
    if difference.clearly_better:
        return []
    return [
        f"The log loss is not below that of {other} by more than {STANDARD_ERRORS:g} standard errors "
        f"(difference {difference.mean:+.4f} ± {difference.standard_error:.4f}): nothing was learned that would serve."
    ]


def _miscalibrated(evaluation: Evaluation) -> list[str]:
    reasons = []
    limit = max(LARGEST_ECE * evaluation.base_rate, evaluation.ece_noise_floor)
    if evaluation.ece > limit:
        reasons.append(
            f"The calibration error is {evaluation.ece:.4f}, allowed is {limit:.4f} (the larger of {LARGEST_ECE:.0%} "
            "of the base rate and what chance gives): its probabilities cannot be taken at their word."
        )
    if _mean_shift(evaluation) > LARGEST_MEAN_SHIFT:
        reasons.append(
            f"It predicted {evaluation.mean_prediction:.4f} on average and {evaluation.base_rate:.4f} happened, "
            f"more than {LARGEST_MEAN_SHIFT:.0%} apart."
        )
    return reasons


def _calibration_warnings(evaluation: Evaluation) -> list[str]:
    warnings = []
    soft = max(WARNING_SHARE * LARGEST_ECE * evaluation.base_rate, evaluation.ece_noise_floor)
    if evaluation.ece > soft:
        warnings.append(f"The calibration error {evaluation.ece:.4f} is above {soft:.4f}: watch it.")
    if _mean_shift(evaluation) > WARNING_SHARE * LARGEST_MEAN_SHIFT:
        warnings.append(
            f"The mean prediction {evaluation.mean_prediction:.4f} is {_mean_shift(evaluation):.0%} away from the "
            f"{evaluation.base_rate:.4f} that happened: the base rate moves."
        )
    return warnings


def _dominant(concepts: Mapping[str, float]) -> list[str]:
    return [
        f"{share:.0%} of the gain comes from one concept ({concept}): make sure that it was known in time."
        for concept, share in concepts.items()
        if share > DOMINANT_CONCEPT
    ]


def _mean_shift(evaluation: Evaluation) -> float:
    return abs(evaluation.mean_prediction / evaluation.base_rate - 1)


def _passed(
    evaluation: Evaluation, base: PairedDifference, ruled: PairedDifference, reigning: PairedDifference | None
) -> tuple[str, ...]:
    rival = (
        "There was no champion."
        if reigning is None
        else f"Against the champion the log loss differs by {_figure(reigning)}, which is not clearly worse."
    )
    return (
        f"Its log loss {evaluation.log_loss:.4f} beats the base rate by {_figure(base)} "
        f"and the fallback rule by {_figure(ruled)}.",
        rival,
        f"It predicted {evaluation.mean_prediction:.4f} on average, {evaluation.base_rate:.4f} happened; "
        f"calibration error {evaluation.ece:.4f}.",
    )


def _figure(difference: PairedDifference) -> str:
    return f"{abs(difference.mean):.4f} ± {difference.standard_error:.4f}"
