from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

import scoring.pair_store
import scoring.pairs
from access.audit import Deed
from features.catalogue import names_of
from features.table import pair_features
from records.reading import read_history
from scoring.pair_people import People, read_people
from scoring.pair_store import PairBlock, store_pairs
from scoring.pairs import Progress, predict_blocks, predict_pairs
from tests.scoring.conftest import NOW, Records, days_ago, serve

MODEL, RULE = serve("match"), serve("match", rule=True)
STYLES = ("structured", "flexible", "interactive", "traditional", "modern")


@pytest.fixture(autouse=True, params=["large blocks", "small blocks"])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large blocks wait for their turn and go straight in where nothing is stored; small ones do neither."""
    if request.param == "large blocks":
        monkeypatch.setattr(scoring.pair_store, "SMALL_PAIRS", 0)


@pytest.fixture
def people(records: Records) -> tuple[list[str], list[str]]:
    """Seven students and five tutors with sessions; a sixth tutor is not active."""
    rng = np.random.default_rng(2)
    students = [
        records.student(i, age=10 + i, preferred_pace=1 + i % 5, preferred_teaching_style=STYLES[i % 5])
        for i in range(7)
    ]
    tutors = [
        records.tutor(i, age=25 + 3 * i, preferred_pace=1 + i % 4, teaching_style=STYLES[i % 3], active=i < 5)
        for i in range(6)
    ]
    for tutor in tutors:
        for _ in range(6):
            records.session(tutor, days_ago(float(rng.uniform(1, 40))), str(rng.choice(["completed", "rescheduled"])))
    return students, tutors[:5]


def stored(records: Records) -> dict[tuple[str, str], Any]:
    rows = records.rows(
        "SELECT student_id::text, tutor_id::text, churn_probability, risk_level, compatibility_score, pace_mismatch,"
        " style_mismatch, communication_mismatch, age_difference, model_version, fallback, ai_explanation, updated_at"
        " FROM match_predictions"
    )
    return {(row[0], row[1]): row[2:] for row in rows}


def test_stores_every_pair(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    report = predict_pairs(engine, MODEL, NOW)

    history = read_history(engine)
    code = {key: i for i, key in enumerate(history.directory.students)} | {
        key: i for i, key in enumerate(history.directory.tutors)
    }
    rows = stored(records)
    assert set(rows) == set(itertools.product(*people))
    assert (report.computed, report.written, report.unchanged, report.fallback) == (35, 35, 0, False)
    for (student, tutor), row in rows.items():
        X = pair_features(
            history, np.array([code[student]]), np.array([code[tutor]]), np.array([int(NOW.timestamp() * 1e6)])
        )
        values = dict(zip(names_of("match"), X[0].tolist(), strict=True))
        probability = MODEL.predict(X)[0]
        assert row[0] == probability
        assert row[1] == ("low" if probability < 0.3 else "medium" if probability < 0.7 else "high")
        assert row[2:7] == tuple(values[name] for name in PairBlock.STORED_FEATURES)
        assert row[7:9] == ("v1", False)


def test_blocks_of_any_size_hold_the_same_pairs(engine: Engine, people: tuple[list[str], list[str]]) -> None:
    everyone = read_people(engine, NOW)
    whole = list(predict_blocks(everyone, MODEL, block_pairs=1000))
    assert len(whole) == 1

    for block_pairs in (1, 3, 5, 11, 34):
        blocks = list(predict_blocks(everyone, MODEL, block_pairs))
        assert max(len(block) for block in blocks) <= block_pairs
        assert pairs_of(blocks) == pairs_of(whole)


def pairs_of(blocks: list[PairBlock]) -> dict[tuple[bytes, bytes], tuple[float, ...]]:
    return {
        (student.tobytes(), tutor.tobytes()): (block.probability[i], *(column[i] for column in block.features.values()))
        for block in blocks
        for i, (student, tutor) in enumerate(itertools.product(block.students, block.tutors))
    }


def test_what_is_written_is_in_the_audit_log_or_not_written(
    engine: Engine, records: Records, people: tuple[list[str], list[str]]
) -> None:
    students, _ = people
    deed = Deed("ada", "refresh student", students[0])
    told = "SELECT actor, action, subject, details FROM audit_log ORDER BY id"
    predict_pairs(engine, MODEL, NOW, students=students[:1])
    assert records.rows(told) == []

    for _ in range(2):  # the second time there is nothing to write
        predict_pairs(engine, MODEL, NOW, students=students[:2], deed=deed)
        assert records.rows(told) == [("ada", "refresh student", students[0], {"created": 5, "changed": 0})]

    records.execute("ALTER TABLE audit_log RENAME TO lost")
    with pytest.raises(ProgrammingError, match="audit_log"):
        predict_pairs(engine, MODEL, NOW, deed=deed)
    assert records.rows("SELECT count(*) FROM match_predictions") == [(10,)]
    records.execute("ALTER TABLE lost RENAME TO audit_log")
    records.execute("UPDATE tutors SET is_active = false WHERE id = (SELECT min(id::text)::uuid FROM tutors)")
    predict_pairs(engine, MODEL, NOW, deed=deed)
    assert [details for *_, details in records.rows(told)[1:]] == [{"removed": 2}, {"created": 20, "changed": 0}]


def test_rewrites_only_what_differs(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    students, _ = people
    predict_pairs(engine, MODEL, NOW)
    records.execute("UPDATE match_predictions SET ai_explanation = 'they fit'")
    before = stored(records)

    assert predict_pairs(engine, MODEL, NOW + timedelta(seconds=1)).written == 0
    assert stored(records) == before

    records.execute(f"UPDATE student_profiles SET preferred_pace = 5 WHERE student_id = '{students[0]}'")
    report = predict_pairs(engine, MODEL, NOW)
    after = stored(records)
    assert (report.written, report.unchanged) == (5, 30)
    assert {key[0] for key in before if before[key] != after[key]} == {students[0]}
    assert {row[9] for key, row in after.items() if key[0] == students[0]} == {None}
    assert {row[9] for key, row in after.items() if key[0] != students[0]} == {"they fit"}


def test_new_people_and_only_those_named(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    students, tutors = people
    named = predict_pairs(engine, MODEL, NOW, students=[students[1], students[5]], tutors=[tutors[2], "nobody"])
    assert (named.computed, set(stored(records))) == (2, {(students[1], tutors[2]), (students[5], tutors[2])})

    rest = predict_pairs(engine, MODEL, NOW)
    assert (rest.computed, rest.written) == (35, 33)


def test_the_rule_answers_and_says_so(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    predict_pairs(engine, MODEL, NOW)

    report = predict_pairs(engine, RULE, NOW)

    assert (report.written, report.model_version, report.fallback) == (35, "rule", True)
    for row in stored(records).values():
        assert row[0] == pytest.approx(1 - row[2])
        assert row[7:9] == ("rule", True)


def test_pairs_of_those_who_left_are_removed(
    engine: Engine, records: Records, people: tuple[list[str], list[str]]
) -> None:
    students, tutors = people
    predict_pairs(engine, MODEL, NOW)
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutors[0]}'")
    records.execute(f"DELETE FROM students WHERE id = '{students[0]}'")

    report = predict_pairs(engine, MODEL, NOW)

    assert report.removed == 6
    assert set(stored(records)) == set(itertools.product(students[1:], tutors[1:]))


def test_people_who_leave_meanwhile(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    """A block computed before a student was deleted and a pair stored by someone else is stored for the rest."""
    students, tutors = people
    [block] = predict_blocks(read_people(engine, NOW), MODEL)
    predict_pairs(engine, RULE, NOW, students=students[:1], tutors=tutors[:1])
    records.execute(f"DELETE FROM students WHERE id = '{students[3]}'")
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutors[4]}'")

    assert store_pairs(engine, MODEL, block, NOW).written == 6 * 4
    assert {row[7] for row in stored(records).values()} == {"v1"}


def test_a_student_deleted_while_nothing_is_stored(
    engine: Engine, records: Records, people: tuple[list[str], list[str]]
) -> None:
    [block] = predict_blocks(read_people(engine, NOW), MODEL)
    records.execute(f"DELETE FROM students WHERE id = '{people[0][3]}'")

    assert store_pairs(engine, MODEL, block, NOW).written == 6 * 5


def test_a_block_that_fails_stops_the_job(
    engine: Engine, records: Records, people: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring.pairs, "predict_blocks", lambda everyone, model: broken_blocks(everyone))

    with pytest.raises(ValueError, match="broken"):
        predict_pairs(engine, MODEL, NOW)

    assert len(stored(records)) == 5


def broken_blocks(everyone: People) -> Iterator[PairBlock]:
    yield next(predict_blocks(everyone, MODEL, block_pairs=5))
    raise ValueError("broken")


def test_two_runs_at_once(engine: Engine, records: Records, people: tuple[list[str], list[str]]) -> None:
    with ThreadPoolExecutor(2) as runs:
        reports = list(runs.map(lambda model: predict_pairs(engine, model, NOW), [MODEL, RULE]))

    assert [r.written for r in reports] == [35, 35]
    assert len({row[7] for row in stored(records).values()}) == 1


def test_progress_and_nobody(engine: Engine, records: Records) -> None:
    said: list[Progress] = []
    assert predict_pairs(engine, MODEL, NOW, progress=said.append).computed == 0
    records.tutor(1)
    assert predict_pairs(engine, MODEL, NOW, progress=said.append).computed == 0
    records.student(1)
    predict_pairs(engine, MODEL, NOW, progress=said.append)
    assert said == [Progress(done=1, total=1, created=1)]
