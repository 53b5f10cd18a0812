"""The figures at the top of a page, a tile each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import panel as pn
from markupsafe import Markup

from dashboards.components.data_table import Tone
from dashboards.formats import format_count, format_percent
from dashboards.html import show_html
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.tutor_list import TutorSummary


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with what it counts above it and what to hold it against below; `link` is where it leads, of our own.

    `icon`: the name of a Material icon before the figure, in the colour of `tone`.
    """

    title: str
    figure: str
    note: str
    link: str = ""
    icon: str = ""
    tone: Tone = "plain"


def show_tiles(tiles: Sequence[Tile] = ()) -> pn.pane.HTML:
    """The tiles side by side, two by two where the page is narrow."""
    return show_html(render_tiles(tiles), style="tiles", sizing_mode="stretch_width")


def render_tiles(tiles: Sequence[Tile]) -> Markup:
    """The tiles as HTML."""
    items = (
        Markup("<div class=tile><dt>{}</dt><dd class=figure>{}</dd><dd class=note>{}</dd></div>").format(
            tile.title, _render_figure(tile), tile.note
        )
        for tile in tiles
    )
    return Markup("<dl class=tiles>{}</dl>").format(Markup("").join(items))


def _render_figure(tile: Tile) -> Markup:
    mark = Markup('<span class="icon {}" aria-hidden=true>{}</span>').format(tile.tone, tile.icon) if tile.icon else ""
    figure = Markup('<a href="{}">{}</a>').format(tile.link, tile.figure) if tile.link else tile.figure
    return Markup("{}{}").format(mark, figure)


def summary_tiles(summary: TutorSummary) -> list[Tile]:
    """Tutors, those flagged, their sessions of 30 days and the rate of all of them."""
    share = format_percent(100 * summary.high_risk / summary.scored if summary.scored else None)
    return [
        Tile("Tutors", format_count(summary.tutors), f"{format_count(summary.scored)} with scores"),
        Tile("At high risk", format_count(summary.high_risk), f"{share} of them, rate above {HIGH_RISK_PERCENT}%"),
        Tile(
            "Sessions in 30 days",
            format_count(summary.sessions_30d),
            f"{format_count(summary.tutor_reschedules_30d)} rescheduled by tutors",
        ),
        Tile(
            "Reschedule rate, 30 days",
            format_percent(summary.reschedule_rate_30d),
            f"{format_percent(summary.reschedule_rate_90d)} in 90 days",
        ),
    ]
