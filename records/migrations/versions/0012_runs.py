"""Training runs from their begin: what they were made from, and what became of those that ended without a word."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training_runs",
        sa.Column("id", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="running"),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("code_commit", sa.Text, nullable=False),
        sa.Column("lock_sha256", sa.Text, nullable=False),
        sa.Column("mlflow_run_id", sa.Text),
        sa.Column("folder", sa.Text),
        sa.Column("snapshot_sha256", sa.Text),
        moment("window_from", nullable=True),
        moment("window_to", nullable=True),
        sa.Column("version", sa.Text),
        sa.Column("reason", sa.Text),
        moment("started_at", server_default=sa.text("now()")),
        moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_training_runs"),
        sa.CheckConstraint("target IN ('match', 'reschedule', 'no_show')", name=op.f("ck_training_runs_target_known")),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'failed', 'lost')", name=op.f("ck_training_runs_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (ended_at IS NULL)", name=op.f("ck_training_runs_ended_unless_running")
        ),
        sa.CheckConstraint(
            "snapshot_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_training_runs_snapshot_sha256_form")
        ),
    )
    op.create_index(
        "ix_training_runs_target_started_at", "training_runs", ["target", sa.text("started_at DESC")]
    )


def downgrade() -> None:
    op.drop_table("training_runs")


def moment(name: str, *, nullable: bool = False, server_default: sa.TextClause | None = None) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default)
