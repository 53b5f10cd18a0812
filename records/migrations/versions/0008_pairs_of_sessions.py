"""What a student had with one tutor is found without looking at what the student had with others."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OLD, NEW = "ix_sessions_student_id_scheduled_time", "ix_sessions_student_id_tutor_id_scheduled_time"


def upgrade() -> None:
    op.create_index(NEW, "sessions", ["student_id", "tutor_id", "scheduled_time"])
    op.drop_index(OLD, "sessions")


def downgrade() -> None:
    op.create_index(OLD, "sessions", ["student_id", "scheduled_time", "tutor_id"])
    op.drop_index(NEW, "sessions")
