"""The company whose HTTP API is measured: its world, models, predictions, interventions and jobs, and what can be read.

Each read names many addresses: where each request is for another person or page, and a session comes in before any of
them is asked for again, none is answered from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
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

TUTORS: Final = 3_000
STUDENTS: Final = 2_000
STORED: Final = 20  # students whose pairs with all tutors are stored, and tutors whose pairs with all students are
ASKED: Final = 15  # tutors for whose pairs with those students the API was asked before
PAGES: Final = 128
TREES, DEPTH = 100, 5
PAGE, UPCOMING_PAGE = 100, 50  # by default
NOTES: Final = 3  # interventions of a session


@dataclass(frozen=True, slots=True)
class Company:
    """Who and what is there: ids, in the order of the ids. upcoming: how many sessions are ahead for a week."""

    stored_sessions: int
    tutors: list[str]
    students: list[str]
    noted_sessions: list[str]
    jobs: list[str]
    upcoming: int

    @property
    def asked_pairs(self) -> list[str]:
        """Student and tutor, as addresses write them."""
        return [f"{one}/{other}" for one in self.students[:STORED] for other in self.tutors[STORED : STORED + ASKED]]

    @property
    def missing_pairs(self) -> list[str]:
        """Pairs that are not stored."""
        return [f"{one}/{other}" for one in self.students[STORED : 3 * STORED] for other in self.tutors[STORED:]]


@dataclass(frozen=True, slots=True)
class Read:
    """A list or a detail. limit: p50 of it repeated, in that of as many ready bytes from memory.

    is_list: whether many rows are found, sorted or counted for it, rather than a few by their key.
    """

    name: str
    paths: Sequence[str]
    limit: float = 2.0
    is_list: bool = False


def found_company(engine: Engine, days: int) -> Company:
    """The company after so many days, in an empty database."""
    now = datetime.now(UTC)
    world = make_world(TUTORS, STUDENTS, days, end=now.date())
    write_world(engine, world)
    for target in TARGETS:
        saved = save_challenger(engine, make_artifact(target, trees=TREES, depth=DEPTH))
        promote(engine, target, saved.version, expected_champion=None, reason="a benchmark", actor="benchmark")
    settings = load_settings()
    models = load_models(engine, settings)
    score_tutors(engine, now)
    predict_upcoming(engine, models, now, timezone=settings.timezone)
    tutors = _read(engine, "SELECT id::text FROM tutors WHERE is_active ORDER BY id")
    students = _read(engine, "SELECT id::text FROM students ORDER BY id")
    predict_pairs(engine, models["match"], read_clock(engine), students=students[:STORED])
    predict_pairs(engine, models["match"], read_clock(engine), tutors=tutors[:STORED])
    ahead = _read(engine, _UPCOMING)
    for session in ahead[:PAGES]:
        for _ in range(NOTES):
            intervene(engine, UUID(session), "note", "A word with the tutor.", now, actor="benchmark")
    jobs = _read(engine, _JOBS)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return Company(len(world.sessions), tutors, students, ahead[:PAGES], jobs, len(ahead))


def reads(company: Company) -> list[Read]:
    """Every list and detail that the API has, but those that compute at each call."""
    tutors, students = company.tutors, company.students
    last_tutors, last_upcoming = len(tutors) - PAGE, company.upcoming - UPCOMING_PAGE
    return [
        _paged("tutors", "/api/tutors?"),
        _paged("tutors by name", "/api/tutors?sort_by=name&sort_order=asc&"),
        _paged("high-risk tutors", "/api/tutors?risk_status=high_risk&"),
        _paged("last page of tutors", "/api/tutors?", last_tutors, -1),
        Read("a tutor", [f"/api/tutors/{one}" for one in tutors]),
        Read("a tutor's history", [f"/api/tutors/{one}/history" for one in tutors]),
        _paged("students", "/api/matching/students?"),
        Read("a student", [f"/api/matching/students/{one}" for one in students]),
        _paged("tutors to match", "/api/matching/tutors?"),
        Read("a tutor to match", [f"/api/matching/tutors/{one}" for one in tutors]),
        Read(
            "a student's matches", [f"/api/matching/students/{one}/matches" for one in students[:STORED]], is_list=True
        ),
        Read("a tutor's matches", [f"/api/matching/tutors/{one}/matches" for one in tutors[:STORED]], is_list=True),
        Read("a stored pair", [f"/api/matching/predict/{pair}" for pair in company.asked_pairs], 1.5),
        Read("an explanation", [f"/api/matching/explain/{pair}" for pair in company.asked_pairs]),
        _paged("upcoming sessions", "/api/upcoming-sessions?"),
        _paged("upcoming sessions by risk", "/api/upcoming-sessions?sort_by=reschedule_probability&"),
        _paged("upcoming sessions by student", "/api/upcoming-sessions?sort_by=student_name&"),
        _paged("last page of upcoming sessions", "/api/upcoming-sessions?", last_upcoming, -1),
        Read("interventions", [f"/api/upcoming-sessions/{one}/interventions" for one in company.noted_sessions]),
        Read("a job", [f"/api/jobs/{one}" for one in company.jobs]),
        Read("models", ["/api/models"]),
    ]


def _paged(name: str, path: str, offset: int = 0, step: int = 1) -> Read:
    return Read(name, [f"{path}offset={offset + step * page}" for page in range(PAGES)], is_list=True)


def _read(engine: Engine, sql: str) -> list[str]:
    with engine.begin() as connection:
        return list(connection.scalars(text(sql)))


_UPCOMING: Final = """
    SELECT id::text FROM sessions WHERE status = 'scheduled' AND scheduled_time > now()
        AND scheduled_time <= now() + interval '7 days' ORDER BY id
"""
_JOBS: Final = f"""
    INSERT INTO jobs (kind, state, done, total, existing, actor)
    SELECT 'refresh_all', 'done', 6000000, 6000000, 6000000, 'benchmark' FROM generate_series(1, {PAGES})
    RETURNING id::text
"""
