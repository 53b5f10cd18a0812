"""What all tables share: the metadata with its naming convention, and the columns that recur."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Uuid, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def uuid_key() -> Column[Any]:
    """A UUID primary key that the database fills."""
    return Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()"))


def moment(name: str, *, nullable: bool = False, default: str | None = None) -> Column[Any]:
    """A timestamptz."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text(default) if default else None)


def created_updated() -> tuple[Column[Any], Column[Any]]:
    """When the row came and when it last changed; writers set `updated_at`."""
    return moment("created_at", default="now()"), moment("updated_at", default="now()")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The column holds one of `values` (or null, where it may)."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def between(column: str, low: float, high: float) -> CheckConstraint:
    """The column lies in [low, high] (or is null, where it may be); NaN does not."""
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=f"{column}_range")
