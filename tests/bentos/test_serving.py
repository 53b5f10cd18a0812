"""Models are loaded aside and swapped; one that is refused leaves the one before it serving."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from bentos.serving import ServingModels
from modelling.artifact import Artifact
from modelling.canary import UncheckedModelError, check_golden_rows
from modelling.store import champion_versions, promote, save_challenger
from tqs.errors import ModelError
from tqs.settings import Settings

TARGET = "reschedule"


class Checks:
    """What the models are checked with, as the test sets it, and a clock that it moves on."""

    def __init__(self) -> None:
        self.errors: dict[str, ModelError] = {}
        self.asked: list[str] = []
        self.now = 0.0

    def __call__(self, artifact: Artifact) -> None:
        self.asked.append(artifact.version)
        if error := self.errors.get(artifact.version):
            raise error
        check_golden_rows(artifact)


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def models(engine: Engine, tmp_path: Path, checks: Checks) -> ServingModels:
    return start(engine, tmp_path, checks)


def start(engine: Engine, home: Path, checks: Checks) -> ServingModels:
    return ServingModels(engine, Settings(home=home), check=checks, clock=lambda: checks.now)


def promote_new(engine: Engine, seed: int, before: str | None) -> str:
    version = save_challenger(engine, make_artifact(TARGET, seed=seed), f"run-{seed}").version
    promote(engine, TARGET, version, expected_champion=before, reason="a test", actor="test")
    return version


def refresh(models: ServingModels, engine: Engine) -> None:
    models.refresh(champion_versions(engine))


def test_without_a_champion_the_rule_answers(models: ServingModels, engine: Engine) -> None:
    assert models.needs_refresh({})
    refresh(models, engine)
    assert not models.needs_refresh({})
    assert {target: serving.model.fallback for target, serving in models.serving.items()} == dict.fromkeys(
        ("match", "reschedule", "no_show"), True
    )


def test_a_new_champion_is_swapped_in(models: ServingModels, engine: Engine) -> None:
    refresh(models, engine)
    match_before = models.serving["match"]
    first = promote_new(engine, 1, None)
    assert models.needs_refresh(champion_versions(engine))
    refresh(models, engine)
    serving = models.serving[TARGET]
    assert (serving.model.version, serving.champion, serving.source_run, serving.refusal) == ("v1", "v1", "run-1", None)
    assert models.serving["match"] is match_before

    promote_new(engine, 2, first)
    refresh(models, engine)
    assert models.serving[TARGET].model.version == "v2"
    assert not models.needs_refresh(champion_versions(engine))


def test_a_refused_champion_leaves_the_one_before_it_serving(
    models: ServingModels, engine: Engine, checks: Checks
) -> None:
    first = promote_new(engine, 1, None)
    refresh(models, engine)
    good = models.serving[TARGET].model
    promote_new(engine, 2, first)
    checks.errors["v2"] = ModelError("a golden row is off by 0.1")

    refresh(models, engine)

    serving = models.serving[TARGET]
    assert serving.model is good
    assert (serving.champion, serving.source_run) == ("v2", "run-1")
    assert serving.refusal == "a golden row is off by 0.1; v1, which served before it, answers"
    checks.now = 1e9
    assert not models.needs_refresh(champion_versions(engine))  # refused for good


def test_after_a_restart_with_a_refused_champion_the_previous_one_serves(
    engine: Engine, tmp_path: Path, checks: Checks
) -> None:
    promote_new(engine, 2, promote_new(engine, 1, None))
    checks.errors["v2"] = ModelError("the process ended with -11")
    models = start(engine, tmp_path, checks)

    refresh(models, engine)

    serving = models.serving[TARGET]
    assert (serving.model.version, serving.model.fallback, serving.champion) == ("v1", False, "v2")
    assert serving.source_run == "run-1"
    assert serving.refusal == "the process ended with -11; v1, which served before it, answers"


def test_the_rule_answers_where_the_previous_one_is_refused_as_well(
    models: ServingModels, engine: Engine, checks: Checks
) -> None:
    promote_new(engine, 2, promote_new(engine, 1, None))
    checks.errors = {"v1": ModelError("v1 is bad"), "v2": ModelError("v2 is bad")}
    refresh(models, engine)
    assert models.serving[TARGET].model.fallback
    assert models.serving[TARGET].refusal == "v2 is bad"


def test_a_refused_first_champion_leaves_the_rule(models: ServingModels, engine: Engine, checks: Checks) -> None:
    promote_new(engine, 1, None)
    checks.errors["v1"] = ModelError("no")
    refresh(models, engine)
    assert models.serving[TARGET].model.fallback
    assert models.serving[TARGET].refusal == "no"


def test_a_check_that_took_too_long_is_tried_again_ever_more_seldom(
    models: ServingModels, engine: Engine, checks: Checks
) -> None:
    first = promote_new(engine, 1, None)
    refresh(models, engine)
    promote_new(engine, 2, first)
    checks.errors["v2"] = UncheckedModelError("not loaded within 60 s")
    champions = champion_versions(engine)
    models.refresh(champions)

    waits = []
    for _ in range(8):
        retry = models.serving[TARGET].retry
        assert retry is not None
        waits.append(retry.at - checks.now)
        checks.now = retry.at - 0.001
        assert not models.needs_refresh(champions)
        checks.now = retry.at
        assert models.needs_refresh(champions)
        assert models.serving[TARGET].model.version == "v1"
        models.refresh(champions)
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600]

    del checks.errors["v2"]
    checks.now += 600
    models.refresh(champions)
    serving = models.serving[TARGET]
    assert (serving.model.version, serving.refusal, serving.retry) == ("v2", None, None)


def test_a_model_that_passed_is_not_checked_again(models: ServingModels, engine: Engine, checks: Checks) -> None:
    first = promote_new(engine, 1, None)
    refresh(models, engine)
    promote_new(engine, 2, first)
    refresh(models, engine)
    promote(engine, TARGET, "v1", expected_champion="v2", reason="a test", actor="test")
    refresh(models, engine)
    assert models.serving[TARGET].model.version == "v1"
    assert checks.asked == ["v1", "v2"]
