"""Why lessons are moved: codes and what people write."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from records.columns import Bool

TUTOR_REASONS = {
    "schedule_conflict": ("Another appointment at the same time", 0.34),
    "illness": ("Tutor is ill", 0.22),
    "family": ("Family matter", 0.16),
    "travel": ("Travelling that day", 0.12),
    "technical": ("No working connection", 0.09),
    "not_prepared": ("Needs more time to prepare", 0.07),
}
STUDENT_REASONS = {
    "school_event": ("School event at that time", 0.40),
    "illness": ("Student is ill", 0.35),
    "other_plans": ("Other plans that day", 0.25),
}


def draw_reasons(rng: np.random.Generator, by_tutor: Bool) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Reason codes and reasons, shape (n,), of reschedules by the tutor or else by the student."""
    codes = np.array([*TUTOR_REASONS, *STUDENT_REASONS], dtype=object)
    texts = np.array([text for text, _ in [*TUTOR_REASONS.values(), *STUDENT_REASONS.values()]], dtype=object)
    count = len(by_tutor)
    of_tutor = rng.choice(len(TUTOR_REASONS), count, p=[share for _, share in TUTOR_REASONS.values()])
    of_student = rng.choice(len(STUDENT_REASONS), count, p=[share for _, share in STUDENT_REASONS.values()])
    chosen = np.where(by_tutor, of_tutor, len(TUTOR_REASONS) + of_student)
    return codes[chosen], texts[chosen]
