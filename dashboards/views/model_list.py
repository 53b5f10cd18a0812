"""The saved models of a target, how a challenger in shadow fares, and the decisions that made it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from dashboards.formats import format_count, format_time
from dashboards.views.actors import name_actor
from dashboards.views.model_words import DECISIONS, PAGES, ROWS, TITLES, render_links, render_word
from modelling.decisions import Decision
from modelling.store import ModelRow
from scoring.shadow_report import ShadowReport

ALIASES: Final = {
    "champion": ("check", "good", "serves"),
    "previous": ("history", "quiet", "served before"),
    "challenger": ("pending", "quiet", "challenger"),
}
KEPT: Final = ("inventory_2", "quiet", "kept")


def render_model(model: ModelRow, links: Mapping[str, str], zone: str) -> Markup:
    """A saved model in two lines: what it is, when it was saved and how good it was, and its pages."""
    loss = model.metrics.get("log_loss")
    return Markup(
        '<article aria-label="{title} {version}"><p><b>{version}</b> {alias}</p>'
        "<p class=when>saved {saved}{loss}</p><p>{links}</p></article>"
    ).format(
        title=TITLES[model.target],
        version=model.version,
        alias=render_word(*ALIASES.get(model.alias or "", KEPT)),
        saved=format_time(model.created_at, zone),
        loss="" if loss is None else f" · log loss {loss:.4f}",
        links=render_links(links, PAGES, f"{TITLES[model.target]} {model.version}"),
    )


def render_shadow(report: ShadowReport | None, zone: str) -> Markup:
    """How the newest challenger in shadow fares beside the champion."""
    if report is None:
        return Markup("")
    when = f"{'until' if report.running else 'ended'} {format_time(report.ends_at, zone)}"
    found = report.compared
    compared = (
        ""
        if found is None
        else f"Log loss {found.log_loss:.4f}, the champion's {found.champion_log_loss:.4f}: difference "
        f"{found.difference:+.4f} ± {found.standard_error:.4f} on {format_count(found.rows)} outcomes. "
    )
    counts = (
        f"{format_count(report.predicted)} {ROWS[report.target]} predicted by both, {format_count(report.waiting)} of "
        "them not over yet. "
    )
    verdict = report.verdict or ""
    said = f"Too early to say: {report.too_early}" if report.too_early else verdict[:1].upper() + verdict[1:]
    return Markup("<p>{word} <span class=when>{when}</span></p><p class=reason>{told}</p>").format(
        word=render_word("visibility", "quiet", f"{report.version} in shadow"),
        when=when,
        told=f"{counts}{compared}{said}.",
    )


def render_decisions(
    target: str, decisions: Sequence[Decision], links: Mapping[str, Mapping[str, str]], zone: str
) -> Markup:
    """The decisions, the newest first; the reasons are text, whoever wrote them."""
    if not decisions:
        return Markup("<p class=hint>Nothing was decided yet.</p>")
    items = (_render_decision(target, decision, links, zone) for decision in decisions)
    return Markup("<ol>{}</ol>").format(Markup("").join(items))


def render_warnings(decision: Decision) -> Markup:
    """What the gate had doubts about."""
    return Markup("").join(
        Markup("<p class=reason><span class=word>Warning:</span> {}</p>").format(warning)
        for warning in decision.warnings
    )


def _render_decision(target: str, decision: Decision, links: Mapping[str, Mapping[str, str]], zone: str) -> Markup:
    icon, tone, word = DECISIONS[decision.decision]
    # Pages of a run that led to no model; those of a model stand beside it.
    pages = {} if decision.version else links.get(decision.mlflow_run_id or "", {})
    return Markup(
        "<li><p>{word} <span class=when>by {actor}, {when}</span> {links}</p>"
        "<p class=reason>{reason}</p>{warnings}</li>"
    ).format(
        word=render_word(icon, tone, f"{word} {decision.version or 'the data'}"),
        actor=name_actor(decision.actor),
        when="" if decision.decided_at is None else format_time(decision.decided_at, zone),
        links=render_links(pages, PAGES, f"a {TITLES[target]} run without a model"),
        reason=decision.reason,
        warnings=render_warnings(decision),
    )
