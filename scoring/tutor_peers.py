"""Where one tutor stands among the others, by the rate of 30 days as it is likely to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Engine, text

from scoring.shrinkage import Float64, RatePrior, fit_prior, likely_rates


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """The active tutors who had a session in 30 days.

    prior: None where too little is known of how tutors differ, and then there are no rates.
    rates: their likely rates, 0-1, ascending (n,).
    scored_at: when any tutor's scores were last computed; None where nobody has any.
    """

    prior: RatePrior | None
    rates: Float64
    scored_at: datetime | None

    def share_below(self, rate: float) -> float:
        """Which share of them, 0-1, has a lower likely rate; those of the same rate count half. NaN without any."""
        if not len(self.rates):
            return float("nan")
        below, up_to = (np.searchsorted(self.rates, rate, side=side) for side in ("left", "right"))
        return float(below + up_to) / 2 / len(self.rates)


def read_peers(engine: Engine) -> Peers:
    """All that the pages of single tutors hold them against; the same for each of them."""
    with engine.connect() as connection:
        scored_at = connection.scalar(_SCORED_AT)
        counts = np.array(connection.execute(_COUNTS).all(), dtype=np.int64).reshape(-1, 2)
    reschedules, sessions = counts[:, 0], counts[:, 1]
    prior = fit_prior(reschedules, sessions)
    if prior is None:
        return Peers(None, np.empty(0), scored_at)
    rates = (reschedules + prior.reschedules) / (sessions + prior.sessions)
    return Peers(prior, np.sort(rates), scored_at)


def likely_rate(peers: Peers, reschedules: int, sessions: int) -> tuple[float, float, float] | None:
    """The likely rate of a tutor with these counts, and its interval (`scoring.shrinkage`); None without a session."""
    if peers.prior is None or not sessions:
        return None
    likely = likely_rates(peers.prior, [reschedules], [sessions])
    return float(likely.rate[0]), float(likely.low[0]), float(likely.high[0])


_SCORED_AT: Final = text("SELECT max(last_calculated_at) FROM tutor_scores")
_COUNTS: Final = text(
    """
    SELECT s.tutor_reschedules_30d, s.total_sessions_30d FROM tutor_scores s JOIN tutors t ON t.id = s.tutor_id
    WHERE t.is_active AND s.total_sessions_30d > 0
    """
)
