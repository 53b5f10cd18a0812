from __future__ import annotations

from dataclasses import astuple

import numpy as np
import optuna
import pytest
import xgboost

from modelling import tuning
from modelling.evaluation import log_losses
from modelling.pipeline import TreeParameters
from modelling.split import RowTimes, expanding_folds
from modelling.tuning import Search, out_of_fold_log_odds, tune_trees


@pytest.fixture(scope="module")
def rows(problem):
    X, y, p = (part[:2500] for part in problem)
    at = np.arange(len(y), dtype=np.int64)
    return X, y, p, expanding_folds(RowTimes(at, at, at), y, gap=20, folds=3)


def test_the_search_finds_what_beats_the_base_rate_and_comes_near_the_truth(rows):
    X, y, p, folds = rows
    told = []
    search = tune_trees(X, y, folds, trials=4, seed=1, threads=1, progress=lambda *step: told.append(step))
    scored = np.concatenate([fold.score for fold in folds])
    truth = log_losses(y[scored], p[scored]).mean()
    base = log_losses(y[scored], np.full(len(scored), y.mean())).mean()
    assert search.log_loss < truth + 0.3 * (base - truth)
    assert [(done, wanted) for done, wanted, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1][2] == search.log_loss == min(trial.log_loss for trial in search.trials)
    assert search.trials[0].parameters["max_depth"] == TreeParameters().max_depth  # the start is known to be decent
    assert all(2 <= trial.parameters["max_depth"] <= 6 for trial in search.trials)


def test_one_thread_and_a_seed_give_the_same_search(rows):
    X, y, _, folds = rows
    first, again = (tune_trees(X, y, folds, trials=3, seed=5, threads=1) for _ in range(2))
    assert astuple(first) == astuple(again)


def test_the_scored_fold_is_never_seen_while_fitting(rows, monkeypatch):
    """Every matrix that XGBoost gets to train on or to stop by is rows before the scored fold."""
    X, y, _, folds = rows
    sizes = []
    train = xgboost.train

    def spy(parameters, matrix, *args, evals=(), **kwargs):
        sizes.append((matrix.num_row(), *(watched.num_row() for watched, _ in evals)))
        return train(parameters, matrix, *args, evals=evals, **kwargs)

    monkeypatch.setattr(tuning.xgboost, "train", spy)
    tune_trees(X, y, folds, trials=1, seed=1, threads=1)
    assert sizes == [(len(fold.fit), len(fold.stop)) for fold in folds]


def test_labels_of_the_scored_folds_do_not_change_the_trees(rows):
    X, y, _, folds = rows
    flipped = y.copy()
    flipped[folds[-1].score] ^= 1
    before, after = (
        out_of_fold_log_odds(X, labels, folds, Search(TreeParameters(), 15, 0.0, ()), seed=1, threads=1)
        for labels in (y, flipped)
    )
    np.testing.assert_array_equal(before[-1], after[-1])


def test_the_refit_takes_the_median_tree_count():
    study = optuna.create_study()
    study.add_trial(
        optuna.trial.create_trial(
            params={"max_depth": 3},
            distributions={"max_depth": optuna.distributions.IntDistribution(2, 6)},
            value=0.5,
            user_attrs={"trees": [10, 90, 30]},
        )
    )
    assert tuning._summarise(study).trees == 30


def test_workers_join_one_study_through_its_storage(rows, tmp_path):
    X, y, _, folds = rows
    storage = f"sqlite:///{tmp_path}/study.db"
    searches = [
        tune_trees(X, y, folds, trials=2, seed=seed, threads=1, storage=storage, study_name="s") for seed in (1, 2)
    ]
    assert [len(search.trials) for search in searches] == [2, 4]
    assert searches[1].log_loss <= searches[0].log_loss
