"""The model card: what a model is for, what it learned from, how good it is for whom, and what it cannot do.

Made from what the database holds of a model (its manifest and the decisions about it), so it needs no lab book. It
tells of no single row and of no person. Source: M. Mitchell et al., Model cards for model reporting, FAT* 2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine

from features.catalogue import features_of
from modelling.artifact import Artifact
from modelling.blocks import TWO_SIDED_95
from modelling.decisions import Decision, list_decisions
from modelling.store import load_champion, load_model
from tqs.errors import ModelError

MOST_DECISIONS: Final = 1_000
CHART_WIDTH: Final = 60  # characters
NAMES: Final = {
    "challenger": "this model",
    "champion": "champion then",
    "rule": "fallback rule",
    "base_rate": "base rate",
}

INTENDED_USE: Final = {
    "match": (
        "How probable it is that a student and a tutor part after their first session: no other one within 30 days. "
        "For choosing among tutors before the first booking, and for looking after pairs at risk.",
        "Asked of a pair that already meets it has no answer: it was learned just before first bookings.",
    ),
    "reschedule": (
        "How probable it is that a session ahead will be moved or cancelled, by anyone. For deciding whom to remind or "
        "to call, and what to reassign in time.",
        "It was learned from moments within 14 days of the session; further ahead it says nothing that was tested.",
    ),
    "no_show": (
        "How probable it is that nobody turns up to a session ahead, if it is not rescheduled. For deciding whom to "
        "remind in time.",
        "It was learned from moments within 14 days of the session; further ahead it says nothing that was tested.",
    ),
}
LIMITS: Final = (
    "A probability is about sessions like this one, not a cause: it says where to look, not whom to blame.",
    "Not for decisions about a person's pay, contract or access to lessons.",
    "Sex is stored and never a feature. Where groups fare differently, the table above shows it.",
    "Base rates move: the drift watch says when what is served no longer resembles what was learned.",
    "Intervals take rows as independent. Sessions of one tutor resemble each other, so they are somewhat too narrow.",
)


def make_card(engine: Engine, target: str, version: str | None = None) -> str:
    """The card of a saved model, of the champion where no version is given, as Markdown.

    Raises ModelError where there is no such model or it is damaged.
    """
    artifact = load_model(engine, target, version) if version else load_champion(engine, target)
    if artifact is None:
        raise ModelError(
            f"no model of {target} serves yet, so there is no card; train with: tqs retrain --target {target}"
        )
    decisions = list_decisions(engine, target, MOST_DECISIONS, version=artifact.version)
    return write_card(artifact, decisions)


def write_card(artifact: Artifact, decisions: Sequence[Decision]) -> str:
    """The card as Markdown. decisions: those on this model, the newest first."""
    evidence = next((found for one in decisions if (found := (one.metrics or {}).get("test_part"))), None)
    sections = (
        _introduce(artifact),
        _intended_use(artifact.target),
        _data(artifact, evidence),
        _quality(artifact, evidence),
        _calibration(evidence),
        _groups(evidence),
        _decided(decisions, evidence),
        _limits(artifact.target),
        _features(artifact),
        _making(artifact),
    )
    return "\n".join(line for section in sections for line in section)


def _introduce(artifact: Artifact) -> Iterator[str]:
    yield f"# Model card: {artifact.target} {artifact.version}"
    yield ""
    yield f"Trained {artifact.manifest.created_at}, SHA-256 `{artifact.sha256}`."
    yield ""


def _intended_use(target: str) -> Iterator[str]:
    yield "## Intended use"
    yield ""
    yield INTENDED_USE[target][0]
    yield ""


def _data(artifact: Artifact, evidence: Mapping[str, Any] | None) -> Iterator[str]:
    training = artifact.manifest.training
    yield "## Data"
    yield ""
    parts = [("learned from", training.rows, training.first_scheduled, training.last_scheduled, training.base_rate)]
    if evidence is not None:
        window, rate = evidence["window"], artifact.manifest.metrics["base_rate"]
        parts.append(
            ("judged on, looked at once", window["rows"], window["first_scheduled"], window["last_scheduled"], rate)
        )
    yield from _table(
        ("part", "rows", "first scheduled", "last scheduled", "share that happened"),
        [
            (name, f"{rows:,}", f"{first:.10}", f"{last:.10}", f"{share:.4f}")
            for name, rows, first, last, share in parts
        ],
    )
    yield f"Snapshot SHA-256 `{training.snapshot_sha256 or 'not recorded'}`."
    yield ""


def _quality(artifact: Artifact, evidence: Mapping[str, Any] | None) -> Iterator[str]:
    metrics = artifact.manifest.metrics
    yield "## How good it is"
    yield ""
    if evidence is not None:
        rows = []
        for name, title in NAMES.items():
            if name in evidence["losses"]:
                loss, saved = evidence["losses"][name], evidence["differences"].get(name)
                rows.append(
                    (title, f"{loss['rows']:,}", _interval(loss), "" if saved is None else _interval(saved, "+"))
                )
        yield "Log loss (lower is better), with its 95 % interval, and by how much this model differs on the same rows."
        yield ""
        yield from _table(("", "rows", "log loss", "this model less that"), rows)
    named = {name: value for name, value in sorted(metrics.items()) if not name.startswith("ece")}
    shown = [
        (name.replace("_", " "), f"{value:,.0f}" if name == "rows" else f"{value:.4f}") for name, value in named.items()
    ]
    if "ece" in metrics:
        known = f"{metrics['ece']:.4f} ({metrics['ece_low']:.4f} to {metrics['ece_high']:.4f})"
        shown.append(("calibration error (95 % interval)", known))
        shown.append(("calibration error by chance alone (95 %)", f"{metrics['ece_noise_floor']:.4f}"))
    yield 'All metrics on the part it was judged on; accuracy, precision, recall and F1 are those of "high risk".'
    yield ""
    yield from _table(("metric", "value"), shown)


def _calibration(evidence: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Calibration"
    yield ""
    if evidence is None:
        yield "Not recorded with this model."
        yield ""
        return
    yield "Rows in bins by prediction: `|` the mean prediction, `o` the share that happened, `-` its 95 % interval."
    yield ""
    yield "```text"
    yield from draw_chart(evidence["reliability"])
    yield "```"
    yield ""


def draw_chart(bins: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """A line for each bin of a calibration curve, on one scale from 0 to the largest number of all."""
    top = max(max(one["predicted"], one["observed_high"]) for one in bins)

    def place(value: float) -> int:
        return round(value / top * (CHART_WIDTH - 1)) if top > 0 else 0

    for one in bins:
        line = [" "] * CHART_WIDTH
        low, high = place(min(one["observed_low"], one["observed"])), place(max(one["observed_high"], one["observed"]))
        line[low : high + 1] = "-" * (high + 1 - low)
        line[place(one["predicted"])] = "|"
        line[place(one["observed"])] = "o"
        figures = f"{one['predicted']:.4f} predicted, {one['observed']:.4f} happened, {int(one['rows']):,} rows"
        yield f"{''.join(line)}  {figures}"
    yield f"0{top:>{CHART_WIDTH - 1}.3f}"


def _groups(evidence: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## By group"
    yield ""
    if not evidence or not evidence["groups"]:
        yield "No group was large enough, or none is recorded with this model."
        yield ""
        return
    rows = []
    for group in evidence["groups"]:
        apart = abs(group["mean_prediction"] - group["base_rate"]) > TWO_SIDED_95 * group["chance_error"]
        figures = (f"{group['base_rate']:.4f}", f"{group['mean_prediction']:.4f}", f"{group['log_loss']:.4f}")
        rows.append((group["grouping"], group["group"], f"{group['rows']:,}", *figures, "apart" if apart else ""))
    yield from _table(("grouping", "group", "rows", "happened", "predicted on average", "log loss", ""), rows)
    yield "`apart`: predicted and happened differ by more than 95 % of chance gives, as one group in twenty does."
    yield ""


def _decided(decisions: Sequence[Decision], evidence: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## What was decided"
    yield ""
    for one in reversed(decisions):
        when = "" if one.decided_at is None else f" {one.decided_at:%Y-%m-%d %H:%M} UTC"
        rival = f"against {one.champion_before}" if one.champion_before else "with no champion before"
        by = "by the gate" if one.actor == "gate" else "by hand"
        yield f"- **{one.decision}**{when} {by}, {rival}: {_as_text(one.reason)}"
    for warning in [] if evidence is None else evidence["warnings"]:
        yield f"- **warning**: {_as_text(warning)}"
    if not decisions:
        yield "Nothing yet."
    yield ""


def _as_text(words: str) -> str:
    """What somebody wrote as one line that Markdown takes for nothing but text."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!])", r"\\\1", " ".join(words.split()))


