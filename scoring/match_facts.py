"""What an explanation of a stored match prediction is written from, and its place beside the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from records.json_sql import json_columns, json_object
from scoring.explanation_prompt import tell_goals, tell_profile
from scoring.explanation_text import MatchFacts
from scoring.explanations import Contribution

_OUT_OF_5: Final = "{} out of 5"
STUDENT_UNITS: Final = {
    "age": "{} years",
    "preferred_pace": _OUT_OF_5,
    "preferred_teaching_style": "{}",
    "communication_style_preference": _OUT_OF_5,
    "urgency_level": _OUT_OF_5,
    "previous_tutoring_experience": "tutored {} times before",
    "previous_satisfaction": _OUT_OF_5,
}
TUTOR_UNITS: Final = {
    "age": "{} years",
    "experience_years": "{} years",
    "teaching_style": "{}",
    "preferred_pace": _OUT_OF_5,
    "communication_style": _OUT_OF_5,
    "confidence_level": _OUT_OF_5,
}


def gather_facts(prediction: Mapping[str, Any], people: Mapping[str, Any]) -> MatchFacts:
    """The facts out of a prediction as `scoring.pair_predictions` answers it and the answer to READ_PROFILES."""
    student, tutor = people["student"], people["tutor"]
    return MatchFacts(
        risk_level=prediction["risk_level"],
        fallback=prediction["fallback"],
        contributions=tuple(Contribution(**found) for found in prediction["contributions"]),
        student=tell_profile(student, STUDENT_UNITS),
        tutor=tell_profile(tutor, TUTOR_UNITS),
        learning_goals=tell_goals(student["learning_goals"], [student["name"], tutor["name"]]),
    )


_STUDENT: Final = json_columns(("name", "learning_goals", *STUDENT_UNITS), "s")
_TUTOR: Final = json_columns(("name", *TUTOR_UNITS), "t")
READ_PROFILES: Final = f"""
    SELECT {json_object({"student": json_object(_STUDENT), "tutor": json_object(_TUTOR)})}::text
    FROM students s, tutors t WHERE s.id = $1 AND t.id = $2"""
"""$1 student, $2 tutor. Their names are for leaving them out of the learning goals."""

STORE_EXPLANATION: Final = """
    WITH stored AS (
        UPDATE match_predictions SET ai_explanation = $3
        WHERE id = $1 AND updated_at = $2 AND ai_explanation IS DISTINCT FROM $3 RETURNING student_id, tutor_id
    ), noted AS (
        INSERT INTO audit_log (actor, action, subject)
        SELECT $4, 'explain match', student_id || '/' || tutor_id FROM stored
    ) SELECT 'stored' FROM stored"""
"""$1 id of the prediction, $2 its updated_at, $3 the text: stored unless the prediction has changed since; $4 the actor
of the audit log."""
