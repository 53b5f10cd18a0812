"""The card of a model says what was measured, and is made of the database alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from features.catalogue import features_of
from modelling import publishing
from modelling.decisions import Decision
from modelling.evaluation import log_losses
from modelling.evidence import describe_test_part
from modelling.model_card import _decided, _groups, draw_chart, make_card
from modelling.publishing import apply_verdict, find_champion
from modelling.recipe import TrainedModel, train_model
from modelling.risk import RiskThresholds
from modelling.store import promote, save_challenger
from tqs.errors import ModelError

from .table import GAP, make_table

TARGET = "reschedule"


@pytest.fixture(scope="module")
def pair() -> tuple[TrainedModel, TrainedModel]:
    """A first model, and one of another table that was compared with it."""
    given = {"gap": GAP, "thresholds": RiskThresholds(0.15, 0.35), "trials": 1, "seed": 1, "threads": 1}
    first = train_model(make_table(3000)[0], TARGET, **given)
    return first, train_model(make_table(3000, seed=4)[0], TARGET, champion=first.artifact, **given)


@pytest.fixture(autouse=True)
def canary(monkeypatch):
    monkeypatch.setattr(publishing, "check_artifact", lambda artifact: None)


@pytest.fixture
def cards(engine, pair) -> list[str]:
    """Those of v1, which was promoted, and of v2, which took its place."""
    for trained in pair:
        decided = replace(trained, verdict=replace(trained.verdict, decision="promote", reasons=("It is better.",)))
        apply_verdict(engine, decided, save_challenger(engine, trained.artifact), find_champion(engine, TARGET))
    return [make_card(engine, TARGET, "v1"), make_card(engine, TARGET)]


def cells(card: str, first: str) -> list[str]:
    """The row of a table that begins with this cell."""
    [row] = [line for line in card.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_it_holds_every_part_and_no_hole(cards, pair):
    for version, card, trained in zip(("v1", "v2"), cards, pair, strict=True):
        assert card.startswith(f"# Model card: {TARGET} {version}\n")
        assert re.findall(r"^## (.*)", card, re.MULTILINE) == [
            "Intended use", "Data", "How good it is", "Calibration", "By group", "What was decided", "Limits",
            "Features", "How it was made",
        ]  # fmt: skip
        assert trained.artifact.sha256 in card
        assert not re.search(r"\b(nan|None)\b", card)
        for feature in features_of(TARGET):
            assert cells(card, feature.name) == [feature.name, feature.unit, feature.meaning, feature.concept]
        assert "It is better." in card
        assert cells(card, "trees")[1] == str(trained.search.trees)


def test_its_figures_are_those_of_the_test_part(cards, pair):
    trained, test = pair[1], pair[1].test
    losses = log_losses(test.labels, test.challenger)
    half = 1.96 * losses.std(ddof=1) / np.sqrt(len(losses))
    mean = losses.mean()
    assert cells(cards[1], "this model")[1:3] == [
        f"{len(losses):,}",
        f"{mean:.4f} ({mean - half:.4f} to {mean + half:.4f})",
    ]
    champion = log_losses(test.labels, test.champion)[test.comparable]
    rows, loss, saved = cells(cards[1], "champion then")[1:]
    assert rows == f"{test.comparable.sum():,}"
    assert loss.startswith(f"{champion.mean():.4f} ")
    assert saved.startswith(f"{losses[test.comparable].mean() - champion.mean():+.4f} ")
    assert "champion then" not in cards[0]
    assert cells(cards[1], "roc auc")[1] == f"{trained.evaluation.roc_auc:.4f}"
    assert cells(cards[1], "learned from")[1] == f"{trained.artifact.manifest.training.rows:,}"
    for group in trained.groups:
        line = f"| {group['grouping']} | {group['group']} | {group['rows']:,} | {group['base_rate']:.4f} |"
        assert line in cards[1]


def test_a_group_is_apart_beyond_what_chance_gives():
    """Of 100 rows of 0.25 chance gives 0.25 ± 1.96 · √(0.25 · 0.75 / 100) = 0.165 to 0.335."""
    groups = [
        {"grouping": "lead time", "group": name, "rows": 100, "base_rate": rate, "mean_prediction": 0.25,
         "log_loss": 0.5, "chance_error": 0.0433}
        for name, rate in (("inside", 0.334), ("above", 0.336), ("below", 0.164))
    ]  # fmt: skip
    lines = {line.split(" | ")[1]: line for line in _groups({"groups": groups}) if line.startswith("| lead")}
    assert [name for name, line in lines.items() if "apart" in line] == ["above", "below"]


def test_a_reason_is_one_line_of_text_whatever_it_holds():
    forged = "x\n\n## What was decided\n\n- **promoted** by the gate [in](https://evil.example) `a_b` <i>"
    found = _decided([Decision("reschedule", "kept", forged, "account ann", "v1")], None)
    [line] = [line for line in found if "kept" in line]
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(line)
    assert html.count("<strong>") == 1
    assert not any(tag in html for tag in ("<h2", "<a ", "<code", "<i>", "<em"))
    assert "## What was decided - **promoted** by the gate [in](https://evil.example) `a_b` &lt;i&gt;" in html


def test_the_window_is_that_of_the_rows(pair):
    frame = make_table(3000)[0]
    newest = frame.loc[frame["part"] == "test", "scheduled_time"]
    window = describe_test_part(pair[0])["window"]
    assert window["rows"] == len(newest)
    assert (window["first_scheduled"], window["last_scheduled"]) == (
        f"{newest.min():%Y-%m-%dT%H:%M:%SZ}",
        f"{newest.max():%Y-%m-%dT%H:%M:%SZ}",
    )


def test_what_is_compared_is_measured_on_the_rows_of_the_window_alone(pair):
    """The champion is told to have learned from the first 300 rows of the test part."""
    trained = pair[1]
    middle = np.arange(len(trained.test.labels)) >= 300
    moved = replace(trained, test=replace(trained.test, comparable=middle))
    metrics = moved.compared_metrics()
    assert metrics["window"]["rows"] == middle.sum()
    for name, losses in (
        ("challenger", log_losses(trained.test.labels, trained.test.challenger)),
        ("base_rate", log_losses(trained.test.labels, trained.test.base_rate)),
    ):
        assert metrics[name]["log_loss"] == pytest.approx(losses[300:].mean())


def test_a_model_that_no_gate_judged_has_a_card_that_says_so(engine, pair):
    save_challenger(engine, pair[0].artifact)
    promote(engine, TARGET, "v1", expected_champion=None, reason="by hand | no test", actor="account ann")
    card = make_card(engine, TARGET)
    assert "Not recorded with this model." in card
    assert "by hand, with no champion before: by hand \\| no test" in card
    assert "ann" not in card.split("## What was decided")[1].split("##")[0]
    assert cells(card, "log loss")[1] == f"{pair[0].evaluation.log_loss:.4f}"


def test_without_a_model_there_is_no_card(engine):
    with pytest.raises(ModelError, match="tqs retrain --target match"):
        make_card(engine, "match")
    with pytest.raises(ModelError, match="no model 'v3' of match"):
        make_card(engine, "match", "v3")


def test_the_picture_puts_each_bin_on_one_scale():
    bins = [
        {"predicted": 0.0, "observed": 0.1, "observed_low": 0.0, "observed_high": 0.2, "rows": 70.0},
        {"predicted": 0.59, "observed": 0.3, "observed_low": 0.29, "observed_high": 0.31, "rows": 1200.0},
    ]
    first, second, scale = draw_chart(bins)
    assert first[:60].rstrip() == "|---------o----------"
    assert (second.index("o"), second.index("|"), second[:60].count("-")) == (30, 59, 2)
    assert second.endswith("  0.5900 predicted, 0.3000 happened, 1,200 rows")
    assert scale == "0" + "0.590".rjust(59)
