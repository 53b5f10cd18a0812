"""Invented tutors and students with their profile versions, and what lies behind them and is never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from records.columns import DAY_US, SECOND_US, TEACHING_STYLES, Float64, Int64
from records.world.ids import make_uuids
from records.world.times import make_timestamps, read_times

CHANGED_PROFILE_SHARE = 0.06
LATE_TUTOR_SHARE = 0.25
LEAVING_TUTOR_SHARE = 0.06
MISSING_AGE_SHARE = 0.02
STYLE_SHARES = (0.34, 0.26, 0.20, 0.10, 0.10)
SCALE_SHARES = (0.15, 0.20, 0.28, 0.22, 0.15)
PRONE_STUDENT_SHARE = 0.12
GOALS = (
    "pass the final exam",
    "raise the grade",
    "catch up after illness",
    "prepare for university",
    "learn for pleasure",
    "keep up with class",
)
FIRST_NAMES = (
    "Ada Amara Anton Aylin Bela Carla Chidi Daria Elif Emil Farid Freya Goran Hana Ilse Ines Jonas Juno Kaito Kira "
    "Lena Leo Malik Mara Mei Milo Nadia Nils Noor Olga Omar Paula Petra Quinn Rafael Rosa Sami Selma Tariq Thea "
    "Umar Vera Viktor Wanda Xenia Yara Yusuf Zoe"
)
LAST_NAMES = (
    "Abara Almeida Anders Bakker Benali Castro Chen Dimov Duarte Eriksen Farah Fischer Garcia Haddad Hansen Ito "
    "Ivanova Jansen Kaya Keller Kim Kowalski Lang Lindqvist Lopez Marek Mensah Meyer Moreau Nakamura Novak Okafor "
    "Olsen Park Pereira Petrov Quist Rahman Rossi Sato Schmidt Silva Tanaka Toth Usman Vargas Weber Yilmaz"
)

Values = Float64 | NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Tutors:
    """Tutors by code: version rows of the import frame and the latent values behind their sessions.

    `first` and `second` are rows of `frame` per tutor (`second` is -1 where the profile never changed),
    `joined` and `stopped` (taking new students) are µs, `unreliability` a standard normal score,
    `no_show_score` likewise, `wave_days` and `wave_phase` (days, radians) the slow swing of the unreliability.
    """

    frame: pd.DataFrame
    first: Int64
    second: Int64
    joined: Int64
    stopped: Int64
    sessions_a_week: Float64
    unreliability: Float64
    no_show_score: Float64
    wave_days: Float64
    wave_phase: Float64


@dataclass(frozen=True, slots=True)
class Students:
    """Students by code: version rows of the import frame and the latent values behind their sessions.

    `moves_score` is the student's part in reschedules, `forgets` 1 for the few who often do not show up.
    """

    frame: pd.DataFrame
    first: Int64
    second: Int64
    moves_score: Float64
    forgets: Float64


def draw_tutors(count: int, start: int, end: int, seed: int) -> Tutors:
    """Draw `count` tutors for a world from `start` to `end` (µs); a quarter of them joins later."""
    rng = np.random.default_rng([seed, 1])
    span = end - start
    late = rng.random(count) < LATE_TUTOR_SHARE
    joined = np.where(late, start + _to_seconds(rng.random(count) * 0.8 * span), start)
    leaves = rng.random(count) < LEAVING_TUTOR_SHARE
    stopped = np.where(leaves, joined + _to_seconds(rng.uniform(0.3, 0.8, count) * (end - joined)), end)
    known_before = np.where(late, rng.integers(3, 30, count), rng.integers(30, 900, count))
    created = joined - known_before * DAY_US
    unreliability = rng.standard_normal(count)
    experience = rng.gamma(1.6, 3.2, count)
    confidence = 3.1 + 0.08 * experience - 0.3 * unreliability + rng.standard_normal(count)
    columns = {
        "is_active": np.ones(count, dtype=bool),
        "created_at": created,
        "age": np.clip(20 + experience + rng.gamma(2.0, 5.0, count), 19, 75).round(),
        "sex": _draw_sexes(rng, count),
        "experience_years": experience.round(),
        "teaching_style": _draw_styles(rng, count),
        "preferred_pace": _draw_scale(rng, count),
        "communication_style": _draw_scale(rng, count),
        "confidence_level": np.clip(confidence.round(), 1, 5),
        "preferred_student_level": rng.choice(np.array(["beginner", "intermediate", "advanced"], dtype=object), count),
        "valid_from": created,
    }
    frame = pd.DataFrame(
        {"id": make_uuids("tutor", seed, np.arange(count)), "name": _draw_names(rng, count), **columns}
    )
    frame.insert(
        2, "email", [f"{name.lower().replace(' ', '.')}.{i}@example.org" for i, name in enumerate(frame["name"])]
    )
    changing: dict[str, Values] = {
        "preferred_pace": _draw_scale(rng, count),
        "teaching_style": _draw_styles(rng, count),
    }
    frame, second = _add_versions(rng, frame, changing, joined, end)
    return Tutors(
        _finish(rng, frame, ["experience_years", "preferred_pace", "communication_style", "confidence_level"]),
        np.arange(count),
        second,
        joined,
        stopped,
        rng.uniform(2.9, 5.0, count),
        unreliability,
        rng.standard_normal(count),
        rng.uniform(150, 400, count),
        rng.uniform(0, 2 * np.pi, count),
    )


def draw_students(count: int, start: int, end: int, seed: int) -> Students:
    """Draw `count` students known before `start` (µs); some change their profile later."""
    rng = np.random.default_rng([seed, 2])
    adult = rng.random(count) < 0.2
    experience = rng.poisson(2.2, count).astype(np.float64)
    columns = {
        "age": np.where(adult, rng.integers(19, 56, count), rng.integers(8, 19, count)).astype(np.float64),
        "sex": _draw_sexes(rng, count),
        "preferred_pace": _draw_scale(rng, count),
        "preferred_teaching_style": _draw_styles(rng, count),
        "communication_style_preference": _draw_scale(rng, count),
        "urgency_level": _draw_scale(rng, count),
        "learning_goals": rng.choice(np.array(GOALS, dtype=object), count),
        "previous_tutoring_experience": experience,
        "previous_satisfaction": np.where(experience > 0, _draw_scale(rng, count), np.nan),
        "valid_from": start - rng.integers(20, 400, count) * DAY_US,
    }
    frame = pd.DataFrame(
        {"id": make_uuids("student", seed, np.arange(count)), "name": _draw_names(rng, count), **columns}
    )
    changing = {"preferred_pace": _draw_scale(rng, count), "urgency_level": _draw_scale(rng, count)}
    frame, second = _add_versions(rng, frame, changing, np.full(count, start), end)
    numbers = [
        "preferred_pace",
        "communication_style_preference",
        "urgency_level",
        "previous_tutoring_experience",
        "previous_satisfaction",
    ]
    return Students(
        _finish(rng, frame, numbers),
        np.arange(count),
        second,
        rng.standard_normal(count),
        (rng.random(count) < PRONE_STUDENT_SHARE).astype(np.float64),
    )


def profiles_before(people: Tutors | Students, codes: Int64, moments: Int64) -> pd.DataFrame:
    """The profile that each person of `codes` had just before its entry of `moments` (µs), a row an entry."""
    later = people.second[codes]
    since = read_times(people.frame["valid_from"])
    return people.frame.iloc[np.where((later >= 0) & (since[later] < moments), later, people.first[codes])]


def _to_seconds(spans: Float64) -> Int64:
    return spans.astype(np.int64) // SECOND_US * SECOND_US


def _draw_scale(rng: np.random.Generator, count: int) -> Float64:
    return rng.choice(np.arange(1.0, 6.0), count, p=SCALE_SHARES)


def _draw_styles(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    return rng.choice(np.array(TEACHING_STYLES, dtype=object), count, p=STYLE_SHARES)


def _draw_sexes(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    return rng.choice(np.array(["female", "male", "other", None], dtype=object), count, p=(0.5, 0.44, 0.03, 0.03))


def _draw_names(rng: np.random.Generator, count: int) -> list[str]:
    first = rng.choice(np.array(FIRST_NAMES.split()), count)
    last = rng.choice(np.array(LAST_NAMES.split()), count)
    return [f"{one} {other}" for one, other in zip(first, last, strict=True)]


def _add_versions(
    rng: np.random.Generator,
    frame: pd.DataFrame,
    changing: Mapping[str, Values],
    since: Int64,
    end: int,
) -> tuple[pd.DataFrame, Int64]:
    """Append a later version for a few people; returns the frame and each person's second row or -1."""
    count = len(frame)
    changed = np.flatnonzero(rng.random(count) < CHANGED_PROFILE_SHARE)
    later = frame.iloc[changed].copy()
    for name, values in changing.items():
        later[name] = values[changed]
    moment = since + _to_seconds(rng.uniform(0.2, 0.9, count) * (end - since))
    later["valid_from"] = moment[changed]
    second = np.full(count, -1, dtype=np.int64)
    second[changed] = count + np.arange(len(changed))
    return pd.concat([frame, later], ignore_index=True), second


def _finish(rng: np.random.Generator, frame: pd.DataFrame, integers: list[str]) -> pd.DataFrame:
    frame["age"] = frame["age"].mask(rng.random(len(frame)) < MISSING_AGE_SHARE)
    for name in ["age", *integers]:
        frame[name] = frame[name].astype("Int64")
    for name in ("created_at", "valid_from"):
        if name in frame:
            frame[name] = make_timestamps(frame[name].to_numpy(dtype=np.int64))
    return frame
