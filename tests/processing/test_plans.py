"""Every statement of processing can be answered by an index, however much is stored that is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg2 import extensions
from sqlalchemy import Engine, create_engine

from processing.drain import drain
from processing.upkeep import count_queue, keep_up, list_failed, requeue_failed
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tests.processing.conftest import Plant

GROWS = {
    *("sessions", "reschedules", "work_items", "email_reports"),
    *("session_reschedule_predictions", "tutor_score_history"),
}
FEW = {
    "ix_work_items_open",
    "ix_work_items_lost",
    "ix_sessions_scheduled",
    "ix_email_reports_due",
    "ix_email_reports_failed",
}
"""Indexes of what is not over, which may be read from end to end."""
READS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
scanned: list[tuple[str, str]] = []
explained: list[str] = []


class Explaining(extensions.cursor):
    """Notes what would be read from end to end even where that counts as dear."""

    def execute(self, query: Any, vars: Any = None) -> None:
        self._explain(self.mogrify(query, vars).decode())
        super().execute(query, vars)

    def copy_expert(self, sql: Any, *arguments: Any, **options: Any) -> None:
        if sql.startswith("COPY (") and " TO STDOUT" in sql:
            self._explain(sql[len("COPY (") : sql.rindex(") TO STDOUT")])
        super().copy_expert(sql, *arguments, **options)

    def _explain(self, statement: str) -> None:
        if not statement.lstrip().startswith(READS):
            return
        with self.connection.cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
            ((plan,),) = cursor.fetchall()
            cursor.execute("SET LOCAL enable_seqscan = on")
        explained.append(statement)
        scanned.extend((node["Relation Name"], statement) for node in _nodes(plan[0]["Plan"]) if _is_scan(node))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def _is_scan(node: dict[str, Any]) -> bool:
    if node.get("Relation Name") not in GROWS:
        return False
    return node["Node Type"] == "Seq Scan" or ("Index Cond" not in node and node.get("Index Name") not in {None, *FEW})


@pytest.fixture
def explaining(plant: Plant) -> Iterator[Engine]:
    scanned.clear()
    explained.clear()
    engine = create_engine(plant.engine.url, connect_args={"cursor_factory": Explaining})
    yield engine
    engine.dispose()


def test_processing_reads_nothing_from_end_to_end(plant: Plant, explaining: Engine) -> None:
    plant.change(report_recipients=("coach@example.com",))
    for _ in range(3):
        tutor = plant.tutor()
        plant.session(tutor, -1, "scheduled", student="mia")
        plant.promised(tutor, 0.5, student="mia")
        plant.promised(tutor, 1.5, "rescheduled")

    done = drain(explaining, plant.settings, CurrentModels(explaining, plant.settings, SESSION_TARGETS))

    assert (done.processed, done.mails) == (6, 6)
    assert plant.rows("SELECT count(*) FROM session_reschedule_predictions") == [(6,)]
    assert len(explained) > 15
    assert scanned == []


def test_upkeep_reads_nothing_from_end_to_end(plant: Plant, explaining: Engine) -> None:
    plant.change(operator_recipients=("operator@example.com",))
    plant.promised(plant.tutor(), 0.5)
    plant.execute("UPDATE work_items SET state = 'failed'")

    for days in range(2):
        keep_up(explaining, plant.settings, plant.now + timedelta(days=days))
    with explaining.connect() as connection:
        assert count_queue(connection).failed == len(list_failed(connection)) == 1
    assert requeue_failed(explaining) == 1

    assert len(explained) > 10
    assert scanned == []


BACKLOG = 1_500
MOST_A_SESSION = 3
"""Rows that one step of a statement may look at for each session of a backlog: itself, its tutor, and one to spare."""
looked_at: list[tuple[float, str]] = []


class Counting(extensions.cursor):
    """Notes how many rows each statement that changes something looked at, by doing it twice and undoing the first."""

    def execute(self, query: Any, vars: Any = None) -> None:
        statement = self.mogrify(query, vars).decode()
        if any(word in statement for word in ("INSERT INTO", "UPDATE ")) and not self.connection.autocommit:
            with self.connection.cursor(cursor_factory=extensions.cursor) as cursor:
                cursor.execute("SAVEPOINT counting")
                cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement)
                ((plan,),) = cursor.fetchall()
                cursor.execute("ROLLBACK TO SAVEPOINT counting")
            looked_at.append((max(_rows(node) for node in _nodes(plan[0]["Plan"])), statement))
        super().execute(query, vars)


def _rows(node: dict[str, Any]) -> float:
    passed = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"))
    return float(passed * node["Actual Loops"])


def test_a_backlog_is_looked_at_once_and_not_once_for_each_of_its_sessions(plant: Plant) -> None:
    plant.change(report_recipients=("coach@example.com",))
    tutors = [plant.tutor() for _ in range(5)]
    _tell_many(plant, tutors)
    plant.execute("UPDATE work_items SET state = 'done'")
    plant.execute("ANALYZE")  # so that the planner knows of nothing that waits
    _tell_many(plant, tutors)
    looked_at.clear()
    engine = create_engine(plant.engine.url, connect_args={"cursor_factory": Counting})

    done = drain(engine, plant.settings, CurrentModels(engine, plant.settings, SESSION_TARGETS))
    engine.dispose()

    assert (done.processed, done.mails) == (BACKLOG, BACKLOG)
    most, statement = max(looked_at)
    assert most < MOST_A_SESSION * BACKLOG, statement


def _tell_many(plant: Plant, tutors: list[str]) -> None:
    plant.execute(
        f"""
        WITH told AS (
            INSERT INTO sessions (tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes,
                status, outcome_recorded_at, source)
            SELECT (ARRAY{tutors}::uuid[])[1 + mod(k, {len(tutors)})], 'mia', at, at - interval '5 days',
                at + interval '1 hour', 60, 'completed', now() - interval '1 hour', 'api'
            FROM generate_series(1, {BACKLOG}) k, LATERAL (SELECT now() - k * interval '20 minutes' AS at) session
            RETURNING id
        )
        INSERT INTO work_items (session_id) SELECT id FROM told
        """
    )
