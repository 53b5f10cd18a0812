"""A few people and sessions written straight into the tables, and a small model of each target."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from features.catalogue import features_of
from modelling.artifact import Artifact, BoosterFile, Golden, Manifest, Thresholds, Training, build_artifact
from modelling.calibrator import Calibrator, apply_calibrator
from modelling.pipeline import TreeParameters, booster_bytes, fit_pipeline
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from records.tables import reschedules, sessions, student_profiles, students, tutor_profiles, tutors
from scoring.models import ServedModel

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def uid(kind: str, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}")


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@dataclass
class Records:
    """Writes records; each method answers the id."""

    engine: Engine
    made: int = 0

    def tutor(self, number: int, *, active: bool = True, **profile: Any) -> str:
        return self._person("tutor", (tutors, tutor_profiles), number, {"is_active": active}, profile)

    def student(self, number: int, **profile: Any) -> str:
        return self._person("student", (students, student_profiles), number, {}, profile)

    def session(
        self,
        tutor: str,
        scheduled: datetime,
        status: str = "completed",
        *,
        student: str = "somebody",
        initiator: str = "tutor",
        cancelled_at: datetime | None = None,
        **columns: Any,
    ) -> str:
        self.made += 1
        key = uid("session", self.made)
        values = {"duration_minutes": 60, "booked_at": scheduled - timedelta(days=20), "source": "import"} | columns
        with self.engine.begin() as connection:
            connection.execute(
                insert(sessions).values(
                    id=key, tutor_id=tutor, student_id=student, scheduled_time=scheduled, status=status, **values
                )
            )
            if status == "rescheduled":
                connection.execute(
                    insert(reschedules).values(
                        session_id=key,
                        initiator=initiator,
                        original_time=scheduled,
                        cancelled_at=cancelled_at or scheduled - timedelta(hours=5),
                    )
                )
        return str(key)

    def rows(self, query: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(query).all()

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def _person(
        self, kind: str, tables: tuple[Any, Any], number: int, more: dict[str, Any], profile: dict[str, Any]
    ) -> str:
        table, versions = tables
        key = uid(kind, number)
        with self.engine.begin() as connection:
            connection.execute(
                insert(table).values(id=key, name=f"{kind} {number}", source="import", **more, **profile)
            )
            connection.execute(insert(versions).values(**{f"{kind}_id": key}, valid_from=ALWAYS, **profile))
        return str(key)


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


def make_predictor(target: str, *, trees: int = 20, depth: int = 3, version: str = "v1") -> Predictor:
    """A model of made-up rows that leans on several features, so that wrong features give wrong answers."""
    return Predictor.from_artifact(replace(make_artifact(target, trees=trees, depth=depth), version=version))


def make_artifact(target: str, *, trees: int = 20, depth: int = 3, seed: int = 3) -> Artifact:
    features = features_of(target)
    rng = np.random.default_rng(seed)
    low, high = np.array([f.low for f in features]), np.array([min(f.high, f.low + 60) for f in features])
    X = rng.uniform(low, high, size=(3000, len(features)))
    signal = ((X - low) / (high - low) - 0.5) @ rng.normal(0, 2, len(features))
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-signal))).astype(np.int8)
    fitted = fit_pipeline(X, y, TreeParameters(max_depth=depth), trees=trees, seed=1, threads=1)
    raw = booster_bytes(fitted.booster)
    calibrator = Calibrator(kind="none", lowest=1e-4, highest=1 - 1e-4)
    golden = X[:3]
    answers = apply_calibrator(calibrator, fitted.log_odds(golden))
    return build_artifact(
        Manifest(
            target=target,
            created_at="2026-01-01T00:00:00+00:00",
            features=tuple(f.name for f in features),
            scaler=fitted.scaler,
            calibrator=calibrator,
            thresholds=Thresholds(low=0.3, high=0.7),
            booster=BoosterFile(bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), trees=trees),
            training=Training(
                first_scheduled="2025-01-01T00:00:00+00:00",
                last_scheduled="2025-12-01T00:00:00+00:00",
                rows=len(y),
                positives=int(y.sum()),
                base_rate=float(y.mean()),
                snapshot_sha256="0" * 64,
                seed=1,
                parameters={"max_depth": depth},
            ),
            golden=Golden(rows=tuple(map(tuple, golden.tolist())), probabilities=tuple(answers.tolist())),
            metrics={"log_loss": 0.5},
            libraries={"xgboost": "3.2.0"},
        ),
        raw,
    )


def serve(target: str, *, rule: bool = False) -> ServedModel:
    """A model of `make_predictor`, or the rule, with thresholds 0.3 and 0.7."""
    return ServedModel(target, RiskThresholds(0.3, 0.7), None if rule else make_predictor(target))
