"""Students and tutors as cards of the matching page."""

from __future__ import annotations

from collections.abc import Container
from typing import Final
from uuid import UUID

from dashboards.components.data_table import Cell
from dashboards.components.person_cards import PersonCard
from dashboards.formats import format_percent
from dashboards.views.notices import Notice
from dashboards.views.risk import RISKS
from scoring.match_people import StudentCard, TutorCard
from scoring.shrinkage import FEW_SESSIONS
from scoring.student_risks import StudentRisk
from scoring.tutor_ranking import RankedTutor

NO_STUDENTS: Final = Notice(
    "group_add", "No students yet", "Bring your own records, or look around in a made-up world:", ("tqs import DIR",)
)
NO_STUDENT_MATCHES: Final = Notice("search_off", "No student matches", "Change the search or the filter.")
NO_TUTORS: Final = Notice("group_add", "No tutors yet", "Bring your own records:", ("tqs import DIR", "tqs demo"))
NO_TUTOR_MATCHES: Final = Notice("search_off", "No tutor matches", "Change the search.")


def show_student(student: StudentCard, group: Container[UUID], risk: StudentRisk | None = None) -> PersonCard:
    """Name, age, pace and style; `risk`: what is stored of the student with the current tutor."""
    card: PersonCard = {
        "id": str(student.id),
        "name": student.name,
        "note": _join(
            None if student.age is None else f"{student.age} years",
            None if student.preferred_pace is None else f"pace {student.preferred_pace}",
            student.preferred_teaching_style,
        ),
        "collected": student.id in group,
    }
    if risk is not None:
        whom: Cell = {"text": f"with {risk.tutor_name}", "tone": "quiet"}
        card["badges"] = [show_churn(risk.risk_level, risk.churn_probability), whom]
    return card


def show_tutor(
    tutor: TutorCard, ranked: RankedTutor | None, group: Container[UUID], *, current: bool = False
) -> PersonCard:
    """Name, pace and style with the flag of the reschedules; `ranked`: what is predicted with the chosen student."""
    card: PersonCard = {
        "id": str(tutor.id),
        "name": tutor.name,
        "note": _join(
            None if tutor.preferred_pace is None else f"pace {tutor.preferred_pace}",
            tutor.teaching_style,
            tell_years(tutor.experience_years),
        ),
        "badges": [show_reschedules(tutor)],
        "collected": tutor.id in group,
    }
    if current:
        card["tag"] = "Current tutor"
    if ranked is not None:
        card["badges"] = [show_churn(ranked.risk_level, ranked.churn_probability), *card["badges"]]
        card["share"] = ranked.compatibility_score
        card["share_label"] = f"Compatibility {100 * ranked.compatibility_score:.0f}%"
    return card


def show_churn(risk_level: str, probability: float) -> Cell:
    """The badge of how likely a student leaves: word, icon, colour and figure."""
    word, icon, tone = RISKS[risk_level]
    return {"text": f"{word} {format_percent(100 * probability)}", "icon": icon, "tone": tone, "badge": True}


def show_reschedules(tutor: TutorCard) -> Cell:
    """The tutor's own flag, which is about rescheduled sessions and not about the student."""
    if not tutor.total_sessions_30d:
        return {"text": "No sessions in 30 days", "icon": "remove", "tone": "quiet"}
    few = tutor.total_sessions_30d < FEW_SESSIONS
    detail = "few sessions" if few else ""
    if tutor.is_high_risk:
        return {"text": "Reschedules often", "icon": "event_repeat", "tone": "bad", "detail": detail}
    return {"text": "Keeps sessions", "icon": "event_available", "tone": "good", "detail": detail}


def tell_years(years: int | None) -> str | None:
    """How long somebody has been tutoring."""
    if years is None:
        return None
    return "new to tutoring" if years == 0 else "1 year of tutoring" if years == 1 else f"{years} years of tutoring"


def _join(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part) or "nothing told of preferences"
