"""Effects measured and drawn by Evidently, of which this is the only importer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from modelling.drift import Window


def measure_effects(window: Window, thresholds: Mapping[str, float], page: Path | None = None) -> dict[str, float]:
    """The normed Wasserstein distance of each column that `thresholds` names, between reference and watched rows.

    page: where Evidently's own page goes, some 4 MB of HTML: each column's two distributions with its verdict.
    """
    metrics = [ValueDrift(column=name, method="wasserstein", threshold=limit) for name, limit in thresholds.items()]
    # Said, not guessed: a column of few values would be taken for categories, which have no distance.
    definition = DataDefinition(numerical_columns=list(thresholds))
    current, reference = (
        Dataset.from_pandas(rows[list(thresholds)], data_definition=definition)
        for rows in (window.current, window.reference)
    )
    snapshot = Report(metrics, include_tests=True).run(current_data=current, reference_data=reference)
    if page is not None:
        snapshot.save_html(str(page))
    values = {metric["config"]["column"]: float(metric["value"]) for metric in snapshot.dict()["metrics"]}
    return {name: values[name] for name in thresholds}
