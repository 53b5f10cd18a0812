from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, insert, text

from bentos.routers.tutors import TutorList
from records.engine import create_app_engine
from records.tables import tutor_scores, tutors
from scoring.tutor_page import RISK_STATUSES, SORT_ORDERS, SORTS, TutorQuery, answer_tutors
from tests.answers import fetch_answer
from tests.conftest import temporary_database
from tests.scoring.test_tutor_list import SCORED, add_tutor, score

Row = dict[str, Any]


def ask(engine: Engine, **asked: Any) -> TutorList:
    sql, parameters = answer_tutors(TutorQuery(**asked))
    return TutorList.model_validate_json(fetch_answer(engine, sql, *parameters) or b"", strict=True)


@pytest.fixture(scope="module")
def world(template_url: URL) -> Iterator[Engine]:
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        yield engine
        engine.dispose()


@st.composite
def people(draw: st.DrawFn) -> list[Row]:
    """Tutors with few distinct rates, counts and names, so that there are ties, and with and without scores."""
    rates = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.sampled_from([0, 4, 20])))
    one = st.fixed_dictionaries(
        {"name": st.sampled_from(["Ada", "ada", "Bob", "Émile", "Zoë", "a_b%"]), "active": st.booleans(), "of": rates}
    )
    return [{**row, "id": uuid.UUID(int=number)} for number, row in enumerate(draw(st.lists(one, max_size=25)))]


def store(engine: Engine, rows: list[Row]) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
        for row in rows:
            connection.execute(
                insert(tutors).values(id=row["id"], name=row["name"], is_active=row["active"], source="api")
            )
            if row["of"] is not None:
                part, whole = row["of"]
                scores = score((min(part, whole), whole), (0, 0))
                connection.execute(insert(tutor_scores).values(tutor_id=row["id"], **scores))


def rate(row: Row) -> float | None:
    part, whole = row["of"] or (0, 0)
    return 100 * part / whole if whole else None


KEYS: dict[str, Callable[[Row], Any]] = {
    "reschedule_rate_30d": rate,
    "total_sessions_30d": lambda row: None if row["of"] is None else row["of"][1],
    "name": lambda row: [ord(letter) for letter in row["name"]],
}


def expect(rows: list[Row], asked: TutorQuery) -> list[uuid.UUID]:
    """Worked out without SQL."""
    high = {row["id"] for row in rows if (rate(row) or 0) > 15}
    kept = [
        row
        for row in rows
        if row["active"]
        and (asked.risk_status == "all" or (row["id"] in high) == (asked.risk_status == "high_risk"))
        and asked.search.lower() in row["name"].lower()
    ]
    key = KEYS[asked.sort_by]
    known = sorted((row for row in kept if key(row) is not None), key=lambda row: row["id"])
    known.sort(key=key, reverse=asked.sort_order == "desc")
    return [row["id"] for row in known] + sorted(row["id"] for row in kept if key(row) is None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=people(),
    limit=st.integers(1, 9),
    asked=st.builds(
        TutorQuery,
        risk_status=st.sampled_from(RISK_STATUSES),
        sort_by=st.sampled_from(SORTS),
        sort_order=st.sampled_from(SORT_ORDERS),
        search=st.sampled_from(["", "a", "É", "%", "_b"]),
    ),
)
def test_pages_join_to_the_whole_in_order(world: Engine, rows: list[Row], limit: int, asked: TutorQuery) -> None:
    store(world, rows)
    wanted = expect(rows, asked)
    found: list[uuid.UUID] = []
    for offset in range(0, len(wanted) + limit, limit):
        page = ask(
            world,
            risk_status=asked.risk_status,
            sort_by=asked.sort_by,
            sort_order=asked.sort_order,
            search=asked.search,
            limit=limit,
            offset=offset,
        )
        assert (page.total, page.limit, page.offset) == (len(wanted), limit, offset)
        assert len(page.tutors) <= limit
        found += [tutor.id for tutor in page.tutors]
    assert found == wanted


