"""Training runs from their begin, so that one that ended without a word is known too."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text

from records.columns import TARGETS
from records.tables.base import metadata, moment, one_of, uuid_key

RUN_STATES = ("running", "finished", "failed", "lost")

training_runs = Table(
    "training_runs",
    metadata,
    uuid_key(),
    Column("target", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="running"),
    Column("seed", Integer, nullable=False),
    Column("trials", Integer, nullable=False),
    Column("code_commit", Text, nullable=False),  # "" outside a checkout
    Column("lock_sha256", Text, nullable=False),
    Column("mlflow_run_id", Text),  # null: the lab book could not be reached
    Column("folder", Text),  # below TQS_HOME: snapshot and executed notebooks
    Column("snapshot_sha256", Text),  # null: it did not come to that; so too the window of its rows' scheduled times
    moment("window_from", nullable=True),
    moment("window_to", nullable=True),
    Column("version", Text),  # null: no model was saved
    Column("reason", Text),  # why it did not end well
    moment("started_at", default="now()"),
    moment("ended_at", nullable=True),
    one_of("target", TARGETS),
    one_of("state", RUN_STATES),
    CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended_unless_running"),
    CheckConstraint("snapshot_sha256 ~ '^[0-9a-f]{64}$'", name="snapshot_sha256_form"),
)
Index("ix_training_runs_target_started_at", training_runs.c.target, training_runs.c.started_at.desc())
