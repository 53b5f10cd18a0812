"""What the pages call the targets, the decisions about models and their pages; links to those pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

TITLES: Final = {"match": "Match", "reschedule": "Reschedule", "no_show": "No-show"}
QUESTIONS: Final = {
    "match": "Will this student and this tutor part?",
    "reschedule": "Will this session be moved or cancelled?",
    "no_show": "Will nobody turn up?",
}
ROWS: Final = {"match": "pairs", "reschedule": "sessions", "no_show": "sessions"}  # what a row of each is about
PAGES: Final = {"card": "card", "10_build_features": "features", "20_train_model": "training", "mlflow": "MLflow"}
# decision: icon, tone, word
DECISIONS: Final = {
    "promoted": ("north_east", "good", "Promoted"),
    "rolled_back": ("undo", "bad", "Rolled back to"),
    "kept": ("pause", "quiet", "Kept out"),
    "refused": ("block", "bad", "Refused"),
}


def render_links(addresses: Mapping[str, str], names: Mapping[str, str], of: str) -> Markup:
    """`names`: what each is called; `of` tells the links of one model from those of another to who only hears them."""
    return Markup(" · ").join(
        Markup('<a href="{}" target=_blank rel=noopener aria-label="{}">{}</a>').format(
            addresses[name], f"{words}, page of {of}", words
        )
        for name, words in names.items()
        if name in addresses
    )


def render_word(icon: str, tone: str, word: str) -> Markup:
    """A word with an icon and a colour that say the same."""
    return Markup('<span class="word {}"><span class=icon aria-hidden=true>{}</span>{}</span>').format(tone, icon, word)
