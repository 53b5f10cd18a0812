"""The chosen session: how likely it is moved, why, what changed, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from dashboards.formats import format_percent, format_time, tell_side
from dashboards.views.actors import name_actor
from dashboards.views.deeds import DEEDS, KEPT, MAILS, say_done
from dashboards.views.risk import render_risk
from modelling.fallback import RULE_VERSION
from scoring.prediction_change import PredictionChange
from scoring.session_deeds import SessionDeed
from scoring.session_detail import SessionDetail
from scoring.trust import SAID, TrustedPrediction

NONE: Final = Markup("")
SMALL: Final = 0.005  # of a probability: a change that is none to speak of
MOST_PARTS: Final = 4  # of a change
OVER: Final = {
    "scheduled": "Its time is over, and nobody told the outcome yet.",
    "completed": "It took place.",
    "rescheduled": "It was moved or cancelled.",
    "no_show": "Somebody did not turn up.",
}
OUTCOMES: Final = {
    "scheduled": "still to come",
    "completed": "took place",
    "rescheduled": "was moved or cancelled",
    "no_show": "somebody did not turn up",
}


def render_session(session: SessionDetail, zone: str) -> Markup:
    """Who, when and how likely, as HTML in which names are text. zone: IANA name, of the times."""
    return Markup("<section>{}{}</section>").format(_render_head(session, zone), _render_predictions(session, zone))


def render_reasons(session: SessionDetail, zone: str, *, mails_leave: bool = True) -> Markup:
    """What was done, why it is predicted so and what changed, as HTML in which notes are text; zone as above.

    mails_leave: whether a mail server is set; else they are kept as files.
    """
    done = _render_deeds(session, zone, MAILS if mails_leave else MAILS | KEPT)
    return Markup("<section>{}{}</section>").format(done, _render_why(session, zone))


def say_only_look(role: str) -> Markup:
    """Why there is nothing to click for somebody of that role."""
    return Markup("<p class=quiet>You are logged in as {}: a coach can remind, call, reassign and note.</p>").format(
        role
    )


def say_band(found: TrustedPrediction) -> str:
    """How often what is said of sessions like this one comes true, in a sentence or two."""
    if found.band is None:
        return f"How often that comes true is not known: {SAID[found.history]}."
    band, probability = found.band, found.prediction.probability
    said = (
        f"Of sessions scored like this one ({band.begins:.0%} to {band.ends:.0%}), {band.low:.0%} to {band.high:.0%} "
        f"were (9 in 10 sure, by {band.rows:,} that the model never saw)."
    )
    side = tell_side(probability, band.low, band.high)
    return f"{said} This one stands {side} among them, so that range is not its own." if side else said


def say_change(found: TrustedPrediction, zone: str) -> str:
    """What became of the probability since the day before, in a sentence."""
    change = found.change
    if change is None and found.history == "replaced":
        return "Not known: another model serves by now."
    if change is None:
        return "First seen today: there is no earlier prediction to compare with."
    before, after = change.before.probability, change.after.probability
    when = format_time(change.before.predicted_at, zone)
    if abs(after - before) < SMALL:
        return f"Nothing to speak of: {before:.1%} on {when}."
    return f"{'Up' if after > before else 'Down'} from {before:.1%} on {when}."


def _render_head(session: SessionDetail, zone: str) -> Markup:
    minutes = NONE if session.duration_minutes is None else f", {session.duration_minutes} minutes"
    student = session.student_name or session.student_id
    over = NONE
    if not session.ahead:
        said = "It was moved or cancelled by the tutor." if session.tutor_rescheduled else OVER[session.status]
        icon = Markup("<span class=icon aria-hidden=true>event_busy</span>")
        over = Markup("<p class=over>{}This session is not ahead any more. {}</p>").format(icon, said)
    return Markup(
        "<header><h2>{student} with <a href='tutor?id={tutor_id}'>{tutor}</a></h2>"
        "<p class=quiet>{when}{minutes}</p>{over}</header>"
    ).format(
        student=student,
        tutor_id=session.tutor_id,
        tutor=session.tutor_name,
        when=format_time(session.scheduled_time, zone),
        minutes=minutes,
        over=over,
    )


def _render_predictions(session: SessionDetail, zone: str) -> Markup:
    if not session.predicted:
        if not session.ahead:
            return NONE
        return Markup("<p class=band>Not predicted yet. Those of the next 14 days are predicted every hour.</p>")
    found = session.predictions.get("reschedule")
    if found is None:
        return Markup("<p class=band>The models are being loaded; the reasons follow in a moment.</p>")
    missed = session.predictions.get("no_show")
    figures = _render_figure("Moved or cancelled", found)
    if missed is not None:
        figures += _render_figure("Nobody turns up", missed)
    by = (
        "the documented rule"
        if found.prediction.model_version == RULE_VERSION
        else f"model {found.prediction.model_version}"
    )
    return Markup("<dl>{}</dl><p class=band>{}</p><p class=quiet>Predicted {} by {}.</p>").format(
        figures, say_band(found), format_time(found.prediction.predicted_at, zone), by
    )


def _render_figure(title: str, found: TrustedPrediction) -> Markup:
    return Markup("<div><dt>{}</dt><dd>{}{}</dd></div>").format(
        title, format_percent(100 * found.prediction.probability), render_risk(found.risk_level)
    )


def _render_why(session: SessionDetail, zone: str) -> Markup:
    found = session.predictions.get("reschedule")
    if found is None:
        return NONE
    reasons = _render_effects([(one.phrase, one.effect) for one in found.contributions])
    if not found.contributions:
        reasons = Markup("<p>{}</p>").format(_say_no_reasons(found))
    change = Markup("<p>{}</p>").format(say_change(found, zone))
    if found.change is not None:
        change += _render_effects(_parts_of(found.change))
    return Markup("<h3>Why</h3>{}<h3>What changed since yesterday</h3>{}").format(reasons, change)


def _say_no_reasons(found: TrustedPrediction) -> str:
    if found.history == "replaced":
        return "No reasons are kept of it: another model serves by now. Predict it anew to see why."
    return "The documented rule answers: the tutor's own rate of the last 30 days, and nothing else."


def _parts_of(change: PredictionChange) -> list[tuple[str, float]]:
    """What moved the prediction with its effect, the largest first."""
    parts = [(one.phrase, one.effect) for one in change.features]
    if change.model:
        parts.append(
            (f"{change.after.model_version} serves in the place of {change.before.model_version}", change.model)
        )
    if change.moved:
        parts.append(("the session was given another time meanwhile", 0.0))
    return sorted(parts, key=lambda part: -abs(part[1]))[:MOST_PARTS]


def _render_effects(parts: Sequence[tuple[str, float]]) -> Markup:
    """Each phrase with a bar, to the right where it raises the risk and to the left where it lowers it."""
    most = max((abs(effect) for _, effect in parts), default=0.0) or 1.0
    rows = Markup("").join(_render_effect(phrase, effect, abs(effect) / most) for phrase, effect in parts)
    return Markup("<ul class=effects>{}</ul>").format(rows)


def _render_effect(phrase: str, effect: float, share: float) -> Markup:
    word, icon, tone = ("raises", "arrow_upward", "up") if effect > 0 else ("lowers", "arrow_downward", "down")
    if effect == 0:
        word, icon, tone = "no effect", "remove", "level"
    bar = Markup('<span class="bar {}"><span style="width: {:.0f}%"></span></span>').format(tone, max(100 * share, 2))
    return Markup(
        "<li><span class=phrase>{}</span>"
        "<span class='effect {}'><span class=icon aria-hidden=true>{}</span>{}</span>{}</li>"
    ).format(phrase[:1].upper() + phrase[1:], tone, icon, word, bar)


def _render_deeds(session: SessionDetail, zone: str, mails: Mapping[str, str]) -> Markup:
    if not session.deeds:
        return Markup("<h3>Done so far</h3><p>Nothing yet.</p>")
    items = Markup("").join(_render_deed(deed, zone, mails) for deed in session.deeds)
    outcome = OUTCOMES[session.status]
    return Markup("<h3>Done so far</h3><ol class=deeds>{}</ol><p class=quiet>Outcome: {}.</p>").format(items, outcome)


def _render_deed(deed: SessionDeed, zone: str, mails: Mapping[str, str]) -> Markup:
    mail = f", {mails[deed.mail]}" if deed.mail else ""
    note = Markup("<p class=note>{}</p>").format(deed.note) if deed.note else NONE
    icon = "error" if deed.failed else DEEDS[deed.kind].icon
    return Markup(
        "<li class={}><span class=icon aria-hidden=true>{}</span><b>{}</b> by {}{}<span class=when>{}</span>{}</li>"
    ).format(
        "bad" if deed.failed else "good",
        icon,
        say_done(deed),
        name_actor(deed.actor),
        mail,
        format_time(deed.created_at, zone),
        note,
    )
