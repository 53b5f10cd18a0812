"""Risk levels as people see them: a word, an icon and a colour, on every page the same."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from dashboards.components.data_table import Cell, Tone
from dashboards.formats import NOTHING

# level: word, Material icon, tone
RISKS: Final[dict[str, tuple[str, str, Tone]]] = {
    "low": ("Low", "check", "good"),
    "medium": ("Medium", "error_outline", "warn"),
    "high": ("High", "warning", "bad"),
}


def show_risk(level: str | None) -> Cell:
    """The badge of a level in a table; a dash where there is no prediction."""
    if level is None:
        return {"text": NOTHING, "tone": "quiet"}
    word, icon, tone = RISKS[level]
    return {"text": word, "icon": icon, "tone": tone, "badge": True}


def render_risk(level: str) -> Markup:
    """The badge of a level as HTML; the style sheet of the pane has .flag, .icon and the tones."""
    word, icon, tone = RISKS[level]
    return Markup('<span class="flag {}"><span class=icon aria-hidden=true>{}</span>{}</span>').format(tone, icon, word)
