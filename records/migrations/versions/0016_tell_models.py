"""Commits that decide about models or find drift tell so: pages show at once which model serves."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TOLD = {"model_decisions": ("INSERT",), "drift_reports": ("INSERT", "UPDATE")}


def upgrade() -> None:
    for table, events in TOLD.items():
        for event in events:
            op.execute(
                f"CREATE TRIGGER tell_{event.lower()} AFTER {event} ON {table} "
                "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_rows()"
            )


def downgrade() -> None:
    for table, events in TOLD.items():
        for event in events:
            op.execute(f"DROP TRIGGER tell_{event.lower()} ON {table}")
