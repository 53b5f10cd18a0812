"""Sixty damaged models: none serves, each is told, and the champion goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine, text

from benchmarks._model import make_artifact
from bentos.serving import ServingModels
from modelling import store
from modelling.artifact import LARGEST_BOOSTER_BYTES, Artifact
from modelling.canary import check_artifact
from modelling.store import champion_versions, load_model, promote, save_challenger
from tests.bentos.calls import post, session
from tests.bentos.conftest import Service, wait_until
from tests.bentos.refused import TARGET, enthrone
from tests.modelling.corruptions import Corruption, corruptions
from tqs.settings import Settings

pytestmark = pytest.mark.xdist_group("service")

CLIENTS = 4


@pytest.fixture(scope="module")
def sound() -> Artifact:
    return make_artifact(TARGET)


@pytest.fixture(scope="module")
def damaged(sound: Artifact) -> list[Corruption]:
    return corruptions(sound)


class Child:
    """The check in a child process, and which versions came to it. v1 is sound, and need not wait for one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, artifact: Artifact) -> None:
        self.asked.append(artifact.version)
        if artifact.version != "v1":
            check_artifact(artifact)


def crown(engine: Engine, artifact: Artifact) -> None:
    saved = save_challenger(engine, artifact)
    promote(engine, TARGET, saved.version, expected_champion=None, reason="a test", actor="test")


@pytest.fixture
def child() -> Child:
    return Child()


@pytest.fixture
def models(engine: Engine, sound: Artifact, tmp_path: Path, child: Child) -> ServingModels:
    """The models of a worker, of which v1 answers for reschedules."""
    crown(engine, sound)
    models = ServingModels(engine, Settings(home=tmp_path), check=child)
    models.refresh(champion_versions(engine))
    assert models.serving[TARGET].model.version == "v1"
    return models


def refuse(models: ServingModels, engine: Engine, one: Corruption, version: str) -> str:
    """Put it in the champion's place and look; what is said of it."""
    good = models.serving[TARGET].model
    enthrone(engine, one, version)
    models.refresh(champion_versions(engine))
    serving = models.serving[TARGET]
    assert serving.model is good, one.name
    assert serving.champion == version
    assert serving.refusal is not None, one.name
    assert f"model {version} " in serving.refusal, (one.name, serving.refusal)
    assert serving.refusal.endswith("v1, which served before it, answers")
    return serving.refusal


def test_what_the_bytes_tell_is_refused_without_loading_it(
    models: ServingModels, engine: Engine, damaged: list[Corruption], child: Child, caplog: pytest.LogCaptureFixture
) -> None:
    told = [one for one in damaged if one.reached == "bytes" and len(one.booster) <= LARGEST_BOOSTER_BYTES]
    assert len(told) == 48
    logging.getLogger("bentoml.tqs").addHandler(caplog.handler)
    for number, one in enumerate(told):
        said = refuse(models, engine, one, f"v{2 + number}")
        assert said in caplog.text
    logging.getLogger("bentoml.tqs").removeHandler(caplog.handler)
    assert child.asked == ["v1"]  # only the sound one


@pytest.mark.parametrize("name", ["a leaf changed by one bit", "columns of the trees swapped"])
def test_what_loads_and_answers_otherwise_is_refused(
    models: ServingModels, engine: Engine, damaged: list[Corruption], child: Child, name: str
) -> None:
    [one] = [one for one in damaged if one.name == name]
    assert "a golden row is off by" in refuse(models, engine, one, "v2")
    assert child.asked == ["v1", "v2"]


def test_too_many_bytes_are_refused_without_fetching_them(
    models: ServingModels, engine: Engine, sound: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LARGEST_BOOSTER_BYTES", len(sound.booster))
    whole = Corruption("a byte more", sound.manifest_bytes.decode(), sound.booster + b"\0", sound.sha256)
    size = len(sound.manifest_bytes) + len(sound.booster) + 1
    assert f"model v2 of reschedule has {size:,} bytes, allowed are" in refuse(models, engine, whole, "v2")


def test_after_a_restart_the_one_before_the_damaged_champion_answers(
    models: ServingModels, engine: Engine, damaged: list[Corruption], tmp_path: Path
) -> None:
    refuse(models, engine, damaged[0], "v2")
    anew = ServingModels(engine, Settings(home=tmp_path), check=lambda _: None)
    anew.refresh(champion_versions(engine))
    assert anew.serving[TARGET].model.version == "v1"
    assert "model v2 is damaged" in str(anew.serving[TARGET].refusal)


@pytest.mark.long
def test_sixty_damaged_champions_fail_no_request_of_a_service_with_two_workers(
    service: Service, sound: Artifact, damaged: list[Corruption]
) -> None:
    crown(service.engine, sound)
    try:
        wait_until(lambda: told_by_all(service) == {("v1", None)}, 90)
        with asking(service) as answers:
            for number, one in enumerate(damaged):
                version = f"v{2 + number}"
                enthrone(service.engine, one, version)
                wait_until(lambda: refused_by_all(service, version), 60)  # noqa: B023  # it is waited for here
                with service.engine.begin() as connection:
                    connection.execute(text("DELETE FROM models WHERE alias IS NULL"))
        assert len(set(answers)) == 1, set(answers)
        assert len(answers) > len(damaged)
        assert answers[0] == expected(service)
    finally:
        with service.engine.begin() as connection:
            connection.execute(text("DELETE FROM models"))
        wait_until(lambda: {version for version, _ in told_by_all(service)} == {"rule"}, 90)
    log = service.log.read_text()
    assert log.count("reschedule goes on with v1") >= 2 * len(damaged)
    assert "Traceback" not in log


def told_by_all(service: Service) -> set[tuple[str, str | None]]:
    """Version and refusal as both workers tell them, asked on connections of their own."""

    def ask(_: int) -> tuple[str, str | None]:
        with service.client as client:
            [found] = [one for one in client.get("/api/models").json()["models"] if one["target"] == TARGET]
        return found["version"], found["refusal"]

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(ask, range(16)))


def refused_by_all(service: Service, version: str) -> bool:
    return all(
        answering == "v1" and refusal is not None and f"model {version} " in refusal
        for answering, refusal in told_by_all(service)
    )


@contextmanager
def asking(service: Service) -> Iterator[list[str]]:
    """Meanwhile clients ask for a prediction, one after the other; the answers. Each has to be a success."""
    ended, answers = Event(), []

    def ask() -> None:
        while not ended.is_set():
            with service.client as client:
                answers.append(json.dumps(post(client, "/predict_reschedule", session())))

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(ask) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            ended.set()
        for one in asked:
            one.result()


def expected(service: Service) -> str:
    """What v1 says, asked once more when nothing is damaged any more."""
    assert load_model(service.engine, TARGET, "v1").version == "v1"
    with service.engine.begin() as connection:
        connection.execute(text("UPDATE models SET alias = NULL WHERE alias = 'champion'"))
        connection.execute(text("UPDATE models SET alias = 'champion' WHERE version = 'v1'"))
    wait_until(lambda: told_by_all(service) == {("v1", None)}, 60)
    with service.client as client:
        return json.dumps(post(client, "/predict_reschedule", session()))
