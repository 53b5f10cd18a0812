"""Decisions name the bytes they are about; challengers run in shadow."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TARGET = "target IN ('match', 'reschedule', 'no_show')"


def upgrade() -> None:
    op.add_column("model_decisions", sa.Column("sha256", sa.Text))
    op.execute(
        "UPDATE model_decisions d SET sha256 = m.sha256 FROM models m "
        "WHERE m.target = d.target AND m.version = d.version"
    )
    op.create_check_constraint(op.f("ck_model_decisions_sha256_form"), "model_decisions", "sha256 ~ '^[0-9a-f]{64}$'")
    op.create_table(
        "shadow_runs",
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        moment("started_at"),
        moment("ends_at"),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("target", "version", name="pk_shadow_runs"),
        sa.CheckConstraint(TARGET, name=op.f("ck_shadow_runs_target_known")),
        sa.CheckConstraint("ends_at >= started_at", name=op.f("ck_shadow_runs_times_in_order")),
    )
    op.create_table(
        "shadow_predictions",
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("champion_version", sa.Text, nullable=False),
        sa.Column("champion_probability", sa.Double, nullable=False),
        moment("predicted_at"),
        sa.PrimaryKeyConstraint("target", "version", "session_id", name="pk_shadow_predictions"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_shadow_predictions_session_id_sessions", ondelete="CASCADE"
        ),
        sa.CheckConstraint(TARGET, name=op.f("ck_shadow_predictions_target_known")),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_shadow_predictions_probability_range")),
        sa.CheckConstraint(
            "champion_probability BETWEEN 0 AND 1", name=op.f("ck_shadow_predictions_champion_probability_range")
        ),
    )
    op.create_index("ix_shadow_predictions_session_id", "shadow_predictions", ["session_id"])


def downgrade() -> None:
    op.drop_table("shadow_predictions")
    op.drop_table("shadow_runs")
    op.drop_constraint("ck_model_decisions_sha256_form", "model_decisions")
    op.drop_column("model_decisions", "sha256")


def moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
