from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from features.catalogue import names_of
from features.table import pair_features
from modelling.risk import RiskThresholds
from modelling.store import promote, save_challenger
from records.reading import read_history
from scoring.explanations import explain_matches
from scoring.models import ServedModel
from scoring.pair_people import read_clock
from scoring.pair_predictions import (
    ANSWERED,
    READ_PAIRS,
    STORE_PAIRS,
    WHO_IS_MISSING,
    PairInputs,
    predict_known,
    read_inputs,
    read_stored,
)
from scoring.pair_store import PairBlock
from scoring.pairs import predict_pairs
from tests.scoring.answered import answered
from tests.scoring.conftest import Records, serve, uid

MODEL, RULE = serve("match"), serve("match", rule=True)
NOBODY = uid("nobody", 1)
TOLD = ("id", "created_at", "updated_at")


@pytest.fixture
def pair(records: Records) -> tuple[UUID, UUID]:
    """A student and a tutor, who moved two of five sessions, beside others who must not matter."""
    student = records.student(1, age=13, preferred_pace=2, preferred_teaching_style="modern", urgency_level=4)
    tutor = records.tutor(1, age=41, preferred_pace=5, teaching_style="flexible", experience_years=7)
    other = records.tutor(2, age=30)
    now = datetime.now(UTC)
    for days, status in ((1, "completed"), (2, "rescheduled"), (29, "rescheduled"), (20, "no_show"), (8, "completed")):
        records.session(tutor, now - timedelta(days=days), status)
        records.session(other, now - timedelta(days=days), "rescheduled")
    records.session(tutor, now - timedelta(days=31), "rescheduled")
    records.session(tutor, now - timedelta(days=3), "rescheduled", initiator="student")
    records.session(tutor, now - timedelta(days=3), "rescheduled", outcome_recorded_at=now + timedelta(days=1))
    return UUID(student), UUID(tutor)


def read(engine: Engine, pair: tuple[UUID, UUID], model: ServedModel = MODEL) -> dict[str, Any] | PairInputs | None:
    student, tutor = pair
    [told] = json.loads(answered(engine, READ_PAIRS, [student], [tutor], *model.terms.values()) or b"")
    if told is None:
        return None
    answer = told.encode()
    found: dict[str, Any] = json.loads(answer)
    return found if (inputs := read_inputs(answer)) is None else inputs


def make(engine: Engine, pair: tuple[UUID, UUID], model: ServedModel = MODEL) -> dict[str, Any]:
    inputs = read(engine, pair, model)
    assert isinstance(inputs, PairInputs)
    made: dict[str, Any] = store(engine, pair, inputs, model)
    return made


def store(engine: Engine, pair: tuple[UUID, UUID], inputs: PairInputs, model: ServedModel = MODEL) -> Any:
    stored = read_stored(answered(engine, STORE_PAIRS, predict_known(model, {pair: inputs}, {pair: "ada"})))
    return json.loads(stored[pair]) if pair in stored else None


def test_a_pair_is_made_stored_and_then_read(engine: Engine, records: Records, pair: tuple[UUID, UUID]) -> None:
    before = read_clock(engine)
    made = make(engine, pair)

    assert tuple(made) == ANSWERED
    assert (made["student_id"], made["tutor_id"]) == tuple(map(str, pair))
    assert (made["pace_mismatch"], made["style_mismatch"], made["age_difference"]) == (3, 1, 28)
    assert made["communication_mismatch"] == 2.5
    # 1 − (0.3 · 3/4 + 0.3 · 1 + 0.2 · 2.5/4 + 0.2 · 1)
    assert made["compatibility_score"] == pytest.approx(0.15)
    assert made["created_at"] == made["updated_at"]
    assert before <= datetime.fromisoformat(made["updated_at"]) <= read_clock(engine)
    assert made["ai_explanation"] is None

    assert read(engine, pair) == made
    assert records.rows("SELECT count(*) FROM match_predictions") == [(1,)]


def test_it_is_what_the_features_of_all_records_give(engine: Engine, pair: tuple[UUID, UUID]) -> None:
    made = make(engine, pair)

    history = read_history(engine)
    codes = [list(history.directory.students).index(str(pair[0])), list(history.directory.tutors).index(str(pair[1]))]
    as_of = int(datetime.fromisoformat(made["updated_at"]).timestamp() * 1e6)
    X = pair_features(history, np.array(codes[:1]), np.array(codes[1:]), np.array([as_of]))
    names = names_of("match")
    assert X[0, names.index("tutor_total_sessions_30d")] == 6
    assert X[0, names.index("tutor_reschedule_rate_30d")] == 2 / 6
    assert made["churn_probability"] == MODEL.predict(X)[0]
    assert {name: made[name] for name in PairBlock.STORED_FEATURES} == {
        name: X[0, names.index(name)] for name in PairBlock.STORED_FEATURES
    }
    [reasons] = explain_matches(MODEL, X)
    assert [(one["feature"], one["value"], one["effect"]) for one in made["contributions"]] == [
        (one.feature, one.value, one.effect) for one in reasons
    ]
    assert len(made["contributions"]) == 5


