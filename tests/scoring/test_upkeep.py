from __future__ import annotations

from sqlalchemy import Engine

from scoring.upkeep import remove_outdated
from tests.scoring.conftest import Records


def test_only_what_is_old_and_ended_goes(engine: Engine, records: Records) -> None:
    for days in (89, 91):
        records.execute(
            "INSERT INTO explanations (key, text, source, created_at) "
            f"VALUES ('{days}', 'Because.', 'llm', now() - interval '{days} days')"
        )
    for days in (29, 31):
        for state in ("pending", "running", "done", "failed"):
            records.execute(
                "INSERT INTO jobs (kind, state, total, actor, updated_at) "
                f"VALUES ('generate_all', '{state}', {days}, 'ada', now() - interval '{days} days')"
            )

    assert remove_outdated(engine) == 3
    assert records.rows("SELECT key FROM explanations") == [("89",)]
    kept = records.rows("SELECT total::int, state FROM jobs ORDER BY total, state")
    assert kept == [(29, "done"), (29, "failed"), (29, "pending"), (29, "running"), (31, "pending"), (31, "running")]
    assert remove_outdated(engine) == 0
