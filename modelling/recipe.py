"""The training recipe from top to bottom: a table in, a judged model and all that there is to show of it out.

Rows of a table have weights (`features.interference`): those that count for nothing are left out here, and the others
count by theirs in fits, calibration and evaluation alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import features_of
from features.feature import Feature
from features.table import require_trainable
from modelling.artifact import Artifact
from modelling.bands import Bands, measure_bands
from modelling.calibration import Calibration, choose_calibration
from modelling.evaluation import Evaluation, evaluate, evaluate_groups, log_losses, rule_losses
from modelling.fallback import predict_by_rule
from modelling.gate import Verdict, judge
from modelling.groups import group_rows
from modelling.importance import gain_by_concept, gain_by_feature, permutation_importance
from modelling.label_check import doubt_base_rate, doubt_ranking
from modelling.leakage import single_feature_auc
from modelling.origin import Origin
from modelling.packing import pack_model
from modelling.parts import take_part
from modelling.pipeline import fit_pipeline
from modelling.predictor import Predictor
from modelling.reliability import Reliability, measure_reliability
from modelling.risk import RiskThresholds
from modelling.split import RowTimes, expanding_folds
from modelling.tuning import Progress, Search, out_of_fold_log_odds, tune_trees
from modelling.weights import mean_of, take_weights, weighted_rows, weights_by_fold
from tqs.errors import UnfitDataError

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

FEWEST_OF_A_CLASS_IN_A_PART: Final = 10


@dataclass(frozen=True, slots=True)
class NewestPart:
    """The newest rows, looked at once: labels and the probabilities of everything that is compared on them, (n,).

    scheduled: when each row's session is scheduled, µs.
    comparable: which rows the champion cannot have learned from (all where there is none); it is judged on these only.
    weights: how much each row counts; None where all count alike.
    """

    scheduled: Int64
    labels: Int8
    challenger: Float64
    rule: Float64
    base_rate: Float64
    champion: Float64 | None
    comparable: Bool
    weights: Float64 | None = None

    def row_losses(self) -> dict[str, Float64]:
        """Each row's log loss by name, for what there is: (n,), of the champion (comparable rows,)."""
        losses = {
            "base_rate": log_losses(self.labels, self.base_rate),
            "rule": rule_losses(self.labels, self.rule),
            "challenger": log_losses(self.labels, self.challenger),
        }
        if self.champion is not None and self.comparable.any():
            losses["champion"] = log_losses(self.labels, self.champion)[self.comparable]
        return losses

    def log_losses(self) -> dict[str, float]:
        """Mean log loss by name, rows by their weight, for what there is; the champion's over the comparable rows."""
        return {name: mean_of(loss, self.weights_of(name)) for name, loss in self.row_losses().items()}

    def weights_of(self, name: str) -> Float64 | None:
        """The weights of the rows that `row_losses` has of a name."""
        return take_weights(self.weights, self.comparable) if name == "champion" else self.weights

    def window(self, rows: Bool) -> dict[str, object]:
        """How many of the rows are chosen, and when the first and the last of them are scheduled (ISO 8601, UTC)."""
        times = np.sort(self.scheduled[rows]).view("datetime64[us]")
        first, last = np.datetime_as_string(times[[0, -1]], unit="s", timezone="UTC").tolist()
        return {"rows": len(times), "first_scheduled": first, "last_scheduled": last}


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A challenger with everything that led to it and everything that was found out about it.

    champion_version: of the champion that it was judged beside, or that could not be read; None where there was none.
    """

    target: str
    artifact: Artifact
    search: Search
    calibration: Calibration
    test: NewestPart
    evaluation: Evaluation
    champion_evaluation: Evaluation | None
    reliability: Reliability
    gains: Mapping[str, float]
    concepts: Mapping[str, float]
    permutation: Mapping[str, float]
    leakage: Mapping[str, float]
    groups: list[dict[str, object]]
    verdict: Verdict
    champion_version: str | None = None

    def parameters(self) -> dict[str, float | int | str]:
        """What was chosen and on what, for the lab book."""
        training, chosen = self.artifact.manifest.training, self.calibration.chosen
        return {
            **self.search.parameters.as_numbers(),
            "trees": self.search.trees,
            "trials": len(self.search.trials),
            "calibration": chosen.kind,
            "calibration_fading": chosen.fading,
            "rows": training.rows,
            "seed": training.seed,
            "snapshot_sha256": training.snapshot_sha256,
            "first_scheduled": training.first_scheduled,
            "last_scheduled": training.last_scheduled,
        }

    def compared_metrics(self) -> dict[str, object]:
        """What the decision was made on: metrics of challenger, champion, base rate and rule on the rows of `window`.

        These are the rows that the champion did not learn from; the whole test part where there is nobody to compare.
        """
        test, manifest = self.test, self.artifact.manifest
        rows = test.comparable if self.champion_evaluation is not None else np.ones_like(test.comparable)
        challenger, weights = self.evaluation, take_weights(test.weights, rows)
        if not rows.all():
            thresholds = RiskThresholds(manifest.thresholds.low, manifest.thresholds.high)
            challenger = evaluate(
                test.labels[rows],
                test.challenger[rows],
                thresholds,
                seed=manifest.training.seed,
                weights=weights,
            )
        losses = test.row_losses()
        return {
            "challenger": challenger.as_metrics(),
            "champion": self.champion_evaluation and self.champion_evaluation.as_metrics(),
            "base_rate": {"log_loss": mean_of(losses["base_rate"][rows], weights)},
            "rule": {"log_loss": mean_of(losses["rule"][rows], weights)},
            "window": test.window(rows),
        }


def train_model(
    frame: pd.DataFrame,
    target: str,
    *,
    gap: int,
    thresholds: RiskThresholds,
    trials: int,
    seed: int,
    threads: int,
    champion: Artifact | None = None,
    snapshot_sha256: str = "",
    origin: Origin | None = None,
    extra_features: Sequence[Feature] = (),
    storage: str | None = None,
    study_name: str | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Tune, calibrate, refit, evaluate and judge a model of `target`.

    Parameters
    ----------
    frame: as `features.table.training_table` gives it: features, `scheduled_time`, `as_of`, `label`, `label_known`,
        `part`.
    gap: µs left out at every boundary in time (`TrainingTable.gap`).
    champion: the model that serves, to compare with on the test rows that it did not learn from.
    origin: of the code, for the manifest.
    extra_features: columns of `frame` to learn from beside the catalogue's. Such a model can be judged and not serve.
    storage, study_name, progress: see `modelling.tuning.tune_trees`.

    Raises UnfitDataError where the rows carry no model.
    """
    frame = weighted_rows(frame)
    require_trainable(frame, target)
    catalogue = (*features_of(target), *extra_features)
    features = tuple(feature.name for feature in catalogue)
    development, test = (take_part(frame, part, features) for part in ("development", "test"))
    X, y, weights = development.X, development.y, development.weights
    X_test, y_test, test_weights = test.X, test.y, test.weights
    _require_both_classes(y, y_test, target)

    folds = expanding_folds(RowTimes.of_frame(development.rows), y, gap)
    search = tune_trees(
        X, y, folds, weights=weights,
        trials=trials, seed=seed, threads=threads, storage=storage, study_name=study_name, progress=progress,
    )  # fmt: skip
    unseen = out_of_fold_log_odds(X, y, folds, search, seed=seed, threads=threads, weights=weights)
    calibration = choose_calibration(unseen, [y[fold.score] for fold in folds], weights_by_fold(weights, folds))
    fitted = fit_pipeline(X, y, search.parameters, trees=search.trees, seed=seed, threads=1, weights=weights)

    def pack(metrics: Mapping[str, float], bands: Bands | None = None) -> Artifact:
        return pack_model(
            target, features, fitted, calibration, development,
            search=search, thresholds=thresholds, metrics=metrics, snapshot_sha256=snapshot_sha256, seed=seed,
            origin=origin or Origin(), bands=bands,
        )  # fmt: skip

    predictor = Predictor.from_artifact(pack({}), threads=threads)
    compared = NewestPart(
        scheduled=RowTimes.of_frame(test.rows).scheduled,
        labels=y_test,
        challenger=predictor.predict(X_test),
        rule=predict_by_rule(target, X_test, features),
        base_rate=np.full(len(y_test), mean_of(y, weights)),
        champion=None if champion is None else _ask_champion(champion, frame, threads),
        comparable=_unseen_by(champion, test.rows, gap),
        weights=test_weights,
    )
    evaluation = evaluate(y_test, compared.challenger, thresholds, seed=seed, weights=test_weights)
    leakage = single_feature_auc(X, y, features, weights)
    gains = gain_by_feature(fitted.booster, features)
    concepts = gain_by_concept(gains, {feature.name: feature.concept for feature in catalogue})
    verdict = judge(
        y_test,
        compared.challenger,
        evaluation,
        base_rate=mean_of(y, weights),
        rule=compared.rule,
        champion=compared.champion,
        comparable=compared.comparable,
        leakage=leakage,
        concepts=concepts,
        weights=test_weights,
        doubts=_doubt_labels(champion, mean_of(y, weights), compared),
    )
    losses = {f"{name}_log_loss": loss for name, loss in compared.log_losses().items() if name != "challenger"}
    return TrainedModel(
        target=target,
        artifact=pack(
            evaluation.as_metrics() | losses,
            measure_bands(y_test, compared.challenger, compared.scheduled, test_weights),
        ),
        search=search,
        calibration=calibration,
        test=compared,
        evaluation=evaluation,
        champion_evaluation=_evaluate_champion(compared, thresholds, seed),
        reliability=measure_reliability(y_test, compared.challenger, seed=seed, weights=test_weights),
        gains=gains,
        concepts=concepts,
        permutation=permutation_importance(predictor, X_test, y_test, seed=seed, weights=test_weights),
        leakage=leakage,
        groups=evaluate_groups(y_test, compared.challenger, group_rows(X_test, features), test_weights),
        verdict=verdict,
        champion_version=None if champion is None else champion.version,
    )