def test_it_is_what_a_run_over_all_pairs_gives(engine: Engine, records: Records, pair: tuple[UUID, UUID]) -> None:
    made = make(engine, pair)
    as_of = datetime.fromisoformat(made["updated_at"])
    assert predict_pairs(engine, MODEL, as_of + timedelta(milliseconds=1)).created == 1  # the other tutor
    assert read(engine, pair) == made


def test_a_pair_of_a_run_is_explained_when_it_is_first_read(
    engine: Engine, records: Records, pair: tuple[UUID, UUID]
) -> None:
    predict_pairs(engine, MODEL, read_clock(engine))
    records.execute("UPDATE match_predictions SET ai_explanation = 'they fit'")
    [(key, created)] = records.rows(f"SELECT id, created_at FROM match_predictions WHERE tutor_id = '{pair[1]}'")

    made = make(engine, pair)

    assert (made["id"], datetime.fromisoformat(made["created_at"])) == (str(key), created)
    assert made["ai_explanation"] == "they fit"
    assert len(made["contributions"]) == 5
    assert read(engine, pair) == made


@pytest.mark.parametrize("who", ["students", "tutors"])
def test_a_change_of_either_makes_it_stale(engine: Engine, records: Records, pair: tuple[UUID, UUID], who: str) -> None:
    first = make(engine, pair)
    records.execute("UPDATE match_predictions SET ai_explanation = 'they fit'")
    change(records, who, pair, 3)

    assert isinstance(read(engine, pair), PairInputs)
    second = make(engine, pair)

    assert second["pace_mismatch"] == {"students": 2, "tutors": 1}[who]
    assert second["updated_at"] > first["updated_at"]
    assert (second["id"], second["created_at"]) == (first["id"], first["created_at"])
    assert second["ai_explanation"] is None
    assert read(engine, pair) == second


def change(records: Records, who: str, pair: tuple[UUID, UUID], pace: int) -> None:
    person, key = who.removesuffix("s"), pair[who == "tutors"]
    records.execute(
        f"WITH changed AS (UPDATE {who} SET inputs_changed_at = clock_timestamp() WHERE id = '{key}' RETURNING *) "
        f"INSERT INTO {person}_profiles ({person}_id, valid_from, recorded_at, preferred_pace) "
        f"SELECT id, inputs_changed_at, inputs_changed_at, {pace} FROM changed"
    )


def test_another_model_makes_it_stale(engine: Engine, pair: tuple[UUID, UUID]) -> None:
    made = make(engine, pair)
    assert isinstance(read(engine, pair, RULE), PairInputs)

    by_rule = make(engine, pair, RULE)

    assert (by_rule["id"], by_rule["model_version"]) == (made["id"], "rule")
    assert by_rule["churn_probability"] == pytest.approx(1 - by_rule["compatibility_score"])
    assert sum(one["effect"] for one in by_rule["contributions"]) == pytest.approx(by_rule["churn_probability"])


def test_other_thresholds_make_it_stale_and_its_text_with_it(
    engine: Engine, records: Records, pair: tuple[UUID, UUID]
) -> None:
    made = make(engine, pair)
    records.execute("UPDATE match_predictions SET ai_explanation = 'There is such a risk.'")
    churn = made["churn_probability"]
    kept = read(engine, pair)
    assert isinstance(kept, dict)
    assert kept["ai_explanation"] == "There is such a risk."

    for level, low, high in (("medium", churn, churn * 1.1), ("high", churn / 2, churn), ("low", churn * 1.1, 0.99)):
        model = replace(MODEL, thresholds=RiskThresholds(low, high))
        anew = make(engine, pair, model)  # not there, as its level is another one by now
        assert (anew["churn_probability"], anew["risk_level"], anew["ai_explanation"]) == (churn, level, None)
        assert read(engine, pair, model) == anew


@pytest.mark.parametrize("who", ["students", "tutors"])
def test_what_was_changed_between_reading_and_storing_is_not_stored(
    engine: Engine, records: Records, pair: tuple[UUID, UUID], who: str
) -> None:
    """Also where the change had begun before the reading, and was committed after it."""
    with engine.begin() as connection:
        person = pair[who == "tutors"]
        connection.exec_driver_sql(f"UPDATE {who} SET inputs_changed_at = clock_timestamp() WHERE id = '{person}'")
        inputs = read(engine, pair)
    assert isinstance(inputs, PairInputs)

    assert store(engine, pair, inputs) is None
    assert records.rows("SELECT FROM match_predictions") == []
    assert make(engine, pair)["id"] is not None


