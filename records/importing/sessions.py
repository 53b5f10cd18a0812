"""Staged sessions into the database, each with its reschedule.

What the file says holds, with one exception: a row that still says `scheduled` does not take back an outcome that is
known here (an older export imported again must not forget). A column that the file does not have keeps its value; a
reschedule is taken whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from records.importing.files import Reject
from records.importing.form import RESCHEDULE_COLUMNS, SESSIONS
from records.importing.people import Counts
from records.importing.stage import take_out
from records.known import OUTCOME_KNOWN
from records.work import QUEUE_SESSIONS, RECENT_DAYS

OWN_COLUMNS = tuple(name for name in SESSIONS.columns if name not in RESCHEDULE_COLUMNS)


def take_out_contradictions(connection: Connection, present: Sequence[str]) -> list[Reject]:
    """Remove staged rows whose scheduled_time contradicts a stored time that the file does not replace."""
    rejects: list[Reject] = []
    if "booked_at" not in present:
        rejects += take_out(
            connection,
            "USING sessions k WHERE k.id = s.id AND k.booked_at > s.scheduled_time",
            "'scheduled_time is before the known booked_at ' || k.booked_at",
        )
    keeps_time = "s.status = 'scheduled'" if "completed_time" in present else "s.status IN ('scheduled', 'completed')"
    return rejects + take_out(
        connection,
        f"USING sessions k WHERE k.id = s.id AND k.completed_time < s.scheduled_time AND {keeps_time}",
        "'scheduled_time is after the known completed_time ' || k.completed_time",
    )


def upsert_sessions(
    connection: Connection, present: Sequence[str], source: str, *, keep_outcomes: bool = True
) -> Counts:
    """Merge `staged` into sessions and reschedules; `keep_outcomes` False lets `scheduled` take an outcome back."""
    own = [name for name in OWN_COLUMNS if name in present]
    silent = "excluded.status = 'scheduled' AND " + ("true" if keep_outcomes else "false")
    new = {name: f"excluded.{name}" for name in [*own, "source"] if name != "id"}
    new["status"] = f"CASE WHEN {silent} THEN sessions.status ELSE excluded.status END"
    told = "excluded.completed_time" if "completed_time" in present else "sessions.completed_time"
    new["completed_time"] = (
        f"CASE WHEN {silent} THEN sessions.completed_time WHEN excluded.status = 'completed' THEN {told} END"
    )
    if "outcome_recorded_at" in present:
        new["outcome_recorded_at"] = (
            f"CASE WHEN {silent} THEN sessions.outcome_recorded_at ELSE excluded.outcome_recorded_at END"
        )
    student = "coalesce(p.id::text, s.student_id)"
    # Where nothing else is new, who told of it first stays; but a world's session is no world's any more.
    facts = [name for name in new if name != "source"]
    over = "s.status IN ('completed', 'no_show')" if keep_outcomes else "s.status <> 'rescheduled'"
    counts = connection.execute(
        text(f"""
        WITH session AS (
            INSERT INTO sessions ({", ".join(own)}, source)
            SELECT {", ".join(student if name == "student_id" else f"s.{name}" for name in own)}, :source
            FROM staged s LEFT JOIN students p ON p.external_id = s.student_id
            ON CONFLICT (id) DO UPDATE SET updated_at = now(), {", ".join(f"{k} = {v}" for k, v in new.items())}
            WHERE ({", ".join(f"sessions.{name}" for name in facts)}) IS DISTINCT FROM
                ({", ".join(new[name] for name in facts)})
                OR sessions.source = 'world' AND excluded.source <> 'world'
            RETURNING id, xmax = 0 AS is_new
        ), moved AS (
            INSERT INTO reschedules AS r (session_id, {", ".join(RESCHEDULE_COLUMNS)})
            SELECT s.id, s.initiator, coalesce(s.original_time, s.scheduled_time), s.new_time, s.reason, s.reason_code,
                s.cancelled_at
            FROM staged s WHERE s.status = 'rescheduled'
            ON CONFLICT (session_id) DO UPDATE SET (updated_at, {", ".join(RESCHEDULE_COLUMNS)})
                = ROW (now(), {_list("excluded")})
            WHERE ({_list("r")}) IS DISTINCT FROM ({_list("excluded")})
            RETURNING session_id
        ), stayed AS (
            DELETE FROM reschedules r USING staged s WHERE r.session_id = s.id AND {over} RETURNING r.session_id
        ), promised AS ({_promise() if source == "import" else "SELECT"}
        ), parted AS ({_PROMISE_FORMER if source == "import" else "SELECT"}
        ), total AS (SELECT count(*) AS n, count(*) FILTER (WHERE is_new) AS inserted FROM session)
        SELECT inserted, total.n - inserted + (
            SELECT count(*) FROM (SELECT * FROM moved UNION ALL SELECT * FROM stayed) m
            WHERE NOT EXISTS (SELECT FROM session WHERE session.id = m.session_id)
        ), (SELECT count(*) FROM staged)
        FROM total
        """),
        {"source": source},
    ).one()
    return Counts(inserted=counts[0], updated=counts[1], unchanged=counts[2] - counts[0] - counts[1])


def _promise() -> str:
    """Queue what has to be processed: of each tutor who is concerned one session, and all that may be reported.

    Processing any session of a tutor computes all that rests on that tutor's sessions, so a history of years is no more
    work than its tutors. Which outcomes are reported is decided then; a day more is queued for what the file lacks.
    """
    told = "SELECT id FROM session UNION SELECT session_id FROM moved UNION SELECT session_id FROM stayed"
    changed = f"staged s JOIN ({told}) told USING (id)"
    sessions = f"""
        SELECT min(s.id::text)::uuid FROM {changed} GROUP BY s.tutor_id
        UNION
        SELECT s.id FROM {changed} CROSS JOIN LATERAL (SELECT s.cancelled_at) r
        WHERE s.status <> 'scheduled' AND {OUTCOME_KNOWN} > now() - interval '{RECENT_DAYS + 1} days'"""
    return QUEUE_SESSIONS.format(sessions=sessions)


# Of each tutor who lost a session to another one, one such: what is read here is who had it before.
_PROMISE_FORMER = """
    INSERT INTO work_items (session_id, former_tutor_id)
    SELECT DISTINCT ON (k.tutor_id) k.id, k.tutor_id FROM staged s JOIN sessions k USING (id)
    WHERE k.tutor_id <> s.tutor_id ORDER BY k.tutor_id, k.id"""


def _list(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in RESCHEDULE_COLUMNS)
