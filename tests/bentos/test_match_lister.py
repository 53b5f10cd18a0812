"""A list of matches while this worker still answers by the model before: no pair is left out without a word."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine

from benchmarks._model import make_artifact
from bentos.answers import Answers
from bentos.routers.match_predictions import MatchLister
from modelling.store import promote, save_challenger
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from tests.loops import run_coroutine
from tests.scoring.conftest import Records, serve, uid
from tqs.errors import ConflictError, ModelError

MODEL = serve("match")  # its version is v1


def list_matches(engine: Engine, url: URL, student: UUID) -> dict[str, Any]:
    async def run() -> bytes:
        answers = Answers(url)
        await answers.start()
        try:
            lister = MatchLister(answers, engine, MODEL, "ada", "compatibility_score", None, 100, 0)
            return bytes((await lister.list("student", student)).body)
        finally:
            await answers.stop()

    found: dict[str, Any] = json.loads(run_coroutine(run()))
    return found


@pytest.fixture
def student(engine: Engine) -> UUID:
    """With two tutors, one of them predicted by v1; v2 is the champion since, and the tutor has changed."""
    records = Records(engine)
    for seed, before in ((1, None), (2, "v1")):
        records.tutor(seed)
        version = save_challenger(engine, make_artifact("match", seed=seed)).version
        if before is not None:
            predict_pairs(
                engine, MODEL, read_clock(engine), students=[records.student(1)], tutors=[str(uid("tutor", 1))]
            )
        promote(engine, "match", version, expected_champion=before, reason="a test", actor="test")
    records.execute("UPDATE tutors SET inputs_changed_at = clock_timestamp()")
    return uid("student", 1)


def test_a_pair_that_cannot_be_predicted_yet_is_not_left_out(engine: Engine, database_url: URL, student: UUID) -> None:
    with pytest.raises(ModelError, match="v2 is the champion of match by now"):
        list_matches(engine, database_url, student)


def test_what_is_stored_is_shown_where_that_is_all(engine: Engine, database_url: URL, student: UUID) -> None:
    Records(engine).execute(f"UPDATE tutors SET is_active = false WHERE id = '{uid('tutor', 2)}'")
    found = list_matches(engine, database_url, student)
    assert [one["tutor_id"] for one in found["matches"]] == [str(uid("tutor", 1))]
    assert found["matches"][0]["model_version"] == "v1"


def test_pairs_that_are_new_each_time_are_a_conflict(
    engine: Engine, database_url: URL, student: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bentos.routers.match_predictions.predict_person", lambda *_, **__: None)
    with pytest.raises(ConflictError, match="being changed; ask again"):
        list_matches(engine, database_url, student)
