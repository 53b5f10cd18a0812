"""Automatic reminders: which tutors get them, drawn once, and the sessions that called for one."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from records.tables.base import between, metadata, moment, one_of

ARMS = ("treated", "hold_out")

# Drawn when a tutor's session first called for a reminder, and kept: a reminder spills over to later sessions.
reminder_arms = Table(
    "reminder_arms",
    metadata,
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), primary_key=True),
    Column("arm", Text, nullable=False),
    Column("share", Double, nullable=False),  # how probable hold_out was when it was drawn
    moment("assigned_at"),
    one_of("arm", ARMS),
    CheckConstraint("share > 0 AND share < 1", name="share_range"),
    UniqueConstraint("tutor_id", "arm"),
)

# Sessions of both arms, found at the same moments by the same rule. Only those of treated tutors were reminded of.
automatic_reminders = Table(
    "automatic_reminders",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("tutor_id", Uuid, nullable=False),  # whose session it was then
    Column("arm", Text, nullable=False),
    Column("intervention_id", Uuid, ForeignKey("interventions.id", ondelete="CASCADE"), unique=True),
    Column("probability", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("model_version", Text, nullable=False),
    moment("decided_at"),
    ForeignKeyConstraint(["tutor_id", "arm"], ["reminder_arms.tutor_id", "reminder_arms.arm"], ondelete="CASCADE"),
    between("probability", 0, 1),
    CheckConstraint("probability >= threshold AND threshold > 0", name="above_threshold"),
    CheckConstraint("(arm = 'treated') = (intervention_id IS NOT NULL)", name="treated_are_reminded"),
)
Index("ix_automatic_reminders_tutor_id", automatic_reminders.c.tutor_id)