def _ask_champion(champion: Artifact, frame: pd.DataFrame, threads: int) -> Float64:
    """The champion's probabilities (n,) of the test rows, from the features that it knows."""
    X = take_part(frame, "test", champion.manifest.features).X
    return Predictor.from_artifact(champion, threads=threads).predict(X)


def _doubt_labels(champion: Artifact | None, base_rate: float, compared: NewestPart) -> list[str]:
    if champion is None or compared.champion is None:
        return []
    rows = compared.comparable
    return [
        *doubt_base_rate(base_rate, champion.manifest.training.base_rate),
        *doubt_ranking(compared.labels[rows], compared.champion[rows], take_weights(compared.weights, rows)),
    ]


def _unseen_by(champion: Artifact | None, test: pd.DataFrame, gap: int) -> Bool:
    """Which test rows (n,) are scheduled more than the gap after the newest row that the champion learned from."""
    if champion is None:
        return np.ones(len(test), dtype=np.bool_)
    newest = pd.Timestamp(champion.manifest.training.last_scheduled)
    unseen: Bool = (test["scheduled_time"] > newest + pd.Timedelta(gap, "us")).to_numpy()
    return unseen


def _evaluate_champion(compared: NewestPart, thresholds: RiskThresholds, seed: int) -> Evaluation | None:
    """The champion on the rows that it did not learn from; None where those hold not even both classes."""
    labels = compared.labels[compared.comparable]
    if compared.champion is None or len(set(labels.tolist())) < 2:
        return None
    weights = take_weights(compared.weights, compared.comparable)
    return evaluate(labels, compared.champion[compared.comparable], thresholds, seed=seed, weights=weights)


def _require_both_classes(development: Int8, test: Int8, target: str) -> None:
    for name, labels in (("development", development), ("test", test)):
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) < FEWEST_OF_A_CLASS_IN_A_PART:
            raise UnfitDataError(
                f"the {name} part for {target} holds {positives} positive of {len(labels)} rows; "
                f"{FEWEST_OF_A_CLASS_IN_A_PART} of each class are needed: import more history and train again"
            )
