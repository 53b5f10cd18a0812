"""Who the tutor is, and the rates in figures: what stands at the top of the tutor's page."""

from __future__ import annotations

from markupsafe import Markup

from dashboards.formats import NOTHING, format_count, format_day, format_percent
from dashboards.views.tutor_table import show_flag, show_trend
from scoring.shrinkage import FEW_SESSIONS
from scoring.tutor_list import ListedTutor
from scoring.tutor_person import TutorPerson

LikelyRate = tuple[float, float, float]


def render_head(person: TutorPerson, zone: str) -> Markup:
    """The way back, the e-mail address, since when they teach, and the profile."""
    items = (
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(title, value) for title, value in describe_profile(person)
    )
    return Markup(
        "<section class=head><a class=back href='tutors'><span class=icon aria-hidden=true>arrow_back</span>"
        "All tutors</a><p>{email}<span class=state>{state}</span></p><dl class=profile>{profile}</dl></section>"
    ).format(
        email=Markup("<span class=email>{}</span>").format(person.email) if person.email else "",
        state=describe_state(person, zone),
        profile=Markup("").join(items),
    )


def describe_state(person: TutorPerson, zone: str) -> str:
    """Whether the tutor teaches, and since or until when."""
    if person.first_session is None or person.last_session is None:
        return "Active, no session yet" if person.is_active else "Former tutor, without a session"
    if person.is_active:
        return f"Active, first session on {format_day(person.first_session, zone)}"
    return (
        f"Former tutor, sessions from {format_day(person.first_session, zone)} "
        f"to {format_day(person.last_session, zone)}"
    )


def describe_profile(person: TutorPerson) -> list[tuple[str, str]]:
    """The profile as titles and words; what is not known is a dash."""
    return [
        ("Age", _count(person.age, "year")),
        ("Experience", _count(person.experience_years, "year")),
        ("Style", (person.teaching_style or NOTHING).capitalize()),
        ("Pace", _scale(person.preferred_pace)),
        ("Communication", _scale(person.communication_style)),
        ("Confidence", _scale(person.confidence_level)),
        ("Preferred level", (person.preferred_student_level or NOTHING).capitalize()),
    ]


def render_figures(tutor: ListedTutor, likely: LikelyRate | None) -> Markup:
    """The flag, the rates of 7, 30 and 90 days with what they are of, the likely rate and the trend."""
    flag, trend = show_flag(tutor), show_trend(tutor.reschedule_trend)
    risk = flag["text"] if flag["tone"] == "quiet" else f"{flag['text']} risk"
    rates = Markup("").join(
        _render_figure(f"{days} days", format_percent(rate), _of(rate, sessions))
        for days, rate, sessions in (
            (7, tutor.reschedule_rate_7d, tutor.total_sessions_7d),
            (30, tutor.reschedule_rate_30d, tutor.total_sessions_30d),
            (90, tutor.reschedule_rate_90d, tutor.total_sessions_90d),
        )
    )
    return Markup(
        '<dl class=figures><div><dt>Risk</dt><dd><span class="flag {tone}"><span class=icon aria-hidden=true>{icon}'
        "</span>{risk}</span></dd></div>{rates}{likely}{trend}</dl>"
    ).format(
        tone=flag["tone"],
        icon=flag["icon"],
        risk=risk,
        rates=rates,
        likely=_render_likely(tutor, likely),
        trend=_render_figure("Trend", trend["text"], "7 days against 30", trend["tone"], trend.get("icon", "")),
    )


def _render_likely(tutor: ListedTutor, likely: LikelyRate | None) -> Markup:
    if likely is None:
        return _render_figure("Likely rate", NOTHING, "not enough sessions")
    rate, low, high = (100 * value for value in likely)
    few = ", few sessions" if (tutor.total_sessions_30d or 0) < FEW_SESSIONS else ""
    return _render_figure("Likely rate", format_percent(rate), f"{low:.0f}–{high:.0f}%{few}")


def _render_figure(title: str, figure: str, note: str, tone: str = "plain", icon: str = "") -> Markup:
    drawn = Markup("<span class=icon aria-hidden=true>{}</span>").format(icon) if icon else ""
    return Markup('<div><dt>{}</dt><dd class="{}">{}{}<small>{}</small></dd></div>').format(
        title, tone, drawn, figure, note
    )


def _of(rate: float | None, sessions: int | None) -> str:
    if rate is None or not sessions:
        return "no session"
    return f"{format_count(round(rate * sessions / 100))} of {format_count(sessions)}"


def _count(number: int | None, noun: str) -> str:
    return NOTHING if number is None else f"{number} {noun}{'' if number == 1 else 's'}"


def _scale(value: int | None) -> str:
    return NOTHING if value is None else f"{value} of 5"
