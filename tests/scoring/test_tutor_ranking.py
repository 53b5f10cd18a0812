from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from scoring.pair_changes import judge_pair, read_pair
from scoring.pair_people import read_clock
from scoring.pair_refresh import predict_person
from scoring.pairs import predict_pairs
from scoring.tutor_ranking import rank_tutors
from tests.scoring.conftest import Records, serve, uid

RULE = serve("match", rule=True)
MODEL = serve("match")


@pytest.fixture
def student(records: Records) -> UUID:
    """A student of pace 2 with tutors of the paces 1 to 4, and one who is not active any more.

    By the rule churn is 0.3 · |Δ|/4 and what is missing of both, of all the same: 0.3 · 0.5 + 0.2 · 2.5/4 + 0.2 · 0.5.
    """
    for i in range(1, 5):
        records.tutor(i, preferred_pace=i)
    records.tutor(5, preferred_pace=2, active=False)
    return UUID(records.student(1, preferred_pace=2))


UNKNOWN = 0.3 * 0.5 + 0.2 * 2.5 / 4 + 0.2 * 0.5


def test_the_best_first(engine: Engine, student: UUID) -> None:
    ranking = rank_tutors(engine, RULE, student)

    assert ranking is not None
    listed, total = ranking.page(10)
    assert total == len(ranking) == 4
    paces = {uid("tutor", i): i for i in range(1, 5)}
    assert paces[listed[0].tutor_id] == 2
    assert {paces[one.tutor_id] for one in listed[1:3]} == {1, 3}
    assert paces[listed[3].tutor_id] == 4
    assert [one.churn_probability for one in listed] == pytest.approx([UNKNOWN + x for x in (0, 0.075, 0.075, 0.15)])
    assert [one.compatibility_score for one in listed] == pytest.approx([1 - one.churn_probability for one in listed])
    assert [one.risk_level for one in listed] == ["medium"] * 4
    assert [one.place for one in listed] == [0, 1, 2, 3]
    ties = [one.tutor_id.bytes for one in listed[1:3]]
    assert ties == sorted(ties)


def test_a_page_and_those_among_some(engine: Engine, student: UUID) -> None:
    ranking = rank_tutors(engine, RULE, student)

    assert ranking is not None
    assert [one.place for one in ranking.page(2, 1)[0]] == [1, 2]
    some = {uid("tutor", 2), uid("tutor", 4), uid("tutor", 5)}
    listed, total = ranking.page(10, among=some)
    assert ([one.tutor_id for one in listed], [one.place for one in listed], total) == (
        [uid("tutor", 2), uid("tutor", 4)],
        [0, 3],
        2,
    )
    found = ranking.find(uid("tutor", 4))
    assert found is not None
    assert found == listed[1]
    assert ranking.find(uid("tutor", 5)) is None


def test_what_is_stored_and_fresh_is_not_made_again(engine: Engine, records: Records, student: UUID) -> None:
    predict_pairs(engine, MODEL, read_clock(engine))
    records.execute(
        f"UPDATE match_predictions SET churn_probability = 0.01, risk_level = 'low' "
        f"WHERE tutor_id = '{uid('tutor', 4)}'"
    )
    records.execute(
        f"UPDATE match_predictions SET churn_probability = 0.02, risk_level = 'low' "
        f"WHERE tutor_id = '{uid('tutor', 3)}'"
    )
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{uid('tutor', 3)}'")

    ranking = rank_tutors(engine, MODEL, student)

    assert ranking is not None
    first = ranking.page(1)[0][0]
    assert (first.tutor_id, first.churn_probability, first.risk_level) == (uid("tutor", 4), 0.01, "low")
    own = rank_tutors(engine, MODEL, student, anew=uid("tutor", 4))
    assert own is not None
    pair, judged = read_pair(engine, student, uid("tutor", 4)), own.find(uid("tutor", 4))
    assert pair is not None
    assert judged is not None
    assert judged.churn_probability == pytest.approx(judge_pair(MODEL, pair).churn_probability)
    assert judged.churn_probability != 0.01
    renewed = ranking.find(uid("tutor", 3))
    assert renewed is not None
    assert renewed.churn_probability != 0.02
    predict_pairs(engine, MODEL, read_clock(engine))
    again = rank_tutors(engine, MODEL, student)
    assert again is not None
    same = again.find(uid("tutor", 3))
    assert same is not None
    assert same.churn_probability == pytest.approx(renewed.churn_probability)


def test_too_many_to_make_at_once_are_left_out_until_they_are_stored(engine: Engine, student: UUID) -> None:
    ranking = rank_tutors(engine, MODEL, student, most_computed=3)

    assert ranking is not None
    assert len(ranking) == 0
    assert set(ranking.left_out) == {str(uid("tutor", i)) for i in range(1, 5)}
    predict_person(engine, MODEL, "student", student, ranking.left_out)
    whole = rank_tutors(engine, MODEL, student, most_computed=0)
    assert whole is not None
    assert (len(whole), whole.left_out) == (4, ())
    computed = rank_tutors(engine, serve("match", rule=True), student)
    assert computed is not None
    assert np.all(np.diff(whole.churn) >= 0)


def test_nobody_to_rank(engine: Engine, records: Records) -> None:
    assert rank_tutors(engine, RULE, uid("student", 1)) is None
    alone = UUID(records.student(1))
    ranking = rank_tutors(engine, RULE, alone)
    assert ranking is not None
    assert (len(ranking), ranking.page(10)) == (0, ([], 0))


def test_a_tutor_of_a_moment_ago_is_ranked_as_all_others(engine: Engine, records: Records, student: UUID) -> None:
    predict_pairs(engine, MODEL, read_clock(engine))
    new = UUID(records.tutor(9, preferred_pace=2))
    records.session(str(new), read_clock(engine) - timedelta(days=1))
    ranking = rank_tutors(engine, MODEL, student)
    assert ranking is not None
    assert ranking.find(new) is not None
    assert len(ranking) == 5
