"""What answers for a target, since when, and how good it is, in a badge and four figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from dashboards.formats import format_percent, format_time
from dashboards.views.actors import name_actor
from dashboards.views.model_words import QUESTIONS, TITLES
from modelling.decisions import Decision
from modelling.runs import TrainingRun
from modelling.store import ModelRow

METRICS: Final = (
    *("log_loss", "base_rate_log_loss", "ece", "ece_noise_floor"),
    *("mean_prediction", "base_rate", "roc_auc"),
)
RETRAINED_ON: Final = 0  # Monday, at this hour, in UTC: what `prefect.yaml` says
RETRAINED_AT: Final = 3
RUN_STATES: Final = {
    "running": "Being trained since {began}.",
    "finished": "Last trained {ended}.",
    "failed": "The last training failed, {ended}: {reason}.",
    "lost": "The last training ended without a word, {ended}: {reason}.",
}


def find_champion(models: Sequence[ModelRow]) -> ModelRow | None:
    """The one that serves."""
    return next((model for model in models if model.alias == "champion"), None)


def render_head(
    target: str, models: Sequence[ModelRow], change: Decision | None, run: TrainingRun | None, now: datetime, zone: str
) -> Markup:
    """The head of a target's page. change: the decision by which the champion serves. run: the newest training."""
    champion = find_champion(models)
    return Markup(
        "<section><header><div><h2>{title}</h2><p class=question>{question}</p></div>{badge}</header>"
        "{figures}<p class=hint>{since}{run} {next}</p></section>"
    ).format(
        title=TITLES[target],
        question=QUESTIONS[target],
        badge=_render_badge(champion),
        figures=_render_figures(champion),
        since=_tell_since(champion, change, zone),
        run=_tell_run(run, zone),
        next=f"Next training: {format_time(next_training(now), zone)}, while tqs up runs.",
    )


def next_training(now: datetime) -> datetime:
    """When the weekly retraining is due after `now`, in UTC."""
    local = now.astimezone(ZoneInfo("UTC"))
    day = local.replace(hour=RETRAINED_AT, minute=0, second=0, microsecond=0)
    day += timedelta(days=(RETRAINED_ON - day.weekday()) % 7)
    return day if day > local else day + timedelta(weeks=1)


def _tell_since(champion: ModelRow | None, change: Decision | None, zone: str) -> str:
    if champion is None or change is None or change.version != champion.version or change.decided_at is None:
        return ""
    how = "promoted" if change.decision == "promoted" else "brought back"
    return (
        f"{champion.version} serves since {format_time(change.decided_at, zone)}, {how} by {name_actor(change.actor)}. "
    )


def _tell_run(run: TrainingRun | None, zone: str) -> str:
    if run is None:
        return "Not trained yet."
    began, ended = (None if at is None else format_time(at, zone) for at in (run.started_at, run.ended_at))
    return RUN_STATES[run.state].format(began=began, ended=ended, reason=(run.reason or "no reason given").rstrip("."))


def _render_badge(champion: ModelRow | None) -> Markup:
    tone, icon, words = (
        ("bad", "rule", "The rule answers") if champion is None else ("good", "check", f"{champion.version} serves")
    )
    return Markup('<span class="flag {}"><span class=icon aria-hidden=true>{}</span>{}</span>').format(
        tone, icon, words
    )


def _render_figures(champion: ModelRow | None) -> Markup:
    if champion is None:
        return Markup("<p class=hint>No model serves yet. Train one: <code>tqs retrain</code></p>")
    if not set(METRICS) <= champion.metrics.keys():
        return Markup("<p class=hint>Nothing was measured of this model.</p>")
    loss, base, ece, chance, predicted, happened, auc = (float(champion.metrics[name]) for name in METRICS)
    figures = (
        ("Log loss", f"{loss:.4f}", _tell_gain(loss, base)),
        ("Calibration error", f"{ece:.4f}", f"{chance:.4f} by chance alone"),
        ("Predicted on average", format_percent(100 * predicted), f"{format_percent(100 * happened)} happened"),
        ("ROC AUC", f"{auc:.3f}", "0.5 is guessing"),
    )
    items = (
        Markup("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>").format(title, figure, note)
        for title, figure, note in figures
    )
    return Markup("<dl>{}</dl>").format(Markup("").join(items))


def _tell_gain(loss: float, base: float) -> str:
    side = "below" if loss <= base else "above"
    return f"{format_percent(100 * abs(1 - loss / base))} {side} the base rate's"
