"""Sessions that are to be processed again once they count, and those that were lost found without reading all that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_items", sa.Column("counts_from", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_work_items_lost",
        "work_items",
        ["not_before", "id"],
        postgresql_where=sa.text("state = 'pending' AND attempts > errors"),
    )


def downgrade() -> None:
    op.drop_index("ix_work_items_lost", "work_items")
    op.drop_column("work_items", "counts_from")
