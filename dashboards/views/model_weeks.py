"""How good a model is by window: on the part it was judged on, in the weeks since, and by what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from dashboards.formats import NOTHING, format_count, format_percent
from dashboards.html import EMPTY
from dashboards.views.model_words import render_word
from modelling.blocks import TWO_SIDED_95
from modelling.expected_performance import LEVEL, Expected
from modelling.groups import GROUPS
from scoring.expected_weeks import ExpectedWeek
from scoring.outcomes import GroupOutcome
from scoring.upkeep import FORMER_DAYS

STATES: Final = {
    "open": ("schedule", "quiet", "not over yet"),
    "untold": ("help", "quiet", "outcomes are missing"),
    "too few": ("help", "quiet", "too few to say"),
    "as expected": ("check", "good", "as expected"),
    "not as expected": ("warning", "bad", "not as expected"),
}
DEEDS: Final = {
    "untreated": "nobody acted",
    "hold_out": "tutor left alone by lot",
    "spillover": "tutor reminded of others",
    "treated": "somebody acted",
}
NO_WEEKS: Final = {
    "match": "Pairs are predicted anew every night, also after they met, so their weeks say nothing of first meetings. "
    "What is known of a model of matches is its test part above, and a challenger that runs in shadow.",
}
NONE_YET: Final = "No prediction of a model is stored yet. Store the first: tqs score"


def render_windows(
    metrics: Mapping[str, Any], test_part: Mapping[str, Any] | None, weeks: Sequence[ExpectedWeek]
) -> Markup:
    """A table: the test part, then the weeks, each with what was expected and what came.

    metrics: of the champion. test_part: as `modelling.evidence` describes it, None where no decision holds it.
    """
    lines = [*_render_test_part(metrics, test_part), *(_render_week(week, _largest(weeks)) for week in weeks)]
    if not lines:
        return Markup("")
    return _table(
        "Metrics by window",
        ("Window", "", "#Outcomes", "#Expected", "#Happened", "", "#Log loss, expected", "#Log loss"),
        lines,
    )


def render_outcomes(outcomes: Sequence[GroupOutcome]) -> Markup:
    """Sessions of the last days by whether somebody acted: a prediction says what happens if nobody does."""
    if not outcomes:
        return Markup("")
    lines = (
        _line(
            one.version,
            DEEDS[one.group],
            *_numbers(
                format_count(one.sessions),
                format_percent(100 * one.mean_prediction),
                format_percent(100 * one.rate),
                f"{one.log_loss:.4f}",
            ),
        )
        for one in outcomes
    )
    head = ("Model", "What was done", "#Sessions", "#Predicted", "#Happened", "#Log loss")
    return Markup("<h3>Sessions of the last {} days, by what was done about them</h3>{}").format(
        FORMER_DAYS, _table("Outcomes by what was done", head, lines)
    )


def render_groups(test_part: Mapping[str, Any] | None) -> Markup:
    """The test part by group; groups whose figures lie further apart than chance gives are marked."""
    if not test_part or not test_part["groups"]:
        return Markup("<p class=hint>No group was large enough, or none was recorded with this model.</p>")
    lines = [line for grouping, names in GROUPS.items() for line in _render_grouping(test_part, grouping, names)]
    head = ("By", "Group", "#Rows", "#Predicted", "#Happened", "#Log loss", "")
    note = "Apart: predicted and happened differ by more than chance gives in 19 of 20 groups."
    return Markup("{}<p class=reason>{}</p>").format(_table("Test part by group", head, lines), note)


def _render_grouping(test_part: Mapping[str, Any], grouping: str, names: Sequence[str]) -> Iterable[Markup]:
    groups = [group for group in test_part["groups"] if group["grouping"] == grouping]
    for number, group in enumerate(sorted(groups, key=lambda group: names.index(group["group"]))):
        apart = abs(group["mean_prediction"] - group["base_rate"]) > TWO_SIDED_95 * group["chance_error"]
        head = Markup("<th scope=rowgroup rowspan={}>{}</th>").format(len(groups), grouping)
        cells = (
            Markup("<th scope=row class=group>{}</th>").format(group["group"]),
            *_numbers(
                format_count(group["rows"]),
                format_percent(100 * group["mean_prediction"]),
                format_percent(100 * group["base_rate"]),
                f"{group['log_loss']:.4f}",
            ),
            _cell(render_word("warning", "bad", "apart") if apart else ""),
        )
        yield Markup("<tr>{}{}</tr>").format(EMPTY if number else head, Markup("").join(cells))


def _largest(weeks: Iterable[ExpectedWeek]) -> float:
    """The rate that the tracks of the weeks have room for."""
    highs = [week.expected.rate.high for week in weeks if week.expected is not None]
    return max([*highs, *(week.rate for week in weeks if week.rate is not None)], default=1.0) or 1.0


def _render_test_part(metrics: Mapping[str, Any], test_part: Mapping[str, Any] | None) -> Iterable[Markup]:
    if not test_part or not {"mean_prediction", "base_rate", "log_loss"} <= metrics.keys():
        return
    window, loss = test_part["window"], test_part["losses"]["challenger"]
    days = [
        f"{at.day} {at:%b %Y}" for at in (_read_day(window["first_scheduled"]), _read_day(window["last_scheduled"]))
    ]
    margin = TWO_SIDED_95 * loss["standard_error"]
    yield _line(
        f"Test part, {days[0]} to {days[1]}",
        _cell(render_word("fact_check", "quiet", "looked at once")),
        *_numbers(
            format_count(window["rows"]),
            format_percent(100 * metrics["mean_prediction"]),
            format_percent(100 * metrics["base_rate"]),
        ),
        _cell(""),
        *_numbers(NOTHING),
        _number(f"{loss['log_loss']:.4f}", f"± {margin:.4f}"),
    )


def _render_week(week: ExpectedWeek, top: float) -> Markup:
    rate, loss = (None, None) if week.expected is None else (week.expected.rate, week.expected.log_loss)
    return _line(
        f"Week of {week.week.day} {week.week:%b %Y}",
        _cell(_render_state(week)),
        _number(format_count(week.told), f"of {format_count(week.predictions)}"),
        _number("too few")
        if rate is None
        else _number(f"{100 * rate.value:.1f}%", f"{100 * rate.low:.1f}–{100 * rate.high:.1f}%"),
        _number(format_percent(None if week.rate is None else 100 * week.rate)),
        _cell(_render_track(rate, week.rate, top)),
        _number(NOTHING) if loss is None else _number(f"{loss.value:.4f}", f"{loss.low:.4f}–{loss.high:.4f}"),
        _number(NOTHING if week.log_loss is None else f"{week.log_loss:.4f}"),
    )


def _render_state(week: ExpectedWeek) -> Markup:
    """Where something is not as expected, which of the two."""
    icon, tone, word = STATES[week.state]
    if week.state == "not as expected" and week.expected is not None:
        found = (("rate", week.expected.rate, week.rate), ("log loss", week.expected.log_loss, week.log_loss))
        outside = [name for name, expected, came in found if came is not None and not expected.holds(came)]
        word = f"{' and '.join(outside)} outside"
    return render_word(icon, tone, word)


def _render_track(rate: Expected | None, came: float | None, top: float) -> Markup:
    """The interval as a band and what came as a mark, for who sees them; the figures stand beside."""
    if rate is None:
        return Markup("")
    left, width = 100 * rate.low / top, 100 * (rate.high - rate.low) / top
    mark = (
        Markup("")
        if came is None
        else Markup('<span class=mark style="left: {:.1f}%"></span>').format(100 * came / top)
    )
    return Markup(
        '<span class=track aria-hidden=true><span class=band style="left: {:.1f}%; width: {:.1f}%"></span>{}</span>'
    ).format(left, width, mark)


def _read_day(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _cell(content: Markup | str) -> Markup:
    return Markup("<td>{}</td>").format(content)


def _numbers(*figures: str) -> list[Markup]:
    return [_number(figure) for figure in figures]


def _number(figure: str, detail: str = "") -> Markup:
    below = Markup("<small>{}</small>").format(detail) if detail else EMPTY
    return Markup("<td class=number>{}{}</td>").format(figure, below)


def _line(name: str, *cells: Markup | str) -> Markup:
    rest = Markup("").join(cell if isinstance(cell, Markup) else _cell(cell) for cell in cells)
    return Markup("<tr><th scope=row>{}</th>{}</tr>").format(name, rest)


def _table(label: str, head: Sequence[str], lines: Iterable[Markup]) -> Markup:
    """head: names of the columns; # before those of numbers."""
    names = Markup("").join(
        Markup("<th scope=col class=number>{}</th>").format(name[1:])
        if name.startswith("#")
        else Markup("<th scope=col>{}</th>").format(name)
        if name
        else Markup("<td></td>")
        for name in head
    )
    return Markup(
        '<div class=wide tabindex=0 role=region aria-label="{}"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(label, names, Markup("").join(lines))


EXPECTED_NOTE: Final = (
    f"What the stored predictions let expect of each week, with the interval of {LEVEL:.0%}, beside what came of it. "
    "One week in ten lies outside by chance"
)
