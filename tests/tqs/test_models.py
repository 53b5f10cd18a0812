"""`tqs models` as a script calls it: promotions by hand while MLflow is away, cards, challengers in shadow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Engine, text

from benchmarks._model import make_artifact
from modelling.decisions import list_decisions
from modelling.store import champion_versions, promote, roll_back, save_challenger
from tests.conftest import connect_as_owner
from tests.tqs.conftest import Call

TARGET = "reschedule"


@pytest.fixture
def two(engine: Engine) -> None:
    """v1 serves; v2 is its challenger."""
    for seed in (3, 4):
        save_challenger(engine, make_artifact(TARGET, seed=seed))
    promote(engine, TARGET, "v1", expected_champion=None, reason="a test", actor="test")


@pytest.fixture
def no_mlflow(database_url: URL) -> Iterator[None]:
    """MLflow's database takes no connection."""
    name = f"{database_url.database}_mlflow"
    with connect_as_owner(database_url) as run:
        run(f'CREATE DATABASE "{name}" ALLOW_CONNECTIONS false')
        yield
        run(f'DROP DATABASE "{name}"')


@pytest.mark.usefixtures("two", "no_mlflow")
def test_a_promotion_stands_while_mlflow_is_away(tqs: Call, engine: Engine) -> None:
    code, out, err = tqs("models", "promote", TARGET, "v2", "--reason", "looks right")
    assert (code, out) == (0, "reschedule v2 serves now (before: v1)\n")
    assert err.startswith("it serves, and MLflow does not show it yet: the lab book (MLflow) cannot be used (")
    assert err.count("\n") == 1
    assert champion_versions(engine) == {TARGET: "v2"}
    decision = list_decisions(engine, TARGET)[0]
    assert (decision.decision, decision.reason) == ("promoted", "looks right")
    assert decision.actor.startswith("account ")

    code, out, _ = tqs("models", "rollback", TARGET)
    assert (code, out) == (0, "reschedule v1 serves again (before: v2)\n")
    assert champion_versions(engine) == {TARGET: "v1"}


@pytest.mark.usefixtures("two")
def test_a_model_that_cannot_be_loaded_is_not_promoted(tqs: Call, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE models SET booster = '\\x00' WHERE version = 'v2'"))
    code, out, err = tqs("models", "promote", TARGET, "v2")
    assert (code, out) == (1, "")
    assert "model v2 is damaged" in err
    assert champion_versions(engine) == {TARGET: "v1"}


@pytest.mark.usefixtures("two")
def test_the_card_of_the_champion_or_of_a_version(tqs: Call) -> None:
    assert tqs("models", "card", TARGET)[1].startswith("# Model card: reschedule v1\n")
    assert tqs("models", "card", TARGET, "v2")[1].startswith("# Model card: reschedule v2\n")
    code, out, err = tqs("models", "card", "match")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no model of match serves yet, so there is no card" in err
    assert tqs("models", "card", "churn")[0] == 2


@pytest.mark.usefixtures("two")
def test_a_run_in_shadow_from_its_start_to_its_end(tqs: Call, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelling.shadow.check_artifact", lambda artifact: None)  # which has its own tests
    code, out, err = tqs("models", "shadow", TARGET, "v2", "--days", "7")
    assert (code, err) == (0, "")
    assert out.startswith("reschedule v2 runs in shadow, until 20")
    code, out, _ = tqs("models", "shadow", TARGET)
    assert code == 0
    assert "0 predicted, 0 of them not over yet, 0 over and untold" in out
    assert "too early to say: outcomes are in of 0 predictions" in out
    told = json.loads(tqs("models", "shadow", TARGET, "--json")[1])
    assert (told["version"], told["running"], told["compared"]) == ("v2", True, None)
    assert champion_versions(engine) == {TARGET: "v1"}

    with engine.begin() as connection:
        connection.execute(text(_A_PREDICTION))
    code, out, _ = tqs("models", "shadow", TARGET, "--stop")
    assert code == 0
    assert out.startswith("reschedule v2 ended its run in shadow")
    assert "beside v1" in out
    assert "challenger  0.2231" in out  # -ln 0.8
    assert "on 1 outcomes of 1 tutors, 1 of them positive" in out


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["v1"], 1, "v1 is the champion of reschedule"),
        (["v9"], 1, "there is no model 'v9' of reschedule"),
        (["v2", "--days", "0"], 2, "Invalid value for '--days'"),
        (["v2", "--stop"], 2, "name no version"),
        (["--stop"], 1, "no model of reschedule runs in shadow"),
        ([], 1, "no model of reschedule ran in shadow yet"),
    ],
)
def test_what_cannot_run_in_shadow_is_one_sentence(tqs: Call, words: list[str], code: int, sentence: str) -> None:
    found, out, err = tqs("models", "shadow", TARGET, *words)
    assert (found, out) == (code, "")
    assert sentence in err


_A_PREDICTION = """
    WITH tutor AS (INSERT INTO tutors (name, source) VALUES ('Ada', 'api') RETURNING id), session AS (
        INSERT INTO sessions (tutor_id, student_id, scheduled_time, status, source)
        SELECT id, 'x', '2026-03-11', 'rescheduled', 'api' FROM tutor RETURNING id
    ) INSERT INTO shadow_predictions SELECT 'reschedule', 'v2', id, 0.8, 'v1', 0.5, '2026-03-10' FROM session
"""


@pytest.mark.usefixtures("two")
def test_show_tells_of_every_decision_with_its_time_and_the_gates_warnings(tqs: Call, engine: Engine) -> None:
    compared = {"test_part": {"warnings": ["69% of the gain comes from one concept (tutor)"]}}
    promote(engine, TARGET, "v2", expected_champion="v1", reason="Better.", actor="gate", metrics=compared)
    roll_back(engine, TARGET, reason="Worse.", actor="account ann")
    told = [line for line in tqs("models", "show", TARGET)[1].splitlines() if " by " in line or "warning" in line]
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC ", "@ ", line) for line in told] == [
        "@ reschedule v1 rolled_back by account ann: Worse.",
        "@ reschedule v2 promoted by gate: Better.",
        "  warning: 69% of the gain comes from one concept (tutor)",
        "@ reschedule v1 promoted by test: a test",
    ]
    only = tqs("models", "show", TARGET, "v2")[1]
    assert "v2 promoted by gate" in only
    assert "rolled_back" not in only
