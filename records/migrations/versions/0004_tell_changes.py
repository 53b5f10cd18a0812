"""Commits that change what pages show tell so, whoever makes them."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SHOWN = {"tutors": "UPDATE OF name, email, is_active", "tutor_scores": "UPDATE"}


def upgrade() -> None:
    # However often it is told in a transaction, PostgreSQL delivers it once.
    op.execute(
        "CREATE FUNCTION tell_changes() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NOTIFY tqs_changes; RETURN NULL; END'"
    )
    for table, update in SHOWN.items():
        op.execute(
            f"CREATE TRIGGER tell_changes AFTER INSERT OR {update} OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION tell_changes()"
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION tell_changes CASCADE")  # and with it its triggers
