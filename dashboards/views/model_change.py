"""What a change of the model that serves will do, in words, before somebody does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from dashboards.formats import format_time
from dashboards.views.actors import name_actor
from dashboards.views.model_list import render_warnings
from dashboards.views.model_words import DECISIONS, QUESTIONS, TITLES
from modelling.decisions import Decision
from modelling.store import ModelRow


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody is about to do: let `chosen` serve a target in place of `champion`, None where the rule answers.

    since: when the champion began to serve. decision: the newest one on the chosen model, None where there is none.
    """

    chosen: ModelRow
    champion: ModelRow | None
    since: datetime | None
    decision: Decision | None

    @property
    def is_rollback(self) -> bool:
        """Whether the chosen model is the one that served before."""
        return self.chosen.alias == "previous" and self.champion is not None

    @property
    def deed(self) -> str:
        """What the button says."""
        return f"Roll back to {self.chosen.version}" if self.is_rollback else f"Let {self.chosen.version} serve"


def render_change(change: Change, zone: str) -> Markup:
    """Who serves now, who will, and what was last decided about the chosen one, with the gate's doubts."""
    return Markup("<section role=status><h3>{deed}?</h3><p>{now} {then}</p>{loss}{decided}</section>").format(
        deed=change.deed,
        now=_tell_now(change, zone),
        then=_tell_then(change),
        loss=_tell_losses(change),
        decided=_render_decided(change, zone),
    )


def tell_done(change: Change) -> str:
    """The sentence that says what was done."""
    title = TITLES[change.chosen.target].lower()
    again, before = " again" if change.is_rollback else "", change.champion.version if change.champion else "the rule"
    return f"{change.chosen.version} serves {title}{again}; before it was {before}."


def _tell_now(change: Change, zone: str) -> str:
    question = QUESTIONS[change.chosen.target].rstrip("?")
    if change.champion is None:
        return f"No model serves: the rule answers “{question}?”."
    since = "" if change.since is None else f", since {format_time(change.since, zone)}"
    return f"{change.champion.version} answers “{question}?”{since}."


def _tell_then(change: Change) -> str:
    kept = "" if change.champion is None else f" {change.champion.version} stays, and can be brought back."
    return (
        f"From then on {change.chosen.version} answers, here and in the service, without a restart; what is stored of "
        f"sessions ahead follows with the next hourly run.{kept}"
    )


def _tell_losses(change: Change) -> Markup:
    losses = [
        f"{model.version} {model.metrics['log_loss']:.4f}"
        for model in (change.chosen, change.champion)
        if model is not None and "log_loss" in model.metrics
    ]
    told = Markup("<p class=reason>Log loss of each on the part it was judged on: {}.</p>")
    return told.format(", ".join(losses)) if losses else Markup("")


def _render_decided(change: Change, zone: str) -> Markup:
    decision = change.decision
    if decision is None:
        return Markup("<p class=reason>Nothing was decided about {} yet.</p>").format(change.chosen.version)
    when = "" if decision.decided_at is None else f", {format_time(decision.decided_at, zone)}"
    return Markup("<p class=reason>Last decision about it: {what} by {actor}{when}. {reason}</p>{warnings}").format(
        what=DECISIONS[decision.decision][2].lower() + f" {change.chosen.version}",
        actor=name_actor(decision.actor),
        when=when,
        reason=decision.reason,
        warnings=render_warnings(decision),
    )
