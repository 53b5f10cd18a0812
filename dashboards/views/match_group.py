"""An assignment of a group beside what taking the best pair first gives: totals, pairs, and the table to export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from markupsafe import Markup

from dashboards.components.data_table import Cell, TableColumn, TableRow
from dashboards.csv_export import CsvTable
from dashboards.formats import NOTHING, format_percent
from dashboards.views.match_cards import show_churn
from scoring.assignment import AssignedPair, Assignment, ComparedAssignment

SAME: Final = 0.005  # fewer students expected to leave than that are written as none

ASSIGNMENT_COLUMNS: Final[list[TableColumn]] = [
    {"key": "student", "title": "Student"},
    {"key": "tutor", "title": "Tutor"},
    {"key": "churn", "title": "Likely to leave"},
    {"key": "fit", "title": "Compatibility", "numeric": True, "hidden_below": 560},
    {
        "key": "greedy",
        "title": "Best pair first gives",
        "help": "Whom the student gets where the best pair is taken first, then the best of those that are left",
        "hidden_below": 720,
    },
]
EXPORTED: Final = (
    "student_id",
    "student",
    "tutor_id",
    "tutor",
    "churn_probability",
    "risk_level",
    "compatibility_score",
    "pace_mismatch",
    "style_mismatch",
    "communication_mismatch",
    "age_difference",
)

TOTALS: Final = (
    "Students with a tutor",
    "Expected to leave",
    "Likely to leave, mean",
    "Compatibility, sum",
    "Compatibility, mean",
)

Names = Mapping[UUID, str]


def render_totals(found: ComparedAssignment) -> Markup:
    """Both assignments in figures, and the difference in words."""
    rows = Markup("").join(
        Markup("<tr><th scope=row>{}</th><td>{}</td><td>{}</td></tr>").format(title, best, greedy)
        for title, best, greedy in zip(TOTALS, _tell_totals(found.best), _tell_totals(found.greedy), strict=True)
    )
    return Markup(
        "<p class=verdict role=status><span class=icon aria-hidden=true>{icon}</span>{verdict}</p>"
        "<table><thead><tr><td></td><th scope=col>Best assignment</th><th scope=col>Best pair first</th></tr></thead>"
        "<tbody>{rows}</tbody></table>"
    ).format(icon="balance" if found.saved < SAME else "trending_down", verdict=tell_verdict(found), rows=rows)


def tell_verdict(found: ComparedAssignment) -> str:
    """What the best assignment is better by, in a sentence."""
    if not found.best.matches:
        return "There is no room: no student gets a tutor."
    if found.saved < SAME:
        return "Taking the best pair first would do as well here."
    return f"{found.saved:.2f} fewer students expected to leave than by taking the best pair first."


def tell_unmatched(found: Assignment, students: Names) -> str:
    """Who is left without a tutor; empty where nobody is."""
    if not found.unmatched:
        return ""
    named = ", ".join(students.get(one, NOTHING) for one in found.unmatched[:10])
    more = f" and {len(found.unmatched) - 10:,} more" if len(found.unmatched) > 10 else ""
    return f"Without a tutor, since there is no room left: {named}{more}."


def show_assignment(
    pairs: Sequence[AssignedPair], greedy: Mapping[UUID, UUID], students: Names, tutors: Names
) -> list[TableRow]:
    """One row a pair, cells by the keys of ASSIGNMENT_COLUMNS. greedy: student to tutor."""
    return [
        {
            "id": str(pair.student_id),
            "cells": {
                "student": {"text": students.get(pair.student_id, NOTHING)},
                "tutor": {"text": tutors.get(pair.tutor_id, NOTHING)},
                "churn": show_churn(pair.risk_level, pair.churn_probability),
                "fit": {"text": f"{100 * pair.compatibility_score:.0f}%", "share": pair.compatibility_score},
                "greedy": _show_greedy(greedy.get(pair.student_id), pair.tutor_id, tutors),
            },
        }
        for pair in pairs
    ]


def make_table(found: Assignment, students: Names, tutors: Names) -> CsvTable:
    """The pairs as they are exported, those without a tutor at the end."""
    pairs = [
        (
            pair.student_id,
            students.get(pair.student_id),
            pair.tutor_id,
            tutors.get(pair.tutor_id),
            round(pair.churn_probability, 6),
            pair.risk_level,
            round(pair.compatibility_score, 6),
            pair.pace_mismatch,
            pair.style_mismatch,
            pair.communication_mismatch,
            pair.age_difference,
        )
        for pair in found.matches
    ]
    left = [(one, students.get(one), *[None] * (len(EXPORTED) - 2)) for one in found.unmatched]
    return CsvTable("assignment", EXPORTED, [*pairs, *left])


def _show_greedy(tutor_id: UUID | None, best: UUID, tutors: Names) -> Cell:
    if tutor_id is None:
        return {"text": "no tutor", "tone": "quiet"}
    if tutor_id == best:
        return {"text": "the same", "tone": "quiet"}
    return {"text": tutors.get(tutor_id, NOTHING)}


def _tell_totals(one: Assignment) -> tuple[str, ...]:
    """In the order of TOTALS."""
    return (
        f"{len(one.matches):,}",
        f"{one.total_churn_risk:.2f}",
        format_percent(_percent(one.avg_churn_risk)),
        f"{one.total_compatibility:.2f}",
        _whole(one.avg_compatibility),
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _whole(fraction: float | None) -> str:
    return NOTHING if fraction is None else f"{100 * fraction:.0f}%"
