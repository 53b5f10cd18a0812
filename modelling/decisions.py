"""The decisions about models: why each of them serves, or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from records.tables.models import model_decisions, models

Metrics = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a model serves or does not.

    decision: promoted, kept, refused or rolled_back.
    metrics: of the model decided on (`challenger`) and of the champion before, of base rate and rule, on the same
        `window`; without a window each of the two has its own. See `modelling.recipe.TrainedModel.compared_metrics`.
    sha256: of the model decided on; filled in where the decision is written.
    """

    target: str
    decision: str
    reason: str
    actor: str
    version: str | None = None
    champion_before: str | None = None
    metrics: Metrics | None = None
    mlflow_run_id: str | None = None
    decided_at: datetime | None = None
    sha256: str | None = None

    @property
    def warnings(self) -> list[str]:
        """What the gate had doubts about and let pass."""
        return list(((self.metrics or {}).get("test_part") or {}).get("warnings", ()))


def list_decisions(engine: Engine, target: str, limit: int = 20, *, version: str | None = None) -> list[Decision]:
    """The newest decisions on `target` first; with a version only those on that model."""
    query = (
        select(*(model_decisions.c[name] for name in Decision.__dataclass_fields__))
        .where(model_decisions.c.target == target)
        .order_by(model_decisions.c.decided_at.desc())
        .limit(limit)
    )
    if version is not None:
        query = query.where(model_decisions.c.version == version)
    with engine.connect() as connection:
        return [Decision(**row._mapping) for row in connection.execute(query)]


def find_last_change(engine: Engine, target: str) -> Decision | None:
    """The newest decision by which another model came to serve `target`; None where none ever did."""
    query = (
        select(*(model_decisions.c[name] for name in Decision.__dataclass_fields__))
        .where(model_decisions.c.target == target, model_decisions.c.decision.in_(("promoted", "rolled_back")))
        .order_by(model_decisions.c.decided_at.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Decision(**row._mapping)


def find_test_part(engine: Engine, target: str, version: str) -> Metrics | None:
    """What `modelling.evidence` tells of a model on rows that it never saw; None where no decision holds it."""
    test_part = model_decisions.c.metrics["test_part"]
    query = (
        select(test_part)
        .where(model_decisions.c.target == target, model_decisions.c.version == version)
        .where(model_decisions.c.metrics.has_key("test_part"))
        .order_by(model_decisions.c.decided_at.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        found: Metrics | None = connection.scalar(query)
    return found


def write_decision(connection: Connection, decision: Decision) -> None:
    """Keep a decision, inside the connection's transaction."""
    values = {name: getattr(decision, name) for name in Decision.__dataclass_fields__ if name != "decided_at"}
    sha256 = (
        select(models.c.sha256)
        .where(models.c.target == decision.target, models.c.version == decision.version)
        .scalar_subquery()
    )
    values |= {"metrics": dict(decision.metrics or {}), "sha256": sha256}
    connection.execute(insert(model_decisions).values(**values))
