"""What running the product needs: work to do, mails, interventions, drift reports, keys, people, audit, imports."""

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

from records.columns import TARGETS
from records.tables.base import created_updated, metadata, moment, one_of, uuid_key

SCOPES = ("read", "ingest", "admin")
ROLES = ("viewer", "coach", "admin")
JOB_KINDS = ("generate_all", "refresh_all", "refresh_tutor", "refresh_student")
INTERVENTIONS = ("reminder", "call", "reassign", "note")
MAILS = ("session_report", "reminder", "digest")

# One row a session to process. A claim sets attempts + 1, a lease and a token; only its holder may finish it.
work_items = Table(
    "work_items",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("errors", Integer, nullable=False, server_default=text("0")),
    moment("not_before", default="now()"),
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

# Mails to send and sent. A row is written with what makes one; its text is rendered when it is sent.
email_reports = Table(
    "email_reports",
    metadata,
    uuid_key(),
    Column("kind", Text, nullable=False, server_default="session_report"),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("intervention_id", Uuid, ForeignKey("interventions.id", ondelete="CASCADE"), unique=True),  # of a reminder
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("message_id", Text, nullable=False, unique=True),
    Column("error", Text),
    moment("sent_at", nullable=True),
    *created_updated(),
    one_of("kind", MAILS),
    one_of("state", ("pending", "sent", "failed")),
    CheckConstraint("(kind = 'reminder') = (intervention_id IS NOT NULL)", name="reminder_is_intervention"),
)
Index("ix_email_reports_session_id", email_reports.c.session_id)

interventions = Table(
    "interventions",
    metadata,
    uuid_key(),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("tutor_id", Uuid, ForeignKey("tutors.id", ondelete="CASCADE")),
    Column("kind", Text, nullable=False),
    Column("note", Text),
    Column("actor", Text, nullable=False),
    *created_updated(),
    one_of("kind", INTERVENTIONS),
    CheckConstraint("session_id IS NOT NULL OR tutor_id IS NOT NULL", name="about_something"),
)
Index("ix_interventions_session_id", interventions.c.session_id)
Index("ix_interventions_tutor_id", interventions.c.tutor_id)

drift_reports = Table(
    "drift_reports",
    metadata,
    uuid_key(),
    Column("target", Text, nullable=False),
    moment("window_from"),
    moment("window_to"),
    Column("model_version", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("findings", JSONB, nullable=False),
    *created_updated(),
    one_of("target", TARGETS),
    one_of("verdict", ("stable", "drift", "no_verdict")),
)
Index("ix_drift_reports_target_window_to", drift_reports.c.target, drift_reports.c.window_to.desc())

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
    Column("login", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    *created_updated(),
    one_of("role", ROLES),
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
