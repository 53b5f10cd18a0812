"""What a feature is: its name, its meaning and how a person is told its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a feature matrix.

    `default` stands where the value is missing; `low` and `high` bound every value that leaves this room;
    `concept` groups features that tell of the same thing; `phrase` says a value within a sentence, `phrases` says
    those values that need words of their own, and `unknown` says that the default stands for a missing value.
    """

    name: str
    unit: str
    meaning: str
    concept: str
    phrase: str
    default: float = 0.0
    low: float = 0.0
    high: float = inf
    phrases: Mapping[float, str] = field(default_factory=dict)
    unknown: str | None = None

    def describe(self, value: float, *, known: bool = True) -> str:
        """The value in words, such as "the tutor rescheduled 20% of the sessions of the last 30 days".

        known: False where the value is the default in place of a missing one, which then is what is said.
        """
        if not known and self.unknown is not None:
            return self.unknown
        return self.phrases.get(value, self.phrase).format(value=value)


def count_feature(name: str, meaning: str, concept: str, *, subject: str, noun: str, when: str) -> Feature:
    """A number of things, told as "<subject> 12 <noun>s <when>"."""
    return Feature(
        name,
        "count",
        meaning,
        concept,
        f"{subject} {{value:.0f}} {noun}s {when}",
        phrases={0.0: f"{subject} no {noun} {when}", 1.0: f"{subject} one {noun} {when}"},
    )
