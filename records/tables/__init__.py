"""The tables of the application database, as SQLAlchemy Core tables on one `metadata`.

people (tutors, students and the versions of their profiles), sessions (with reschedules), scoring (tutor scores,
stored predictions), models (artifacts, decisions, runs in shadow), runs (of training), operations (work to do, mails,
keys, audit), reminders (automatic ones and their hold-out), drift (what the daily watch found).
"""

from records.tables.base import metadata
from records.tables.drift import drift_reports
from records.tables.models import model_decisions, models, shadow_predictions, shadow_runs
from records.tables.operations import (
    api_keys,
    audit_log,
    email_reports,
    import_rejects,
    imports,
    interventions,
    jobs,
    people,
    work_items,
)
from records.tables.people import student_profiles, students, tutor_profiles, tutors
from records.tables.reminders import automatic_reminders, reminder_arms
from records.tables.runs import training_runs
from records.tables.scoring import (
    explanations,
    former_predictions,
    match_predictions,
    session_reschedule_predictions,
    tutor_score_history,
    tutor_scores,
)
from records.tables.sessions import reschedules, sessions

__all__ = [
    "api_keys",
    "audit_log",
    "automatic_reminders",
    "drift_reports",
    "email_reports",
    "explanations",
    "former_predictions",
    "import_rejects",
    "imports",
    "interventions",
    "jobs",
    "match_predictions",
    "metadata",
    "model_decisions",
    "models",
    "people",
    "reminder_arms",
    "reschedules",
    "session_reschedule_predictions",
    "sessions",
    "shadow_predictions",
    "shadow_runs",
    "student_profiles",
    "students",
    "training_runs",
    "tutor_profiles",
    "tutor_score_history",
    "tutor_scores",
    "tutors",
    "work_items",
]
