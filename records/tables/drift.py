"""What the daily drift watch found: a row for each day, target and thing that was looked at, and one for all of it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Double, Integer, Table, Text, UniqueConstraint

from records.columns import TARGETS
from records.tables.base import created_updated, metadata, one_of, uuid_key

DRIFT_VERDICTS = ("drift", "stable", "no verdict")
RETRAININGS = ("retrained", "held back")

drift_reports = Table(
    "drift_reports",
    metadata,
    uuid_key(),
    Column("day", Date, nullable=False),  # the watched day, in UTC
    Column("target", Text, nullable=False),
    Column("subject", Text, nullable=False),  # a feature, prediction, rate, performance, ..., or overall
    Column("window_days", Integer),  # how many days up to the watched one were compared; null: none
    Column("statistic_name", Text),
    Column("statistic", Double),
    Column("threshold", Double),  # from where on the statistic is drift; null: no verdict
    Column("low", Double),  # the 95 % interval, where there is one
    Column("high", Double),
    Column("n_current", BigInteger, nullable=False),
    Column("n_reference", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("model_version", Text),  # the champion's; null: none served
    Column("page", Text),  # Evidently's page, below TQS_HOME
    Column("new_rows", BigInteger),  # since the champion was trained, of `overall`; null: nothing was compared
    Column("trained_rows", BigInteger),  # that the champion learned from
    Column("retraining", Text),  # what followed, of `overall`; null: nothing was to follow
    Column("retraining_reason", Text),
    *created_updated(),
    one_of("target", TARGETS),
    one_of("verdict", DRIFT_VERDICTS),
    one_of("retraining", RETRAININGS),
    UniqueConstraint("target", "day", "subject"),
    CheckConstraint("retraining IS NULL OR subject = 'overall'", name="retraining_of_overall"),
    CheckConstraint("(retraining IS NULL) = (retraining_reason IS NULL)", name="retraining_has_reason"),
)
