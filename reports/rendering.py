"""Mails put into words: a subject, a page and the same as plain text. Pure: the same content gives the same letter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from reports import wording
from reports.contents import Digest, Notice, Outcomes, Place, Reminder, SessionReport
from reports.sentences import name_outcome, name_risk, tell_insights, tell_outcome
from reports.wording import clean, make_inert, write_clock, write_count, write_day, write_time

TEMPLATES: Final = Path(__file__).parent / "templates"
LONGEST_SUBJECT: Final = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is addressed. subject: one line."""

    subject: str
    text: str
    html: str


def write_subject(report: SessionReport, zone: str) -> str:
    """As in "High risk now: Ada Lovelace – session cancelled by the tutor, Wednesday, 11 March 2026, 13:00"."""
    risk, outcome, tutor = name_risk(report.before, report.after), name_outcome(report), clean(report.tutor)
    time = write_time(report.scheduled_time, zone)
    if risk in ("High risk now", "No longer high risk"):
        return f"{risk}: {tutor} – {outcome[0].lower()}{outcome[1:]}, {time}"
    return f"{outcome}: {tutor}, {time}"


def render_session_report(report: SessionReport, place: Place) -> Letter:
    """What became of a session, the tutor's rates beside those before, and what there is to know about it."""
    return _render(
        "session_report",
        write_subject(report, place.zone),
        place,
        report=report,
        outcome=name_outcome(report),
        story=tell_outcome(report, place.zone),
        risk=name_risk(report.before, report.after),
        rates=_compare(report),
        insights=tell_insights(report, place.zone),
        link=f"{place.page_url}/tutor?id={report.tutor_id}",
    )


def render_reminder(reminder: Reminder, subject: str, place: Place) -> Letter:
    """A session ahead, told to its tutor. subject: as it was queued."""
    return _render("reminder", subject, place, reminder=reminder)


def render_digest(digest: Digest, place: Place) -> Letter:
    """Many sessions in one mail: how many of each outcome, and the tutors to look at first."""
    outcomes, period = digest.outcomes, _name_period(digest, place.zone)
    told = [write_count(outcomes.total, "session")]
    if outcomes.by_tutor:
        told.append(f"{outcomes.by_tutor:,} rescheduled by tutors")
    if digest.newly_high_risk:
        told.append(f"{write_count(digest.newly_high_risk, 'tutor')} at high risk now")
    return _render(
        "digest",
        f"{', '.join(told)}: {period}",
        place,
        digest=digest,
        period=period,
        summary=f"{', '.join(told)}.",
        tell_outcomes=tell_outcomes,
        name_risk=name_risk,
        link=f"{place.page_url}/tutors",
        tutor_link=f"{place.page_url}/tutor?id=",
    )


def render_notice(notice: Notice, place: Place) -> Letter:
    """What has been failing for long, told to the operator."""
    what = f"{notice.count:,} {notice.what}"
    return _render("notice", f"Needs a look: {what}", place, notice=notice, what=what)


def tell_outcomes(outcomes: Outcomes) -> str:
    """ "4 sessions: 1 rescheduled by the tutor, 3 held"; what there was none of is left out."""
    counted = (
        (outcomes.by_tutor, "rescheduled by the tutor"),
        (outcomes.by_student, "rescheduled by the student"),
        (outcomes.no_show, "missed"),
        (outcomes.completed, "held"),
    )
    told = ", ".join(f"{count:,} {what}" for count, what in counted if count)
    return f"{write_count(outcomes.total, 'session')}: {told}"


def _name_period(digest: Digest, zone: str) -> str:
    """The local day, and unless that is wholly over by then up to when."""
    day, clock = write_day(digest.period_end - timedelta(microseconds=1), zone), write_clock(digest.period_end, zone)
    return day if clock == "00:00" else f"{day}, up to {clock}"


def _compare(report: SessionReport) -> list[dict[str, Any]]:
    """A row a window: what it holds, the rate, and the rate before."""
    if report.after is None:
        return []
    befores = [None] * 3 if report.before is None else [window.rate for window in report.before.windows]
    return [
        {"now": window, "before": before, "change": wording.write_change(before, window.rate)}
        for window, before in zip(report.after.windows, befores, strict=True)
    ]


def _render(name: str, subject: str, place: Place, **content: Any) -> Letter:
    line = clean(subject, LONGEST_SUBJECT)
    known = {"subject": line, "place": place, **content}
    return Letter(
        subject=line,
        text=_templates().get_template(f"{name}.txt.j2").render(known),
        html=_templates().get_template(f"{name}.html.j2").render(known),
    )


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html.j2",), disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        inert=make_inert,
        percent=wording.write_percent,
        count=wording.write_count,
        time=write_time,
        day=write_day,
        clock=write_clock,
    )
    return environment
