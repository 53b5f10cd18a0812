"""Groups of rows that a reader asks about, cut from the features themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

# feature, name of the grouping, lower edges of all groups but the first, names of the groups
_CUTS: Final = (
    ("hours_until_session", "lead time", (24, 72, 168), ("under a day", "1–3 days", "3–7 days", "a week and more")),
    ("tutor_total_sessions_30d", "tutor's sessions in 30 days", (1, 10), ("none", "1–9", "10 and more")),
    ("time_of_day_category", "time of day", (1, 2, 3), ("morning", "afternoon", "evening", "night")),
    ("student_is_known", "student", (1,), ("new", "known")),
    ("student_age", "student's age", (13, 18), ("under 13", "13–17", "18 and older")),
    ("style_mismatch", "teaching style", (0.25, 0.75), ("agrees", "not named", "differs")),
)

# grouping: names of its groups, in their order
GROUPS: Final = {grouping: names for _, grouping, _, names in _CUTS}


def group_rows(X: NDArray[np.floating], features: Sequence[str]) -> dict[str, NDArray[np.str_]]:
    """For each grouping that the features of a matrix (n, features) allow: the name of each row's group (n,)."""
    columns = {name: X[:, number] for number, name in enumerate(features)}
    return {
        grouping: np.array(names)[np.searchsorted(edges, columns[feature], side="right")]
        for feature, grouping, edges, names in _CUTS
        if feature in columns
    }
