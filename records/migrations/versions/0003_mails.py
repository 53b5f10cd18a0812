"""What sending mails needs: when and by whom a mail is tried, the figures it tells, digests, notices to operators."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MAILS = "email_reports"


def upgrade() -> None:
    for column in (
        sa.Column("digest_id", sa.Uuid),
        moment("period_end", nullable=True),
        sa.Column("facts", JSONB),
        moment("not_before", default="now()"),
        moment("leased_until", nullable=True),
        sa.Column("lease_token", sa.Uuid),
    ):
        op.add_column(MAILS, column)
    op.create_foreign_key(
        "fk_email_reports_digest_id_email_reports", MAILS, MAILS, ["digest_id"], ["id"], ondelete="SET NULL"
    )
    op.drop_constraint("uq_email_reports_message_id", MAILS)
    op.create_index("uq_email_reports_message_id_recipient", MAILS, ["message_id", "recipient"], unique=True)
    op.create_index("uq_email_reports_recipient_period_end", MAILS, ["recipient", "period_end"], unique=True)
    op.create_index("ix_email_reports_digest_id", MAILS, ["digest_id"])
    op.create_index(
        "ix_email_reports_due",
        MAILS,
        ["not_before", "id"],
        postgresql_where=sa.text("state = 'pending' AND digest_id IS NULL"),
    )
    op.create_index(
        "ix_email_reports_failed",
        MAILS,
        ["updated_at"],
        postgresql_where=sa.text("state = 'failed' AND digest_id IS NULL"),
    )
    op.create_index(
        "ix_email_reports_recipient_sent_at",
        MAILS,
        ["recipient", "sent_at"],
        postgresql_where=sa.text("kind = 'session_report' AND digest_id IS NULL"),
    )
    know_kinds("session_report", "reminder", "digest", "notice")
    for name, condition in (
        ("digest_has_period", "(kind = 'digest') = (period_end IS NOT NULL)"),
        ("only_reports_in_digests", "digest_id IS NULL OR kind = 'session_report'"),
    ):
        op.create_check_constraint(op.f(f"ck_email_reports_{name}"), MAILS, condition)


def downgrade() -> None:
    # What the older schema has no place for was for the senders of the newer one.
    op.execute(f"DELETE FROM {MAILS} WHERE kind IN ('digest', 'notice')")
    op.execute(f"DELETE FROM {MAILS} a USING {MAILS} b WHERE a.message_id = b.message_id AND a.recipient > b.recipient")
    know_kinds("session_report", "reminder", "digest")
    for column in ("lease_token", "leased_until", "not_before", "facts", "period_end", "digest_id"):
        op.drop_column(MAILS, column)  # and with it its constraints and indexes
    op.drop_index("uq_email_reports_message_id_recipient", MAILS)
    op.create_unique_constraint("uq_email_reports_message_id", MAILS, ["message_id"])


def know_kinds(*kinds: str) -> None:
    op.drop_constraint("ck_email_reports_kind_known", MAILS)
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("ck_email_reports_kind_known"), MAILS, f"kind IN ({allowed})")


def moment(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        nullable=nullable,
        server_default=sa.text(default) if default else None,
    )
