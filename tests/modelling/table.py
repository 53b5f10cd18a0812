"""A training table drawn from known probabilities, in the form that the features room gives."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue import names_of

DAY_US = 86_400_000_000
GAP = 7 * DAY_US


def make_table(rows: int = 6000, target: str = "reschedule", seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows over 300 days and their true probabilities; two features matter, the rest is noise."""
    rng = np.random.default_rng(seed)
    names = names_of(target)
    frame = pd.DataFrame(rng.random((rows, len(names))), columns=list(names))
    first, second = (
        ("compatibility_score", "tutor_confidence")
        if target == "match"
        else ("tutor_reschedule_rate_30d", "session_duration_minutes")
    )
    frame[second] = rng.normal(60, 10, rows)
    for sessions in [name for name in names if name.startswith("tutor_total_sessions")]:
        frame[sessions] = rng.integers(0, 20, rows).astype(float)
    p = 1 / (1 + np.exp(-(3 * (frame[first].to_numpy() - 0.5) + (frame[second].to_numpy() - 60) / 12 - 1.6)))
    start = pd.Timestamp("2025-01-01", tz="UTC")
    scheduled = start + pd.to_timedelta(np.sort(rng.uniform(0, 300, rows)), unit="D").round("us")
    frame["as_of"] = scheduled - pd.Timedelta(days=2)
    frame["scheduled_time"] = scheduled
    frame["label"] = (rng.random(rows) < p).astype(np.int8)
    frame["label_known"] = scheduled + pd.Timedelta(hours=1)
    times = scheduled.as_unit("us").asi8
    boundary = times[int(0.8 * rows)]
    frame["part"] = np.where(times >= boundary, "test", "development")
    frame["weight"] = 1.0
    keep = (times >= boundary) | (times < boundary - GAP)
    return frame[keep].reset_index(drop=True), p[keep]
