"""A small company with something on every page: its world, its models, what they predict and what was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks._model import make_artifact
from modelling.store import promote, save_challenger
from records.columns import TARGETS
from records.load import write_world
from records.world import make_world
from scoring.interventions import intervene
from scoring.models import load_models
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.sessions import predict_upcoming
from scoring.tutors import score_tutors
from tqs.settings import load_settings

RUN = "20260304T031500Z-match-0a1b2c3d"


@dataclass(frozen=True)
class Company:
    tutor: UUID
    student: UUID
    session: UUID

    @property
    def addresses(self) -> list[str]:
        """Of all pages, with somebody or something chosen where that can be; below `tutors?…` nothing matches."""
        return [
            "overview",
            f"sessions?session={self.session}",
            "tutors",
            "tutors?search=nobody",
            f"tutor?id={self.tutor}",
            f"matching?student={self.student}&tutor={self.tutor}",
            "models",
            "cards/match/v1",
            "queue",
            f"executed/runs/{RUN}/20_train_model.html",
            "nowhere",
        ]


def write_company(engine: Engine, home: Path) -> Company:
    """In an empty database, and an executed notebook in `home`."""
    now = datetime.now(UTC)
    write_world(engine, make_world(30, 30, 150, end=now.date()))
    for target in TARGETS:
        saved = save_challenger(engine, make_artifact(target))
        promote(engine, target, saved.version, expected_champion=None, reason="The first.", actor="gate")
    settings = load_settings()
    models = load_models(engine, settings)
    score_tutors(engine, now)
    predict_upcoming(engine, models, now, timezone=settings.timezone)
    with engine.connect() as connection:
        session, tutor = connection.execute(text(_RISKIEST)).one()
        student = connection.scalars(text("SELECT id FROM students ORDER BY id LIMIT 1")).one()
    predict_pairs(engine, models["match"], read_clock(engine), students=[str(student)])
    intervene(engine, session, "note", "A word with the tutor.", now, actor="person admin")
    run = home / "runs" / RUN
    run.mkdir(parents=True)
    (run / "20_train_model.html").write_text(
        "<html lang=en><title>ran</title><main><h1>Train a model</h1></main></html>"
    )
    return Company(tutor, student, session)


_RISKIEST = """
    SELECT s.id, s.tutor_id FROM session_reschedule_predictions p JOIN sessions s ON s.id = p.session_id
    WHERE p.target = 'reschedule' AND s.scheduled_time > now() ORDER BY p.probability DESC, s.id LIMIT 1
"""
