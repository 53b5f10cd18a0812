"""What was done about a tutor or a session, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from dashboards.formats import format_short_time
from dashboards.views.actors import name_actor
from dashboards.views.deeds import DEEDS
from scoring.interventions import ListedIntervention, Outcome

OUTCOMES: Final = {  # word, icon, tone
    "completed": ("Held", "check", "good"),
    "no_show": ("Missed", "event_busy", "bad"),
}


def render_interventions(interventions: Sequence[ListedIntervention], zone: str) -> Markup:
    """An item each, the newest first; notes are text, whoever wrote them."""
    return Markup("<ol class=deeds>{}</ol>").format(Markup("").join(_render_one(one, zone) for one in interventions))


def tell_outcome(outcome: Outcome) -> tuple[str, str, str]:
    """What became of the session: a word, an icon and a tone."""
    if outcome.status == "rescheduled":
        who = "the tutor" if outcome.tutor_rescheduled else "the student"
        return f"Rescheduled by {who}", "event_repeat", "bad" if outcome.tutor_rescheduled else "quiet"
    return OUTCOMES[outcome.status]


def _render_one(one: ListedIntervention, zone: str) -> Markup:
    return Markup(
        "<li><span class=icon aria-hidden=true>{icon}</span><div><p><b>{kind}</b> {about}</p>{note}"
        "<p class=when>{when}, {who}{outcome}</p></div></li>"
    ).format(
        icon=DEEDS[one.kind].icon,
        kind=DEEDS[one.kind].done,
        about=_render_subject(one, zone),
        note=Markup("<p class=written>{}</p>").format(one.note) if one.note else "",
        when=format_short_time(one.created_at, zone),
        who="automatic" if one.automatic else f"by {name_actor(one.actor)}",
        outcome=_render_outcome(one.outcome),
    )


def _render_subject(one: ListedIntervention, zone: str) -> Markup | str:
    if one.session_id is None or one.scheduled_time is None:
        return "about the tutor"
    time = format_short_time(one.scheduled_time, zone)
    if one.outcome is not None:
        return f"about the session of {time}"
    return Markup("about the <a href='sessions?session={}'>session of {}</a>").format(quote(str(one.session_id)), time)


def _render_outcome(outcome: Outcome | None) -> Markup:
    if outcome is None:
        return Markup("")
    word, icon, tone = tell_outcome(outcome)
    return Markup(" <span class='outcome {}'><span class=icon aria-hidden=true>{}</span>{}</span>").format(
        tone, icon, word
    )
