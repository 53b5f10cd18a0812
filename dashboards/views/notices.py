"""What a page says where there is nothing to show, or nothing to show it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.html import EMPTY, show_html, update_html
from scoring.tutor_list import TutorSummary


@dataclass(frozen=True, slots=True)
class Notice:
    """What is missing, in a few words and a sentence, and the commands that would bring it.

    link: address of one of our pages, and its words.
    """

    icon: str
    title: str
    text: str
    commands: tuple[str, ...] = ()
    link: tuple[str, str] | None = None


def show_notice(notice: Notice | None = None) -> pn.pane.HTML:
    """A card with the notice; without one nothing."""
    pane = show_html(style="notice", sizing_mode="stretch_width")
    update_notice(pane, notice)
    return pane


def update_notice(pane: pn.pane.HTML, notice: Notice | None) -> None:
    """Let the card say `notice`, or take it away."""
    pane.visible = notice is not None
    update_html(pane, EMPTY if notice is None else render_notice(notice))


def show_astray(what: str, text: str) -> pmui.Alert:
    """For `tell_astray`: says that `what` of the page's address is not here, until it is closed."""
    return pmui.Alert(
        severity="info",
        visible=False,
        closeable=True,
        sizing_mode="stretch_width",
        margin=0,
        title=f"{what} is not here",
        object=text,
    )


def tell_astray(alert: pmui.Alert) -> None:
    """Say it, also where it was closed before."""
    alert.param.update(visible=True, closed=False)


def render_notice(notice: Notice) -> Markup:
    """The notice as HTML."""
    lines = Markup("").join(Markup("<li><code>{}</code></li>").format(command) for command in notice.commands)
    link = Markup('<a href="{}">{}</a>').format(*notice.link) if notice.link else ""
    return Markup(
        "<section class=notice><span class=icon aria-hidden=true>{}</span><h2>{}</h2><p>{}</p><ul>{}</ul>{}</section>"
    ).format(notice.icon, notice.title, notice.text, lines, link)


NO_TUTORS: Final = Notice(
    "group_add",
    "No tutors yet",
    "Bring your own records, or look around in a made-up world:",
    ("tqs import DIR", "tqs demo"),
)
NOT_SCORED: Final = Notice(
    "query_stats",
    "No scores yet",
    "There are tutors, but their rates have not been computed:",
    ("tqs score",),
)
NO_MATCH: Final = Notice("search_off", "No tutor matches", "Change the search or the risk filter.")

NO_SESSIONS: Final = Notice(
    "event_available",
    "No sessions ahead",
    "Nothing is booked. Post sessions to the API, bring your own records, or look around in a made-up world:",
    ("tqs import DIR", "tqs demo"),
)
NOT_PREDICTED: Final = Notice(
    "query_stats",
    "Not predicted yet",
    "There are sessions ahead, but nobody has said how likely they are moved:",
    ("tqs score",),
)
NO_SESSION_MATCHES: Final = Notice("search_off", "No session matches", "Change the search, the days or a filter.")
NOT_MADE: Final = Notice(
    "sync_problem",
    "This page could not be made",
    "Load it again in a moment, or go on with another one. The log of the dashboards says what went wrong.",
)


def find_missing(summary: TutorSummary) -> Notice | None:
    """What is missing before there is anything to say of tutors."""
    if not summary.tutors:
        return NO_TUTORS
    return None if summary.scored else NOT_SCORED
