"""Tutors and students, each with the versions of their profile.

The person's row holds the profile as it is now; `*_profiles` holds every version with the moment from which it is
valid. A first version without a date of its own counts as always having been valid (1970-01-01).
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from records.columns import TEACHING_STYLES
from records.tables.base import between, created_updated, metadata, moment, one_of, uuid_key

SOURCES = ("world", "import", "api")
SEXES = ("male", "female", "other")
MAX_AGE = 120


def _tutor_profile() -> list[Any]:
    return [
        Column("age", SmallInteger),
        Column("sex", Text),
        Column("experience_years", Integer),
        Column("teaching_style", Text),
        Column("preferred_pace", SmallInteger),
        Column("communication_style", SmallInteger),
        Column("confidence_level", SmallInteger),
        Column("preferred_student_level", Text),
        Column("preferences_json", JSONB),
        between("age", 0, MAX_AGE),
        one_of("sex", SEXES),
        CheckConstraint("experience_years BETWEEN 0 AND 100", name="experience_years_range"),
        one_of("teaching_style", TEACHING_STYLES),
        between("preferred_pace", 1, 5),
        between("communication_style", 1, 5),
        between("confidence_level", 1, 5),
        CheckConstraint("length(preferred_student_level) <= 100", name="preferred_student_level_length"),
    ]


def _student_profile() -> list[Any]:
    return [
        Column("age", SmallInteger),
        Column("sex", Text),
        Column("preferred_pace", SmallInteger),
        Column("preferred_teaching_style", Text),
        Column("communication_style_preference", SmallInteger),
        Column("urgency_level", SmallInteger),
        Column("learning_goals", Text),
        Column("previous_tutoring_experience", Integer),
        Column("previous_satisfaction", SmallInteger),
        Column("preferences_json", JSONB),
        between("age", 0, MAX_AGE),
        one_of("sex", SEXES),
        between("preferred_pace", 1, 5),
        one_of("preferred_teaching_style", TEACHING_STYLES),
        between("communication_style_preference", 1, 5),
        between("urgency_level", 1, 5),
        CheckConstraint("length(learning_goals) <= 500", name="learning_goals_length"),
        CheckConstraint("previous_tutoring_experience >= 0", name="previous_tutoring_experience_range"),
        between("previous_satisfaction", 1, 5),
    ]


def _identity() -> list[Any]:
    return [
        uuid_key(),
        Column("external_id", Text, unique=True),  # the id in the company's own files, where it is no UUID
        Column("name", Text(collation="C"), nullable=False),  # names compare by code point
        Column("source", Text, nullable=False),
        one_of("source", SOURCES),
        CheckConstraint("length(name) BETWEEN 1 AND 255", name="name_length"),
        CheckConstraint("length(external_id) BETWEEN 1 AND 255", name="external_id_length"),
        # When something that match predictions rest on last changed: those stored before it are stale.
        moment("inputs_changed_at", default="now()"),
    ]


tutors = Table(
    "tutors",
    metadata,
    *_identity(),
    Column("email", Text),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    *_tutor_profile(),
    *created_updated(),
    CheckConstraint("length(email) <= 320", name="email_length"),
)
# Lists show the active ones: by name, or by their scores but for those removed.
Index("ix_tutors_active_name_id", tutors.c.name, tutors.c.id, postgresql_where=tutors.c.is_active)
Index("ix_tutors_removed_id", tutors.c.id, postgresql_where=~tutors.c.is_active)

students = Table("students", metadata, *_identity(), *_student_profile(), *created_updated())
Index("ix_students_name_id", students.c.name, students.c.id)

tutor_profiles = Table(
    "tutor_profiles",
    metadata,
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), primary_key=True),
    Column("valid_from", moment("valid_from").type, primary_key=True),
    moment("recorded_at", nullable=True),  # when we were told; null: at valid_from itself (imports)
    *_tutor_profile(),
)

student_profiles = Table(
    "student_profiles",
    metadata,
    Column("student_id", Uuid, ForeignKey("students.id", ondelete="CASCADE"), primary_key=True),
    Column("valid_from", moment("valid_from").type, primary_key=True),
    moment("recorded_at", nullable=True),
    *_student_profile(),
)

PROFILE_COLUMNS = {
    "tutors": tuple(c.name for c in _tutor_profile() if isinstance(c, Column)),
    "students": tuple(c.name for c in _student_profile() if isinstance(c, Column)),
}
