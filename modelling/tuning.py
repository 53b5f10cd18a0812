"""Tuning: Optuna searches the tree parameters with the least log loss over folds in time.

A trial fits each fold's training window and stops early on the *end of that window*; the fold it is scored on is
never looked at while fitting. The smallest fold comes first, so that pruning saves most of a poor trial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna
import xgboost
from numpy.typing import NDArray

from modelling.evaluation import log_losses
from modelling.pipeline import TreeParameters, bin_rows, booster_parameters, fit_pipeline, fit_scaler, scale
from modelling.split import Fold
from modelling.weights import mean_of, take_weights

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Progress = Callable[[int, int, float], None]

MOST_TREES: Final = 500
PATIENCE: Final = 20  # trees without gain on the end of the training window
FITS_AT_ONCE: Final = 2  # of a million rows each takes a quarter of a GB
STARTUP_TRIALS: Final = 8  # random ones before TPE and pruning have something to go by


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """One finished or pruned trial: its log loss so far, its parameters and its state's name."""

    number: int
    log_loss: float
    parameters: dict[str, float]
    state: str


@dataclass(frozen=True, slots=True)
class Search:
    """The best parameters, the median of its tree counts over the folds, and how the search went."""

    parameters: TreeParameters
    trees: int
    log_loss: float
    trials: tuple[TrialSummary, ...]


@dataclass(frozen=True, slots=True)
class _BinnedFold:
    """A fold whose rows are scaled and binned once, for all trials."""

    fit: xgboost.QuantileDMatrix
    stop: xgboost.QuantileDMatrix
    score: NDArray[np.float32]
    labels: Int8
    weights: Float64 | None


def tune_trees(
    X: NDArray[np.floating],
    y: Int8,
    folds: Sequence[Fold],
    *,
    trials: int,
    seed: int,
    threads: int,
    weights: Float64 | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    progress: Progress | None = None,
) -> Search:
    """Search for the parameters with the least mean log loss over the folds.

    Parameters
    ----------
    weights: how much each row counts, in the fits as in the losses, (n,); alike where not given.
    storage: SQLAlchemy URL of Optuna's database, through which several workers may join the study `study_name`;
        in memory where not given.
    progress: called after each trial with (trials done, trials wanted, best log loss so far).

    With `threads=1` and no shared storage the search is the same on every run.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=study_name,
        storage=storage,
        load_if_exists=True,
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    study.enqueue_trial(TreeParameters().as_numbers(), skip_if_exists=True)
    binned = [_bin_fold(X, y, weights, fold, threads) for fold in folds]

    def after_trial(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        if progress is not None:
            done = sum(trial.state.is_finished() for trial in study.trials)
            progress(done, trials, study.best_value)

    study.optimize(lambda trial: _score_trial(trial, binned, seed, threads), n_trials=trials, callbacks=[after_trial])
    return _summarise(study)


def out_of_fold_log_odds(
    X: NDArray[np.floating],
    y: Int8,
    folds: Sequence[Fold],
    search: Search,
    *,
    seed: int,
    threads: int,
    weights: Float64 | None = None,
) -> list[Float64]:
    """Log odds of each fold's scored rows by a model of its whole training window; one array a fold.

    At most FITS_AT_ONCE models are fitted at a time, each on one thread: the answer does not follow `threads`.
    """

    def predict_fold(fold: Fold) -> Float64:
        known = fold.train
        fitted = fit_pipeline(
            X[known],
            y[known],
            search.parameters,
            trees=search.trees,
            seed=seed,
            threads=1,
            weights=take_weights(weights, known),
        )
        return fitted.log_odds(X[fold.score]).astype(np.float64)

    with ThreadPoolExecutor(min(threads, FITS_AT_ONCE)) as pool:
        return list(pool.map(predict_fold, folds))


def _bin_fold(X: NDArray[np.floating], y: Int8, weights: Float64 | None, fold: Fold, threads: int) -> _BinnedFold:
    scaler = fit_scaler(X[fold.fit])
    own, stopping = take_weights(weights, fold.fit), take_weights(weights, fold.stop)
    fit = bin_rows(scale(X[fold.fit], scaler), y[fold.fit], own, threads=threads)
    stop = bin_rows(scale(X[fold.stop], scaler), y[fold.stop], stopping, threads=threads, ref=fit)
    return _BinnedFold(fit, stop, scale(X[fold.score], scaler), y[fold.score], take_weights(weights, fold.score))


def _score_trial(trial: optuna.Trial, folds: Sequence[_BinnedFold], seed: int, threads: int) -> float:
    parameters = booster_parameters(_suggest_parameters(trial), seed, threads)
    losses: list[float] = []
    trees: list[int] = []
    for number, fold in enumerate(folds):
        booster = xgboost.train(
            parameters,
            fold.fit,
            num_boost_round=MOST_TREES,
            evals=[(fold.stop, "stop")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        best = booster.best_iteration + 1
        p = booster.inplace_predict(fold.score, iteration_range=(0, best))
        losses.append(mean_of(log_losses(fold.labels, p), fold.weights))
        trees.append(best)
        trial.report(float(np.mean(losses)), number)
        if number + 1 < len(folds) and trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("trees", trees)
    return float(np.mean(losses))


def _suggest_parameters(trial: optuna.Trial) -> TreeParameters:
    return TreeParameters(
        max_depth=trial.suggest_int("max_depth", 2, 6),
        learning_rate=trial.suggest_float("learning_rate", 0.05, 0.2, log=True),
        min_child_weight=trial.suggest_float("min_child_weight", 1.0, 100.0, log=True),
        gamma=trial.suggest_float("gamma", 0.0, 5.0),
        subsample=trial.suggest_float("subsample", 0.5, 1.0),
        colsample_bytree=trial.suggest_float("colsample_bytree", 0.4, 1.0),
        reg_lambda=trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
        reg_alpha=trial.suggest_float("reg_alpha", 0.0, 5.0),
    )


def _summarise(study: optuna.Study) -> Search:
    best = study.best_trial
    return Search(
        parameters=TreeParameters(**best.params),
        trees=max(1, int(np.median(best.user_attrs["trees"]))),
        log_loss=float(study.best_value),
        trials=tuple(_summary(trial) for trial in study.trials if trial.state.is_finished()),
    )


def _summary(trial: optuna.trial.FrozenTrial) -> TrialSummary:
    reached: Any = trial.value
    if reached is None and trial.intermediate_values:
        reached = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialSummary(
        trial.number, float(np.nan if reached is None else reached), dict(trial.params), trial.state.name.lower()
    )
