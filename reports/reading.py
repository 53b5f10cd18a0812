"""What the mails that were claimed are to say, read at once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from records.known import COUNTS_FROM
from reports.contents import Digest, DigestTutor, Move, Notice, Outcomes, Reminder, SessionReport
from reports.figures import TutorFigures
from reports.sentences import name_risk

MOST_TUTORS: Final = 25  # of a digest

SESSION_COLUMNS: Final = f"""
    s.id AS session_id, s.tutor_id, t.name AS tutor, s.status, s.scheduled_time, s.duration_minutes, s.subject,
    r.initiator, r.new_time, r.cancelled_at, r.reason,
    {COUNTS_FROM} AS counts_from"""
SESSION_JOINS: Final = """
    JOIN tutors t ON t.id = s.tutor_id LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'"""


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Why there is nothing to send any more."""

    reason: str


Content = SessionReport | Reminder | Digest | Notice | Unsendable


def read_contents(connection: Connection, mails: Sequence[UUID], now: datetime) -> dict[UUID, Content]:
    """What each of the mails says by now. One whose kept figures cannot be read is unsendable, and harms no other."""
    asked = {"mails": [str(mail) for mail in mails]}
    contents: dict[UUID, Content] = {}
    for row in connection.execute(_SESSION_REPORTS, asked).mappings():
        contents[row["mail_id"]] = _read_facts(_make_report, row)
    for row in connection.execute(_REMINDERS, asked).mappings():
        contents[row["mail_id"]] = _make_reminder(row, now)
    for row in connection.execute(_NOTICES, asked).mappings():
        contents[row["mail_id"]] = _read_facts(lambda row: _make_notice(row["facts"]), row)
    for row in connection.execute(_DIGESTS, asked).mappings():
        contents[row["mail_id"]] = _read_facts(lambda row: _read_digest(connection, row), row)
    gone = Unsendable("what it is about is not stored any more")
    return {mail: contents.get(mail, gone) for mail in mails}


def make_session_report(
    row: RowMapping, before: TutorFigures | None, after: TutorFigures | None, processed_at: datetime
) -> SessionReport:
    """Of a row of SESSION_COLUMNS."""
    known = (
        *("session_id", "tutor_id", "tutor", "status", "scheduled_time", "duration_minutes", "subject"),
        "counts_from",
    )
    moved = row["initiator"] is not None
    return SessionReport(
        **{name: row[name] for name in known},
        move=Move(row["initiator"], row["new_time"], row["cancelled_at"], row["reason"]) if moved else None,
        before=before,
        after=after,
        processed_at=processed_at,
    )


def _read_facts(make: Callable[[RowMapping], Content], row: RowMapping) -> Content:
    try:
        return make(row)
    except (KeyError, TypeError, ValueError) as error:
        return Unsendable(f"the figures kept with it cannot be read ({type(error).__name__})")


def _make_report(row: RowMapping) -> SessionReport:
    facts = row["facts"]
    moment = datetime.fromisoformat(facts["as_of"])
    return make_session_report(row, _figures(facts, "before"), _figures(facts, "after"), moment)


def _figures(facts: Mapping[str, Any], name: str) -> TutorFigures | None:
    values = facts[name]
    return None if values is None else TutorFigures.from_json(values)


def _make_reminder(row: RowMapping, now: datetime) -> Reminder | Unsendable:
    if row["status"] != "scheduled":
        return Unsendable(f"the session is {row['status']} by now")
    if row["scheduled_time"] <= now:
        return Unsendable("the session has begun by now")
    if not row["is_active"]:
        return Unsendable("the tutor is not active any more")
    if row["reminded_id"] != row["tutor_id"]:
        return Unsendable("the session has another tutor by now")
    return Reminder(row["tutor"], row["scheduled_time"], row["duration_minutes"], row["subject"])


def _make_notice(facts: Mapping[str, Any]) -> Notice:
    errors = tuple((str(error), int(count)) for error, count in facts["errors"])
    since = datetime.fromisoformat(facts["since"])
    return Notice(facts["topic"], facts["what"], facts["count"], since, errors, facts["remedy"])


def _read_digest(connection: Connection, digest: RowMapping) -> Digest | Unsendable:
    rows = connection.execute(_DIGEST_TUTORS, {"digest": str(digest["mail_id"])}).all()
    if not rows:
        return Unsendable("what it is about is not stored any more")
    tutors = [
        DigestTutor(
            row.tutor_id,
            row.tutor,
            Outcomes(row.completed, row.no_show, row.by_tutor, row.by_student),
            _figures(row.first, "before"),
            _figures(row.last, "after"),
        )
        for row in rows
    ]
    outcomes = [tutor.outcomes for tutor in tutors]
    risks = [name_risk(tutor.before, tutor.after) for tutor in tutors]
    shown = sorted(tutors, key=_urgency)[:MOST_TUTORS]
    return Digest(
        period_end=digest["period_end"],
        outcomes=Outcomes(
            completed=sum(one.completed for one in outcomes),
            no_show=sum(one.no_show for one in outcomes),
            by_tutor=sum(one.by_tutor for one in outcomes),
            by_student=sum(one.by_student for one in outcomes),
        ),
        newly_high_risk=risks.count("High risk now"),
        no_longer_high_risk=risks.count("No longer high risk"),
        tutors=tuple(shown),
        other_tutors=len(tutors) - len(shown),
    )


def _urgency(tutor: DigestTutor) -> tuple[Any, ...]:
    """By the flag, then by what the tutor moved and missed, then by name."""
    flags = ("High risk now", "High risk", "No longer high risk", "Not high risk")
    counts = tutor.outcomes
    flag = flags.index(name_risk(tutor.before, tutor.after))
    return flag, -counts.by_tutor, -counts.no_show, -counts.total, tutor.tutor, str(tutor.tutor_id)


_ASKED: Final = "m.id = ANY(CAST(:mails AS uuid[]))"
_SESSION_REPORTS: Final = text(
    f"""
    SELECT m.id AS mail_id, m.facts, {SESSION_COLUMNS}
    FROM email_reports m JOIN sessions s ON s.id = m.session_id {SESSION_JOINS}
    WHERE {_ASKED} AND m.kind = 'session_report'
    """
)
_REMINDERS: Final = text(
    f"""
    SELECT m.id AS mail_id, t.is_active, i.tutor_id AS reminded_id, {SESSION_COLUMNS}
    FROM email_reports m JOIN sessions s ON s.id = m.session_id {SESSION_JOINS}
    JOIN interventions i ON i.id = m.intervention_id
    WHERE {_ASKED} AND m.kind = 'reminder'
    """
)
_NOTICES: Final = text(f"SELECT m.id AS mail_id, m.facts FROM email_reports m WHERE {_ASKED} AND m.kind = 'notice'")
_DIGESTS: Final = text(
    f"SELECT m.id AS mail_id, m.period_end FROM email_reports m WHERE {_ASKED} AND m.kind = 'digest'"
)
_DIGEST_TUTORS: Final = text(
    """
    WITH tutor AS (
        SELECT s.tutor_id,
            count(*) FILTER (WHERE s.status = 'completed') AS completed,
            count(*) FILTER (WHERE s.status = 'no_show') AS no_show,
            count(*) FILTER (WHERE s.status = 'rescheduled' AND r.initiator = 'tutor') AS by_tutor,
            count(*) FILTER (WHERE s.status = 'rescheduled' AND r.initiator = 'student') AS by_student,
            (array_agg(m.id ORDER BY m.created_at, m.id))[1] AS first_id,
            (array_agg(m.id ORDER BY m.created_at DESC, m.id DESC))[1] AS last_id
        FROM email_reports m JOIN sessions s ON s.id = m.session_id LEFT JOIN reschedules r ON r.session_id = s.id
        WHERE m.digest_id = CAST(:digest AS uuid) GROUP BY s.tutor_id
    )
    SELECT x.tutor_id, t.name AS tutor, x.completed, x.no_show, x.by_tutor, x.by_student, a.facts AS first,
        b.facts AS last
    FROM tutor x JOIN tutors t ON t.id = x.tutor_id JOIN email_reports a ON a.id = x.first_id
    JOIN email_reports b ON b.id = x.last_id
    """
)