def _limits(target: str) -> Iterator[str]:
    yield "## Limits"
    yield ""
    for sentence in (INTENDED_USE[target][1], *LIMITS):
        yield f"- {sentence}"
    yield ""


def _features(artifact: Artifact) -> Iterator[str]:
    yield "## Features"
    yield ""
    yield "Each as it was known and told just before the moment of prediction."
    yield ""
    known = {feature.name: feature for feature in features_of(artifact.target)}
    yield from _table(
        ("feature", "unit", "meaning", "concept"),
        [(name, known[name].unit, known[name].meaning, known[name].concept) for name in artifact.manifest.features],
    )


def _making(artifact: Artifact) -> Iterator[str]:
    manifest = artifact.manifest
    chosen = {
        "trees": manifest.booster.trees,
        **manifest.training.parameters,
        "seed": manifest.training.seed,
        "calibration": manifest.calibrator.kind,
        "low risk below": manifest.thresholds.low,
        "high risk from": manifest.thresholds.high,
        **manifest.libraries,
    }
    yield "## How it was made"
    yield ""
    yield from _table(
        ("", ""), [(name, f"{value:.6g}" if isinstance(value, float) else value) for name, value in chosen.items()]
    )


def _interval(found: Mapping[str, float], sign: str = "") -> str:
    mean, margin = found["log_loss"], TWO_SIDED_95 * found["standard_error"]
    return f"{mean:{sign}.4f} ({mean - margin:{sign}.4f} to {mean + margin:{sign}.4f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"
    yield ""
