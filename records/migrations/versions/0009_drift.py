"""What the drift watch finds, a row for each day, target and thing looked at; the table before it never had a row."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("drift_reports")
    op.create_table(
        "drift_reports",
        sa.Column("id", sa.Uuid, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("window_days", sa.Integer),
        sa.Column("statistic_name", sa.Text),
        sa.Column("statistic", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("n_current", sa.BigInteger, nullable=False),
        sa.Column("n_reference", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text),
        sa.Column("page", sa.Text),
        sa.Column("new_rows", sa.BigInteger),
        sa.Column("trained_rows", sa.BigInteger),
        sa.Column("retraining", sa.Text),
        sa.Column("retraining_reason", sa.Text),
        moment("created_at"),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_drift_reports"),
        sa.UniqueConstraint("target", "day", "subject", name="uq_drift_reports_target_day_subject"),
        sa.CheckConstraint(
            "target IN ('match', 'reschedule', 'no_show')", name=op.f("ck_drift_reports_target_known")
        ),
        sa.CheckConstraint("verdict IN ('drift', 'stable', 'no verdict')", name=op.f("ck_drift_reports_verdict_known")),
        sa.CheckConstraint("retraining IN ('retrained', 'held back')", name=op.f("ck_drift_reports_retraining_known")),
        sa.CheckConstraint(
            "retraining IS NULL OR subject = 'overall'", name=op.f("ck_drift_reports_retraining_of_overall")
        ),
        sa.CheckConstraint(
            "(retraining IS NULL) = (retraining_reason IS NULL)", name=op.f("ck_drift_reports_retraining_has_reason")
        ),
    )


def downgrade() -> None:
    op.drop_table("drift_reports")
    op.create_table(
        "drift_reports",
        sa.Column("id", sa.Uuid, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        moment("created_at"),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_drift_reports"),
        sa.CheckConstraint(
            "target IN ('match', 'reschedule', 'no_show')", name=op.f("ck_drift_reports_target_known")
        ),
        sa.CheckConstraint("verdict IN ('stable', 'drift', 'no_verdict')", name=op.f("ck_drift_reports_verdict_known")),
    )
    op.create_index("ix_drift_reports_target_window_to", "drift_reports", ["target", sa.text("window_to DESC")])


def moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
