"""Commits that record what was done about a session tell so: whoever has it open sees it."""

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

CHANGES = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}  # and which of their rows there are to look for


def upgrade() -> None:
    for event, rows in CHANGES.items():
        op.execute(
            f"CREATE TRIGGER tell_{event.lower()} AFTER {event} ON interventions "
            f"REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_rows()"
        )
    op.execute(
        "CREATE TRIGGER tell_truncate AFTER TRUNCATE ON interventions FOR EACH STATEMENT EXECUTE FUNCTION tell_changes()"
    )


def downgrade() -> None:
    for event in (*CHANGES, "TRUNCATE"):
        op.execute(f"DROP TRIGGER tell_{event.lower()} ON interventions")
