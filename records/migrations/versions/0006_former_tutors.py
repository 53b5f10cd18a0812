"""Work on a session that another tutor had before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_items", sa.Column("former_tutor_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_work_items_former_tutor_id_tutors",
        "work_items",
        "tutors",
        ["former_tutor_id"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_column("work_items", "former_tutor_id")
