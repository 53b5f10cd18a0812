"""An explanation of a match in two or three sentences, written by rule from its contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scoring.explanations import Contribution

MOST_A_SENTENCE: Final = 3
# Two features that say the same: of a pair only the one with the larger effect is told.
_SAID_ALREADY: Final = {
    "tutor_is_high_risk": "tutor_reschedule_rate_30d",
    "tutor_reschedule_rate_30d": "tutor_is_high_risk",
}


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """All that an explanation of a match is written from; who the two are is no part of it.

    contributions: largest effect first. student, tutor: fields of their profiles, those that are known, in words.
    learning_goals: what the student wants to learn, free of names and numbers; None where nobody told.
    """

    risk_level: str
    fallback: bool
    contributions: tuple[Contribution, ...]
    student: Mapping[str, str]
    tutor: Mapping[str, str]
    learning_goals: str | None = None


def write_explanation(facts: MatchFacts) -> str:
    """Two or three English sentences: how large the risk is, and what counts most against the match and for it."""
    against, in_favour = split_contributions(facts)
    reasons = [("against", against), ("in favour of", in_favour)]
    if facts.risk_level == "low":
        reasons.reverse()
    told = [(side, phrases) for side, phrases in reasons if phrases]
    return " ".join([_open(facts), *_give_reasons(told)])


def split_contributions(facts: MatchFacts) -> tuple[list[str], list[str]]:
    """What counts against the match and what in its favour, in words, largest effect first, each thing said once.

    By the rule nothing counts in favour of a match but what does not count against it.
    """
    against: list[str] = []
    in_favour: list[str] = []
    told: set[str] = set()
    for found in facts.contributions:
        if _SAID_ALREADY.get(found.feature) not in told:
            told.add(found.feature)
            (against if found.effect > 0 else in_favour).append(found.phrase)
    return against, in_favour


def _open(facts: MatchFacts) -> str:
    ground = "Judged by their profiles alone, there" if facts.fallback else "There"
    return f"{ground} is a {facts.risk_level} risk that this student and this tutor will not continue together."


def _give_reasons(told: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    if not told:
        return ["No single trait of the two stands out for or against the match."]
    (side, phrases), *others = told
    first = f"What counts most {side} the match is {_join(phrases)}."
    return [first, *(f"What counts most {_about_it(side)} is {_join(phrases)}." for side, phrases in others)]


def _about_it(side: str) -> str:
    return "in its favour" if side == "in favour of" else "against it"


def _join(phrases: Sequence[str]) -> str:
    *before, last = (f"that {phrase}" for phrase in phrases[:MOST_A_SENTENCE])
    return f"{', '.join(before)} and {last}" if before else last
