"""What answers for a target, how good it is, and the decisions that made it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

from dashboards.card_page import link_card
from dashboards.formats import NOTHING, format_percent, format_time
from modelling.decisions import Decision
from modelling.store import ModelRow

TITLES: Final = {"match": "Match", "reschedule": "Reschedule", "no_show": "No-show"}
QUESTIONS: Final = {
    "match": "Will this student and this tutor part?",
    "reschedule": "Will this session be moved or cancelled?",
    "no_show": "Will nobody turn up?",
}
LINKS: Final = {"card": "card", "10_build_features": "features", "20_train_model": "training"}
# decision: icon, tone, word
DECISIONS: Final = {
    "promoted": ("north_east", "good", "Promoted"),
    "rolled_back": ("undo", "bad", "Rolled back to"),
    "kept": ("pause", "quiet", "Kept out"),
    "refused": ("block", "bad", "Refused"),
}
VERDICTS: Final = {
    "drift": ("moving", "bad", "Drift"),
    "stable": ("check", "good", "No drift"),
    "no verdict": ("help", "quiet", "No verdict on drift"),
}
WATCH_PAGES: Final = {"features": "features", "notebook": "watch"}
ALIASES: Final = {"champion": "serves", "previous": "served before", "challenger": "challenger"}
METRICS: Final = (
    *("log_loss", "base_rate_log_loss", "ece", "ece_noise_floor"),
    *("mean_prediction", "base_rate", "roc_auc"),
)

Links = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TargetModels:
    """The saved models of a target and the decisions on it, each newest first.

    links: MLflow run to its executed notebooks, name to address.
    findings: of the newest drift watch, as `modelling.drift_store.read_findings` has them; watch_links: its pages.
    """

    target: str
    models: Sequence[ModelRow]
    decisions: Sequence[Decision]
    links: Links
    findings: Sequence[Mapping[str, Any]] = ()
    watch_links: Mapping[str, str] = field(default_factory=dict)


def render_target(shown: TargetModels, zone: str) -> Markup:
    """The card of one target as HTML; the reasons of decisions are text, whoever wrote them."""
    champion = next((model for model in shown.models if model.alias == "champion"), None)
    return Markup(
        "<section><header><div><h2>{title}</h2><p class=question>{question}</p></div>{badge}</header>"
        "{figures}{drift}{models}{decisions}</section>"
    ).format(
        title=TITLES[shown.target],
        question=QUESTIONS[shown.target],
        badge=_render_badge(champion),
        figures=_render_figures(champion),
        drift=_render_drift(shown),
        models=_render_models(shown, zone),
        decisions=_render_decisions(shown, zone),
    )


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
        ("Log loss", f"{loss:.4f}", f"{format_percent(100 * (1 - loss / base))} below the base rate's"),
        ("Calibration error", f"{ece:.4f}", f"{chance:.4f} by chance alone"),
        ("Predicted on average", format_percent(100 * predicted), f"{format_percent(100 * happened)} happened"),
        ("ROC AUC", f"{auc:.3f}", "0.5 is guessing"),
    )
    items = (
        Markup("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>").format(title, figure, note)
        for title, figure, note in figures
    )
    return Markup("<dl>{}</dl>").format(Markup("").join(items))


def _render_drift(shown: TargetModels) -> Markup:
    if not shown.findings:
        return Markup("")
    overall, *others = shown.findings
    icon, tone, word = VERDICTS[overall["verdict"]]
    moved = (
        Markup("<li>{}</li>").format(f"{one['subject']}: {one['reason']}")
        for one in others
        if one["verdict"] == "drift"
    )
    followed = f"{overall['retraining'].capitalize()}: {overall['retraining_reason']}." if overall["retraining"] else ""
    reason = "" if overall["verdict"] == "drift" else overall["reason"]
    return Markup(
        '<h3>The last days beside what the model learned from</h3><p><span class="word {tone}">'
        "<span class=icon aria-hidden=true>{icon}</span>{word}</span> <span class=when>up to {day}</span> {links}</p>"
        "<ul>{moved}</ul><p class=reason>{reason}</p><p class=reason>{followed}</p>"
    ).format(
        tone=tone,
        icon=icon,
        word=word,
        day=f"{overall['day'].day} {overall['day']:%b %Y}",
        links=_render_links(shown.watch_links, WATCH_PAGES, f"{TITLES[shown.target]} drift"),
        moved=Markup("").join(moved),
        reason=reason,
        followed=followed,
    )


def _render_models(shown: TargetModels, zone: str) -> Markup:
    if not shown.models:
        return Markup("")
    rows = (
        Markup("<tr><th scope=row>{}</th><td>{}</td><td>{}</td><td class=number>{}</td><td>{}</td></tr>").format(
            model.version,
            ALIASES.get(model.alias or "", NOTHING),
            format_time(model.created_at, zone),
            f"{model.metrics['log_loss']:.4f}" if "log_loss" in model.metrics else NOTHING,
            _render_links(
                {"card": link_card(model.target, model.version), **shown.links.get(model.mlflow_run_id or "", {})},
                LINKS,
                f"{TITLES[model.target]} {model.version}",
            ),
        )
        for model in shown.models
    )
    return Markup(
        "<div class=wide><table><thead><tr><th scope=col>Model</th><th scope=col>State</th><th scope=col>Trained</th>"
        "<th scope=col class=number>Log loss</th><th scope=col>Card and notebooks</th></tr></thead>"
        "<tbody>{}</tbody></table></div>"
    ).format(Markup("").join(rows))


def _render_decisions(shown: TargetModels, zone: str) -> Markup:
    if not shown.decisions:
        return Markup("")
    items = []
    for decision in shown.decisions:
        icon, tone, word = DECISIONS[decision.decision]
        when = "" if decision.decided_at is None else format_time(decision.decided_at, zone)
        items.append(
            Markup(
                '<li><p><span class="word {tone}"><span class=icon aria-hidden=true>{icon}</span>{word} {version}'
                "</span> <span class=when>by {actor}, {when}</span> {links}</p>"
                "<p class=reason>{reason}</p>{warnings}</li>"
            ).format(
                tone=tone,
                icon=icon,
                word=word,
                version=decision.version or "the data",
                actor=decision.actor,
                when=when,
                links=_render_run(decision, shown),
                reason=decision.reason,
                warnings=Markup("").join(
                    Markup("<p class=reason><span class=word>Warning:</span> {}</p>").format(warning)
                    for warning in decision.warnings
                ),
            )
        )
    return Markup("<h3>What was decided, and why</h3><ol>{}</ol>").format(Markup("").join(items))


def _render_run(decision: Decision, shown: TargetModels) -> Markup:
    """Of a run that led to no model; those of a model stand beside it."""
    pages = {} if decision.version else shown.links.get(decision.mlflow_run_id or "", {})
    return _render_links(pages, LINKS, f"a {TITLES[shown.target]} run without a model")


def _render_links(addresses: Mapping[str, str], names: Mapping[str, str], of: str) -> Markup:
    """`names`: what each is called; `of` tells the links of one model from those of another to who only hears them."""
    return Markup(" · ").join(
        Markup('<a href="{}" target=_blank rel=noopener aria-label="{}">{}</a>').format(
            addresses[name], f"{words}, page of {of}", words
        )
        for name, words in names.items()
        if name in addresses
    )
