"""Commits that change what pages show tell so, whoever makes them."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CHANGES = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}  # and which of their rows there are to look for
SHOWN = "name, email, is_active"  # of a tutor


def upgrade() -> None:
    # However often it is told in a transaction, PostgreSQL delivers it once. A statement that changes no row tells
    # nothing: commits that tell wait for each other.
    op.execute(
        "CREATE FUNCTION tell_changes() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NOTIFY tqs_changes; RETURN NULL; END'"
    )
    op.execute(
        "CREATE FUNCTION tell_changed_rows() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF EXISTS (SELECT FROM changed) THEN NOTIFY tqs_changes; END IF; RETURN NULL; END'"
    )
    for table, events in {"tutors": ("INSERT", "DELETE"), "tutor_scores": ("INSERT", "UPDATE", "DELETE")}.items():
        for event in events:
            op.execute(
                f"CREATE TRIGGER tell_{event.lower()} AFTER {event} ON {table} "
                f"REFERENCING {CHANGES[event]} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_rows()"
            )
        op.execute(
            f"CREATE TRIGGER tell_truncate AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION tell_changes()"
        )
    old, new = (", ".join(f"{row}.{name}" for name in SHOWN.split(", ")) for row in ("OLD", "NEW"))
    op.execute(
        f"CREATE TRIGGER tell_update AFTER UPDATE OF {SHOWN} ON tutors FOR EACH ROW "
        f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION tell_changes()"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION tell_changes, tell_changed_rows CASCADE")  # and with them their triggers
