"""Tutors' rates as they are likely to be: drawn towards what is common among tutors, the more so the fewer sessions.

Each tutor's rate is thought of as drawn from one beta distribution, and the reschedules as drawn with that rate. The
beta is fitted to all tutors by maximum marginal likelihood (beta-binomial; D. Griffiths, Biometrics 29, 1973), which
makes a tutor's rate given the sessions a beta again (empirical Bayes; G. Casella, The American Statistician 39, 1985).
Its interval takes the fitted beta as known, and so is a little too narrow where tutors are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln
from sqlalchemy import Engine, text

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

LEVEL: Final = 0.9
FEWEST_TUTORS: Final = 10  # with sessions; with fewer nobody knows what is common
FEW_SESSIONS: Final = 10  # of a tutor; with fewer the likely rate is mostly that of the others
_LOG_SESSIONS: Final = (np.log(0.5), np.log(1e5))  # what the beta may weigh, in sessions


@dataclass(frozen=True, slots=True)
class RatePrior:
    """The beta distribution of tutors' rates: as if each had `reschedules` of `sessions` more than were counted."""

    reschedules: float
    sessions: float

    @property
    def rate(self) -> float:
        """The mean of the rates, 0-1."""
        return self.reschedules / self.sessions


@dataclass(frozen=True, slots=True)
class LikelyRates:
    """Rates 0-1 of n tutors (n,): the posterior mean and the bounds of its central interval of LEVEL.

    few: whether the tutor has fewer than FEW_SESSIONS sessions.
    """

    rate: Float64
    low: Float64
    high: Float64
    few: NDArray[np.bool_]


def fit_prior(reschedules: ArrayLike, sessions: ArrayLike, tutors: ArrayLike = 1) -> RatePrior | None:
    """The prior of tutors with these counts (n,) of reschedules among sessions.

    None where fewer than FEWEST_TUTORS have a session, or no session or every one was rescheduled: nothing is known
    then of how tutors differ.

    tutors: how many have each of the counts (n,).
    """
    k, n, tutors = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (reschedules, sessions, tutors)))
    taught = n > 0
    k, n, tutors = k[taught], n[taught], tutors[taught]
    part, whole, all_tutors = float(k @ tutors), float(n @ tutors), float(tutors.sum())
    if all_tutors < FEWEST_TUTORS or part in (0, whole):
        return None

    def loss(theta: Float64) -> float:
        a, b = _shape(theta)
        return -float(tutors @ (betaln(k + a, n - k + b) - betaln(a, b))) / all_tutors

    common = part / whole
    found = minimize(
        loss,
        x0=np.array([np.log(common / (1 - common)), np.log(20.0)]),
        method="L-BFGS-B",
        bounds=[(-15.0, 15.0), _LOG_SESSIONS],
    )
    a, b = _shape(found.x)
    return RatePrior(a, a + b)


def likely_rates(prior: RatePrior, reschedules: ArrayLike, sessions: ArrayLike) -> LikelyRates:
    """The likely rates of n tutors with these counts (n,)."""
    k, n = (np.asarray(counts, dtype=np.float64) for counts in (reschedules, sessions))
    a, b = k + prior.reschedules, n - k + prior.sessions - prior.reschedules
    tail = (1 - LEVEL) / 2
    return LikelyRates(a / (a + b), betaincinv(a, b, tail), betaincinv(a, b, 1 - tail), n < FEW_SESSIONS)


def read_prior(engine: Engine) -> RatePrior | None:
    """The prior of the 30-day rates of all active tutors, as `fit_prior` has it."""
    return fit_prior(*read_counts(engine))


def read_counts(engine: Engine) -> Int64:
    """Reschedules, sessions of 30 days, and how many active tutors with a session have such counts (3, n)."""
    with engine.connect() as connection:
        rows = connection.execute(_COUNTS).all()
    return np.array(rows, dtype=np.int64).reshape(-1, 3).T


def _shape(theta: Float64) -> tuple[float, float]:
    """Both parameters of the beta, of the log odds of its mean and the logarithm of their sum."""
    mean, weight = 1 / (1 + np.exp(-theta[0])), np.exp(theta[1])
    return float(mean * weight), float((1 - mean) * weight)


_COUNTS: Final = text(
    """
    SELECT s.tutor_reschedules_30d, s.total_sessions_30d, count(*)
    FROM tutor_scores s JOIN tutors t ON t.id = s.tutor_id
    WHERE t.is_active AND s.total_sessions_30d > 0 GROUP BY 1, 2 ORDER BY 1, 2
    """
)
