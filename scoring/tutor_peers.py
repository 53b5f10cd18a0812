"""Where one tutor stands among the others, by the rate of 30 days as it is likely to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Engine, text

from scoring.shrinkage import Float64, Int64, RatePrior, fit_prior, likely_rates, read_counts


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """The active tutors who had a session in 30 days.

    prior: None where too little is known of how tutors differ, and then there are no rates.
    rates: their likely rates, 0-1, ascending (n,); tutors: how many have each of them (n,).
    scored_at: when any tutor's scores were last computed; None where nobody has any.
    """

    prior: RatePrior | None
    rates: Float64
    tutors: Int64
    scored_at: datetime | None

    @property
    def count(self) -> int:
        """How many they are."""
        return int(self.tutors.sum())

    def share_below(self, rate: float) -> float:
        """Which share of them, 0-1, has a lower likely rate; those of the same rate count half. NaN without any."""
        if not self.count:
            return float("nan")
        below, same = self.tutors[self.rates < rate].sum(), self.tutors[self.rates == rate].sum()
        return float(below + same / 2) / self.count


def read_peers(engine: Engine) -> Peers:
    """All that the pages of single tutors hold them against; the same for each of them."""
    reschedules, sessions, tutors = read_counts(engine)
    with engine.connect() as connection:
        scored_at = connection.scalar(_SCORED_AT)
    prior = fit_prior(reschedules, sessions, tutors)
    if prior is None:
        return Peers(None, np.empty(0), np.empty(0, dtype=np.int64), scored_at)
    return make_peers(prior, reschedules, sessions, tutors, scored_at)


def make_peers(
    prior: RatePrior, reschedules: Int64, sessions: Int64, tutors: Int64, scored_at: datetime | None
) -> Peers:
    """Peers of whom `tutors` (n,) have the counts (n,) of reschedules among sessions."""
    rates = likely_rates(prior, reschedules, sessions).rate  # to the last bit what `likely_rate` gives
    order = np.argsort(rates)
    return Peers(prior, rates[order], tutors[order], scored_at)


def likely_rate(peers: Peers, reschedules: int, sessions: int) -> tuple[float, float, float] | None:
    """The likely rate of a tutor with these counts, and its interval (`scoring.shrinkage`); None without a session."""
    if peers.prior is None or not sessions:
        return None
    likely = likely_rates(peers.prior, [reschedules], [sessions])
    return float(likely.rate[0]), float(likely.low[0]), float(likely.high[0])


_SCORED_AT: Final = text("SELECT max(last_calculated_at) FROM tutor_scores")
