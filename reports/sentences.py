"""What a report has to say about a session and its tutor, in sentences."""

from __future__ import annotations

from math import ceil
from typing import Final

from reports.contents import SessionReport
from reports.figures import TutorFigures
from reports.wording import (
    LONGEST_TEXT,
    make_inert,
    write_count,
    write_percent,
    write_points,
    write_span,
    write_time,
)

RISK_DAYS: Final = 30  # the window that the flag looks at
FEW_SESSIONS: Final = 8  # of 30 days, in which one moves the rate by more than twelve points
LEAST_RECENT: Final = 3  # sessions of 7 days that say something
WORTH_TELLING: Final = 5.0  # points between the rates of 7 and of 30 days


def name_outcome(report: SessionReport) -> str:
    """What became of the session, for a subject: "Session cancelled by the tutor"."""
    if report.move is None:
        return {"completed": "Session held", "no_show": "No-show"}.get(report.status, "Session rescheduled")
    done = "cancelled" if report.move.new_time is None else "moved"
    return f"Session {done} by the {report.move.initiator}"


def tell_outcome(report: SessionReport, zone: str) -> str:
    """What became of the session: how, when, and why as far as it was told."""
    move = report.move
    if move is None:
        held = {"completed": "The session was held.", "no_show": "The session was missed: a no-show."}
        return held.get(report.status, "The session was rescheduled.")
    done = "cancelled" if move.new_time is None else "moved"
    to = "" if move.new_time is None else f" to {write_time(move.new_time, zone)}"
    told = f"the {move.initiator} {done} the session{to}."
    if move.cancelled_at is not None:
        ahead = report.scheduled_time - move.cancelled_at
        side = "before" if ahead.total_seconds() > 0 else "after"
        told = f"{write_span(ahead)} {side} it was to begin, {told}"
    reason = make_inert(move.reason or "", LONGEST_TEXT)
    return told[0].upper() + told[1:] + (f" Reason given: “{reason}”." if reason else "")


def tell_insights(report: SessionReport, zone: str) -> list[str]:
    """What there is to know about the tutor after it, the most telling first."""
    after = report.after
    if after is None:
        return ["The tutor has no score yet."]
    told = [
        _tell_risk(report.before, after),
        _tell_margin(after),
        _tell_recent(after),
        _tell_no_shows(report.status, after),
        _tell_few(after),
        _tell_not_counted(report, zone),
        _tell_no_change(report.before, after),
    ]
    return [sentence for sentence in told if sentence]


def name_risk(before: TutorFigures | None, after: TutorFigures | None) -> str:
    """The flag and how it changed: "High risk", "High risk now", "No longer high risk", "Not high risk"."""
    was, is_now = before is not None and before.is_high_risk, after is not None and after.is_high_risk
    if is_now:
        return "High risk" if was else "High risk now"
    return "No longer high risk" if was else "Not high risk"


def _tell_risk(before: TutorFigures | None, after: TutorFigures) -> str:
    window = after.window(RISK_DAYS)
    if window.rate is None:
        return f"No session of the last {RISK_DAYS} days counts yet, so there is no rate."
    flag = {
        "High risk now": "At high risk now",
        "High risk": "Still at high risk",
        "No longer high risk": "No longer at high risk",
        "Not high risk": "Not at high risk",
    }[name_risk(before, after)]
    return (
        f"{flag}: the tutor rescheduled {window.rescheduled:,} of {write_count(window.sessions, 'session')} in "
        f"{RISK_DAYS} days, {write_percent(window.rate)}; the limit is {after.risk_threshold:g}%."
    )


def _tell_margin(after: TutorFigures) -> str:
    """How far it is to the other side of the limit, as long as no counted session leaves the window."""
    window, limit = after.window(RISK_DAYS), after.risk_threshold
    if window.rate is None or limit <= 0:
        return ""
    if after.is_high_risk:
        needed = ceil(100 * window.rescheduled / limit) - window.sessions  # n + k >= 100 r / limit
        held = write_count(needed, "more session")
        return f"{held} without a reschedule would bring the rate back to {limit:g}% or less."
    sessions, rescheduled = window.sessions + 1, window.rescheduled + 1
    if 100 * rescheduled > limit * sessions:
        rate = write_percent(100 * rescheduled / sessions)
        return f"One more session rescheduled by the tutor would bring the rate to {rate}, and make it high risk."
    return ""


def _tell_recent(after: TutorFigures) -> str:
    week, month = after.window(7), after.window(RISK_DAYS)
    if week.rate is None or month.rate is None or week.sessions < LEAST_RECENT or week.sessions == month.sessions:
        return ""
    apart = week.rate - month.rate
    if abs(apart) < WORTH_TELLING:
        return ""
    kind, side = ("worse", "above") if apart > 0 else ("better", "below")
    return (
        f"The last 7 days were {kind}: {week.rescheduled:,} of {week.sessions:,} rescheduled "
        f"({write_percent(week.rate)}), {write_points(apart)} {side} the rate of {RISK_DAYS} days."
    )


def _tell_no_shows(status: str, after: TutorFigures) -> str:
    if status != "no_show" or after.no_shows_90d == 0:
        return ""
    sessions = write_count(after.total_sessions_90d, "session")
    return f"{write_count(after.no_shows_90d, 'no-show')} among the tutor's {sessions} of 90 days."


def _tell_few(after: TutorFigures) -> str:
    sessions = after.window(RISK_DAYS).sessions
    if not 0 < sessions < FEW_SESSIONS:
        return ""
    if sessions == 1:
        return f"One session in {RISK_DAYS} days says little: the rate rests on it alone."
    points = write_points(100 / sessions)
    return f"{sessions} sessions in {RISK_DAYS} days are few: a single one moves the rate by {points}."


def _tell_not_counted(report: SessionReport, zone: str) -> str:
    if report.counts_from < report.processed_at:
        return ""
    why = ", when it was to begin" if report.counts_from == report.scheduled_time else ""
    return f"The rates count the session from {write_time(report.counts_from, zone)} on{why}."


def _tell_no_change(before: TutorFigures | None, after: TutorFigures) -> str:
    if before is None:
        return "These are the tutor's first figures, so there is nothing to compare them with."
    return "No figure of the tutor changed." if before == after else ""
