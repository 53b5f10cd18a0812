"""Keep the stored predictions fresh: the sessions ahead (hourly, with reminders), all student-tutor pairs (nightly)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger

from flows.environment import quiet_run_logs
from records.engine import open_databases
from scoring.automatic_reminders import remind_tutors
from scoring.models import load_models
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.sessions import predict_upcoming as predict_sessions
from scoring.shadow import load_shadows, log_first_bookings
from scoring.tutors import score_tutors
from scoring.upkeep import remove_old_pages, remove_outdated
from tqs.settings import load_settings


@flow(name="predict-upcoming")
def predict_upcoming() -> list[dict[str, Any]]:
    """Score all tutors, predict the sessions of the next 14 days, and queue the reminders that follow.

    Scores are rewritten where they changed, predictions in every run: the time until a session is a feature. Reminders
    are off unless `TQS_REMINDER_THRESHOLD` is set. Challengers that run in shadow predict the same sessions, and pairs
    that were booked first since.
    """
    quiet_run_logs()
    settings, now = load_settings(), datetime.now(UTC)
    with open_databases(settings) as databases:
        tutors = score_tutors(databases.app, now)
        models = load_models(databases.app, settings)
        shadows = load_shadows(databases.app, settings)
        sessions = predict_sessions(databases.app, models, now, timezone=settings.timezone, shadows=shadows)
        log_first_bookings(databases.app, shadows, models, now)
        reminders = remind_tutors(databases.app, settings, now)
    for report in (tutors, *sessions, reminders or "automatic reminders are off"):
        get_run_logger().info("%s", report)
    return [asdict(report) for report in sessions]


@flow(name="refresh-matches")
def refresh_matches() -> dict[str, Any]:
    """Predict all pairs of students and active tutors; rows that would not change stay as they are.

    Then remove what nobody is expected to ask for any more: explanations, ended jobs, pages of the drift watch.
    """
    quiet_run_logs()
    settings = load_settings()
    with open_databases(settings) as databases:
        model = load_models(databases.app, settings, ["match"])["match"]
        report = predict_pairs(databases.app, model, read_clock(databases.app))
        remove_outdated(databases.app)
    remove_old_pages(settings.home, datetime.now(UTC).date())
    get_run_logger().info("%s", report)
    return asdict(report)
