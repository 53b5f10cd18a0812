"""What a challenger in shadow would have said, stored beside what the champion said of the same features.

Of each session the first moment counts at which a run of the challenger saw it ahead. A later one, such as the one
nearest the middle of the lead, would leave out the sessions that were moved before it, and so be chosen by what it is
to foretell. Of a pair it is the first run after its first booking.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from features.pairing import pair_matrix
from modelling.canary import check_golden_rows
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from modelling.shadow import running_shadows
from modelling.store import load_model
from records.bulk import BulkColumn, copy_rows
from records.columns import Float64, Sessions
from scoring.models import ServedModel
from scoring.pair_people import Ids, read_people
from tqs.errors import ModelError
from tqs.settings import Settings

log = logging.getLogger(__name__)

Models = Mapping[str, ServedModel]


def load_shadows(engine: Engine, settings: Settings) -> dict[str, ServedModel]:
    """By target the challenger that runs in shadow. One that cannot be used is logged: it may stop nobody's work."""
    loaded = {}
    for target, version in running_shadows(engine).items():
        thresholds = RiskThresholds(*settings.risk_thresholds(target))
        try:
            artifact = load_model(engine, target, version)
            check_golden_rows(artifact)
            loaded[target] = ServedModel(target, thresholds, Predictor.from_artifact(artifact, thresholds))
        except ModelError as error:
            log.error("%s of %s does not run in shadow: %s", version, target, error)
    return loaded


def log_sessions(
    engine: Engine, shadows: Models, champions: Models, sessions: Sessions, X: Float64, now: datetime
) -> int:
    """Store what challengers and champions say of sessions ahead, as of `now`; how many rows that were.

    X: features (n, 24) of the sessions as of `now`. A session that a challenger has predicted before is passed over.
    """
    return sum(
        _store(engine, shadows[target], champions[target], sessions.id, X, now)
        for target in ("reschedule", "no_show")
        if target in shadows
    )


def log_first_bookings(engine: Engine, shadows: Models, champions: Models, now: datetime) -> int:
    """Store what a challenger of `match` and the champion say of pairs that were booked first since it runs.

    The pair is known by the first session that was booked, which must lie ahead of `now`; its student and tutor are
    read as they are known just before `now`. Returns how many rows that were.
    """
    if "match" not in shadows:
        return 0
    with engine.connect() as connection:
        found = connection.execute(_FIRST_BOOKINGS, {"version": shadows["match"].version, "now": now}).all()
    people = read_people(
        engine, now, sorted({row.student_id for row in found}), sorted({str(row.tutor_id) for row in found})
    )
    student, tutor = _places(people.student_ids), _places(people.tutor_ids)
    pairs = [
        (row.id, student[row.student_id], tutor[str(row.tutor_id)])
        for row in found
        if row.student_id in student and str(row.tutor_id) in tutor
    ]
    if not pairs:
        return 0
    of_student, of_tutor = np.array([pair[1:] for pair in pairs], dtype=np.int64).T
    X = pair_matrix(people.students.take(of_student), people.tutors.take(of_tutor))
    ids = np.frombuffer(b"".join(pair[0].bytes for pair in pairs), dtype=np.uint8).reshape(-1, 16)
    return _store(engine, shadows["match"], champions["match"], ids, X, now)


def _store(
    engine: Engine, shadow: ServedModel, champion: ServedModel, ids: NDArray[np.uint8], X: Float64, now: datetime
) -> int:
    """Rows of sessions (n, 16) with features X; those that are there already stay."""
    if shadow.version == champion.version:  # promoted since it was loaded
        return 0
    with engine.begin() as connection:
        new = _find_new(connection, shadow, ids)
        if not new.any():
            return 0
        connection.exec_driver_sql(
            "CREATE TEMP TABLE staged (session_id uuid, probability float8, champion_probability float8) ON COMMIT DROP"
        )
        columns: dict[str, BulkColumn] = {
            "session_id": ids[new],
            "probability": shadow.predict(X[new]),
            "champion_probability": champion.predict(X[new]),
        }
        copy_rows(connection, "staged", columns)
        said = {"target": shadow.target, "version": shadow.version, "champion": champion.version, "now": now}
        return connection.execute(_INSERT, said).rowcount


def _find_new(connection: Connection, shadow: ServedModel, ids: Ids) -> NDArray[np.bool_]:
    known = {
        key.bytes
        for key in connection.scalars(_KNOWN, {"target": shadow.target, "version": shadow.version, "ids": _texts(ids)})
    }
    return np.array([row.tobytes() not in known for row in ids], dtype=np.bool_)


def _places(ids: Ids) -> dict[str, int]:
    return {key: place for place, key in enumerate(_texts(ids))}


def _texts(ids: Ids) -> Sequence[str]:
    return [str(UUID(bytes=row.tobytes())) for row in ids]


_KNOWN: Final = text(
    """
    SELECT session_id FROM shadow_predictions
    WHERE target = :target AND version = :version AND session_id = ANY(CAST(:ids AS uuid[]))
    """
)
_INSERT: Final = text(
    """
    INSERT INTO shadow_predictions (target, version, session_id, probability, champion_version, champion_probability,
        predicted_at)
    SELECT :target, :version, n.session_id, n.probability, :champion, n.champion_probability, :now
    FROM staged n JOIN sessions s ON s.id = n.session_id
    ORDER BY n.session_id
    ON CONFLICT DO NOTHING
    """
)
# Without a booking time nobody knows when a pair began.
_FIRST_BOOKINGS: Final = text(
    """
    SELECT s.id, s.student_id, s.tutor_id
    FROM sessions s JOIN shadow_runs r ON r.target = 'match' AND r.version = :version
    WHERE s.scheduled_time > :now AND s.booked_at >= r.started_at AND s.booked_at < :now
        AND NOT EXISTS (
            SELECT FROM sessions e
            WHERE e.student_id = s.student_id AND e.tutor_id = s.tutor_id AND e.id <> s.id
                AND (coalesce(e.booked_at, '-infinity'), e.scheduled_time, e.id) < (s.booked_at, s.scheduled_time, s.id)
        )
    """
)
