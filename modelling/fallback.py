"""The documented rules that answer where no model can.

match       churn = 1 − compatibility_score
reschedule  the tutor's reschedule rate over 30 days; 0.1 where the tutor has no session in them
no_show     the tutor's no-show rate over 90 days; 0.03 where the tutor has no session in them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tqs.errors import ModelError

RULE_VERSION: Final = "rule"
RESCHEDULE_RATE_OF_UNKNOWN_TUTOR: Final = 0.1
NO_SHOW_RATE_OF_UNKNOWN_TUTOR: Final = 0.03

Float64 = NDArray[np.float64]


def predict_by_rule(target: str, X: NDArray[np.floating], features: Sequence[str]) -> Float64:
    """Probabilities (n,) within [0, 1] by the target's rule.

    X: feature matrix (n, features), its columns named by `features`. Raises ModelError for an unknown target or a
    feature that the rule needs and the matrix does not have.
    """
    if target == "match":
        answer = 1.0 - _column(X, features, "compatibility_score")
    elif target == "reschedule":
        rate, sessions = (_column(X, features, f"tutor_{n}_30d") for n in ("reschedule_rate", "total_sessions"))
        answer = np.where(sessions > 0, rate, RESCHEDULE_RATE_OF_UNKNOWN_TUTOR)
    elif target == "no_show":
        rate, sessions = (_column(X, features, f"tutor_{n}_90d") for n in ("no_show_rate", "total_sessions"))
        answer = np.where(sessions > 0, rate, NO_SHOW_RATE_OF_UNKNOWN_TUTOR)
    else:
        raise ModelError(f"no rule for target {target!r}; known are match, reschedule and no_show")
    return np.clip(answer, 0.0, 1.0)


def _column(X: NDArray[np.floating], features: Sequence[str], name: str) -> Float64:
    if name not in features:
        raise ModelError(f"the rule needs the feature {name}, the matrix has {', '.join(features)}")
    return X[:, list(features).index(name)].astype(np.float64)
