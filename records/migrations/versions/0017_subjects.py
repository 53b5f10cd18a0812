"""Which subjects there are, and who taught one of them in some time, are found without looking at all sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEX = "ix_sessions_subject_scheduled_time"


def upgrade() -> None:
    op.create_index(
        INDEX,
        "sessions",
        ["subject", "scheduled_time"],
        postgresql_include=["tutor_id"],
        postgresql_where=sa.text("subject IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "sessions")
