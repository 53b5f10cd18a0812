"""The best tutors for a student, each with the difference to the chosen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from dashboards.components.data_table import Cell, TableColumn, TableRow
from dashboards.formats import NOTHING, format_points
from dashboards.views.match_cards import show_churn, show_reschedules
from scoring.match_people import TutorCard
from scoring.tutor_ranking import RankedTutor

EQUAL: Final = 0.0005  # differences below it are written as none

RANKING_COLUMNS: Final[list[TableColumn]] = [
    {"key": "name", "title": "Tutor"},
    {"key": "churn", "title": "Likely to leave", "help": "How likely the student is not to come back to this tutor"},
    {
        "key": "difference",
        "title": "Against the chosen",
        "help": "Likely to leave with this tutor minus with the chosen one, percentage points",
        "numeric": True,
    },
    {"key": "fit", "title": "Compatibility", "numeric": True, "hidden_below": 560},
    {"key": "reschedules", "title": "Reschedules", "hidden_below": 720},
]


def show_ranking(
    ranked: Sequence[RankedTutor], cards: Mapping[UUID, TutorCard], chosen: RankedTutor | None
) -> list[TableRow]:
    """One row a tutor, cells by the keys of RANKING_COLUMNS; one who was removed a moment ago has none."""
    return [
        {
            "id": str(one.tutor_id),
            "cells": {
                "name": {"text": cards[one.tutor_id].name, "detail": f"place {one.place + 1:,}"},
                "churn": show_churn(one.risk_level, one.churn_probability),
                "difference": show_difference(one, chosen),
                "fit": {"text": f"{100 * one.compatibility_score:.0f}%", "share": one.compatibility_score},
                "reschedules": show_reschedules(cards[one.tutor_id]),
            },
        }
        for one in ranked
        if one.tutor_id in cards
    ]


def show_difference(one: RankedTutor, chosen: RankedTutor | None) -> Cell:
    """How much likelier (worse) or less likely (better) the student leaves than with the chosen tutor."""
    if chosen is None:
        return {"text": NOTHING, "tone": "quiet"}
    if one.tutor_id == chosen.tutor_id:
        return {"text": "chosen", "icon": "check_circle", "tone": "quiet"}
    difference = one.churn_probability - chosen.churn_probability
    if abs(difference) < EQUAL:
        return {"text": "the same", "tone": "quiet"}
    if difference < 0:
        return {"text": format_points(difference), "icon": "thumb_up", "tone": "good"}
    return {"text": format_points(difference), "icon": "thumb_down", "tone": "bad"}
