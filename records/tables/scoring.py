"""What we believe: tutor scores with their daily history, and stored predictions."""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from records.tables.base import between, created_updated, metadata, moment, one_of, uuid_key

RISK_LEVELS = ("low", "medium", "high")
WINDOWS = (7, 30, 90)  # days


def _scores() -> list[Any]:
    """Rates are percentages 0-100, null where the window holds no session; trend is a difference of fractions."""
    columns: list[Any] = []
    for days in WINDOWS:
        columns += [
            Column(f"reschedule_rate_{days}d", Double),
            Column(f"total_sessions_{days}d", Integer, nullable=False),
            Column(f"tutor_reschedules_{days}d", Integer, nullable=False),
            between(f"reschedule_rate_{days}d", 0, 100),
        ]
    return [
        *columns,
        Column("no_shows_90d", Integer, nullable=False),
        Column("reschedule_trend", Double),
        Column("is_high_risk", Boolean, nullable=False),
        Column("risk_threshold", Double, nullable=False),
        between("reschedule_trend", -1, 1),
        between("risk_threshold", 0, 100),
    ]


# What changes here, or the name of a tutor, is told to those that listen (records/listening.py) by triggers.
tutor_scores = Table(
    "tutor_scores",
    metadata,
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), primary_key=True),
    *_scores(),
    moment("last_calculated_at"),
    *created_updated(),
)
Index(
    "ix_tutor_scores_reschedule_rate_30d",
    tutor_scores.c.reschedule_rate_30d.desc().nulls_last(),
    tutor_scores.c.tutor_id,
)
Index(
    "ix_tutor_scores_total_sessions_30d",
    tutor_scores.c.total_sessions_30d.desc().nulls_last(),
    tutor_scores.c.tutor_id,
)

tutor_score_history = Table(
    "tutor_score_history",
    metadata,
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    *_scores(),
)

match_predictions = Table(
    "match_predictions",
    metadata,
    uuid_key(),
    Column("student_id", Uuid, ForeignKey("students.id", ondelete="CASCADE"), nullable=False),
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), nullable=False),
    Column("churn_probability", Double, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("compatibility_score", Double, nullable=False),
    Column("pace_mismatch", Double, nullable=False),
    Column("style_mismatch", Double, nullable=False),
    Column("communication_mismatch", Double, nullable=False),
    Column("age_difference", Double, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("contributions", JSONB),  # null: not asked for yet
    Column("ai_explanation", Text),
    *created_updated(),
    between("churn_probability", 0, 1),
    between("compatibility_score", 0, 1),
    one_of("risk_level", RISK_LEVELS),
    CheckConstraint("fallback = (model_version = 'rule')", name="fallback_is_rule"),
)
Index(
    "uq_match_predictions_student_id_tutor_id",
    match_predictions.c.student_id,
    match_predictions.c.tutor_id,
    unique=True,
)
Index("ix_match_predictions_tutor_id", match_predictions.c.tutor_id)

session_reschedule_predictions = Table(
    "session_reschedule_predictions",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    moment("scheduled_time"),  # of the session as it was predicted: one that was moved since is not predicted yet
    Column("target", Text, nullable=False),
    Column("probability", Double, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("fallback", Boolean, nullable=False),
    moment("predicted_at"),
    Column("features_json", JSONB, nullable=False),
    Column("contributions", JSONB),  # null: of low risk and not asked for yet
    *created_updated(),
    between("probability", 0, 1),
    one_of("risk_level", RISK_LEVELS),
    one_of("target", ("reschedule", "no_show")),
    CheckConstraint("fallback = (model_version = 'rule')", name="fallback_is_rule"),
)
Index(
    "uq_session_reschedule_predictions_session_id_target",
    session_reschedule_predictions.c.session_id,
    session_reschedule_predictions.c.target,
    unique=True,
)
# All that a list of the sessions ahead needs in order to be filtered, counted and sorted.
Index(
    "ix_session_reschedule_predictions_listed",
    session_reschedule_predictions.c.scheduled_time,
    session_reschedule_predictions.c.session_id,
    postgresql_include=["probability", "risk_level"],
    postgresql_where=session_reschedule_predictions.c.target == "reschedule",
)

# The first prediction of each day (UTC) that a later one took the place of, until the session is long over.
former_predictions = Table(
    "former_predictions",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("target", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    moment("scheduled_time"),
    Column("probability", Double, nullable=False),
    Column("model_version", Text, nullable=False),
    moment("predicted_at"),
    Column("features", ARRAY(Double), nullable=False),  # in the catalogue's order, which a model shares or is refused
    between("probability", 0, 1),
    one_of("target", ("reschedule", "no_show")),
)

# An explanation depends on its key alone (SHA-256 of all that it was written from), so similar pairs share one.
explanations = Table(
    "explanations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("text", Text),  # null: somebody has been writing it since created_at
    Column("source", Text),
    moment("created_at", default="now()"),
    one_of("source", ("llm", "rules")),
    CheckConstraint("(text IS NULL) = (source IS NULL)", name="source_of_text"),
    CheckConstraint("length(text) <= 2000", name="text_length"),
)
