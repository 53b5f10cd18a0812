"""What drives the risk of a tutor's sessions ahead, in words and small bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from scoring.tutor_ahead import ConceptEffect

CONCEPTS: Final = {
    "tutor history": "The tutor's past sessions",
    "time": "Day and hour",
    "lead time": "How far ahead it is",
    "session": "Length of the session",
    "student history": "The students' past sessions",
    "pair history": "Sessions together so far",
}
# From which effect on the log odds on it is told how.
DEGREES: Final = ((0.5, "strongly"), (0.2, "clearly"), (0.05, "a little"))
LEAST_FULL: Final = 0.5  # the effect that fills a bar, where none is larger


def render_drivers(effects: Sequence[ConceptEffect]) -> Markup:
    """A line a concept with how it moves the risk, the bar of it, and what in it does so most."""
    full = max([LEAST_FULL, *(abs(one.effect) for one in effects)])
    return Markup("<ol class=drivers>{}</ol>").format(Markup("").join(_render_one(one, full) for one in effects))


def tell_effect(effect: float) -> str:
    """As in "Raises the risk clearly"."""
    for least, how in DEGREES:
        if abs(effect) >= least:
            return f"{'Raises' if effect > 0 else 'Lowers'} the risk {how}"
    return "Hardly matters"


def _render_one(one: ConceptEffect, full: float) -> Markup:
    told = tell_effect(one.effect)
    tone, icon = ("quiet", "remove")
    if told != "Hardly matters":
        tone, icon = ("bad", "trending_up") if one.effect > 0 else ("good", "trending_down")
    width = 50 * abs(one.effect) / full
    phrase = one.phrase if one.same else f"most of all where {one.phrase}"
    return Markup(
        "<li><p class=concept><b>{concept}</b><span class={tone}><span class=icon aria-hidden=true>{icon}</span>{told}"
        '</span></p><div class="scale {tone}" aria-hidden=true>'
        '<span style="left:{left:.1f}%;width:{width:.1f}%"></span>'
        "</div><p class=phrase>{phrase}</p></li>"
    ).format(
        concept=CONCEPTS.get(one.concept, one.concept.capitalize()),
        tone=tone,
        icon=icon,
        told=told,
        left=50 if one.effect > 0 else 50 - width,
        width=width,
        phrase=f"{phrase[:1].upper()}{phrase[1:]}.",
    )
