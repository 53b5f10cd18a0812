"""What is recorded of two models, for a decision that nobody measured anew: a promotion by hand, a rollback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from records.tables.models import model_decisions, models

COMPARED: Final = ("challenger", "champion", "base_rate", "rule", "window")


def recorded_metrics(connection: Connection, target: str, version: str, champion: str | None) -> Mapping[str, Any]:
    """What is recorded of a saved model (as `challenger`) and of the champion that it replaces (None: of none).

    On the same `window`, with base rate and rule, where the gate compared just these two, whichever of them was the
    challenger then. Else, without a window, what each was measured at when it was trained.
    """
    found = _find_comparison(connection, target, version, champion)
    if found is not None:
        return {name: found[name] for name in COMPARED}
    found = None if champion is None else _find_comparison(connection, target, champion, version)
    if found is not None:
        swapped = {"challenger": found["champion"], "champion": found["challenger"]}
        return {name: found[name] for name in COMPARED} | swapped
    own = select(models.c.version, models.c.metrics).where(
        models.c.target == target, models.c.version.in_([version, champion])
    )
    metrics = {row.version: row.metrics for row in connection.execute(own)}
    return {"challenger": metrics[version], "champion": metrics.get(champion)}


def _find_comparison(
    connection: Connection, target: str, challenger: str, champion: str | None
) -> Mapping[str, Any] | None:
    query = (
        select(model_decisions.c.metrics)
        .where(
            model_decisions.c.target == target,
            model_decisions.c.version == challenger,
            model_decisions.c.champion_before.is_not_distinct_from(champion),
            model_decisions.c.metrics.has_key("window"),
        )
        .order_by(model_decisions.c.decided_at.desc())
        .limit(1)
    )
    found: Mapping[str, Any] | None = connection.scalar(query)
    # A champion that could not be read, or that knew all of the window, was compared with nothing.
    return None if found is None or (champion is not None and found["champion"] is None) else found
