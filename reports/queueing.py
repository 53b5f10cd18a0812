"""Mails promised in the transaction that makes them due: reports of processed sessions, notices to the operator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from records.known import OUTCOME_KNOWN
from records.work import RECENT_DAYS
from reports.contents import Notice
from reports.figures import FIGURES, TutorFigures
from reports.reading import SESSION_COLUMNS, SESSION_JOINS, make_session_report
from reports.rendering import write_subject


def read_figures(connection: Connection, tutors: Iterable[UUID]) -> dict[UUID, TutorFigures]:
    """The tutors' figures as they are stored now; without those that were never scored."""
    rows = connection.execute(_FIGURES, {"tutors": [str(tutor) for tutor in tutors]})
    return {tutor: TutorFigures(*figures) for tutor, *figures in rows}


def queue_session_reports(
    connection: Connection,
    sessions: Sequence[UUID],
    before: Mapping[UUID, TutorFigures],
    *,
    recipients: Sequence[str],
    timezone: str,
    now: datetime,
) -> int:
    """Queue a report of each session to each recipient, within the connection's transaction; returns how many are new.

    What a report says of a tutor is `before` and what is stored by now, so call `read_figures` before the tutors are
    scored anew (with them locked) and this after it. A session's outcome is reported once to each recipient, however
    often it is processed. Sessions that are not over yet are not reported, nor are those of a synthetic world, nor
    those that an import told of and whose outcome was known more than a week ago.

    timezone: IANA name of the zone in which subjects tell the time. now: as of which the tutors were scored.
    """
    if not sessions or not recipients:
        return 0
    asked = {"sessions": [str(session) for session in sessions], "now": now}
    found = connection.execute(_SESSIONS, asked).mappings().all()
    after = read_figures(connection, {row["tutor_id"] for row in found})
    mails = [_make_mail(row, before.get(row["tutor_id"]), after.get(row["tutor_id"]), timezone, now) for row in found]
    return connection.execute(_QUEUE_REPORTS, {"mails": json.dumps(mails), "recipients": list(recipients)}).rowcount


def queue_notice(connection: Connection, notice: Notice, *, recipients: Sequence[str], now: datetime) -> int:
    """Queue a notice to each recipient, within the connection's transaction; returns how many are new.

    Of one topic there is at most one a day (in UTC), however often it is noticed.
    """
    facts = asdict(notice) | {"since": notice.since.isoformat()}
    values = {
        "recipients": list(recipients),
        "subject": f"{notice.count:,} {notice.what}",
        "message_id": f"<notice.{notice.topic}.{now:%Y%m%d}@tqs.invalid>",
        "facts": json.dumps(facts),
    }
    return connection.execute(_QUEUE_NOTICE, values).rowcount


def _make_mail(
    row: RowMapping, before: TutorFigures | None, after: TutorFigures | None, timezone: str, now: datetime
) -> dict[str, Any]:
    report = make_session_report(row, before, after, now)
    return {
        "session_id": str(report.session_id),
        "subject": write_subject(report, timezone),
        # Of the session and its outcome: that is what makes a report the same one. Short enough for one line.
        "message_id": f"<session.{report.session_id.hex}.{report.status}@tqs.invalid>",
        "facts": {
            "before": None if before is None else before.to_json(),
            "after": None if after is None else after.to_json(),
            "as_of": now.isoformat(),
        },
    }


_FIGURES: Final = text(
    f"SELECT tutor_id, {', '.join(FIGURES)} FROM tutor_scores WHERE tutor_id = ANY(CAST(:tutors AS uuid[]))"
)
_SESSIONS: Final = text(
    f"""
    SELECT {SESSION_COLUMNS} FROM sessions s {SESSION_JOINS}
    WHERE s.id = ANY(CAST(:sessions AS uuid[])) AND s.status <> 'scheduled' AND s.source <> 'world'
        AND (s.outcome_recorded_at IS NOT NULL
            OR {OUTCOME_KNOWN} > CAST(:now AS timestamptz) - interval '{24 * RECENT_DAYS} hours')
    """
)
# In one order, so that of two transactions that queue the same one waits for the other and none for each other.
_QUEUE_REPORTS: Final = text(
    """
    INSERT INTO email_reports (kind, session_id, recipient, subject, message_id, facts)
    SELECT 'session_report', mail.session_id, recipient, mail.subject, mail.message_id, mail.facts
    FROM jsonb_to_recordset(CAST(:mails AS jsonb))
            AS mail(session_id uuid, subject text, message_id text, facts jsonb),
        unnest(CAST(:recipients AS text[])) AS recipient
    ORDER BY mail.message_id, recipient
    ON CONFLICT (message_id, recipient) DO NOTHING
    """
)
_QUEUE_NOTICE: Final = text(
    """
    INSERT INTO email_reports (kind, recipient, subject, message_id, facts)
    SELECT 'notice', recipient, :subject, :message_id, CAST(:facts AS jsonb)
    FROM unnest(CAST(:recipients AS text[])) AS recipient ORDER BY recipient
    ON CONFLICT (message_id, recipient) DO NOTHING
    """
)
