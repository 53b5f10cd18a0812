"""Sessions and the reschedules that moved or cancelled them."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, SmallInteger, Table, Text, Uuid, desc

from records.columns import STATUSES
from records.tables.base import between, created_updated, metadata, moment, one_of, uuid_key
from records.tables.people import SOURCES

INITIATORS = ("tutor", "student")
EARLIEST_YEAR = 2000

sessions = Table(
    "sessions",
    metadata,
    uuid_key(),
    Column("tutor_id", Uuid, ForeignKey("tutors.id"), nullable=False),
    Column("student_id", Text, nullable=False),  # a student's UUID where known here, any other text as it came
    moment("scheduled_time"),  # the original one, also after a reschedule
    moment("booked_at", nullable=True),
    moment("completed_time", nullable=True),
    Column("duration_minutes", SmallInteger),  # the booked length, whatever became of the session
    Column("subject", Text),
    Column("status", Text, nullable=False),
    moment("recorded_at", nullable=True),  # when we were told of the booking; null: when it was made (imports)
    moment("outcome_recorded_at", nullable=True),  # when we were told of the outcome; null: when it happened
    Column("source", Text, nullable=False),
    *created_updated(),
    one_of("status", STATUSES),
    one_of("source", SOURCES),
    between("duration_minutes", 1, 300),
    CheckConstraint("length(student_id) BETWEEN 1 AND 255", name="student_id_length"),
    CheckConstraint("length(subject) <= 255", name="subject_length"),
    CheckConstraint("booked_at <= scheduled_time", name="booked_before_scheduled"),
    CheckConstraint("completed_time >= scheduled_time", name="completed_after_scheduled"),
    CheckConstraint("completed_time IS NULL OR status = 'completed'", name="completed_time_only_completed"),
    CheckConstraint(
        f"scheduled_time >= '{EARLIEST_YEAR}-01-01 00:00:00+00' AND scheduled_time < '2100-01-01 00:00:00+00'",
        name="scheduled_time_range",
    ),
    CheckConstraint(f"booked_at >= '{EARLIEST_YEAR - 10}-01-01 00:00:00+00'", name="booked_at_range"),
)
Index("ix_sessions_tutor_id_scheduled_time", sessions.c.tutor_id, desc(sessions.c.scheduled_time))
# A student's recent sessions, and all that a student had with one tutor: also where many are told of as one student.
Index(
    "ix_sessions_student_id_tutor_id_scheduled_time",
    sessions.c.student_id,
    sessions.c.tutor_id,
    sessions.c.scheduled_time,
)
Index("ix_sessions_scheduled_time_id", sessions.c.scheduled_time, sessions.c.id)
# Which subjects there are, and who taught one of them in some time.
Index(
    "ix_sessions_subject_scheduled_time",
    sessions.c.subject,
    sessions.c.scheduled_time,
    postgresql_include=["tutor_id"],
    postgresql_where=sessions.c.subject.is_not(None),
)
# The sessions ahead, however many are over, with all that a list of them is filtered and sorted by.
Index(
    "ix_sessions_scheduled",
    sessions.c.scheduled_time,
    sessions.c.id,
    postgresql_include=["tutor_id", "student_id"],
    postgresql_where=sessions.c.status == "scheduled",
)

reschedules = Table(
    "reschedules",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("initiator", Text, nullable=False),
    moment("original_time"),
    moment("new_time", nullable=True),  # null: cancelled
    Column("reason", Text),
    Column("reason_code", Text),
    moment("cancelled_at", nullable=True),
    *created_updated(),
    one_of("initiator", INITIATORS),
    CheckConstraint("new_time > original_time", name="new_after_original"),
    CheckConstraint("length(reason_code) <= 100", name="reason_code_length"),
)
