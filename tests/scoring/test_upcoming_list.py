"""The list of the sessions ahead against the same list made in plain Python from the rows that were written."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, Engine, insert

from bentos.answers import Answers
from records.engine import create_app_engine
from records.tables import (
    email_reports,
    interventions,
    session_reschedule_predictions,
    sessions,
    students,
    tutors,
)
from scoring.session_list import find_next, find_place
from scoring.upcoming_list import SORT_ORDERS, SORTS, UpcomingQuery, answer_upcoming
from tests.conftest import temporary_database
from tqs.errors import QueryError

TUTORS = {uuid.UUID(int=1): "Zoe", uuid.UUID(int=2): "adam", uuid.UUID(int=3): "Ärne", uuid.UUID(int=4): "Zoe"}
STUDENTS = {uuid.UUID(int=11): "Bo", uuid.UUID(int=12): "bo", uuid.UUID(int=13): "Bo"}
VISITORS = ("visitor", "Visitor", "11", f"{{{uuid.UUID(int=11)}}}", uuid.UUID(int=12).hex)
THRESHOLDS = (0.15, 0.35)
DONE = ("nothing", "call", "note", "reminder", "failed reminder")  # of which only some handle a session
LEVELS = {0.05: "low", 0.1: "low", 0.2: "medium", 0.9: "high", None: None}


@dataclass(frozen=True)
class Row:
    """A session; predicted_for: how far off the time that its prediction was made for is, None without one."""

    id: uuid.UUID
    tutor: uuid.UUID
    student: str
    hours: float
    status: str = "scheduled"
    probability: float | None = None
    moved: bool = False
    done: str = "nothing"

    @property
    def shown(self) -> float | None:
        return None if self.moved else self.probability


def make_rows() -> list[Row]:
    """Sessions from 10 days ago to 95 days ahead at half hours, many at once, of all kinds."""
    rows = []
    people = itertools.product(TUTORS, [*map(str, STUDENTS), *VISITORS])
    hours = [-240.5, -0.5, 0.5, 5.5, 5.5, 23.5, 24.5, 167.5, 168.5, 500.5, 2159.5, 2160.5]
    kinds = [
        ("scheduled", 0.9, False),
        ("scheduled", None, False),
        ("scheduled", 0.1, False),
        ("rescheduled", 0.9, False),
        ("scheduled", 0.2, True),
        ("scheduled", 0.05, False),
        ("scheduled", 0.1, False),
    ]
    for number, (tutor, student) in enumerate(itertools.islice(itertools.cycle(people), 168)):
        status, probability, moved = kinds[number % len(kinds)]
        key = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
        done = DONE[number % len(DONE)]
        rows.append(Row(key, tutor, student, hours[number % len(hours)], status, probability, moved, done))
    return rows


ROWS = make_rows()


@dataclass
class Listed:
    answers: Answers
    loop: asyncio.AbstractEventLoop
    now: datetime
    engine: Engine

    def ask(self, query: UpcomingQuery) -> dict[str, Any]:
        sql, parameters = answer_upcoming(query, THRESHOLDS)
        answer = asyncio.run_coroutine_threadsafe(self.answers.fetch(sql, *parameters), self.loop).result(30)
        assert answer is not None
        document: dict[str, Any] = json.loads(answer)
        return document


@pytest.fixture(scope="module")
def listed(template_url: URL) -> Iterator[Listed]:
    now = datetime.now(UTC)
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        write_rows(engine, now)
        with running_loop() as loop:
            answers = Answers(url)
            asyncio.run_coroutine_threadsafe(answers.start(), loop).result(30)
            yield Listed(answers, loop, now, engine)
            asyncio.run_coroutine_threadsafe(answers.stop(), loop).result(30)
        engine.dispose()


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: connecting anew for each question would take most of the time."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def write_rows(engine: Engine, now: datetime) -> None:
    with engine.begin() as connection:
        for table, people in ((tutors, TUTORS), (students, STUDENTS)):
            rows = [{"id": key, "name": name, "source": "api"} for key, name in people.items()]
            connection.execute(insert(table), rows)
        for row in ROWS:
            start = now + timedelta(hours=row.hours)
            values = {"id": row.id, "tutor_id": row.tutor, "student_id": row.student, "scheduled_time": start}
            connection.execute(insert(sessions).values(**values, status=row.status, source="api"))
            if row.done != "nothing":
                write_deed(connection, row, now)
            if row.probability is None:
                continue
            for target in ("reschedule", "no_show"):
                connection.execute(
                    insert(session_reschedule_predictions).values(
                        session_id=row.id,
                        scheduled_time=start - timedelta(hours=1) if row.moved else start,
                        target=target,
                        probability=row.probability if target == "reschedule" else 0.5,
                        risk_level="medium",  # by thresholds of another time
                        model_version="v4",
                        fallback=False,
                        predicted_at=now - timedelta(hours=1),
                        features_json={},
                    )
                )


def write_deed(connection: Connection, row: Row, now: datetime) -> None:
    kind = row.done.removeprefix("failed ")
    values = {"session_id": row.id, "tutor_id": row.tutor, "kind": kind, "actor": "person ada", "created_at": now}
    deed = connection.execute(insert(interventions).values(**values).returning(interventions.c.id)).scalar_one()
    if kind == "reminder":
        mail = {"kind": "reminder", "session_id": row.id, "intervention_id": deed, "subject": "", "recipient": "a@b.c"}
        state = "sent" if row.done == kind else "failed"
        connection.execute(insert(email_reports).values(**mail, state=state, message_id=str(deed)))


def expected(query: UpcomingQuery) -> list[Row]:
    """All that match, in order: a plain stable sort, by id first."""
    found = [
        row
        for row in ROWS
        if row.status == "scheduled"
        and 0 < row.hours <= 24 * query.days_ahead
        and query.risk_level in (None, LEVELS[row.shown])
        and query.tutor_id in (None, row.tutor)
        and query.tutor_search.lower() in TUTORS[row.tutor].lower()
        and query.handled in (None, row.done in ("call", "reminder"))
    ]

    def key(row: Row) -> Any:
        student = STUDENTS.get(uuid.UUID(row.student)) if len(row.student) == 36 else None
        return {
            "scheduled_time": row.hours,
            "reschedule_probability": row.shown,
            "tutor_name": TUTORS[row.tutor],
            "student_id": row.student,
            "student_name": student,
        }[query.sort_by]

    by_id = sorted(found, key=lambda row: row.id.bytes)
    known = sorted((row for row in by_id if key(row) is not None), key=key, reverse=query.sort_order == "desc")
    if query.sort_order == "desc":  # `reverse` keeps the order of equals
        assert known == sorted(known, key=key, reverse=True)
    return known + [row for row in by_id if key(row) is None]


@settings(max_examples=120)
@given(
    days=st.sampled_from([1, 2, 7, 21, 90]),
    risk=st.sampled_from([None, "low", "medium", "high"]),
    tutor=st.sampled_from([None, *TUTORS, uuid.UUID(int=99)]),
    sort_by=st.sampled_from(SORTS),
    order=st.sampled_from(SORT_ORDERS),
    limit=st.sampled_from([1, 3, 50, 500]),
    offset=st.sampled_from([0, 1, 7, 60, 1_000]),
    search=st.sampled_from(["", "", "o", "ADAM", "äR", "%", "nobody"]),
    handled=st.sampled_from([None, True, False]),
)
def test_every_page_is_that_of_a_plain_sort(
    listed: Listed,
    days: int,
    risk: str | None,
    tutor: uuid.UUID | None,
    sort_by: str,
    order: str,
    limit: int,
    offset: int,
    search: str,
    handled: bool | None,
) -> None:
    query = UpcomingQuery(days, risk, tutor, sort_by, order, limit, offset, search, handled)
    answer, rows = listed.ask(query), expected(query)
    assert [row["id"] for row in answer["sessions"]] == [str(row.id) for row in rows[offset : offset + limit]]
    assert (answer["total"], answer["limit"], answer["offset"]) == (len(rows), limit, offset)


def test_all_of_a_session(listed: Listed) -> None:
    shown = {row["id"]: row for row in listed.ask(UpcomingQuery(days_ahead=90, limit=500))["sessions"]}
    for row in expected(UpcomingQuery(days_ahead=90)):
        found = shown[str(row.id)]
        known = row.shown is not None
        assert datetime.fromisoformat(found.pop("scheduled_time")) == listed.now + timedelta(hours=row.hours)
        predicted_at = found.pop("predicted_at")
        assert (datetime.fromisoformat(predicted_at) if known else predicted_at) == (
            listed.now - timedelta(hours=1) if known else None
        )
        assert found == {
            "id": str(row.id),
            "tutor_id": str(row.tutor),
            "tutor_name": TUTORS[row.tutor],
            "student_id": row.student,
            "student_name": STUDENTS[uuid.UUID(row.student)] if len(row.student) == 36 else None,
            "status": "scheduled",
            "reschedule_probability": row.shown,
            "risk_level": LEVELS[row.shown],
            "model_version": "v4" if known else None,
        }


def test_pages_put_together_are_the_whole(listed: Listed) -> None:
    for sort_by, order in itertools.product(SORTS, SORT_ORDERS):
        query = UpcomingQuery(days_ahead=90, sort_by=sort_by, sort_order=order, limit=500)
        whole = listed.ask(query)["sessions"]
        pages = [listed.ask(replace(query, limit=17, offset=at))["sessions"] for at in range(0, len(whole), 17)]
        assert list(itertools.chain(*pages)) == whole


@settings(max_examples=60)
@given(
    days=st.sampled_from([1, 7, 90]),
    risk=st.sampled_from([None, "low", "high"]),
    sort_by=st.sampled_from(SORTS),
    order=st.sampled_from(SORT_ORDERS),
    search=st.sampled_from(["", "o"]),
    place=st.integers(0, 200),
)
def test_the_list_is_walked_in_its_order(
    listed: Listed, days: int, risk: str | None, sort_by: str, order: str, search: str, place: int
) -> None:
    query = UpcomingQuery(days, risk, None, sort_by, order, tutor_search=search)
    rows = expected(query)
    if not rows:
        assert find_next(listed.engine, query, THRESHOLDS, None) is None
        return
    at = place % len(rows)
    assert find_place(listed.engine, query, THRESHOLDS, rows[at].id) == at
    following = [row.id for row in rows[at + 1 :] + rows[:at] if row.done not in ("call", "reminder")]
    assert find_next(listed.engine, query, THRESHOLDS, rows[at].id) == next(iter(following), None)


def test_a_walk_begins_at_the_first_where_it_is_at_none_of_the_list(listed: Listed) -> None:
    query = UpcomingQuery(risk_level="high", sort_by="reschedule_probability", sort_order="desc")
    other = next(row for row in ROWS if row.status == "rescheduled")
    first = next(row.id for row in expected(query) if row.done not in ("call", "reminder"))
    for after in (None, other.id):
        assert find_next(listed.engine, query, THRESHOLDS, after) == first
    assert find_place(listed.engine, query, THRESHOLDS, other.id) is None


@pytest.mark.parametrize("handled", [None, False])
@pytest.mark.parametrize("risk_level", [None, "high"])
def test_past_sessions_are_not_walked(engine: Engine, risk_level: str | None, handled: bool | None) -> None:
    with engine.begin() as connection:
        for statement in MANY_PAST:
            connection.exec_driver_sql(statement)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        for number, (sort_by, order) in enumerate(itertools.product(SORTS, SORT_ORDERS)):
            query = UpcomingQuery(risk_level=risk_level, sort_by=sort_by, sort_order=order, handled=handled)
            sql, values = answer_upcoming(query, THRESHOLDS)
            connection.exec_driver_sql(f"PREPARE list_{number} AS {sql}")
            shown = ", ".join(f"'{value}'" for value in values)
            explained = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE list_{number} ({shown})"
            ).scalar_one()
            plan = explained[0]["Plan"]
            # 30,000 rows are over, in some 800 pages of sessions and 3,000 of predictions; 20 are ahead.
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 600, (sort_by, order, explained)


def test_students_of_other_sessions_are_not_walked(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in MANY_STUDENTS:
            connection.exec_driver_sql(statement)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        sql, values = answer_upcoming(UpcomingQuery(), THRESHOLDS)
        connection.exec_driver_sql(f"PREPARE listed AS {sql}")
        shown = ", ".join(f"'{value}'" for value in values)
        [explained] = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE listed ({shown})"
        ).scalar_one()
        # 20,000 students in some 200 pages and more; 20 sessions are ahead.
        assert explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"] < 200, explained


MANY_STUDENTS = (
    "INSERT INTO tutors (id, name, source) VALUES (md5('t')::uuid, 'tutor', 'api')",
    """
    INSERT INTO students (id, name, source)
    SELECT md5('u' || i)::uuid, 'student ' || i, 'api' FROM generate_series(1, 20000) i
    """,
    """
    INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, status, source)
    SELECT md5('s' || i)::uuid, md5('t')::uuid, md5('u' || i)::uuid::text, now() + i * interval '1 hour', 'scheduled',
        'api'
    FROM generate_series(1, 20) i
    """,
)
MANY_PAST = (
    """
    INSERT INTO tutors (id, name, source)
    SELECT md5('t' || i)::uuid, 'tutor ' || i, 'api' FROM generate_series(0, 9) i
    """,
    """
    INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, status, source)
    SELECT md5('s' || i)::uuid, md5('t' || mod(i, 10))::uuid, 'student ' || mod(i, 7),
        now() + (20.5 - i) * interval '1 hour', CASE WHEN i <= 20 THEN 'scheduled' ELSE 'completed' END, 'api'
    FROM generate_series(1, 30000) i
    """,
    """
    INSERT INTO session_reschedule_predictions (session_id, scheduled_time, target, probability, risk_level,
        model_version, fallback, predicted_at, features_json)
    SELECT id, scheduled_time, target, 0.9, 'high', 'v1', false, now(), jsonb_build_object('why', repeat('x', 300))
    FROM sessions, (VALUES ('reschedule'), ('no_show')) AS t (target)
    """,
)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"risk_level": "huge"}, "risk_level is 'huge'; it can be low, medium, high"),
        (
            {"sort_by": "s.id; --"},
            "it can be scheduled_time, reschedule_probability, tutor_name, student_id, student_n",
        ),
        ({"sort_order": "up"}, "sort_order is 'up'; it can be asc, desc"),
        ({"days_ahead": 0}, "days_ahead is 0; it can be 1 to 90"),
        ({"days_ahead": 91}, "days_ahead is 91; it can be 1 to 90"),
        ({"limit": 501}, "limit is 501; it can be 1 to 500"),
        ({"limit": 0}, "limit is 0; it can be 1 to 500"),
        ({"offset": -1}, "offset is -1; it can be 0 or more"),
        ({"tutor_search": "\0"}, "tutor_search holds a NUL character"),
    ],
)
def test_what_cannot_be_asked_for_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        UpcomingQuery(**wrong)
