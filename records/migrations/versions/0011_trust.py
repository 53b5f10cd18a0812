"""What was predicted of a session before, so that a prediction that changed can be explained and judged."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_predictions",
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("scheduled_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("features", ARRAY(sa.Double), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "target", "day", name="pk_former_predictions"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_former_predictions_session_id_sessions", ondelete="CASCADE"
        ),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_former_predictions_probability_range")),
        sa.CheckConstraint("target IN ('reschedule', 'no_show')", name=op.f("ck_former_predictions_target_known")),
    )


def downgrade() -> None:
    op.drop_table("former_predictions")
