"""The import form: which columns a file of tutors, students or sessions may have, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tqs.errors import RecordsError

Reading = Literal["id", "text", "integer", "boolean", "time", "json"]


@dataclass(frozen=True, slots=True)
class Form:
    """The columns of one kind of file: `columns` in the order of the staging table, and those it cannot do without."""

    kind: str
    required: frozenset[str]
    columns: dict[str, Reading]

    def check_header(self, header: list[str], file: str) -> None:
        """Refuse a header that lacks a required column or has a column that means nothing here.

        Raises
        ------
        RecordsError
            naming the columns.
        """
        expected = f"expected of {', '.join(self.columns)}"
        if len(set(header)) < len(header):
            twice = sorted({name for name in header if header.count(name) > 1})
            raise RecordsError(f"{file}: the header names {_quote(twice)} more than once; {expected}")
        missing = sorted(self.required - set(header))
        unknown = sorted(set(header) - set(self.columns) - IGNORED)
        if missing or unknown:
            faults = [f"lacks {_quote(missing)}"] if missing else []
            faults += [f"has the unknown {_quote(unknown)}"] if unknown else []
            raise RecordsError(
                f"{file}: the header {' and '.join(faults)}; {expected}, separated by commas "
                f"(required: {', '.join(name for name in self.columns if name in self.required)})"
            )


# What an export of the tables has beyond the form: of the database's own making.
IGNORED: Final = frozenset({"created_at", "updated_at", "source"})

TUTORS: Final = Form(
    "tutors",
    frozenset({"id", "name"}),
    {
        "id": "id",
        "name": "text",
        "email": "text",
        "is_active": "boolean",
        "age": "integer",
        "sex": "text",
        "experience_years": "integer",
        "teaching_style": "text",
        "preferred_pace": "integer",
        "communication_style": "integer",
        "confidence_level": "integer",
        "preferred_student_level": "text",
        "preferences_json": "json",
        "valid_from": "time",
    },
)
STUDENTS: Final = Form(
    "students",
    frozenset({"id", "name"}),
    {
        "id": "id",
        "name": "text",
        "age": "integer",
        "sex": "text",
        "preferred_pace": "integer",
        "preferred_teaching_style": "text",
        "communication_style_preference": "integer",
        "urgency_level": "integer",
        "learning_goals": "text",
        "previous_tutoring_experience": "integer",
        "previous_satisfaction": "integer",
        "preferences_json": "json",
        "valid_from": "time",
    },
)
SESSIONS: Final = Form(
    "sessions",
    frozenset({"id", "tutor_id", "student_id", "scheduled_time", "status"}),
    {
        "id": "id",
        "tutor_id": "id",
        "student_id": "text",
        "scheduled_time": "time",
        "booked_at": "time",
        "completed_time": "time",
        "duration_minutes": "integer",
        "subject": "text",
        "status": "text",
        "recorded_at": "time",
        "outcome_recorded_at": "time",
        "initiator": "text",
        "original_time": "time",
        "new_time": "time",
        "reason": "text",
        "reason_code": "text",
        "cancelled_at": "time",
    },
)
FORMS: Final = {form.kind: form for form in (TUTORS, STUDENTS, SESSIONS)}
RESCHEDULE_COLUMNS: Final = ("initiator", "original_time", "new_time", "reason", "reason_code", "cancelled_at")


def _quote(names: list[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {', '.join(repr(name) for name in names)}"
