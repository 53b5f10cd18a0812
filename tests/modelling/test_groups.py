from __future__ import annotations

import numpy as np

from modelling.groups import group_rows


def test_edges_belong_to_the_group_above():
    X = np.array([[0.0, 0], [23.9, 1], [24.0, 9], [71.9, 10], [72.0, 11], [168.0, 0]])
    got = group_rows(X, ("hours_until_session", "tutor_total_sessions_30d"))
    assert got["lead time"].tolist() == ["under a day"] * 2 + ["1–3 days"] * 2 + ["3–7 days", "a week and more"]
    assert got["tutor's sessions in 30 days"].tolist() == [
        "none", "1–9", "1–9", "10 and more", "10 and more", "none",
    ]  # fmt: skip
    assert len(got) == 2
