"""What the HTTP API writes: jobs, contributions, explanations, and when a person's inputs last changed."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PREDICTIONS = ("match_predictions", "session_reschedule_predictions")
PEOPLE = ("tutors", "students")
STORED = "session_reschedule_predictions"


def upgrade() -> None:
    for table in PREDICTIONS:
        op.add_column(table, sa.Column("contributions", JSONB, nullable=True))
    for table in PEOPLE:
        op.add_column(table, moment("inputs_changed_at", default="now()"))
    op.create_table(
        "explanations",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("text", sa.Text),
        sa.Column("source", sa.Text),
        moment("created_at", default="now()"),
        sa.PrimaryKeyConstraint("key", name="pk_explanations"),
        sa.CheckConstraint("source IN ('llm', 'rules')", name=op.f("ck_explanations_source_known")),
        sa.CheckConstraint("(text IS NULL) = (source IS NULL)", name=op.f("ck_explanations_source_of_text")),
        sa.CheckConstraint("length(text) <= 2000", name=op.f("ck_explanations_text_length")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("done", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("total", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("existing", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        moment("leased_until", nullable=True),
        sa.Column("lease_token", sa.Uuid),
        moment("created_at", default="now()"),
        moment("updated_at", default="now()"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.CheckConstraint(
            "kind IN ('generate_all', 'refresh_all', 'refresh_tutor', 'refresh_student')",
            name=op.f("ck_jobs_kind_known"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'failed')", name=op.f("ck_jobs_state_known")
        ),
    )
    op.create_index(
        "ix_jobs_open", "jobs", ["created_at", "id"], postgresql_where=sa.text("state IN ('pending', 'running')")
    )
    upgrade_tutor_lists()
    upgrade_sessions_ahead()
    upgrade_mails()


def upgrade_tutor_lists() -> None:
    """What the lists of active tutors walk, whatever they are sorted by."""
    op.drop_index("ix_tutors_name_id", "tutors")
    op.create_index("ix_tutors_active_name_id", "tutors", ["name", "id"], postgresql_where=sa.text("is_active"))
    op.create_index("ix_tutors_removed_id", "tutors", ["id"], postgresql_where=sa.text("NOT is_active"))
    op.create_index(
        "ix_tutor_scores_total_sessions_30d",
        "tutor_scores",
        [sa.text("total_sessions_30d DESC NULLS LAST"), "tutor_id"],
    )


def upgrade_sessions_ahead() -> None:
    """What lists of the sessions ahead walk, and what a student's and a pair's history is read by."""
    op.add_column(STORED, moment("scheduled_time", nullable=True))
    op.execute(f"UPDATE {STORED} p SET scheduled_time = s.scheduled_time FROM sessions s WHERE s.id = p.session_id")
    op.alter_column(STORED, "scheduled_time", nullable=False)
    op.drop_index(f"ix_{STORED}_target_risk_level", STORED)
    op.create_index(
        f"ix_{STORED}_listed",
        STORED,
        ["scheduled_time", "session_id"],
        postgresql_include=["probability", "risk_level"],
        postgresql_where=sa.text("target = 'reschedule'"),
    )
    op.create_index(
        "ix_sessions_scheduled",
        "sessions",
        ["scheduled_time", "id"],
        postgresql_include=["tutor_id", "student_id"],
        postgresql_where=sa.text("status = 'scheduled'"),
    )
    op.drop_index("ix_sessions_student_id", "sessions")
    op.create_index(
        "ix_sessions_student_id_scheduled_time", "sessions", ["student_id", "scheduled_time", "tutor_id"]
    )


def upgrade_mails() -> None:
    op.add_column("email_reports", sa.Column("kind", sa.Text, nullable=False, server_default="session_report"))
    op.add_column("email_reports", sa.Column("intervention_id", sa.Uuid))
    op.create_foreign_key(
        "fk_email_reports_intervention_id_interventions",
        "email_reports",
        "interventions",
        ["intervention_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_unique_constraint("uq_email_reports_intervention_id", "email_reports", ["intervention_id"])
    op.create_check_constraint(
        op.f("ck_email_reports_kind_known"), "email_reports", "kind IN ('session_report', 'reminder', 'digest')"
    )
    op.create_check_constraint(
        op.f("ck_email_reports_reminder_is_intervention"),
        "email_reports",
        "(kind = 'reminder') = (intervention_id IS NOT NULL)",
    )


def downgrade() -> None:
    op.drop_column("email_reports", "intervention_id")  # and with each of the two its constraints
    op.drop_column("email_reports", "kind")
    op.create_index("ix_sessions_student_id", "sessions", ["student_id"])
    op.drop_index("ix_sessions_student_id_scheduled_time", "sessions")
    op.drop_index("ix_sessions_scheduled", "sessions")
    op.drop_index(f"ix_{STORED}_listed", STORED)
    op.create_index(f"ix_{STORED}_target_risk_level", STORED, ["target", "risk_level"])
    op.drop_column(STORED, "scheduled_time")
    op.drop_index("ix_tutor_scores_total_sessions_30d", "tutor_scores")
    op.drop_index("ix_tutors_removed_id", "tutors")
    op.drop_index("ix_tutors_active_name_id", "tutors")
    op.create_index("ix_tutors_name_id", "tutors", ["name", "id"])
    op.drop_table("jobs")
    op.drop_table("explanations")
    for table in PEOPLE:
        op.drop_column(table, "inputs_changed_at")
    for table in PREDICTIONS:
        op.drop_column(table, "contributions")


def moment(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        nullable=nullable,
        server_default=sa.text(default) if default else None,
    )
