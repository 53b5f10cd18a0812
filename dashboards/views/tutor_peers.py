"""Where a tutor stands among the others: a sentence, and a small picture of all of them with this one in it."""

from __future__ import annotations

from typing import Final

import numpy as np
from markupsafe import Markup

from dashboards.formats import format_percent
from dashboards.views.tutor_head import LikelyRate
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.tutor_peers import Peers

WIDTH, HEIGHT, FOOT, HEAD = 364, 124, 18, 30
STEP: Final = 0.025  # of the rate, a bar; divides the threshold
LEAST_RANGE: Final = 0.3


def tell_standing(peers: Peers, likely: LikelyRate | None) -> str:
    """As in "Higher than that of 83% of 367 tutors"; the reason where nothing can be said."""
    if peers.prior is None:
        return "Too few tutors have sessions to compare with."
    if likely is None:
        return "No session in 30 days, so there is nothing to compare."
    below = peers.share_below(likely[0])
    if below >= 0.5:
        return (
            f"Likely rate of {format_percent(100 * likely[0])}, higher than that of {_tell_part(below, peers.count)}."
        )
    return f"Likely rate of {format_percent(100 * likely[0])}, lower than that of {_tell_part(1 - below, peers.count)}."


def render_peers(peers: Peers, likely: LikelyRate | None) -> Markup:
    """The sentence and, where there is something to compare, the picture."""
    told = tell_standing(peers, likely)
    picture = Markup("") if likely is None or not peers.count else _draw(peers, likely, told)
    return Markup("<section class=peers><p>{}</p>{}</section>").format(told, picture)


def _draw(peers: Peers, likely: LikelyRate, told: str) -> Markup:
    rate, low, high = likely
    top = max(LEAST_RANGE, float(peers.rates[-1]), high)
    bars = int(np.ceil(top / STEP))
    places = np.minimum((peers.rates / STEP).astype(int), bars - 1)
    counts = np.bincount(places, peers.tutors, bars)
    scale = WIDTH / (bars * STEP)
    base = HEIGHT - FOOT
    tall = base - HEAD
    own = min(int(rate / STEP), bars - 1)
    tops = np.maximum(tall * counts / counts.max(), 2)  # px; a bar of one tutor among many is seen, too
    shapes = Markup("").join(
        Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/>').format(
            "own" if place == own else "bar",
            place * STEP * scale + 0.75,
            base - tops[place],
            STEP * scale - 1.5,
            tops[place],
        )
        for place, count in enumerate(counts.tolist())
        if count
    )
    at = rate * scale
    threshold = HIGH_RISK_PERCENT / 100 * scale
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role=img aria-label="{told}">{shapes}'
        '<line class=limit x1="{t:.1f}" x2="{t:.1f}" y1="{head}" y2="{base}"/>'
        '<line class=span x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        '<circle class=mark cx="{at:.1f}" cy="{y}" r="4.5"/>'
        '<text class=name x="{name:.1f}" y="10" text-anchor="middle">this tutor</text>'
        '<line class=axis x1="0" x2="{w}" y1="{base}" y2="{base}"/>'
        '<text x="0" y="{foot}">0%</text><text x="{t:.1f}" y="{foot}" text-anchor="middle">{limit}% high risk</text>'
        '<text x="{w}" y="{foot}" text-anchor="end">{top:.0f}%</text></svg>'
    ).format(
        w=WIDTH,
        h=HEIGHT,
        told=told,
        shapes=shapes,
        t=threshold,
        head=HEAD,
        base=base,
        low=low * scale,
        high=high * scale,
        y=HEAD - 10,
        at=at,
        name=min(max(at, 28), WIDTH - 28),
        foot=HEIGHT - 3,
        limit=HIGH_RISK_PERCENT,
        top=100 * bars * STEP,
    )


def _tell_part(part: float, count: int) -> str:
    """As in "83% of 367 active tutors"; all only where it is so: one who is not active is none of them."""
    share = "all" if part == 1 else f"{min(max(100 * part, 1), 99):.0f}% of"
    return f"{share} {count:,} active tutors"
