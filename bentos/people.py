"""Students and tutors as JSON: what a client sends to make or change one, and what is answered."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bentos.fields import refuse_unstorable
from records.tables.people import MAX_AGE


def _refuse_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank; write a name")
    return value


# One @ and a host with a dot, nothing that would end the address in a mail's header; the rest only its host knows.
_LETTER: Final = r'[^\s@"<>(),:;\\\[\]\x00-\x1f\x7f]'
_ADDRESS: Final = re.compile(rf"(?!.*\.\.){_LETTER}+@(?!\.){_LETTER}+\.{_LETTER}*[^\W_]")


def _check_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("is no e-mail address; write it as name@example.org")
    return value


_storable: Final = AfterValidator(refuse_unstorable)
Name = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=255), _storable, AfterValidator(_refuse_blank)
]
Email = Annotated[
    str,
    StringConstraints(strict=True, max_length=320),
    _storable,
    AfterValidator(_check_address),
    Field(json_schema_extra={"format": "email"}),
]
Goals = Annotated[str, StringConstraints(strict=True, max_length=500), _storable]
Level = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100), _storable]
Sex = Literal["male", "female", "other"]
TeachingStyle = Literal["structured", "flexible", "interactive", "traditional", "modern"]
Age = Annotated[int, Field(ge=0, le=MAX_AGE, description="Years.")]
Scale = Annotated[int, Field(ge=1, le=5, description="From 1, the least, to 5, the most.")]
Preferences = Annotated[dict[str, Any], Field(description="Whatever else is to be remembered; no prediction reads it.")]


class Form(BaseModel):
    """Input: nothing unknown, no "5" for a 5, and no error that quotes what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Answer(BaseModel):
    """Output: every member is there, null where nothing is known."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class StudentPreferences(BaseModel):
    """What matching knows of a student."""

    age: Age | None = None
    sex: Sex | None = None
    preferred_pace: Scale | None = None
    preferred_teaching_style: TeachingStyle | None = None
    communication_style_preference: Scale | None = None
    urgency_level: Scale | None = None
    learning_goals: Goals | None = None
    previous_tutoring_experience: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    previous_satisfaction: Scale | None = None
    preferences_json: Preferences | None = None


class ListedTutorPreferences(BaseModel):
    """What matching knows of a tutor, as its list shows it."""

    age: Age | None = None
    sex: Sex | None = None
    experience_years: Annotated[int, Field(ge=0, le=100)] | None = None
    teaching_style: TeachingStyle | None = None
    preferred_pace: Scale | None = None
    communication_style: Scale | None = None
    confidence_level: Scale | None = None
    preferred_student_level: Level | None = None


class TutorPreferences(ListedTutorPreferences):
    """What matching knows of a tutor."""

    preferences_json: Preferences | None = None


class NewStudent(StudentPreferences, Form):
    """A student to be made; what is left out is not known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Zoë Example",
                    "age": 15,
                    "preferred_pace": 4,
                    "preferred_teaching_style": "interactive",
                    "communication_style_preference": 3,
                    "urgency_level": 4,
                    "learning_goals": "the exam in May",
                    "previous_tutoring_experience": 1,
                    "previous_satisfaction": 4,
                }
            ]
        }
    )

    name: Name


class NewTutor(TutorPreferences, Form):
    """A tutor to be made; what is left out is not known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Ada Example",
                    "email": "ada@example.org",
                    "experience_years": 3,
                    "teaching_style": "interactive",
                    "preferred_pace": 3,
                }
            ]
        }
    )

    name: Name
    email: Email | None = None


class Changes(Form):
    """Members to be changed: those that are there, null to clear one; the others stay as they are."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "examples": [{"preferred_pace": 4, "age": None}]})

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"there is nothing to change; name one of {', '.join(type(self).model_fields)}")
        return self


class StudentChanges(StudentPreferences, Changes):
    """Preferences of a student to be changed: those that are there, null to clear one."""


class TutorChanges(TutorPreferences, Changes):
    """Preferences of a tutor to be changed: those that are there, null to clear one."""


class Student(StudentPreferences, Answer):
    """A student with all preferences."""

    id: UUID
    name: str


class ListedStudent(Answer):
    """A student in the list."""

    id: UUID
    name: str
    age: int | None
    preferred_pace: int | None
    preferred_teaching_style: TeachingStyle | None


class StudentList(Answer):
    """Students in the order of their names, then of their ids."""

    students: list[ListedStudent]
    total: int
    limit: int
    offset: int


class ListedMatchingTutor(ListedTutorPreferences, Answer):
    """A tutor with preferences, as the list shows them."""

    id: UUID
    name: str
    email: str | None


class MatchingTutor(TutorPreferences, ListedMatchingTutor):
    """A tutor with all preferences."""
