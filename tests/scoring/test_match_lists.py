from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.match_lists import SCORES, STUDENT, TUTOR, Order, SortBy, Who, list_matches, read_stale
from scoring.models import ServedModel
from scoring.pair_people import read_clock
from scoring.pair_predictions import ANSWERED
from scoring.pair_refresh import predict_person, refresh_stored
from scoring.pairs import predict_pairs
from scoring.tutors import score_tutors
from tests.scoring.answered import answered
from tests.scoring.conftest import Records, serve, uid

MODEL, RULE = serve("match"), serve("match", rule=True)
PEOPLE = {"student": [uid("student", i) for i in range(4)], "tutor": [uid("tutor", i) for i in range(5)]}
RISKS = ("low", "medium", "high")
SORTS: list[tuple[SortBy, Order]] = list(itertools.product(get_args(SortBy), get_args(Order)))


@pytest.fixture
def pairs(engine: Engine, records: Records) -> None:
    """Four students with four active tutors (the fifth is not), all predicted; values that tie are set by hand."""
    for i in range(4):
        records.student(i, age=10 + i, preferred_pace=1 + i)
    for i in range(5):
        tutor = records.tutor(i, age=30, preferred_pace=2, active=i < 4)
        records.session(tutor, read_clock(engine) - timedelta(days=2), "rescheduled" if i else "completed")
    score_tutors(engine, read_clock(engine), tutors=[str(one) for one in PEOPLE["tutor"][:2]])
    predict_pairs(engine, MODEL, read_clock(engine))
    records.execute("ALTER TABLE match_predictions ADD COLUMN nth serial")
    records.execute(
        "UPDATE match_predictions SET risk_level = (ARRAY['high', 'low', 'medium'])[1 + mod(nth, 3)], "
        "churn_probability = (ARRAY[0.8, 0.1, 0.5])[1 + mod(nth, 3)] + mod(nth, 2) / 20.0, "
        "compatibility_score = mod(nth, 2) / 2.0"
    )


def ask(
    engine: Engine,
    who: Who,
    key: UUID,
    sort: tuple[SortBy, Order | None] = ("compatibility_score", None),
    *,
    limit: int = 100,
    offset: int = 0,
    only_fresh: bool = True,
    model: ServedModel = MODEL,
) -> dict[str, Any] | list[str] | None:
    answer = answered(engine, list_matches(who, *sort), key, *model.terms.values(), limit, offset, only_fresh)
    if answer is None:
        return None
    found: dict[str, Any] = json.loads(answer)
    return found if (stale := read_stale(answer)) is None else stale


def page(*args: Any, **options: Any) -> dict[str, Any]:
    found = ask(*args, **options)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("who", get_args(Who))
def test_all_sorts_and_pages(
    engine: Engine, records: Records, pairs: None, who: Who, sort: tuple[SortBy, Order]
) -> None:
    me = PEOPLE[who][1]
    rows = records.rows(
        f"SELECT id::text, risk_level, churn_probability, compatibility_score FROM match_predictions "
        f"WHERE {who}_id = '{me}'"
    )
    keys = {"risk_level": lambda r: RISKS.index(r[1]), "churn_probability": lambda r: r[2]}
    key, sign = keys.get(sort[0], lambda r: r[3]), 1 if sort[1] == "asc" else -1
    expected = sorted(rows, key=lambda r: (sign * key(r), r[0]))

    for limit, offset in ((100, 0), (3, 0), (3, 3), (1, 2), (5, 50)):
        found = page(engine, who, me, sort, limit=limit, offset=offset)
        assert [one["id"] for one in found["matches"]] == [r[0] for r in expected[offset : offset + limit]]
        assert (found["total"], found["limit"], found["offset"]) == (4, limit, offset)


@pytest.mark.parametrize(
    ("sort_by", "best"), [("compatibility_score", 0.5), ("churn_probability", 0.1), ("risk_level", "low")]
)
def test_the_best_come_first_by_default(engine: Engine, pairs: None, sort_by: SortBy, best: object) -> None:
    found = page(engine, "student", PEOPLE["student"][0], (sort_by, None))
    assert found["matches"][0][sort_by] == best


