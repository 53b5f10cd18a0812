"""Interventions are each about a tutor; automatic reminders with a hold-out of tutors."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE interventions i SET tutor_id = s.tutor_id FROM sessions s "
        "WHERE s.id = i.session_id AND i.tutor_id IS NULL"
    )
    op.alter_column("interventions", "tutor_id", nullable=False)
    op.drop_constraint("ck_interventions_about_something", "interventions")
    op.create_check_constraint(
        op.f("ck_interventions_reminder_of_session"), "interventions", "kind <> 'reminder' OR session_id IS NOT NULL"
    )
    op.create_index("ix_interventions_created_at_id", "interventions", [sa.text("created_at DESC"), "id"])
    op.create_table(
        "reminder_arms",
        sa.Column("tutor_id", sa.Uuid, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        moment("assigned_at"),
        sa.PrimaryKeyConstraint("tutor_id", name="pk_reminder_arms"),
        sa.ForeignKeyConstraint(
            ["tutor_id"], ["tutors.id"], name="fk_reminder_arms_tutor_id_tutors", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("tutor_id", "arm", name="uq_reminder_arms_tutor_id_arm"),
        sa.CheckConstraint("arm IN ('treated', 'hold_out')", name=op.f("ck_reminder_arms_arm_known")),
        sa.CheckConstraint("share > 0 AND share < 1", name=op.f("ck_reminder_arms_share_range")),
    )
    op.create_table(
        "automatic_reminders",
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("tutor_id", sa.Uuid, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("intervention_id", sa.Uuid),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        moment("decided_at"),
        sa.PrimaryKeyConstraint("session_id", name="pk_automatic_reminders"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_automatic_reminders_session_id_sessions", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tutor_id", "arm"],
            ["reminder_arms.tutor_id", "reminder_arms.arm"],
            name="fk_automatic_reminders_tutor_id_reminder_arms",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["intervention_id"],
            ["interventions.id"],
            name="fk_automatic_reminders_intervention_id_interventions",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("intervention_id", name="uq_automatic_reminders_intervention_id"),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_automatic_reminders_probability_range")),
        sa.CheckConstraint(
            "probability >= threshold AND threshold > 0", name=op.f("ck_automatic_reminders_above_threshold")
        ),
        sa.CheckConstraint(
            "(arm = 'treated') = (intervention_id IS NOT NULL)",
            name=op.f("ck_automatic_reminders_treated_are_reminded"),
        ),
    )
    op.create_index("ix_automatic_reminders_tutor_id", "automatic_reminders", ["tutor_id"])


def downgrade() -> None:
    op.drop_table("automatic_reminders")
    op.drop_table("reminder_arms")
    op.drop_index("ix_interventions_created_at_id", "interventions")
    op.drop_constraint("ck_interventions_reminder_of_session", "interventions")
    op.create_check_constraint(
        op.f("ck_interventions_about_something"), "interventions", "session_id IS NOT NULL OR tutor_id IS NOT NULL"
    )
    op.alter_column("interventions", "tutor_id", nullable=True)


def moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
