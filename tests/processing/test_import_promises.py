"""What an import sets off: each tutor's figures once, reports of what is recent, and nothing where nothing is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from records.importing import import_files
from tests.processing.conftest import Plant

COACH = "coach@example.com"
HEAD = "id,tutor_id,student_id,scheduled_time,status,completed_time,initiator,cancelled_at"
Put = Callable[..., None]


@pytest.fixture
def put(plant: Plant, tmp_path: Path) -> Put:
    """Import sessions: (id, tutor, days ago, status) each; rescheduled by the tutor."""
    plant.change(report_recipients=(COACH,))
    for tutor in ("ann", "bob", "cid"):
        (tmp_path / "tutors.csv").write_text(f"id,name\n{tutor},{tutor.title()}\n")
        import_files(plant.engine, [tmp_path / "tutors.csv"])

    def put(*sessions: tuple[str, str, float, str]) -> None:
        lines = [HEAD]
        for key, tutor, days, status in sessions:
            at = plant.now - timedelta(days=days)
            completed = at + timedelta(hours=1) if status == "completed" else ""
            initiator, cancelled = ("tutor", at - timedelta(hours=2)) if status == "rescheduled" else ("", "")
            lines.append(f"{key},{tutor},pia,{at},{status},{completed},{initiator},{cancelled}")
        (tmp_path / "sessions.csv").write_text("\n".join(lines) + "\n")
        [result] = import_files(plant.engine, [tmp_path / "sessions.csv"])
        assert result.rejected == 0

    return put


def waiting(plant: Plant) -> list[tuple[str, int]]:
    """By tutor, how many rows wait to be processed."""
    return plant.rows(
        """SELECT t.external_id, count(*) FROM work_items w JOIN sessions s ON s.id = w.session_id
        JOIN tutors t ON t.id = s.tutor_id WHERE w.state = 'pending' GROUP BY 1 ORDER BY 1"""
    )


def rates(plant: Plant) -> dict[str, float | None]:
    return dict(
        plant.rows("SELECT t.external_id, reschedule_rate_30d FROM tutor_scores s JOIN tutors t ON t.id = s.tutor_id")
    )


def test_a_history_is_one_row_a_tutor_and_no_mail(plant: Plant, put: Put) -> None:
    put(
        *((f"a{days}", "ann", days, "rescheduled" if days < 18 else "completed") for days in range(10, 26)),
        *((f"b{days}", "bob", days, "completed") for days in range(10, 200, 10)),
    )

    assert waiting(plant) == [("ann", 1), ("bob", 1)]
    assert plant.drain().mails == 0
    assert rates(plant) == {"ann": 50.0, "bob": 0.0}


def test_what_is_recent_is_reported_each(plant: Plant, put: Put) -> None:
    put(("a1", "ann", 1, "completed"), ("a2", "ann", 2, "rescheduled"), ("a20", "ann", 20, "completed"))

    assert plant.drain().mails == 2

    assert plant.rows("SELECT split_part(message_id, '.', 3) FROM email_reports ORDER BY 1") == [
        ("completed@tqs",),
        ("rescheduled@tqs",),
    ]


def test_the_same_file_again_sets_off_nothing(plant: Plant, put: Put) -> None:
    sessions = [("a1", "ann", 1.0, "completed"), ("a-ahead", "ann", -3.0, "scheduled")]
    put(*sessions)
    plant.drain()

    put(*sessions)

    assert waiting(plant) == []


def test_only_the_tutors_of_what_is_new(plant: Plant, put: Put) -> None:
    put(("a", "ann", 10, "completed"), ("b", "bob", 10, "scheduled"))
    plant.drain()

    put(("a", "ann", 10, "completed"), ("b", "bob", 10, "rescheduled"))

    assert waiting(plant) == [("bob", 1)]
    plant.drain()
    assert rates(plant) == {"ann": 0.0, "bob": 100.0}


def test_a_tutor_who_loses_a_session_is_scored_anew_with_the_one_who_gets_it(plant: Plant, put: Put) -> None:
    put(("a1", "ann", 10, "rescheduled"), ("a2", "ann", 11, "completed"), ("b", "bob", 12, "rescheduled"))
    plant.drain()
    assert rates(plant) == {"ann": 50.0, "bob": 100.0}

    put(("a1", "cid", 10, "rescheduled"), ("a2", "ann", 11, "completed"), ("b", "ann", 12, "completed"))
    plant.drain()

    assert rates(plant) == {"ann": 0.0, "bob": None, "cid": 100.0}
    assert waiting(plant) == []


def test_a_world_promises_nothing(plant: Plant) -> None:
    session = plant.session(plant.tutor(), 1, source="world")
    plant.change(report_recipients=(COACH,))
    plant.promise(session)
    assert plant.drain().mails == 0  # processed by hand, it is still nobody's mail
