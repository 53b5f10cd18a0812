"""Models are loaded aside and swapped; one that is refused leaves the one before it serving."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from bentos.serving import ServingModels
from modelling.artifact import Artifact
from modelling.canary import check_golden_rows
from modelling.store import champion_versions, promote, save_challenger
from tests.scoring.made_up_model import make_artifact
from tqs.errors import ModelError
from tqs.settings import Settings

TARGET = "reschedule"


@pytest.fixture
def models(engine: Engine, tmp_path: Path) -> ServingModels:
    return ServingModels(engine, Settings(home=tmp_path))


def promote_new(engine: Engine, seed: int, before: str | None) -> str:
    version = save_challenger(engine, make_artifact(TARGET, seed=seed), f"run-{seed}").version
    promote(engine, TARGET, version, expected_champion=before, reason="a test", actor="test")
    return version


def refresh(models: ServingModels, engine: Engine) -> None:
    models.refresh(champion_versions(engine), check_golden_rows)


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


def test_a_refused_champion_leaves_the_one_before_it_serving(models: ServingModels, engine: Engine) -> None:
    first = promote_new(engine, 1, None)
    refresh(models, engine)
    good = models.serving[TARGET].model
    promote_new(engine, 2, first)

    def refuse(artifact: Artifact) -> None:
        raise ModelError("a golden row is off by 0.1")

    models.refresh(champion_versions(engine), refuse)
    serving = models.serving[TARGET]
    assert serving.model is good
    assert (serving.champion, serving.source_run, serving.refusal) == ("v2", "run-1", "a golden row is off by 0.1")
    assert not models.needs_refresh(champion_versions(engine))  # not tried again each second


def test_a_refused_first_champion_leaves_the_rule(models: ServingModels, engine: Engine) -> None:
    promote_new(engine, 1, None)

    def refuse(artifact: Artifact) -> None:
        raise ModelError("no")

    models.refresh(champion_versions(engine), refuse)
    assert models.serving[TARGET].model.fallback
    assert models.serving[TARGET].refusal == "no"