def test_each_order_and_filter_of_a_small_world(world: Engine) -> None:
    """What the drawn examples may miss: every combination, on tutors of each kind."""
    rows = [
        {"id": uuid.UUID(int=number), "name": name, "active": active, "of": of}
        for number, (name, active, of) in enumerate(
            [
                ("Bob", True, (3, 4)),
                ("Ada", True, None),
                ("ada", True, (0, 20)),
                ("Bob", True, (0, 0)),
                ("Eve", False, (4, 4)),
                ("Zoë", True, (3, 4)),
                ("Ada", False, None),
                ("Émile", True, (1, 20)),
            ]
        )
    ]
    store(world, rows)
    for risk_status in RISK_STATUSES:
        for sort_by in SORTS:
            for sort_order in SORT_ORDERS:
                for search in ("", "A", "b"):
                    asked = TutorQuery(risk_status, sort_by, sort_order, search)
                    page = ask(world, risk_status=risk_status, sort_by=sort_by, sort_order=sort_order, search=search)
                    assert [tutor.id for tutor in page.tutors] == expect(rows, asked), asked
                    assert page.total == len(page.tutors)


def test_a_line_by_hand(engine: Engine) -> None:
    add_tutor(engine, 4, "ada", email="ada@example.org", scored=(4, 10), of_90=(5, 20))
    add_tutor(engine, 5, "bob")

    ada, bob = ask(engine).tutors

    assert ada.model_dump() == {
        "id": uuid.UUID(int=4),
        "name": "ada",
        "reschedule_rate_30d": 40.0,
        "reschedule_rate_90d": 25.0,
        "is_high_risk": True,
        "total_sessions_30d": 10,
        "tutor_reschedules_30d": 4,
        "last_calculated_at": SCORED,
    }
    assert bob.model_dump(exclude={"id", "name"}) == {
        "reschedule_rate_30d": None,
        "reschedule_rate_90d": None,
        "is_high_risk": False,
        "total_sessions_30d": None,
        "tutor_reschedules_30d": None,
        "last_calculated_at": None,
    }


def test_nobody_is_an_empty_list(engine: Engine) -> None:
    assert ask(engine).model_dump() == {"tutors": [], "total": 0, "limit": 100, "offset": 0}


@pytest.mark.parametrize("sort_by", SORTS)
def test_an_offset_beyond_the_end_is_an_empty_page(engine: Engine, sort_by: str) -> None:
    add_tutor(engine, 1, "Ada")

    assert ask(engine, sort_by=sort_by, offset=2**31 - 1).model_dump() == {
        "tutors": [],
        "total": 1,
        "limit": 100,
        "offset": 2**31 - 1,
    }


@pytest.mark.parametrize(
    ("sort_by", "index"),
    [
        ("reschedule_rate_30d", "ix_tutor_scores_reschedule_rate_30d"),
        ("total_sessions_30d", "ix_tutor_scores_total_sessions_30d"),
        ("name", "ix_tutors_active_name_id"),
    ],
)
@pytest.mark.parametrize("sort_order", SORT_ORDERS)
def test_a_page_walks_an_index(many: Engine, sort_by: str, sort_order: str, index: str) -> None:
    sql, _ = answer_tutors(TutorQuery(sort_by=sort_by, sort_order=sort_order))
    with many.begin() as connection:
        connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))  # as for the service, in the end
        connection.exec_driver_sql(f"PREPARE page AS {sql}")
        plan = "\n".join(connection.exec_driver_sql("EXPLAIN EXECUTE page (100, 2800)").scalars().all())
        connection.exec_driver_sql("DEALLOCATE page")

    assert f"using {index}" in plan, plan


@pytest.fixture(scope="module")
def many(template_url: URL) -> Iterator[Engine]:
    """3,000 tutors with scores, one in 50 of them removed."""
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        names = "reschedule_rate_{0}d, total_sessions_{0}d, tutor_reschedules_{0}d"
        columns = ", ".join(names.format(days) for days in (7, 30, 90))
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO tutors (name, source, is_active)"
                    " SELECT 'n' || i, 'api', i % 50 > 0 FROM generate_series(1, 3000) i"
                )
            )
            connection.execute(
                text(
                    f"INSERT INTO tutor_scores (tutor_id, {columns}, no_shows_90d, is_high_risk, risk_threshold,"
                    " last_calculated_at)"
                    " SELECT id, 1, 9, 1, 100 * random(), 99 * random(), 1, 1, 9, 1, 0, false, 15, now() FROM tutors"
                )
            )
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE tutors, tutor_scores"))
        yield engine
        engine.dispose()
