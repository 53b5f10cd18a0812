"""The 17 features of a student–tutor pair, in the order of the model's columns."""

from __future__ import annotations

from typing import Final

from features.catalogue_tutor import HIGH_RISK, tutor_rate, tutor_sessions
from features.feature import Feature


def _scale(name: str, meaning: str, concept: str, subject: str) -> Feature:
    phrase, unknown = f"{subject} is {{value:.3g}} out of 5", f"{subject} is not known"
    return Feature(name, "scale 1–5", meaning, concept, phrase, default=3.0, low=1.0, high=5.0, unknown=unknown)


MATCH_FEATURES: Final = (
    Feature(
        "pace_mismatch",
        "points 0–4",
        "distance between the pace that the student prefers and the tutor's",
        "fit",
        "their preferred paces lie {value:.3g} points apart",
        default=2.5,
        high=4.0,
        phrases={0.0: "they prefer the same pace", 1.0: "their preferred paces lie one point apart"},
        unknown="the preferred pace of one of them is not known",
    ),
    Feature(
        "style_mismatch",
        "0 or 1",
        "1 where the tutor's teaching style is not the one that the student prefers; 0.5 where one is unknown",
        "fit",
        "the preferred teaching style of one of them is not known",
        default=0.5,
        high=1.0,
        phrases={0.0: "their teaching styles agree", 1.0: "their teaching styles differ"},
    ),
    Feature(
        "communication_mismatch",
        "points 0–4",
        "distance between the communication style that the student prefers and the tutor's",
        "fit",
        "their communication styles lie {value:.3g} points apart",
        default=2.5,
        high=4.0,
        phrases={0.0: "their communication styles agree", 1.0: "their communication styles lie one point apart"},
        unknown="the communication style of one of them is not known",
    ),
    Feature(
        "age_difference",
        "years",
        "distance between the ages of student and tutor",
        "fit",
        "they are {value:.0f} years apart in age",
        default=10.0,
        high=120.0,
        phrases={0.0: "they are of the same age", 1.0: "they are one year apart in age"},
        unknown="the age of one of them is not known",
    ),
    Feature(
        "student_age",
        "years",
        "age of the student",
        "student profile",
        "the student is {value:.0f} years old",
        default=15.0,
        high=120.0,
        unknown="the age of the student is not known",
    ),
    _scale("student_pace", "pace that the student prefers", "student profile", "the student's preferred pace"),
    _scale("student_urgency", "how urgent tutoring is", "student profile", "the student's urgency"),
    Feature(
        "student_experience",
        "count",
        "tutorings that the student had before joining",
        "student profile",
        "the student has had tutoring {value:.0f} times before",
        phrases={0.0: "the student has had no tutoring before", 1.0: "the student has had tutoring one time before"},
        unknown="it is not known whether the student has had tutoring before",
    ),
    _scale(
        "student_satisfaction",
        "satisfaction with tutoring so far",
        "student profile",
        "the student's satisfaction with earlier tutoring",
    ),
    Feature(
        "tutor_age",
        "years",
        "age of the tutor",
        "tutor profile",
        "the tutor is {value:.0f} years old",
        default=30.0,
        high=120.0,
        unknown="the age of the tutor is not known",
    ),
    Feature(
        "tutor_experience",
        "years",
        "years of tutoring",
        "tutor profile",
        "the tutor has {value:.0f} years of experience",
        default=2.0,
        phrases={0.0: "the tutor is new to tutoring", 1.0: "the tutor has one year of experience"},
        unknown="the tutor's years of experience are not known",
    ),
    _scale("tutor_confidence", "how confident the tutor is", "tutor profile", "the tutor's confidence"),
    _scale("tutor_pace", "pace that the tutor prefers", "tutor profile", "the tutor's preferred pace"),
    tutor_rate(30),
    tutor_sessions(30),
    HIGH_RISK,
    Feature(
        "compatibility_score",
        "fraction 0–1",
        "1 − (0.3 · pace/4 + 0.3 · style + 0.2 · communication/4 + 0.2 · min(age difference/20, 1)), the mismatches",
        "fit",
        "their compatibility score is {value:.0%}",
        high=1.0,
    ),
)
