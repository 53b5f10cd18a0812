"""What happened to a tutor, as events on the picture of the rate and as a list that tells the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from markupsafe import Markup

from dashboards.formats import NOTHING, format_day, format_percent
from dashboards.views.actors import name_actor
from dashboards.views.deeds import DEEDS
from scoring.interventions import ListedIntervention
from scoring.tutor_changes import ProfileChange, TutorFlagChange
from scoring.tutor_history import RatePoint

# kind: Material icon, tone
EVENTS: Final = {
    "raised": ("flag", "bad"),
    "lifted": ("outlined_flag", "good"),
    "intervention": ("support_agent", "blue"),
    "profile": ("edit", "quiet"),
}
LONGEST_WORDS: Final = 120  # of an event in the picture and the list; the whole note stands in the interventions


@dataclass(frozen=True, slots=True)
class RateEvent:
    """Something that may have moved the rate, or says that it moved. kind: a key of EVENTS."""

    moment: datetime
    kind: str
    words: str


def collect_events(
    flags: Sequence[TutorFlagChange],
    profiles: Sequence[ProfileChange],
    interventions: Sequence[ListedIntervention],
    since: datetime,
    until: datetime,
) -> list[RateEvent]:
    """All that happened after `since`, the first one first.

    until: when scores were last computed: a flag of that day is not of a later hour, which may be ahead.
    """
    events = [
        *(RateEvent(min(datetime.combine(one.day, time(12), UTC), until), *_tell_flag(one)) for one in flags),
        *(RateEvent(one.moment, "profile", _shorten(tell_profile_change(one))) for one in profiles),
        *(RateEvent(one.created_at, "intervention", _shorten(_tell_intervention(one))) for one in interventions),
    ]
    return sorted((one for one in events if one.moment > since), key=lambda one: one.moment)


def tell_profile_change(change: ProfileChange) -> str:
    """As in "Profile changed: pace 3 → 4, style structured → modern"."""
    told = (
        f"{_name(column)} {_say(old)} → {_say(new)}" if column != "preferences_json" else "further preferences"
        for column, (old, new) in change.changes.items()
    )
    return f"Profile changed: {', '.join(told)}"


def render_history(points: Sequence[RatePoint], events: Sequence[RateEvent], zone: str) -> Markup:
    """A row a week, the newest first: the rate of the 30 days up to it, and what happened in that week.

    What happened since the last point, which is when scores were last computed, stands in its row.
    """
    rows = []
    for point in reversed(points):
        begun, newest = point.moment - timedelta(weeks=1), point is points[-1]
        happened = (one for one in events if begun < one.moment and (newest or one.moment <= point.moment))
        rows.append(
            Markup("<tr><th scope=row>{}</th><td class=number>{}</td><td class=number>{}</td><td>{}</td></tr>").format(
                format_day(point.moment, zone),
                format_percent(point.rate),
                f"{point.rescheduled} of {point.sessions}" if point.sessions else NOTHING,
                Markup("<br>").join(f"{format_day(one.moment, zone)}: {one.words}" for one in happened),
            )
        )
    return Markup(
        '<div class=wide tabindex=0><table class=history aria-label="Rate over time">'
        "<thead><tr><th scope=col>30 days to</th><th scope=col class=number>Rate</th>"
        "<th scope=col class=number>Rescheduled</th><th scope=col>In the week before</th></tr></thead>"
        "<tbody>{}</tbody></table></div>"
    ).format(Markup("").join(rows))


def render_key(events: Sequence[RateEvent]) -> Markup:
    """What the marks in the picture stand for, of those that are in it."""
    words = {"raised": "flag raised", "lifted": "flag lifted", "intervention": "intervention", "profile": "new profile"}
    shapes = {"raised": "▼", "lifted": "▲", "intervention": "●", "profile": "◆"}
    present = {one.kind for one in events}
    items = (
        Markup("<span class=key><span class={} aria-hidden=true>{}</span> {}</span>").format(
            EVENTS[kind][1], shapes[kind], words[kind]
        )
        for kind in EVENTS
        if kind in present
    )
    return Markup(
        "<p class=keys><span class=key><span class=bad aria-hidden=true>╌</span> high risk, above 15%</span>{}</p>"
    ).format(Markup("").join(items))


def _tell_flag(change: TutorFlagChange) -> tuple[str, str]:
    rate = "" if change.rate is None else f": {format_percent(change.rate)} in 30 days"
    return ("raised", f"Flag of high risk raised{rate}") if change.raised else ("lifted", f"Flag lifted{rate}")


def _tell_intervention(one: ListedIntervention) -> str:
    what = DEEDS[one.kind].done + (", automatic" if one.automatic else f" by {name_actor(one.actor)}")
    return f"{what}: {one.note}" if one.note else what


def _name(column: str) -> str:
    return column.removesuffix("_level").removesuffix("_years").removeprefix("preferred_").replace("_", " ")


def _say(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _shorten(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"
