"""Models as bytes that the database vouches for, every decision about which one serves, and runs in shadow."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from records.columns import TARGETS
from records.tables.base import between, metadata, moment, one_of, uuid_key

ALIASES = ("champion", "previous", "challenger")
DECISIONS = ("promoted", "kept", "refused", "rolled_back")

models = Table(
    "models",
    metadata,
    uuid_key(),
    Column("target", Text, nullable=False),
    Column("version", Text, nullable=False),  # v1, v2, ... per target
    Column("alias", Text),  # null: kept, but none of the three
    Column("booster", LargeBinary, nullable=False),  # XGBoost UBJSON
    Column("manifest", Text, nullable=False),  # JSON text, byte for byte what the hash covers
    Column("sha256", Text, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("mlflow_run_id", Text),
    moment("created_at", default="now()"),
    one_of("target", TARGETS),
    one_of("alias", ALIASES),
    UniqueConstraint("target", "version"),
    CheckConstraint("version ~ '^v[1-9][0-9]*$'", name="version_form"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_form"),
)
Index(
    "uq_models_target_alias",
    models.c.target,
    models.c.alias,
    unique=True,
    postgresql_where=models.c.alias.is_not(None),
)

model_decisions = Table(
    "model_decisions",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=uuid_key().server_default),
    Column("target", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("version", Text),  # the model decided on; null where the data gave none
    Column("sha256", Text),  # of that model: what the version stood for
    Column("champion_before", Text),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),  # who or what decided: the gate, or a person
    Column("metrics", JSONB, nullable=False),  # of challenger, champion, base rate and rule on the same window
    Column("mlflow_run_id", Text),
    moment("decided_at", default="now()"),
    one_of("target", TARGETS),
    one_of("decision", DECISIONS),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_form"),
)
Index("ix_model_decisions_target_decided_at", model_decisions.c.target, model_decisions.c.decided_at.desc())

# A challenger that predicts beside the champion, and answers nobody, until `ends_at`.
shadow_runs = Table(
    "shadow_runs",
    metadata,
    Column("target", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    moment("started_at"),
    moment("ends_at"),
    Column("actor", Text, nullable=False),
    one_of("target", TARGETS),
    CheckConstraint("ends_at >= started_at", name="times_in_order"),
)

# What both said at the first moment at which a session ahead, or for match the first session of a pair, was seen.
shadow_predictions = Table(
    "shadow_predictions",
    metadata,
    Column("target", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("probability", Double, nullable=False),
    Column("champion_version", Text, nullable=False),
    Column("champion_probability", Double, nullable=False),
    moment("predicted_at"),
    between("probability", 0, 1),
    between("champion_probability", 0, 1),
    one_of("target", TARGETS),
)
Index("ix_shadow_predictions_session_id", shadow_predictions.c.session_id)
