"""Every statement of processing can be answered by an index, however much is stored that is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg2 import extensions
from sqlalchemy import Engine, create_engine

from processing.drain import drain
from processing.models import SessionModels
from processing.upkeep import count_queue, keep_up, list_failed, requeue_failed
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

    done = drain(explaining, plant.settings, SessionModels(explaining, plant.settings))

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