@pytest.mark.parametrize("who", get_args(Who))
def test_a_match_tells_all_of_both(engine: Engine, records: Records, pairs: None, who: Who) -> None:
    found = page(engine, who, PEOPLE[who][1])
    matches = {(one["student_id"], one["tutor_id"]): one for one in found["matches"]}
    one = matches[str(PEOPLE["student"][1]), str(PEOPLE["tutor"][1])]

    assert tuple(one) == (*ANSWERED, "student", "tutor")
    assert (one["contributions"], one["ai_explanation"], one["model_version"]) == (None, None, "v1")
    assert tuple(one["student"]) == STUDENT
    assert (one["student"]["name"], one["student"]["age"], one["student"]["preferred_pace"]) == ("student 1", 11, 2)
    assert tuple(one["tutor"]) == (*TUTOR, "scores")
    assert (one["tutor"]["name"], one["tutor"]["age"]) == ("tutor 1", 30)
    assert tuple(one["tutor"]["scores"]) == SCORES
    assert one["tutor"]["scores"]["reschedule_rate_30d"] == 100
    assert one["tutor"]["scores"]["is_high_risk"] is True
    for (student, tutor), other in matches.items():
        assert (other["student"]["id"], other["tutor"]["id"]) == (student, tutor)
        scored = UUID(tutor) in PEOPLE["tutor"][:2]
        assert (other["tutor"]["scores"] is not None) == scored


def test_who_is_missing_or_stale_is_named(engine: Engine, records: Records, pairs: None) -> None:
    student, tutors = PEOPLE["student"][0], PEOPLE["tutor"]
    records.execute(f"DELETE FROM match_predictions WHERE student_id = '{student}' AND tutor_id = '{tutors[2]}'")
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[3]}'")

    stale = ask(engine, "student", student)
    assert sorted(stale or []) == sorted(map(str, tutors[2:4]))
    assert ask(engine, "student", student, only_fresh=False) == [str(tutors[2])]
    assert page(engine, "tutor", tutors[3], only_fresh=False)["total"] == 4
    assert sorted(ask(engine, "tutor", tutors[3]) or []) == sorted(map(str, PEOPLE["student"]))
    assert ask(engine, "tutor", tutors[2]) == [str(student)]
    assert page(engine, "tutor", tutors[0])["total"] == 4
    assert sorted(ask(engine, "student", student, model=RULE) or []) == sorted(map(str, tutors[:4]))

    assert isinstance(stale, list)
    report = predict_person(engine, MODEL, "student", student, stale)
    assert (report.computed, report.created, report.written) == (2, 1, 2)
    assert page(engine, "student", student)["total"] == 4


def test_a_refresh_makes_anew_what_is_stored_and_stale(engine: Engine, records: Records, pairs: None) -> None:
    student, tutors = PEOPLE["student"][0], PEOPLE["tutor"]
    records.execute(f"DELETE FROM match_predictions WHERE tutor_id = '{tutors[2]}' AND student_id <> '{student}'")
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[2]}'")

    assert refresh_stored(engine, MODEL, "tutor", tutors[2], actor="ada") == 1
    assert page(engine, "student", student)["total"] == 4
    assert records.rows(f"SELECT count(*) FROM match_predictions WHERE tutor_id = '{tutors[2]}'") == [(1,)]


def test_a_refresh_makes_anew_what_may_have_been_made_before_a_change_was_committed(
    engine: Engine, records: Records, pairs: None
) -> None:
    tutor = PEOPLE["tutor"][2]
    columns = "SELECT updated_at FROM match_predictions WHERE tutor_id"
    records.execute("UPDATE students SET inputs_changed_at = 'epoch'")
    for seconds, renewed in ((0.5, 4), (60, 0)):
        records.execute(
            "UPDATE tutors SET inputs_changed_at = (SELECT min(updated_at) FROM match_predictions) "
            f"- {seconds} * interval '1 second' WHERE id = '{tutor}'"
        )
        before = records.rows(f"{columns} = '{tutor}' ORDER BY 1")
        assert refresh_stored(engine, MODEL, "tutor", tutor, actor="ada") == renewed
        assert (records.rows(f"{columns} = '{tutor}' ORDER BY 1") == before) == (renewed == 0)


def test_a_tutor_who_left_has_no_matches_and_nobody_none_at_all(engine: Engine, records: Records, pairs: None) -> None:
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{PEOPLE['tutor'][0]}'")

    assert page(engine, "tutor", PEOPLE["tutor"][0]) == {"matches": [], "total": 0, "limit": 100, "offset": 0}
    found = page(engine, "student", PEOPLE["student"][0])
    assert found["total"] == 3
    assert str(PEOPLE["tutor"][0]) not in {one["tutor_id"] for one in found["matches"]}
    for who in get_args(Who):
        assert ask(engine, who, uid("nobody", 1)) is None
