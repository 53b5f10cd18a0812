"""What running the product needs: work to do, mails, interventions, keys, people, audit, imports."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from records.tables.base import created_updated, metadata, moment, one_of, uuid_key

SCOPES = ("read", "ingest", "admin")
ROLES = ("viewer", "coach", "admin")
JOB_KINDS = ("generate_all", "refresh_all", "refresh_tutor", "refresh_student")
INTERVENTIONS = ("reminder", "call", "reassign", "note")
MAILS = ("session_report", "reminder", "digest", "notice")

# Rows of sessions to process. A claim sets attempts + 1, a lease and a token; only its holder may finish it.
work_items = Table(
    "work_items",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("former_tutor_id", Uuid, ForeignKey("tutors.id", ondelete="SET NULL")),  # whose session it was before
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("errors", Integer, nullable=False, server_default=text("0")),
    moment("not_before", default="now()"),
    moment("counts_from", nullable=True),  # waits from then on, to be processed again; null: from the start
    moment("leased_until", nullable=True),
    Column("lease_token", Uuid),
    Column("last_error", Text),
    *created_updated(),
    one_of("state", ("pending", "done", "failed")),
)
Index(
    "ix_work_items_open",
    work_items.c.not_before,
    work_items.c.id,
    postgresql_where=text("state <> 'done'"),
)
# Being processed, or lost.
Index(
    "ix_work_items_lost",
    work_items.c.not_before,
    work_items.c.id,
    postgresql_where=text("state = 'pending' AND attempts > errors"),
)
Index("ix_work_items_session_id", work_items.c.session_id)

# Work that a request started and did not wait for. A claim sets a lease and a token; only its holder writes progress.
jobs = Table(
    "jobs",
    metadata,
    uuid_key(),
    Column("kind", Text, nullable=False),
    Column("subject_id", Uuid),  # the tutor or student that it is about; null: all of them
    Column("state", Text, nullable=False, server_default="pending"),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("total", BigInteger),  # null: not counted yet
    Column("created", BigInteger, nullable=False, server_default=text("0")),
    Column("existing", BigInteger, nullable=False, server_default=text("0")),
    Column("error", Text),
    Column("actor", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("leased_until", nullable=True),
    Column("lease_token", Uuid),
    *created_updated(),
    one_of("kind", JOB_KINDS),
    one_of("state", ("pending", "running", "done", "failed")),
)
Index("ix_jobs_open", jobs.c.created_at, jobs.c.id, postgresql_where=text("state IN ('pending', 'running')"))

# Mails to send and sent, a row a recipient. A row is written with what makes one; its text is written when it is sent.
# A claim sets attempts + 1, a lease and a token; only its holder may say what became of it.
email_reports = Table(
    "email_reports",
    metadata,
    uuid_key(),
    Column("kind", Text, nullable=False, server_default="session_report"),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("intervention_id", Uuid, ForeignKey("interventions.id", ondelete="CASCADE"), unique=True),  # of a reminder
    Column("digest_id", Uuid, ForeignKey("email_reports.id", ondelete="SET NULL")),  # the mail that tells it instead
    moment("period_end", nullable=True),  # of a digest: the end of the hour or day that it tells of
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", JSONB),  # figures as they were when it was queued
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("not_before", default="now()"),
    moment("leased_until", nullable=True),
    Column("lease_token", Uuid),
    Column("message_id", Text, nullable=False),
    Column("error", Text),
    moment("sent_at", nullable=True),
    *created_updated(),
    one_of("kind", MAILS),
    one_of("state", ("pending", "sent", "failed")),
    CheckConstraint("(kind = 'reminder') = (intervention_id IS NOT NULL)", name="reminder_is_intervention"),
    CheckConstraint("(kind = 'digest') = (period_end IS NOT NULL)", name="digest_has_period"),
    CheckConstraint("digest_id IS NULL OR kind = 'session_report'", name="only_reports_in_digests"),
)
# The same mail is queued once for each recipient, however often what it is about is processed.
Index("uq_email_reports_message_id_recipient", email_reports.c.message_id, email_reports.c.recipient, unique=True)
Index("uq_email_reports_recipient_period_end", email_reports.c.recipient, email_reports.c.period_end, unique=True)
Index("ix_email_reports_session_id", email_reports.c.session_id)
Index("ix_email_reports_digest_id", email_reports.c.digest_id)
Index(
    "ix_email_reports_due",
    email_reports.c.not_before,
    email_reports.c.id,
    postgresql_where=text("state = 'pending' AND digest_id IS NULL"),
)
Index(
    "ix_email_reports_failed",
    email_reports.c.updated_at,
    postgresql_where=text("state = 'failed' AND digest_id IS NULL"),
)
# How many reports somebody was sent within the hour.
Index(
    "ix_email_reports_recipient_sent_at",
    email_reports.c.recipient,
    email_reports.c.sent_at,
    postgresql_where=text("kind = 'session_report' AND digest_id IS NULL"),
)

interventions = Table(
    "interventions",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE")),  # null: about the tutor
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("note", Text),
    Column("actor", Text, nullable=False),
    *created_updated(),
    one_of("kind", INTERVENTIONS),
    CheckConstraint("kind <> 'reminder' OR session_id IS NOT NULL", name="reminder_of_session"),
)
Index("ix_interventions_session_id", interventions.c.session_id)
Index("ix_interventions_tutor_id", interventions.c.tutor_id)
Index("ix_interventions_created_at_id", interventions.c.created_at.desc(), interventions.c.id)  # the newest of all

api_keys = Table(
    "api_keys",
    metadata,
    uuid_key(),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 of a 256-bit random key: nothing to guess, so no salt
    Column("prefix", Text, nullable=False),  # the first characters, to tell keys apart in a list
    Column("scopes", ARRAY(Text), nullable=False),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    moment("last_used_at", nullable=True),
    *created_updated(),
    CheckConstraint(f"scopes <@ ARRAY{list(SCOPES)!r}::text[] AND cardinality(scopes) > 0", name="scopes_known"),
)

people = Table(
    "people",
    metadata,
    uuid_key(),
    Column("login", Text, nullable=False, unique=True),  # as `access.people.read_login` writes it
    Column("role", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("password_hash", Text),  # of `access.passwords`; null: logs in elsewhere
    # Another one with every new password and removal; a login is good for as long as it stays.
    Column("security_stamp", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    *created_updated(),
    one_of("role", ROLES),
    CheckConstraint("length(login) BETWEEN 1 AND 320 AND login <> 'admin'", name="login_form"),
    CheckConstraint("password_hash LIKE 'scrypt$%'", name="password_hash_form"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    moment("at", default="clock_timestamp()"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("details", JSONB),
)
Index("ix_audit_log_at", audit_log.c.at)

imports = Table(
    "imports",
    metadata,
    uuid_key(),
    Column("file", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("inserted", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    moment("imported_at", default="now()"),
    one_of("kind", ("tutors", "students", "sessions")),
)

import_rejects = Table(
    "import_rejects",
    metadata,
    Column("import_id", Uuid, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("line", BigInteger, primary_key=True),  # of the file, the header being line 1
    Column("reason", Text, nullable=False),
    Column("row", JSONB, nullable=False),
)
