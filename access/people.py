"""People who may see the dashboards, and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from records.tables.operations import people


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in. role: of `records.tables.operations.ROLES`."""

    login: str
    role: str
    is_active: bool
    created_at: datetime


def find_person(engine: Engine, login: str) -> Person | None:
    """Who is called so, also where they were removed; None where nobody is."""
    query = select(*(people.c[name] for name in Person.__dataclass_fields__)).where(people.c.login == login)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Person(**row._mapping)
