"""What reminders are worth: the difference between two arms of tutors, with an interval that counts tutors.

Sessions of one tutor resemble each other, and whole tutors were drawn into the arms, so it is tutors that are left out
one at a time (the jackknife over clusters; MacKinnon, Nielsen and Webb, Journal of Applied Econometrics 38, 2023, and
Efron and Stein, Annals of Statistics 9, 1981). Degrees of freedom are those of Welch and Satterthwaite. Tutors weigh by
one over how probable their arm was (Hájek's ratio), which changes nothing unless the share of the hold-out was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit

from records.columns import Float64

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """Tutors of one arm, each with at least one session (…, tutors); weight: one over how probable the arm was."""

    sessions: Float64
    rescheduled: Float64
    weight: Float64


@dataclass(frozen=True, slots=True)
class Estimate:
    """What being treated is worth (…).

    value: the rate of the hold-out less that of the treated, so positive where reminders help. low, high: the interval
    that holds the true value in LEVEL of such experiments.
    """

    value: Float64
    low: Float64
    high: Float64


def estimate_uplift(treated: ArmCounts, hold_out: ArmCounts) -> Estimate:
    """The uplift of being treated, whatever was sent in the end (intention to treat). Each arm needs two tutors."""
    treated_rate, treated_variance = _jackknife(treated)
    hold_out_rate, hold_out_variance = _jackknife(hold_out)
    value = hold_out_rate - treated_rate
    variance = treated_variance + hold_out_variance
    m, k = treated.sessions.shape[-1] - 1, hold_out.sessions.shape[-1] - 1
    spread = treated_variance**2 / m + hold_out_variance**2 / k
    fallback = np.full_like(variance, min(m, k))  # where no tutor differs from another
    freedom = np.divide(variance**2, spread, out=fallback, where=spread > 0)
    margin = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(variance)
    return Estimate(value, value - margin, value + margin)


def rate_of(arm: ArmCounts) -> Float64:
    """The share of an arm's sessions that their tutors rescheduled (…), tutors weighing as the module says."""
    rate: Float64 = (arm.weight * arm.rescheduled).sum(axis=-1) / (arm.weight * arm.sessions).sum(axis=-1)
    return rate


def _jackknife(arm: ArmCounts) -> tuple[Float64, Float64]:
    """The rate and its variance (…): of the rates without each of the tutors, around the rate of all."""
    rate = rate_of(arm)
    moved, counted = arm.weight * arm.rescheduled, arm.weight * arm.sessions
    without: Any = (moved.sum(axis=-1, keepdims=True) - moved) / (counted.sum(axis=-1, keepdims=True) - counted)
    tutors = arm.sessions.shape[-1]
    return rate, (tutors - 1) / tutors * ((without - rate[..., None]) ** 2).sum(axis=-1)
