"""Who is taught is looked up by the key of the students: to compare their ids as texts reads all of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from scoring import attention, match_people, tutor_ahead
from tests.scoring.conftest import days_ago, uid

ASKED = {
    "high": 0.35,
    "most": 5,
    "id": uid("session", 1),
    "tutor": uid("tutor", 1),
    "now": days_ago(0),
    "days": 7,
    "limit": 5,
}


@pytest.mark.parametrize("query", [attention._LIKELIEST, match_people._LESSON, tutor_ahead._AHEAD])
def test_the_students_are_found_by_their_key(emptied_engine: Engine, query: Any) -> None:
    explained = text(f"EXPLAIN {query.text}")
    asked = {name: value for name, value in ASKED.items() if name in explained._bindparams}
    with emptied_engine.connect() as connection:
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = "\n".join(connection.execute(explained, asked).scalars())

    assert "Index Cond: (id = CASE WHEN" in plan, plan
