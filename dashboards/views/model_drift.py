"""What the newest drift watch found: its verdict, and how far each look lies from where drift begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from dashboards.views.model_words import TITLES, render_links, render_word
from features.catalogue import features_of

VERDICTS: Final = {
    "drift": ("moving", "bad", "Drift"),
    "stable": ("check", "good", "No drift"),
    "no verdict": ("help", "quiet", "No verdict on drift"),
}
WORDS: Final = {
    "drift": ("moving", "bad", "drift"),
    "stable": ("check", "quiet", "within"),
    "no verdict": ("help", "quiet", "no verdict"),
}
LOOKS: Final = {
    "prediction": "spread of what the model predicts",
    "mean_prediction": "what the model predicts on average",
    "score_shift": "shares of low, medium and high risk",
    "rate": "what really happened",
    "performance": "log loss",
    "calibration": "predicted beside happened",
}
WATCH_PAGES: Final = {"features": "both distributions", "notebook": "notebook of the watch"}
SHOWN: Final = 6  # of the looks that found nothing; the others are folded
SCALE: Final = 2.0  # multiples of the threshold that a bar has room for

Finding = Mapping[str, Any]


def render_drift(target: str, findings: Sequence[Finding], links: Mapping[str, str]) -> Markup:
    """The verdict of the newest day, what follows from it, and its looks as bars, the furthest out first.

    findings: as `modelling.drift_store.read_findings` gives them.
    """
    if not findings:
        return Markup("<p class=hint>Not watched yet. Look now: <code>tqs drift --target {}</code></p>").format(target)
    overall, *looks = findings
    drifted = [look for look in looks if look["verdict"] == "drift"]
    others = [look for look in looks if look["verdict"] != "drift"]
    followed = f"{overall['retraining'].capitalize()}: {overall['retraining_reason']}." if overall["retraining"] else ""
    return Markup("<p>{verdict} <span class=when>up to {day}</span> {links}</p>{reason}{followed}{bars}{more}").format(
        verdict=render_word(*VERDICTS[overall["verdict"]]),
        day=f"{overall['day'].day} {overall['day']:%b %Y}",
        links=render_links(links, WATCH_PAGES, f"{TITLES[target]} drift"),
        reason=_paragraph("" if drifted else f"{_capitalise(overall['reason'])}."),
        followed=_paragraph(followed),
        bars=_render_bars(target, [*drifted, *others[: 0 if drifted else SHOWN]]),
        more=_render_more(target, others[0 if drifted else SHOWN :]),
    )


def measure_distance(finding: Finding) -> float | None:
    """How far a look lies from the reference, as a multiple of where drift begins; None without a verdict."""
    statistic, threshold = finding["statistic"], finding["threshold"]
    return None if statistic is None or not threshold else float(abs(statistic) / threshold)


def _capitalise(words: str) -> str:
    return words[:1].upper() + words[1:]


def _paragraph(words: str) -> Markup:
    return Markup("<p class=reason>{}</p>").format(words) if words else Markup("")


def _render_more(target: str, looks: Sequence[Finding]) -> Markup:
    if not looks:
        return Markup("")
    summary = Markup("<details><summary>{} more looks, none of them drift</summary>{}</details>")
    return summary.format(len(looks), _render_bars(target, looks))


def _render_bars(target: str, looks: Sequence[Finding]) -> Markup:
    if not looks:
        return Markup("")
    meanings = {feature.name: feature.meaning for feature in features_of(target)} | LOOKS
    items = (_render_look(look, meanings.get(look["subject"], "")) for look in looks)
    return Markup("<ul class=looks>{}</ul>").format(Markup("").join(items))


def _render_look(look: Finding, meaning: str) -> Markup:
    distance = measure_distance(look)
    figure, share = ("", 0.0) if distance is None else (f"{100 * distance:.0f}%", min(distance, SCALE) / SCALE)
    icon, tone, word = WORDS[look["verdict"]]
    return Markup(
        "<li class={tone}><p class=look><span class=name>{meaning}</span> <span class=when>{subject}</span></p>"
        '<p class=measure><span class=track aria-hidden=true><span class=bar style="width: {share:.1f}%"></span>'
        '<span class=limit style="left: {limit:.1f}%"></span></span>'
        "<span class=figure>{figure}</span> {word}</p>{reason}</li>"
    ).format(
        tone=tone,
        subject=look["subject"],
        meaning=_capitalise(meaning),
        share=100 * share,
        limit=100 / SCALE,
        figure=figure,
        word=render_word(icon, tone, word),
        reason=_paragraph("" if look["verdict"] == "stable" else look["reason"]),
    )