def test_a_later_prediction_stays(engine: Engine, pair: tuple[UUID, UUID]) -> None:
    early = read(engine, pair)
    assert isinstance(early, PairInputs)
    late = make(engine, pair)

    assert store(engine, pair, early) is None
    assert read(engine, pair) == late


@pytest.mark.parametrize("who", ["students", "tutors"])
@pytest.mark.parametrize("stored_before", [False, True])
def test_while_someone_is_being_changed_a_prediction_is_answered_and_not_stored(
    engine: Engine, records: Records, pair: tuple[UUID, UUID], who: str, stored_before: bool
) -> None:
    """Stored, it would seem fresh when the change is committed: it was made after that."""
    if stored_before:
        make(engine, pair, RULE)
    before = records.rows("SELECT * FROM match_predictions")
    with engine.begin() as connection:
        person = pair[who == "tutors"]
        connection.exec_driver_sql(f"UPDATE {who} SET inputs_changed_at = clock_timestamp() WHERE id = '{person}'")
        made = make(engine, pair)
    assert tuple(made) == ANSWERED
    assert (made["student_id"], made["tutor_id"], made["model_version"]) == (str(pair[0]), str(pair[1]), "v1")
    assert len(made["contributions"]) == 5
    assert records.rows("SELECT * FROM match_predictions") == before
    if stored_before:
        assert made["id"] == str(before[0].id)

    stored = make(engine, pair)
    assert {k: v for k, v in stored.items() if k not in TOLD} == {k: v for k, v in made.items() if k not in TOLD}
    assert read(engine, pair) == stored


def test_a_model_that_was_replaced_answers_and_stores_nothing(
    engine: Engine, records: Records, pair: tuple[UUID, UUID]
) -> None:
    for seed, before in ((1, None), (2, "v1")):
        version = save_challenger(engine, make_artifact("match", seed=seed)).version
        promote(engine, "match", version, expected_champion=before, reason="a test", actor="test")
    refused = replace(RULE, refusal="v2 is damaged")
    for old in (MODEL, RULE):
        assert make(engine, pair, old)["model_version"] == old.version
        assert records.rows("SELECT FROM match_predictions") == []

    assert make(engine, pair, refused)["model_version"] == "rule"  # it answers in the place of the champion
    assert records.rows("SELECT model_version FROM match_predictions") == [("rule",)]


def test_nobody_is_named(engine: Engine, records: Records, pair: tuple[UUID, UUID]) -> None:
    student, tutor = pair
    cases = {(NOBODY, tutor): b"student", (student, NOBODY): b"tutor", (NOBODY, NOBODY): b"student"}
    for asked, missing in cases.items():
        assert read(engine, asked) is None
        assert answered(engine, WHO_IS_MISSING, *asked) == missing

    make(engine, pair)
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutor}'")
    assert read(engine, pair) is None
    assert answered(engine, WHO_IS_MISSING, *pair) == b"active tutor"


def test_people_of_whom_nothing_is_known(engine: Engine, records: Records) -> None:
    student, tutor = UUID(records.student(5)), UUID(records.tutor(5))
    records.execute("DELETE FROM student_profiles")
    records.execute("DELETE FROM tutor_profiles")
    made = make(engine, (student, tutor))
    assert (made["pace_mismatch"], made["style_mismatch"], made["age_difference"]) == (2.5, 0.5, 10)


def test_several_pairs_at_once_are_what_each_is_alone(
    engine: Engine, records: Records, pair: tuple[UUID, UUID]
) -> None:
    """Of four that are asked for together, one is changed meanwhile; two have the same student."""
    student, tutor = pair
    second, third = UUID(records.student(8, age=60, preferred_pace=1)), UUID(records.tutor(8, preferred_pace=4))
    changed = UUID(records.student(9))
    asked = [(student, tutor), (student, third), (second, third), (changed, tutor)]
    inputs = {}
    for one in asked:
        found = read(engine, one)
        assert isinstance(found, PairInputs)
        inputs[one] = found
    records.execute(f"UPDATE students SET inputs_changed_at = clock_timestamp() WHERE id = '{changed}'")

    stored = read_stored(answered(engine, STORE_PAIRS, predict_known(MODEL, inputs, dict.fromkeys(inputs, "ada"))))

    assert set(stored) == set(asked[:3])
    records.execute("DELETE FROM match_predictions")
    for one, made in stored.items():
        alone = store(engine, one, inputs[one])
        assert {k: v for k, v in json.loads(made).items() if k != "id"} == {k: v for k, v in alone.items() if k != "id"}
