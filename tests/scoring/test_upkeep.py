from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Engine

from scoring.upkeep import remove_old_pages, remove_outdated
from tests.scoring.conftest import Records


def test_only_what_is_old_and_ended_goes(engine: Engine, records: Records) -> None:
    for days in (89, 91):
        records.execute(
            "INSERT INTO explanations (key, text, source, created_at) "
            f"VALUES ('{days}', 'Because.', 'llm', now() - interval '{days} days')"
        )
    tutor = records.tutor(1)
    for days in (29, 31):
        for state in ("pending", "running", "done", "failed"):
            records.execute(
                "INSERT INTO jobs (kind, state, total, actor, updated_at) "
                f"VALUES ('generate_all', '{state}', {days}, 'ada', now() - interval '{days} days')"
            )

            session = records.session(tutor, datetime.now(UTC))
            if state != "running":
                records.execute(
                    "INSERT INTO work_items (session_id, state, last_error, updated_at) "
                    f"VALUES ('{session}', '{state}', '{days}', now() - interval '{days} days')"
                )

    assert remove_outdated(engine) == 4
    left = records.rows("SELECT last_error, state FROM work_items ORDER BY 1, 2")
    assert left == [("29", "done"), ("29", "failed"), ("29", "pending"), ("31", "failed"), ("31", "pending")]
    assert records.rows("SELECT key FROM explanations") == [("89",)]
    kept = records.rows("SELECT total::int, state FROM jobs ORDER BY total, state")
    assert kept == [(29, "done"), (29, "failed"), (29, "pending"), (29, "running"), (31, "pending"), (31, "running")]
    assert remove_outdated(engine) == 0


def test_pages_of_a_watch_go_after_ninety_days_and_nothing_else_does(tmp_path: Path) -> None:
    assert remove_old_pages(tmp_path, date(2026, 11, 29)) == 0  # nothing was ever watched
    drift = tmp_path / "drift"
    gone = ["2026-08-30-match", "2026-08-30-no_show", "2024-02-29-reschedule"]
    kept = ["2026-08-31-match", "2026-11-28-match", "2026-08-30-notes", "2026-08-30", "2026-02-30-match", "my-match"]
    for name in [*gone, *kept]:
        (drift / name).mkdir(parents=True)
        (drift / name / "features.html").write_text("effects")
    (drift / "2026-08-01-match").write_text("a file")
    assert remove_old_pages(tmp_path, date(2026, 11, 29)) == 3
    assert sorted(one.name for one in drift.iterdir()) == sorted([*kept, "2026-08-01-match"])
    assert (drift / "2026-08-31-match" / "features.html").exists()
